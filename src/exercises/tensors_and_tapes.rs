//! Checks for the exercises of chapter 00.

use super::Verdict;
use crate::Result;
use crate::tensor::{PerPoint, Points, Real, Source, rows, values};
use dfdx::prelude::HasShape;

/// Exercise 0.1: shifts and scales every column of a batch to mean 0 and standard deviation 1.
///
/// zᵢⱼ = (xᵢⱼ − mⱼ) / sⱼ with mⱼ = (1/N) Σᵢ xᵢⱼ and sⱼ² = (1/N) Σᵢ (xᵢⱼ − mⱼ)². The answer is tried on two batches
/// of different size whose columns differ in mean and scale.
///
/// ```
/// use pushforward::exercises::tensors_and_tapes::standardize;
///
/// let verdict = standardize(|x| Ok(x));
/// assert!(!verdict.is_solved());
/// assert!(verdict.to_string().contains("column 0 has mean"));
/// ```
pub fn standardize(answer: impl Fn(Points<2>) -> Result<Points<2>>) -> Verdict {
    let tried = [50, 7].into_iter().find_map(|n| standardize_batch(&answer, n).err());
    let right = "every column has mean 0 and standard deviation 1, for 50 points and for 7.";
    tried.map_or_else(|| Verdict::right(right), Verdict::not_yet)
}

/// Rounding of f32 is 0.00001 here (means of 20 standard deviations); a variance with N − 1 is off by 0.01.
const STANDARDIZE_TOLERANCE: f64 = 1e-3;

fn standardize_batch(answer: &impl Fn(Points<2>) -> Result<Points<2>>, n: usize) -> Result<(), String> {
    let batch = standardize_input(n).map_err(failed)?;
    let input: Vec<[f64; 2]> = rows(&batch).iter().map(|row| row.map(f64::from)).collect();
    let found = answer(batch).map_err(failed)?;
    same_number("points", n, found.shape().0)?;
    let found: Vec<[f64; 2]> = rows(&found).iter().map(|row| row.map(f64::from)).collect();
    if let Some(row) = found.iter().position(|row| row.iter().any(|z| !z.is_finite())) {
        return Err(format!(
            "the shape is right, but row {row} is {}: expected finite numbers.",
            pair(found[row])
        ));
    }
    for column in 0..2 {
        let (mean, deviation) = moments(&found, column);
        if mean.abs() > STANDARDIZE_TOLERANCE {
            return Err(format!(
                "the shape is right, but with {n} points column {column} has mean {mean:.3}: expected 0. Subtract the \
                 column's own mean."
            ));
        }
        if (deviation - 1.0).abs() > STANDARDIZE_TOLERANCE {
            let before = moments(&input, column).1;
            let hint = scale_hint(deviation, before, n);
            return Err(format!(
                "the means are right, but with {n} points column {column} has standard deviation {deviation:.3}: \
                 expected 1. {hint}"
            ));
        }
    }
    for (row, (z, x)) in found.iter().zip(&input).enumerate() {
        let expected = [0, 1].map(|column| {
            let (mean, deviation) = moments(&input, column);
            (x[column] - mean) / deviation
        });
        if (0..2).any(|column| (z[column] - expected[column]).abs() > STANDARDIZE_TOLERANCE) {
            return Err(format!(
                "the columns have the right mean and scale, but row {row} is {}: expected {}.",
                pair(*z),
                pair(expected)
            ));
        }
    }
    Ok(())
}

/// Two columns of mean 5 and −2, and of scale 3 and 0.1.
fn standardize_input(n: usize) -> Result<Points<2>> {
    let mut source = Source::new(500 + n as u64);
    let noise = rows(&source.normal::<2>(n)?);
    let moved: Vec<[Real; 2]> = noise.iter().map(|[x, y]| [5.0 + 3.0 * x, -2.0 + 0.1 * y]).collect();
    source.points(&moved)
}

/// What a wrong standard deviation looks like.
fn scale_hint(deviation: f64, before: f64, n: usize) -> &'static str {
    let near = |expected: f64| (deviation / expected - 1.0).abs() < STANDARDIZE_TOLERANCE;
    if near(before) {
        "The columns are not scaled yet."
    } else if near(1.0 / before) {
        "That is what dividing by the variance gives: take its square root."
    } else if near(((n - 1) as f64 / n as f64).sqrt()) {
        "That is what a variance divided by N - 1 gives: divide by N."
    } else {
        "Divide by the column's own standard deviation."
    }
}

