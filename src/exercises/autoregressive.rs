//! Checks for lesson 03, autoregressive flows.

use super::{Verdict, differs};

/// Exercise 3.1: whether a weight is kept, from the degrees of the unit below and of the unit above it, and whether the
/// layer is the last one.
///
/// ```
/// use pushforward::exercises::autoregressive::masks;
///
/// let verdict = masks(|below, above, last| if last { below < above } else { below <= above });
/// assert!(verdict.is_solved());
/// ```
pub fn masks(answer: impl Fn(usize, usize, bool) -> bool) -> Verdict {
    for features in [2, 4, 5] {
        let degrees: Vec<usize> = (1..=features).collect();
        // As few hidden units as there can be: each connection hangs on one path.
        let hidden = &degrees[..features - 1];
        for (i, output) in degrees.iter().enumerate() {
            for (j, input) in degrees.iter().enumerate() {
                let paths = hidden.iter().flat_map(|first| hidden.iter().map(move |second| (first, second)));
                let seen = paths.filter(|(first, second)| {
                    answer(*input, **first, false)
                        && answer(**first, **second, false)
                        && answer(**second, *output, true)
                });
                let (seen, before) = (seen.count() > 0, j < i);
                if seen == before {
                    continue;
                }
                let (i, j) = (i + 1, j + 1);
                return Verdict::not_yet(if !seen {
                    format!(
                        "with {features} features, output {i} has lost its connection to feature {j}, which comes before it."
                    )
                } else if i == j {
                    format!(
                        "with {features} features, output {i} sees feature {i} itself, so the Jacobian's diagonal is not ∂τ/∂x alone."
                    )
                } else {
                    format!("with {features} features, output {i} sees feature {j}, which comes after it.")
                });
            }
        }
        for (below, above) in
            degrees.iter().flat_map(|below| degrees.iter().map(move |above| (*below, *above)))
        {
            if below < above && !(answer(below, above, false) && answer(below, above, true)) {
                return Verdict::not_yet(format!(
                    "the order is kept, but a weight from degree {below} to degree {above} is dropped, which could stay."
                ));
            }
        }
    }
    Verdict::right(
        "every output sees what comes before it, and nothing else, through two layers of hidden units.",
    )
}

/// The s and b of every feature of the exercise's map, z = x eˢ + b; those of feature i depend on what is before it.
fn conditioner(x: &[f64]) -> Vec<(f64, f64)> {
    let before = |i: usize| x.iter().take(i).enumerate();
    let s = |i: usize| 0.4 * before(i).map(|(j, x)| (x + j as f64).sin()).sum::<f64>();
    let b = |i: usize| 0.3 + before(i).map(|(j, x)| 0.7 * x / (1.0 + j as f64)).sum::<f64>();
    (0..x.len()).map(|i| (s(i), b(i))).collect()
}

/// Exercise 3.2: the point x that z = x eˢ + b sends to z, where (s, b) of feature i come from a conditioner that is asked
/// with a whole point and looks at the features before i.
///
/// ```
/// use pushforward::exercises::autoregressive::sampling;
///
/// let verdict = sampling(|z, conditioner| {
///     let mut x = z.to_vec();
///     for i in 0..z.len() {
///         let (s, b) = conditioner(&x)[i];
///         x[i] = (z[i] - b) / s.exp();
///     }
///     x
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn sampling(answer: impl Fn(&[f64], &dyn Fn(&[f64]) -> Vec<(f64, f64)>) -> Vec<f64>) -> Verdict {
    for expected in [&[0.7, -0.4][..], &[1.2, 0.3, -0.8, 0.5], &[-2.0, 1.0, 0.4]] {
        let forward = |x: &[f64], seen: &[f64]| -> Vec<f64> {
            conditioner(seen).iter().zip(x).map(|((s, b), x)| x * s.exp() + b).collect()
        };
        let z = forward(expected, expected);
        let found = answer(&z, &conditioner);
        if found.len() != z.len() {
            return Verdict::not_yet(format!("for {} numbers there are {} back.", z.len(), found.len()));
        }
        let Some(i) = (0..z.len()).find(|i| differs(found[*i], expected[*i])) else { continue };
        let hint = if !differs(found[i], z[i]) {
            " That is z itself."
        } else if (0..z.len()).all(|i| {
            let (s, b) = conditioner(&z)[i];
            !differs(found[i], (z[i] - b) / s.exp())
        }) {
            " You computed s and b from z. They belong to x, which must be known first: the features before i."
        } else {
            sampling_hint(found[i], z[i], conditioner(expected)[i])
        };
        return Verdict::not_yet(format!(
            "for z = {}, x[{i}] is {:.4}, found {:.4}.{hint}",
            list(&z),
            expected[i],
            found[i]
        ));
    }
    Verdict::right("every point came back, with 2, 3 and 4 features.")
}

/// What was done to a number instead of undoing its map, where the numbers before it are right.
fn sampling_hint(found: f64, z: f64, (s, b): (f64, f64)) -> &'static str {
    match () {
        () if !differs(found, z * s.exp() + b) => " That is the map itself: undo it.",
        () if !differs(found, (z - b) * s.exp()) => " The inverse divides by exp(s).",
        () if !differs(found, z * (-s).exp() - b) => {
            " Forward scales and then shifts, so the inverse takes the shift away first."
        }
        () => "",
    }
}

/// Exercise 3.3: the s and b of the second feature that make z = x eˢ + b standard normal, where x is normal with mean 0,
/// variances 1 and correlation ρ.
///
/// ```
/// use pushforward::exercises::autoregressive::gaussian;
///
/// let verdict = gaussian(|rho: f64, x_1: f64| {
///     let width = (1.0 - rho * rho).sqrt();
///     (-width.ln(), -rho * x_1 / width)
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn gaussian(answer: impl Fn(f64, f64) -> (f64, f64)) -> Verdict {
    for (rho, x_1) in [(0.0, 1.0), (0.6, 1.0), (0.6, -2.0), (-0.9, 0.5)] {
        let width = (1.0 - f64::powi(rho, 2)).sqrt();
        let (s, b) = (-width.ln(), -rho * x_1 / width);
        let (found_s, found_b) = answer(rho, x_1);
        let place = format!("at ρ = {rho}, x₁ = {x_1}");
        if differs(found_s, s) {
            let hint = if !differs(found_s, -s) {
                " Yours goes from base to data."
            } else if !differs(found_s, s.exp()) {
                " That is the scale; s is its logarithm."
            } else if !differs(found_s, 2.0 * s) {
                " That takes the variance for the width: take its root."
            } else if !differs(found_s, 0.0) {
                " Given x₁, the second feature has the variance 1 − ρ²: it must be stretched."
            } else {
                ""
            };
            return Verdict::not_yet(format!("{place}: s = {s:.4}, found {found_s:.4}.{hint}"));
        }
        if differs(found_b, b) {
            let hint = if !differs(found_b, -rho * x_1 / (width * width)) {
                " That divides the mean by the variance: divide it by the width."
            } else if !differs(found_b, -rho * x_1) {
                " The mean is taken away after x₂ was stretched: stretch it too."
            } else if !differs(found_b, -b) {
                " The sign: the mean is taken away."
            } else {
                ""
            };
            return Verdict::not_yet(format!("{place}: s is right, b = {b:.4}, found {found_b:.4}.{hint}"));
        }
    }
    Verdict::right(
        "a Gaussian with any covariance is an autoregressive flow whose networks are straight lines.",
    )
}

fn list(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:.3}")).collect();
    format!("[{}]", numbers.join(", "))
}
