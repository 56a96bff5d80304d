//! The penalties of RNODE.

use super::common::laws::{close, parameter_gradients};
use super::common::stirred;
use super::fields::{linear, mean_and_error};
use pushforward::change_of_variables::negative_log_likelihood;
use pushforward::cnf::{
    Cnf, DOPRI5, Divergence, OdeSolver, PathCosts, RK4, Regularizer, TraceEstimator, VectorField,
    regularized_loss,
};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{AsArray, ZeroGrads};
use pushforward::nn::{DualPoints, Mlp, Tanh};
use pushforward::residual::Noise;
use pushforward::tensor::{PerPoint, Points, Real, Source, values};
use pushforward::train::{Progress, Training, train};
use pushforward::{Error, Result};

fn points(n: usize) -> Points<2> {
    Source::new(1).normal(n).unwrap()
}

fn network() -> Mlp<3, 8, 2, 1, Tanh> {
    stirred(Mlp::new(&Source::new(5)).unwrap(), 0.3)
}

fn numbers(costs: PathCosts) -> [Vec<f64>; 2] {
    [costs.kinetic, costs.jacobian].map(|costs| values(&costs).into_iter().map(f64::from).collect())
}

/// v = b: |v|² = |b|² and J = 0. v = A x: J = A, and with A = a I + w turn, |x(t)|² = |x(1)|² e^{2a(t−1)}.
#[test]
fn the_costs_of_paths_are_those_of_fields_that_are_known() {
    let solver = OdeSolver::adaptive(DOPRI5, 1e-6);
    let wind = Cnf::new(linear([[0.0; 2]; 2], [0.0; 2], [3.0, -4.0]), solver);
    let [kinetic, jacobian] = numbers(wind.path_costs(points(3)).unwrap());
    kinetic.into_iter().for_each(|found| close("|b|²", 25.0, found, 1e-6));
    jacobian.into_iter().for_each(|found| close("0", 0.0, found, 1e-6));

    let (a, w) = (0.5, 2.0);
    let spiral = Cnf::new(linear([[a, -w], [w, a]], [0.0; 2], [0.0; 2]), solver);
    let x = Source::new(0).points(&[[0.6, -0.8], [2.0, 1.0]]).unwrap();
    let [kinetic, jacobian] = numbers(spiral.path_costs(x).unwrap());
    for (square, found) in [1.0, 5.0].into_iter().zip(kinetic) {
        let expected = square * (a * a + w * w) * (1.0 - (-2.0 * a).exp()) / (2.0 * a);
        close("∫ |A x|² dt", expected, found, 1e-5);
    }
    jacobian.into_iter().for_each(|found| close("‖A‖²", 2.0 * (a * a + w * w), found, 1e-5));
}

#[test]
fn the_norm_that_noise_estimates_is_unbiased() {
    let n = 4000;
    let x = Source::new(0).points(&vec![[0.4, -0.7]; n]).unwrap();
    let exact = Cnf::new(network(), OdeSolver::fixed(RK4, 8));
    let expected = numbers(exact.path_costs(points(1)).unwrap());
    assert!(expected[1][0] > 0.0);
    let [kinetic, expected] = numbers(exact.path_costs(x.clone()).unwrap());
    for noise in [Noise::Gaussian, Noise::Rademacher] {
        let cnf = exact.clone().with_trace(TraceEstimator::Hutchinson { noise, seed: 3 });
        let [same, estimates] = numbers(cnf.path_costs(x.clone()).unwrap());
        close("the kinetic energy has no noise", kinetic[0], same[0], 1e-6);
        let (mean, error) = mean_and_error(&estimates);
        assert!((mean - expected[0]).abs() < 3.0 * error, "{noise:?}: {mean} ± {error} is {}", expected[0]);
    }
}

#[test]
fn without_penalties_the_loss_is_the_negative_log_likelihood() {
    let cnf = Cnf::new(network(), OdeSolver::fixed(RK4, 4));
    let plain = negative_log_likelihood(&cnf, points(50), cnf.alloc_grads()).unwrap().array();
    let loss = regularized_loss(&cnf, points(50), Regularizer::NONE, cnf.alloc_grads()).unwrap().array();
    assert_eq!(loss, plain);
    let by_adjoint = cnf.clone().with_adjoint(cnf.solver);
    let loss = regularized_loss(&by_adjoint, points(50), Regularizer::NONE, by_adjoint.alloc_grads())
        .unwrap()
        .array();
    close("by the adjoint", plain.into(), loss.into(), 1e-6);
}

