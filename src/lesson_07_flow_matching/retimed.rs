//! A model of one path, used on another.

use super::{PathCoefficients, ProbabilityPath};
use crate::lesson_05_cnf::VectorField;
use crate::tensor::{PerPoint, Points, Real, check_times, scale, values};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, TensorFromVec, TryAdd};

/// A velocity field that was learned on one path, as the field of another one between the same noise and data: no
/// training is needed (Lipman et al. 2024, arXiv:2412.06264, section 4.8.3).
///
/// With the time τ at which the old path has the ratio α/σ that the new one has at t, x_t = c y_τ with c = σ(t) / σ̃(τ). So
/// v(t, x) = ċ/c x + c τ̇ u(τ, x / c). τ is found by bisection.
///
/// The times are those with noise and data, 0 < t < 1 where a path begins with noise alone and ends with data alone: at
/// such an end the ratio is 0 or infinite on both paths, but says not how fast.
#[derive(Clone, Debug)]
pub struct Retimed<F> {
    /// u.
    pub field: F,
    /// The path that it was learned on.
    pub learned: ProbabilityPath,
    /// The path on which it is used.
    pub used: ProbabilityPath,
}

/// One point of the new path, as one of the old.
struct Match {
    time: f64,
    /// c.
    factor: f64,
    /// ċ / c.
    stretch: f64,
    /// τ̇.
    pace: f64,
}

impl<F> Retimed<F> {
    fn find(&self, t: f64) -> Result<Match> {
        let new = self.used.at(t);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..BISECTIONS {
            let middle: f64 = 0.5 * (low + high);
            match data_ratio(&self.learned.at(middle)) < data_ratio(&new) {
                true => low = middle,
                false => high = middle,
            }
        }
        let time = 0.5 * (low + high);
        let old = self.learned.at(time);
        // d log(α/σ) is the same on both paths.
        let growth =
            |there: &PathCoefficients| there.alpha_rate / there.alpha - there.sigma_rate / there.sigma;
        let pace = growth(&new) / growth(&old);
        let stretch = new.sigma_rate / new.sigma - pace * old.sigma_rate / old.sigma;
        let found = Match { time, factor: new.sigma / old.sigma, stretch, pace };
        let reached = (data_ratio(&old) - data_ratio(&new)).abs() <= 1e-9;
        let all = [found.factor, stretch, pace];
        if reached && all.iter().all(|number| number.is_finite()) && found.factor > 0.0 {
            return Ok(found);
        }
        let (what, expected) =
            ("the time t of a path that is walked at another pace", "where both paths have noise and data");
        Err(Error::OutOfDomain { what, expected, found: t })
    }
}

/// So many halvings leave nothing of an interval but roundings.
const BISECTIONS: usize = 60;

/// α² / (α² + σ²), which grows with α/σ and is finite.
fn data_ratio(there: &PathCoefficients) -> f64 {
    let data = there.alpha * there.alpha;
    data / (data + there.sigma * there.sigma)
}

impl<const D: usize, F: VectorField<D>> VectorField<D> for Retimed<F> {
    fn velocity(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        self.learned.check()?;
        self.used.check()?;
        check_times(x.shape().0, &t)?;
        let matches = values(&t).into_iter().map(|t| self.find(t.into())).collect::<Result<Vec<_>>>()?;
        let each = |f: fn(&Match) -> f64| -> Result<PerPoint> {
            let numbers = matches.iter().map(|found| f(found) as Real).collect();
            Ok(t.device().try_tensor_from_vec(numbers, (matches.len(),))?)
        };
        let old = scale(x.clone(), each(|m| m.factor.recip())?)?;
        let moved = self.field.velocity(each(|m| m.time)?, old)?;
        Ok(scale(moved, each(|m| m.factor * m.pace)?)?.try_add(scale(x, each(|m| m.stretch)?)?)?)
    }
}
