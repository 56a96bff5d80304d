//! Paths from noise to data, as data.

use super::Prediction;
use super::prediction::pairs_at;
use crate::lesson_06_score_matching::Sde;
use crate::tensor::{PerPoint, Points, at_times, check_finite, check_same_batch, check_times, scale};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, TryAdd};
use std::f64::consts::FRAC_PI_2;

/// A path x_t = α(t) x₁ + σ(t) x₀ from noise x₀ ~ N(0, I) at t = 0 to data x₁ at t = 1, with the velocity
/// u = α̇ x₁ + σ̇ x₀ (Lipman et al. 2022, arXiv:2210.02747, section 4; Lipman et al. 2024, arXiv:2412.06264, section 4.8).
///
/// | | α | σ | at the ends |
/// |---|---|---|---|
/// | optimal transport | t | 1 − (1 − σ_min) t | nothing is singular for σ_min > 0 |
/// | constant sigma | t | √((1 − t)² + σ²) | begins at x₀ √(1 + σ²) |
/// | diffusion | α of the equation | σ of the equation | where variance is preserved, σ̇ = −∞ at t = 1 |
/// | linear, variance-preserving | t | √(1 − t²) | σ̇ = −∞ at t = 1 |
/// | cosine | sin(π t / 2) | cos(π t / 2) | |
/// | polynomial of degree n | tⁿ | 1 − tⁿ | for n > 1 all points stand still at t = 0 |
///
/// Where σ(1) = 0, no noise can be told from a point at t = 1; where α(0) = 0, no data from one at t = 0.
///
/// ```
/// use pushforward::flow_matching::ProbabilityPath;
///
/// let path = ProbabilityPath::Cosine;
/// let there = path.at(1.0 / 3.0);
/// assert!((there.alpha - 0.5).abs() < 1e-12, "sin 30°, to the rounding of f64");
/// assert!((there.alpha.powi(2) + there.sigma.powi(2) - 1.0).abs() < 1e-12, "variance is preserved");
/// assert!((there.alpha_rate / there.sigma - std::f64::consts::FRAC_PI_2).abs() < 1e-12, "π/2 cos");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ProbabilityPath {
    /// The straight path of optimal transport between two Gaussians (Lipman et al. 2022, arXiv:2210.02747, equation 20).
    OptimalTransport {
        /// What is left of the noise at t = 1, at least 0 and below 1.
        sigma_min: f64,
    },
    /// The straight path with noise of its own at every time, x_t = t x₁ + (1 − t) x₀ + σ ε (Tong et al. 2023,
    /// arXiv:2302.00482, section 3.2.2), whose two noises are one here: it has the same densities and the same velocity u(t, x).
    ConstantSigma {
        /// σ, at least 0.
        sigma: f64,
    },
    /// The path of an equation that turns data into noise.
    Diffusion(Sde),
    /// Straight in the data, with noise that keeps the variance.
    LinearVariancePreserving,
    /// A quarter of a circle.
    Cosine,
    /// The straight path, walked slowly at first.
    Polynomial {
        /// n, at least 1.
        degree: f64,
    },
}

/// α and σ at one time, and their derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathCoefficients {
    /// α: what there is of the data.
    pub alpha: f64,
    /// σ: what there is of the noise.
    pub sigma: f64,
    /// α̇ = dα/dt.
    pub alpha_rate: f64,
    /// σ̇ = dσ/dt; −∞ where σ falls to 0 like a square root.
    pub sigma_rate: f64,
    /// σ σ̇ = ½ dσ²/dt, which is finite everywhere.
    pub half_variance_rate: f64,
}

/// A point on the way from x₀ to x₁, and what a network is to say of it.
#[derive(Clone, Debug)]
pub struct PathSample<const D: usize> {
    /// t, shape (N,).
    pub t: PerPoint,
    /// x_t, shape (N, D).
    pub x_t: Points<D>,
    /// What is to be predicted, such as dx_t/dt, shape (N, D).
    pub target: Points<D>,
}

impl ProbabilityPath {
    /// x_t = (1 − t) x₀ + t x₁, whose velocity is x₁ − x₀.
    pub const STRAIGHT: Self = Self::OptimalTransport { sigma_min: 0.0 };

