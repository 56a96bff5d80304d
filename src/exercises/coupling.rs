//! Checks for lesson 02, coupling layers.

use super::{Verdict, differs};

/// Exercise 2.1: the inverse of the affine coupling layer z₁ = x₁, z₂ = x₂ exp(s(x₁)) + b(x₁), and its log |det|.
///
/// The answer is given z and the network x₁ ↦ (s, b), and returns x and log |det ∂x/∂z|.
///
/// ```
/// use pushforward::exercises::coupling::affine_inverse;
///
/// let verdict = affine_inverse(|[z_1, z_2], network| {
///     let (s, b) = network(z_1);
///     ([z_1, (z_2 - b) * (-s).exp()], -s)
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn affine_inverse(answer: impl Fn([f64; 2], fn(f64) -> (f64, f64)) -> ([f64; 2], f64)) -> Verdict {
    fn network(x: f64) -> (f64, f64) {
        ((1.3 * x).sin() + 0.2, 0.7 * x - 1.1)
    }
    for x in [[1.2, -0.3], [-0.8, 2.0], [0.1, 0.0], [-2.5, -1.4]] {
        let (s, b) = network(x[0]);
        let z = [x[0], x[1] * s.exp() + b];
        let (found, log_det) = answer(z, network);
        if differs(found[0], x[0]) {
            return Verdict::not_yet(format!(
                "at z = {}: x₁ = {:.4}, found {:.4}. The first coordinate is kept.",
                pair(z),
                x[0],
                found[0]
            ));
        }
        if differs(found[1], x[1]) {
            let (wrong_s, wrong_b) = network(z[1]);
            let hint = match () {
                () if !differs(found[1], z[1]) => " It is still z₂.",
                () if !differs(found[1], z[1] * s.exp() + b) => " That is the forward map of z, once more.",
                () if !differs(found[1], (z[1] - b) * s.exp()) => " The inverse divides by exp(s).",
                () if !differs(found[1], z[1] * (-s).exp() - b) => {
                    " Forward scales and then shifts, so the inverse takes the shift away first."
                }
                () if !differs(found[1], (z[1] - b) / s) => {
                    " s is the logarithm of the scale: divide by exp(s)."
                }
                () if !differs(found[1], (z[1] - wrong_b) * (-wrong_s).exp()) => {
                    " The network is asked at the coordinate that is kept, not at z₂."
                }
                () => "",
            };
            return Verdict::not_yet(format!(
                "at z = {}: x₂ = {:.4}, found {:.4}.{hint}",
                pair(z),
                x[1],
                found[1]
            ));
        }
        if differs(log_det, -s) {
            let words = if differs(log_det, s) { "log|det| is wrong" } else { "log|det| has the wrong sign" };
            let hint = match () {
                () if !differs(log_det, s) => " It belongs to the map from z to x.",
                () if !differs(log_det, -s - b) || !differs(log_det, -s + b) => " A shift has the slope 1.",
                () => "",
            };
            return Verdict::not_yet(format!(
                "the inverse is right, but {words} at z = {}: expected {:.4}, found {log_det:.4}.{hint}",
                pair(z),
                -s
            ));
        }
    }
    Verdict::right(
        "the inverse undoes the layer at four points, and its log|det| is −s: the network is never inverted.",
    )
}

/// Exercise 2.2: masks (true is kept) for so many features, at most 2 ⌈log₂ D⌉ of them, such that for all features i ≠ j
/// some layer keeps j and transforms i.
///
/// ```
/// use pushforward::exercises::coupling::masks;
///
/// let verdict = masks(|features| {
///     let digits = features.next_power_of_two().ilog2() as usize;
///     let bit = |layer: usize, feature: usize| (feature >> (layer / 2)) % 2 == layer % 2;
///     (0..2 * digits).map(|layer| (0..features).map(|feature| bit(layer, feature)).collect()).collect()
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn masks(answer: impl Fn(usize) -> Vec<Vec<bool>>) -> Verdict {
    for features in [2, 3, 4, 6, 8, 13, 64] {
        if let Err(words) = masks_for(features, &answer(features)) {
            return Verdict::not_yet(format!("for {features} features {words}"));
        }
    }
    Verdict::right(
        "every feature can depend on every other one directly, for up to 64 features in 12 layers.",
    )
}

fn masks_for(features: usize, masks: &[Vec<bool>]) -> Result<(), String> {
    if let Some((layer, mask)) = masks.iter().enumerate().find(|(_, mask)| mask.len() != features) {
        return Err(format!("mask {layer} has {} entries: expected {features}.", mask.len()));
    }
    if masks.is_empty() {
        return Err("there are no masks.".to_owned());
    }
    if let Some(idle) = (0..features).find(|feature| masks.iter().all(|mask| mask[*feature])) {
        return Err(format!("feature {idle} (counted from 0) is kept by every mask: nothing transforms it."));
    }
    for i in 0..features {
        for j in (0..features).filter(|j| *j != i) {
            if !masks.iter().any(|mask| mask[j] && !mask[i]) {
                return Err(format!("no layer transforms feature {i} while it keeps feature {j}."));
            }
        }
    }
    let most = 2 * features.next_power_of_two().ilog2() as usize;
    if masks.len() > most {
        return Err(format!("every pair is served, but with {} layers: {most} are enough.", masks.len()));
    }
    Ok(())
}

