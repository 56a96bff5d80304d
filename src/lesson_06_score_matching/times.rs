//! Times for training: even ones, and those that the likelihood asks for.

use super::Sde;
#[cfg(doc)]
use super::Weighting;
#[cfg(doc)]
use crate::Error;
use crate::Result;
use crate::tensor::{PerPoint, Real, Source, repeat};
use dfdx::prelude::TryMul;
use rand::Rng;

impl Sde {
    /// n times for training, drawn from the uniform density on [0, end], see [`Sde::end`].
    ///
    /// Errors: [`Error::Empty`] for n = 0.
    pub fn draw_times(&self, n: usize, source: &mut Source) -> Result<PerPoint> {
        Ok(source.uniform(n)?.try_mul(self.end() as Real)?)
    }

    /// n times on [0, end] with the density p(t) = g² / (Z σ²), Z = ∫ g² / σ² dt: importance sampling for
    /// [`Weighting::SampledLikelihood`] (Song et al. 2021, arXiv:2101.09258).
    ///
    /// The loss of one point, weighted by g², is of the size of g² / σ², which is largest near the data. Where such times
    /// are drawn more often instead, what is left are the errors σ s + ε, all of one size.
    ///
    /// Since d log(σ² / α²) = −g² / σ² dt, it is log(σ / α) that is uniform. Where variance explodes, t is.
    ///
    /// Errors: [`Error::Empty`] for n = 0; [`Error::OutOfDomain`] for parameters out of their range.
    ///
    /// ```
    /// use pushforward::score_matching::Sde;
    /// use pushforward::tensor::{Source, values};
    ///
    /// let sde = Sde::VARIANCE_PRESERVING;
    /// let t = values(&sde.draw_likelihood_times(1000, &mut Source::new(0))?);
    /// let late = t.iter().filter(|t| **t > 0.9).count();
    /// assert!(late.abs_diff(363) < 60, "four standard deviations; log σ/α is −1.08 at t = 0.9, and −4.56 at the end");
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    pub fn draw_likelihood_times(&self, n: usize, source: &mut Source) -> Result<PerPoint> {
        self.check()?;
        let end = self.end();
        let (noisiest, cleanest) = (self.log_noise_to_signal(0.0), self.log_noise_to_signal(end));
        let draw = || {
            let level = noisiest + source.r#gen::<f64>() * (cleanest - noisiest);
            // Rounding may lead beyond an end.
            self.time_of_level(level).clamp(0.0, end) as Real
        };
        let times = repeat(n, draw)?;
        source.per_point(&times)
    }

    /// Z / end = E[g² / σ²] over even times: what makes the mean of [`Weighting::SampledLikelihood`] that of
    /// [`Weighting::Likelihood`].
    pub(super) fn likelihood_scale(&self) -> f64 {
        let end = self.end();
        2.0 * (self.log_noise_to_signal(0.0) - self.log_noise_to_signal(end)) / end
    }

    /// log(σ / α).
    fn log_noise_to_signal(&self, t: f64) -> f64 {
        self.sigma(t).ln() + 0.5 * self.beta_integral(t)
    }

    /// The t at which log(σ / α) is y.
    fn time_of_level(&self, y: f64) -> f64 {
        match *self {
            Self::VarianceExploding { sigma_min, sigma_max } => {
                (sigma_max.ln() - y) / (sigma_max.ln() - sigma_min.ln())
            }
            // σ²/α² = eᴮ − 1.
            Self::VariancePreserving { .. } => {
                self.time_of_beta_integral((2.0 * y).max(0.0) + (-2.0 * y.abs()).exp().ln_1p())
            }
            // σ/α = 2 sinh(B/2).
            Self::SubVariancePreserving { .. } => self.time_of_beta_integral(2.0 * asinh_half_exp(y)),
        }
    }
}

/// asinh(½ eʸ), also where eʸ is too large a number.
fn asinh_half_exp(y: f64) -> f64 {
    if y < 0.0 { (0.5 * y.exp()).asinh() } else { y + (0.5 + (0.25 + (-2.0 * y).exp()).sqrt()).ln() }
}
