//! Gradients of log |det(I + J)| and of its estimates.

use super::common::{self, stirred};
use super::mean_and_error;
use pushforward::dfdx::prelude::{
    Backward, PutTape, SplitTape, SumTo, TensorCollection, Trace, TryMul, ZeroGrads,
};
use pushforward::dfdx::tensor::Merge;
use pushforward::nn::{Mlp, Tanh, power_series};
use pushforward::residual::{
    Contraction, Estimated, Estimator, InvertibleResidual, Length, Noise, Series, exact_log_det,
};
use pushforward::tensor::{Dev, PerPoint, Points, Real, Recording, Source};

type Network = Contraction<2, 3, 0, Tanh>;

fn network() -> Network {
    stirred(Contraction::new(&Source::new(4), 0.9).unwrap(), 0.7)
}

/// The gradient of Σ aₙ lₙ, where the tape goes with u(x).
fn weighted<M: TensorCollection<Real, Dev>, const D: usize>(
    model: &M,
    (moved, log_det): (Points<D, Recording>, PerPoint<Recording>),
    weights: &[Real],
) -> Vec<f64> {
    let (_, tape) = moved.split_tape();
    let (log_det, own) = log_det.split_tape();
    let weights = Source::new(0).per_point(weights).unwrap();
    let loss = log_det.put_tape(tape.merge(own)).try_mul(weights).unwrap();
    common::gradients(model, &loss.sum().backward()).into_iter().map(f64::from).collect()
}

/// Where 500 points are, and how much each counts: the first least.
fn batch() -> (Points<2>, Vec<Real>) {
    let x = Source::new(5).normal::<2>(500).unwrap();
    (x, (0..500).map(|n| 0.01 + n as Real / 500.0).collect())
}

/// The gradients of the exact and of many estimated weighted sums agree, parameter by parameter.
fn agrees(name: &str, estimator: Estimator) {
    let (model, (x, weights)) = (network(), batch());
    let exact = exact_log_det(&model, x.clone().traced(model.alloc_grads())).unwrap();
    let exact = weighted(&model, exact, &weights);
    let mut source = Source::new(6);
    let runs: Vec<Vec<f64>> = (0..100)
        .map(|_| {
            let x = x.clone().traced(model.alloc_grads());
            weighted(&model, estimator.log_det(&model, x, &mut source).unwrap(), &weights)
        })
        .collect();
    let scale = exact.iter().fold(0.0f64, |scale, g| scale.max(g.abs()));
    // The last bias does not move points relative to each other.
    for (i, exact) in exact.into_iter().enumerate() {
        let (mean, error) = mean_and_error(&runs.iter().map(|run| run[i]).collect::<Vec<_>>());
        let rounding = 500.0 * f64::from(Real::EPSILON);
        println!("{name}, parameter {i}: {mean:.4} ± {error:.4}, exact {exact:.4}");
        assert!(error <= 0.05 * scale, "{name}, parameter {i}: a bias of 15 % of the largest would be seen");
        assert!(
            (mean - exact).abs() <= 3.0 * error + rounding,
            "{name}, parameter {i}: {mean} ± {error} is {exact}"
        );
    }
}

#[test]
fn the_gradient_of_an_estimate_has_the_exact_mean_for_weighted_points() {
    let series = Series::Roulette { exact: 1, length: Length::Geometric { p: 0.15 } };
    agrees("geometric", Estimator { series, probes: 1, noise: Noise::Rademacher });
    let series = Series::Roulette { exact: 2, length: Length::Poisson { rate: 20.0 } };
    agrees("Poisson", Estimator { series, probes: 2, noise: Noise::Gaussian });
}

/// The published backward pass multiplies one gradient by the weight of the first point.
#[test]
fn one_gradient_times_the_first_weight_is_not_the_gradient() {
    let (model, (x, weights)) = (network(), batch());
    let gradient = |weights: &[Real]| {
        let exact = exact_log_det(&model, x.clone().traced(model.alloc_grads())).unwrap();
        weighted(&model, exact, weights)
    };
    let (right, sum) = (gradient(&weights), gradient(&[1.0; 500]));
    let norm = |g: &[f64]| g.iter().map(|g| g * g).sum::<f64>().sqrt();
    let published = f64::from(weights[0]) * norm(&sum);
    println!("the norm of the gradient is {:.2}, and {published:.2} as published", norm(&right));
    assert!(norm(&right) > 20.0 * published, "{} and {published}", norm(&right));
}

