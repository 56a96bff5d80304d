//! From noise to data in random steps.

use super::{Level, NoiseLevels, ReverseStep, Score};
use crate::tensor::{Points, Real, Source, check_finite, check_positive, check_same_batch, rows, same_time};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, TryAdd, TryMul};

/// Walks from level to level: at each one a step ([`ReverseStep`]) and, if wanted, some Langevin steps that correct it.
///
/// The result is at the last level, with the noise that this one has. [`Sde::data_from_score`](super::Sde::data_from_score)
/// takes it away.
///
/// ```
/// use pushforward::change_of_variables::GaussianMixture;
/// use pushforward::score_matching::{NoiseLevels, NoisyMixture, ReverseSampler, ReverseStep, Sde};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let sde = Sde::VARIANCE_PRESERVING;
/// let score = NoisyMixture::new(&GaussianMixture::new(&source, [[-2.0], [2.0]], [0.1, 0.1])?, sde)?;
/// let sampler = ReverseSampler {
///     levels: NoiseLevels::even(&sde, 100, sde.end())?,
///     step: ReverseStep::EulerMaruyama(sde),
///     corrector: None,
/// };
/// let x = sampler.run(&score, sde.sample_prior(1000, &mut source)?, &mut source)?;
/// let near = rows(&x).iter().filter(|[x]| (x.abs() - 2.0).abs() < 0.4).count();
/// assert!(near > 950, "0.4 are four standard deviations");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReverseSampler {
    /// Where to stop.
    pub levels: NoiseLevels,
    /// How to get from one to the next.
    pub step: ReverseStep,
    /// What to do there.
    pub corrector: Option<Corrector>,
}

/// Langevin steps at one level, x ← x + ε s + √(2ε) z with ε = 2 a² (r |z| / |s|)² (Song et al. 2021, arXiv:2011.13456,
/// appendix G: predictor-corrector sampling).
///
/// |z| and |s| are means over the batch, so a point depends on the points beside it. a = α / α′ of the step before (the
/// paper takes the next one's), and 1 where variance explodes. It does nothing at a level without noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrector {
    /// r: how much of a step is signal, in relation to its noise.
    pub signal_to_noise: f64,
    /// How many steps at each level.
    pub steps: usize,
}

impl ReverseSampler {
    /// The points at the last level, shape (N, D), from x at the first.
    ///
    /// Errors: [`Error::NotFinite`] for x, and where a coordinate grows beyond all bounds; [`Error::Empty`];
    /// [`Error::BatchMismatch`] if there is not one score per point; those of [`ReverseStep::coefficients`];
    /// [`Error::OutOfDomain`] for a corrector whose r is not positive.
    pub fn run<const D: usize>(
        &self,
        score: &impl Score<D>,
        x: Points<D>,
        source: &mut Source,
    ) -> Result<Points<D>> {
        check_finite("x", &x)?;
        if let Some(corrector) = self.corrector {
            check_positive("the signal-to-noise ratio of a corrector", corrector.signal_to_noise)?;
        }
        let mut x = x;
        for pair in self.levels.levels().windows(2) {
            let [from, to] = [pair[0], pair[1]];
            x = self.step(score, x, &from, &to, source)?;
            if let Some(corrector) = self.corrector.filter(|_| to.sigma > 0.0) {
                x = corrector.apply(score, x, &to, from.alpha / to.alpha, source)?;
            }
        }
        check_finite("a sample", &x)?;
        Ok(x)
    }

    fn step<const D: usize>(
        &self,
        score: &impl Score<D>,
        x: Points<D>,
        from: &Level,
        to: &Level,
        source: &mut Source,
    ) -> Result<Points<D>> {
        let coefficients = self.step.coefficients(from, to)?;
        let s = score_at(score, &x, from.t)?;
        let n = x.shape().0;
        let mean = x.try_mul(coefficients.point as Real)?.try_add(s.try_mul(coefficients.score as Real)?)?;
        if coefficients.noise == 0.0 {
            return Ok(mean);
        }
        Ok(mean.try_add(source.normal(n)?.try_mul(coefficients.noise as Real)?)?)
    }
}

impl Corrector {
    fn apply<const D: usize>(
        &self,
        score: &impl Score<D>,
        mut x: Points<D>,
        level: &Level,
        a: f64,
        source: &mut Source,
    ) -> Result<Points<D>> {
        for _ in 0..self.steps {
            let s = score_at(score, &x, level.t)?;
            let z = source.normal(x.shape().0)?;
            let (signal, noise) = (mean_length(&s), mean_length(&z));
            let ratio = self.signal_to_noise * noise / signal;
            if !ratio.is_finite() {
                let (what, expected) = ("the mean length of the scores", "a positive number");
                return Err(Error::OutOfDomain { what, expected, found: signal });
            }
            let size = 2.0 * (a * ratio).powi(2);
            x = langevin_step(x, s, z, size, (2.0 * size).sqrt())?;
        }
        Ok(x)
    }
}

/// x + p s + q z.
pub(super) fn langevin_step<const D: usize>(
    x: Points<D>,
    s: Points<D>,
    z: Points<D>,
    p: f64,
    q: f64,
) -> Result<Points<D>> {
    Ok(x.try_add(s.try_mul(p as Real)?)?.try_add(z.try_mul(q as Real)?)?)
}

/// The score of each point at one time.
pub(super) fn score_at<const D: usize>(score: &impl Score<D>, x: &Points<D>, t: f64) -> Result<Points<D>> {
    let s = score.score(same_time(x, t as Real)?, x.clone())?;
    check_same_batch("the score of each point", x.shape().0, s.shape().0)?;
    Ok(s)
}

fn mean_length<const D: usize>(x: &Points<D>) -> f64 {
    let rows = rows(x);
    let length = |x: &[Real; D]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    rows.iter().map(length).sum::<f64>() / rows.len() as f64
}
