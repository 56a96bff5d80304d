//! The exercises of chapter 00 accept right answers and name what is wrong with others; dfdx does what the chapter says.

use dfdx::prelude::{
    Axis, Backward, BroadcastTo, ChooseFrom, Const, HasShape, MeanTo, NoneTape, Rank0, Rank1, Rank2,
    ReshapeTo, SampleTensor, SumTo, Tensor, TensorFrom, TensorFromVec, Trace, TryMatMul, WithEmptyTape,
    ZeroGrads, ZerosTensor,
};
use dfdx::tensor_ops::TryGt;
use pushforward::exercises::Verdict;
use pushforward::exercises::tensors_and_tapes::{adam, length, standardize, wave};
use pushforward::nn::{Mlp, Tanh};
use pushforward::tensor::{Dev, PerPoint, Points, Real, Source, rows, values};
use pushforward::train::{Progress, Schedule, Training, train};
use pushforward::{Result, dfdx};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Pair = Tensor<Rank1<2>, Real, Dev>;

fn accepts(verdict: &Verdict) {
    assert!(verdict.is_solved(), "{verdict}");
}

/// The check refuses the answer, and its words hold all of these.
fn refuses(verdict: &Verdict, words: &[&str]) {
    let said = verdict.to_string();
    assert!(!verdict.is_solved(), "accepted: {said}");
    for word in words {
        assert!(said.contains(word), "\"{said}\" does not say \"{word}\"");
    }
}

// Exercise 0.1

fn column_mean(x: &Points<2>) -> Pair {
    x.clone().mean::<Rank1<2>, Axis<0>>()
}

/// The answer with a given mean, and a divisor made of the variance and N.
fn scaled(x: Points<2>, mean: fn(&Points<2>) -> Pair, divisor: fn(Pair, Real) -> Pair) -> Result<Points<2>> {
    let shape = *x.shape();
    let mean = mean(&x);
    let centered = x - mean.broadcast_like(&shape);
    let variance = column_mean(&centered.clone().square());
    Ok(centered / divisor(variance, shape.0 as Real).broadcast_like(&shape))
}

#[test]
fn standardize_accepts_the_formula() {
    accepts(&standardize(|x| scaled(x, column_mean, |variance, _| variance.sqrt())));
}

#[test]
fn standardize_names_what_is_wrong() {
    refuses(&standardize(Ok), &["column 0 has mean", "expected 0", "own mean"]);
    let centered = standardize(|x| scaled(x, column_mean, |variance, _| variance * 0.0 + 1.0));
    refuses(&centered, &["the means are right", "not scaled yet"]);
    let by_variance = standardize(|x| scaled(x, column_mean, |variance, _| variance));
    refuses(&by_variance, &["dividing by the variance", "square root"]);
    let by_n_minus_1 =
        standardize(|x| scaled(x, column_mean, |variance, n| (variance * n / (n - 1.0)).sqrt()));
    refuses(&by_n_minus_1, &["standard deviation 0.990", "N - 1"]);
    let mean_of_all = |x: &Points<2>| x.clone().mean::<Rank0, _>().broadcast::<Rank1<2>, Axis<0>>();
    let one_mean = standardize(|x| scaled(x, mean_of_all, |variance, _| variance.sqrt()));
    refuses(&one_mean, &["column 0 has mean", "own mean"]);
    let mirrored = standardize(|x| scaled(x, column_mean, |variance, _| -variance.sqrt()));
    refuses(&mirrored, &["right mean and scale", "row 0 is"]);
}

#[test]
fn standardize_bears_any_answer() {
    let source = Source::new(1);
    refuses(&standardize(|_| source.points(&[[1.0, 2.0]])), &["1 points", "expected 50"]);
    refuses(&standardize(|x| Ok(x * 0.0 / 0.0)), &["row 0 is [NaN, NaN]"]);
    refuses(&standardize(|_| source.points(&[])), &["the answer failed", "empty"]);
    let empty: Points<2> = source.device().tensor_from_vec(vec![], (0, Const));
    refuses(&standardize(|_| Ok(empty.clone())), &["0 points"]);
    let only_fifty = standardize(|x| match x.shape().0 {
        50 => scaled(x, column_mean, |variance, _| variance.sqrt()),
        _ => Ok(x),
    });
    refuses(&only_fifty, &["with 7 points"]);
}

