//! The mixture of logistic distribution functions.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Transformer;
use super::transformer::soft_clip;
use crate::tensor::Real;

/// y = eᵃ logit(Σₖ πₖ σ((x − μₖ) / sₖ)) + b, the mixture of K logistics of Flow++ (Ho et al. 2019, arXiv:1902.00275,
/// section 3.2).
///
/// h = (K logits of π, K means μ, K log-scales, a, b), so P = 3 K + 2. log s is held between −5 and 5, and a between −3 and 3,
/// as [`BoundedAffine`](super::BoundedAffine) does; h = 0 is y = x. Both tails of the mixture are kept as logarithms, so
/// that the map never saturates: far out it is nearly a line. It is computed in f64.
///
/// The inverse lies between the smallest and the largest of μₖ + sₖ v with v = (y − b) e⁻ᵃ, because at the largest every
/// component is at least σ(v). Newton's method finds it there, with bisection where it leaves the bracket or does not arrive.
///
/// ```
/// use pushforward::coupling::{LogisticMixture, Transformer};
/// use pushforward::tensor::Real;
///
/// let mixture = LogisticMixture::<2>;
/// let h: [Real; 8] = [0.0, 0.5, -2.0, 2.0, -1.0, -1.0, 0.3, 0.1];
/// let (y, _) = mixture.forward(1000.0, &h);
/// assert!((mixture.inverse(y, &h).unwrap() - 1000.0).abs() < 1e-3, "the rounding of f32 at 1000");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogisticMixture<const K: usize = 4>;

impl<const K: usize> Transformer for LogisticMixture<K> {
    const PARAMETERS: usize = {
        assert!(K > 0 && K <= MOST, "a mixture has from 1 to 32 components");
        3 * K + 2
    };

    const SYMMETRIC: bool = K > 1;

    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        forward(K, x, h)
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        inverse(K, y, h)
    }

    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real {
        gradient(K, x, h, (dy, dl), dh)
    }
}

/// Components are kept on the stack.
const MOST: usize = 32;

const LOG_SCALE_BOUND: Real = 5.0;
const STRETCH_BOUND: Real = 3.0;

fn forward(k: usize, x: Real, h: &[Real]) -> (Real, Real) {
    let (a, b) = (soft_clip(h[3 * k], STRETCH_BOUND).0, h[3 * k + 1]);
    let value = Mixture::new(k, h).at(f64::from(x));
    let a = f64::from(a);
    ((value.logit() * a.exp() + f64::from(b)) as Real, (value.log_slope() + a) as Real)
}

/// Newton's method has these steps. Where it goes in a circle between flats, or rounding keeps its steps long, there is
/// bisection alone after them.
const NEWTON: usize = 50;

/// 200 halvings make a bracket as wide as f32 reaches shorter than 10⁻²⁰.
const STEPS: usize = NEWTON + 200;

fn inverse(k: usize, y: Real, h: &[Real]) -> Option<Real> {
    let (a, b) = (soft_clip(h[3 * k], STRETCH_BOUND).0, h[3 * k + 1]);
    let logit = (f64::from(y) - f64::from(b)) * (-f64::from(a)).exp();
    let mixture = Mixture::new(k, h);
    let ends = mixture.components().map(|c| c.mean + logit * c.scale);
    let (mut low, mut high) =
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    let mut x = 0.5 * (low + high);
    for step in 0..STEPS {
        let value = mixture.at(x);
        let excess = value.logit() - logit;
        if excess > 0.0 {
            high = x
        } else {
            low = x
        }
        let newton = x - excess / value.log_slope().exp();
        let next = if step < NEWTON && low <= newton && newton <= high { newton } else { 0.5 * (low + high) };
        let done = (next - x).abs() <= 1e-14 * (1.0 + x.abs());
        x = next;
        if done {
            break;
        }
    }
    Some(x as Real)
}

#[derive(Clone, Copy, Default)]
struct Component {
    log_weight: f64,
    mean: f64,
    scale: f64,
    log_scale: f64,
    /// The derivative of the log-scale with respect to its parameter.
    slope: f64,
}

struct Mixture {
    k: usize,
    all: [Component; MOST],
}

