//! Checks for lesson 04, residual flows.

use super::{Verdict, differs};
use std::cell::Cell;

/// Exercise 4.1: the x with x + u(x) = z to 10⁻⁸, from at most so many values of u; `None` where that is not enough.
///
/// ```
/// use pushforward::exercises::residual::inverse;
///
/// let verdict = inverse(|u, z, budget| {
///     let mut x = z;
///     for _ in 0..budget {
///         let next = z - u(x);
///         if (next - x).abs() <= 1e-8 {
///             return Some(x); // x + u(x) − z is the next step
///         }
///         x = next;
///     }
///     None
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn inverse(answer: impl Fn(&dyn Fn(f64) -> f64, f64, usize) -> Option<f64>) -> Verdict {
    for (c, z, budget) in [(0.5, 1.0, 200), (0.98, -2.0, 5000), (0.999, 0.0002, 100_000)] {
        let place = format!("for u(x) = −{c} sin x and z = {z}");
        let u = |x: f64| -c * x.sin();
        let mistake = match judge(&answer, &u, z, budget) {
            Found::Solution => continue,
            Found::Nothing => format!("there is an x within {budget} values of u; you found none."),
            Found::TooManyValues(asked) => too_many(asked, budget),
            Found::Other { x, residual } => {
                let hint = if residual < 1e-2 {
                    " Did you compare a square with a tolerance, or stop after a fixed number of steps? Only x + u(x) − z tells."
                } else if (x + c * x.sin() - z).abs() < 1e-2 {
                    " That x solves x − u(x) = z."
                } else {
                    ""
                };
                format!("x = {x:.6} leaves a residual of {residual:.1e}.{hint}")
            }
        };
        return Verdict::not_yet(format!("{place} {mistake}"));
    }
    let hurried = judge(&answer, &|x| -0.98 * x.sin(), 0.01, 20);
    let place = "for u(x) = −0.98 sin x and z = 0.01 within 20 values of u";
    match hurried {
        Found::Nothing | Found::Solution => {}
        Found::TooManyValues(asked) => return Verdict::not_yet(format!("{place} {}", too_many(asked, 20))),
        Found::Other { x, residual } => {
            return Verdict::not_yet(format!(
                "{place} you answered x = {x:.6}, with a residual of {residual:.1e}: 20 values of u are not enough for the iteration. Say None."
            ));
        }
    }
    for (name, u) in [("3 x", (|x| 3.0 * x) as fn(f64) -> f64), ("x", |x| x)] {
        match judge(&answer, &u, 1.0, 500) {
            Found::Nothing | Found::Solution => {}
            Found::TooManyValues(asked) => {
                return Verdict::not_yet(format!("for u(x) = {name} and z = 1 {}", too_many(asked, 500)));
            }
            Found::Other { x, residual } => {
                return Verdict::not_yet(format!(
                    "u(x) = {name} does not contract, and iterating leads nowhere; you answered x = {x:.3e} with a residual of {residual:.1e}. Say None."
                ));
            }
        }
    }
    Verdict::right(
        "the residual is below 10⁻⁸ up to c = 0.999, and where iterating fails you give no wrong answer.",
    )
}

/// What an answer to exercise 4.1 is worth.
enum Found {
    Solution,
    Nothing,
    TooManyValues(usize),
    Other { x: f64, residual: f64 },
}

fn judge(
    answer: &impl Fn(&dyn Fn(f64) -> f64, f64, usize) -> Option<f64>,
    u: &dyn Fn(f64) -> f64,
    z: f64,
    budget: usize,
) -> Found {
    let asked = Cell::new(0);
    let counted = |x: f64| {
        asked.set(asked.get() + 1);
        u(x)
    };
    let found = answer(&counted, z, budget);
    if asked.get() > budget {
        return Found::TooManyValues(asked.get());
    }
    let Some(x) = found else { return Found::Nothing };
    let residual = (x + u(x) - z).abs();
    if residual <= 1.1e-8 { Found::Solution } else { Found::Other { x, residual } }
}

