//! Denoising score matching at all times at once.

use super::{Score, Sde};
use crate::tensor::{
    Gradients, Loss, PerPoint, Points, Real, Recording, at_times, check_finite, check_same_batch,
    check_times, scale,
};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, MeanTo, Trace, TryAdd, TryMul};

/// Data with noise.
#[derive(Clone, Debug)]
pub struct Diffused<const D: usize> {
    /// t, shape (N,).
    pub t: PerPoint,
    /// x_t = α x₁ + σ ε, shape (N, D).
    pub x_t: Points<D>,
    /// ε, shape (N, D).
    pub noise: Points<D>,
}

/// λ(t): how much the error of a score counts at each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weighting {
    /// λ = σ², which makes the errors of all levels of one size (Song and Ermon 2019, arXiv:1907.05600, section 4.2): the
    /// loss is ½ |σ s + ε|². With s = −ε_θ / σ it is half of DDPM's simple loss (Ho et al. 2020,
    /// arXiv:2006.11239), in continuous time.
    #[default]
    Variance,
    /// λ = g², which bounds the negative log-likelihood from above, up to a constant (Song et al. 2021, arXiv:2101.09258,
    /// theorem 1). It is infinite where σ = 0, and large near it.
    Likelihood,
    /// λ = σ² E[g² / σ²]: the mean of [`Likelihood`](Self::Likelihood) over even times, with less variance, where the times are
    /// those of [`Sde::draw_likelihood_times`] (the same paper).
    SampledLikelihood,
}

/// The mean over points of ½ λ(t) |s(t, x_t) + ε / σ(t)|², denoising score matching at the times of the sample (Song and
/// Ermon 2019, arXiv:1907.05600, equations 5 and 6; Song et al. 2021, arXiv:2011.13456, equation 7, without the ½).
///
/// −ε/σ is the score of x_t given x₁. Its mean over all x₁ that may have led to x_t is the score of p_t, so that is what
/// makes the loss smallest.
///
/// ```
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::nn::{Mlp, Silu};
/// use pushforward::score_matching::{Scaled, Sde, Weighting, noise_conditional_loss};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let sde = Sde::VARIANCE_EXPLODING;
/// let mut score = Scaled { network: Mlp::<3, 32, 2, 1, Silu>::new(&source)?, sde };
/// let training = Training { steps: 300, learning_rate: 3e-3, progress: Progress::Silent, ..Training::default() };
/// let losses = train(&mut score, &training, |score, gradients| {
///     let x_1 = TwoMoons::default().sample(256, &mut source)?;
///     let t = sde.draw_times(256, &mut source)?;
///     let sample = sde.diffuse(x_1, t, source.normal(256)?)?;
///     noise_conditional_loss(score, &sde, sample, Weighting::Variance, gradients)
/// })?
/// .losses;
/// assert!(losses[0] > 0.9, "½ E |ε|² = 1, before anything is learned");
/// assert!(losses[299] < 0.7, "half of the levels have more noise than data, and are easy");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::OutOfDomain`] for a time outside of [0, 1], for parameters of the equation out of their range, and
/// with [`Weighting::Likelihood`] for a time where σ = 0; [`Error::BatchMismatch`]; [`Error::Empty`];
/// [`Error::NotFinite`] for a point or a noise; those of the score.
pub fn noise_conditional_loss<const D: usize>(
    score: &impl Score<D, Recording>,
    sde: &Sde,
    sample: Diffused<D>,
    weighting: Weighting,
    gradients: Gradients,
) -> Result<Loss> {
    let Diffused { t, x_t, noise } = sample;
    sde.check()?;
    let n = x_t.shape().0;
    check_times(n, &t)?;
    check_finite("x_t", &x_t)?;
    check_finite("the noise", &noise)?;
    check_same_batch("a noise for each point", n, noise.shape().0)?;
    let sigma = at_times(&t, |t| sde.sigma(t))?;
    let (ratio, factor) = match weighting {
        Weighting::Variance => (None, 1.0),
        Weighting::Likelihood => (Some(likelihood_ratio(sde, &t)?), 1.0),
        Weighting::SampledLikelihood => (None, sde.likelihood_scale()),
    };
    let s = score.score(t, x_t.traced(gradients))?;
    check_same_batch("the score of each point", n, s.shape().0)?;
    let mut error = scale(s, sigma)?.try_add(noise)?;
    if let Some(ratio) = ratio {
        error = scale(error, ratio)?;
    }
    // D times the mean over points and coordinates is the mean over points of the sum over coordinates.
    let mean: Loss = error.try_square()?.try_mean()?;
    Ok(mean.try_mul((0.5 * factor * D as f64) as Real)?)
}

/// g / σ: by it the error σ s + ε becomes the one that counts for the likelihood.
fn likelihood_ratio(sde: &Sde, t: &PerPoint) -> Result<PerPoint> {
    let ratio = at_times(t, |t| sde.diffusion(t) / sde.sigma(t))?;
    match crate::tensor::values(&ratio).into_iter().position(|ratio| !ratio.is_finite()) {
        None => Ok(ratio),
        Some(point) => Err(Error::OutOfDomain {
            what: "the time t of a loss that is weighted by g²",
            expected: "where sigma is above 0, below 1",
            found: crate::tensor::values(t)[point].into(),
        }),
    }
}