/// With one coordinate, v² = 1 and all matrices commute, so the recorded product has the gradient of all terms.
#[test]
fn one_recorded_product_has_the_gradient_of_the_whole_series() {
    let model: Contraction<1, 6, 1, Tanh> = stirred(Contraction::new(&Source::new(4), 0.9).unwrap(), 0.7);
    let x = Source::new(5).normal::<1>(20).unwrap();
    let weights: Vec<Real> = (0..20).map(|n| 0.1 * n as Real).collect();
    let short =
        Estimator::truncated(6).log_det(&model, x.clone().traced(model.alloc_grads()), &mut Source::new(0));
    let short = short.unwrap();
    let values = short.1.as_vec();
    let short = weighted(&model, short, &weights);
    let coefficients: Vec<Real> = (1..=6).map(|k| if k % 2 == 1 { 1.0 } else { -1.0 } / k as Real).collect();
    let ones = Source::new(0).points(&[[1.0]; 20]).unwrap();
    let full = power_series(&model, x.traced(model.alloc_grads()), ones, &coefficients).unwrap();
    let tolerance = if size_of::<Real>() == 4 { 1e-4 } else { 1e-12 };
    for (short, full) in values.into_iter().zip(full.as_vec()) {
        assert!(f64::from(short - full).abs() < tolerance, "{short} is {full}");
    }
    let nothing = Source::new(0).points(&[[0.0]; 20]).unwrap().put_tape(Recording::default());
    let full = weighted(&model, (nothing, full), &weights);
    assert!(full.iter().any(|g| g.abs() > 0.1), "{full:?}");
    for (i, (short, full)) in short.into_iter().zip(full).enumerate() {
        assert!((short - full).abs() < tolerance * (1.0 + full.abs()), "parameter {i}: {short} is {full}");
    }
}

/// The tape's own words, up to the number of its operations.
fn operations(tape: &Recording) -> String {
    format!("{tape:?}").split(',').next().unwrap().to_string()
}

#[test]
fn the_tape_does_not_grow_with_the_number_of_terms() {
    let model = network();
    let recorded = |terms: usize| {
        let x = Source::new(5).normal::<2>(5).unwrap().traced(model.alloc_grads());
        let (moved, _) = Estimator::truncated(terms).log_det(&model, x, &mut Source::new(6)).unwrap();
        operations(&moved.split_tape().1)
    };
    assert!(recorded(2).contains("num_operations"), "{}", recorded(2));
    assert_eq!(recorded(2), recorded(40));
}

/// With one coordinate the estimate has no noise, and the recorded product has the gradient of all terms: see above.
#[test]
fn the_gradient_of_an_estimated_inverse_is_its_central_difference() {
    let block = InvertibleResidual::<1, 6, 0, Tanh>::new(&Source::new(4), 0.8).unwrap();
    let z = Source::new(5).normal::<1>(4).unwrap();
    common::laws::parameter_gradients("estimated inverse", stirred(block, 0.7), |block, gradients| {
        let estimator = Estimator::truncated(6);
        let estimated = Estimated { bijection: block.clone(), estimator, seed: 1 };
        common::laws::everything(&estimated, z.clone(), false, gradients)
    });
}

/// Without a contraction the exact log |det| is differentiated as well.
#[test]
fn the_gradient_of_the_exact_log_det_is_its_central_difference() {
    let model = Mlp::<3, 5, 3, 0, Tanh>::new(&Source::new(4)).unwrap();
    let x = Source::new(5).normal::<3>(4).unwrap();
    common::laws::parameter_gradients("exact log|det|", model, |model, gradients| {
        let (moved, log_det) = exact_log_det(model, x.clone().traced(gradients))?;
        let (_, tape) = moved.split_tape();
        let (log_det, _) = log_det.split_tape();
        Ok(log_det.put_tape(tape).sum())
    });
}