fn too_many(asked: usize, budget: usize) -> String {
    format!(
        "you asked for {asked} values of u, and {budget} are allowed: say None where they are not enough."
    )
}

/// Exercise 4.2: the factor of tr Jᵏ in the roulette estimate of log |det(I + J)| with P(N = n) = p (1 − p)ⁿ⁻¹, n ≥ 1, for a
/// term that is taken, k ≤ N.
///
/// ```
/// use pushforward::exercises::residual::roulette;
///
/// let verdict = roulette(|k, p| {
///     let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
///     sign / k as f64 / (1.0 - p).powi(k as i32 - 1)
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn roulette(answer: impl Fn(usize, f64) -> f64) -> Verdict {
    for p in [0.4f64, 0.2] {
        for k in 1..=6 {
            let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
            let (order, reach) = (k as f64, (1.0 - p).powi(k as i32 - 1));
            let (right, found) = (sign / order / reach, answer(k, p));
            if !differs(found, right) {
                continue;
            }
            let hint = match () {
                () if !differs(found, right.abs()) => {
                    " The signs of log(1 + t) = t − t²/2 + t³/3 − … alternate."
                }
                () if !differs(found, -right) => " The first term, t, has the sign +.",
                () if !differs(found, sign / reach) => " log(1 + t) has tᵏ/k.",
                () if !differs(found, sign / order) => {
                    " Without a weight the late terms come too rarely: the mean is not the series."
                }
                () if !differs(found, right / p) => {
                    " You divide by P(N = k). Term k is taken whenever N is k or more."
                }
                () if !differs(found, right / (1.0 - p)) => {
                    " You divide by P(N > k). Term k is taken also where N = k."
                }
                () if !differs(found, sign / order * reach) => " The weight is 1 / P(N ≥ k), not P(N ≥ k).",
                () => "",
            };
            return Verdict::not_yet(format!(
                "p = {p}, k = {k}: the factor is {right:.4}, found {found:.4}; the mean of the estimates would have {:.4} tᵏ in place of {:.4} tᵏ.{hint}",
                found * reach,
                sign / order
            ));
        }
    }
    Verdict::right("in the mean every term of log(1 + t) appears once, with its sign and its 1/k.")
}

type Matrix = [[f64; 2]; 2];

/// Exercise 4.3: W if its spectral norm is at most c, and otherwise the multiple of W whose norm is c.
///
/// ```
/// use pushforward::exercises::residual::contract;
///
/// let verdict = contract(|w, c| {
///     let [a, b] = w;
///     let sum = a[0] * a[0] + a[1] * a[1] + b[0] * b[0] + b[1] * b[1];
///     let det = a[0] * b[1] - a[1] * b[0];
///     let sigma = ((sum + (sum * sum - 4.0 * det * det).max(0.0).sqrt()) / 2.0).sqrt();
///     w.map(|row| row.map(|w| w * (c / sigma).min(1.0)))
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn contract(answer: impl Fn(Matrix, f64) -> Matrix) -> Verdict {
    let cases: [(Matrix, f64); 5] = [
        ([[3.0, 1.0], [-1.0, 2.0]], 0.9),
        ([[0.3, -0.1], [0.2, 0.4]], 0.9),
        ([[0.0, 5.0], [0.0, 0.0]], 0.5),
        ([[-2.0, 1.9], [1.9, -2.1]], 0.98),
        ([[0.0, 0.0], [0.0, 0.0]], 0.9),
    ];
    for (w, c) in cases {
        let found = answer(w, c);
        let (norm, before) = (spectral(found), spectral(w));
        let place = format!("W = {}, whose norm is {before:.4}, and c = {c}", matrix(w));
        let flat = |m: Matrix| [m[0][0], m[0][1], m[1][0], m[1][1]];
        let scale = if before > c { c / before } else { 1.0 };
        if flat(found).iter().zip(flat(w)).all(|(found, w)| !differs(*found, scale * w)) {
            continue;
        }
        let frobenius = flat(w).iter().map(|w| w * w).sum::<f64>().sqrt();
        let hint = if norm.is_nan() {
            " You divided by 0."
        } else if before <= c {
            " It contracts already: leave it. Dividing always would make small weights large."
        } else if norm > c + 1e-6 {
            " That is above c. Did you divide by less than the norm: by the largest entry, or by what power iteration has found so far?"
        } else if !differs(norm, c * before / frobenius) {
            " That is below c: you divided by the Frobenius norm, which counts all singular values. It is safe, and the layer can do less."
        } else {
            " It should be c."
        };
        return Verdict::not_yet(format!(
            "{place}: your matrix {} has the norm {norm:.4}.{hint}",
            matrix(found)
        ));
    }
    Verdict::right("large weights end at the norm c, small ones stay.")
}

