//! Gradients through the solver, by the adjoint, and by differences.

use super::common::laws::{DIFFERENCE, close, everything, parameter_gradients};
use super::common::{self, stirred};
use super::fields::{linear, log_normal, product, triangular_exponential};
use super::memory::peak;
use pushforward::Error;
use pushforward::change_of_variables::{Bijection, Density, negative_log_likelihood};
use pushforward::cnf::{
    Adjoint, Cnf, DOPRI5, ErrorNorm, GradientMode, OdeSolver, RK4, Regularizer, TSIT5, ThroughSolver,
    TraceEstimator, regularized_loss,
};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{AsArray, Backward, SumTo, TensorCollection, Trace, TryMul, ZeroGrads};
use pushforward::nn::{ConcatSquash, Mlp, Tanh, parameters};
use pushforward::residual::Noise;
use pushforward::tensor::{Dev, Gradients, Points, Real, Recording, Source, rows};
use pushforward::train::{Progress, Training, train};

const SINGLE: bool = size_of::<Real>() == 4;

/// How far the gradients of two solves with the tolerance of [`accurate`] may be apart, relative to 1 + |g|: in f32
/// some tens of roundings, times the 5 points with weights up to 2.
const AGREE: f64 = if SINGLE { 2e-5 } else { 1e-8 };

fn accurate() -> OdeSolver {
    OdeSolver::adaptive(DOPRI5, if SINGLE { 1e-6 } else { 1e-10 })
}

/// So many steps that the error of the method is below [`AGREE`].
fn fine() -> OdeSolver {
    OdeSolver::fixed(RK4, if SINGLE { 16 } else { 100 })
}

fn perceptron() -> Mlp<3, 4, 2, 1, Tanh> {
    stirred(Mlp::new(&Source::new(5)).unwrap(), 0.4)
}

fn squash() -> ConcatSquash<2, 1, 4, 2, 0, Tanh> {
    stirred(ConcatSquash::new(&Source::new(5)).unwrap(), 0.4)
}

fn points() -> Points<2> {
    Source::new(1).normal(5).unwrap()
}

/// The points count differently, and one against the others.
const WEIGHTS: [Real; 5] = [0.1, 2.0, -0.7, 0.0, 1.3];

/// The gradients of Σ wₙ log p(xₙ) with respect to the parameters and to the points.
fn weighted<F, G>(cnf: &Cnf<F, G>, x: &Points<2>) -> (Vec<f64>, Vec<f64>)
where
    F: TensorCollection<Real, Dev>,
    G: GradientMode<F, 2>,
{
    let log_p = cnf.log_prob(x.clone().traced(Gradients::leaky())).unwrap();
    let loss = log_p.try_mul(Source::new(0).per_point(&WEIGHTS).unwrap()).unwrap().sum();
    let gradients = loss.backward();
    let of_x = rows(&gradients.get(x)).as_flattened().iter().map(|g| f64::from(*g)).collect();
    (common::gradients(cnf, &gradients).into_iter().map(f64::from).collect(), of_x)
}

fn agree(what: &str, one: &[f64], two: &[f64], tolerance: f64) {
    assert_eq!(one.len(), two.len());
    let worst = one.iter().zip(two).map(|(a, b)| (a - b).abs() / (1.0 + a.abs())).fold(0.0, f64::max);
    println!("{what}: apart by {worst:.1e}");
    one.iter().zip(two).for_each(|(one, two)| close(what, *one, *two, tolerance));
}

