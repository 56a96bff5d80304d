//! The uniform distribution on an arc of a circle, blurred by a Gaussian: what moons, rings and curves are made of.

use super::{blurred, log_sum_exp};
use crate::tensor::Source;
use rand::Rng;
use std::f64::consts::{LN_2, PI, TAU};

/// A part of a circle, from the angle `start` counterclockwise over the angle `sweep` in (0, 2π].
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) centre: [f64; 2],
    pub(super) radius: f64,
    pub(super) start: f64,
    pub(super) sweep: f64,
}

impl Arc {
    /// A point c + R (cos θ, sin θ) with θ uniform on the arc, plus noise from N(0, std² I).
    pub(super) fn sample(&self, std: f64, source: &mut Source) -> [f64; 2] {
        let (sin, cos) = (self.start + self.sweep * source.r#gen::<f64>()).sin_cos();
        blurred([self.centre[0] + self.radius * cos, self.centre[1] + self.radius * sin], std, source)
    }

    /// log p(x) with p(x) = 1/sweep ∫ N(x; c + R (cos θ, sin θ), s² I) dθ over the arc.
    ///
    /// In polar coordinates (r, φ) about the centre |x − c − R (cos θ, sin θ)|² = (r − R)² + 2 r R (1 − cos(θ − φ)),
    /// so that p(x) = exp(−(r − R)² / 2s²) / (2π s² sweep) · ∫ exp(−κ (1 − cos(θ − φ))) dθ with κ = r R / s². On the
    /// whole circle that integral is 2π e^−κ I₀(κ), with the Bessel function I₀.
    pub(super) fn log_density(&self, x: [f64; 2], std: f64) -> f64 {
        let [dx, dy] = [x[0] - self.centre[0], x[1] - self.centre[1]];
        let r = dx.hypot(dy);
        let kappa = (r / std) * (self.radius / std);
        let radial = -0.5 * ((r - self.radius) / std).powi(2);
        if !(kappa.is_finite() && radial.is_finite()) {
            return f64::NEG_INFINITY;
        }
        radial - (TAU * self.sweep).ln() - 2.0 * std.ln() + self.log_integral(dy.atan2(dx), kappa)
    }

    /// log ∫ exp(−κ (1 − cos(θ − φ))) dθ over the arc: one walk from its nearest point, or one from φ to each end.
    fn log_integral(&self, phi: f64, kappa: f64) -> f64 {
        if self.sweep == TAU {
            return LN_2 + log_piece(kappa, 0.0, PI);
        }
        let behind = (phi - self.start).rem_euclid(TAU);
        let [back, ahead] = if behind <= self.sweep {
            [walk(0.0, behind), walk(0.0, self.sweep - behind)]
        } else {
            [walk(behind - self.sweep, behind), [(PI, PI); 2]]
        };
        let pieces = [back[0], back[1], ahead[0], ahead[1]];
        let nearest = pieces.iter().fold(PI, |nearest, piece| nearest.min(piece.0));
        let matters = |piece: &&(f64, f64)| fall(kappa, nearest, piece.0 - nearest) < NOTHING_LEFT;
        let pieces = pieces.iter().filter(matters).map(|&(near, far)| log_piece(kappa, near, far));
        log_sum_exp(pieces.collect::<Vec<_>>().into_iter())
    }
}

/// e^−45 of what has been added is less than its rounding.
const NOTHING_LEFT: f64 = 45.0;

/// The angles at distance `near` to `far` in one direction, 0 ≤ near ≤ far ≤ 2π, as intervals of the distance on the
/// circle, which is at most π: beyond π one comes closer again.
fn walk(near: f64, far: f64) -> [(f64, f64); 2] {
    [(near.min(PI), far.min(PI)), (TAU - far.max(PI), TAU - near.max(PI))]
}

/// By which exponent exp(κ cos w) falls from the angle w to w + d: κ (cos w − cos(w + d)), without cancellation.
fn fall(kappa: f64, w: f64, d: f64) -> f64 {
    kappa * (2.0 * (w + 0.5 * d).sin() * (0.5 * d).sin())
}

/// log ∫ exp(−κ (1 − cos w)) dw from `near` to `far`, 0 ≤ near ≤ far ≤ π, to a relative error of 10⁻¹¹.
///
/// The integrand falls from its value at `near`, which is taken out. On the first panel it falls by e⁻⁴ at most; each
/// one is twice as wide as the one before and has 16 Gauss-Legendre nodes.
fn log_piece(kappa: f64, near: f64, far: f64) -> f64 {
    if far <= near {
        return f64::NEG_INFINITY;
    }
    let length = far - near;
    let mut width = length.min(2.0 / kappa.sqrt()).min(2.0 / (kappa * near.sin()));
    let (mut from, mut integral) = (0.0, 0.0);
    while from < length && fall(kappa, near, from) < NOTHING_LEFT {
        let to = (from + width).min(length);
        integral += gauss_legendre(from, to, |d| (-fall(kappa, near, d)).exp());
        from = to;
        width *= 2.0;
    }
    integral.ln() - fall(kappa, 0.0, near)
}

/// ∫ f(x) dx from a to b by the 16 nodes that are exact for polynomials up to degree 31.
fn gauss_legendre(a: f64, b: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
    let pair = |(node, weight): &(f64, f64)| weight * (f(middle - half * node) + f(middle + half * node));
    half * NODES_AND_WEIGHTS.iter().map(pair).sum::<f64>()
}

/// The positive zeros of the Legendre polynomial P₁₆ and their weights 2 / ((1 − x²) P₁₆′(x)²).
const NODES_AND_WEIGHTS: [(f64, f64); 8] = [
    (0.9894009349916499, 0.027152459411754096),
    (0.9445750230732326, 0.062253523938647894),
    (0.8656312023878318, 0.09515851168249279),
    (0.755404408355003, 0.12462897125553388),
    (0.6178762444026438, 0.14959598881657674),
    (0.45801677765722737, 0.16915651939500254),
    (0.2816035507792589, 0.18260341504492358),
    (0.09501250983763744, 0.1894506104550685),
];
