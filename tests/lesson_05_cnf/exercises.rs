//! The checks of lesson 05's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::{accepted, rejected};
use pushforward::exercises::cnf::{OnLine, adjoint, controller, heun, hutchinson, log_density};
use std::f64::consts::TAU;

#[test]
fn the_heun_check_tells_the_step_from_other_steps_and_from_velocities_asked_at_wrong_times_and_places() {
    accepted(&heun(|v, t, x, h| x + 0.5 * h * (v(t, x) + v(t + h, x + h * v(t, x)))));
    rejected(&heun(|v, t, x, h| x + h * v(t, x)), "Euler's step");
    let midpoint = |v: OnLine, t: f64, x: f64, h: f64| x + h * v(t + 0.5 * h, x + 0.5 * h * v(t, x));
    // On a linear field both are right.
    rejected(&heun(midpoint), "midpoint");
    rejected(&heun(|v, t, x, h| x + h * v(t + h, x + h * v(t, x))), "second velocity alone");
    rejected(&heun(|v, t, x, h| x + h * (v(t, x) + v(t + h, x + h * v(t, x)))), "sum of both");
    rejected(&heun(|v, t, x, h| x + 0.5 * h * (v(t, x) + v(t, x + h * v(t, x)))), "ends at t + h");
    rejected(&heun(|v, t, x, h| x + 0.5 * h * (v(t, x) + v(t + h, x))), "where the step began");
    rejected(&heun(|_, _, _, _| f64::NAN), "NaN");
}

/// The controller with factors of one's own, of the errors now and before, for steps accepted and refused.
fn steered(
    accepted: impl Fn(f64, f64) -> f64,
    refused: impl Fn(f64, f64) -> f64,
) -> impl Fn(f64, f64, f64) -> (bool, f64) {
    move |h, error, before| {
        let factor = if error <= 1.0 { accepted(error, before) } else { refused(error, before) };
        (error <= 1.0, h * factor)
    }
}

#[test]
fn the_controller_check_rejects_factors_without_bounds_memory_safety_or_refusal() {
    let damped = |error: f64, before: f64| 0.9 * before.powf(0.04) / error.powf(0.17);
    let bare = |error: f64, _: f64| 0.9 / error.powf(0.17);
    let up = move |error, before| damped(error, before).clamp(0.2, 10.0);
    let down = move |error, before| bare(error, before).clamp(0.2, 1.0);
    accepted(&controller(steered(up, down)));
    rejected(&controller(|h, error, before| (true, h * up(error, before))), "refused: ε is above 1");
    rejected(
        &controller(|h, error, before| (error < 1.0, h * up(error, before))),
        "accepted: ε is at most 1",
    );
    rejected(&controller(steered(damped, down)), "bounds");
    rejected(&controller(steered(up, bare)), "bounds");
    rejected(&controller(steered(move |e, b| bare(e, b).clamp(0.2, 10.0), down)), "step before is missing");
    rejected(&controller(steered(up, move |e, b| damped(e, b).clamp(0.2, 1.0))), "does not count");
    rejected(&controller(steered(move |e, b| up(e, b) / 0.9, down)), "Without the 0.9");
    let grows = |error: f64, before: f64| 0.9 * error.powf(0.17) / before.powf(0.04);
    rejected(&controller(steered(grows, down)), "the other way round");
    rejected(&controller(steered(|_, _| f64::NAN, down)), "NaN");
}

/// From x at t = 1 back to t = 0: where it came from, and the integral of the divergence.
fn back(v: OnLine, divergence: OnLine, x: f64, steps: usize) -> (f64, f64) {
    let h = 1.0 / steps as f64;
    (1..=steps).rev().fold((x, 0.0), |(x, sum), k| {
        let t = k as f64 * h;
        (x - h * v(t, x), sum + h * divergence(t, x))
    })
}

fn normal(z: f64) -> f64 {
    -0.5 * z * z - 0.5 * TAU.ln()
}

