//! Checks for lesson 01, change of variables.

use super::{Verdict, differs};
use std::f64::consts::PI;

/// Exercise 1.1: the logit map z = log(x / (1 − x)) from (0, 1) to all numbers, with log |dz/dx|.
///
/// ```
/// use pushforward::exercises::change_of_variables::logit;
///
/// let verdict = logit(|x: f64| ((x / (1.0 - x)).ln(), -(x * (1.0 - x)).ln()));
/// assert!(verdict.is_solved());
/// ```
pub fn logit(answer: impl Fn(f64) -> (f64, f64)) -> Verdict {
    for x in [0.1, 0.5, 0.83, 0.999] {
        let (z, log_det) = answer(x);
        let expected = (x / (1.0 - x)).ln();
        if differs(z, expected) {
            return wrong("z", "x", x, expected, z);
        }
        let expected = -(x * (1.0 - x)).ln();
        if !differs(log_det, -expected) && differs(log_det, expected) {
            return Verdict::not_yet(format!(
                "z is right, but log|det| has the wrong sign at x = {x}: expected {expected:.4}, found {log_det:.4}. \
                 It belongs to the map from x to z, which stretches."
            ));
        }
        if differs(log_det, expected) {
            return wrong("z is right, but log|det|", "x", x, expected, log_det);
        }
    }
    Verdict::right("the map and its log|det| agree with the derivative 1 / (x (1 − x)) at four points.")
}

/// Exercise 1.2: the density of the point (r cos φ, r sin φ) for r uniform on (0, 1) and φ uniform on (0, 2π).
///
/// ```
/// use pushforward::exercises::change_of_variables::disc;
///
/// let verdict = disc(|x: f64, y: f64| 1.0 / (2.0 * std::f64::consts::PI * x.hypot(y)));
/// assert!(verdict.is_solved());
/// ```
pub fn disc(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    for (x, y) in [(0.3, 0.4), (-0.1, 0.0), (0.5, -0.5), (-0.05, 0.02)] {
        let r = f64::hypot(x, y);
        let (expected, found) = (1.0 / (2.0 * PI * r), answer(x, y));
        if differs(found, expected) {
            let hint = match () {
                () if !differs(found, 1.0 / PI) => {
                    " That is the density of a point that is uniform on the disc, but a uniform radius crowds the middle."
                }
                () if !differs(found, 1.0 / (2.0 * PI)) => " The area of a cell dr dφ is r dr dφ.",
                () if !differs(found, r / (2.0 * PI)) => " The area element r divides the density.",
                () => "",
            };
            return Verdict::not_yet(format!(
                "at (x, y) = ({x}, {y}) the density is {expected:.4}, found {found:.4}.{hint}"
            ));
        }
    }
    Verdict::right(
        "the density is 1 / (2π r): it grows without bound at the middle, and still integrates to 1.",
    )
}

/// Exercise 1.3: log p(x) for x = exp(2 z + 1) and z from N(0, 1).
///
/// ```
/// use pushforward::exercises::change_of_variables::composed;
///
/// let verdict = composed(|x: f64| {
///     let z = (x.ln() - 1.0) / 2.0;
///     -0.5 * (z * z + (2.0 * std::f64::consts::PI).ln()) - x.ln() - 2f64.ln()
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn composed(answer: impl Fn(f64) -> f64) -> Verdict {
    for x in [0.2f64, 1.0, 2.7, 30.0] {
        let z = (x.ln() - 1.0) / 2.0;
        let base = -0.5 * (z * z + (2.0 * PI).ln());
        let (expected, found) = (base - x.ln() - 2f64.ln(), answer(x));
        if differs(found, expected) {
            let hint = match () {
                () if !differs(found, base) => " Both log-determinants are missing.",
                () if !differs(found, base - x.ln()) => " The log-determinant of z = (y − 1) / 2 is missing.",
                () if !differs(found, base - 2f64.ln()) => " The log-determinant of y = log x is missing.",
                () if !differs(found, base + x.ln() + 2f64.ln()) => {
                    " The log-determinants have the wrong sign."
                }
                () => "",
            };
            return Verdict::not_yet(format!("at x = {x}: log p = {expected:.4}, found {found:.4}.{hint}"));
        }
    }
    Verdict::right("three terms: the base density and two log-determinants, at four points.")
}

/// Exercise 1.4: the affine flow z = a x + b that maximizes the likelihood of a list of numbers, without training.
///
/// ```
/// use pushforward::exercises::change_of_variables::best_affine;
///
/// let verdict = best_affine(|data: &[f64]| {
///     let mean = data.iter().sum::<f64>() / data.len() as f64;
///     let variance = data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / data.len() as f64;
///     (1.0 / variance.sqrt(), -mean / variance.sqrt())
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn best_affine(answer: impl Fn(&[f64]) -> (f64, f64)) -> Verdict {
    for data in [&[1.0, 5.0][..], &[-2.0, 0.5, 0.5, 4.0], &[10.0, 10.1, 9.7]] {
        let count = data.len() as f64;
        let mean = data.iter().sum::<f64>() / count;
        let std = (data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        let (a, b) = answer(data);
        let expected = 1.0 / std;
        if differs(a, expected) {
            let hint = if !differs(a, std) {
                " You gave the standard deviation: the map goes from data to base, so it divides by it."
            } else if !differs(a, expected * ((count - 1.0) / count).sqrt()) {
                " Maximum likelihood divides the sum of squares by n, not by n − 1."
            } else if !differs(a, -expected) {
                " The exercise asks for a > 0."
            } else {
                ""
            };
            return Verdict::not_yet(format!("for {data:?}: a = {expected:.4}, found {a:.4}.{hint}"));
        }
        if differs(b, -mean / std) {
            return wrong("a is right, but b", "the mean", mean, -mean / std, b);
        }
    }
    Verdict::right("this is the flow that gradient descent finds: it standardizes the data.")
}

fn wrong(what: &str, at: &str, place: f64, expected: f64, found: f64) -> Verdict {
    Verdict::not_yet(format!("{what} is wrong at {at} = {place}: expected {expected:.4}, found {found:.4}."))
}