#[test]
fn the_adjoint_gives_the_gradients_through_the_solver_also_of_weighted_losses() {
    fn law<F>(name: &str, field: F)
    where
        Adjoint: GradientMode<F, 2>,
        ThroughSolver: GradientMode<F, 2>,
        F: TensorCollection<Real, Dev> + Clone,
    {
        let noise = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 2 };
        for trace in [TraceEstimator::Exact, noise] {
            let through = Cnf::new(field.clone(), fine()).with_trace(trace);
            let (parameters, of_x) = weighted(&through, &points());
            assert!(
                parameters.iter().chain(&of_x).any(|g| g.abs() > 0.1),
                "{name}: there is something to see"
            );
            for backwards in [
                accurate(),
                accurate().with_norm(ErrorNorm::Shared),
                OdeSolver::adaptive(TSIT5, if SINGLE { 1e-6 } else { 1e-10 }),
                fine(),
            ] {
                let adjoint = through.clone().with_solver(accurate()).with_adjoint(backwards);
                let (found, found_x) = weighted(&adjoint, &points());
                agree(&format!("{name}, {trace:?}, parameters"), &parameters, &found, AGREE);
                agree(&format!("{name}, {trace:?}, points"), &of_x, &found_x, AGREE);
            }
        }
    }
    law("perceptron", perceptron());
    law("concatsquash", squash());
}

#[test]
fn both_ways_give_the_differences_of_the_loss() {
    let x = points();
    let through = Cnf::new(perceptron(), fine());
    parameter_gradients("through the solver", through.clone(), |cnf, gradients| {
        negative_log_likelihood(cnf, x.clone(), gradients)
    });
    parameter_gradients(
        "by the adjoint",
        through.with_solver(accurate()).with_adjoint(accurate()),
        |cnf, gradients| negative_log_likelihood(cnf, x.clone(), gradients),
    );
}

#[test]
fn both_directions_of_the_bijection_have_gradients_by_both_ways() {
    for forward in [true, false] {
        let through = Cnf::new(squash(), fine());
        let adjoint = through.clone().with_solver(accurate()).with_adjoint(accurate());
        let one = everything(&through, points(), forward, through.alloc_grads()).unwrap().backward();
        let two = everything(&adjoint, points(), forward, adjoint.alloc_grads()).unwrap().backward();
        let [one, two] = [common::gradients(&through, &one), common::gradients(&adjoint, &two)]
            .map(|g| g.into_iter().map(f64::from).collect::<Vec<_>>());
        agree(&format!("forward {forward}"), &one, &two, AGREE);
        let name = format!("adjoint, forward {forward}");
        parameter_gradients(&name, adjoint, |cnf, g| everything(cnf, points(), forward, g));
    }
}

#[test]
fn the_adjoint_gives_the_gradients_of_the_penalties() {
    let regularizer = Regularizer { kinetic: 0.3, jacobian: 0.2 };
    let noise = TraceEstimator::Hutchinson { noise: Noise::Rademacher, seed: 2 };
    for trace in [TraceEstimator::Exact, noise] {
        let through = Cnf::new(perceptron(), fine()).with_trace(trace);
        let adjoint = through.clone().with_solver(accurate()).with_adjoint(accurate());
        let one = regularized_loss(&through, points(), regularizer, through.alloc_grads()).unwrap();
        let two = regularized_loss(&adjoint, points(), regularizer, adjoint.alloc_grads()).unwrap();
        close("loss", one.array().into(), two.array().into(), AGREE);
        let [one, two] =
            [common::gradients(&through, &one.backward()), common::gradients(&adjoint, &two.backward())]
                .map(|g| g.into_iter().map(f64::from).collect::<Vec<_>>());
        agree("penalties", &one, &two, AGREE);
    }
}

/// ∇ log p = −e^(−Aᵀ) e^(−A) x.
#[test]
fn the_score_of_a_linear_field_is_that_of_its_gaussian() {
    let cnf =
        Cnf::new(linear([[0.5, 1.0], [0.0, -0.3]], [0.0; 2], [0.0; 2]), accurate()).with_adjoint(accurate());
    let back = triangular_exponential(-0.5, -1.0, 0.3);
    let x = points();
    let log_p = cnf.log_prob(x.clone().traced(Gradients::leaky())).unwrap();
    let gradients = log_p.sum().backward();
    for (x, found) in rows(&x).into_iter().zip(rows(&gradients.get(&x))) {
        let z = product(back, x.map(f64::from));
        assert!(log_normal(z).is_finite());
        let transposed = [[back[0][0], back[1][0]], [back[0][1], back[1][1]]];
        let expected = product(transposed, z).map(|g| -g);
        (0..2).for_each(|i| close("score", expected[i], found[i].into(), AGREE));
    }
}

