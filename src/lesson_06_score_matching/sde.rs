//! Stochastic differential equations that turn data into noise, as data.

use super::Diffused;
use crate::lesson_01_change_of_variables::{Density, StandardNormal};
use crate::tensor::{
    Dev, PerPoint, Points, Real, Source, at_times, check_finite, check_not_negative, check_positive,
    check_same_batch, check_times, scale,
};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, Tape, TryAdd, TryMul};

/// dx = f(s) x ds + g(s) dw, which turns data at s = 0 into noise at s = 1 (Song et al. 2021, arXiv:2011.13456,
/// section 3.4; appendices B and C for what follows). The methods take t = 1 − s.
///
/// Given the data x₁, the points at time t are x_t = α x₁ + σ ε with ε ~ N(0, I). With r = σ_max / σ_min,
/// β(s) = β_min + s (β_max − β_min) and B(s) = ∫ β from 0 to s = s β_min + ½ s² (β_max − β_min):
///
/// | | f | g² | α | σ |
/// |---|---|---|---|---|
/// | variance exploding | 0 | 2 σ² log r | 1 | σ_min rˢ |
/// | variance preserving | −½ β | β | exp(−½ B) | √(1 − exp(−B)) |
/// | sub-variance preserving | −½ β | β (1 − exp(−2B)) | exp(−½ B) | 1 − exp(−B) |
///
/// **At the data end, t = 1.** The variance-preserving ones begin at the data: σ = 0, and a score that is divided by σ
/// has no value there. The variance-exploding one begins at x₁ + σ_min ε: its σ at t = 1 is σ_min and not 0, so p₁ is
/// the density of data with noise. A path that is simulated from the data themselves has the variance
/// σ² − σ_min² at every time: the difference is all of it at t = 1, and more than 1 % until σ reaches 10 σ_min.
///
/// ```
/// use pushforward::score_matching::Sde;
///
/// let sde = Sde::VARIANCE_PRESERVING;
/// let t = 0.4;
/// assert!((sde.alpha(t).powi(2) + sde.sigma(t).powi(2) - 1.0).abs() < 1e-12, "up to the rounding of f64");
/// assert_eq!(Sde::VARIANCE_EXPLODING.sigma(1.0), 0.01, "noise that is left in the data");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sde {
    /// The noise grows, and the data stay as they are: the limit of noise-conditional score networks.
    VarianceExploding {
        /// σ at t = 1, above 0.
        sigma_min: f64,
        /// σ at t = 0, above σ_min.
        sigma_max: f64,
    },
    /// The data shrink as the noise grows, so that data of variance 1 keep it: the limit of DDPM.
    VariancePreserving {
        /// β at t = 1, at least 0.
        beta_min: f64,
        /// β at t = 0, above β_min.
        beta_max: f64,
    },
    /// The same data with less noise.
    SubVariancePreserving {
        /// β at t = 1, at least 0.
        beta_min: f64,
        /// β at t = 0, above β_min.
        beta_max: f64,
    },
}

impl Sde {
    /// σ from 0.01 to 10, for data on the plane whose coordinates are some units apart.
    pub const VARIANCE_EXPLODING: Self = Self::VarianceExploding { sigma_min: 0.01, sigma_max: 10.0 };

    /// β from 0.1 to 20 (Song et al. 2021, arXiv:2011.13456, appendix C).
    pub const VARIANCE_PRESERVING: Self = Self::VariancePreserving { beta_min: 0.1, beta_max: 20.0 };

    /// β from 0.1 to 20 (Song et al. 2021, arXiv:2011.13456, appendix C).
    pub const SUB_VARIANCE_PRESERVING: Self = Self::SubVariancePreserving { beta_min: 0.1, beta_max: 20.0 };

