//! Estimates of log |det(I + J)|.

use super::common::laws::{ROUNDING, close};
use super::common::stirred;
use super::{Linear, copies, mean_and_error, steep, turned};
use pushforward::Error;
use pushforward::change_of_variables::{Bijection, log_abs_det};
use pushforward::nn::Tanh;
use pushforward::residual::{
    Estimated, Estimator, InvertibleResidual, Length, Noise, Series, exact_log_det, local_lipschitz,
};
use pushforward::tensor::{Real, Source, rows, values};

const DRAWS: usize = 20_000;

fn numbers<T>(per_point: &pushforward::tensor::PerPoint<T>) -> Vec<f64> {
    values(per_point).into_iter().map(f64::from).collect()
}

/// log |det(I + A)|.
fn truth(a: [[f64; 3]; 3]) -> f64 {
    log_abs_det(std::array::from_fn::<_, 3, _>(|i| {
        std::array::from_fn(|j| a[i][j] + f64::from(u8::from(i == j)))
    }))
}

/// Σ (−1)ᵏ⁺¹/k tr Aᵏ over k = 1, …, n.
fn truncated(a: [[f64; 3]; 3], n: usize) -> f64 {
    let (mut power, mut sum) = (a, 0.0);
    for k in 1..=n {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sum += sign / k as f64 * (0..3).map(|i| power[i][i]).sum::<f64>();
        power = std::array::from_fn(|i| {
            std::array::from_fn(|j| (0..3).map(|l| power[i][l] * a[l][j]).sum::<f64>())
        });
    }
    sum
}

/// The mean of many estimates for u(x) = A x, and its standard error.
fn estimate(a: [[f64; 3]; 3], estimator: Estimator, seed: u64) -> (f64, f64) {
    let x = copies([0.1, 0.2, 0.3], DRAWS);
    mean_and_error(&numbers(&estimator.log_det(&Linear::new(a), x, &mut Source::new(seed)).unwrap().1))
}

#[test]
fn roulette_has_no_bias() {
    // The eigenvalue −c makes all terms of the series negative: none cancel. Rates are several 1 / (1 − c), and c² < 1 − p.
    for (c, p, rate) in [(0.5, 0.5, 8.0), (0.9, 0.1, 40.0), (0.98, 0.02, 250.0)] {
        let truth = truth(turned(c));
        for (number, length) in [Length::Geometric { p }, Length::Poisson { rate }].into_iter().enumerate() {
            for noise in [Noise::Rademacher, Noise::Gaussian] {
                let seed = (1000.0 * c) as u64 + 2 * number as u64 + u64::from(noise == Noise::Gaussian);
                let series = Series::Roulette { exact: 2, length };
                let (mean, error) = estimate(turned(c), Estimator { series, probes: 1, noise }, seed);
                println!("c = {c}, {length:?}, {noise:?}: {mean:.4} ± {error:.4}, truth {truth:.4}");
                assert!((mean - truth).abs() < 3.0 * error, "{c}, {length:?}, {noise:?}: {mean} is {truth}");
                let (share, seen) = if noise == Noise::Rademacher { (0.0035, 1) } else { (0.01, 3) };
                let place = format!("{c}, {length:?}, {noise:?}");
                assert!(error < share * truth.abs(), "{place}: a bias of {seen} % would be seen");
            }
        }
    }
}

#[test]
fn a_truncated_series_has_the_bias_of_what_is_missing() {
    for (c, terms) in [(0.5, 2), (0.9, 5), (0.98, 10)] {
        let (truth, expected) = (truth(turned(c)), truncated(turned(c), terms));
        let (mean, error) = estimate(turned(c), Estimator::truncated(terms), terms as u64);
        println!("c = {c}, {terms} terms: {mean:.4} ± {error:.4}, expected {expected:.4}, truth {truth:.4}");
        assert!((mean - expected).abs() < 3.0 * error, "{c}: {mean} is the sum {expected}");
        assert!((mean - truth).abs() > 10.0 * error, "{c}: {mean} is far from {truth}");
    }
}

