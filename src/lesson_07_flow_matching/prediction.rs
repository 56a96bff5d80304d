//! Velocity, score, noise and data: four names for what a network predicts.

use super::ProbabilityPath;
use crate::tensor::{Dev, PerPoint, Points, Real, check_same_batch, check_times, scale, values};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, Tape, TensorFromVec, TryAdd};

/// What is predicted of a point x_t = α x₁ + σ x₀: the mean, given x_t, of one of these.
///
/// With x_t, each of them gives every other one, since all are sums of x₁ and x₀ (Lipman et al. 2024, arXiv:2412.06264,
/// section 4.8, table 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prediction {
    /// u = α̇ x₁ + σ̇ x₀.
    #[default]
    Velocity,
    /// −x₀ / σ: its mean is the score ∇ log p_t.
    Score,
    /// x₀.
    Noise,
    /// x₁.
    Data,
}

impl ProbabilityPath {
    /// What one prediction says of another: `to`, shape (N, D), for a prediction `from` of the points x at the times t.
    ///
    /// If a = (a₁, a₀) and b are what `from` and `to` have of x₁ and x₀, then `to` = c x + d `from` with
    /// c (α, σ) + d a = b.
    ///
    /// Errors: [`Error::OutOfDomain`] at an end where `from` does not say it, such as the data where all is noise, with
    /// the name of the end, for a time outside of [0, 1] and for parameters of the path out of their range;
    /// [`Error::BatchMismatch`]; [`Error::Empty`].
    ///
    /// ```
    /// use pushforward::flow_matching::{Prediction, ProbabilityPath};
    /// use pushforward::tensor::{PerPoint, Points, Source, rows};
    ///
    /// let source = Source::new(0);
    /// let (x, t): (Points<1>, PerPoint) = (source.points(&[[0.5]])?, source.per_point(&[0.25])?);
    /// let path = ProbabilityPath::STRAIGHT;
    /// // It goes with the velocity 2, so it came from 0.5 − 0.25 · 2 and will be at 0.5 + 0.75 · 2.
    /// let v: Points<1> = source.points(&[[2.0]])?;
    /// let x_0 = path.convert(Prediction::Velocity, Prediction::Noise, &t, x.clone(), v.clone())?;
    /// let x_1 = path.convert(Prediction::Velocity, Prediction::Data, &t, x, v)?;
    /// assert_eq!((rows(&x_0), rows(&x_1)), (vec![[0.0]], vec![[2.0]]));
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    pub fn convert<const D: usize, T: Tape<Real, Dev>>(
        &self,
        from: Prediction,
        to: Prediction,
        t: &PerPoint,
        x: Points<D, T>,
        prediction: Points<D, T>,
    ) -> Result<Points<D, T>> {
        self.check()?;
        let n = x.shape().0;
        check_times(n, t)?;
        check_same_batch("a prediction for each point", n, prediction.shape().0)?;
        if from == to {
            return Ok(prediction);
        }
        let (of_point, of_prediction) = pairs_at(t, |t| self.exchange(from, to, t))?;
        let own = scale(x, of_point)?;
        Ok(scale(prediction, of_prediction)?.try_add(own)?)
    }

    /// c and d, with which `to` = c x + d `from` at the time t.
    fn exchange(&self, from: Prediction, to: Prediction, t: f64) -> Result<(f64, f64)> {
        let there = self.at(t);
        // The noise is −σ times the score, also where σ = 0.
        let (from, factor) = match from {
            Prediction::Score => (Prediction::Noise, -there.sigma),
            other => (other, 1.0),
        };
        let (a, b) = (self.parts(from, t)?, self.parts(to, t)?);
        let determinant = there.alpha * a.1 - there.sigma * a.0;
        let c = (b.0 * a.1 - b.1 * a.0) / determinant;
        let d = (there.alpha * b.1 - there.sigma * b.0) / determinant;
        if c.is_finite() && d.is_finite() {
            return Ok((c, d * factor));
        }
        Err(singular(t))
    }

    /// What a prediction has of x₁ and of x₀.
    pub(super) fn parts(&self, prediction: Prediction, t: f64) -> Result<(f64, f64)> {
        let there = self.at(t);
        let parts = match prediction {
            Prediction::Velocity => (there.alpha_rate, there.sigma_rate),
            Prediction::Score => (0.0, -there.sigma.recip()),
            Prediction::Noise => (0.0, 1.0),
            Prediction::Data => (1.0, 0.0),
        };
        if parts.0.is_finite() && parts.1.is_finite() { Ok(parts) } else { Err(singular(t)) }
    }
}

/// Two numbers for each time t.
pub(super) fn pairs_at(t: &PerPoint, f: impl Fn(f64) -> Result<(f64, f64)>) -> Result<(PerPoint, PerPoint)> {
    let pairs = values(t).into_iter().map(|t| f(t.into())).collect::<Result<Vec<_>>>()?;
    let (one, other) = pairs.into_iter().map(|(one, other)| (one as Real, other as Real)).unzip();
    let n = t.shape().0;
    Ok((t.device().try_tensor_from_vec(one, (n,))?, t.device().try_tensor_from_vec(other, (n,))?))
}

fn singular(t: f64) -> Error {
    let (what, expected) = if t < 0.5 {
        ("the time t of a prediction on this path", "above 0: it is not defined at the end of the noise")
    } else {
        ("the time t of a prediction on this path", "below 1: it is not defined at the end of the data")
    };
    Error::OutOfDomain { what, expected, found: t }
}
