//! Distributions that are made of blurred arcs: moons, rings and the S.

use super::arc::Arc;
use super::{ExactDensity, Sample, at_least_one, draw, log_density_or_none, log_sum_exp, positive};
use crate::Result;
use crate::tensor::{Points, Source};
use rand::Rng;
use std::f64::consts::{PI, TAU};

/// Two half circles that reach into each other.
///
/// x = (cos θ, sin θ) or x = (1 − cos θ, ½ − sin θ), each with probability ½, with θ uniform on \[0, π\], plus noise
/// from N(0, noise² I). It lives in \[−1, 2\] × \[−½, 1\].
///
/// p(x) = ½ ∑ₖ 1/π ∫ N(x; xₖ(θ), noise² I) dθ is computed by quadrature; log p is right to 10⁻¹⁰
/// (tested for noise from 0.05 to 5). With the default noise the entropy −E log p(x) is 1.007585 nats: no model has
/// a lower expected negative log-likelihood.
///
/// The arcs are those of scikit-learn's `make_moons`, which places its points evenly instead of at random. Mind the
/// scale of others: FFJORD's moons are 2 x + (−1, −0.2), torchcfm's are 3 x − 1 with another kind of noise.
///
/// ```
/// use pushforward::data::{ExactDensity, Sample, TwoMoons};
/// use pushforward::tensor::{Source, rows};
///
/// let moons = TwoMoons::default();
/// let points = rows(&moons.sample(10_000, &mut Source::new(1))?);
/// let nll = points.iter().map(|&[x, y]| -moons.log_density([x.into(), y.into()])).sum::<f64>() / 10_000.0;
/// assert!((nll - 1.0076).abs() < 0.0225, "the entropy, within 3 standard errors: log p deviates by 0.748");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoMoons {
    /// The standard deviation of the noise along each axis, positive.
    pub noise: f64,
}

impl Default for TwoMoons {
    /// Noise of standard deviation 0.1.
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl TwoMoons {
    const ARCS: [Arc; 2] = [
        Arc { centre: [0.0, 0.0], radius: 1.0, start: 0.0, sweep: PI },
        Arc { centre: [1.0, 0.5], radius: 1.0, start: PI, sweep: PI },
    ];
}

impl Sample<2> for TwoMoons {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        positive("the noise of the moons", self.noise)?;
        draw(n, source, |source| Self::ARCS[source.gen_range(0..2)].sample(self.noise, source))
    }
}

impl ExactDensity for TwoMoons {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(positive("noise", self.noise), x, || mixture(&Self::ARCS, x, self.noise))
    }
}

/// A curve that looks like an S.
///
/// x = (sin t, sign(t) (cos t − 1)) with t uniform on \[−3π/2, 3π/2\], plus noise from N(0, noise² I): three quarters
/// of a circle around (0, −1) and, turned by half a turn, around (0, 1). It lives in \[−1, 1\] × \[−2, 2\].
///
/// p(x) is computed by the same quadrature as that of [`TwoMoons`]; log p is right to 10⁻¹⁰ (tested
/// for noise from 0.05 to 5).
///
/// These are the first and the third coordinate of scikit-learn's `make_s_curve`, whose noise is 0 unless asked for.
///
/// ```
/// use pushforward::data::{ExactDensity, SCurve};
///
/// let curve = SCurve { noise: 0.05 };
/// let on_the_curve = curve.log_density([1.0, -1.0]).exp();
/// let straight = 1.0 / (3.0 * std::f64::consts::PI) / (std::f64::consts::TAU.sqrt() * 0.05);
/// assert!((on_the_curve / straight - 1.0).abs() < 1e-2, "a line of length 3π, bent by noise/radius = 0.05");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SCurve {
    /// The standard deviation of the noise along each axis, positive.
    pub noise: f64,
}