/// Exercise 2.3: the bin k of a spline with `knots[k] <= x < knots[k + 1]`, and nothing outside of them.
///
/// ```
/// use pushforward::exercises::coupling::bin;
///
/// let verdict = bin(|x, knots| {
///     let passed = knots.iter().filter(|knot| x >= **knot).count();
///     (1..knots.len()).contains(&passed).then(|| passed - 1)
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn bin(answer: impl Fn(f32, &[f32]) -> Option<usize>) -> Verdict {
    let lists: [&[f32]; 4] =
        [&[-5.0, -1.5, 0.25, 0.5, 5.0], &[-3.0, 3.0], &[-64.0, 0.0, 63.9, 64.0], &[-1.0, -0.9999999, 1.0]];
    for knots in lists {
        let inner = knots.iter().flat_map(|knot| [knot.next_down(), *knot, knot.next_up()]);
        let middles = knots.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
        let far = [f32::NEG_INFINITY, -1e30, 1e30, f32::INFINITY, f32::NAN];
        for x in middles.chain(inner).chain(far) {
            let expected = (1..knots.len()).find(|k| knots[k - 1] <= x && x < knots[*k]).map(|k| k - 1);
            let found = answer(x, knots);
            if found != expected {
                return Verdict::not_yet(bin_words(x, knots, expected, found));
            }
        }
    }
    Verdict::right("at knots, beside them, outside and for NaN: 4 lists of knots.")
}

fn bin_words(x: f32, knots: &[f32], expected: Option<usize>, found: Option<usize>) -> String {
    let (first, last) = (knots[0], knots[knots.len() - 1]);
    let name = |bin: Option<usize>| match bin {
        None => "no bin".to_owned(),
        Some(usize::MAX) => "bin 0 − 1, which wraps around".to_owned(),
        Some(k) => format!("bin {k}"),
    };
    let place = match () {
        () if expected.is_some() && found == expected.map(|k| k + 1) => " Bins count from 0.",
        () if x.is_nan() => " NaN is in no bin.",
        () if x == last => " The last knot belongs to the tail: there is no bin after it.",
        () if x == first => " The first knot belongs to the first bin.",
        () if expected.is_none() => " Outside of the knots the spline is y = x.",
        () if knots.contains(&x) => " A knot belongs to the bin that starts there.",
        () => "",
    };
    format!(
        "for x = {x:?} and the knots {knots:?}: expected {}, found {}.{place}",
        name(expected),
        name(found)
    )
}

/// Exercise 2.4: the s and b with which the features x eˢ + b of a batch have the mean 0 and the variance 1.
///
/// ```
/// use pushforward::exercises::coupling::normalization;
///
/// let verdict = normalization(|batch| {
///     let n = batch.len() as f64;
///     let mean = [0, 1].map(|i| batch.iter().map(|x| x[i]).sum::<f64>() / n);
///     let std = [0, 1].map(|i| (batch.iter().map(|x| (x[i] - mean[i]).powi(2)).sum::<f64>() / n).sqrt());
///     (std.map(|std| -std.ln()), [0, 1].map(|i| -mean[i] / std[i]))
/// });
/// assert!(verdict.is_solved());
/// ```
pub fn normalization(answer: impl Fn(&[[f64; 2]]) -> ([f64; 2], [f64; 2])) -> Verdict {
    let batches: [&[[f64; 2]]; 2] =
        [&[[10.0, -0.2], [14.0, 0.1], [12.5, 0.4], [13.0, -0.7]], &[[-100.0, 3.0], [50.0, 3.5], [80.0, 1.0]]];
    for batch in batches {
        let (s, b) = answer(batch);
        for feature in 0..2 {
            let x: Vec<f64> = batch.iter().map(|x| x[feature]).collect();
            if let Err(words) = normalized(&x, s[feature], b[feature]) {
                return Verdict::not_yet(format!("for {x:?}, feature {feature} of a batch, {words}"));
            }
        }
    }
    Verdict::right("both features of both batches leave with mean 0 and variance 1.")
}

fn normalized(x: &[f64], s: f64, b: f64) -> Result<(), String> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let std = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    if differs(s, -std.ln()) {
        let hint = match () {
            () if !differs(s, std.ln()) => " Data that is wide must shrink: the sign.",
            () if !differs(s, 1.0 / std) => " That is the scale: s is its logarithm.",
            () if !differs(s, -2.0 * std.ln()) => " That makes the variance a scale: take its root.",
            () if !differs(s, -(std * (n / (n - 1.0)).sqrt()).ln()) => {
                " The variance divides by n, not by n − 1."
            }
            () => "",
        };
        return Err(format!("s = {:.4}, found {s:.4}.{hint}", -std.ln()));
    }
    if differs(b, -mean / std) {
        let hint = match () {
            () if !differs(b, -mean) => " The layer scales first, so the mean to take away is scaled too.",
            () if !differs(b, mean / std) => " The sign: the mean is to be taken away.",
            () => "",
        };
        return Err(format!("s is right, but b = {:.4}, found {b:.4}.{hint}", -mean / std));
    }
    Ok(())
}

fn pair([a, b]: [f64; 2]) -> String {
    format!("[{a:.4}, {b:.4}]")
}