#[test]
fn the_penalties_are_added_and_every_parameter_gets_their_gradient() {
    let regularizer = Regularizer { kinetic: 0.3, jacobian: 0.2 };
    let noise = TraceEstimator::Hutchinson { noise: Noise::Rademacher, seed: 3 };
    for trace in [TraceEstimator::Exact, noise] {
        let cnf = Cnf::new(network(), OdeSolver::fixed(RK4, 4)).with_trace(trace);
        let plain = negative_log_likelihood(&cnf, points(50), cnf.alloc_grads()).unwrap().array();
        let loss = regularized_loss(&cnf, points(50), regularizer, cnf.alloc_grads()).unwrap().array();
        let [kinetic, jacobian] =
            numbers(cnf.path_costs(points(50)).unwrap()).map(|costs| mean_and_error(&costs).0);
        close("sum", f64::from(plain) + 0.3 * kinetic + 0.2 * jacobian, loss.into(), 1e-5);
        let small =
            Cnf::new(stirred(Mlp::<3, 4, 2, 0, Tanh>::new(&Source::new(5)).unwrap(), 0.3), cnf.solver);
        parameter_gradients("regularized loss", small.with_trace(trace), |cnf, gradients| {
            regularized_loss(cnf, points(5), regularizer, gradients)
        });
    }
}

#[test]
fn a_penalized_field_costs_less_and_is_solved_in_fewer_steps() {
    let trained = |regularizer| {
        let mut source = Source::new(1);
        let field = stirred(Mlp::<3, 16, 2, 1, Tanh>::new(&source).unwrap(), 0.4);
        let mut cnf = Cnf::new(field, OdeSolver::fixed(RK4, 4));
        let training =
            Training { steps: 200, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
        train(&mut cnf, &training, |cnf, gradients| {
            let x = TwoMoons::default().sample(64, &mut source)?;
            regularized_loss(cnf, x, regularizer, gradients)
        })
        .unwrap();
        let x = TwoMoons::default().sample(200, &mut Source::new(9)).unwrap();
        let accurate = cnf.with_solver(OdeSolver::adaptive(DOPRI5, 1e-5));
        let costs = numbers(accurate.path_costs(x.clone()).unwrap()).map(|costs| mean_and_error(&costs).0);
        (costs, accurate.solve(x, 1.0, 0.0).unwrap().nfe())
    };
    let (plain, plain_nfe) = trained(Regularizer::NONE);
    let (penalized, nfe) = trained(Regularizer { kinetic: 0.05, jacobian: 0.05 });
    println!("plain: {plain:?}, {plain_nfe} evaluations; penalized: {penalized:?}, {nfe}");
    assert!(penalized[0] < 0.9 * plain[0], "kinetic energy");
    assert!(penalized[1] < 0.7 * plain[1], "Jacobian");
    assert!(nfe < plain_nfe, "evaluations");
}

#[test]
fn weights_that_are_negative_or_not_finite_are_refused() {
    let cnf = Cnf::new(network(), OdeSolver::fixed(RK4, 2));
    for bad in [-1.0, Real::NAN, Real::INFINITY] {
        let ask = |kinetic, jacobian| {
            let regularizer = Regularizer { kinetic, jacobian };
            regularized_loss(&cnf, points(3), regularizer, cnf.alloc_grads()).err()
        };
        for found in [ask(bad, 0.0), ask(0.0, bad)] {
            assert!(matches!(found, Some(Error::OutOfDomain { .. })), "{found:?}");
        }
    }
}

/// A field that gives back one tangent, whatever it is given.
struct Forgetful;

impl VectorField<2> for Forgetful {
    fn velocity(&self, _: PerPoint, x: Points<2>) -> Result<Points<2>> {
        Ok(x)
    }
}

impl Divergence<2> for Forgetful {
    fn pushforward(&self, _: PerPoint, x: DualPoints<2>) -> Result<DualPoints<2>> {
        DualPoints::new(x.value().clone(), x.tangents()[..1].to_vec())
    }
}

#[test]
fn a_field_that_loses_a_tangent_is_an_error_with_and_without_penalties() {
    let cnf = Cnf::new(Forgetful, OdeSolver::fixed(RK4, 2));
    for found in [cnf.solve(points(3), 1.0, 0.0).err(), cnf.path_costs(points(3)).err()] {
        assert!(matches!(found, Some(Error::WrongLength { expected: 2, found: 1, .. })), "{found:?}");
    }
}
