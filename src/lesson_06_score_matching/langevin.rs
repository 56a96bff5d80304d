//! Langevin dynamics: samples from a score alone.

use super::reverse::{langevin_step, score_at};
use super::{NoiseLevels, Score};
use crate::tensor::{Points, Real, Source, check_finite, check_positive, check_time};
use crate::{Error, Result};
use dfdx::prelude::HasShape;

/// Langevin dynamics at one time, x ← x + ½ ε s(t, x) + √ε z with z ~ N(0, I) (Song and Ermon 2019, arXiv:1907.05600,
/// equation 4).
///
/// Many small steps give points of p_t, whatever they begin with: after a time of the order of what a point takes to get
/// from one mode to another, which is beyond all patience where there is little density between them. For a path, take
/// one step after the other with one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Langevin {
    /// ε.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
}

impl Langevin {
    /// The points after all steps, shape (N, D).
    ///
    /// Errors: [`Error::OutOfDomain`] for a step that is not positive and a time outside of [0, 1];
    /// [`Error::NotFinite`] for x, and where a coordinate grows beyond all bounds, as it does where ε is too large for
    /// the curvature of log p; [`Error::Empty`]; those of the score.
    pub fn run<const D: usize>(
        &self,
        score: &impl Score<D>,
        t: Real,
        x: Points<D>,
        source: &mut Source,
    ) -> Result<Points<D>> {
        check_positive("the step of Langevin dynamics", self.step)?;
        check_time(t.into())?;
        check_finite("x", &x)?;
        let x = self.walk(score, t.into(), x, source)?;
        check_finite("a sample", &x)?;
        Ok(x)
    }

    fn walk<const D: usize>(
        &self,
        score: &impl Score<D>,
        t: f64,
        mut x: Points<D>,
        source: &mut Source,
    ) -> Result<Points<D>> {
        for _ in 0..self.steps {
            let s = score_at(score, &x, t)?;
            let z = source.normal(x.shape().0)?;
            x = langevin_step(x, s, z, 0.5 * self.step, self.step.sqrt())?;
        }
        Ok(x)
    }
}

/// Langevin dynamics at one level after the other, from the noisiest to the data, with the steps ε_i = ε σ_i² / σ_L²
/// (Song and Ermon 2019, arXiv:1907.05600, algorithm 1).
///
/// Where there is much noise, modes flow into each other, and points find them in the right proportion. With less noise
/// they need only move within a mode.
///
/// ```
/// use pushforward::change_of_variables::GaussianMixture;
/// use pushforward::score_matching::{AnnealedLangevin, Langevin, NoiseLevels, NoisyMixture, Sde};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let sde = Sde::VarianceExploding { sigma_min: 0.1, sigma_max: 10.0 };
/// let mixture = GaussianMixture::new(&source, [[-3.0], [3.0]], [0.3, 0.3])?;
/// let score = NoisyMixture::new(&mixture, sde)?;
/// let right = |x| rows(&x).iter().filter(|[x]| *x > 0.0).count();
/// // All begin on the right.
/// let start = source.points(&vec![[5.0]; 500])?;
/// let plain = Langevin { step: 0.02, steps: 1000 }.run(&score, 1.0, start.clone(), &mut source)?;
/// assert_eq!(right(plain), 500, "between the modes the density is e⁻⁴⁵ of what it is in them");
/// let annealed = AnnealedLangevin { levels: NoiseLevels::geometric(10.0, 0.1, 10)?, step: 0.002, steps_per_level: 100 };
/// let found = right(annealed.run(&score, start, &mut source)?);
/// assert!(found.abs_diff(250) < 50, "the standard deviation of a half of 500 is 11");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnnealedLangevin {
    /// σ₁ > … > σ_L, and the times at which the score is asked.
    pub levels: NoiseLevels,
    /// ε, the step at the last level.
    pub step: f64,
    /// How many steps at each level.
    pub steps_per_level: usize,
}

impl AnnealedLangevin {
    /// The points at the last level, shape (N, D), from any x.
    ///
    /// Errors: as [`Langevin::run`]; [`Error::OutOfDomain`] also where σ of the last level is 0.
    pub fn run<const D: usize>(
        &self,
        score: &impl Score<D>,
        mut x: Points<D>,
        source: &mut Source,
    ) -> Result<Points<D>> {
        check_positive("the step of Langevin dynamics", self.step)?;
        check_finite("x", &x)?;
        let levels = self.levels.levels();
        let last = levels.last().ok_or(Error::Empty { what: "the list of noise levels" })?;
        check_positive("sigma of the last level", last.sigma)?;
        for level in levels {
            let step = self.step * (level.sigma / last.sigma).powi(2);
            let langevin = Langevin { step, steps: self.steps_per_level };
            x = langevin.walk(score, level.t, x, source)?;
        }
        check_finite("a sample", &x)?;
        Ok(x)
    }
}
