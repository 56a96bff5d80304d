//! The checks of lesson 06's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::{accepted, rejected};
use pushforward::exercises::score_matching::{
    Level, Noisy, OnLine, Part, Place, annealed, ddim, denoising, mixture_score, step_back,
};

/// The mean of the pulls (μ − x) / σ² with weights of one's own.
fn pulled(weight: impl Fn(&Part, f64) -> f64) -> impl Fn(&[Part], f64) -> f64 {
    move |parts, x| {
        let total: f64 = parts.iter().map(|part| weight(part, x)).sum();
        let pulls = parts.iter().map(|part| weight(part, x) * (part.mean - x) / part.std.powi(2));
        pulls.sum::<f64>() / total
    }
}

#[test]
fn the_score_check_rejects_pulls_that_are_weighted_with_anything_but_the_probability_of_each_gaussian() {
    let bell = |part: &Part, x: f64| (-0.5 * ((x - part.mean) / part.std).powi(2)).exp();
    accepted(&mixture_score(pulled(|part, x| part.weight * bell(part, x) / part.std)));
    rejected(&mixture_score(pulled(|part, _| part.weight)), "probability that x came");
    rejected(
        &mixture_score(pulled(|part, x| bell(part, x) / part.std)),
        "weights of the mixture are missing",
    );
    rejected(&mixture_score(pulled(|part, x| part.weight * bell(part, x))), "own factor");
    let right = pulled(|part, x| part.weight * bell(part, x) / part.std);
    rejected(&mixture_score(|parts, x| -right(parts, x)), "uphill");
    let gradient = |parts: &[Part], x: f64| {
        parts.iter().map(|part| part.weight * bell(part, x) * (part.mean - x) / part.std.powi(3)).sum()
    };
    rejected(&mixture_score(gradient), "Divide by p");
    rejected(&mixture_score(|_, _| 0.0), "found 0");
    rejected(&mixture_score(|_, _| f64::NAN), "NaN");
}

#[test]
fn the_denoising_check_rejects_the_clean_point_and_targets_of_another_sign_or_size() {
    let loss = |found: f64, target: f64| 0.5 * (found - target).powi(2);
    accepted(&denoising(|s, x, e, sigma| loss(s(x + sigma * e), -e / sigma)));
    rejected(&denoising(|s, x, e, sigma| loss(s(x), -e / sigma)), "clean point");
    rejected(&denoising(|s, x, e, sigma| loss(s(x + sigma * e), e / sigma)), "wrong sign");
    rejected(&denoising(|s, x, e, sigma| loss(s(x + sigma * e), -e)), "size 1");
    rejected(&denoising(|s, x, e, sigma| loss(s(x + sigma * e), -e / sigma.powi(2))), "One σ too many");
    rejected(&denoising(|s, x, e, sigma| 2.0 * loss(s(x + sigma * e), -e / sigma)), "½");
    rejected(&denoising(|s, x, e, sigma| 0.5 * (sigma * s(x + sigma * e) + e).powi(2)), "many levels");
    rejected(&denoising(|_: OnLine, _, _, _| 0.0), "found 0");
    rejected(&denoising(|_: OnLine, _, _, _| f64::NAN), "NaN");
}

/// A step with a drift, a pull of g² s and a push of g z of one's own, from λ and h.
fn step(
    f: f64,
    pull: impl Fn(f64) -> f64,
    push: impl Fn(f64, f64) -> f64,
) -> impl Fn(Place, f64, f64, f64) -> f64 {
    move |at, lambda, h, z| {
        let drift = f * at.f * at.x + pull(lambda) * at.g.powi(2) * at.s;
        at.x + h * drift + push(lambda, h) * at.g * z
    }
}

#[test]
fn the_check_of_a_step_back_rejects_drift_pull_and_noise_of_another_equation() {
    let pull = |lambda: f64| 0.5 * (1.0 + lambda * lambda);
    let push = |lambda: f64, h: f64| lambda * h.sqrt();
    accepted(&step_back(step(-1.0, pull, push)));
    rejected(&step_back(step(1.0, pull, push)), "its sign turns round");
    rejected(&step_back(step(-1.0, pull, |lambda, h| lambda * h)), "variances add up");
    rejected(&step_back(step(-1.0, |_| 1.0, push)), "pull of λ = 1");
    rejected(&step_back(step(-1.0, |_| 0.5, push)), "pull of λ = 0");
    rejected(&step_back(step(-1.0, |lambda| 0.5 * (1.0 + lambda), push)), "λ is squared");
    rejected(&step_back(step(-1.0, pull, |_, h| h.sqrt())), "factor λ");
    let plain = |at: Place, lambda: f64, h: f64, z: f64| {
        at.x + h * (pull(lambda) * at.g * at.s - at.f * at.x) + push(lambda, h) * at.g * z
    };
    rejected(&step_back(plain), "g is squared");
    rejected(&step_back(|at, _, _, _| at.x), "expected");
    rejected(&step_back(|_, _, _, _| f64::NAN), "NaN");
}