    /// α, σ and their derivatives at the time t.
    pub fn at(&self, t: f64) -> PathCoefficients {
        match *self {
            Self::OptimalTransport { sigma_min } => {
                PathCoefficients::new((t, 1.0), ((1.0 - t) + sigma_min * t, sigma_min - 1.0))
            }
            Self::ConstantSigma { sigma } => {
                PathCoefficients::of_variance((t, 1.0), (1.0 - t).hypot(sigma), t - 1.0)
            }
            Self::Diffusion(sde) => {
                let (alpha, sigma) = (sde.alpha(t), sde.sigma(t));
                PathCoefficients::of_variance(
                    (alpha, -sde.drift(t) * alpha),
                    sigma,
                    // d(σ²)/ds = 2 f σ² + g² for s = 1 − t.
                    -sde.drift(t) * sigma * sigma - 0.5 * sde.diffusion(t).powi(2),
                )
            }
            Self::LinearVariancePreserving => {
                PathCoefficients::of_variance((t, 1.0), ((1.0 - t) * (1.0 + t)).sqrt(), -t)
            }
            Self::Cosine => {
                // Both by the sine, which is exactly 0 at 0: the cosine of a rounded π/2 is not.
                let (alpha, sigma) = ((FRAC_PI_2 * t).sin(), (FRAC_PI_2 * (1.0 - t)).sin());
                PathCoefficients::new((alpha, FRAC_PI_2 * sigma), (sigma, -FRAC_PI_2 * alpha))
            }
            Self::Polynomial { degree } => {
                let (alpha, rate) = (t.powf(degree), degree * t.powf(degree - 1.0));
                PathCoefficients::new((alpha, rate), (1.0 - alpha, -rate))
            }
        }
    }

    /// The points at times t, and their velocities as targets.
    ///
    /// Errors: those of [`ProbabilityPath::sample_for`].
    pub fn sample<const D: usize>(
        &self,
        x_0: Points<D>,
        x_1: Points<D>,
        t: PerPoint,
    ) -> Result<PathSample<D>> {
        self.sample_for(Prediction::Velocity, x_0, x_1, t)
    }

    /// The points at times t, and what a network that predicts this should say of them.
    ///
    /// Errors: [`Error::BatchMismatch`] if the batches differ; [`Error::Empty`]; [`Error::NotFinite`] for x₀ or x₁;
    /// [`Error::OutOfDomain`] for a time outside of [0, 1] or at which the target is infinite, and for parameters of the
    /// path out of their range.
    pub fn sample_for<const D: usize>(
        &self,
        prediction: Prediction,
        x_0: Points<D>,
        x_1: Points<D>,
        t: PerPoint,
    ) -> Result<PathSample<D>> {
        self.check()?;
        let n = x_0.shape().0;
        check_finite("x_0", &x_0)?;
        check_finite("x_1", &x_1)?;
        check_same_batch("a path from x_0 to x_1", n, x_1.shape().0)?;
        check_times(n, &t)?;
        let mix = |data: PerPoint, noise: PerPoint| {
            Ok::<_, Error>(scale(x_1.clone(), data)?.try_add(scale(x_0.clone(), noise)?)?)
        };
        let x_t = mix(at_times(&t, |t| self.at(t).alpha)?, at_times(&t, |t| self.at(t).sigma)?)?;
        let (of_data, of_noise) = pairs_at(&t, |t| self.parts(prediction, t))?;
        let target = mix(of_data, of_noise)?;
        Ok(PathSample { t, x_t, target })
    }

    /// An error unless the parameters are in their ranges.
    pub fn check(&self) -> Result<()> {
        let refuse = |what, expected, found| Err(Error::OutOfDomain { what, expected, found });
        match *self {
            Self::OptimalTransport { sigma_min } if !(0.0..1.0).contains(&sigma_min) => {
                refuse("sigma_min", "at least 0 and below 1", sigma_min)
            }
            Self::ConstantSigma { sigma } if !(sigma >= 0.0 && sigma.is_finite()) => {
                refuse("sigma of a path", "a finite number from 0", sigma)
            }
            Self::Polynomial { degree } if !(degree >= 1.0 && degree.is_finite()) => {
                refuse("the degree of a path", "a finite number from 1", degree)
            }
            Self::Diffusion(sde) => sde.check(),
            _ => Ok(()),
        }
    }
}

impl PathCoefficients {
    /// From α and α̇, σ and σ̇.
    fn new((alpha, alpha_rate): (f64, f64), (sigma, sigma_rate): (f64, f64)) -> Self {
        Self { alpha, sigma, alpha_rate, sigma_rate, half_variance_rate: sigma * sigma_rate }
    }

    /// From α and α̇, σ and ½ d(σ²)/dt.
    fn of_variance((alpha, alpha_rate): (f64, f64), sigma: f64, half_variance_rate: f64) -> Self {
        let sigma_rate = half_variance_rate / sigma;
        Self { alpha, sigma, alpha_rate, sigma_rate, half_variance_rate }
    }
}
