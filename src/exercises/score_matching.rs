//! Checks for lesson 06, score matching and diffusion.

use super::{Verdict, differs};
use std::cell::{Cell, RefCell};

/// A function of the place x on a line, such as a score.
pub type OnLine<'a> = &'a dyn Fn(f64) -> f64;

/// A score of data with noise on a line: a function of σ and x.
pub type Noisy<'a> = &'a dyn Fn(f64, f64) -> f64;

/// A function that does not borrow.
type Line = fn(f64) -> f64;

/// One Gaussian of a mixture on a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// w.
    pub weight: f64,
    /// μ.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
}

/// A point on a line, and what a diffusion says there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// x.
    pub x: f64,
    /// f, from data to noise: the drift there is f x.
    pub f: f64,
    /// g.
    pub g: f64,
    /// The score at x.
    pub s: f64,
}

/// A level of noise, x_t = α x₁ + σ ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// α.
    pub alpha: f64,
    /// σ.
    pub sigma: f64,
}

/// Exercise 6.1: ∇ log p(x) of a mixture of Gaussians on a line, whose weights have the sum 1.
///
/// ```
/// use pushforward::exercises::score_matching::mixture_score;
///
/// let verdict = mixture_score(|parts, x| {
///     let (mut pulls, mut total) = (0.0, 0.0);
///     for part in parts {
///         let z = (x - part.mean) / part.std;
///         let p = part.weight * (-0.5 * z * z).exp() / part.std;
///         pulls -= p * z / part.std;
///         total += p;
///     }
///     pulls / total
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn mixture_score(answer: impl Fn(&[Part], f64) -> f64) -> Verdict {
    let part = |weight, mean, std| Part { weight, mean, std };
    let mixtures = [
        vec![part(1.0, 0.5, 2.0)],
        vec![part(0.2, -1.0, 0.5), part(0.8, 1.5, 0.5)],
        vec![part(0.3, -1.0, 0.4), part(0.5, 0.3, 1.2), part(0.2, 2.0, 0.7)],
    ];
    for parts in mixtures {
        for x in [-0.4, 0.6, 1.9] {
            let right = weighted_pull(&parts, |part| density(part, x), x);
            let found = answer(&parts, x);
            if !differs(found, right) {
                continue;
            }
            let kernel = |part: &Part| part.weight * (-0.5 * ((x - part.mean) / part.std).powi(2)).exp();
            let gradient = right * parts.iter().map(|part| density(part, x)).sum::<f64>();
            let hint = match () {
                () if !differs(found, -right) => " The sign is wrong: the score points uphill, to the means.",
                () if !differs(found, weighted_pull(&parts, |part| part.weight, x)) => {
                    " You weigh the pulls with the weights of the mixture. Weigh them with the probability that x came from each Gaussian."
                }
                () if !differs(found, weighted_pull(&parts, |part| density(part, x) / part.weight, x)) => {
                    " The weights of the mixture are missing."
                }
                () if !differs(found, weighted_pull(&parts, kernel, x)) => {
                    " Each density has its own factor 1 / standard deviation, and here it does not drop out."
                }
                () if !differs(found, gradient) => {
                    " That is ∇p. Divide by p: the score is the gradient of log p."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "{parts:?} at x = {x}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("one Gaussian, two with different weights, and three with different widths.")
}

/// The density of a Gaussian, times its weight and √2π.
fn density(part: &Part, x: f64) -> f64 {
    part.weight * (-0.5 * ((x - part.mean) / part.std).powi(2)).exp() / part.std
}

/// The mean of the pulls (μ − x) / σ² with these weights.
fn weighted_pull(parts: &[Part], weight: impl Fn(&Part) -> f64, x: f64) -> f64 {
    let total: f64 = parts.iter().map(&weight).sum();
    let pulls = parts.iter().map(|part| weight(part) * (part.mean - x) / part.std.powi(2));
    pulls.sum::<f64>() / total
}

/// Exercise 6.2: the denoising objective ½ (s(x + σ ε) + ε / σ)² of one point, one noise ε and a size σ.
///
/// ```
/// use pushforward::exercises::score_matching::denoising;
///
/// let verdict = denoising(|s, x, noise, sigma| 0.5 * (s(x + sigma * noise) + noise / sigma).powi(2));
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn denoising(answer: impl Fn(OnLine, f64, f64, f64) -> f64) -> Verdict {
    let scores: [(&str, Line); 2] = [("−x", |x| -x), ("sin x − 1", |x| x.sin() - 1.0)];
    for (name, s) in scores {
        for (x, noise, sigma) in [(0.7, 1.5, 0.5), (-1.2, -0.3, 0.1), (0.2, 0.8, 2.0)] {
            let loss = |place: f64, target: f64| 0.5 * (s(place) - target).powi(2);
            let noisy = x + sigma * noise;
            let right = loss(noisy, -noise / sigma);
            let found = answer(&s, x, noise, sigma);
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, loss(x, -noise / sigma)) => {
                    " You ask the score at the clean point. It is learned where the noise leads to."
                }
                () if !differs(found, loss(noisy, noise / sigma)) => {
                    " The target has the wrong sign: the score leads back, against the noise."
                }
                () if !differs(found, loss(noisy, -noise)) => {
                    " The target is the noise of size 1. The score of N(x, σ²) at x + σ ε is −ε / σ."
                }
                () if !differs(found, loss(noisy, -noise / sigma.powi(2))) => {
                    " One σ too many: the way back is σ ε long, and it is divided by σ²."
                }
                () if !differs(found, 2.0 * right) => " The factor ½ is missing.",
                () if !differs(found, sigma.powi(2) * right) => {
                    " That has the weight σ², which many levels need. Here is one level."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "s(x) = {name}, x = {x}, ε = {noise}, σ = {sigma}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("for two scores and noise of three sizes.")
}

/// Exercise 6.3: one Euler step of length h, from noise to data, of dx = (−f x + ½ (1 + λ²) g² s) dt + λ g dw, with
/// z ~ N(0, 1).
///
/// ```
/// use pushforward::exercises::score_matching::step_back;
///
/// let verdict = step_back(|at, lambda, h, z| {
///     let pull = 0.5 * (1.0 + lambda * lambda) * at.g.powi(2);
///     at.x + h * (pull * at.s - at.f * at.x) + lambda * at.g * h.sqrt() * z
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn step_back(answer: impl Fn(Place, f64, f64, f64) -> f64) -> Verdict {
    let places = [Place { x: 1.3, f: -0.8, g: 1.5, s: -0.6 }, Place { x: -0.4, f: 0.0, g: 2.0, s: 1.1 }];
    for place in places {
        for (lambda, h, z) in [(0.0, 0.1, 0.7), (1.0, 0.1, -1.2), (0.5, 0.04, 0.9)] {
            let Place { x, f, g, s } = place;
            let step = |f: f64, pull: f64, kick: f64| x + h * (pull * g * g * s - f * x) + kick * g * z;
            let (pull, kick) = (0.5 * (1.0 + lambda * lambda), lambda * h.sqrt());
            let right = step(f, pull, kick);
            let found = answer(place, lambda, h, z);
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, step(-f, pull, kick)) => {
                    " f is given from data to noise. You go the other way: its sign turns round."
                }
                () if !differs(found, step(f, pull, lambda * h)) => {
                    " The noise of a step is √h large: variances add up, not deviations."
                }
                () if !differs(found, step(f, 1.0, kick)) => {
                    " That is the pull of λ = 1. With less noise the score pulls less: ½ (1 + λ²) g²."
                }
                () if !differs(found, step(f, 0.5, kick)) => {
                    " That is the pull of λ = 0. What is pushed must be pulled: ½ (1 + λ²) g²."
                }
                () if !differs(found, step(f, 0.5 * (1.0 + lambda), kick)) => " λ is squared in the pull.",
                () if !differs(found, step(f, pull, h.sqrt())) => " The noise has the factor λ.",
                () if !differs(found, x + h * (pull * g * s - f * x) + kick * g * z) => {
                    " g is squared in front of the score."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "{place:?}, λ = {lambda}, h = {h}, z = {z}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("the probability flow, the reverse equation, and one between them.")
}

/// Exercise 6.4: the step of DDIM without noise, from x and its score at one level to another.
///
/// ```
/// use pushforward::exercises::score_matching::ddim;
///
/// let verdict = ddim(|x, s, from, to| {
///     let noise = -from.sigma * s;
///     to.alpha * (x - from.sigma * noise) / from.alpha + to.sigma * noise
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn ddim(answer: impl Fn(f64, f64, Level, Level) -> f64) -> Verdict {
    let level = |alpha, sigma| Level { alpha, sigma };
    let steps = [
        (level(0.3, 0.9), level(0.5, 0.8)),
        (level(1.0, 5.0), level(1.0, 2.0)),
        (level(0.8, 0.5), level(1.0, 0.0)),
    ];
    for (from, to) in steps {
        for (x, s) in [(0.9, -0.7), (-1.4, 0.4)] {
            let together = |noise: f64| to.alpha * (x - from.sigma * noise) / from.alpha + to.sigma * noise;
            let noise = -from.sigma * s;
            let right = together(noise);
            let found = answer(x, s, from, to);
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, together(-noise)) => {
                    " The noise has the wrong sign: the score points against it."
                }
                () if !differs(found, together(-s / from.sigma))
                    || !differs(found, together(s / from.sigma)) =>
                {
                    " The noise is −σ s: the score is the noise divided by σ, so multiply."
                }
                () if !differs(found, together(-s)) => " The noise is −σ s, not −s.",
                () if !differs(found, to.alpha * (x - from.sigma * noise) + to.sigma * noise) => {
                    " What is left without the noise is α x₁. Divide by α to have the data."
                }
                () if !differs(found, (x - from.sigma * noise) / from.alpha) => {
                    " That is what the score believes the data to be. Put noise of the next level on it."
                }
                () if !differs(
                    found,
                    to.alpha * (x - from.sigma * noise) / from.alpha + from.sigma * noise,
                ) =>
                {
                    " You put the noise of the old level on it. The next one has less."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "x = {x}, s = {s}, {from:?} to {to:?}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("for levels of both kinds, and down to no noise at all.")
}

/// What a learner's annealed dynamics did: the values of σ that it asked at, and its end.
struct Walk {
    asked: Vec<f64>,
    drawn: usize,
    end: f64,
}

/// Exercise 6.5: annealed Langevin dynamics on a line, with so many steps x ← x + ½ εᵢ s(σᵢ, x) + √εᵢ z at each σᵢ, and
/// εᵢ = ε σᵢ² / σ_L².
///
/// ```
/// use pushforward::exercises::score_matching::annealed;
///
/// let verdict = annealed(|s, sigmas, epsilon, steps, x, draw| {
///     let (mut x, last) = (x, sigmas[sigmas.len() - 1]);
///     for sigma in sigmas {
///         let step = epsilon * (sigma / last).powi(2);
///         for _ in 0..steps {
///             x += 0.5 * step * s(*sigma, x) + step.sqrt() * draw();
///         }
///     }
///     x
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn annealed(answer: impl Fn(Noisy, &[f64], f64, usize, f64, &dyn Fn() -> f64) -> f64) -> Verdict {
    let cases: [(&[f64], f64, usize, f64); 2] =
        [(&[4.0, 2.0, 0.5], 0.01, 1, 3.0), (&[5.0, 2.2, 0.9, 0.3], 0.02, 3, -5.0)];
    for (sigmas, epsilon, steps, x) in cases {
        let walk = watch(&answer, sigmas, epsilon, steps, x);
        let way = |size: fn(f64) -> f64, pull: f64, kick: fn(f64) -> f64| {
            let size = |sigma: f64| epsilon * size(sigma / sigmas[sigmas.len() - 1]);
            langevin(sigmas, size, [steps as f64, x, pull], kick)
        };
        let right = way(|ratio| ratio * ratio, 0.5, f64::sqrt);
        let count = sigmas.len() * steps;
        if !differs(walk.end, right) && walk.asked.len() == count && walk.drawn == count {
            continue;
        }
        let hint = match () {
            () if walk.asked.len() != count || walk.drawn != count => {
                " Ask the score once in each step, and draw once."
            }
            () if walk.asked.windows(2).any(|pair| pair[0] < pair[1]) => {
                " Begin with the largest σ: there the modes flow into each other."
            }
            () if !differs(walk.end, way(|_| 1.0, 0.5, f64::sqrt)) => {
                " Your steps are as long at all levels. With much noise longer ones are safe, and needed: ε σᵢ² / σ_L²."
            }
            () if !differs(walk.end, way(|ratio| ratio, 0.5, f64::sqrt)) => " The ratio of the σ is squared.",
            () if !differs(walk.end, way(|ratio| ratio * ratio, 1.0, f64::sqrt)) => {
                " The factor ½ of the score is missing: that settles at too narrow modes."
            }
            () if !differs(walk.end, way(|ratio| ratio * ratio, 0.5, |step| step)) => {
                " The noise has the root of the step: variances add up, not deviations."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "σ = {sigmas:?}, ε = {epsilon}, {steps} steps each from x = {x}: expected {right:.4}, found {:.4} with {} scores and {} draws.{hint}",
            walk.end,
            walk.asked.len(),
            walk.drawn,
        ));
    }
    Verdict::right("level by level, with one score and one draw in each step.")
}

/// The score of N(1, 1) with noise σ.
fn noisy_score(sigma: f64, x: f64) -> f64 {
    (1.0 - x) / (1.0 + sigma * sigma)
}

/// The k-th number of the noise.
fn draw(k: usize) -> f64 {
    [0.9, -1.3, 0.2, 1.7, -0.4, -0.8, 0.5][k % 7]
}

fn watch(
    answer: &impl Fn(Noisy, &[f64], f64, usize, f64, &dyn Fn() -> f64) -> f64,
    sigmas: &[f64],
    epsilon: f64,
    steps: usize,
    x: f64,
) -> Walk {
    let (asked, drawn) = (RefCell::new(Vec::new()), Cell::new(0));
    let score = |sigma: f64, x: f64| {
        asked.borrow_mut().push(sigma);
        noisy_score(sigma, x)
    };
    let next = || {
        drawn.set(drawn.get() + 1);
        draw(drawn.get() - 1)
    };
    let end = answer(&score, sigmas, epsilon, steps, x, &next);
    Walk { asked: asked.into_inner(), drawn: drawn.into_inner(), end }
}

/// The end of Langevin steps of the sizes that are given, `pull` times the score and `kick` of the noise.
fn langevin(
    sigmas: &[f64],
    size: impl Fn(f64) -> f64,
    [steps, x, pull]: [f64; 3],
    kick: impl Fn(f64) -> f64,
) -> f64 {
    let steps = steps as usize;
    (0..sigmas.len() * steps).fold(x, |x, k| {
        let sigma = sigmas[k / steps];
        x + pull * size(sigma) * noisy_score(sigma, x) + kick(size(sigma)) * draw(k)
    })
}