/// What is known of a mixture at one point: the logarithms of F, of 1 − F and of the density F′, and of each component
/// log πₖ + log σ(uₖ), log πₖ + log σ(−uₖ) and its part of the density, with uₖ.
struct Value {
    log_below: f64,
    log_above: f64,
    log_density: f64,
    below: [f64; MOST],
    above: [f64; MOST],
    density: [f64; MOST],
    u: [f64; MOST],
}

impl Value {
    fn logit(&self) -> f64 {
        self.log_below - self.log_above
    }

    fn log_slope(&self) -> f64 {
        self.log_density - self.log_below - self.log_above
    }
}

impl Mixture {
    fn new(k: usize, h: &[Real]) -> Self {
        let mut all = [Component::default(); MOST];
        let mut logits = [0.0; MOST];
        for (logit, h) in logits.iter_mut().zip(&h[..k]) {
            *logit = f64::from(*h);
        }
        let total = log_sum_exp(&logits[..k]);
        for (j, component) in all[..k].iter_mut().enumerate() {
            let (log_scale, slope) = soft_clip(h[2 * k + j], LOG_SCALE_BOUND);
            let (log_scale, slope) = (f64::from(log_scale), f64::from(slope));
            let (log_weight, mean) = (logits[j] - total, f64::from(h[k + j]));
            *component = Component { log_weight, mean, scale: log_scale.exp(), log_scale, slope };
        }
        Self { k, all }
    }

    fn components(&self) -> impl Iterator<Item = &Component> {
        self.all[..self.k].iter()
    }

    fn at(&self, x: f64) -> Value {
        let (mut below, mut above, mut density, mut u) = ([0.0; MOST], [0.0; MOST], [0.0; MOST], [0.0; MOST]);
        for (j, c) in self.components().enumerate() {
            u[j] = (x - c.mean) / c.scale;
            let small = (-u[j].abs()).exp().ln_1p();
            let (log_below, log_above) = (u[j].min(0.0) - small, (-u[j]).min(0.0) - small);
            below[j] = c.log_weight + log_below;
            above[j] = c.log_weight + log_above;
            density[j] = c.log_weight + log_below + log_above - c.log_scale;
        }
        let k = self.k;
        Value {
            log_below: log_sum_exp(&below[..k]),
            log_above: log_sum_exp(&above[..k]),
            log_density: log_sum_exp(&density[..k]),
            below,
            above,
            density,
            u,
        }
    }
}

fn log_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

fn gradient(k: usize, x: Real, h: &[Real], (dy, dl): (Real, Real), dh: &mut [Real]) -> Real {
    let (a, a_slope) = soft_clip(h[3 * k], STRETCH_BOUND);
    let stretch = f64::from(a).exp();
    let (dy, dl) = (f64::from(dy), f64::from(dl));
    let mixture = Mixture::new(k, h);
    let value = mixture.at(f64::from(x));
    let d_logit = dy * stretch;
    let mut dx = 0.0;
    let mut d_weights = [0.0; MOST];
    for (j, c) in mixture.components().enumerate() {
        // The parts of component j in F, in 1 − F and in the density.
        let below = (value.below[j] - value.log_below).exp();
        let above = (value.above[j] - value.log_above).exp();
        let density = (value.density[j] - value.log_density).exp();
        let u = value.u[j];
        let (up, down) = (sigmoid(u), sigmoid(-u));
        let d_u =
            d_logit * (below * down + above * up) + dl * (density * (down - up) - below * down + above * up);
        d_weights[j] = d_logit * (below - above) + dl * (density - below - above);
        dx += d_u / c.scale;
        dh[k + j] -= (d_u / c.scale) as Real;
        dh[2 * k + j] -= ((dl * density + d_u * u) * c.slope) as Real;
    }
    let sum: f64 = d_weights[..k].iter().sum();
    for (j, c) in mixture.components().enumerate() {
        dh[j] += (d_weights[j] - c.log_weight.exp() * sum) as Real;
    }
    dh[3 * k] += ((dy * value.logit() * stretch + dl) * f64::from(a_slope)) as Real;
    dh[3 * k + 1] += dy as Real;
    dx as Real
}

fn sigmoid(u: f64) -> f64 {
    let e = (-u.abs()).exp();
    if u > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}
