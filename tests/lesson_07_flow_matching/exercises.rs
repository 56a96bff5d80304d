//! The checks of lesson 07's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::{accepted, rejected};
use pushforward::exercises::flow_matching::{
    Coefficients, OnLine, conditional_velocity, conversions, guided, loss, marginal_velocity, random_step,
};

#[test]
fn the_conditional_velocity_check_rejects_noise_that_is_not_taken_out_of_x_and_the_rates_of_another_path() {
    let with = |noise: fn(Coefficients, f64, f64) -> f64| {
        move |at: Coefficients, x: f64, x_1: f64| at.alpha_rate * x_1 + at.sigma_rate * noise(at, x, x_1)
    };
    accepted(&conditional_velocity(with(|at, x, x_1| (x - at.alpha * x_1) / at.sigma)));
    rejected(&conditional_velocity(with(|_, x, _| x)), "takes x for the noise");
    rejected(&conditional_velocity(with(|at, x, x_1| x - at.alpha * x_1)), "Divide by σ");
    rejected(&conditional_velocity(with(|at, x, x_1| (x - x_1) / at.sigma)), "there is α x₁");
    rejected(&conditional_velocity(|at, x, x_1| x_1 - (x - at.alpha * x_1) / at.sigma), "straight path");
    rejected(&conditional_velocity(|_, _, _| 1.0), "found 1.0");
    rejected(&conditional_velocity(with(|_, _, _| f64::NAN)), "NaN");
}

/// Weighted by a function of x₀ and σ, and whether the sum of the weights divides.
fn marginal(weight: fn(f64, f64) -> f64, divided: bool) -> impl Fn(&[f64], f64, f64) -> f64 {
    move |data, t, x| {
        let (mut sum, mut total) = (0.0, 0.0);
        for x_1 in data {
            let x_0 = (x - t * x_1) / (1.0 - t);
            let w = weight(x_0, 1.0 - t);
            sum += w * (x_1 - x_0);
            total += w;
        }
        if divided { sum / total } else { sum }
    }
}

#[test]
fn the_marginal_velocity_check_rejects_weights_that_are_not_those_of_the_data_given_x() {
    let bell = |x_0: f64, _: f64| (-0.5 * x_0 * x_0).exp();
    accepted(&marginal_velocity(marginal(bell, true)));
    rejected(&marginal_velocity(marginal(|_, _| 1.0, true)), "all points of data alike");
    rejected(
        &marginal_velocity(marginal(|x_0, sigma| (-0.5 * (x_0 * sigma).powi(2)).exp(), true)),
        "forgot to divide by 1 − t",
    );
    rejected(&marginal_velocity(marginal(bell, false)), "sum of the weights");
    rejected(&marginal_velocity(|data, t, x| -marginal(bell, true)(data, t, x)), "not back");
    rejected(&marginal_velocity(|_, _, _| 0.0), "found 0");
    rejected(&marginal_velocity(|_, _, _| f64::NAN), "NaN");
}

#[test]
fn the_loss_check_rejects_other_targets_other_places_and_other_times() {
    let on_the_way = |t: f64, x_0: f64, x_1: f64, s: f64| t * x_1 + (1.0 - (1.0 - s) * t) * x_0;
    let target = |x_0: f64, x_1: f64, s: f64| x_1 - (1.0 - s) * x_0;
    accepted(&loss(|v, t, a, b, s| (v(t, on_the_way(t, a, b, s)) - target(a, b, s)).powi(2)));
    rejected(&loss(|v, t, a, b, s| (v(t, on_the_way(t, a, b, s)) - (b - a)).powi(2)), "derivative of x_t");
    rejected(
        &loss(|v, t, a, b, s| (v(t, on_the_way(t, a, b, 0.0)) - target(a, b, s)).powi(2)),
        "missing in x_t",
    );
    rejected(
        &loss(|v, t, a, b, s| (v(t, on_the_way(t, a, b, s)) + target(a, b, s)).powi(2)),
        "goes to the data",
    );
    rejected(&loss(|v, t, a, b, s| (v(t, a) - target(a, b, s)).powi(2)), "asked on the way");
    rejected(
        &loss(|v, t, a, b, s| (v(1.0 - t, on_the_way(t, a, b, s)) - target(a, b, s)).powi(2)),
        "The time runs",
    );
    rejected(&loss(|v, t, a, b, s| (v(t, on_the_way(t, a, b, s)) - target(a, b, s)).abs()), "square it");
    rejected(&loss(|_: OnLine, _, _, _, _| 0.0), "found 0");
    rejected(&loss(|_: OnLine, _, _, _, _| f64::NAN), "NaN");
}