/// Mean and standard deviation of a column.
fn moments(rows: &[[f64; 2]], column: usize) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[column]).sum::<f64>() / n;
    let variance = rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// Exercise 0.2: the length of each point and the gradient of the lengths' sum, finite at the origin too.
///
/// ℓ(x) ≈ √(x₁² + x₂²) within 0.002, and ∇ℓ(x) = x / ℓ(x) within 0.001 where ℓ(x) ≥ 0.1. At the origin, where the
/// length has no derivative, the gradient must be 0.
///
/// ```
/// use pushforward::dfdx::prelude::{Axis, Backward, SumTo, Trace};
/// use pushforward::exercises::tensors_and_tapes::length;
///
/// let verdict = length(|x| {
///     let length = x.leaky_trace().square().sum::<(usize,), Axis<1>>().sqrt();
///     let values = length.retaped();
///     Ok((values, length.sum().backward().get(&x)))
/// });
/// assert!(verdict.to_string().contains("[NaN, NaN] at the origin"));
/// ```
pub fn length(answer: impl Fn(Points<2>) -> Result<(PerPoint, Points<2>)>) -> Verdict {
    match length_problem(answer) {
        Some(problem) => Verdict::not_yet(problem),
        None => Verdict::right("lengths and gradients are right, and the gradient at the origin is [0, 0]."),
    }
}

const LENGTH_POINTS: [[Real; 2]; 6] =
    [[3.0, 4.0], [-0.6, 0.8], [0.0, 0.0], [0.0, -5.0], [0.06, 0.08], [12.0, 5.0]];

/// What smoothing may cost at the origin: √ε with ε up to 4 · 10⁻⁶.
const LENGTH_TOLERANCE: f64 = 2e-3;

/// What smoothing with ε = 10⁻⁶ costs at a length of 0.1 is 5 · 10⁻⁵; ε = 10⁻⁵ gives 5 · 10⁻⁴.
const SLOPE_TOLERANCE: f64 = 1e-3;

fn length_problem(answer: impl Fn(Points<2>) -> Result<(PerPoint, Points<2>)>) -> Option<String> {
    let input = match Source::new(0).points(&LENGTH_POINTS) {
        Ok(input) => input,
        Err(error) => return Some(failed(error)),
    };
    let (lengths, gradient) = match answer(input) {
        Ok(found) => found,
        Err(error) => return Some(failed(error)),
    };
    let sizes = same_number("lengths", LENGTH_POINTS.len(), lengths.shape().0)
        .and_then(|()| same_number("rows in the gradient", LENGTH_POINTS.len(), gradient.shape().0));
    if let Err(problem) = sizes {
        return Some(problem);
    }
    let lengths: Vec<f64> = values(&lengths).into_iter().map(f64::from).collect();
    let gradient: Vec<[f64; 2]> = rows(&gradient).iter().map(|row| row.map(f64::from)).collect();
    let points = LENGTH_POINTS.map(|point| point.map(f64::from));
    points.iter().zip(&lengths).find_map(|(x, l)| wrong_length(*x, *l)).or_else(|| {
        // The origin last: what is wrong everywhere should be said first.
        let (origin, others): (Vec<_>, Vec<_>) =
            points.iter().zip(&gradient).partition(|(x, _)| x[0].hypot(x[1]) == 0.0);
        others.into_iter().chain(origin).find_map(|(x, slope)| wrong_slope(*x, *slope))
    })
}

fn wrong_length(x: [f64; 2], found: f64) -> Option<String> {
    let expected = x[0].hypot(x[1]);
    // Written so that NaN is refused.
    if (found - expected).abs() <= LENGTH_TOLERANCE {
        return None;
    }
    let squared = (found - expected * expected).abs() <= LENGTH_TOLERANCE;
    let hint = if squared { " That is the squared length: take its root." } else { "" };
    Some(format!(
        "the shapes are right, but the length of {} is {found:.4}: expected {expected:.4}, give or take \
         {LENGTH_TOLERANCE}.{hint}",
        pair(x)
    ))
}

