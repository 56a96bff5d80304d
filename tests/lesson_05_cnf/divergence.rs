//! The divergence of fields, exact and estimated.

use super::common::laws::{DIFFERENCE, ROUNDING, close, parameter_gradients};
use super::common::stirred;
use super::fields::{Swelling, divergence, linear, mean_and_error, no_points, numeric_divergence, times};
use pushforward::Error;
use pushforward::cnf::{Divergence, Probes, TraceEstimator, VectorField};
use pushforward::dfdx::prelude::{
    Axis, MeanTo, SumTo, TensorCollection, TensorFromVec, Trace, TryAdd, TryMul,
};
use pushforward::nn::{ConcatSquash, Elu, Mlp, Silu, Tanh};
use pushforward::residual::Noise;
use pushforward::tensor::{Dev, PerPoint, Points, Real, Recording, Source, rows, values};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn squash<const D: usize>() -> ConcatSquash<D, 1, 8, D, 1, Tanh> {
    stirred(ConcatSquash::new(&Source::new(3)).unwrap(), 0.3)
}

fn points<const D: usize>(n: usize) -> Points<D> {
    Source::new(1).normal(n).unwrap()
}

/// Different for each point, and the same.
fn both_times(n: usize) -> [PerPoint; 2] {
    [Source::new(2).uniform(n).unwrap(), times(0.3, n)]
}

#[test]
fn the_exact_divergence_is_the_sum_of_the_numeric_derivatives() {
    fn law<const D: usize>(name: &str, field: &impl Divergence<D>) {
        let x = points::<D>(6);
        for t in both_times(6) {
            let numeric = numeric_divergence(field, &t, &x);
            for (found, numeric) in divergence(field, &t, &x, &Probes::Axes).into_iter().zip(numeric) {
                close(name, numeric, found, DIFFERENCE);
            }
        }
    }
    let source = Source::new(0);
    law::<2>("a perceptron", &stirred(Mlp::<3, 8, 2, 1, Tanh>::new(&source).unwrap(), 0.3));
    law::<5>(
        "a perceptron with 5 coordinates",
        &stirred(Mlp::<6, 8, 5, 0, Silu>::new(&source).unwrap(), 0.3),
    );
    law::<2>("concatsquash", &squash());
    law::<3>("concatsquash with 3 coordinates", &squash());
    let elu = ConcatSquash::<2, 1, 8, 2, 1, Elu>::new(&source).unwrap();
    law::<2>("concatsquash with an activation that has no kernel", &stirred(elu, 0.3));
    law::<4>("a field by hand", &Swelling(0.7));
}

#[test]
fn the_velocity_beside_the_divergence_is_the_velocity() {
    let (x, network) = (points::<2>(5), stirred(Mlp::<3, 8, 2, 1, Tanh>::new(&Source::new(0)).unwrap(), 0.3));
    for t in both_times(5) {
        let noise = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 0 }.probes(5).unwrap();
        for probes in [Probes::Axes, noise] {
            let (v, _) = network.velocity_and_divergence(t.clone(), x.clone(), &probes).unwrap();
            let alone = network.velocity(t.clone(), x.clone()).unwrap();
            let (w, _) = squash().velocity_and_divergence(t.clone(), x.clone(), &probes).unwrap();
            let squashed = squash::<2>().velocity(t.clone(), x.clone()).unwrap();
            for (name, one, two) in [("perceptron", v, alone), ("concatsquash", w, squashed)] {
                for (one, two) in rows(&one).as_flattened().iter().zip(rows(&two).as_flattened()) {
                    close(name, (*two).into(), (*one).into(), ROUNDING);
                }
            }
        }
    }
}

/// Where all times are the same, the network is computed as one perceptron; where one differs, layer by layer.
#[test]
fn concatsquash_in_one_context_is_what_it_is_among_others() {
    let (network, x) = (squash::<2>(), points::<2>(5));
    let same = Source::new(0).per_point(&[0.4; 5]).unwrap();
    let other = Source::new(0).per_point(&[0.4, 0.4, 0.4, 0.4, 0.9]).unwrap();
    let [one, many] = [same, other].map(|t| {
        let (v, divergence) = network.velocity_and_divergence(t, x.clone(), &Probes::Axes).unwrap();
        (rows(&v), values(&divergence))
    });
    for n in 0..4 {
        close("∇·v", many.1[n].into(), one.1[n].into(), ROUNDING);
        for i in 0..2 {
            close("v", many.0[n][i].into(), one.0[n][i].into(), ROUNDING);
        }
    }
    assert!((many.0[4][0] - one.0[4][0]).abs() > 1e-3, "the last has another time");
}

#[test]
fn every_parameter_gets_the_gradient_of_velocity_and_divergence() {
    fn law<F>(name: &str, field: F)
    where
        F: Divergence<2, Recording> + TensorCollection<Real, Dev> + Clone,
    {
        let x = points::<2>(4);
        for (t, kind) in both_times(4).into_iter().zip(["times", "one time"]) {
            let noise = TraceEstimator::Hutchinson { noise: Noise::Rademacher, seed: 4 }.probes(4).unwrap();
            for probes in [Probes::Axes, noise] {
                let loss = |field: &F, gradients| {
                    let x = x.clone().traced(gradients);
                    let (v, divergence) = field.velocity_and_divergence(t.clone(), x, &probes)?;
                    let squares = v.try_square()?.try_sum::<(usize,), Axis<1>>()?;
                    Ok(divergence.try_mul(0.7)?.try_add(squares)?.try_mean()?)
                };
                parameter_gradients(&format!("{name}, {kind}"), field.clone(), loss);
            }
        }
    }
    law("perceptron", stirred(Mlp::<3, 4, 2, 1, Tanh>::new(&Source::new(0)).unwrap(), 0.3));
    law("concatsquash", stirred(ConcatSquash::<2, 1, 4, 2, 1, Tanh>::new(&Source::new(3)).unwrap(), 0.3));
}

