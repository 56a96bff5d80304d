//! Lesson 07: flow matching.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{DIFFERENCE, ROUNDING, close, parameter_gradients};
use pushforward::change_of_variables::{Affine, Bijection};
use pushforward::cnf::VectorField;
use pushforward::dfdx::prelude::{HasShape, SumTo, Tape, Trace};
use pushforward::flow_matching::{PathSample, ProbabilityPath, StraightPath, euler, flow_matching_loss};
use pushforward::nn::{Activation, Mlp, Selu, Silu, Sine, Tanh};
use pushforward::tensor::{Dev, Gradients, PerPoint, Points, Real, Source, append, rows, values};
use pushforward::train::{Progress, Schedule, Training, train};
use pushforward::{Error, Result};

/// v(t, x) = a x: the solution grows by eᵃ.
struct Growth(Real);

impl<const D: usize, T: Tape<Real, Dev>> VectorField<D, T> for Growth {
    fn velocity(&self, _: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        Ok(x * self.0)
    }
}

fn sample_at(path: StraightPath, t: Real) -> PathSample<2> {
    let mut source = Source::new(4);
    let (x_0, x_1) = (source.normal::<2>(5).unwrap(), source.normal::<2>(5).unwrap());
    path.sample(x_0, x_1, source.per_point(&[t; 5]).unwrap()).unwrap()
}

#[test]
fn the_straight_path_begins_at_the_noise_and_ends_at_the_data_up_to_sigma_min() {
    let mut source = Source::new(4);
    let (x_0, x_1) = (rows(&source.normal::<2>(5).unwrap()), rows(&source.normal::<2>(5).unwrap()));
    let path = StraightPath { sigma_min: 0.1 };
    assert_eq!(rows(&sample_at(path, 0.0).x_t), x_0);
    for ((x, x_0), x_1) in rows(&sample_at(path, 1.0).x_t).iter().zip(x_0).zip(x_1) {
        for i in 0..2 {
            close("x(1) = x_1 + 0.1 x_0", (x_1[i] + 0.1 * x_0[i]).into(), x[i].into(), ROUNDING);
        }
    }
}

#[test]
fn the_velocity_of_the_straight_path_is_its_derivative() {
    let path = StraightPath { sigma_min: 0.05 };
    let h: Real = 0.01;
    let (before, after) = (rows(&sample_at(path, 0.4 - h).x_t), rows(&sample_at(path, 0.4 + h).x_t));
    for ((v, before), after) in rows(&sample_at(path, 0.4).velocity).iter().zip(before).zip(after) {
        for i in 0..2 {
            close("the derivative", ((after[i] - before[i]) / (2.0 * h)).into(), v[i].into(), DIFFERENCE);
        }
    }
}

#[test]
fn euler_has_order_one() {
    let error = |steps: usize| {
        let source = Source::new(0);
        let states = euler(&Growth(1.0), source.points(&[[1.0, -2.0]]).unwrap(), steps).unwrap();
        assert_eq!(states.len(), steps + 1);
        (f64::from(rows(&states[steps])[0][0]) - 1f64.exp()).abs()
    };
    let order = (error(20) / error(40)).log2();
    assert!((order - 1.0).abs() < 0.05, "halving the step halves the error: found the order {order}");
}

/// v(t, x) = 2 t: the solution moves from 0 to 1.
struct Ramp;

impl VectorField<1> for Ramp {
    fn velocity(&self, t: PerPoint, _: Points<1>) -> Result<Points<1>> {
        Source::new(0).points(&values(&t).iter().map(|t| [2.0 * t]).collect::<Vec<_>>())
    }
}

#[test]
fn euler_asks_at_the_beginning_of_each_step() {
    let states = euler(&Ramp, Source::new(0).points(&[[0.0]]).unwrap(), 4).unwrap();
    // The sum of 2 (k/4) / 4 for k = 0, 1, 2, 3.
    close("a ramp", 0.75, rows(&states[4])[0][0].into(), ROUNDING);
}

