//! Noise levels, from the noisiest to the data: the places where samplers stop.

use super::Sde;
use crate::tensor::{PerPoint, Real, Source, check_positive, check_some, check_steps, check_time, repeat};
use crate::{Error, Result};
use rand::Rng;

/// One level of noise: x_t = α x₁ + σ ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// t, which a score is asked at.
    pub t: f64,
    /// α, what is left of the data.
    pub alpha: f64,
    /// σ, the standard deviation of the noise.
    pub sigma: f64,
}

/// Levels of noise with growing t, from the noisiest on.
///
/// ```
/// use pushforward::score_matching::NoiseLevels;
///
/// let levels = NoiseLevels::geometric(8.0, 1.0, 4)?;
/// let sigmas: Vec<f64> = levels.levels().iter().map(|level| level.sigma).collect();
/// for (found, expected) in sigmas.iter().zip([8.0, 4.0, 2.0, 1.0]) {
///     assert!((found - expected).abs() < 1e-12, "each is half of the one before, up to the rounding of f64");
/// }
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseLevels(Vec<Level>);

impl NoiseLevels {
    /// `count` levels σ₁ = σ_max > … > σ_L = σ_min with one ratio between neighbours (Song and Ermon 2019,
    /// arXiv:1907.05600, section 4): the times (i − 1) / (L − 1) of [`Sde::VarianceExploding`].
    ///
    /// Errors: [`Error::OutOfDomain`] for fewer than two levels and unless 0 < σ_min < σ_max.
    pub fn geometric(sigma_max: f64, sigma_min: f64, count: usize) -> Result<Self> {
        if count < 2 {
            let (what, expected) = ("the number of levels", "at least 2");
            return Err(Error::OutOfDomain { what, expected, found: count as f64 });
        }
        Self::even(&Sde::VarianceExploding { sigma_min, sigma_max }, count - 1, 1.0)
    }

    /// The levels of an equation at the times 0, h, 2h, …, `end` with h = `end` / `steps`.
    ///
    /// Errors: [`Error::OutOfDomain`] for no steps, an end that is not above 0 and at most 1, and parameters of the
    /// equation out of their range.
    pub fn even(sde: &Sde, steps: usize, end: f64) -> Result<Self> {
        sde.check()?;
        check_steps(steps)?;
        check_time(end)?;
        check_positive("the last time", end)?;
        let mut step = 0..=steps;
        let level = || {
            let part = step.next().unwrap_or(steps) as f64 / steps as f64;
            let t = end * part;
            Level { t, alpha: sde.alpha(t), sigma: sde.sigma(t) }
        };
        Ok(Self(repeat(steps.saturating_add(1), level)?))
    }

    /// The levels of DDPM: α² is the product of the first i of 1 − βⱼ, and σ² = 1 − α², for i = T, …, 0 at t = 1 − i / T,
    /// where β grows evenly from β₁ to β_T (Ho et al. 2020, arXiv:2006.11239, section 2; section 4 takes T = 1000, β₁ =
    /// 10⁻⁴ and β_T = 0.02).
    ///
    /// Errors: [`Error::OutOfDomain`] for no steps, and unless 0 < β₁ ≤ β_T < 1.
    pub fn ddpm(steps: usize, beta_first: f64, beta_last: f64) -> Result<Self> {
        check_steps(steps)?;
        check_positive("the first beta", beta_first)?;
        if !(beta_first..1.0).contains(&beta_last) {
            let (what, expected) = ("the last beta", "from the first beta to below 1");
            return Err(Error::OutOfDomain { what, expected, found: beta_last });
        }
        let mut i = 0;
        let mut log_alpha_squared = 0.0;
        let mut levels = repeat(steps.saturating_add(1), || {
            if i > 0 {
                let part = (i - 1) as f64 / (steps - 1).max(1) as f64;
                log_alpha_squared += (-(beta_first + part * (beta_last - beta_first))).ln_1p();
            }
            let t = 1.0 - i as f64 / steps as f64;
            i += 1;
            let alpha = (0.5_f64 * log_alpha_squared).exp();
            Level { t, alpha, sigma: (-f64::exp_m1(log_alpha_squared)).sqrt() }
        })?;
        levels.reverse();
        Ok(Self(levels))
    }

    /// The first, every k-th after it, and the last: fewer steps for the same model (Song et al. 2020, arXiv:2010.02502,
    /// section 4.2).
    ///
    /// Errors: [`Error::OutOfDomain`] for k = 0.
    pub fn every(&self, k: usize) -> Result<Self> {
        check_steps(k)?;
        let mut kept: Vec<Level> = self.0.iter().step_by(k).copied().collect();
        let last = self.0.last().copied();
        if last != kept.last().copied() {
            kept.extend(last);
        }
        Ok(Self(kept))
    }

    /// The levels.
    pub fn levels(&self) -> &[Level] {
        &self.0
    }

    /// The times of n levels, each as likely as the others: for training at these levels alone.
    ///
    /// Errors: [`Error::Empty`] for n = 0.
    pub fn draw_times(&self, n: usize, source: &mut Source) -> Result<PerPoint> {
        check_some("the batch", n)?;
        let times = repeat(n, || self.0[source.gen_range(0..self.0.len())].t as Real)?;
        source.per_point(&times)
    }
}
