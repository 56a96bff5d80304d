//! The checks of lesson 04's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::{accepted, rejected};
use pushforward::exercises::residual::{contract, inverse, planar, roulette};

/// Iterates from z until the last step is small, as the rule says.
fn search(u: &dyn Fn(f64) -> f64, z: f64, budget: usize, is_small: fn(f64) -> bool) -> Option<f64> {
    let mut x = z;
    for _ in 0..budget {
        let next = z - u(x);
        if is_small(next - x) {
            return Some(x);
        }
        x = next;
    }
    None
}

#[test]
fn the_inverse_check_rejects_the_published_rule_a_number_of_steps_and_an_answer_where_nothing_converges() {
    accepted(&inverse(|u, z, budget| search(u, z, budget, |step| step.abs() <= 1e-8)));
    let published = inverse(|u, z, budget| search(u, z, budget, |step| step * step < 1e-5));
    rejected(&published, "compare a square");
    rejected(&inverse(|u, z, budget| search(u, z, budget, |step| step.abs() < 1e-5)), "leaves a residual");
    let hundred = inverse(|u, z, _| {
        let mut x = z;
        (0..100).for_each(|_| x = z - u(x));
        Some(x)
    });
    rejected(&hundred, "fixed number of steps");
    let patient = inverse(|u, z, budget| {
        let mut x = z;
        (0..budget).for_each(|_| x = z - u(x));
        Some(x)
    });
    rejected(&patient, "Say None");
    let unaware = inverse(|u, z, budget| {
        let mut x = z;
        (0..budget).for_each(|_| x = z - u(x));
        (budget != 20).then_some(x)
    });
    rejected(&unaware, "does not contract");
    let wasteful = inverse(|u, z, _| search(u, z, 1_000_000, |step| step.abs() <= 1e-13));
    rejected(&wasteful, "20 are allowed");
    // The secant method solves all of them.
    accepted(&inverse(|u, z, budget| {
        let residual = |x: f64| x + u(x) - z;
        let (mut before, mut x) = (z + 1e-3, z);
        let (mut last, mut now) = (residual(before), residual(x));
        for _ in 2..budget {
            if now.abs() <= 1e-8 {
                return Some(x);
            }
            (before, x) = (x, x - now * (x - before) / (now - last));
            (last, now) = (now, residual(x));
        }
        None
    }));
    let sign = inverse(|u, z, budget| search(&|x| -u(x), z, budget, |step| step.abs() <= 1e-10));
    rejected(&sign, "x − u(x) = z");
    rejected(&inverse(|_, _, _| None), "you found none");
    rejected(&inverse(|_, _, _| Some(f64::NAN)), "NaN");
}

fn sign(k: usize) -> f64 {
    if k % 2 == 1 { 1.0 } else { -1.0 }
}

#[test]
fn the_roulette_check_tells_the_probability_of_k_from_that_of_at_least_k() {
    let term = |k: usize| sign(k) / k as f64;
    let reach = |k: usize, p: f64| (1.0 - p).powi(k as i32 - 1);
    accepted(&roulette(|k, p| term(k) / reach(k, p)));
    rejected(&roulette(|k, p| term(k) / (p * reach(k, p))), "P(N = k)");
    rejected(&roulette(|k, p| term(k) / reach(k + 1, p)), "P(N > k)");
    rejected(&roulette(|k, p| term(k) * reach(k, p)), "not P(N ≥ k)");
    rejected(&roulette(|k, _| term(k)), "Without a weight");
    rejected(&roulette(|k, p| 1.0 / k as f64 / reach(k, p)), "alternate");
    rejected(&roulette(|k, p| -term(k) / reach(k, p)), "first term");
    rejected(&roulette(|k, p| sign(k) / reach(k, p)), "tᵏ/k");
    rejected(&roulette(|_, _| f64::NAN), "NaN");
}

type Matrix = [[f64; 2]; 2];

fn spectral(w: Matrix) -> f64 {
    let s: f64 = w.as_flattened().iter().map(|w| w * w).sum();
    let d = w[0][0] * w[1][1] - w[0][1] * w[1][0];
    (0.5 * (s + (s * s - 4.0 * d * d).max(0.0).sqrt())).sqrt()
}

fn scaled(w: Matrix, factor: f64) -> Matrix {
    w.map(|row| row.map(|w| factor * w))
}

/// c over a norm, where the norm is above c.
fn factor(norm: f64, c: f64) -> f64 {
    if norm > c { c / norm } else { 1.0 }
}

#[test]
fn the_contraction_check_rejects_other_norms_and_weights_that_grow() {
    accepted(&contract(|w, c| scaled(w, factor(spectral(w), c))));
    rejected(&contract(|w, c| scaled(w, c / spectral(w))), "contracts already");
    let frobenius = |w: Matrix| w.as_flattened().iter().map(|w| w * w).sum::<f64>().sqrt();
    rejected(&contract(|w, c| scaled(w, factor(frobenius(w), c))), "Frobenius");
    let entry = |w: Matrix| w.as_flattened().iter().fold(0.0f64, |largest, w| largest.max(w.abs()));
    rejected(&contract(|w, c| scaled(w, factor(entry(w), c))), "above c");
    let from_below = |w: Matrix| w[0][0].hypot(w[1][0]);
    rejected(&contract(|w, c| scaled(w, factor(from_below(w), c))), "above c");
    let always = |w: Matrix, c: f64| scaled(w, c / spectral(w).max(c));
    accepted(&contract(always));
    rejected(&contract(|w, _| w), "above c");
    rejected(&contract(|w, c| scaled(w, f64::from(u8::from(spectral(w) <= c)))), "should be c");
    let nothing = |w: Matrix, c: f64| if spectral(w) == 0.0 { scaled(w, c / 0.0) } else { always(w, c) };
    rejected(&contract(nothing), "divided by 0");
}

#[test]
fn the_planar_check_rejects_the_uncorrected_vector_and_the_wrong_derivative() {
    let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    let reach = move |w, u| dot(w, u).exp().ln_1p() - 1.0;
    let h = move |x, w, b: f64| (dot(w, x) + b).tanh();
    let slope = move |x, w, b| 1.0 - f64::powi(h(x, w, b), 2);
    accepted(&planar(|x, w, u, b| (1.0 + reach(w, u) * slope(x, w, b)).ln()));
    rejected(&planar(|x, w, u, b| (1.0 + dot(w, u) * slope(x, w, b)).ln()), "That is with u");
    rejected(&planar(|x, w, u, b| 1.0 + reach(w, u) * slope(x, w, b)), "logarithm");
    rejected(&planar(|x, w, u, b| (1.0 + reach(w, u) * h(x, w, b)).ln()), "1 − tanh²");
    rejected(&planar(|_, w, u, _| (1.0 + reach(w, u)).ln()), "only where");
    rejected(&planar(|x, w, u, b| -(1.0 + reach(w, u) * slope(x, w, b)).ln()), "inverse");
    rejected(&planar(|_, _, _, _| f64::NAN), "wᵀû tanh′");
}