// Exercise 0.2

/// √(x² + before) + after, and its gradient.
fn smooth(x: &Points<2>, before: Real, after: Real) -> (PerPoint, Points<2>) {
    let squares = x.leaky_trace().square().sum::<(usize,), Axis<1>>();
    let length = (squares + before).sqrt() + after;
    let plain: PerPoint = length.retaped();
    (plain, length.sum().backward().get(x))
}

#[test]
fn length_accepts_a_root_kept_above_zero() {
    for before in [1e-6, 1e-12, 1e-38] {
        accepts(&length(|x| Ok(smooth(&x, before, 0.0))));
    }
}

#[test]
fn length_names_what_is_wrong() {
    refuses(&length(|x| Ok(smooth(&x, 0.0, 0.0))), &["[NaN, NaN] at the origin", "expected [0, 0]"]);
    refuses(&length(|x| Ok(smooth(&x, 0.0, 1e-6))), &["[NaN, NaN] at the origin"]);
    // The chapter: 10⁻⁴⁶ is 0 in f32.
    #[cfg(not(feature = "f64"))]
    refuses(&length(|x| Ok(smooth(&x, 1e-46_f64 as f32, 0.0))), &["[NaN, NaN] at the origin"]);
    refuses(&length(|x| Ok(smooth(&x, 1e-4, 0.0))), &["the length of [0, 0] is 0.0100", "expected 0.0000"]);
    let squared = length(|x| {
        let squares = x.leaky_trace().square().sum::<(usize,), Axis<1>>();
        Ok((squares.retaped(), squares.sum().backward().get(&x)))
    });
    refuses(&squared, &["[3, 4] is 25.0000", "squared length"]);
    let of_the_mean = length(|x| {
        let (lengths, gradient) = smooth(&x, 1e-12, 0.0);
        Ok((lengths, gradient / 6.0))
    });
    refuses(&of_the_mean, &["the lengths are right", "[3, 4]", "expected [0.600, 0.800]"]);
}

#[test]
fn length_bears_any_answer() {
    let source = Source::new(1);
    refuses(&length(|x| Ok((source.per_point(&[1.0])?, x))), &["1 lengths", "expected 6"]);
    let short_gradient = length(|x| Ok((smooth(&x, 1e-12, 0.0).0, source.points(&[[0.0, 0.0]])?)));
    refuses(&short_gradient, &["1 rows in the gradient"]);
    refuses(&length(|x| Ok((source.per_point(&[Real::NAN; 6])?, x))), &["is NaN"]);
    refuses(&length(|x| Ok((source.per_point(&[])?, x))), &["the answer failed"]);
}

// Exercise 0.3

