//! Densities of continuous flows.

use super::common::laws::{ROUNDING, close, integrates_to_one};
use super::common::stirred;
use super::fields::{
    Swelling, linear, log_normal, mean_and_error, no_points, product, triangular_exponential,
};
use pushforward::change_of_variables::{Bijection, Density, StandardNormal, negative_log_likelihood};
use pushforward::cnf::{
    Cnf, DOPRI5, Divergence, ErrorNorm, OdeSolver, Probes, RK4, TraceEstimator, VectorField,
};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{NumParams, TryMul, ZeroGrads, ZerosTensor};
use pushforward::nn::{ConcatSquash, DualPoints, Mlp, Tanh, parameters};
use pushforward::residual::Noise;
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};
use pushforward::train::{Progress, Training, load, save, train};
use pushforward::{Error, Obstacle, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;

const TOLERANCE: Real = if size_of::<Real>() == 4 { 1e-6 } else { 1e-9 };

fn accurate() -> OdeSolver {
    OdeSolver::adaptive(DOPRI5, TOLERANCE)
}

fn points() -> Points<2> {
    Source::new(1).points(&[[0.3, -0.8], [-1.5, 0.4], [0.0, 0.0], [2.0, 1.0]]).unwrap()
}

fn network() -> Mlp<3, 16, 2, 1, Tanh> {
    stirred(Mlp::new(&Source::new(5)).unwrap(), 0.3)
}

/// v = A x + b with A = [[0.5, 1], [0, −0.3]]: x = eᴬ z + A⁻¹ (eᴬ − I) b, so z = e⁻ᴬ x − A⁻¹ (I − e⁻ᴬ) b.
#[test]
fn the_log_density_of_a_linear_field_is_that_of_its_gaussian() {
    let (p, q, r, b) = (0.5, 1.0, -0.3, [0.4, -0.2]);
    let back = triangular_exponential(-p, -q, -r);
    let inverse = [[1.0 / p, -q / (p * r)], [0.0, 1.0 / r]];
    let shift = product(inverse, product([[1.0 - back[0][0], -back[0][1]], [0.0, 1.0 - back[1][1]]], b));
    let cnf = Cnf::new(linear([[p, q], [0.0, r]], [0.0, 0.0], b), accurate());
    let found = values(&cnf.log_prob(points()).unwrap());
    for (x, found) in rows(&points()).into_iter().zip(found) {
        let z = product(back, x.map(f64::from));
        let expected = log_normal([z[0] - shift[0], z[1] - shift[1]]) - (p + r);
        assert!(
            (expected - f64::from(found)).abs() < 1e-5,
            "log p at {x:?}: expected {expected}, found {found}"
        );
    }
}

/// The field reads the time: it does more at the end than at the start.
#[test]
fn the_density_at_a_time_between_is_that_of_the_points_on_their_way() {
    let (k, cnf): (f64, _) = (0.8, Cnf::new(Swelling(0.8), accurate()));
    for t in [0.0, 0.3, 0.5, 1.0_f64] {
        let found = values(&cnf.log_prob_at(t as Real, points()).unwrap());
        for (x, found) in rows(&points()).into_iter().zip(found) {
            // x(t) = exp(k t²) z.
            let scale: f64 = (-k * t * t).exp();
            let expected = log_normal(x.map(|x| scale * f64::from(x))) - 2.0 * k * t * t;
            assert!(
                (expected - f64::from(found)).abs() < 1e-5,
                "at {t}, {x:?}: expected {expected}, found {found}"
            );
        }
    }
    let whole: PerPoint = Cnf::new(network(), accurate()).log_prob(points()).unwrap();
    let at_one = Cnf::new(network(), accurate()).log_prob_at(1.0, points()).unwrap();
    assert_eq!(values(&whole), values(&at_one));
}

#[test]
fn both_directions_are_those_of_the_linear_field() {
    let cnf = Cnf::new(linear([[0.5, 1.0], [0.0, -0.3]], [0.0, 0.0], [0.0, 0.0]), accurate());
    let e = triangular_exponential(0.5, 1.0, -0.3);
    let (x, log_det): (Points<2>, _) = cnf.inverse(points()).unwrap();
    for (n, z) in rows(&points()).into_iter().enumerate() {
        let expected = product(e, z.map(f64::from));
        (0..2).for_each(|i| close("x", expected[i], rows(&x)[n][i].into(), 1e-5));
        close("log|det|", 0.2, values(&log_det)[n].into(), 1e-5);
    }
    let (_, log_det): (Points<2>, _) = cnf.forward(points()).unwrap();
    close("log|det| from data to noise", -0.2, values(&log_det)[0].into(), 1e-5);
}

#[test]
fn samples_have_the_density_that_the_flow_states() {
    let cnf = Cnf::new(linear([[0.5, 1.0], [0.0, -0.3]], [0.0, 0.0], [0.4, -0.2]), accurate());
    let mut source = Source::new(2);
    let x: Points<2> = cnf.sample(20_000, &mut source).unwrap();
    let e = triangular_exponential(0.5, 1.0, -0.3);
    let variance = e[0][0] * e[0][0] + e[0][1] * e[0][1];
    let first: Vec<f64> = rows(&x).iter().map(|x| f64::from(x[0])).collect();
    let (mean, error) = mean_and_error(&first);
    let squares: Vec<f64> = first.iter().map(|x| (x - mean) * (x - mean)).collect();
    let (found, spread) = mean_and_error(&squares);
    assert!((found - variance).abs() < 3.0 * spread, "{found} ± {spread} is {variance}");
    // A⁻¹ (eᴬ − I) b.
    let inside = product([[e[0][0] - 1.0, e[0][1]], [0.0, e[1][1] - 1.0]], [0.4, -0.2]);
    let expected = product([[2.0, 1.0 / 0.15], [0.0, -1.0 / 0.3]], inside)[0];
    assert!((mean - expected).abs() < 3.0 * error, "{mean} ± {error} is {expected}");
    assert_eq!(rows(&cnf.sample(5, &mut Source::new(3)).unwrap()), {
        let z: Points<2> = StandardNormal.sample(5, &mut Source::new(3)).unwrap();
        let x: Points<2> = cnf.solver.solve(&cnf.field, z, 0.0, 1.0).unwrap().end;
        rows(&x)
    });
}

#[test]
fn the_density_of_a_trained_flow_integrates_to_one() {
    let mut source = Source::new(1);
    let mut cnf = Cnf::new(Mlp::<3, 16, 2, 1, Tanh>::new(&source).unwrap(), OdeSolver::fixed(RK4, 4));
    let training =
        Training { steps: 300, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
    let losses = train(&mut cnf, &training, |cnf, gradients| {
        let x = TwoMoons::default().sample(128, &mut source)?;
        negative_log_likelihood(cnf, x, gradients)
    })
    .unwrap()
    .losses;
    let mean = |losses: &[Real]| losses.iter().sum::<Real>() / losses.len() as Real;
    assert!(
        mean(&losses[280..]) < mean(&losses[..5]) - 0.5,
        "{} to {}",
        mean(&losses[..5]),
        mean(&losses[280..])
    );
    let cnf = cnf.with_solver(OdeSolver::adaptive(DOPRI5, 1e-5));
    integrates_to_one("a trained Cnf", &cnf, (-5.0, 5.0), 400, 5e-4);
}

#[test]
fn an_estimated_log_density_is_unbiased() {
    let exact = Cnf::new(network(), accurate());
    let log_p: PerPoint = exact.log_prob(points()).unwrap();
    for noise in [Noise::Gaussian, Noise::Rademacher] {
        let copies = 2000;
        let x: Vec<[Real; 2]> = (0..copies).map(|_| rows(&points())[1]).collect();
        let cnf = exact.clone().with_trace(TraceEstimator::Hutchinson { noise, seed: 9 });
        let estimates: PerPoint = cnf.log_prob(Source::new(0).points(&x).unwrap()).unwrap();
        let estimates: Vec<f64> = values(&estimates).into_iter().map(f64::from).collect();
        let (mean, error) = mean_and_error(&estimates);
        let expected = f64::from(values(&log_p)[1]);
        println!("{noise:?}: {mean} ± {error}, exact {expected}");
        assert!((mean - expected).abs() < 3.0 * error, "{noise:?}: {mean} ± {error} is {expected}");
        assert!(error > 1e-4, "it is an estimate");
    }
}

/// Each evaluation draws another ε: the divergence jumps along the path, and the solver takes ever smaller steps.
#[test]
fn noise_that_is_redrawn_costs_many_evaluations_and_fixed_noise_does_not() {
    let field = network();
    let solver = OdeSolver::adaptive(DOPRI5, 1e-3).with_norm(ErrorNorm::Largest);
    let n = 20;
    let x = Source::new(4).normal::<2>(n).unwrap();
    let zeros: PerPoint = x.device().zeros_like(&(n,));
    let exact = Cnf::new(field.clone(), solver).solve(x.clone(), 1.0, 0.0).unwrap().nfe();
    let hutchinson = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 1 };
    let fixed =
        Cnf::new(field.clone(), solver).with_trace(hutchinson).solve(x.clone(), 1.0, 0.0).unwrap().nfe();
    let mut rng = StdRng::seed_from_u64(1);
    let redrawn = solver
        .solve_state(
            |t, (x, _): (Points<2>, PerPoint), which| {
                let probes = Probes::draw(Noise::Gaussian, which.len(), &mut rng)?;
                field.velocity_and_divergence(t, x, &probes)
            },
            (x, zeros),
            1.0,
            0.0,
        )
        .map(|solution| solution.nfe());
    let redrawn = match redrawn {
        Ok(evaluations) => evaluations,
        Err(Error::Unsolved { cause: Obstacle::TooManySteps { .. } | Obstacle::StepUnderflow, .. }) => {
            usize::MAX
        }
        Err(other) => panic!("{other}"),
    };
    println!("evaluations: exact {exact}, fixed noise {fixed}, redrawn {redrawn}");
    assert!(fixed <= 2 * exact, "fixed noise: {fixed}, exact {exact}");
    assert!(redrawn >= 10 * fixed, "redrawn noise: {redrawn}, fixed {fixed}");
}

#[test]
fn a_saved_flow_is_the_same_flow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cnf.safetensors");
    type Field = ConcatSquash<2, 1, 8, 2, 1, Tanh>;
    let new = |seed| Cnf::new(Field::new(&Source::new(seed)).unwrap(), accurate());
    let (cnf, mut other) = (new(0), new(1));
    save(&cnf, &path).unwrap();
    load(&mut other, &path).unwrap();
    let log_p = |cnf: &Cnf<Field>| values(&cnf.log_prob(points()).unwrap());
    assert_eq!(log_p(&cnf), log_p(&other), "every bit is kept");
    assert_eq!(cnf.num_trainable_params(), cnf.field.parameters());
    let mut by_adjoint = new(1).with_adjoint(accurate());
    load(&mut by_adjoint, &path).unwrap();
    assert_eq!(parameters(&by_adjoint).unwrap(), parameters(&cnf.field).unwrap());
}