#[test]
fn hutchinsons_estimate_is_unbiased_and_signs_vary_least() {
    let n = 20_000;
    let field = stirred(Mlp::<4, 8, 3, 1, Tanh>::new(&Source::new(0)).unwrap(), 0.5);
    let x = Source::new(0).points(&vec![[0.3, -0.5, 0.8]; n]).unwrap();
    let t = times(0.4, n);
    let exact = divergence(&field, &t, &x, &Probes::Axes)[0];
    let mut errors = Vec::new();
    for noise in [Noise::Gaussian, Noise::Rademacher] {
        let probes = TraceEstimator::Hutchinson { noise, seed: 7 }.probes(n).unwrap();
        let (mean, error) = mean_and_error(&divergence(&field, &t, &x, &probes));
        println!("{noise:?}: {mean} ± {error}, exact {exact}");
        assert!((mean - exact).abs() < 3.0 * error, "{noise:?}: {mean} ± {error} is {exact}");
        assert!(error < 0.02 * (1.0 + exact.abs()), "{noise:?}: enough draws to see a bias, ± {error}");
        errors.push(error);
    }
    assert!(errors[1] < errors[0], "signs vary less than normal numbers: {errors:?}");
}

#[test]
fn the_noise_is_that_of_its_seed_and_has_the_variance_1() {
    let draw = |noise, seed| match (TraceEstimator::Hutchinson { noise, seed }).probes::<2>(5000).unwrap() {
        Probes::Noise(noise) => rows(&noise),
        Probes::Axes => panic!("an estimate has noise"),
    };
    for noise in [Noise::Gaussian, Noise::Rademacher] {
        assert_eq!(draw(noise, 3), draw(noise, 3));
        assert_ne!(draw(noise, 3), draw(noise, 4));
        let squares: Vec<f64> = draw(noise, 3).as_flattened().iter().map(|e| f64::from(e * e)).collect();
        let (mean, error) = mean_and_error(&squares);
        assert!((mean - 1.0).abs() <= 3.0 * error, "{noise:?}: {mean} ± {error}");
    }
    assert!(draw(Noise::Rademacher, 0).as_flattened().iter().all(|e| e.abs() == 1.0));
    let Probes::Noise(own) = Probes::<2>::draw(Noise::Gaussian, 5000, &mut StdRng::seed_from_u64(3)).unwrap()
    else {
        panic!("noise was drawn")
    };
    assert_eq!(rows(&own), draw(Noise::Gaussian, 3), "the same random numbers");
}

#[test]
fn probes_of_some_rows_are_those_rows() {
    let all = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 1 }.probes::<3>(6).unwrap();
    let (Probes::Noise(all_rows), Probes::Noise(some)) = (&all, all.of(&[4, 0, 4]).unwrap()) else {
        panic!("noise stays noise")
    };
    let all_rows = rows(all_rows);
    assert_eq!(rows(&some), [all_rows[4], all_rows[0], all_rows[4]]);
    assert!(matches!(Probes::<3>::Axes.of(&[4, 0]).unwrap(), Probes::Axes));
    assert!(matches!(all.of(&[0, 6]), Err(Error::OutOfDomain { found: 6.0, .. })));
    assert!(matches!(all.of(&[]), Err(Error::Empty { .. })));
}

#[test]
fn the_divergence_of_a_linear_field_is_its_trace_whatever_the_point() {
    let field = linear([[0.5, 2.0], [-1.0, 0.25]], [3.0, -1.0], [0.1, 0.2]);
    let found = divergence(&field, &times(0.9, 4), &points::<2>(4), &Probes::Axes);
    found.into_iter().for_each(|found| close("tr A", 0.75, found, ROUNDING));
}

#[test]
fn sizes_that_do_not_fit_are_errors() {
    let (network, x) = (Mlp::<3, 4, 2, 1, Tanh>::new(&Source::new(0)).unwrap(), points::<2>(3));
    let ask = |t: PerPoint, x: Points<2>, probes: &Probes<2>| {
        let one = network.velocity_and_divergence(t.clone(), x.clone(), probes).err();
        let two = squash().velocity_and_divergence(t, x, probes).err();
        [one.expect("a perceptron refuses"), two.expect("concatsquash refuses")]
    };
    let few = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 0 }.probes(2).unwrap();
    for error in ask(times(0.5, 2), x.clone(), &Probes::Axes) {
        assert!(matches!(error, Error::BatchMismatch { expected: 3, found: 2, .. }), "{error:?}");
    }
    for error in ask(times(0.5, 3), x, &few) {
        assert!(matches!(error, Error::BatchMismatch { expected: 3, found: 2, .. }), "{error:?}");
    }
    let none: PerPoint = Source::new(0).device().tensor_from_vec(Vec::new(), (0,));
    for error in ask(none, no_points(), &Probes::Axes) {
        assert!(matches!(error, Error::Empty { .. }), "{error:?}");
    }
    let empty = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 0 }.probes::<2>(0);
    assert!(matches!(empty, Err(Error::Empty { .. })));
}