#[test]
fn the_gradients_that_were_there_before_stay() {
    let cnf = Cnf::new(perceptron(), accurate()).with_adjoint(accurate());
    let once = weighted(&cnf, &points()).0;
    let x = points();
    let twice = {
        let first = cnf.log_prob(x.clone().traced(Gradients::leaky())).unwrap();
        let second = cnf.log_prob(x.clone().traced(Gradients::leaky())).unwrap();
        let weights = || Source::new(0).per_point(&WEIGHTS).unwrap();
        let loss = first.try_mul(weights()).unwrap().sum() + second.try_mul(weights()).unwrap().sum();
        common::gradients(&cnf, &loss.backward())
    };
    let twice: Vec<f64> = twice.into_iter().map(f64::from).collect();
    let expected: Vec<f64> = once.iter().map(|g| 2.0 * g).collect();
    agree("twice", &expected, &twice, AGREE);
}

/// The tolerance of the backward solve does not depend on the size of the loss.
#[test]
fn a_loss_that_is_smaller_has_gradients_that_are_smaller_by_as_much() {
    let cnf = Cnf::new(perceptron(), accurate()).with_adjoint(OdeSolver::adaptive(DOPRI5, 1e-3));
    let gradients = |factor: Real| {
        let x = points();
        let log_p = cnf.log_prob(x.clone().traced(Gradients::leaky())).unwrap();
        let gradients = (log_p.sum() * factor).backward();
        let of_x = rows(&gradients.get(&x)).as_flattened().to_vec();
        [common::gradients(&cnf, &gradients), of_x].concat()
    };
    for (one, small) in gradients(1.0).into_iter().zip(gradients(1e-4)) {
        close("ten thousand times as small", one.into(), 1e4 * f64::from(small), 1e-6);
    }
}

/// From noise to data x shrinks by e⁻¹², and on the way back its error grows by e¹².
#[test]
fn a_path_that_is_not_found_again_has_no_gradient() {
    let shrinking = |rate: f64, tolerance: Real| {
        let solver = OdeSolver::adaptive(DOPRI5, tolerance);
        let field = linear([[-rate, 0.0], [0.0, -rate]], [0.0; 2], [0.0; 2]);
        let cnf = Cnf::new(field, solver).with_adjoint(solver);
        let z = points().traced(cnf.alloc_grads());
        let (x, log_det) = cnf.inverse(z).unwrap();
        common::gradients(&cnf, &(x.square().sum() + log_det.sum()).backward())
    };
    assert!(shrinking(1.0, 1e-5).iter().all(|g| g.is_finite()), "nothing is lost");
    assert!(shrinking(12.0, 1e-5).iter().all(|g| g.is_nan()), "{:?}", shrinking(12.0, 1e-5));
}

/// The most memory that one thread held while it computed a loss and its gradients.
fn memory_of_gradients<G: GradientMode<Mlp<3, 4, 2, 1, Tanh>, 2>>(
    cnf: &Cnf<Mlp<3, 4, 2, 1, Tanh>, G>,
) -> usize {
    let x = Source::new(1).normal::<2>(50).unwrap();
    let run = || {
        let loss = negative_log_likelihood(cnf, x.clone(), cnf.alloc_grads()).unwrap();
        drop(loss.backward());
    };
    // What is made only once is made now.
    run();
    peak(run)
}

