//! Score, noise and data: three names for what a network predicts.

use super::Sde;
use super::networks::inverse_sigma;
use crate::tensor::{PerPoint, Points, at_times, check_finite, check_same_batch, check_times, scale, values};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, TryAdd, TrySub};

/// Since x_t = α x₁ + σ ε, and the score is −E ε / σ given x_t, each of score s, noise ε and data x₁ gives the others.
///
/// Where σ = 0 there is no noise to divide by: noise and score cannot be computed from the data, nor the score from the
/// noise. That is an error, never a number made up.
///
/// ```
/// use pushforward::score_matching::Sde;
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let sde = Sde::VARIANCE_PRESERVING;
/// let (x_1, noise) = (source.normal::<2>(5)?, source.normal::<2>(5)?);
/// let sample = sde.diffuse(x_1.clone(), source.per_point(&[0.6; 5])?, noise.clone())?;
/// let score = sde.score_from_noise(&sample.t, noise)?;
/// let found = sde.data_from_score(&sample.t, sample.x_t, score)?;
/// for ([found, _], [expected, _]) in rows(&found).into_iter().zip(rows(&x_1)) {
///     assert!((found - expected).abs() < 1e-4, "α(0.6) = 0.4 divides some roundings of f32");
/// }
/// # Ok::<(), pushforward::Error>(())
/// ```
impl Sde {
    /// ε = −σ s.
    ///
    /// Errors: [`Error::OutOfDomain`] for a time outside of [0, 1] and parameters out of their range;
    /// [`Error::BatchMismatch`]; [`Error::Empty`]; [`Error::NotFinite`] for a coordinate.
    pub fn noise_from_score<const D: usize>(&self, t: &PerPoint, score: Points<D>) -> Result<Points<D>> {
        self.check_at(t, &[&score])?;
        scale(score, at_times(t, |t| -self.sigma(t))?)
    }

    /// s = −ε / σ.
    ///
    /// Errors: those of [`Sde::noise_from_score`], and [`Error::OutOfDomain`] where σ = 0.
    pub fn score_from_noise<const D: usize>(&self, t: &PerPoint, noise: Points<D>) -> Result<Points<D>> {
        self.check_at(t, &[&noise])?;
        scale(noise.try_negate()?, inverse_sigma(self, t)?)
    }

    /// x₁ = (x_t + σ² s) / α, Tweedie's formula: the mean of the data that may have led to x_t.
    ///
    /// Errors: those of [`Sde::data_from_noise`].
    pub fn data_from_score<const D: usize>(
        &self,
        t: &PerPoint,
        x_t: Points<D>,
        score: Points<D>,
    ) -> Result<Points<D>> {
        let noise = self.noise_from_score(t, score)?;
        self.data_from_noise(t, x_t, noise)
    }

    /// x₁ = (x_t − σ ε) / α.
    ///
    /// Errors: those of [`Sde::noise_from_score`], and [`Error::OutOfDomain`] where nothing is left of the data, α = 0.
    pub fn data_from_noise<const D: usize>(
        &self,
        t: &PerPoint,
        x_t: Points<D>,
        noise: Points<D>,
    ) -> Result<Points<D>> {
        self.check_at(t, &[&x_t, &noise])?;
        let clean = x_t.try_sub(scale(noise, at_times(t, |t| self.sigma(t))?)?)?;
        let factors = at_times(t, |t| self.alpha(t).recip())?;
        if let Some(n) = values(&factors).iter().position(|factor| !factor.is_finite()) {
            let (what, expected) = ("the time t of data that are divided by alpha", "where alpha is above 0");
            return Err(Error::OutOfDomain { what, expected, found: values(t)[n].into() });
        }
        scale(clean, factors)
    }

    /// ε = (x_t − α x₁) / σ.
    ///
    /// Errors: those of [`Sde::noise_from_score`], and [`Error::OutOfDomain`] where σ = 0.
    pub fn noise_from_data<const D: usize>(
        &self,
        t: &PerPoint,
        x_t: Points<D>,
        x_1: Points<D>,
    ) -> Result<Points<D>> {
        self.check_at(t, &[&x_t, &x_1])?;
        let kept = scale(x_1, at_times(t, |t| -self.alpha(t))?)?;
        scale(x_t.try_add(kept)?, inverse_sigma(self, t)?)
    }

    /// s = (α x₁ − x_t) / σ².
    ///
    /// Errors: those of [`Sde::noise_from_score`], and [`Error::OutOfDomain`] where σ = 0.
    pub fn score_from_data<const D: usize>(
        &self,
        t: &PerPoint,
        x_t: Points<D>,
        x_1: Points<D>,
    ) -> Result<Points<D>> {
        let noise = self.noise_from_data(t, x_t, x_1)?;
        self.score_from_noise(t, noise)
    }

    /// An error unless the parameters are in range and there is a time in [0, 1] for each point.
    fn check_at<const D: usize>(&self, t: &PerPoint, batches: &[&Points<D>]) -> Result<()> {
        self.check()?;
        for points in batches {
            let n = points.shape().0;
            check_same_batch("a time for each point", t.shape().0, n)?;
            check_times(n, t)?;
            check_finite("the points", points)?;
        }
        Ok(())
    }
}
