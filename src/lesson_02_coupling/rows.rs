//! The loops over points. None of this is generic, so it is compiled, optimised, with this crate.

use super::Transformer;
use crate::tensor::{Real, share};
use crate::{Error, Result};

/// A [`Transformer`] whose type is forgotten.
pub(super) trait Scalar: Send + Sync {
    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real);
    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real>;
    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real;
}

impl<F: Transformer> Scalar for F {
    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        Transformer::forward(self, x, h)
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        Transformer::inverse(self, y, h)
    }

    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real {
        Transformer::gradient(self, x, h, dy, dl, dh)
    }
}

/// From x to y, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Inverse,
}

/// How far the inverse may be from x, relative to 1 + |x|.
pub(super) const TOLERANCE: Real = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// Whether a doubt about x is within what an inverse may be off. It is not where one of the numbers is NaN, or x infinite.
pub(super) fn is_certain(x: Real, doubt: Real) -> bool {
    x.is_finite() && doubt <= TOLERANCE * (1.0 + x.abs())
}

/// So many parameters are worth a thread.
const GRAIN: usize = 1 << 12;

/// How many threads there may be has no influence on a result: rows do not touch each other.
const MOST_PARTS: usize = 8;

/// What is done to each row of a batch.
pub(super) struct Rows {
    pub(super) transformer: Box<dyn Scalar>,
    /// Which features are transformed.
    pub(super) chosen: Vec<bool>,
    /// P.
    pub(super) parameters: usize,
}

impl Rows {
    /// y or x, and log |det| of the direction.
    pub(super) fn apply(
        &self,
        direction: Direction,
        x: &[Real],
        h: &[Real],
    ) -> Result<(Vec<Real>, Vec<Real>)> {
        let features = self.chosen.len();
        let n = x.len() / features;
        let (mut y, mut log_det) = (x.to_vec(), vec![0.0; n]);
        let part = self.part(n);
        let mut results: Vec<Result<()>> = Vec::new();
        results.resize_with(n.div_ceil(part), || Ok(()));
        let rows = y.chunks_mut(part * features).zip(h.chunks(part * features * self.parameters));
        let parts = rows.zip(log_det.chunks_mut(part)).zip(&mut results).enumerate();
        share(parts.collect(), MOST_PARTS, |(number, (((y, h), log_det), result))| {
            *result = self.apply_part(direction, number * part, (y, h), log_det);
        });
        results.into_iter().collect::<Result<()>>()?;
        Ok((y, log_det))
    }

    /// x becomes y in place, for the points from number `first`.
    fn apply_part(
        &self,
        direction: Direction,
        first: usize,
        (y, h): (&mut [Real], &[Real]),
        log_det: &mut [Real],
    ) -> Result<()> {
        let features = self.chosen.len();
        let points = y.chunks_exact_mut(features).zip(h.chunks_exact(features * self.parameters));
        for (point, ((y, h), log_det)) in points.zip(log_det).enumerate() {
            for (feature, h) in self.features(h) {
                let given = y[feature];
                let refused = || self.refusal(direction, [first + point, feature], given, h);
                let (result, log_slope) = self.one(direction, given, h).ok_or_else(refused)?;
                y[feature] = result;
                *log_det += log_slope;
            }
        }
        Ok(())
    }

    /// How many rows a thread takes at once. Below twice [`GRAIN`] a batch stays on one thread: waking another takes longer
    /// than it saves.
    fn part(&self, rows: usize) -> usize {
        let chosen = self.chosen.iter().filter(|chosen| **chosen).count();
        let parts = rows * chosen * self.parameters / GRAIN;
        rows.div_ceil(parts.clamp(1, MOST_PARTS)).max(1)
    }