#[test]
fn more_vectors_divide_the_variance_by_their_number() {
    let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
    let (_, one) = estimate(turned(0.5), estimator, 1);
    let (mean, four) = estimate(turned(0.5), Estimator { probes: 4, ..estimator }, 2);
    assert!((four / one - 0.5).abs() < 0.02, "half of the error: {one}, {four}");
    assert!((mean - truth(turned(0.5))).abs() < 3.0 * four, "{mean}");
}

#[test]
fn estimates_of_a_network_are_right_at_each_point() {
    let u = steep::<2>(0.9);
    let (here, there) = ([0.0, 0.0], [-0.6, 0.8]);
    let stretch = local_lipschitz(&u, copies(here, 1)).unwrap()[0];
    assert!((stretch - 0.9).abs() < 0.01, "{stretch}");
    let points: Vec<_> = (0..DRAWS).map(|i| if i % 2 == 0 { here } else { there }).collect();
    let x = Source::new(0).points(&points).unwrap();
    let exact = numbers(&exact_log_det(&u, x.clone()).unwrap().1);
    assert!((exact[0] - exact[1]).abs() > 0.05, "the points differ: {}, {}", exact[0], exact[1]);
    let estimator = Estimator::roulette(1, Length::Geometric { p: 0.1 });
    let (moved, guesses) = estimator.log_det(&u, x.clone(), &mut Source::new(2)).unwrap();
    for (found, expected) in rows(&moved).as_flattened().iter().zip(rows(&u.apply(x).unwrap()).as_flattened())
    {
        close("u(x), which comes with it", (*expected).into(), (*found).into(), ROUNDING);
    }
    for (parity, exact) in exact.into_iter().enumerate().take(2) {
        let own: Vec<f64> = numbers(&guesses).into_iter().skip(parity).step_by(2).collect();
        let (mean, error) = mean_and_error(&own);
        assert!((mean - exact).abs() < 3.0 * error, "point {parity}: {mean}, {exact}");
    }
}

/// Both layers are at their fixed point 0, where they have the same Jacobian: estimates that shared their random numbers
/// would have four times the variance of one, and independent ones have twice.
#[test]
fn the_estimates_of_the_layers_of_a_stack_are_independent() {
    let block = || InvertibleResidual { contraction: steep::<2>(0.7) };
    let estimator = Estimator::roulette(1, Length::Geometric { p: 0.3 });
    let variance = |log_det: &[f64]| mean_and_error(log_det).1.powi(2) * log_det.len() as f64;
    let x = || copies([0.0; 2], DRAWS);
    let one = Estimated { bijection: block(), estimator, seed: 1 }.forward(x()).unwrap().1;
    let two = Estimated { bijection: (block(), block()), estimator, seed: 1 }.forward(x()).unwrap().1;
    let ratio = variance(&numbers(&two)) / variance(&numbers(&one));
    assert!((ratio - 2.0).abs() < 0.3, "{ratio}");
}

#[test]
fn the_exact_log_det_is_that_of_the_matrix() {
    for c in [0.5, 0.98, 3.0] {
        let found = exact_log_det(&Linear::new(turned(c)), copies([0.1, 0.2, 0.3], 2)).unwrap().1;
        let tolerance = if size_of::<Real>() == 4 { 3e-6 } else { 1e-12 };
        numbers(&found).into_iter().for_each(|found| close("log|det|", truth(turned(c)), found, tolerance));
    }
    let singular = exact_log_det(&Linear::new([[-1.0, 0.0], [0.0, 0.5]]), copies([0.1, 0.2], 1)).unwrap_err();
    assert!(matches!(singular, Error::OutOfDomain { .. }), "{singular}");
}

#[test]
fn the_cost_is_that_of_the_mean_number_of_terms() {
    let u = Linear::new(turned(0.5));
    let estimator = Estimator::roulette(3, Length::Geometric { p: 0.25 });
    estimator.log_det(&u, copies([0.1; 3], DRAWS), &mut Source::new(2)).unwrap();
    let per_point = u.vectors.get() as f64 / DRAWS as f64;
    // The standard deviation of N is √(1 − p) / p = 3.5.
    assert!((per_point - (3.0 + 4.0)).abs() < 3.0 * 3.5 / (DRAWS as f64).sqrt(), "{per_point}");
}