/// Exercise 4.4: log |det| of the planar flow z = x + û tanh(wᵀx + b), with û = u + (m(wᵀu) − wᵀu) w / |w|² and
/// m(a) = log(1 + eᵃ) − 1, from x, w, u and b.
///
/// ```
/// use pushforward::exercises::residual::planar;
///
/// let verdict = planar(|x, w, u, b| {
///     let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
///     let h = (dot(w, x) + b).tanh();
///     (1.0 + (dot(w, u).exp().ln_1p() - 1.0) * (1.0 - h * h)).ln()
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn planar(answer: impl Fn([f64; 2], [f64; 2], [f64; 2], f64) -> f64) -> Verdict {
    let cases = [
        ([0.5, -0.2], [1.0, 0.7], [0.4, -0.3], 0.1),
        ([0.1, 0.2], [2.0, -1.0], [-1.5, 0.5], 0.0),
        ([-1.0, 0.3], [0.6, 1.4], [0.9, 1.1], -0.4),
    ];
    for (x, w, u, b) in cases {
        let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
        let h = (dot(w, x) + b).tanh();
        let (slope, inner) = (1.0 - h * h, dot(w, u));
        let reach = inner.exp().ln_1p() - 1.0;
        let right = (1.0 + reach * slope).ln();
        let found = answer(x, w, u, b);
        if !differs(found, right) {
            continue;
        }
        let hint = match () {
            () if !differs(found, (1.0 + inner * slope).abs().ln())
                || found.is_nan() && 1.0 + inner * slope < 0.0 =>
            {
                " That is with u. Where wᵀu < −1 the map folds, which û prevents."
            }
            () if !differs(found, 1.0 + reach * slope) => " That is the determinant; take its logarithm.",
            () if !differs(found, (1.0 + reach * h).ln()) => " The derivative of tanh is 1 − tanh².",
            () if !differs(found, (1.0 + reach).ln()) => " tanh′ is 1 only where wᵀx + b = 0.",
            () if !differs(found, -right) => " That is the inverse's.",
            () => " det(I + û wᵀ tanh′) = 1 + wᵀû tanh′.",
        };
        return Verdict::not_yet(format!(
            "at x = ({}, {}), w = ({}, {}), u = ({}, {}), b = {b}: log|det| = {right:.4}, found {found:.4}.{hint}",
            x[0], x[1], w[0], w[1], u[0], u[1]
        ));
    }
    Verdict::right("three points, one of them where u itself would fold the plane.")
}

/// The largest singular value.
fn spectral(w: Matrix) -> f64 {
    let sum: f64 = w.as_flattened().iter().map(|w| w * w).sum();
    let det = w[0][0] * w[1][1] - w[0][1] * w[1][0];
    (0.5 * (sum + (sum * sum - 4.0 * det * det).max(0.0).sqrt())).sqrt()
}

fn matrix(w: Matrix) -> String {
    format!("[{:.3}, {:.3}; {:.3}, {:.3}]", w[0][0], w[0][1], w[1][0], w[1][1])
}
