//! Eight Gaussians on a circle.

use super::{ExactDensity, Sample, blurred, draw, log_density_or_none, log_sum_exp, positive};
use crate::Result;
use crate::tensor::{Points, Source};
use rand::Rng;
use std::f64::consts::{PI, TAU};

/// A mixture of eight Gaussians with centres on a circle.
///
/// p(x) = ⅛ ∑ₖ N(x; r (cos kπ/4, sin kπ/4), s² I), k = 0, …, 7, with radius r and standard deviation s. It lives in
/// the disc of radius r + 4 s or so.
///
/// The default is torchcfm's (Tong et al. 2023, arXiv:2302.00482): r = 5 and the *covariance* √0.1 I, so
/// s = 0.1^¼ ≈ 0.562. [`EightGaussians::FFJORD`] is the other one in use.
///
/// ```
/// use pushforward::data::{EightGaussians, ExactDensity};
///
/// let gaussians = EightGaussians::default();
/// let centre = gaussians.log_density([5.0, 0.0]).exp();
/// let one = 1.0 / (8.0 * std::f64::consts::TAU * 0.1_f64.sqrt());
/// assert!((centre / one - 1.0).abs() < 1e-4, "the neighbours are 6.8 s away: they add 2 exp(-23)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EightGaussians {
    /// The distance of the centres from the origin, r > 0.
    pub radius: f64,
    /// The standard deviation of each Gaussian along each axis, s > 0.
    pub std: f64,
}

impl Default for EightGaussians {
    /// torchcfm's: r = 5 and s = 0.1^¼.
    fn default() -> Self {
        Self { radius: 5.0, std: 0.1_f64.sqrt().sqrt() }
    }
}

impl EightGaussians {
    /// FFJORD's (`lib/toy_data.py`; Grathwohl et al. 2018, arXiv:1810.01367): r = 4/1.414 and s = 0.5/1.414.
    pub const FFJORD: Self = Self { radius: 4.0 / 1.414, std: 0.5 / 1.414 };

    fn check(&self) -> Result<()> {
        positive("the radius of the circle", self.radius)?;
        positive("the standard deviation of a Gaussian", self.std)
    }

    fn centre(&self, k: u8) -> [f64; 2] {
        let (sin, cos) = (f64::from(k) * PI / 4.0).sin_cos();
        [self.radius * cos, self.radius * sin]
    }
}

impl Sample<2> for EightGaussians {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        self.check()?;
        draw(n, source, |source| {
            let centre = self.centre(source.gen_range(0..8));
            blurred(centre, self.std, source)
        })
    }
}

impl ExactDensity for EightGaussians {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(self.check(), x, || {
            let exponent = |k| {
                let [a, b] = self.centre(k);
                -0.5 * ((x[0] - a) / self.std).powi(2) - 0.5 * ((x[1] - b) / self.std).powi(2)
            };
            log_sum_exp((0..8).map(exponent)) - (8.0 * TAU).ln() - 2.0 * self.std.ln()
        })
    }
}