impl Default for SCurve {
    /// Noise of standard deviation 0.1.
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl SCurve {
    /// t > 0 goes clockwise around (0, −1), from its top to its left.
    const ARCS: [Arc; 2] = [
        Arc { centre: [0.0, -1.0], radius: 1.0, start: -PI, sweep: 1.5 * PI },
        Arc { centre: [0.0, 1.0], radius: 1.0, start: 0.0, sweep: 1.5 * PI },
    ];
}

impl Sample<2> for SCurve {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        positive("the noise of the curve", self.noise)?;
        draw(n, source, |source| Self::ARCS[source.gen_range(0..2)].sample(self.noise, source))
    }
}

impl ExactDensity for SCurve {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(positive("noise", self.noise), x, || mixture(&Self::ARCS, x, self.noise))
    }
}

/// Circles around the origin.
///
/// x = Rₖ (cos θ, sin θ) with Rₖ = k R / K, k uniform on {1, …, K} and θ uniform on \[0, 2π), plus noise from
/// N(0, s² I). It lives in the disc of radius R + 4 s or so.
///
/// p(x) = 1/K ∑ₖ exp(−(r² + Rₖ²) / 2s²) I₀(r Rₖ / s²) / (2π s²) with r = |x| and the modified Bessel function
/// I₀(z) = 1/π ∫ exp(z cos θ) dθ over \[0, π\], computed without overflow as e^−z I₀(z); log p is right to 10⁻¹⁰ (tested
/// for noise from 0.05 to 5).
///
/// The default is FFJORD's `rings` (`lib/toy_data.py`; Grathwohl et al. 2018, arXiv:1810.01367), with random angles
/// instead of even ones. Its `circles` are [`Rings::CIRCLES`].
///
/// ```
/// use pushforward::data::{ExactDensity, Rings};
///
/// let rings = Rings::default();
/// let [on, between] = [[0.0, 3.0], [0.0, 2.625]].map(|x| rings.log_density(x));
/// assert!(on - between > 9.0, "half way is 0.375 / 0.08 = 4.7 standard deviations from two rings");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rings {
    /// How many circles, K ≥ 1.
    pub rings: usize,
    /// The radius of the largest circle, R > 0.
    pub radius: f64,
    /// The standard deviation of the noise along each axis, s > 0.
    pub noise: f64,
}

impl Default for Rings {
    /// Four circles of radius 0.75, 1.5, 2.25 and 3, with noise of standard deviation 0.08.
    fn default() -> Self {
        Self { rings: 4, radius: 3.0, noise: 0.08 }
    }
}

impl Rings {
    /// FFJORD's `circles`: radius 1.5 and 3, with noise of standard deviation 0.24.
    pub const CIRCLES: Self = Self { rings: 2, radius: 3.0, noise: 0.24 };

    fn check(&self) -> Result<()> {
        at_least_one("the number of rings", self.rings)?;
        positive("the radius of the largest ring", self.radius)?;
        positive("the noise of the rings", self.noise)
    }

    /// Circle 1, …, K.
    fn arc(&self, k: usize) -> Arc {
        let radius = self.radius * k as f64 / self.rings as f64;
        Arc { centre: [0.0, 0.0], radius, start: 0.0, sweep: TAU }
    }
}

impl Sample<2> for Rings {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        self.check()?;
        draw(n, source, |source| self.arc(source.gen_range(1..=self.rings)).sample(self.noise, source))
    }
}

impl ExactDensity for Rings {
    fn log_density(&self, x: [f64; 2]) -> f64 {
        log_density_or_none(self.check(), x, || {
            let arcs: Vec<Arc> = (1..=self.rings).map(|k| self.arc(k)).collect();
            mixture(&arcs, x, self.noise)
        })
    }
}

/// log 1/K ∑ₖ pₖ(x).
fn mixture(arcs: &[Arc], x: [f64; 2], noise: f64) -> f64 {
    let logs: Vec<f64> = arcs.iter().map(|arc| arc.log_density(x, noise)).collect();
    log_sum_exp(logs.iter().copied()) - (arcs.len() as f64).ln()
}
