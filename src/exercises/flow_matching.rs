//! Checks for lesson 07, flow matching.

use super::{Verdict, differs};

/// A velocity on a line: a function of the time t and the place x.
pub type OnLine<'a> = &'a dyn Fn(f64, f64) -> f64;

/// α and σ of a path at one time, and their derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// α.
    pub alpha: f64,
    /// σ.
    pub sigma: f64,
    /// dα/dt.
    pub alpha_rate: f64,
    /// dσ/dt.
    pub sigma_rate: f64,
}

/// Exercise 7.1: the velocity at x of the path to x₁, for x_t = α x₁ + σ x₀.
///
/// ```
/// use pushforward::exercises::flow_matching::conditional_velocity;
///
/// let verdict = conditional_velocity(|at, x, x_1| {
///     let x_0 = (x - at.alpha * x_1) / at.sigma;
///     at.alpha_rate * x_1 + at.sigma_rate * x_0
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn conditional_velocity(answer: impl Fn(Coefficients, f64, f64) -> f64) -> Verdict {
    let cases = [
        ("straight, t = ¼", Coefficients { alpha: 0.25, sigma: 0.75, alpha_rate: 1.0, sigma_rate: -1.0 }),
        ("cube, t = ½", Coefficients { alpha: 0.125, sigma: 0.875, alpha_rate: 0.75, sigma_rate: -0.75 }),
        (
            "cosine, t = ⅔",
            Coefficients {
                alpha: 0.8660,
                sigma: 0.5,
                alpha_rate: std::f64::consts::FRAC_PI_4,
                sigma_rate: -1.3603,
            },
        ),
    ];
    for (name, at) in cases {
        for (x, x_1) in [(0.6, 2.0), (-1.0, 0.5)] {
            let Coefficients { alpha, sigma, alpha_rate, sigma_rate } = at;
            let right = alpha_rate * x_1 + sigma_rate * (x - alpha * x_1) / sigma;
            let found = answer(at, x, x_1);
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, alpha_rate * x_1 + sigma_rate * x) => {
                    " That takes x for the noise. The noise is what is left when α x₁ is taken away, divided by σ."
                }
                () if !differs(found, alpha_rate * x_1 + sigma_rate * (x - alpha * x_1)) => {
                    " Divide by σ: x − α x₁ is σ x₀."
                }
                () if !differs(found, alpha_rate * x_1 + sigma_rate * (x - x_1) / sigma) => {
                    " Of the data there is α x₁ in x, not x₁."
                }
                () if !differs(found, x_1 - (x - alpha * x_1) / sigma) => {
                    " That is x₁ − x₀, the velocity of the straight path. Use the derivatives of α and σ."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "{name}, from x = {x} to x₁ = {x_1}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("for three paths.")
}

/// Exercise 7.2: the marginal velocity at the time t and the place x of the straight path, where the data are some points on
/// a line, each as likely as the others.
///
/// ```
/// use pushforward::exercises::flow_matching::marginal_velocity;
///
/// let verdict = marginal_velocity(|data, t, x| {
///     let (mut sum, mut total) = (0.0, 0.0);
///     for x_1 in data {
///         let x_0 = (x - t * x_1) / (1.0 - t);
///         let weight = (-0.5 * x_0 * x_0).exp();
///         sum += weight * (x_1 - x_0);
///         total += weight;
///     }
///     sum / total
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn marginal_velocity(answer: impl Fn(&[f64], f64, f64) -> f64) -> Verdict {
    let data: [&[f64]; 3] = [&[1.5], &[-1.0, 2.0], &[-1.0, 0.5, 0.7, 3.0]];
    for data in data {
        for (t, x) in [(0.5, 0.4), (0.3, -0.8), (0.0, 0.7), (0.8, 1.1)] {
            let weighted = |weight: fn(f64, f64) -> f64| {
                let parts = data.iter().map(|x_1| {
                    let x_0 = (x - t * x_1) / (1.0 - t);
                    (weight(x_0, 1.0 - t), x_1 - x_0)
                });
                parts.fold((0.0, 0.0), |(sum, total), (w, v)| (sum + w * v, total + w))
            };
            let bell = weighted(|x_0, _| (-0.5 * x_0 * x_0).exp());
            let right = bell.0 / bell.1;
            let found = answer(data, t, x);
            if !differs(found, right) {
                continue;
            }
            let even = weighted(|_, _| 1.0);
            let narrow = weighted(|x_0, sigma| (-0.5 * (x_0 * sigma).powi(2)).exp());
            let hint = match () {
                () if !differs(found, even.0 / even.1) => {
                    " You weight all points of data alike. Those that x is more likely on its way to count more."
                }
                () if !differs(found, narrow.0 / narrow.1) => {
                    " The weight is the density of x₀ = (x − t x₁) / (1 − t): you forgot to divide by 1 − t."
                }
                () if !differs(found, bell.0) || !differs(found, bell.0 / data.len() as f64) => {
                    " Divide by the sum of the weights."
                }
                () if !differs(found, -right) => " From noise to data, not back: the velocity is x₁ − x₀.",
                () => "",
            };
            return Verdict::not_yet(format!(
                "data {data:?}, t = {t}, x = {x}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("for one, two and four points of data, also at t = 0, where all are alike.")
}

/// Exercise 7.3: the conditional flow matching loss of one pair on a line, |v(t, x_t) − target|², on the path of optimal
/// transport with σ_min: x_t = t x₁ + (1 − (1 − σ_min) t) x₀.
///
/// ```
/// use pushforward::exercises::flow_matching::loss;
///
/// let verdict = loss(|v, t, x_0, x_1, sigma_min| {
///     let x_t = t * x_1 + (1.0 - (1.0 - sigma_min) * t) * x_0;
///     (v(t, x_t) - (x_1 - (1.0 - sigma_min) * x_0)).powi(2)
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn loss(answer: impl Fn(OnLine, f64, f64, f64, f64) -> f64) -> Verdict {
    let fields: [(&str, Line); 2] = [("t + 2 x", |t, x| t + 2.0 * x), ("x cos t", |t, x| x * t.cos())];
    for (name, v) in fields {
        for (t, x_0, x_1, sigma_min) in [(0.25, -0.9, 2.3, 0.0), (0.6, 0.8, -0.5, 0.1), (1.0, 1.5, 0.4, 0.2)]
        {
            let kept: f64 = 1.0 - sigma_min;
            let x_t = t * x_1 + (1.0 - kept * t) * x_0;
            let target = x_1 - kept * x_0;
            let right = (v(t, x_t) - target).powi(2);
            let found = answer(&v, t, x_0, x_1, sigma_min);
            if !differs(found, right) {
                continue;
            }
            let straight = t * x_1 + (1.0 - t) * x_0;
            let is = |wrong: f64| !differs(found, wrong);
            let hint = match () {
                () if is((v(t, x_t) - (x_1 - x_0)).powi(2)) => {
                    " The target is the derivative of x_t by t, and in that x₀ has the factor −(1 − σ_min)."
                }
                () if is((v(t, straight) - target).powi(2)) || is((v(t, straight) - (x_1 - x_0)).powi(2)) => {
                    " σ_min is missing in x_t: at t = 1 there is σ_min x₀ left."
                }
                () if is((v(t, x_t) + target).powi(2)) => {
                    " The target has the wrong sign: it goes to the data."
                }
                () if is((v(t, x_0) - target).powi(2)) || is((v(t, x_1) - target).powi(2)) => {
                    " The network is asked on the way, at x_t."
                }
                () if is((v(1.0 - t, x_t) - target).powi(2)) => {
                    " The time runs from noise at 0 to data at 1."
                }
                () if is(right.sqrt()) => " That is the length of the difference; square it.",
                () => "",
            };
            return Verdict::not_yet(format!(
                "v = {name}, t = {t}, from {x_0} to {x_1}, σ_min = {sigma_min}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("for two fields, with and without σ_min.")
}

type Line = fn(f64, f64) -> f64;

/// Exercise 7.4: the noise, the data and the score that a velocity v at x and t says, on the straight path.
///
/// ```
/// use pushforward::exercises::flow_matching::conversions;
///
/// let verdict = conversions(|v, x, t| {
///     let noise = x - t * v;
///     [noise, x + (1.0 - t) * v, -noise / (1.0 - t)]
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn conversions(answer: impl Fn(f64, f64, f64) -> [f64; 3]) -> Verdict {
    for (v, x, t) in [(2.0, 0.5, 0.25), (-1.5, 1.0, 0.8), (0.7, -0.4, 0.0)] {
        let (noise, data) = (x - t * v, x + (1.0 - t) * v);
        let right = [noise, data, -noise / (1.0 - t)];
        let found = answer(v, x, t);
        for (k, name) in ["noise", "data", "score"].into_iter().enumerate() {
            if !differs(found[k], right[k]) {
                continue;
            }
            let is = |wrong: f64| !differs(found[k], wrong);
            let hint = match k {
                0 if is(x - (1.0 - t) * v) || is(data) => {
                    " The noise lies t v behind x: go back by the time t."
                }
                0 if is(x + t * v) => " The noise lies behind x: subtract.",
                1 if is(x + t * v) || is(noise) => " To the data it is still a time of 1 − t.",
                1 if is(x - (1.0 - t) * v) => " The data lie ahead of x: add.",
                2 if is(-right[2]) => " The score points to where there is less noise: its sign is −.",
                2 if is(-noise) => " Divide by σ = 1 − t.",
                2 if is(-noise / (1.0 - t).powi(2)) => {
                    " One σ too many: x₀ has the size 1, and the score is −x₀ / σ."
                }
                2 if t > 0.0 && is(-noise / t) => " The noise is σ x₀ with σ = 1 − t, not t.",
                _ => "",
            };
            return Verdict::not_yet(format!(
                "v = {v}, x = {x}, t = {t}: the {name} is {:.4}, found {:.4}.{hint}",
                right[k], found[k]
            ));
        }
    }
    Verdict::right("also at t = 0.")
}

/// Exercise 7.5: where so many Euler steps of the guided velocity, (1 − w) v(t, x) + w v(t, x | c), lead from x at t = 0.
///
/// The arguments are v of the class, v of all, w, the number of steps and x.
///
/// ```
/// use pushforward::exercises::flow_matching::guided;
///
/// let verdict = guided(|of_class, of_all, w, steps, x| {
///     let h = 1.0 / steps as f64;
///     let mut x = x;
///     for k in 0..steps {
///         let t = k as f64 * h;
///         x += h * ((1.0 - w) * of_all(t, x) + w * of_class(t, x));
///     }
///     x
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn guided(answer: impl Fn(OnLine, OnLine, f64, usize, f64) -> f64) -> Verdict {
    let of_class = |t: f64, x: f64| 2.0 - x + t;
    let of_all = |t: f64, x: f64| 0.3 * x - t * t;
    for (w, steps) in [(1.0, 1), (2.5, 4), (0.0, 3), (1.0, 4), (4.0, 10)] {
        let x = 0.6;
        let right = euler(|t, x| (1.0 - w) * of_all(t, x) + w * of_class(t, x), steps, x);
        let found = answer(&of_class, &of_all, w, steps, x);
        if !differs(found, right) {
            continue;
        }
        let h = 1.0 / steps as f64;
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if is(euler(|t, x| (1.0 - w) * of_class(t, x) + w * of_all(t, x), steps, x)) => {
                " The two are exchanged: with w = 1 it is the field of the class."
            }
            () if is(euler(|t, x| (1.0 + w) * of_class(t, x) - w * of_all(t, x), steps, x)) => {
                " That is the other convention, in which the class's own field has w = 0."
            }
            () if is(euler(|t, x| of_all(t, x) + w * of_class(t, x), steps, x)) => {
                " The velocity of all has the factor 1 − w."
            }
            () if is(euler(|t, x| (1.0 - w) * of_all(t + h, x) + w * of_class(t + h, x), steps, x)) => {
                " A step asks at its beginning: the first at t = 0."
            }
            () if is(euler(|_, x| (1.0 - w) * of_all(0.0, x) + w * of_class(0.0, x), steps, x)) => {
                " Your time stands still."
            }
            () if is(euler(of_class, steps, x)) => " w is missing.",
            () => "",
        };
        return Verdict::not_yet(format!(
            "w = {w}, {steps} steps: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("with w from 0 to 4, and from 1 to 10 steps.")
}

fn euler(v: impl Fn(f64, f64) -> f64, steps: usize, x: f64) -> f64 {
    let h = 1.0 / steps as f64;
    (0..steps).fold(x, |x, k| x + h * v(k as f64 * h, x))
}

/// A point on the straight path, and what its model says there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// t.
    pub t: f64,
    /// x.
    pub x: f64,
    /// The velocity at x.
    pub v: f64,
}

/// Exercise 7.6: one step of length h of dx = (v + ½ g² s) dt + g dw on the straight path, with the score s of the velocity
/// v, and z from N(0, 1). The arguments are the place, g, h and z.
///
/// ```
/// use pushforward::exercises::flow_matching::random_step;
///
/// let verdict = random_step(|at, g, h, z| {
///     let s = (at.t * at.v - at.x) / (1.0 - at.t);
///     at.x + h * (at.v + 0.5 * g * g * s) + g * h.sqrt() * z
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn random_step(answer: impl Fn(Place, f64, f64, f64) -> f64) -> Verdict {
    for (t, x, v) in [(0.0, 1.2, 0.5), (0.4, -0.7, 1.1), (0.75, 0.9, -0.6)] {
        for (g, h, z) in [(0.0, 0.1, 1.0), (1.0, 0.04, 0.0), (0.8, 0.25, -1.5)] {
            let s = (t * v - x) / (1.0 - t);
            let step = |pull: f64, kick: f64| x + h * (v + pull * s) + kick * z;
            let right = step(0.5 * g * g, g * h.sqrt());
            let found = answer(Place { t, x, v }, g, h, z);
            if !differs(found, right) {
                continue;
            }
            let is = |wrong: f64| !differs(found, wrong);
            let hint = match () {
                () if is(step(0.0, g * h.sqrt())) => {
                    " Noise spreads the points, and nothing gathers them: add ½ g² s."
                }
                () if is(step(g * g, g * h.sqrt())) => {
                    " The half is missing: g² s belongs to a step without v."
                }
                () if is(step(-0.5 * g * g, g * h.sqrt())) => " The score has the wrong sign: it gathers.",
                () if is(step(0.5 * g * g, g * h)) => " Noise grows with the root of h.",
                () if is(step(0.5 * g * g, 0.0)) => " The noise is missing.",
                () if is(step(0.5 * g, g * h.sqrt())) => " It is g², not g, before the score.",
                () => "",
            };
            return Verdict::not_yet(format!(
                "t = {t}, x = {x}, v = {v}, g = {g}, h = {h}, z = {z}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right("with and without noise, also at t = 0.")
}