#[test]
fn the_ddim_check_rejects_other_noise_other_data_and_the_noise_of_the_old_level() {
    let step = |noise: fn(f64, Level) -> f64| {
        move |x: f64, s: f64, from: Level, to: Level| {
            let noise = noise(s, from);
            to.alpha * (x - from.sigma * noise) / from.alpha + to.sigma * noise
        }
    };
    accepted(&ddim(step(|s, from| -from.sigma * s)));
    rejected(&ddim(step(|s, from| from.sigma * s)), "wrong sign");
    rejected(&ddim(step(|s, from| -s / from.sigma)), "so multiply");
    rejected(&ddim(step(|s, _| -s)), "not −s");
    let data = |x: f64, s: f64, from: Level| (x + from.sigma.powi(2) * s) / from.alpha;
    rejected(
        &ddim(|x, s, from, to| to.alpha * from.alpha * data(x, s, from) - to.sigma * from.sigma * s),
        "Divide by α",
    );
    rejected(&ddim(|x, s, from, _| data(x, s, from)), "what the score believes");
    rejected(&ddim(|x, s, from, to| to.alpha * data(x, s, from) - from.sigma.powi(2) * s), "old level");
    rejected(&ddim(|x, _, _, _| x), "expected");
    rejected(&ddim(|_, _, _, _| f64::NAN), "NaN");
}

/// Langevin steps with sizes from the ratio σᵢ / σ_L, `pull` times the score and `push` of the noise.
fn walk(
    size: fn(f64) -> f64,
    pull: f64,
    push: fn(f64) -> f64,
) -> impl Fn(Noisy, &[f64], f64, usize, f64, &dyn Fn() -> f64) -> f64 {
    move |s, sigmas, epsilon, steps, x, draw| {
        let last = sigmas[sigmas.len() - 1];
        let every = sigmas.iter().flat_map(|sigma| std::iter::repeat_n(*sigma, steps));
        every.fold(x, |x, sigma| {
            let step = epsilon * size(sigma / last);
            x + pull * step * s(sigma, x) + push(step) * draw()
        })
    }
}

#[test]
fn the_annealing_check_rejects_steps_of_one_length_noise_of_another_and_levels_in_the_wrong_order() {
    let square = |ratio: f64| ratio * ratio;
    let right = walk(square, 0.5, f64::sqrt);
    accepted(&annealed(&right));
    rejected(&annealed(walk(|_| 1.0, 0.5, f64::sqrt)), "as long at all levels");
    rejected(&annealed(walk(|ratio| ratio, 0.5, f64::sqrt)), "is squared");
    rejected(&annealed(walk(square, 1.0, f64::sqrt)), "too narrow modes");
    rejected(&annealed(walk(square, 0.5, |step| step)), "root of the step");
    // It is right for σ = 4, 2, 0.5, where 1 / 0.5² is 4, too.
    let by_the_first =
        |s: Noisy, sigmas: &[f64], epsilon: f64, steps: usize, x: f64, draw: &dyn Fn() -> f64| {
            let every = sigmas.iter().flat_map(|sigma| std::iter::repeat_n(*sigma, steps));
            every.fold(x, |x, sigma| {
                let step = epsilon * sigmas[0] * sigma * sigma;
                x + 0.5 * step * s(sigma, x) + step.sqrt() * draw()
            })
        };
    rejected(&annealed(by_the_first), "expected");
    let backwards = |s: Noisy, sigmas: &[f64], epsilon: f64, steps: usize, x: f64, draw: &dyn Fn() -> f64| {
        let last = sigmas[sigmas.len() - 1];
        let every = sigmas.iter().rev().flat_map(|sigma| std::iter::repeat_n(*sigma, steps));
        every.fold(x, |x, sigma| {
            let step = epsilon * square(sigma / last);
            x + 0.5 * step * s(sigma, x) + step.sqrt() * draw()
        })
    };
    rejected(&annealed(backwards), "largest σ");
    rejected(&annealed(|s, sigmas, e, _, x, draw| right(s, sigmas, e, 1, x, draw)), "once in each step");
    let twice = |s: Noisy, sigmas: &[f64], e: f64, steps: usize, x: f64, draw: &dyn Fn() -> f64| {
        let end = right(s, sigmas, e, steps, x, draw);
        end + 0.0 * s(0.5, end)
    };
    rejected(&annealed(twice), "once in each step");
    rejected(&annealed(|_, _, _, _, x, _| x), "once in each step");
    rejected(&annealed(|s, sigmas, e, steps, x, draw| f64::NAN * right(s, sigmas, e, steps, x, draw)), "NaN");
}
