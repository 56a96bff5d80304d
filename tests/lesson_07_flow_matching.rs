//! Lesson 07: flow matching.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_07_flow_matching/exercises.rs"]
mod exercises;
#[path = "lesson_07_flow_matching/guidance.rs"]
mod guidance;
#[path = "lesson_07_flow_matching/marginals.rs"]
mod marginals;
#[path = "lesson_07_flow_matching/paths.rs"]
mod paths;
#[path = "lesson_07_flow_matching/predictions.rs"]
mod predictions;
#[path = "lesson_07_flow_matching/sampling.rs"]
mod sampling;
#[path = "lesson_07_flow_matching/theorem.rs"]
mod theorem;

use common::laws::{ROUNDING, close, parameter_gradients};
use pushforward::Error;
use pushforward::change_of_variables::{Affine, Bijection};
use pushforward::cnf::VectorField;
use pushforward::dfdx::prelude::{SumTo, Trace};
use pushforward::flow_matching::{PathSample, ProbabilityPath, flow_matching_loss};
use pushforward::nn::{Activation, Mlp, Selu, Silu, Sine, Tanh};
use pushforward::tensor::{Gradients, Points, Real, Source, append, rows};
use pushforward::train::{Progress, Schedule, Training, train};

fn sample_at(path: ProbabilityPath, t: Real) -> PathSample<2> {
    let mut source = Source::new(4);
    let (x_0, x_1) = (source.normal::<2>(5).unwrap(), source.normal::<2>(5).unwrap());
    path.sample(x_0, x_1, source.per_point(&[t; 5]).unwrap()).unwrap()
}

/// The code of the blocks of a text, without the lines that a reader does not see.
fn blocks(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let parts = text.split("\n```").collect::<Vec<_>>().into_iter();
    let code = parts.filter_map(|part| part.strip_prefix("rust\n"));
    code.map(|code| code.lines().filter(|line| !line.starts_with("# ") && !line.is_empty()).collect())
}

#[test]
fn the_program_of_the_chapter_is_at_most_sixty_lines_from_the_imports_to_the_samples() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/07_flow_matching.md");
    let chapter = std::fs::read_to_string(file).unwrap();
    let (before, section) = chapter.split_once("## The program").unwrap();
    let mut program = blocks(before).next().unwrap();
    for block in blocks(section) {
        program.extend(&block);
        if block.iter().any(|line| line.starts_with("let samples")) {
            break;
        }
    }
    assert!(program.len() <= 60, "{} lines", program.len());
    let text = program.join("\n");
    for part in
        ["use pushforward", "Checkerboard", "train(", "flow_matching_loss(", "solve_dense(", "let samples"]
    {
        assert!(text.contains(part), "the program is whole: {part}");
    }
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
    let sample = sample_at(ProbabilityPath::STRAIGHT, 0.3);
    let v = rows(&field.velocity(sample.t.clone(), sample.x_t.clone()).unwrap());
    let pairs = v.iter().zip(rows(&sample.target));
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
    law(sample_at(ProbabilityPath::STRAIGHT, 0.7));
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
            flow_matching_loss(field, ProbabilityPath::STRAIGHT.sample(x_0, x_1, t)?, gradients)
        })
        .unwrap()
        .losses
    };
    let losses = run();
    assert_eq!(losses, run());
    assert!(losses[19] != losses[0], "training changes the model");
}

#[test]
fn training_refuses_what_cannot_be_trained() {
    let mut source = Source::new(0);
    let mut field = Mlp::<3, 4, 2, 1, Silu>::new(&source).unwrap();
    let silent = Training { steps: 3, progress: Progress::Silent, ..Training::default() };
    let sample = sample_at(ProbabilityPath::STRAIGHT, 0.5);
    let mut nan = sample.clone();
    nan.target = source.normal::<2>(5).unwrap() * Real::NAN;
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
