//! The continuity equation, checked.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::VectorField;
use crate::Result;
use crate::tensor::{
    PerPoint, Points, Real, Source, check_all_finite, check_finite, check_same_batch, rows, values,
};

/// The residual ∂p/∂t + Σᵢ ∂(p vᵢ)/∂xᵢ at time t, for each point: 0 where the density moves as the field says
/// (Lipman et al. 2022, arXiv:2210.02747, appendix B).
///
/// `log_prob` gives log p(t, x) for a time and points, such as those of a grid. Derivatives are central differences
/// with five points, (f(−2h) − 8 f(−h) + 8 f(h) − f(2h)) / 12h, summed in f64, with h = ⁵√ε max(1, |x|) and the
/// rounding unit ε, where the errors of truncation, O(h⁴), and of rounding, O(ε / h), balance: in f32, where h is
/// 0.04, expect 10⁻⁵ relative to the terms for densities whose details are wider than ½, and 10⁻² where they are 0.1 wide. The
/// functions are asked 2h away from t and x on all sides, so they must be defined there, also before t = 0 or after 1.
///
/// ```
/// use pushforward::cnf::{VectorField, continuity_residual};
/// use pushforward::change_of_variables::{Density, StandardNormal};
/// use pushforward::tensor::{PerPoint, Points, Source};
///
/// /// Moves everything to the right, with speed 1.
/// struct Wind;
///
/// impl VectorField<1> for Wind {
///     fn velocity(&self, _: PerPoint, x: Points<1>) -> pushforward::Result<Points<1>> {
///         Ok(x * 0.0 + 1.0)
///     }
/// }
///
/// // N(t, 1): the density moves with the wind.
/// let moving = |t, x: Points<1>| StandardNormal.log_prob(x - t);
/// let x = Source::new(0).points(&[[-1.0], [0.2], [2.0]])?;
/// let residual = continuity_residual(moving, &Wind, 0.5, &x)?;
/// assert!(residual.iter().all(|r| r.abs() < 1e-4), "∂p/∂t and ∂p/∂x are up to 0.24, in f32");
/// let still = |_, x: Points<1>| StandardNormal.log_prob(x);
/// assert!(continuity_residual(still, &Wind, 0.5, &x)?[0].abs() > 0.1, "p′(−1) = 0.24");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::NotFinite`](crate::Error::NotFinite) for a time, a point, a density (log p = −∞ is allowed) or a
/// velocity; [`Error::Empty`](crate::Error::Empty); [`Error::BatchMismatch`](crate::Error::BatchMismatch) if a
/// function does not give a number for each point.
pub fn continuity_residual<const D: usize>(
    mut log_prob: impl FnMut(Real, Points<D>) -> Result<PerPoint>,
    field: &impl VectorField<D>,
    t: Real,
    x: &Points<D>,
) -> Result<Vec<f64>> {
    check_all_finite("the time", &[t])?;
    check_finite("the points", x)?;
    let points = rows(x);
    let source = Source::new(0);
    let mut density = |t: Real, points: &[[Real; D]]| -> Result<Vec<f64>> {
        let log_p = values(&log_prob(t, source.points(points)?)?);
        check_same_batch("the density at each point", points.len(), log_p.len())?;
        let p: Vec<Real> = log_p.into_iter().map(Real::exp).collect();
        check_all_finite("a density", &p)?;
        Ok(p.into_iter().map(f64::from).collect())
    };
    let mut residual = vec![0.0; points.len()];
    for (place, weight) in STENCIL {
        let moved = t + place * step(t);
        let scale = weight / step_taken(t, step(t));
        for (sum, p) in residual.iter_mut().zip(density(moved, &points)?) {
            *sum += scale * p;
        }
    }
    for i in 0..D {
        for (place, weight) in STENCIL {
            let moved: Vec<[Real; D]> = points.iter().map(|x| shifted(*x, i, place)).collect();
            let flow = flow(field, t, &moved, density(t, &moved)?, i)?;
            for ((sum, flow), x) in residual.iter_mut().zip(flow).zip(&points) {
                *sum += weight / step_taken(x[i], step(x[i])) * flow;
            }
        }
    }
    Ok(residual)
}

/// f′(0) ≈ Σ wⱼ f(j h) / h: the places j and the weights.
const STENCIL: [(Real, f64); 4] =
    [(-2.0, 1.0 / 12.0), (-1.0, -2.0 / 3.0), (1.0, 2.0 / 3.0), (2.0, -1.0 / 12.0)];

fn step(x: Real) -> Real {
    Real::EPSILON.powf(0.2) * x.abs().max(1.0)
}

/// The step as it is after rounding, the mean over both sides.
fn step_taken(x: Real, step: Real) -> f64 {
    0.5 * (f64::from(x + step) - f64::from(x - step))
}

fn shifted<const D: usize>(mut x: [Real; D], i: usize, place: Real) -> [Real; D] {
    x[i] += place * step(x[i]);
    x
}

/// p vᵢ at each point.
fn flow<const D: usize>(
    field: &impl VectorField<D>,
    t: Real,
    points: &[[Real; D]],
    density: Vec<f64>,
    i: usize,
) -> Result<Vec<f64>> {
    let source = Source::new(0);
    let v = rows(&field.velocity(source.per_point(&vec![t; points.len()])?, source.points(points)?)?);
    check_same_batch("the velocity at each point", points.len(), v.len())?;
    check_all_finite("a velocity", v.as_flattened())?;
    Ok(density.into_iter().zip(v).map(|(p, v)| p * f64::from(v[i])).collect())
}