#[test]
fn a_field_reads_the_point_first_and_then_the_time() {
    let source = Source::new(0);
    let x = source.points(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
    let both: Points<3> = append(x, source.per_point(&[0.1, 0.2]).unwrap()).unwrap();
    assert_eq!(rows(&both), [[1.0, 2.0, 0.1], [3.0, 4.0, 0.2]]);
}

#[test]
fn activations_have_their_values() {
    fn at<A: Activation>(x: [Real; 3]) -> Vec<Real> {
        A::apply(Source::new(0).per_point(&x).unwrap()).unwrap().as_vec()
    }
    for (name, found, expected) in [
        ("tanh", at::<Tanh>([-2.0, 0.0, 1.0]), [-0.9640275800758169, 0.0, 0.7615941559557649]),
        ("silu", at::<Silu>([-2.0, 0.0, 1.0]), [-0.2384058440442351, 0.0, 0.7310585786300049]),
        ("selu", at::<Selu>([-2.0, 0.0, 1.0]), [-1.5201664685956948, 0.0, 1.0507009873554805]),
        ("sine", at::<Sine<3>>([-2.0, 0.0, 1.0]), [0.27941549819892586, 0.0, 0.1411200080598672]),
    ] {
        for (found, expected) in found.into_iter().zip(expected) {
            close(name, expected, found.into(), ROUNDING);
        }
    }
}

#[test]
fn the_cosine_schedule_falls_from_one_to_zero() {
    // With Adam and gradients of one sign, each step moves a parameter by the learning rate: the path tells the schedule.
    let source = Source::new(0);
    let moved = |schedule: Schedule, steps: usize| {
        let mut model = Affine::<1>::identity(&source).unwrap();
        let training = Training {
            steps,
            learning_rate: 0.001,
            schedule,
            progress: Progress::Silent,
            ..Training::default()
        };
        let x = source.points(&[[0.0]]).unwrap();
        train(&mut model, &training, |model, gradients| {
            let (z, _) = model.forward(x.clone().traced(gradients))?;
            Ok(z.try_sum()?)
        })
        .unwrap();
        -f64::from(model.shift.as_vec()[0]) / 0.001
    };
    close("constant", 100.0, moved(Schedule::Constant, 100), 1e-3);
    close("the mean of the cosine is a half", 50.5, moved(Schedule::Cosine, 100), 1e-3);
}

#[test]
fn the_loss_is_the_mean_square_over_points_and_coordinates() {
    let source = Source::new(0);
    let field = Mlp::<3, 4, 2, 1, Tanh>::new(&source).unwrap();
    let sample = sample_at(StraightPath::default(), 0.3);
    let v = rows(&field.velocity(sample.t.clone(), sample.x_t.clone()).unwrap());
    let pairs = v.iter().zip(rows(&sample.velocity));
    let expected =
        pairs.map(|(v, u)| f64::from((v[0] - u[0]).powi(2) + (v[1] - u[1]).powi(2))).sum::<f64>() / 10.0;
    use pushforward::dfdx::prelude::{AsArray, ZeroGrads};
    let loss = flow_matching_loss(&field, sample, field.alloc_grads()).unwrap();
    close("the loss", expected, loss.array().into(), ROUNDING);
}

#[test]
fn every_parameter_of_a_network_has_its_gradient() {
    let source = Source::new(1);
    let law = |sample: PathSample<2>| {
        let s = || sample.clone();
        let tanh = Mlp::<3, 5, 2, 1, Tanh>::new(&source).unwrap();
        parameter_gradients("tanh", tanh, |field, grads| flow_matching_loss(field, s(), grads));
        let silu = Mlp::<3, 5, 2, 2, Silu>::new(&source).unwrap();
        parameter_gradients("silu", silu, |field, grads| flow_matching_loss(field, s(), grads));
        let selu = Mlp::<3, 5, 2, 1, Selu>::new(&source).unwrap();
        parameter_gradients("selu", selu, |field, grads| flow_matching_loss(field, s(), grads));
        let sine = Mlp::<3, 5, 2, 1, Sine<2>>::new(&source).unwrap();
        parameter_gradients("sine", sine, |field, grads| flow_matching_loss(field, s(), grads));
    };
    law(sample_at(StraightPath::default(), 0.7));
}

#[test]
fn training_twice_from_one_seed_gives_the_same_numbers() {
    let run = || {
        let mut source = Source::new(3);
        let mut field = Mlp::<3, 8, 2, 1, Silu>::new(&source).unwrap();
        let training = Training { steps: 20, progress: Progress::Silent, ..Training::default() };
        train(&mut field, &training, |field, gradients| {
            let (x_0, x_1) = (source.normal(16)?, source.normal(16)?);
            let t = source.uniform(16)?;
            flow_matching_loss(field, StraightPath::default().sample(x_0, x_1, t)?, gradients)
        })
        .unwrap()
        .losses
    };
    let losses = run();
    assert_eq!(losses, run());
    assert!(losses[19] != losses[0], "training changes the model");
}

#[test]
fn bad_input_is_an_error_and_never_a_panic() {
    let mut source = Source::new(0);
    let (x_0, x_1) = (source.normal::<2>(3).unwrap(), source.normal::<2>(3).unwrap());
    let path = StraightPath::default();
    let other = Source::new(0);
    let times = |t: &[Real]| other.per_point(t).unwrap();
    assert!(matches!(
        path.sample(x_0.clone(), x_1.clone(), times(&[0.5; 2])),
        Err(Error::BatchMismatch { .. })
    ));
    assert!(matches!(
        path.sample(x_0.clone(), x_1.clone(), times(&[0.5, 1.1, 0.0])),
        Err(Error::OutOfDomain { found, .. }) if (found - 1.1).abs() < 1e-6
    ));
    assert!(matches!(
        path.sample(x_0.clone(), x_1.clone(), times(&[0.5, Real::NAN, 0.0])),
        Err(Error::OutOfDomain { .. })
    ));
    for sigma_min in [-0.1, 1.1, Real::NAN] {
        let path = StraightPath { sigma_min };
        let found = path.sample(x_0.clone(), x_1.clone(), times(&[0.5; 3]));
        assert!(matches!(found, Err(Error::OutOfDomain { what: "sigma_min", .. })));
    }
    struct Short;
    impl VectorField<2> for Short {
        fn velocity(&self, _: PerPoint, _: Points<2>) -> Result<Points<2>> {
            Source::new(0).normal(1)
        }
    }
    assert!(matches!(euler(&Short, x_0.clone(), 2), Err(Error::BatchMismatch { .. })));
    let two = source.normal::<2>(2).unwrap();
    assert!(matches!(path.sample(x_0.clone(), two, times(&[0.5; 3])), Err(Error::BatchMismatch { .. })));
    let field = Mlp::<3, 4, 2, 1, Silu>::new(&source).unwrap();
    assert!(matches!(field.velocity(times(&[0.5; 2]), x_0.clone()), Err(Error::BatchMismatch { .. })));
    assert!(matches!(euler(&field, x_0.clone(), 0), Err(Error::OutOfDomain { .. })));
    let infinite = source.points(&[[Real::INFINITY, 0.0]]).unwrap();
    assert!(matches!(euler(&field, infinite, 3), Err(Error::NotFinite { .. })));
    assert!(matches!(euler(&Growth(Real::MAX), x_0.clone(), 3), Err(Error::NotFinite { .. })));
    assert_eq!(x_0.shape().0, 3);
}

#[test]
fn training_refuses_what_cannot_be_trained() {
    let mut source = Source::new(0);
    let mut field = Mlp::<3, 4, 2, 1, Silu>::new(&source).unwrap();
    let silent = Training { steps: 3, progress: Progress::Silent, ..Training::default() };
    let sample = sample_at(StraightPath::default(), 0.5);
    let mut nan = sample.clone();
    nan.velocity = source.normal::<2>(5).unwrap() * Real::NAN;
    let found =
        train(&mut field, &silent, |field, gradients| flow_matching_loss(field, nan.clone(), gradients));
    assert!(matches!(found, Err(Error::LossNotFinite { step: 0, .. })));
    let negative = Training { learning_rate: -1.0, ..silent.clone() };
    let found =
        train(&mut field, &negative, |field, gradients| flow_matching_loss(field, sample.clone(), gradients));
    assert!(matches!(found, Err(Error::OutOfDomain { .. })));
    let mut unused = Mlp::<3, 4, 2, 1, Silu>::new(&Source::new(1)).unwrap();
    let found =
        train(&mut unused, &silent, |_, _| flow_matching_loss(&field, sample.clone(), Gradients::leaky()));
    assert!(matches!(found, Err(Error::UnusedParameters { tensors: 6 })), "{found:?}");
    assert!(source.uniform(2).is_ok());
}