#[test]
fn lengths_have_the_probabilities_that_they_say() {
    for (length, longest) in [
        (Length::Geometric { p: 0.02 }, 34_000),
        (Length::Geometric { p: 0.9 }, 300),
        (Length::Poisson { rate: 0.5 }, 150),
        (Length::Poisson { rate: 8.0 }, 200),
        (Length::Poisson { rate: 250.0 }, 1000),
    ] {
        assert_eq!(length.at_least(0).unwrap(), 1.0);
        let (mut log_factorial, mut masses) = (0.0, Vec::new());
        for k in 0..longest {
            log_factorial += f64::from(k.max(1)).ln();
            masses.push(match length {
                Length::Geometric { .. } if k == 0 => 0.0,
                Length::Geometric { p } => p * (1.0 - p).powi(k - 1),
                Length::Poisson { rate } => (f64::from(k) * rate.ln() - rate - log_factorial).exp(),
            });
        }
        // From far out downwards, small numbers first; in the half that is looked at, nothing that counts is missing.
        let mut tail = 0.0;
        for k in (0..masses.len()).rev() {
            tail += masses[k];
            let found = length.at_least(k).unwrap();
            let is_far_out = 2 * k > masses.len();
            assert!(is_far_out || (found - tail).abs() < 1e-10 * tail, "{length:?}, {k}: {found}, {tail}");
        }
    }
}

#[test]
fn an_estimated_bijection_is_a_function_of_the_points_and_the_seed() {
    let mut source = Source::new(3);
    let bijection = InvertibleResidual::<2, 8, 1, Tanh>::new(&source, 0.9).unwrap();
    let estimator = Estimator::roulette(1, Length::Poisson { rate: 2.0 });
    let with = |seed| Estimated { bijection: stirred(bijection.clone(), 0.5), estimator, seed };
    let x = source.normal::<2>(20).unwrap();
    let (z, log_det) = with(1).forward(x.clone()).unwrap();
    assert_eq!(values(&with(1).forward(x.clone()).unwrap().1), values(&log_det));
    assert_ne!(values(&with(2).forward(x.clone()).unwrap().1), values(&log_det));
    assert_eq!(rows(&with(1).bijection.forward(x.clone()).unwrap().0), rows(&z), "z is not random");
    let (back, inverse) = with(1).inverse(z).unwrap();
    for (n, (forward, inverse)) in numbers(&log_det).into_iter().zip(numbers(&inverse)).enumerate() {
        close(&format!("point {n}"), -forward, inverse, 1e-4);
        close(&format!("point {n}"), rows(&x)[n][0].into(), rows(&back)[n][0].into(), 1e-4);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let roulette = |length| Estimator::roulette(1, length);
    for estimator in [
        Estimator::truncated(0),
        Estimator { probes: 0, ..Estimator::truncated(1) },
        roulette(Length::Geometric { p: 0.0 }),
        roulette(Length::Geometric { p: 1.0 }),
        roulette(Length::Geometric { p: f64::NAN }),
        roulette(Length::Geometric { p: 1e-19 }),
        roulette(Length::Poisson { rate: 0.0 }),
        roulette(Length::Poisson { rate: f64::INFINITY }),
        roulette(Length::Poisson { rate: f64::NAN }),
        roulette(Length::Poisson { rate: 1e5 }),
    ] {
        let refused = estimator.log_det(&Linear::new(turned(0.5)), copies([0.1; 3], 2), &mut Source::new(2));
        assert!(matches!(refused, Err(Error::OutOfDomain { .. })), "{estimator:?}");
        if let Series::Roulette { length, .. } = estimator.series {
            assert!(matches!(length.at_least(3), Err(Error::OutOfDomain { .. })), "{length:?}");
        }
    }
    let diverging = Linear::new([[1e30, 0.0], [0.0, 1e30]]);
    let refused = Estimator::truncated(400).log_det(&diverging, copies([0.1; 2], 2), &mut Source::new(2));
    assert!(matches!(refused, Err(Error::NotFinite { .. })));
}