fn wrong_slope(x: [f64; 2], found: [f64; 2]) -> Option<String> {
    let length = x[0].hypot(x[1]);
    if length == 0.0 {
        // Rounding leaves exact zeros: the factor 2x of the square is 0.
        return (found != [0.0, 0.0]).then(|| {
            format!(
                "everything is right except the gradient, {} at the origin: expected [0, 0]. There the root's \
                 derivative is infinite; keep its argument above 0 before you take it.",
                pair(found)
            )
        });
    }
    let expected = x.map(|entry| entry / length);
    let right = (0..2).all(|i| (found[i] - expected[i]).abs() <= SLOPE_TOLERANCE);
    (!right).then(|| {
        format!(
            "the lengths are right, but the gradient at {} is {}: expected {}.",
            pair(x),
            pair(found),
            pair(expected)
        )
    })
}

/// Exercise 0.3: one step of Adam for one parameter, α = 0.01, β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
///
/// The answer is called as `answer(θ, g, m, v, k)` in step k = 1, 2, … with θ, m and v after the step before, and gives
/// `[θ, m, v]` after the step (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1).
///
/// ```
/// use pushforward::exercises::tensors_and_tapes::adam;
///
/// let gradient_descent = |theta: f64, g: f64, m: f64, v: f64, _: i32| [theta - 0.01 * g, m, v];
/// let verdict = adam(gradient_descent);
/// assert!(verdict.to_string().contains("step 1: m is 0.00000 after the gradient 2.00000: expected 0.20000"));
/// ```
pub fn adam(answer: impl Fn(f64, f64, f64, f64, i32) -> [f64; 3]) -> Verdict {
    // Gradients of ordinary size, and gradients as small as ε.
    let tried = [[2.0, -1.0, 0.5, 0.0, 3.0], [1e-8, 1e-8, -2e-8, 1e-8, 0.0]]
        .iter()
        .find_map(|gradients| adam_problem(&answer, gradients));
    match tried {
        Some(problem) => Verdict::not_yet(problem),
        None => Verdict::right("five steps agree with Adam, for gradients near 1 and near 0.00000001."),
    }
}

const ALPHA: f64 = 0.01;
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

fn adam_problem(answer: &impl Fn(f64, f64, f64, f64, i32) -> [f64; 3], gradients: &[f64]) -> Option<String> {
    let [mut theta, mut m, mut v] = [1.0, 0.0, 0.0];
    for (k, &g) in (1..).zip(gradients) {
        let found = answer(theta, g, m, v, k);
        let before = theta;
        m = BETAS[0] * m + (1.0 - BETAS[0]) * g;
        v = BETAS[1] * v + (1.0 - BETAS[1]) * g * g;
        let corrected = [m / (1.0 - BETAS[0].powi(k)), v / (1.0 - BETAS[1].powi(k))];
        let step = ALPHA * corrected[0] / (corrected[1].sqrt() + EPSILON);
        theta -= step;
        for (name, found, expected) in [("m", found[1], m), ("v", found[2], v)] {
            if !close(found, expected) {
                return Some(format!(
                    "step {k}: {name} is {} after the gradient {}: expected {}.",
                    number(found),
                    number(g),
                    number(expected)
                ));
            }
        }
        let moved = before - found[0];
        // θ is near 1: its rounding changes a step by less than 10⁻¹⁵.
        let right = (moved - step).abs() <= 1e-12;
        if !right {
            let hint = adam_hint(moved, [m, v], corrected);
            return Some(format!(
                "step {k}: m and v are right, but theta became smaller by {}: expected {}. {hint}",
                number(moved),
                number(step)
            ));
        }
    }
    None
}

/// Equal to ten digits.
fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-10 * expected.abs()
}

/// Which formula gives this step.
fn adam_hint(moved: f64, [m, v]: [f64; 2], [m_hat, v_hat]: [f64; 2]) -> &'static str {
    let gives = |step: f64| (moved - ALPHA * step).abs() <= 1e-9 * moved.abs();
    if gives(-m_hat / (v_hat.sqrt() + EPSILON)) {
        "The sign is wrong: go against the gradient."
    } else if gives(m / (v.sqrt() + EPSILON)) {
        "That is the step without the correction of the bias: divide m by 1 - 0.9^k and v by 1 - 0.999^k."
    } else if gives(m_hat / (v.sqrt() + EPSILON)) {
        "That is the step with v not corrected: divide it by 1 - 0.999^k."
    } else if gives(m / (v_hat.sqrt() + EPSILON)) {
        "That is the step with m not corrected: divide it by 1 - 0.9^k."
    } else if gives(m_hat / (v_hat + EPSILON).sqrt()) {
        "That is the step with epsilon under the root: add it outside."
    } else if gives(m_hat / (v_hat + EPSILON)) {
        "That is the step without the root of v."
    } else if gives(m_hat) {
        "That is the step without the division by the root of v."
    } else {
        "Compare your last line with the formula."
    }
}

