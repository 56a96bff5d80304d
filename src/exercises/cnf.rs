//! Checks for lesson 05, continuous normalizing flows.

use super::{Verdict, differs};
use std::cell::Cell;

/// A function of the time t and the place x on a line, such as a velocity.
pub type OnLine<'a> = &'a dyn Fn(f64, f64) -> f64;

/// Exercise 5.1: one step of Heun's method of length h for dx/dt = v(t, x).
///
/// ```
/// use pushforward::exercises::cnf::heun;
///
/// let verdict = heun(|v, t, x, h| {
///     let here = v(t, x);
///     x + 0.5 * h * (here + v(t + h, x + h * here))
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn heun(answer: impl Fn(OnLine, f64, f64, f64) -> f64) -> Verdict {
    let fields: [(&str, Line); 2] =
        [("2 t − x", |t, x| 2.0 * t - x), ("x cos(3 t)", |t, x| x * (3.0 * t).cos())];
    for (name, v) in fields {
        for (t, x, h) in [(0.5, 1.5, 0.5), (0.4, -0.7, 0.25), (1.0, 2.0, -0.5)] {
            let found = answer(&v, t, x, h);
            let here = v(t, x);
            let euler = x + h * here;
            let there = v(t + h, euler);
            let right = x + 0.5 * h * (here + there);
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, euler) => " That is Euler's step, which asks only at the start.",
                () if !differs(found, x + h * v(t + 0.5 * h, x + 0.5 * h * here)) => {
                    " That is the midpoint method: of order 2 as well, but it asks in the middle, not at the end."
                }
                () if !differs(found, x + h * there) => {
                    " That is the second velocity alone; take the mean of both."
                }
                () if !differs(found, x + h * (here + there)) => {
                    " That is the sum of both velocities; take their mean."
                }
                () if !differs(found, x + 0.5 * h * (here + v(t, euler))) => {
                    " You ask for the second velocity at the time t. The step ends at t + h."
                }
                () if !differs(found, x + 0.5 * h * (here + v(t + h, x))) => {
                    " You ask for the second velocity where the step began. Go Euler's step first, then ask there."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "v(t, x) = {name}, from x = {x} at t = {t} by h = {h}: expected {right:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    let error = |steps: u32| {
        let h = 1.0 / f64::from(steps);
        let end = (0..steps).fold(1.0, |x, k| answer(&|_, x| -x, h * f64::from(k), x, h));
        (end - (-1f64).exp()).abs()
    };
    let order = (error(64) / error(128)).log2();
    Verdict::right(format!(
        "and on v = −x half the step leaves a quarter of the error: the order is {order:.2}."
    ))
}

/// Exercise 5.2: whether a step of length h with this error (in units of the tolerance) is accepted, and the length of the
/// next one, from the error of the accepted step before: the factor is 0.9 before^0.04 / error^0.17, between 0.2 and 10, and
/// after a step that is refused 0.9 / error^0.17, between 0.2 and 1. It is the controller of the library's solver for a
/// method of order 5, without two rules: that a step does not grow at once after one that was refused, and that errors below
/// 10⁻⁴ are taken for 10⁻⁴.
///
/// ```
/// use pushforward::exercises::cnf::controller;
///
/// let verdict = controller(|h, error, before| {
///     if error <= 1.0 {
///         (true, h * (0.9 * before.powf(0.04) / error.powf(0.17)).clamp(0.2, 10.0))
///     } else {
///         (false, h * (0.9 / error.powf(0.17)).clamp(0.2, 1.0))
///     }
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn controller(answer: impl Fn(f64, f64, f64) -> (bool, f64)) -> Verdict {
    let cases: [(f64, f64, f64); 8] = [
        (0.1, 0.5, 0.9),
        (0.1, 0.5, 0.0001),
        (0.05, 1.0, 1.0),
        (0.1, 3.0, 0.01),
        (0.2, 1e9, 0.5),
        (0.1, 1e-12, 0.5),
        (0.1, 0.0, 0.3),
        (0.1, 1.02, 1.0),
    ];
    for (h, error, before) in cases {
        let accepted = error <= 1.0;
        let (damped, bare) = (0.9 * before.powf(0.04) / error.powf(0.17), 0.9 / error.powf(0.17));
        let (free, most) = if accepted { (damped, 10.0) } else { (bare, 1.0) };
        let right = h * free.clamp(0.2, most);
        let (took, found) = answer(h, error, before);
        let place = format!("h = {h}, ε = {error}, and {before} before");
        if took != accepted {
            let word = if accepted { "accepted: ε is at most 1" } else { "refused: ε is above 1" };
            return Verdict::not_yet(format!("{place}: this step is {word}."));
        }
        if !differs(found, right) {
            continue;
        }
        let hint = match () {
            () if found.is_infinite() || !differs(found, h * free) => " Keep the factor between its bounds.",
            () if accepted && !differs(found, h * bare.clamp(0.2, most)) => {
                " The error of the step before is missing: that is the controller that overshoots."
            }
            () if !accepted && !differs(found, h * damped.clamp(0.2, most)) => {
                " After a refused step the error before does not count: the step is the same one again, only shorter."
            }
            () if !differs(found, right / 0.9) => " Without the 0.9 every second step would be refused.",
            () if !differs(found, h * (0.9 * error.powf(0.17)).clamp(0.2, most))
                || !differs(found, h * (0.9 * error.powf(0.17) / before.powf(0.04)).clamp(0.2, most)) =>
            {
                " That grows where the error is large. It is the other way round."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "{place}: the next step is {right:.4} long, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("steps that are accepted and refused, with errors from 0 to 10⁹.")
}

/// Exercise 5.3: log p₁(x) on a line, from the base N(0, 1) at t = 0, the velocity v(t, x) and its divergence, by so many
/// Euler steps from t = 1 to t = 0.
///
/// ```
/// use pushforward::exercises::cnf::log_density;
///
/// let verdict = log_density(|v, divergence, x, steps| {
///     let h = 1.0 / steps as f64;
///     let (mut x, mut integral) = (x, 0.0);
///     for k in (1..=steps).rev() {
///         let t = k as f64 * h;
///         integral += h * divergence(t, x);
///         x -= h * v(t, x);
///     }
///     -0.5 * x * x - 0.5 * std::f64::consts::TAU.ln() - integral
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn log_density(answer: impl Fn(OnLine, OnLine, f64, usize) -> f64) -> Verdict {
    let flows: [(&str, Line, Line, Solution); 5] = [
        ("1", |_, _| 1.0, |_, _| 0.0, |x| (x - 1.0, 0.0)),
        ("x", |_, x| x, |_, _| 1.0, |x| (x * (-1f64).exp(), 1.0)),
        ("−2 t x", |t, x| -2.0 * t * x, |t, _| -2.0 * t, |x| (x * 1f64.exp(), -1.0)),
        ("4 t³", |t, _| 4.0 * t.powi(3), |_, _| 0.0, |x| (x - 1.0, 0.0)),
        ("x + 2 t", |t, x| x + 2.0 * t, |_, _| 1.0, |x| ((x + 4.0) * (-1f64).exp() - 2.0, 1.0)),
    ];
    for (name, v, divergence, solution) in flows {
        for x in [0.8, -0.3] {
            let (z, integral) = solution(x);
            let right = normal(z) - integral;
            let found = answer(&v, &divergence, x, 2000);
            if (found - right).abs() < 5e-3 {
                continue;
            }
            let (end, forward) = onward(v, divergence, x);
            let hint = match () {
                () if near(found, normal(z) + integral) => {
                    " That has the sign of the integral wrong: where the field spreads points out, the density falls."
                }
                () if near(found, normal(z)) => {
                    " That is log p₀ of the noise; the integral of the divergence is missing."
                }
                () if near(found, normal(x) - integral) || near(found, normal(x)) => {
                    " You ask the base for the density of x itself. Ask where x came from."
                }
                () if near(found, normal(end) - forward) || near(found, normal(end) + forward) => {
                    " You went on from x, from t = 0 to t = 1. But x is data: it is where the path ends. Go back from t = 1."
                }
                () if near(found, normal(mirrored(v, x)) - integral) => {
                    " Your steps go back, and your time goes on. The first step back begins at t = 1."
                }
                () if near(found, right + 0.5 * std::f64::consts::TAU.ln()) => {
                    " The base is N(0, 1): its density has the factor 1/√2π."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "v(t, x) = {name}: log p₁({x}) = {right:.3}, found {found:.3}.{hint}"
            ));
        }
    }
    Verdict::right("a shift, a stretch, a squeeze and a field that changes with time.")
}

type Line = fn(f64, f64) -> f64;
/// From x at t = 1: where it came from, and the integral of the divergence on the way.
type Solution = fn(f64) -> (f64, f64);

/// log N(z; 0, 1).
fn normal(z: f64) -> f64 {
    -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln()
}

fn near(found: f64, wrong: f64) -> bool {
    (found - wrong).abs() < 5e-3
}

/// What comes out where somebody starts at x as if it were noise.
fn onward(v: Line, divergence: Line, x: f64) -> (f64, f64) {
    let h = 1.0 / 2000.0;
    (0..2000).fold((x, 0.0), |(x, sum), k| {
        let t = h * f64::from(k);
        (x + h * v(t, x), sum + h * divergence(t, x))
    })
}

/// Where somebody comes to who goes back from x and lets the time go on.
fn mirrored(v: Line, x: f64) -> f64 {
    let h = 1.0 / 2000.0;
    (0..2000).fold(x, |x, k| x - h * v(h * f64::from(k), x))
}

/// Exercise 5.4: Hutchinson's estimate of tr J in three dimensions, from the product with J and so many probes, each of
/// which is drawn once.
///
/// ```
/// use pushforward::exercises::cnf::hutchinson;
///
/// let verdict = hutchinson(|product, draw, probes| {
///     let mut sum = 0.0;
///     for _ in 0..probes {
///         let e = draw();
///         let moved = product(e);
///         sum += e[0] * moved[0] + e[1] * moved[1] + e[2] * moved[2];
///     }
///     sum / probes as f64
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn hutchinson(
    answer: impl Fn(&dyn Fn([f64; 3]) -> [f64; 3], &dyn Fn() -> [f64; 3], usize) -> f64,
) -> Verdict {
    let matrices = [
        [[2.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.5]],
        [[1.0, 4.0, -2.0], [0.5, -0.3, 1.0], [3.0, -1.0, 0.8]],
    ];
    for j in matrices {
        for probes in [1, 4] {
            let asked = Cell::new(0);
            let multiplied = Cell::new(0);
            let draw = || {
                asked.set(asked.get() + 1);
                PROBES[(asked.get() - 1) % PROBES.len()]
            };
            let product = |e: [f64; 3]| {
                multiplied.set(multiplied.get() + 1);
                j.map(|row| dot(row, e))
            };
            let found = answer(&product, &draw, probes);
            let terms = PROBES[..probes].iter().map(|e| dot(*e, j.map(|row| dot(row, *e))));
            let right = terms.sum::<f64>() / probes as f64;
            if !differs(found, right) && asked.get() == probes && multiplied.get() == probes {
                continue;
            }
            let moved = |k: usize| j.map(|row| dot(row, PROBES[k]));
            let hint = match () {
                () if asked.get() > probes && asked.get() >= 2 * probes => {
                    " You drew two vectors for one term. They are independent, so the mean of ε′ᵀJε is 0: the same ε stands on both sides."
                }
                () if asked.get() != probes => " Draw one ε for each probe.",
                () if multiplied.get() > probes => " One product with J for each probe is enough.",
                () if probes > 1 && !differs(found, right * probes as f64) => {
                    " That is the sum over the probes; take the mean."
                }
                () if probes == 1 && !differs(found, moved(0).iter().sum()) => {
                    " You summed the entries of Jε. Multiply each by that of ε: then 1² is on the diagonal, and noise beside it."
                }
                () if probes == 1 && !differs(found, dot(moved(0), moved(0))) => {
                    " That is |Jε|², whose mean is the sum of the squares of all entries of J."
                }
                () if !differs(found, right / 3.0) => {
                    " That is the mean over the coordinates; a trace is their sum."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "{probes} probe{}, tr J = {:.1}: the estimate with these vectors is {right:.2}, found {found:.2} with {} vectors and {} products.{hint}",
                if probes == 1 { "" } else { "s" },
                j[0][0] + j[1][1] + j[2][2],
                asked.get(),
                multiplied.get(),
            ));
        }
    }
    Verdict::right(
        "exact from a single vector of signs where J is diagonal, and the mean over the probes elsewhere.",
    )
}

/// Vectors of signs.
const PROBES: [[f64; 3]; 8] = [
    [1.0, -1.0, 1.0],
    [-1.0, -1.0, 1.0],
    [1.0, 1.0, 1.0],
    [-1.0, 1.0, 1.0],
    [1.0, -1.0, -1.0],
    [1.0, 1.0, -1.0],
    [-1.0, 1.0, -1.0],
    [-1.0, -1.0, -1.0],
];

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Exercise 5.5: dL/dθ of L = x(1) for dx/dt = sin(θ x), from θ and x(0), by the continuous adjoint with so many Euler steps
/// in each direction.
///
/// ```
/// use pushforward::exercises::cnf::adjoint;
///
/// let verdict = adjoint(|theta, x_0, steps| {
///     let h = 1.0 / steps as f64;
///     let mut x = x_0;
///     for _ in 0..steps {
///         x += h * (theta * x).sin();
///     }
///     let (mut a, mut gradient) = (1.0, 0.0);
///     for _ in 0..steps {
///         let slope = (theta * x).cos();
///         gradient += h * a * x * slope;
///         a += h * a * theta * slope;
///         x -= h * (theta * x).sin();
///     }
///     gradient
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn adjoint(answer: impl Fn(f64, f64, usize) -> f64) -> Verdict {
    for (theta, x_0) in [(1.0, 0.5), (-1.5, 1.2), (0.7, -0.8)] {
        let step = 1e-4;
        let right = (arrival(theta + step, x_0) - arrival(theta - step, x_0)) / (2.0 * step);
        let found = answer(theta, x_0, 4000);
        let close = |wrong: f64| (found - wrong).abs() < 4e-3 * (1.0 + wrong.abs());
        if close(right) {
            continue;
        }
        let [still, backwards] = mistaken(theta, x_0);
        let hint = match () {
            () if close(-right) => {
                " The sign is wrong: g(1) = 0 and dg/dt = −a ∂v/∂θ, so going back adds a ∂v/∂θ."
            }
            () if close(still) => {
                " Your a stays 1. It grows or shrinks on the way back, by da/dt = −a ∂v/∂x."
            }
            () if close(backwards) => {
                " Your a changes the wrong way: da/dt = −a ∂v/∂x, so a step back in time adds h a ∂v/∂x."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "θ = {theta}, x(0) = {x_0}: dL/dθ = {right:.3} by finite differences, found {found:.3}.{hint}"
        ));
    }
    Verdict::right("the adjoint agrees with finite differences, and kept nothing of the way there.")
}

/// x(1) to far more digits than are compared, by the midpoint method.
fn arrival(theta: f64, x_0: f64) -> f64 {
    let h = 1e-3;
    let v = |x: f64| (theta * x).sin();
    (0..1000).fold(x_0, |x, _| x + h * v(x + 0.5 * h * v(x)))
}

/// What comes out where a does not change, and where it changes the wrong way.
fn mistaken(theta: f64, x_0: f64) -> [f64; 2] {
    let h = 1e-3;
    [0.0, -1.0].map(|direction| {
        let (mut x, mut a, mut gradient) = (arrival(theta, x_0), 1.0, 0.0);
        for _ in 0..1000 {
            let slope = (theta * x).cos();
            gradient += h * a * x * slope;
            a += direction * h * a * theta * slope;
            x -= h * (theta * x).sin();
        }
        gradient
    })
}