    /// The chosen features of a row, with their parameters.
    fn features<'a>(&'a self, h: &'a [Real]) -> impl Iterator<Item = (usize, &'a [Real])> {
        let parameters = h.chunks_exact(self.parameters);
        parameters.enumerate().filter(|(feature, _)| self.chosen[*feature])
    }

    /// The result for one number and the logarithm of its slope; nothing where they are not right.
    fn one(&self, direction: Direction, given: Real, h: &[Real]) -> Option<(Real, Real)> {
        let (x, sign) = match direction {
            Direction::Forward => (given, 1.0),
            Direction::Inverse => (self.transformer.inverse(given, h)?, -1.0),
        };
        let (y, log_slope) = self.transformer.forward(x, h);
        if !(x.is_finite() && y.is_finite() && log_slope.is_finite()) {
            return None;
        }
        if direction == Direction::Forward {
            return Some((y, log_slope));
        }
        // What is left over, and what is lost where y is rounded, moves x by this divided by the slope.
        let doubt = (y - given).abs() + 0.5 * Real::EPSILON * given.abs();
        (is_certain(x, doubt / log_slope.exp()) && self.tells(x, given, h)).then_some((x, sign * log_slope))
    }

    /// Whether y = τ(x) tells x: numbers further from it than an inverse may be off are below y or above. The slope at x says
    /// little where the map is flat on one side of it and steep on the other.
    fn tells(&self, x: Real, y: Real, h: &[Real]) -> bool {
        let reach = TOLERANCE * (1.0 + x.abs());
        self.transformer.forward(x - reach, h).0 < y && y < self.transformer.forward(x + reach, h).0
    }

    fn refusal(&self, direction: Direction, [point, feature]: [usize; 2], value: Real, h: &[Real]) -> Error {
        let width = self.chosen.len();
        if !value.is_finite() {
            return Error::NotFinite {
                what: "a coordinate to transform",
                index: point * width + feature,
                value,
            };
        }
        if let Some(place) = h.iter().position(|h| !h.is_finite()) {
            let index = (point * width + feature) * self.parameters + place;
            return Error::NotFinite { what: "the parameters of a map", index, value: h[place] };
        }
        let what = match direction {
            Direction::Forward => "a map",
            Direction::Inverse => "the inverse of a map",
        };
        Error::Saturated { what, point, feature, value }
    }

    /// Adds the gradient of Σ dy y + Σ dl log |det| to dx and dh, where y and log |det| are the results of the direction and
    /// `at` is x in both.
    pub(super) fn add_gradient(
        &self,
        direction: Direction,
        (at, h): (&[Real], &[Real]),
        (dy, dl): (&[Real], &[Real]),
        (dx, dh): (&mut [Real], &mut [Real]),
    ) {
        let features = self.chosen.len();
        let part = self.part(dl.len());
        let (narrow, wide) = (part * features, part * features * self.parameters);
        let points = at.chunks(narrow).zip(h.chunks(wide));
        let upstream = dy.chunks(narrow).zip(dl.chunks(part));
        let sums = dx.chunks_mut(narrow).zip(dh.chunks_mut(wide));
        share(points.zip(upstream).zip(sums).collect(), MOST_PARTS, |((point, upstream), sums)| {
            self.add_gradient_part(direction, point, upstream, sums);
        });
    }

    fn add_gradient_part(
        &self,
        direction: Direction,
        (at, h): (&[Real], &[Real]),
        (dy, dl): (&[Real], &[Real]),
        (dx, dh): (&mut [Real], &mut [Real]),
    ) {
        let (features, p) = (self.chosen.len(), self.parameters);
        let mut unused = vec![0.0; p];
        let points = at.chunks_exact(features).zip(dy.chunks_exact(features)).zip(dl);
        let sums = dx.chunks_exact_mut(features).zip(dh.chunks_exact_mut(features * p));
        for (((x, dy), dl), (h, (dx, dh))) in points.zip(h.chunks_exact(features * p).zip(sums)) {
            for (i, (h, dh)) in h.chunks_exact(p).zip(dh.chunks_exact_mut(p)).enumerate() {
                dx[i] += match (self.chosen[i], direction) {
                    (false, _) => dy[i],
                    (true, Direction::Forward) => self.transformer.gradient(x[i], h, dy[i], *dl, dh),
                    (true, Direction::Inverse) => {
                        self.inverse_gradient(x[i], h, (dy[i], *dl), dh, &mut unused)
                    }
                };
            }
        }
    }

    /// With x = τ⁻¹(y; h), l = log τ′ and upstream gradients gx of x and gl of −l, τ(x; h) = y gives
    /// dx = (dy − ∂τ/∂h dh) / τ′: the gradient of y is a / τ′ with a = gx − gl ∂l/∂x, and that of h is the one of
    /// −(a / τ′) τ − gl l at fixed x.
    fn inverse_gradient(
        &self,
        x: Real,
        h: &[Real],
        (gx, gl): (Real, Real),
        dh: &mut [Real],
        unused: &mut [Real],
    ) -> Real {
        let (_, log_slope) = self.transformer.forward(x, h);
        let a = gx - self.transformer.gradient(x, h, 0.0, gl, unused);
        let gy = a / log_slope.exp();
        self.transformer.gradient(x, h, -gy, -gl, dh);
        gy
    }
}