#[test]
fn an_average_of_the_parameters_is_a_flow() {
    let mut source = Source::new(1);
    let mut cnf = Cnf::new(Mlp::<3, 8, 2, 0, Tanh>::new(&source).unwrap(), OdeSolver::fixed(RK4, 2));
    let before = parameters(&cnf).unwrap();
    let training =
        Training { steps: 5, ema_decay: Some(0.5), progress: Progress::Silent, ..Training::default() };
    let average = train(&mut cnf, &training, |cnf, gradients| {
        negative_log_likelihood(cnf, TwoMoons::default().sample(32, &mut source)?, gradients)
    })
    .unwrap()
    .average;
    assert!(parameters(&average).unwrap() != parameters(&cnf).unwrap());
    assert!(parameters(&average).unwrap() != before);
    assert!(values(&average.log_prob(points()).unwrap()).iter().all(|p| p.is_finite()));
}

/// dx/dt = x²: infinite before t = 1 where x(0) > 1.
struct Exploding;

impl VectorField<2> for Exploding {
    fn velocity(&self, _: PerPoint, x: Points<2>) -> Result<Points<2>> {
        Ok(x.try_square()?)
    }
}

impl Divergence<2> for Exploding {
    fn pushforward(&self, t: PerPoint, x: DualPoints<2>) -> Result<DualPoints<2>> {
        let twice = x.value().clone().try_mul(2.0)?;
        let tangents =
            x.tangents().iter().map(|d| Ok(d.clone().try_mul(twice.clone())?)).collect::<Result<_>>()?;
        DualPoints::new(self.velocity(t, x.value().clone())?, tangents)
    }
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let cnf = Cnf::new(network(), accurate());
    let bad = |x| Source::new(0).points(&[[0.1, 0.2], [x, 0.0]]).unwrap();
    for x in [Real::NAN, Real::INFINITY] {
        let found: Result<PerPoint> = cnf.log_prob(bad(x));
        assert!(matches!(found, Err(Error::NotFinite { index: 2, .. })), "{found:?}");
        assert!(matches!(cnf.log_prob_at(0.5, bad(x)), Err(Error::NotFinite { index: 2, .. })));
        assert!(matches!(cnf.path_costs(bad(x)), Err(Error::NotFinite { index: 2, .. })));
        let found = negative_log_likelihood(&cnf, bad(x), cnf.alloc_grads()).err();
        assert!(matches!(found, Some(Error::NotFinite { index: 2, .. })), "{found:?}");
    }
    let found: Result<PerPoint> = cnf.log_prob(no_points());
    assert!(matches!(found, Err(Error::Empty { .. })));
    let found: Result<Points<2>> = cnf.sample(0, &mut Source::new(0));
    assert!(matches!(found, Err(Error::Empty { .. })));
    for t in [-0.1, 1.1, Real::NAN] {
        assert!(matches!(cnf.log_prob_at(t, points()), Err(Error::OutOfDomain { what: "the time t", .. })));
    }
    let exploding = Cnf::new(Exploding, accurate());
    let start = Source::new(0).points(&[[0.2, 0.3], [2.0, 0.0]]).unwrap();
    let found = exploding.inverse(start).err();
    assert!(matches!(found, Some(Error::Unsolved { point: 1, .. })), "{found:?}");
    let found = negative_log_likelihood(&cnf, points(), cnf.alloc_grads()).err();
    let message = found.map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("with_adjoint"), "through an adaptive solver: {message}");
}

#[test]
fn the_inverse_undoes_forward_to_the_tolerance() {
    let cnf = Cnf::new(
        stirred(ConcatSquash::<2, 1, 8, 2, 1, Tanh>::new(&Source::new(5)).unwrap(), 0.3),
        accurate(),
    );
    let (z, log_det): (Points<2>, _) = cnf.forward(points()).unwrap();
    let (x, back) = cnf.inverse(z).unwrap();
    for n in 0..4 {
        (0..2).for_each(|i| {
            close(
                "x",
                rows(&points())[n][i].into(),
                rows(&x)[n][i].into(),
                10.0 * f64::from(TOLERANCE) + ROUNDING,
            )
        });
        close(
            "log|det|",
            -f64::from(values(&log_det)[n]),
            values(&back)[n].into(),
            10.0 * f64::from(TOLERANCE) + ROUNDING,
        );
    }
}
