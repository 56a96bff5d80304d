//! How long a random series is.

use crate::{Error, Result};
use rand::{Rng, RngCore};
use rand_distr::{Distribution, Poisson};

/// The distribution of the number N of random terms of a series.
///
/// Term k is divided by P(N ≥ k), so an estimate of terms of the size cᵏ has the variance Σₖ c²ᵏ / P(N ≥ k), about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// P(N = k) = p (1 − p)ᵏ⁻¹ for k = 1, 2, …, with the mean 1/p, so P(N ≥ k) = (1 − p)ᵏ⁻¹.
    ///
    /// The variance is finite if c² < 1 − p. Where c² > 1 − p it may be infinite: then averages settle badly however many
    /// are taken.
    Geometric {
        /// The probability to stop after each term.
        p: f64,
    },
    /// P(N = k) = e^(−λ) λᵏ / k! for k = 0, 1, 2, …, with the mean λ.
    ///
    /// P(N ≥ k) falls faster than any power, so the variance is infinite for every c > 0 (unless J is nilpotent): c²ᵏ k! / λᵏ
    /// first falls, and grows again where k > λ / c². Draws that long are so rare that they are not met where λ is large,
    /// and what they stand for, the terms from there on, is missing in the average then. A λ of several 1 / (1 − c) makes
    /// those terms small.
    Poisson {
        /// λ, the mean.
        rate: f64,
    },
}

impl Length {
    /// P(N ≥ k), without a difference from 1 where it is small; 0 below the smallest f64.
    ///
    /// ```
    /// use pushforward::residual::Length;
    ///
    /// assert_eq!(Length::Geometric { p: 0.5 }.at_least(3)?, 0.25);
    /// let poisson = Length::Poisson { rate: 2.0 };
    /// assert!((poisson.at_least(1)? - (1.0 - (-2f64).exp())).abs() < 1e-15, "1 − P(N = 0), to rounding");
    /// assert!(poisson.at_least(40)? > 0.0, "one minus the rest would be 0, to rounding");
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    ///
    /// Errors: [`Error::OutOfDomain`] unless 10⁻⁴ ≤ p < 1 and 0 < λ ≤ 10⁴: a series of 10,000 terms in the mean.
    pub fn at_least(&self, k: usize) -> Result<f64> {
        self.check()?;
        Ok(match *self {
            Self::Geometric { p } => geometric_survival(p, k),
            Self::Poisson { .. } if k > UNREACHED => 0.0,
            Self::Poisson { rate } => poisson_survival(rate, k)[k],
        })
    }

    /// P(N ≥ k) for k = 0, …, n, for settings that were checked.
    pub(super) fn survival(&self, n: usize) -> Vec<f64> {
        match *self {
            Self::Geometric { p } => (0..=n).map(|k| geometric_survival(p, k)).collect(),
            Self::Poisson { rate } => poisson_survival(rate, n),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what, expected, found| Err(Error::OutOfDomain { what, expected, found });
        match *self {
            Self::Geometric { p } if !(p >= MOST_TERMS.recip() && p < 1.0) => {
                refuse("the probability to stop a series", "at least 0.0001 and below 1", p)
            }
            Self::Poisson { rate } if !(rate > 0.0 && rate <= MOST_TERMS) => {
                refuse("the mean number of random terms", "above 0 and at most 10000", rate)
            }
            _ => Ok(()),
        }
    }

    /// One N, for settings that were checked.
    pub(super) fn draw(&self, rng: &mut dyn RngCore) -> usize {
        match *self {
            // 1 − U is never 0.
            Self::Geometric { p } => 1 + ((1.0 - rng.r#gen::<f64>()).ln() / (-p).ln_1p()) as usize,
            Self::Poisson { rate } => Poisson::new(rate).map_or(0, |length| length.sample(rng) as usize),
        }
    }
}

/// The largest mean of N.
const MOST_TERMS: f64 = 1e4;

/// P(N ≥ k) is 0 in f64 for longer series, whatever λ is.
const UNREACHED: usize = 1_000_000;

/// P(N ≥ k) = (1 − p)ᵏ⁻¹, and 1 for k = 0.
fn geometric_survival(p: f64, k: usize) -> f64 {
    (k.saturating_sub(1) as f64 * (-p).ln_1p()).exp()
}

/// P(N ≥ k) for k = 0, …, n and N of mean λ.
fn poisson_survival(rate: f64, n: usize) -> Vec<f64> {
    let mut list = masses(rate, n);
    let below: f64 = list[..n].iter().sum();
    // P(N = n) (1 + λ / (n + 1) + …) where these terms fall, and P(N ≥ n) is not small where they do not.
    list[n] = if n as f64 > rate { list[n] * relative_tail(rate, n) } else { 1.0 - below };
    for k in (1..n).rev() {
        list[k] += list[k + 1];
    }
    list[0] = 1.0;
    list
}

/// P(N = k) for k = 0, …, n, each by its logarithm.
fn masses(rate: f64, n: usize) -> Vec<f64> {
    let mut log_factorial = 0.0;
    let mass = |k: usize| {
        log_factorial += (k.max(1) as f64).ln();
        (k as f64 * rate.ln() - rate - log_factorial).exp()
    };
    (0..=n).map(mass).collect()
}

/// P(N ≥ n) / P(N = n) for n > λ: a sum of positive terms that fall, 1 + λ / (n + 1) + λ² / ((n + 1)(n + 2)) + ….
fn relative_tail(rate: f64, n: usize) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for next in n + 1.. {
        sum += term;
        term *= rate / next as f64;
        if term <= f64::EPSILON * sum {
            break;
        }
    }
    sum
}
