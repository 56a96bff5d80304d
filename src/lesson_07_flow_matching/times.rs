//! At which times a network is trained.

use crate::tensor::{PerPoint, Real, Source, check_some, repeat};
use crate::{Error, Result};
use rand::Rng;
use rand_distr::StandardNormal;

/// A density of the times of training on [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum TimeSampling {
    /// Every time is as likely as every other.
    #[default]
    Uniform,
    /// 1 / (1 + e⁻ᶻ) with z ~ N(`mean`, `std`²): the middle more often than the ends, where little is to be learned (Esser
    /// et al. 2024, arXiv:2403.03206, section 3.1).
    LogitNormal {
        /// The logit of the median.
        mean: f64,
        /// The standard deviation of the logit, above 0.
        std: f64,
    },
    /// (i + u) / n for the i-th of n, with one u for each: uniform, and every part of [0, 1] has its share, so that the loss
    /// of a batch varies less. The times are in order: pair them with points that are not.
    Stratified,
}

impl TimeSampling {
    /// n times, shape (N,).
    ///
    /// Errors: [`Error::Empty`] for n = 0; [`Error::OutOfDomain`] for a mean that is not finite or a deviation that is not
    /// positive.
    ///
    /// ```
    /// use pushforward::flow_matching::TimeSampling;
    /// use pushforward::tensor::{Source, values};
    ///
    /// let times = values(&TimeSampling::Stratified.draw(4, &mut Source::new(0))?);
    /// for (i, t) in times.into_iter().enumerate() {
    ///     assert_eq!((4.0 * t) as usize, i, "a time in each quarter");
    /// }
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    pub fn draw(&self, n: usize, source: &mut Source) -> Result<PerPoint> {
        check_some("the batch of times", n)?;
        let times: Vec<Real> = match *self {
            Self::Uniform => return source.uniform(n),
            Self::LogitNormal { mean, std } => {
                check("the mean of a logit-normal time", "finite", mean, mean.is_finite())?;
                let is_width = std > 0.0 && std.is_finite();
                check("the deviation of a logit-normal time", "positive and finite", std, is_width)?;
                let logit = || mean + std * source.sample::<f64, _>(StandardNormal);
                repeat(n, logit)?.into_iter().map(|z| (1.0 / (1.0 + (-z).exp())) as Real).collect()
            }
            Self::Stratified => {
                let mut parts = 0..n;
                repeat(n, || {
                    let part = parts.next().unwrap_or(n) as f64;
                    ((part + source.r#gen::<f64>()) / n as f64) as Real
                })?
            }
        };
        // A number just below 1 may be 1 when it is rounded, where some paths have no velocity.
        let below_one: Vec<Real> = times.into_iter().map(|t| t.min(1.0 - Real::EPSILON)).collect();
        source.per_point(&below_one)
    }
}

fn check(what: &'static str, expected: &'static str, found: f64, is_right: bool) -> Result<()> {
    if is_right { Ok(()) } else { Err(Error::OutOfDomain { what, expected, found }) }
}
