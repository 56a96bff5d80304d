//! The pinwheel.

use super::{ExactDensity, Sample, at_least_one, draw, log_density_or_none, log_sum_exp, positive};
use crate::tensor::{Points, Source};
use crate::{Error, Result};
use rand::Rng;
use rand_distr::StandardNormal;
use std::f64::consts::TAU;

/// Gaussian blades that are twisted around the origin.
///
/// f = (1 + s_r a, s_t b) with a, b from N(0, 1), then x = c Q(−αₖ(|f|)) f, where Q(α) rotates by α and
/// αₖ(ρ) = 2π k / K + rate · exp(ρ), with k uniform on {0, …, K − 1}. It lives in the disc of radius 2 c or so.
///
/// The angle depends only on |f|, so the twist moves points along circles. In polar coordinates (ρ, ψ) it is
/// (ρ, ψ − αₖ(ρ)), of Jacobian \[\[1, 0\], \[−αₖ′(ρ), 1\]\]: invertible, with determinant 1 whatever αₖ is. Hence
/// p(x) = 1 / (K c²) ∑ₖ N(Q(αₖ(|x|/c)) x/c; (1, 0), diag(s_r², s_t²)), which is exact.
///
/// The numbers are FFJORD's (`lib/toy_data.py`; Grathwohl et al. 2018, arXiv:1810.01367), which come from Johnson et
/// al. 2016 (arXiv:1603.06277). Their angle depends on f₁ instead of |f|; then the determinant is
/// 1 + rate f₂ exp(f₁), several f can lead to the same x, and there is no closed form. As |f| − f₁ ≈ f₂²/2 ≈ 0.005,
/// the two pictures look the same.
///
/// ```
/// use pushforward::data::{ExactDensity, Pinwheel};
///
/// let wheel = Pinwheel::default();
/// let angle = -0.25 * 1.0_f64.exp();
/// let middle_of_a_blade = wheel.log_density([2.0 * angle.cos(), 2.0 * angle.sin()]).exp();
/// let peak = 1.0 / (5.0 * 4.0 * std::f64::consts::TAU * 0.3 * 0.1);
/// assert!((middle_of_a_blade / peak - 1.0).abs() < 1e-6, "the next blade is 9 deviations away");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pinwheel {
    /// How many blades, K ≥ 1.
    pub blades: usize,
    /// The standard deviation along a blade, s_r > 0.
    pub radial_std: f64,
    /// The standard deviation across a blade, s_t > 0.
    pub tangential_std: f64,
    /// How far a blade is twisted, finite; 0 leaves it straight, below 0 it turns the other way.
    pub rate: f64,
    /// The distance of a blade's middle from the origin, c > 0.
    pub scale: f64,
}

impl Default for Pinwheel {
    /// FFJORD's: five blades, deviations 0.3 and 0.1, rate 0.25, scale 2.
    fn default() -> Self {
        Self { blades: 5, radial_std: 0.3, tangential_std: 0.1, rate: 0.25, scale: 2.0 }
    }
}

impl Pinwheel {
    fn check(&self) -> Result<()> {
        at_least_one("the number of blades", self.blades)?;
        positive("the deviation along a blade", self.radial_std)?;
        positive("the deviation across a blade", self.tangential_std)?;
        positive("the scale of the pinwheel", self.scale)?;
        if self.rate.is_finite() {
            return Ok(());
        }
        let what = "the rate of the pinwheel";
        Err(Error::OutOfDomain { what, expected: "a finite number", found: self.rate })
    }

    /// αₖ(ρ).
    fn angle(&self, blade: usize, radius: f64) -> f64 {
        // Without a twist, none at infinity either.
        let twist = if self.rate == 0.0 { 0.0 } else { self.rate * radius.exp() };
        TAU * blade as f64 / self.blades as f64 + twist
    }
}

/// Q(α) f.
fn rotate(angle: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = angle.sin_cos();
    [cos * x - sin * y, sin * x + cos * y]
}

impl Sample<2> for Pinwheel {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        self.check()?;
        draw(n, source, |source| {
            let blade = source.gen_range(0..self.blades);
            let [a, b]: [f64; 2] = [source.sample(StandardNormal), source.sample(StandardNormal)];
            let f = [1.0 + self.radial_std * a, self.tangential_std * b];
            rotate(-self.angle(blade, f[0].hypot(f[1])), f).map(|coordinate| self.scale * coordinate)
        })
    }
}

impl ExactDensity for Pinwheel {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(self.check(), x, || {
            let x = x.map(|coordinate| coordinate / self.scale);
            let exponent = |blade| {
                let [f, g] = rotate(self.angle(blade, x[0].hypot(x[1])), x);
                -0.5 * ((f - 1.0) / self.radial_std).powi(2) - 0.5 * (g / self.tangential_std).powi(2)
            };
            let volume = self.radial_std.ln() + self.tangential_std.ln() + 2.0 * self.scale.ln();
            log_sum_exp((0..self.blades).map(exponent)) - (self.blades as f64 * TAU).ln() - volume
        })
    }
}
