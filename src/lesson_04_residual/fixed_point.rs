//! The inverse of z = x + u(x): a fixed point.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::slices::{flat, points};
use super::terms::keep;
use crate::tensor::{Points, Real, check_all_finite, check_finite};
use crate::{Error, Result};
use dfdx::prelude::HasShape;

/// What an iteration found.
#[derive(Clone, Debug)]
pub struct FixedPoint<const D: usize> {
    /// x, shape (N, D).
    pub x: Points<D>,
    /// |x + u(x) − z| of each point, the largest coordinate: how far x really is from solving the equation.
    pub residuals: Vec<f64>,
    /// How often u was asked for each point before x was good enough.
    pub steps: Vec<usize>,
}

/// The residual that [`fixed_point`] asks for in the inverse of a block, relative to 1 + |z| + |x|: some roundings.
pub const TOLERANCE: f64 = if size_of::<Real>() == 4 { 1e-6 } else { 1e-13 };

/// Solves x + u(x) = z by x ← z − u(x) from x = z (Banach's fixed point; Behrmann et al. 2018, arXiv:1811.00995, algorithm
/// 1), for each point until its residual |x + u(x) − z| ≤ `tolerance` (1 + |z| + |x|), in the largest coordinate.
///
/// Where u has the Lipschitz constant c < 1, a step multiplies the length of x + u(x) − z by at most c, and x is at most that
/// length / (1 − c) away from the solution; the length is at most √D times the residual. A point that is solved leaves the batch, so that its x does not
/// depend on the others.
///
/// ```
/// use pushforward::residual::fixed_point;
/// use pushforward::tensor::{Source, rows};
///
/// let z = Source::new(0).points(&[[3.0]])?;
/// let found = fixed_point(|x| Ok(x * 0.5), &z, 1e-6, 100)?;
/// assert!((rows(&found.x)[0][0] - 2.0).abs() < 2.0 * 6e-6, "x + x / 2 = 3, to the residual / (1 − 1/2)");
/// assert!(found.residuals[0] <= 6e-6 && found.steps[0] < 25, "half of the residual goes in each step");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::NotConverged`] with the worst residual where `budget` steps are not enough; [`Error::NotFinite`] for z or
/// u(x); [`Error::Empty`].
pub fn fixed_point<const D: usize>(
    u: impl Fn(Points<D>) -> Result<Points<D>>,
    z: &Points<D>,
    tolerance: f64,
    budget: usize,
) -> Result<FixedPoint<D>> {
    check_finite("z", z)?;
    let device = z.device();
    let mut search = Search::new(flat(z)?, D, tolerance);
    while !search.active.is_empty() {
        let at = points(device, search.active.len(), search.at.clone())?;
        search.take(&flat(&u(at)?)?, budget)?;
    }
    let x = points(device, z.shape().0, search.found)?;
    Ok(FixedPoint { x, residuals: search.residuals, steps: search.steps })
}

/// x₀ = z and xₖ₊₁ = z − u(xₖ), for k up to `steps`: what [`fixed_point`] goes through, for a look.
///
/// Errors: [`Error::NotFinite`] for z; those of u.
pub fn iterates<const D: usize>(
    u: impl Fn(Points<D>) -> Result<Points<D>>,
    z: &Points<D>,
    steps: usize,
) -> Result<Vec<Points<D>>> {
    use dfdx::prelude::TrySub;
    check_finite("z", z)?;
    let mut list = vec![z.clone()];
    for _ in 0..steps {
        let last = list[list.len() - 1].clone();
        list.push(z.clone().try_sub(u(last)?)?);
    }
    Ok(list)
}