#[test]
fn the_memory_of_the_adjoint_does_not_grow_with_the_steps() {
    let solvers = [10, 100].map(|steps| OdeSolver::fixed(RK4, steps));
    let through = solvers.map(|solver| memory_of_gradients(&Cnf::new(perceptron(), solver)));
    let adjoint =
        solvers.map(|solver| memory_of_gradients(&Cnf::new(perceptron(), solver).with_adjoint(solver)));
    println!("bytes for 10 and 100 steps: through the solver {through:?}, adjoint {adjoint:?}");
    assert!(through[1] > 8 * through[0], "a tape of ten times as many steps: {through:?}");
    assert!(adjoint[1] < adjoint[0] + 1000, "bytes: {adjoint:?}");
    assert!(adjoint[1] * 20 < through[1], "{adjoint:?}, {through:?}");
}

#[test]
fn a_flow_is_trained_by_the_adjoint_as_through_the_solver() {
    fn losses<G>(mut cnf: Cnf<Mlp<3, 4, 2, 1, Tanh>, G>) -> (Vec<Real>, Vec<Real>)
    where
        G: GradientMode<Mlp<3, 4, 2, 1, Tanh>, 2> + Clone,
    {
        let mut source = Source::new(4);
        let training =
            Training { steps: 20, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
        let losses = train(&mut cnf, &training, |cnf, gradients| {
            negative_log_likelihood(cnf, TwoMoons::default().sample(64, &mut source)?, gradients)
        });
        (losses.unwrap().losses, parameters(&cnf).unwrap())
    }
    let new = || Cnf::new(Mlp::new(&Source::new(5)).unwrap(), OdeSolver::fixed(RK4, 8));
    let (through, parameters) = losses(new());
    let (adjoint, other) = losses(new().with_solver(accurate()).with_adjoint(accurate()));
    assert!(through[19] < through[0] - 0.05, "it learns: {through:?}");
    // Adam divides a gradient by its size, which makes much of the errors of the small ones in f32.
    let tolerance = if SINGLE { 1e-2 } else { 1e-3 };
    for (one, two) in through.into_iter().zip(adjoint).chain(parameters.into_iter().zip(other)) {
        close("after the same steps", one.into(), two.into(), tolerance);
    }
}

#[test]
fn a_backward_solve_that_fails_makes_every_gradient_nan_and_stops_training() {
    let hopeless = accurate().with_max_steps(1);
    let cnf = Cnf::new(perceptron(), accurate()).with_adjoint(hopeless);
    let (of_parameters, of_x) = weighted(&cnf, &points());
    assert!(of_parameters.iter().chain(&of_x).all(|g| g.is_nan()));
    let mut model = cnf;
    let training = Training { steps: 1, progress: Progress::Silent, ..Training::default() };
    let found = train(&mut model, &training, |cnf, g| negative_log_likelihood(cnf, points(), g)).err();
    assert!(matches!(found, Some(Error::GradientNotFinite { step: 0, .. })), "{found:?}");
}

/// The derivative of a loss of the density alone is asked at points where it is a difference, too.
#[test]
fn the_gradient_with_respect_to_the_points_is_the_difference() {
    let cnf = Cnf::new(perceptron(), accurate()).with_adjoint(accurate());
    let (_, found) = weighted(&cnf, &points());
    let source = Source::new(0);
    let log_p = |moved: &[[Real; 2]]| -> f64 {
        let log_p: pushforward::tensor::PerPoint = cnf.log_prob(source.points(moved).unwrap()).unwrap();
        let terms = log_p.as_vec().into_iter().zip(WEIGHTS);
        terms.map(|(log_p, w)| f64::from(log_p) * f64::from(w)).sum()
    };
    let step = Real::EPSILON.cbrt();
    for (place, found) in found.into_iter().enumerate() {
        let [above, below] = [step, -step].map(|step| {
            let mut moved = rows(&points());
            moved[place / 2][place % 2] += step;
            (log_p(&moved), f64::from(moved[place / 2][place % 2]))
        });
        close("∂/∂x", (above.0 - below.0) / (above.1 - below.1), found, 5.0 * DIFFERENCE);
    }
    fn takes<B: Bijection<2> + Bijection<2, Recording>>(_: &B) {}
    takes(&cnf);
}
