//! How far, and how straight, a field carries its points.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Pairs;
use crate::lesson_05_cnf::{OdeSolver, VectorField};
use crate::tensor::{PerPoint, Points, check_finite, check_not_negative, check_positive, values};
use crate::{Error, Result};
use dfdx::prelude::{Axis, HasShape, SumTo, TrySub, ZerosTensor};

/// What the paths of a field from some points are like.
#[derive(Clone, Debug)]
pub struct PathMeasures<const D: usize> {
    /// Where the paths begin and end.
    pub pairs: Pairs<D>,
    /// ∫ E |v(t, x_t)|² dt over 0 ≤ t ≤ 1. The least that any field needs between two distributions is W₂² (Benamou and
    /// Brenier 2000, doi:10.1007/s002110050002).
    pub path_energy: f64,
    /// ∫ E |x₁ − x₀ − v(t, x_t)|² dt, which is 0 exactly if every path is straight and walked at one speed (Liu, Gong
    /// and Liu 2022, arXiv:2209.03003).
    pub straightness: f64,
}

/// The path energy and the straightness of a field, from x₀ at t = 0 to t = 1.
///
/// ∫ v dt = x₁ − x₀ along a path, so that the straightness is the path energy minus E |x₁ − x₀|², what the same
/// journeys cost in straight lines. That would be a small difference of large numbers: the paths are walked twice, and
/// the second time |x₁ − x₀ − v|² is added up, with the ends that the first has found. What is added up is one number
/// more that the solver follows, and takes part in the choice of its steps: for the evaluations that the points alone
/// need, ask [`Solution::nfe`](crate::lesson_05_cnf::Solution::nfe).
///
/// ```
/// use pushforward::cnf::{OdeSolver, RK4, VectorField};
/// use pushforward::ot_coupling::measure_paths;
/// use pushforward::tensor::{PerPoint, Points, Source};
///
/// /// Moves all points by (3, 4) in straight lines.
/// struct Wind;
///
/// impl VectorField<2> for Wind {
///     fn velocity(&self, _: PerPoint, x: Points<2>) -> pushforward::Result<Points<2>> {
///         let rows = vec![[3.0, 4.0]; pushforward::tensor::rows(&x).len()];
///         Source::new(0).points(&rows)
///     }
/// }
///
/// let found = measure_paths(&Wind, &OdeSolver::fixed(RK4, 4), Source::new(0).normal(10)?)?;
/// assert!((found.path_energy - 25.0).abs() < 1e-4, "3² + 4², to the rounding of f32");
/// assert!(found.straightness.abs() < 1e-4, "the wind does not turn");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::NotFinite`] for x₀; [`Error::Empty`]; those of [`OdeSolver::solve`].
pub fn measure_paths<const D: usize>(
    field: &impl VectorField<D>,
    solver: &OdeSolver,
    x_0: Points<D>,
) -> Result<PathMeasures<D>> {
    check_finite("x_0", &x_0)?;
    let (x_1, path_energy) = with_integral(field, solver, &x_0, Ok)?;
    let moved = x_1.clone().try_sub(x_0.clone())?;
    let (_, straightness) = with_integral(field, solver, &x_0, |v| Ok(v.try_sub(moved.clone())?))?;
    Ok(PathMeasures { pairs: Pairs { x_0, x_1 }, path_energy, straightness })
}

/// x₁, and ∫ E |part(v)|² dt of the velocities v on the way there.
fn with_integral<const D: usize>(
    field: &impl VectorField<D>,
    solver: &OdeSolver,
    x_0: &Points<D>,
    part: impl Fn(Points<D>) -> Result<Points<D>>,
) -> Result<(Points<D>, f64)> {
    let none: PerPoint = x_0.device().try_zeros_like(&(x_0.shape().0,))?;
    let rates = |t: PerPoint, (x, _): (Points<D>, PerPoint), _: &[usize]| {
        let v = field.velocity(t, x)?;
        let square = part(v.clone())?.try_square()?.try_sum::<(usize,), Axis<1>>()?;
        Ok((v, square))
    };
    let (x_1, squares) = solver.solve_state(rates, (x_0.clone(), none), 0.0, 1.0)?.end;
    let squares = values(&squares);
    let mean = squares.iter().map(|square| f64::from(*square)).sum::<f64>() / squares.len() as f64;
    Ok((x_1, mean))
}

/// |E − W₂²| / W₂², by which part of the least energy possible that of the paths between two distributions at the
/// distance W₂ is off (Tong et al. 2023, arXiv:2302.00482).
///
/// ```
/// use pushforward::ot_coupling::normalized_path_energy;
///
/// assert_eq!(normalized_path_energy(5.0, 2.0)?, 0.25, "5 is a quarter more than 2²");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::OutOfDomain`] for an energy that is negative or not finite, a distance that is not positive, and where the
/// quotient is not finite.
pub fn normalized_path_energy(path_energy: f64, wasserstein_2: f64) -> Result<f64> {
    check_positive("the Wasserstein distance", wasserstein_2)?;
    let least = wasserstein_2 * wasserstein_2;
    check_positive("the square of the Wasserstein distance", least)?;
    check_not_negative("the path energy", path_energy)?;
    let normalized = (path_energy - least).abs() / least;
    if !normalized.is_finite() {
        let (what, expected) =
            ("the normalized path energy", "a finite number: the distance is too small for it");
        return Err(Error::OutOfDomain { what, expected, found: normalized });
    }
    Ok(normalized)
}
