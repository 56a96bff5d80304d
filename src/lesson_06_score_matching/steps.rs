//! One step from a level of noise to one with less: three numbers.

use super::{Level, Sde};
use crate::tensor::{check_not_negative, check_positive};
use crate::{Error, Result};

/// How to step from a level (α, σ) at time t to the next one (α′, σ′) at t′ > t.
///
/// Every way is x′ = p x + q s(t, x) + r z with z ~ N(0, I) and its own [`coefficients`](Self::coefficients). Going
/// from data to noise, x_t given x_t′ is a x_t′ + b z, with a = α / α′ and b² = σ² − a² σ′², so
///
/// | | p | q | r |
/// |---|---|---|---|
/// | Euler-Maruyama, h = t′ − t | 1 − f h | g² h | g √h |
/// | reverse diffusion | 2 − a | b² | b |
/// | ancestral | 1 / a | b² / a | b, or b σ′ / σ |
/// | DDIM, c² + r² = σ′² | 1 / a | σ² / a − c σ | η b σ′ / σ |
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReverseStep {
    /// A step of the reverse equation dx = (−f x + g² s) dt + g dw with the coefficients at t (Song et al. 2021,
    /// arXiv:2011.13456, section 4.1). It needs f and g of the equation, whose levels they must be.
    EulerMaruyama(Sde),
    /// The step that undoes x_t = x_t′ + (a − 1) x_t′ + b z in the way in which the reverse equation undoes the forward
    /// one (Song et al. 2021, arXiv:2011.13456, appendix E).
    ReverseDiffusion,
    /// The mean of x_t′ given x_t and the data that the score expects, and noise (Ho et al. 2020, arXiv:2006.11239,
    /// algorithm 2; Song et al. 2021, arXiv:2011.13456, appendix F, for exploding variance). On [`NoiseLevels::ddpm`] it is
    /// DDPM.
    ///
    /// [`NoiseLevels::ddpm`]: super::NoiseLevels::ddpm
    Ancestral(AncestralVariance),
    /// DDIM (Song et al. 2020, arXiv:2010.02502, equations 12 and 16): the data and the noise that the score expects, put
    /// together at the next level, with a part η ∈ [0, 1] of fresh noise.
    ///
    /// η = 1 is [`Ancestral`](Self::Ancestral) with [`AncestralVariance::Posterior`]. η = 0 takes no random numbers: it is
    /// Euler's step of the probability-flow equation in the variables x / α and σ / α, d(x/α) = ε d(σ/α).
    Ddim {
        /// η.
        eta: f64,
    },
}

/// The variance of an ancestral step (Ho et al. 2020, arXiv:2006.11239, section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AncestralVariance {
    /// b², that of the step in the other direction (β of DDPM): right for data that are N(0, I).
    Forward,
    /// b² σ′² / σ², that of x_t′ given x_t and x₁: right for data that are one point.
    #[default]
    Posterior,
}

/// x′ = p x + q s + r z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// p, of the point.
    pub point: f64,
    /// q, of the score.
    pub score: f64,
    /// r, of the noise.
    pub noise: f64,
}

impl ReverseStep {
    /// p, q and r of the step.
    ///
    /// Errors: [`Error::OutOfDomain`] for a first level without noise, a level without data, an η outside of [0, 1], no time
    /// between the levels and parameters of an equation out of their range.
    pub fn coefficients(&self, from: &Level, to: &Level) -> Result<Coefficients> {
        check_positive("sigma of the level that a step begins at", from.sigma)?;
        check_positive("alpha of the level that a step begins at", from.alpha)?;
        check_positive("alpha of the level that a step leads to", to.alpha)?;
        check_not_negative("sigma of the level that a step leads to", to.sigma)?;
        let a = from.alpha / to.alpha;
        // Rounding may leave less than nothing between levels that are close to each other.
        let b_squared = (from.sigma.powi(2) - (a * to.sigma).powi(2)).max(0.0);
        let b = b_squared.sqrt();
        let posterior = b * to.sigma / from.sigma;
        Ok(match *self {
            Self::EulerMaruyama(sde) => {
                sde.check()?;
                check_positive("the time between two levels", to.t - from.t)?;
                let (h, g) = (to.t - from.t, sde.diffusion(from.t));
                Coefficients { point: 1.0 - sde.drift(from.t) * h, score: g * g * h, noise: g * h.sqrt() }
            }
            Self::ReverseDiffusion => Coefficients { point: 2.0 - a, score: b_squared, noise: b },
            Self::Ancestral(variance) => {
                let noise = match variance {
                    AncestralVariance::Forward => b,
                    AncestralVariance::Posterior => posterior,
                };
                Coefficients { point: a.recip(), score: b_squared / a, noise }
            }
            Self::Ddim { eta } => {
                if !(0.0..=1.0).contains(&eta) {
                    let (what, expected) = ("eta of DDIM", "between 0 and 1");
                    return Err(Error::OutOfDomain { what, expected, found: eta });
                }
                let noise = eta * posterior;
                let kept = (to.sigma.powi(2) - noise * noise).max(0.0).sqrt();
                Coefficients { point: a.recip(), score: from.sigma * (from.sigma / a - kept), noise }
            }
        })
    }
}