/// Exercise 0.4: a model of y = sin(4x) + x/2 on [−2, 2], with a root mean squared error of at most 0.05.
///
/// The model is tried at 401 places. It is any function of a batch of numbers, so `|x| network.apply(x)` will do.
///
/// ```
/// use pushforward::exercises::tensors_and_tapes::wave;
///
/// let half = wave(|x| Ok(x * 0.5));
/// assert!(half.to_string().contains("0.71"), "the root mean square of a sine is 1/√2 = 0.71");
/// let exact = wave(|x| Ok((x.clone() * 4.0).sin() + x * 0.5));
/// assert!(exact.is_solved());
/// ```
pub fn wave(model: impl Fn(Points<1>) -> Result<Points<1>>) -> Verdict {
    match wave_errors(model) {
        Err(problem) => Verdict::not_yet(problem),
        Ok(errors) => judge_wave(&errors),
    }
}

const WAVE_PLACES: usize = 401;
const WAVE_GOAL: f64 = 0.05;

/// What is to be learned in exercise 0.4.
fn wave_target(x: f64) -> f64 {
    (4.0 * x).sin() + 0.5 * x
}

/// The places and the model's errors there.
fn wave_errors(model: impl Fn(Points<1>) -> Result<Points<1>>) -> Result<Vec<[f64; 2]>, String> {
    let places: Vec<[Real; 1]> =
        (0..WAVE_PLACES).map(|i| [4.0 * i as Real / (WAVE_PLACES - 1) as Real - 2.0]).collect();
    let input = Source::new(0).points(&places).map_err(failed)?;
    let found = model(input).map_err(failed)?;
    same_number("answers", WAVE_PLACES, found.shape().0)?;
    let found = found.as_vec();
    let errors: Vec<[f64; 2]> = places
        .iter()
        .zip(found)
        .map(|([x], y)| (f64::from(*x), f64::from(y)))
        .map(|(x, y)| [x, y - wave_target(x)])
        .collect();
    match errors.iter().find(|[_, error]| !error.is_finite()) {
        Some([x, _]) => Err(format!(
            "the model's answer at x = {x:.2} is not a finite number: the learning rate may be far too high."
        )),
        None => Ok(errors),
    }
}

fn judge_wave(errors: &[[f64; 2]]) -> Verdict {
    let mean_square = |values: &mut dyn Iterator<Item = f64>| {
        (values.map(|value| value * value).sum::<f64>() / errors.len() as f64).sqrt()
    };
    let error = mean_square(&mut errors.iter().map(|[_, error]| *error));
    if error <= WAVE_GOAL {
        return Verdict::right(format!("the root mean squared error is {error:.3}, at most {WAVE_GOAL}."));
    }
    let worst = errors
        .iter()
        .fold([0.0, 0.0], |worst, now| if now[1].abs() > f64::abs(worst[1]) { *now } else { worst });
    let constant = mean_square(&mut errors.iter().map(|[x, _]| wave_target(*x)));
    let hint = if error > 0.9 * constant {
        format!("Always answering 0 gives {constant:.3}: the model has learned nothing yet.")
    } else {
        "Train longer, or with another learning rate, or with more units.".into()
    };
    Verdict::not_yet(format!(
        "the root mean squared error is {error:.3}: expected at most {WAVE_GOAL}. The largest error is {:.2}, at \
         x = {:.2}. {hint}",
        worst[1].abs(),
        worst[0]
    ))
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("the answer failed: {error}.")
}

fn same_number(what: &str, expected: usize, found: usize) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("the answer has {found} {what}: expected {expected}."))
}

/// A pair of numbers, short.
fn pair([a, b]: [f64; 2]) -> String {
    format!("[{}, {}]", short(a), short(b))
}

/// A number with three decimals, whole numbers without.
fn short(value: f64) -> String {
    if value.is_finite() && value.fract() != 0.0 { format!("{value:.3}") } else { format!("{value}") }
}

/// A number with five decimals, or with an exponent where they would hide it.
fn number(value: f64) -> String {
    let extreme = value != 0.0 && (value.abs() < 1e-3 || value.abs() > 1e4);
    if extreme { format!("{value:.4e}") } else { format!("{value:.5}") }
}