#[test]
fn the_conversions_check_rejects_the_wrong_time_sign_or_size_for_each_of_the_three() {
    let noise = |v: f64, x: f64, t: f64| x - t * v;
    let data = |v: f64, x: f64, t: f64| x + (1.0 - t) * v;
    let score = move |v: f64, x: f64, t: f64| -noise(v, x, t) / (1.0 - t);
    accepted(&conversions(|v, x, t| [noise(v, x, t), data(v, x, t), score(v, x, t)]));
    let first = |wrong: fn(f64, f64, f64) -> f64| conversions(move |v, x, t| [wrong(v, x, t), 0.0, 0.0]);
    rejected(&first(|v, x, t| x - (1.0 - t) * v), "go back by the time t");
    rejected(&first(|v, x, t| x + t * v), "behind x: subtract");
    let second =
        |wrong: fn(f64, f64, f64) -> f64| conversions(move |v, x, t| [noise(v, x, t), wrong(v, x, t), 0.0]);
    rejected(&second(|v, x, t| x + t * v), "a time of 1 − t");
    rejected(&second(|v, x, t| x - (1.0 - t) * v), "ahead of x: add");
    let third = |wrong: fn(f64, f64) -> f64| {
        conversions(move |v, x, t| [noise(v, x, t), data(v, x, t), wrong(noise(v, x, t), t)])
    };
    rejected(&third(|e, t| e / (1.0 - t)), "its sign is −");
    rejected(&third(|e, _| -e), "Divide by σ");
    rejected(&third(|e, t| -e / (1.0 - t).powi(2)), "One σ too many");
    rejected(&third(|e, t| -e / t), "not t");
    rejected(&third(|_, _| f64::NAN), "NaN");
    rejected(&conversions(|_, _, _| [0.0; 3]), "the data is 2");
}

/// Euler steps, with the velocity asked `late` steps after their beginning.
fn steps(weights: fn(f64) -> [f64; 2], late: f64) -> impl Fn(OnLine, OnLine, f64, usize, f64) -> f64 {
    move |of_class, of_all, w, steps, x| {
        let h = 1.0 / steps as f64;
        let [all, class] = weights(w);
        (0..steps).fold(x, |x, k| {
            let t = (k as f64 + late) * h;
            x + h * (all * of_all(t, x) + class * of_class(t, x))
        })
    }
}

#[test]
fn the_guidance_check_rejects_other_mixtures_of_the_two_fields_and_other_times() {
    accepted(&guided(steps(|w| [1.0 - w, w], 0.0)));
    rejected(&guided(steps(|w| [w, 1.0 - w], 0.0)), "exchanged");
    rejected(&guided(steps(|w| [-w, 1.0 + w], 0.0)), "other convention");
    rejected(&guided(steps(|w| [1.0, w], 0.0)), "factor 1 − w");
    rejected(&guided(steps(|w| [1.0 - w, w], 1.0)), "the first at t = 0");
    rejected(&guided(steps(|_| [0.0, 1.0], 0.0)), "w is missing");
    rejected(
        &guided(|of_class, of_all, w, n, x| {
            steps(|w| [1.0 - w, w], 0.0)(&|_, x| of_class(0.0, x), &|_, x| of_all(0.0, x), w, n, x)
        }),
        "stands still",
    );
    rejected(&guided(|_, _, _, _, x| x), "found 0.6");
    rejected(&guided(|_, _, _, _, _| f64::NAN), "NaN");
}

#[test]
fn the_random_step_check_rejects_noise_that_is_not_gathered_or_does_not_grow_with_the_root_of_the_step() {
    let with = |pull: fn(f64) -> f64, kick: fn(f64, f64) -> f64| {
        random_step(move |at, g, h, z| {
            let s = (at.t * at.v - at.x) / (1.0 - at.t);
            at.x + h * (at.v + pull(g) * s) + kick(g, h) * z
        })
    };
    accepted(&with(|g| 0.5 * g * g, |g, h| g * h.sqrt()));
    rejected(&with(|_| 0.0, |g, h| g * h.sqrt()), "nothing gathers");
    rejected(&with(|g| g * g, |g, h| g * h.sqrt()), "half is missing");
    rejected(&with(|g| -0.5 * g * g, |g, h| g * h.sqrt()), "it gathers");
    rejected(&with(|g| 0.5 * g, |g, h| g * h.sqrt()), "not g");
    rejected(&with(|g| 0.5 * g * g, |g, h| g * h), "root of h");
    rejected(&with(|g| 0.5 * g * g, |_, _| 0.0), "noise is missing");
    rejected(&random_step(|_, _, _, _| 0.0), "found 0");
    rejected(&random_step(|_, _, _, _| f64::NAN), "NaN");
}