/// A step of Adam whose size is a function of m, v and of both corrected.
fn adam_by(step: fn([f64; 2], [f64; 2]) -> f64) -> impl Fn(f64, f64, f64, f64, i32) -> [f64; 3] {
    move |theta, g, m, v, k| {
        let (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
        let corrected = [m / (1.0 - 0.9f64.powi(k)), v / (1.0 - 0.999f64.powi(k))];
        [theta - 0.01 * step([m, v], corrected), m, v]
    }
}

#[test]
fn adam_accepts_the_algorithm() {
    accepts(&adam(adam_by(|_, [m, v]| m / (v.sqrt() + 1e-8))));
}

#[test]
fn adam_names_what_is_wrong() {
    refuses(
        &adam(adam_by(|[m, v], _| m / (v.sqrt() + 1e-8))),
        &["step 1", "without the correction of the bias"],
    );
    refuses(
        &adam(adam_by(|[_, v], [m, _]| m / (v.sqrt() + 1e-8))),
        &["step 1", "0.31623", "v not corrected"],
    );
    refuses(&adam(adam_by(|[m, _], [_, v]| m / (v.sqrt() + 1e-8))), &["step 1", "m not corrected"]);
    refuses(&adam(adam_by(|_, [m, v]| m / (v + 1e-8).sqrt())), &["epsilon under the root"]);
    refuses(&adam(adam_by(|_, [m, v]| m / (v + 1e-8))), &["without the root of v"]);
    refuses(&adam(adam_by(|_, [m, _]| m)), &["without the division"]);
    let uphill = adam(adam_by(|_, [m, v]| -m / (v.sqrt() + 1e-8)));
    refuses(&uphill, &["smaller by -0.01000: expected 0.01000", "against the gradient"]);
    refuses(
        &adam(|theta, g, m, v, _| [theta - 0.01 * g, m, v]),
        &["step 1: m is 0.00000", "expected 0.20000"],
    );
    let v_of_g = adam(|theta, g, m, v, _| [theta, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g]);
    refuses(&v_of_g, &["step 1: v is 0.00200", "expected 0.00400"]);
    let always_step_1 =
        adam(|theta, g, m, v, _| adam_by(|_, [m, v]| m / (v.sqrt() + 1e-8))(theta, g, m, v, 1));
    refuses(&always_step_1, &["step 2"]);
}

#[test]
fn adam_bears_any_answer() {
    refuses(&adam(|_, _, _, _, _| [f64::NAN; 3]), &["m is NaN"]);
    refuses(&adam(adam_by(|_, _| f64::NAN)), &["smaller by NaN"]);
    refuses(&adam(adam_by(|_, _| f64::INFINITY)), &["smaller by inf"]);
}

#[test]
fn adam_of_dfdx_is_the_algorithm_of_the_exercise() {
    use dfdx::optim::{Adam, AdamConfig, Optimizer};
    let mut theta: Tensor<Rank0, Real, Dev> = Source::new(0).device().tensor(1.0);
    let config = AdamConfig { lr: 0.01, ..AdamConfig::default() };
    let mut optimizer: Adam<Tensor<Rank0, Real, Dev>, Real, Dev> = Adam::new(&theta, config);
    let ours = adam_by(|_, [m, v]| m / (v.sqrt() + 1e-8));
    let mut state = [1.0, 0.0, 0.0];
    for (k, g) in (1..).zip([2.0 as Real, -1.0, 0.5, 0.0, 3.0]) {
        let gradients = (theta.leaky_trace() * g).backward();
        optimizer.update(&mut theta, &gradients).unwrap();
        state = ours(state[0], f64::from(g), state[1], state[2], k);
        // Five roundings of a number near 1 to 6e-8, and those of the moments.
        assert!((f64::from(theta.as_vec()[0]) - state[0]).abs() < 1e-6, "step {k}");
    }
}

// Exercise 0.4

fn trained(steps: usize, learning_rate: f64, schedule: Schedule) -> Result<Mlp<1, 32, 1, 1, Tanh>> {
    let mut source = Source::new(3);
    let x: Points<1> = (source.uniform(256)? * 4.0 - 2.0).reshape_like(&(256, Const));
    let y: Points<1> = (x.clone() * 4.0).sin() + x.clone() * 0.5;
    let mut network = Mlp::new(&source)?;
    let training =
        Training { steps, learning_rate, schedule, progress: Progress::Silent, ..Training::default() };
    train(&mut network, &training, |network: &Mlp<1, 32, 1, 1, Tanh>, gradients| {
        let answer = network.apply(x.clone().traced(gradients))?;
        Ok((answer - y.clone()).square().mean())
    })?;
    Ok(network)
}

#[test]
fn wave_accepts_a_trained_network_and_refuses_badly_trained_ones() -> Result<()> {
    let good = trained(1500, 1e-2, Schedule::Cosine)?;
    accepts(&wave(|x| good.apply(x)));
    let new = trained(0, 1e-2, Schedule::Constant)?;
    refuses(&wave(|x| new.apply(x)), &["at most 0.05", "learned nothing"]);
    let bad = trained(300, 1e-3, Schedule::Constant)?;
    refuses(
        &wave(|x| bad.apply(x)),
        &["root mean squared error is 0.", "The largest error is", "Train longer"],
    );
    Ok(())
}

#[test]
fn exercise_4_is_solved_by_a_larger_rate_or_by_more_steps_but_not_by_the_schedule_alone() -> Result<()> {
    // The check's own words tell the error.
    let error = |steps, learning_rate, schedule| -> Result<f64> {
        let network = trained(steps, learning_rate, schedule)?;
        let said = wave(|x| network.apply(x)).to_string();
        let number = said.split("error is ").nth(1).and_then(|rest| rest.split([':', ',']).next());
        Ok(number.and_then(|number| number.parse().ok()).unwrap_or(Real::NAN.into()))
    };
    let start = error(300, 1e-3, Schedule::Constant)?;
    let rate = error(300, 1e-2, Schedule::Constant)?;
    let steps = error(1500, 1e-3, Schedule::Constant)?;
    let schedule = error(300, 1e-3, Schedule::Cosine)?;
    assert!(
        rate <= 0.05 && steps <= 0.05 && start > 0.5 && schedule > start,
        "{start} {rate} {steps} {schedule}"
    );
    Ok(())
}

#[test]
fn wave_bears_any_answer() {
    let source = Source::new(1);
    refuses(&wave(|x| Ok(x * 0.0)), &["learned nothing yet"]);
    refuses(&wave(|x| Ok((x * 4.0).sin())), &["root mean squared error is 0.57"]);
    refuses(&wave(|x| Ok(x / 0.0)), &["x = -2.00 is not a finite number"]);
    refuses(&wave(|_| source.points(&[[0.0]])), &["1 answers: expected 401"]);
    refuses(&wave(|_| source.points(&[])), &["the answer failed"]);
}

// What the chapter says of dfdx

fn panics<R>(run: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn batches_of_different_size_compile_and_panic() -> Result<()> {
    let mut source = Source::new(0);
    let (three, four) = (source.normal::<2>(3)?, source.normal::<2>(4)?);
    assert!(panics(|| three + four));
    Ok(())
}

#[test]
fn same_seed_gives_same_tensors_and_default_devices_share_one() -> Result<()> {
    assert_eq!(rows(&Source::new(5).normal::<2>(9)?), rows(&Source::new(5).normal::<2>(9)?));
    assert_ne!(rows(&Source::new(5).normal::<2>(9)?), rows(&Source::new(6).normal::<2>(9)?));
    let draw = |device: &Dev| -> Vec<Real> {
        let noise: Tensor<Rank1<9>, Real, Dev> = device.sample_normal();
        noise.as_vec()
    };
    assert_eq!(draw(&Dev::default()), draw(&Dev::default()));
    assert_ne!(draw(Source::new(1).device()), draw(Source::new(2).device()));
    Ok(())
}

#[test]
fn clones_share_memory_only_until_one_is_changed() -> Result<()> {
    let original = Source::new(0).normal::<2>(3)?;
    let before = rows(&original);
    let mut copy = original.clone();
    copy.fill_with_zeros();
    assert_eq!((rows(&original), rows(&copy)), (before, vec![[0.0; 2]; 3]));
    Ok(())
}

#[test]
fn a_tensor_may_be_used_twice_in_different_roles() -> Result<()> {
    let x = Source::new(0).per_point(&[0.5, 2.0])?;
    let traced = x.leaky_trace();
    let gradient = values(&(traced.with_empty_tape().sin() * traced).sum().backward().get(&x));
    for (x, slope) in [0.5 as Real, 2.0].into_iter().zip(gradient) {
        // A few roundings of numbers near 1.
        assert!((slope - (x.sin() + x * x.cos())).abs() < 1e-6);
    }
    Ok(())
}

#[test]
fn adding_a_tensor_to_itself_panics_backward_and_doubling_does_not() -> Result<()> {
    let x = Source::new(0).per_point(&[0.5, 2.0])?;
    let traced = x.leaky_trace();
    let sum = (traced.with_empty_tape() + traced).sum();
    assert!(panics(|| sum.backward()));
    assert_eq!(values(&(x.leaky_trace() * 2.0).sum().backward().get(&x)), [2.0, 2.0]);
    Ok(())
}

#[test]
fn gradients_of_a_tensor_outside_of_the_loss_panic() -> Result<()> {
    let source = Source::new(0);
    let (x, unused) = (source.per_point(&[1.0])?, source.per_point(&[1.0])?);
    let gradients = x.leaky_trace().sum().backward();
    assert!(panics(|| gradients.get(&unused)));
    Ok(())
}

#[test]
fn alloc_grads_keeps_the_gradients_of_parameters_only() {
    let device = Source::new(0).device().clone();
    let parameter: Pair = device.tensor([1.0, 2.0]);
    let input: Pair = device.tensor([3.0, 4.0]);
    let loss = |empty| (input.trace(empty) * parameter.clone()).sum::<Rank0, _>();
    let kept = loss(parameter.alloc_grads()).backward();
    assert_eq!(kept.get(&parameter).as_vec(), [3.0, 4.0]);
    assert!(panics(|| kept.get(&input)));
    assert_eq!(loss(pushforward::tensor::Gradients::leaky()).backward().get(&input).as_vec(), [1.0, 2.0]);
}

#[test]
fn roots_powers_and_logarithms_have_no_gradient_at_zero() -> Result<()> {
    let x = Source::new(0).per_point(&[0.0])?;
    assert!(values(&x.leaky_trace().sqrt().sum().backward().get(&x))[0].is_infinite());
    assert!(values(&x.leaky_trace().powf(0.5).sum().backward().get(&x))[0].is_infinite());
    assert!(values(&x.leaky_trace().ln().sum().backward().get(&x))[0].is_infinite());
    Ok(())
}

#[test]
fn repairing_the_value_after_the_root_leaves_the_gradient_broken() -> Result<()> {
    let source = Source::new(0);
    let x = source.points(&[[0.0, 0.0], [3.0, 4.0]])?;
    let squares = x.leaky_trace().square().sum::<(usize,), Axis<1>>();
    let positive = squares.retaped::<NoneTape>().gt(0.0);
    let zeros: PerPoint = source.device().zeros_like(&(2,));
    let repaired = positive.choose(squares.sqrt(), zeros);
    assert_eq!(repaired.as_vec(), [0.0, 5.0]);
    assert!(rows(&repaired.sum().backward().get(&x))[0].iter().all(|slope| slope.is_nan()));
    Ok(())
}

#[test]
fn one_broken_row_breaks_every_shared_weight() -> Result<()> {
    let source = Source::new(0);
    let x = source.points(&[[3.0, 4.0], [1.0, 2.0], [0.0, 0.0]])?;
    let weight: Tensor<Rank2<2, 2>, Real, Dev> = source.device().tensor([[1.0, 0.5], [-0.5, 1.0]]);
    let product = x.traced(weight.alloc_grads()).matmul(weight.clone());
    let length = product.square().sum::<(usize,), Axis<1>>().sqrt();
    let gradient = length.sum().backward().get(&weight).as_vec();
    assert!(gradient.iter().all(|slope| slope.is_nan()), "{gradient:?}");
    Ok(())
}

#[test]
fn plain_sums_of_a_few_thousand_numbers_are_right_to_five_digits() -> Result<()> {
    for seed in 0..20 {
        let draws = Source::new(seed).uniform(4096)?;
        let exact: f64 = values(&draws).into_iter().map(f64::from).sum();
        let sum = f64::from(draws.sum::<Rank0, _>().as_vec()[0]);
        assert!((sum / exact - 1.0).abs() < 1e-5, "seed {seed}: {sum} for {exact}");
    }
    Ok(())
}