#[test]
fn the_density_check_rejects_the_wrong_sign_the_wrong_direction_and_the_density_of_the_wrong_point() {
    accepted(&log_density(|v, d, x, n| {
        let (z, integral) = back(v, d, x, n);
        normal(z) - integral
    }));
    let plus = |v: OnLine, d: OnLine, x: f64, n: usize| {
        let (z, integral) = back(v, d, x, n);
        normal(z) + integral
    };
    rejected(&log_density(plus), "sign of the integral");
    rejected(&log_density(|v, d, x, n| normal(back(v, d, x, n).0)), "divergence is missing");
    rejected(&log_density(|v, d, x, n| normal(x) - back(v, d, x, n).1), "where x came from");
    let onward = |v: OnLine, d: OnLine, x: f64, n: usize| {
        let h = 1.0 / n as f64;
        let (end, sum) = (0..n).fold((x, 0.0), |(x, sum), k| {
            let t = k as f64 * h;
            (x + h * v(t, x), sum + h * d(t, x))
        });
        normal(end) - sum
    };
    rejected(&log_density(onward), "Go back from t = 1");
    let mirrored = |v: OnLine, d: OnLine, x: f64, n: usize| {
        let h = 1.0 / n as f64;
        let (start, sum) = (0..n).fold((x, 0.0), |(x, sum), k| {
            let t = k as f64 * h;
            (x - h * v(t, x), sum + h * d(t, x))
        });
        normal(start) - sum
    };
    rejected(&log_density(mirrored), "your time goes on");
    let without_root = |v: OnLine, d: OnLine, x: f64, n: usize| {
        let (z, integral) = back(v, d, x, n);
        -0.5 * z * z - integral
    };
    rejected(&log_density(without_root), "1/√2π");
    rejected(&log_density(|_, _, _, _| f64::NAN), "NaN");
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[test]
fn the_hutchinson_check_rejects_two_vectors_in_one_term_sums_for_means_and_other_products() {
    accepted(&hutchinson(|product, draw, probes| {
        let terms = (0..probes).map(|_| {
            let e = draw();
            dot(e, product(e))
        });
        terms.sum::<f64>() / probes as f64
    }));
    rejected(
        &hutchinson(|product, draw, probes| {
            (0..probes).map(|_| dot(draw(), product(draw()))).sum::<f64>() / probes as f64
        }),
        "two vectors",
    );
    rejected(
        &hutchinson(|product, draw, probes| {
            let e = draw();
            (0..probes).map(|_| dot(e, product(e))).sum::<f64>() / probes as f64
        }),
        "one ε for each",
    );
    let each = |term: fn([f64; 3], [f64; 3]) -> f64, share: fn(usize) -> f64| {
        hutchinson(move |product, draw, probes| {
            let terms = (0..probes).map(|_| {
                let e = draw();
                term(e, product(e))
            });
            terms.sum::<f64>() / share(probes)
        })
    };
    rejected(&each(dot, |_| 1.0), "take the mean");
    rejected(&each(|_, moved| moved.iter().sum(), |n| n as f64), "entries of Jε");
    rejected(&each(|_, moved| dot(moved, moved), |n| n as f64), "|Jε|²");
    rejected(&each(dot, |n| 3.0 * n as f64), "mean over the coordinates");
    rejected(&each(|_, _| f64::NAN, |n| n as f64), "NaN");
    rejected(
        &hutchinson(|product, draw, probes| {
            let terms = (0..probes).map(|_| {
                let e = draw();
                (0..3).map(|i| e[i] * product(e)[i]).sum::<f64>()
            });
            terms.sum::<f64>() / probes as f64
        }),
        "One product",
    );
}

/// The adjoint by Euler's steps, with factors on its two equations.
fn gradient(theta: f64, x_0: f64, steps: usize, growth: f64, sign: f64) -> f64 {
    let h = 1.0 / steps as f64;
    let x_1 = (0..steps).fold(x_0, |x, _| x + h * (theta * x).sin());
    let (mut x, mut a, mut gradient) = (x_1, 1.0, 0.0);
    for _ in 0..steps {
        let slope = (theta * x).cos();
        gradient += sign * h * a * x * slope;
        a += growth * h * a * theta * slope;
        x -= h * (theta * x).sin();
    }
    gradient
}

#[test]
fn the_adjoint_check_rejects_a_constant_adjoint_one_that_goes_the_wrong_way_and_the_wrong_sign() {
    accepted(&adjoint(|theta, x_0, n| gradient(theta, x_0, n, 1.0, 1.0)));
    rejected(&adjoint(|theta, x_0, n| gradient(theta, x_0, n, 0.0, 1.0)), "stays 1");
    rejected(&adjoint(|theta, x_0, n| gradient(theta, x_0, n, -1.0, 1.0)), "the wrong way");
    rejected(&adjoint(|theta, x_0, n| gradient(theta, x_0, n, 1.0, -1.0)), "sign");
    rejected(&adjoint(|_, _, _| 0.0), "finite differences");
    rejected(&adjoint(|_, _, _| f64::NAN), "NaN");
}