/// The same iteration with the stopping rule of two published codes, for all points together: it stops when
/// Δ² / (τ + τ |z|) < 1 in every coordinate, with Δ the last step and τ = 10⁻⁵, or after 1002 steps.
///
/// Δ² < 10⁻⁵ is |Δ| < 3·10⁻³, not 10⁻⁵, and a step is c times the step before it: where c = 0.98, the solution may be
/// c / (1 − c) = 49 such steps away. The residuals that are given back are the true ones.
///
/// Errors: [`Error::NotFinite`] for z or u(x).
pub fn published_fixed_point<const D: usize>(
    u: impl Fn(Points<D>) -> Result<Points<D>>,
    z: &Points<D>,
) -> Result<FixedPoint<D>> {
    check_finite("z", z)?;
    let (n, device, target) = (z.shape().0, z.device(), flat(z)?);
    let next = |x: &[Real]| -> Result<Vec<Real>> {
        let u = flat(&u(points(device, n, x.to_vec())?)?)?;
        check_all_finite("u(x)", &u)?;
        Ok(target.iter().zip(u).map(|(z, u)| z - u).collect())
    };
    let (mut before, mut x, mut steps) = (target.clone(), next(&target)?, 1);
    while steps <= 1001 && !published_stop(&before, &x, &target) {
        (before, x) = (x.clone(), next(&x)?);
        steps += 1;
    }
    let after = next(&x)?;
    let residual = |(x, next): (&[Real], &[Real])| {
        x.iter().zip(next).map(|(x, next)| f64::from((x - next).abs())).fold(0.0, f64::max)
    };
    let residuals = x.chunks_exact(D).zip(after.chunks_exact(D)).map(residual).collect();
    Ok(FixedPoint { x: points(device, n, x)?, residuals, steps: vec![steps; n] })
}

fn published_stop(before: &[Real], x: &[Real], z: &[Real]) -> bool {
    let small = |((before, x), z): ((&Real, &Real), &Real)| {
        let step = f64::from(x - before);
        step * step / (1e-5 + 1e-5 * f64::from(z.abs())) < 1.0
    };
    before.iter().zip(x).zip(z).all(small)
}

/// How many steps are allowed where the Lipschitz constant is c: twice those that shrink a residual of 1 to the tolerance.
pub(super) fn budget(c: f64) -> usize {
    let needed = TOLERANCE.ln() / c.max(1e-3).ln();
    (2.0 * needed).ceil() as usize + 20
}

/// A fixed point in progress, on slices.
struct Search {
    d: usize,
    tolerance: f64,
    step: usize,
    /// The points that are not solved, with their z and x.
    active: Vec<usize>,
    target: Vec<Real>,
    at: Vec<Real>,
    found: Vec<Real>,
    residuals: Vec<f64>,
    steps: Vec<usize>,
}

impl Search {
    fn new(z: Vec<Real>, d: usize, tolerance: f64) -> Self {
        let n = z.len() / d;
        let (residuals, steps) = (vec![0.0; n], vec![0; n]);
        let (target, at, found) = (z.clone(), z.clone(), z);
        Self { d, tolerance, step: 0, active: (0..n).collect(), target, at, found, residuals, steps }
    }

    /// Looks at the residuals with u of the active points; moves those that are not solved.
    fn take(&mut self, u: &[Real], budget: usize) -> Result<()> {
        let (d, mut stays, mut worst) = (self.d, Vec::new(), 0.0f64);
        check_all_finite("u(x)", u)?;
        self.step += 1;
        let rows = self.at.chunks_exact_mut(d).zip(u.chunks_exact(d)).zip(self.target.chunks_exact(d));
        for (point, ((x, u), z)) in self.active.iter().zip(rows) {
            let (mut residual, mut size) = (0.0f64, 0.0f64);
            for ((x, u), z) in x.iter().zip(u).zip(z) {
                let [x, u, z] = [*x, *u, *z].map(f64::from);
                (residual, size) = (residual.max((x + u - z).abs()), size.max(x.abs() + z.abs()));
            }
            let is_solved = residual.is_finite() && residual <= self.tolerance * (1.0 + size);
            stays.push(!is_solved);
            if is_solved {
                self.found[point * d..(point + 1) * d].copy_from_slice(x);
                (self.residuals[*point], self.steps[*point]) = (residual, self.step);
            } else {
                worst = worst.max(residual);
                x.iter_mut().zip(u).zip(z).for_each(|((x, u), z)| *x = z - u);
            }
        }
        keep(&mut self.at, &stays, d);
        keep(&mut self.target, &stays, d);
        keep(&mut self.active, &stays, 1);
        if self.step >= budget && !self.active.is_empty() {
            let what = "the inverse of a residual block, a fixed point,";
            return Err(Error::NotConverged { what, steps: self.step, residual: worst });
        }
        Ok(())
    }
}