    /// α(t) for t in [0, 1]: what is left of the data.
    pub fn alpha(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 1.0,
            Self::VariancePreserving { .. } | Self::SubVariancePreserving { .. } => {
                (-0.5 * self.beta_integral(t)).exp()
            }
        }
    }

    /// σ(t) for t in [0, 1]: the standard deviation of the noise.
    pub fn sigma(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { sigma_min, sigma_max } => {
                sigma_min * (sigma_max / sigma_min).powf(1.0 - t)
            }
            Self::VariancePreserving { .. } => (-(-self.beta_integral(t)).exp_m1()).sqrt(),
            Self::SubVariancePreserving { .. } => -(-self.beta_integral(t)).exp_m1(),
        }
    }

    /// f at s = 1 − t for t in [0, 1]: the drift is f x.
    pub fn drift(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 0.0,
            Self::VariancePreserving { .. } | Self::SubVariancePreserving { .. } => -0.5 * self.beta(t),
        }
    }

    /// g at s = 1 − t for t in [0, 1]: how strong the noise is that comes in.
    pub fn diffusion(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { sigma_min, sigma_max } => {
                self.sigma(t) * (2.0 * (sigma_max / sigma_min).ln()).sqrt()
            }
            Self::VariancePreserving { .. } => self.beta(t).sqrt(),
            Self::SubVariancePreserving { .. } => {
                (self.beta(t) * -(-2.0 * self.beta_integral(t)).exp_m1()).sqrt()
            }
        }
    }

    /// The standard deviation of the noise π that sampling begins with: σ_max, or 1. The true p₀ differs from N(0, π² I)
    /// by what α(0) leaves of the data.
    pub fn prior_std(&self) -> f64 {
        match self {
            Self::VarianceExploding { sigma_max, .. } => *sigma_max,
            Self::VariancePreserving { .. } | Self::SubVariancePreserving { .. } => 1.0,
        }
    }

    /// The last time at which a learned score is asked: 1, or 0.999 where σ(1) = 0 (Song et al. 2021, arXiv:2011.13456,
    /// appendix C, sample to this time, and go nearer to 1 in training).
    pub fn end(&self) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 1.0,
            Self::VariancePreserving { .. } | Self::SubVariancePreserving { .. } => 0.999,
        }
    }

    /// n points of the prior N(0, π² I), see [`Sde::prior_std`].
    ///
    /// Errors: [`Error::Empty`] for n = 0; [`Error::OutOfDomain`] for parameters out of their range.
    pub fn sample_prior<const D: usize>(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        self.check()?;
        Ok(source.normal(n)?.try_mul(self.prior_std() as Real)?)
    }

    /// log π(z) in nats, shape (N,), of the prior N(0, π² I).
    ///
    /// Errors: [`Error::Empty`]; [`Error::OutOfDomain`] for parameters out of their range.
    pub fn prior_log_prob<const D: usize, T: Tape<Real, Dev>>(&self, z: Points<D, T>) -> Result<PerPoint<T>> {
        self.check()?;
        check_finite("z", &z)?;
        let std = self.prior_std();
        let log_p = StandardNormal.log_prob(z.try_mul(std.recip() as Real)?)?;
        Ok(log_p.try_add(-(D as f64 * std.ln()) as Real)?)
    }

    /// x_t = α(t) x₁ + σ(t) ε, with the t and ε that are given.
    ///
    /// Errors: [`Error::BatchMismatch`] if the batches differ; [`Error::Empty`]; [`Error::NotFinite`] for x₁ or ε;
    /// [`Error::OutOfDomain`] for a time outside of [0, 1] and for parameters out of their range.
    pub fn diffuse<const D: usize>(
        &self,
        x_1: Points<D>,
        t: PerPoint,
        noise: Points<D>,
    ) -> Result<Diffused<D>> {
        self.check()?;
        check_finite("x_1", &x_1)?;
        check_same_batch("a noise for each point", x_1.shape().0, noise.shape().0)?;
        check_finite("the noise", &noise)?;
        check_times(x_1.shape().0, &t)?;
        let kept = scale(x_1, at_times(&t, |t| self.alpha(t))?)?;
        let added = scale(noise.clone(), at_times(&t, |t| self.sigma(t))?)?;
        Ok(Diffused { t, x_t: kept.try_add(added)?, noise })
    }

    /// An error unless the parameters are in their ranges.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::VarianceExploding { sigma_min, sigma_max } => {
                check_positive("sigma_min", sigma_min)?;
                check_positive("sigma_max / sigma_min", sigma_max / sigma_min)?;
                check_positive("sigma_max", (sigma_max as Real).into())?;
                above("sigma_max", "above sigma_min", sigma_min, sigma_max)
            }
            Self::VariancePreserving { beta_min, beta_max }
            | Self::SubVariancePreserving { beta_min, beta_max } => {
                check_not_negative("beta_min", beta_min)?;
                above("beta_max", "above beta_min", beta_min, beta_max)
            }
        }
    }

    /// β at s = 1 − t.
    fn beta(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 0.0,
            Self::VariancePreserving { beta_min, beta_max }
            | Self::SubVariancePreserving { beta_min, beta_max } => {
                beta_min + (1.0 - t) * (beta_max - beta_min)
            }
        }
    }

    /// B at s = 1 − t.
    pub(super) fn beta_integral(&self, t: f64) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 0.0,
            Self::VariancePreserving { beta_min, beta_max }
            | Self::SubVariancePreserving { beta_min, beta_max } => {
                let s = 1.0 - t;
                s * beta_min + 0.5 * s * s * (beta_max - beta_min)
            }
        }
    }

    /// The t at which B has this value: the root of s β_min + ½ s² (β_max − β_min) = B, written without a difference.
    pub(super) fn time_of_beta_integral(&self, integral: f64) -> f64 {
        match self {
            Self::VarianceExploding { .. } => 1.0,
            Self::VariancePreserving { beta_min, beta_max }
            | Self::SubVariancePreserving { beta_min, beta_max } => {
                let root = (beta_min * beta_min + 2.0 * (beta_max - beta_min) * integral).sqrt();
                1.0 - 2.0 * integral / (beta_min + root)
            }
        }
    }
}

fn above(what: &'static str, expected: &'static str, limit: f64, found: f64) -> Result<()> {
    if found > limit && found.is_finite() {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected, found })
}
