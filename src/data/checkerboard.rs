//! The checkerboard.

use super::{ExactDensity, Sample, draw, log_density_or_none, positive};
use crate::Result;
use crate::tensor::{Points, Real, Source, rows};
use num_traits::AsPrimitive;
use rand::Rng;

/// The uniform distribution on the 8 dark squares of a board of 4 × 4 squares around the origin.
///
/// The square \[i a, (i + 1) a\] × \[j a, (j + 1) a\] with side a and i, j ∈ {−2, −1, 0, 1} is dark where i + j is
/// even, so the one with its lower left corner at the origin is. p(x) = 1 / (8 a²) on the dark squares, which include
/// their edges, and 0 elsewhere; with the default side a = 2 the board is \[−4, 4\]² and p = 1/32.
///
/// These are FFJORD's squares (`lib/toy_data.py`; Grathwohl et al. 2018, arXiv:1810.01367). The notebook
/// `2d_flow_matching.ipynb` of the repository facebookresearch/flow_matching has the same ones with a = 1/0.45:
/// [`Checkerboard::FLOW_MATCHING`].
///
/// ```
/// use pushforward::data::{Checkerboard, Sample};
/// use pushforward::tensor::Source;
///
/// let board = Checkerboard::default();
/// let mut source = Source::new(0);
/// assert_eq!(board.share_near_dark(&board.sample(1000, &mut source)?, 0.0), 1.0, "every sample is on the board");
///
/// let noise = source.normal::<2>(10_000)?;
/// let share = board.share_near_dark(&noise, 0.0);
/// assert!((share - 0.5).abs() < 0.1, "the signs of the coordinates decide: half of the noise, give or take");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkerboard {
    /// The side of one square, a > 0.
    pub side: f64,
}

impl Default for Checkerboard {
    /// Squares of side 2: the board is \[−4, 4\]².
    fn default() -> Self {
        Self { side: 2.0 }
    }
}

impl Checkerboard {
    /// The board of flow_matching's notebooks: squares of side 1/0.45 ≈ 2.22.
    pub const FLOW_MATCHING: Self = Self { side: 1.0 / 0.45 };

    /// The share of points within Euclidean distance `margin` of a dark square, in \[0, 1\].
    ///
    /// It says how good samples are: 1 for the board itself. A point that is not finite is near nothing, and neither
    /// is any point where the margin is negative or NaN, where the side is not positive, or where there is none.
    pub fn share_near_dark(&self, points: &Points<2>, margin: f64) -> f64 {
        let rows = rows(points);
        let near = |point: &&[Real; 2]| self.distance_to_dark(point.map(|x| x.as_())) <= margin;
        rows.iter().filter(near).count() as f64 / rows.len().max(1) as f64
    }

    /// The Euclidean distance of a point from the nearest dark square: 0 in the square and on its edge, infinite for a
    /// point that is not finite and where the side is not positive.
    pub fn distance_to_dark(&self, x: [f64; 2]) -> f64 {
        if positive("side", self.side).is_err() || !x.iter().all(|coordinate| coordinate.is_finite()) {
            return f64::INFINITY;
        }
        let beyond = |x: f64, corner: f64| (corner - x).max(x - (corner + self.side)).max(0.0);
        let distance = |square| {
            let [left, bottom] = self.corner(square);
            beyond(x[0], left).hypot(beyond(x[1], bottom))
        };
        (0..8).map(distance).fold(f64::INFINITY, f64::min)
    }

    /// The lower left corner of dark square 0, …, 7: two in each column.
    fn corner(&self, square: u8) -> [f64; 2] {
        let column = square / 2;
        let row = 2 * (square % 2) + column % 2;
        [column, row].map(|index| (f64::from(index) - 2.0) * self.side)
    }
}

impl Sample<2> for Checkerboard {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        positive("the side of a square", self.side)?;
        draw(n, source, |source| {
            let [left, bottom] = self.corner(source.gen_range(0..8));
            [left + self.side * source.r#gen::<f64>(), bottom + self.side * source.r#gen::<f64>()]
        })
    }
}

impl ExactDensity for Checkerboard {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(positive("side", self.side), x, || {
            let dark = self.distance_to_dark(x) == 0.0;
            if dark { -8.0_f64.ln() - 2.0 * self.side.ln() } else { f64::NEG_INFINITY }
        })
    }
}
