//! Lesson 01: change of variables.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{ROUNDING, close};
use pushforward::Error;
use pushforward::change_of_variables::{
    Affine, Bijection, Density, Exponential, Flow, GaussianMixture, Sample, StandardNormal, Uniform,
    log_abs_det, negative_log_likelihood, numeric_jacobian,
};
use pushforward::exercises::change_of_variables as exercises;
use pushforward::nn::{Dual, jacobian};
use pushforward::tensor::{Points, Real, Source, rows};
use pushforward::train::{Progress, Schedule, Training, train};
use std::f64::consts::PI;

fn first(values: impl IntoIterator<Item = Real>) -> f64 {
    values.into_iter().next().unwrap().into()
}

#[test]
fn a_line_stretches_the_uniform_density() {
    let source = Source::new(0);
    let flow = Flow { bijection: Affine::new(&source, [[0.5]], [-0.5]).unwrap(), base: Uniform };
    let log_p = flow.log_prob(source.points(&[[0.99], [1.01], [2.99], [3.01]]).unwrap()).unwrap().as_vec();
    assert_eq!([log_p[0], log_p[3]], [Real::NEG_INFINITY; 2], "outside of [1, 3)");
    close("inside", 0.5f64.ln(), log_p[1].into(), ROUNDING);
    close("inside", 0.5f64.ln(), log_p[2].into(), ROUNDING);
}

#[test]
fn the_exponential_of_a_normal_number_is_log_normal() {
    let source = Source::new(0);
    let flow = Flow { bijection: Exponential, base: StandardNormal };
    for x in [0.1, 1.0, 7.5] {
        let log_p = flow.log_prob(source.points(&[[x]]).unwrap()).unwrap();
        let x: f64 = x.into();
        let expected = -0.5 * x.ln().powi(2) - x.ln() - 0.5 * (2.0 * PI).ln();
        close("the log-normal density", expected, first(log_p.as_vec()), ROUNDING);
    }
}

#[test]
fn samples_of_an_affine_flow_have_its_mean_and_covariance() {
    let mut source = Source::new(5);
    let (l, b) = ([[2.0, 0.0], [1.0, 0.5]], [1.0, -3.0]);
    let flow = Flow { bijection: Affine::new(&source, l, b).unwrap(), base: StandardNormal };
    let n = 40_000;
    let x = rows(&flow.sample(n, &mut source).unwrap());
    // x = L⁻¹ (z − b): its mean is −L⁻¹ b and its covariance L⁻¹ L⁻ᵀ.
    let (mean, covariance) = ([-0.5, 7.0], [[0.25, -0.5], [-0.5, 5.0]]);
    let average = |f: &dyn Fn(&[Real; 2]) -> f64| x.iter().map(f).sum::<f64>() / n as f64;
    for i in 0..2 {
        let found = average(&|x| x[i].into());
        let error = f64::sqrt(covariance[i][i] / n as f64);
        assert!((found - mean[i]).abs() < 4.0 * error, "mean {i}: expected {}, found {found}", mean[i]);
        for j in 0..2 {
            let found = average(&|x| (f64::from(x[i]) - mean[i]) * (f64::from(x[j]) - mean[j]));
            let error =
                f64::sqrt((covariance[i][i] * covariance[j][j] + covariance[i][j].powi(2)) / n as f64);
            let expected: f64 = covariance[i][j];
            assert!(
                (found - expected).abs() < 4.0 * error,
                "covariance {i}{j}: expected {expected}, found {found}"
            );
        }
    }
}

#[test]
fn samples_of_a_mixture_are_as_frequent_as_its_weights_say() {
    let mut source = Source::new(6);
    let mut mixture = GaussianMixture::new(&source, [[-10.0, 0.0], [10.0, 0.0]], [0.5, 2.0]).unwrap();
    mixture.logits.copy_from(&[0.0, Real::ln(3.0)]);
    let n = 20_000;
    let x = rows(&mixture.sample(n, &mut source).unwrap());
    let right: Vec<&[Real; 2]> = x.iter().filter(|x| x[0] > 0.0).collect();
    let share = right.len() as f64 / n as f64;
    assert!((share - 0.75).abs() < 4.0 * (0.75f64 * 0.25 / n as f64).sqrt(), "three quarters, found {share}");
    let square = right.iter().map(|x| f64::from(x[1]).powi(2)).sum::<f64>() / right.len() as f64;
    assert!(
        (square - 4.0).abs() < 4.0 * 4.0 * (2.0 / right.len() as f64).sqrt(),
        "variance 4, found {square}"
    );
}

#[test]
fn a_mixture_weighs_its_parts() {
    let source = Source::new(0);
    let mut mixture = GaussianMixture::new(&source, [[-1.0], [2.0]], [0.5, 1.5]).unwrap();
    mixture.logits.copy_from(&[0.0, Real::ln(3.0)]);
    let normal =
        |x: f64, mean: f64, std: f64| (-0.5 * ((x - mean) / std).powi(2)).exp() / (std * (2.0 * PI).sqrt());
    let expected = (0.25 * normal(0.3, -1.0, 0.5) + 0.75 * normal(0.3, 2.0, 1.5)).ln();
    let found = mixture.log_prob(source.points(&[[0.3]]).unwrap()).unwrap();
    close("a quarter and three quarters", expected, first(found.as_vec()), ROUNDING);
}

#[test]
fn extreme_mixtures_have_densities_and_samples_that_overflow_are_refused() {
    let mut source = Source::new(0);
    let log_prob = |std: [Real; 2], x: Real| {
        let mixture = GaussianMixture::new(&source, [[0.0], [0.0]], std).unwrap();
        first(mixture.log_prob(source.points(&[[x]]).unwrap()).unwrap().as_vec())
    };
    let narrow = log_prob([1e-20, 1.0], 0.0);
    assert!(
        (narrow - (20.0 * 10f64.ln() - 0.5 * (2.0 * PI).ln() - 2f64.ln())).abs() < 1e-3,
        "found {narrow}"
    );
    assert!(log_prob([1.0, 1.0], 1e20) < -1e30);
    let wide = log_prob([3e38, 3e38], 1e38);
    assert!((wide + 89.5).abs() < 1.0, "found {wide}");
    let huge = GaussianMixture::new(&source, [[Real::MAX]], [Real::MAX]).unwrap();
    assert!(matches!(huge.sample(100, &mut source), Err(Error::NotFinite { .. })));
}

#[test]
fn the_uniform_density_needs_every_coordinate_inside_and_has_no_gradient() {
    let source = Source::new(0);
    let found =
        Uniform.log_prob(source.points(&[[0.5, 2.0], [0.5, 0.5], [-0.1, 0.5]]).unwrap()).unwrap().as_vec();
    assert_eq!(found, [Real::NEG_INFINITY, 0.0, Real::NEG_INFINITY]);
}

#[test]
fn a_flow_whose_samples_overflow_says_so() {
    let mut source = Source::new(0);
    let flow = Flow { bijection: Affine::new(&source, [[1e-38]], [0.0]).unwrap(), base: StandardNormal };
    assert!(matches!(flow.sample(1000, &mut source), Err(Error::NotFinite { .. })) || size_of::<Real>() == 8);
}

#[test]
fn forward_mode_and_differences_agree_on_a_curved_map() {
    struct Curved;
    impl Bijection<2> for Curved {
        fn forward(&self, x: Points<2>) -> pushforward::Result<(Points<2>, pushforward::tensor::PerPoint)> {
            let source = Source::new(0);
            let z: Vec<[Real; 2]> =
                rows(&x).iter().map(|[a, b]| [a + 0.3 * b.sin(), b * (0.5 * a).exp()]).collect();
            let zero = vec![0.0; z.len()];
            Ok((source.points(&z)?, source.per_point(&zero)?))
        }
        fn inverse(&self, z: Points<2>) -> pushforward::Result<(Points<2>, pushforward::tensor::PerPoint)> {
            self.forward(z)
        }
    }
    let map = |[a, b]: [Dual; 2]| [a + 0.3 * b.sin(), b * (0.5 * a).exp()];
    let points = [[0.3, -0.7], [1.5, 2.0]];
    let numeric = numeric_jacobian(&Curved, &Source::new(0).points(&points).unwrap()).unwrap();
    for (point, numeric) in points.into_iter().zip(numeric) {
        let exact = jacobian(map, point);
        for i in 0..2 {
            for j in 0..2 {
                close(
                    "an entry of the Jacobian",
                    exact[i][j].into(),
                    numeric[i][j],
                    common::laws::DIFFERENCE,
                );
            }
        }
    }
}

#[test]
fn dual_numbers_know_the_derivatives_of_elementary_functions() {
    let x = Dual::variable(0.7);
    let v: Real = 0.7;
    for (name, dual, value, derivative) in [
        ("exp", x.exp(), v.exp(), v.exp()),
        ("ln", x.ln(), v.ln(), 1.0 / v),
        ("sin", x.sin(), v.sin(), v.cos()),
        ("cos", x.cos(), v.cos(), -v.sin()),
        ("tanh", x.tanh(), v.tanh(), 1.0 - v.tanh().powi(2)),
        ("sqrt", x.sqrt(), v.sqrt(), 0.5 / v.sqrt()),
        ("quotient", (x + 1.0) / (x * x), (v + 1.0) / (v * v), -(v + 2.0) / v.powi(3)),
        ("difference", 2.0 - x * 3.0, 2.0 - 3.0 * v, -3.0),
        ("negative", -x / 2.0, -v / 2.0, -0.5),
        ("number plus dual", 2.0 + x, 2.0 + v, 1.0),
        ("number times dual", 3.0 * x, 3.0 * v, 3.0),
        ("number over dual", 1.0 / x, 1.0 / v, -1.0 / (v * v)),
        ("dual minus number", x - 1.0, v - 1.0, 1.0),
    ] {
        close(name, value.into(), dual.value.into(), ROUNDING);
        close(&format!("derivative of {name}"), derivative.into(), dual.tangent.into(), ROUNDING);
    }
}

#[test]
fn the_determinant_survives_zeros_on_the_diagonal_and_singular_matrices() {
    close("a permutation", 0.0, log_abs_det([[0.0, 1.0], [1.0, 0.0]]), 1e-12);
    close(
        "row exchanges",
        6f64.ln(),
        log_abs_det([[0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [1.0, 5.0, 4.0]]),
        1e-12,
    );
    // A Vandermonde matrix: the product of all differences of 1, 2, 4 and 7 is 1·3·6·2·5·3 = 540.
    let power = |x: f64| [1.0, x, x * x, x * x * x];
    close("a full matrix", 540f64.ln(), log_abs_det([1.0, 2.0, 4.0, 7.0].map(power)), 1e-12);
    assert_eq!(log_abs_det([[1.0, 2.0], [2.0, 4.0]]), f64::NEG_INFINITY);
    assert!(log_abs_det([[0.0, f64::NAN], [0.0, 1.0]]).is_nan());
    assert!(log_abs_det([[f64::NAN, 2.0], [2.0, 4.0]]).is_nan());
}

#[test]
fn training_an_affine_flow_finds_the_gaussian_of_the_sample_moments() {
    let mut source = Source::new(9);
    let data: Vec<[Real; 2]> = rows(&source.normal::<2>(500).unwrap())
        .iter()
        .map(|[a, b]| [1.5 * a + 2.0, 0.8 * a + 0.4 * b - 1.0])
        .collect();
    let mut bijection = Affine::<2>::identity(&source).unwrap();
    let training = Training {
        steps: 1500,
        learning_rate: 0.02,
        schedule: Schedule::Cosine,
        progress: Progress::Silent,
        ..Training::default()
    };
    let x = source.points(&data).unwrap();
    let losses = train(&mut bijection, &training, |bijection, gradients| {
        let flow = Flow { bijection: bijection.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, x.clone(), gradients)
    })
    .unwrap()
    .losses;
    // The least negative log-likelihood of a Gaussian is ½ log det(2π e S) with the sample covariance S.
    let n = data.len() as f64;
    let mean: [f64; 2] = std::array::from_fn(|i| data.iter().map(|x| f64::from(x[i])).sum::<f64>() / n);
    let covariance: [[f64; 2]; 2] = std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            data.iter().map(|x| (f64::from(x[i]) - mean[i]) * (f64::from(x[j]) - mean[j])).sum::<f64>() / n
        })
    });
    let least = 0.5 * log_abs_det(covariance) + (2.0 * PI * std::f64::consts::E).ln();
    let found = f64::from(losses[losses.len() - 1]);
    assert!((found - least).abs() < 1e-4, "the least loss is {least}, training found {found}");
}

#[test]
fn bad_input_is_an_error_and_never_a_panic() {
    let mut source = Source::new(0);
    let flow = Flow { bijection: Affine::<1>::identity(&source).unwrap(), base: StandardNormal };
    let nan = source.points(&[[Real::NAN]]).unwrap();
    assert!(matches!(flow.log_prob(nan), Err(Error::NotFinite { index: 0, .. })));
    assert!(matches!(source.points::<2>(&[]), Err(Error::Empty { .. })));
    assert!(matches!(flow.sample(0, &mut source), Err(Error::Empty { .. })));
    assert!(matches!(Affine::new(&source, [[-1.0]], [0.0]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(
        Affine::new(&source, [[1.0, 2.0], [0.0, 1.0]], [0.0; 2]),
        Err(Error::OutOfDomain { .. })
    ));
    assert!(matches!(Affine::new(&source, [[Real::INFINITY]], [0.0]), Err(Error::NotFinite { .. })));
    let tiny = Real::MIN_POSITIVE / 16.0;
    assert!(matches!(Affine::new(&source, [[tiny]], [0.0]), Err(Error::OutOfDomain { .. })));
    let steep = [[1.0, 0.0], [Real::MAX, 0.1]];
    assert!(matches!(Affine::new(&source, steep, [0.0; 2]), Err(Error::NotFinite { .. })));
    assert!(matches!(source.normal::<2>(usize::MAX), Err(Error::OutOfDomain { .. })));
    assert!(matches!(source.uniform(usize::MAX), Err(Error::OutOfDomain { .. })));
    let edge = source.points(&[[Real::MAX]]).unwrap();
    assert!(numeric_jacobian(&Exponential, &edge).is_err());
    let negative = source.points(&[[1.0], [-0.5]]).unwrap();
    assert!(matches!(Bijection::<1>::forward(&Exponential, negative), Err(Error::OutOfDomain { .. })));
    assert!(matches!(GaussianMixture::new(&source, [[0.0]], [0.0]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(GaussianMixture::<1, 0>::new(&source, [], []), Err(Error::Empty { .. })));
    let none: [Affine<1>; 0] = [];
    assert!(matches!(none.forward(source.points(&[[1.0]]).unwrap()), Err(Error::Empty { .. })));
}

#[test]
fn the_logit_check_rejects_the_wrong_sign_and_a_missing_log_det() {
    let z = |x: f64| (x / (1.0 - x)).ln();
    assert!(exercises::logit(|x| (z(x), -(x * (1.0 - x)).ln())).is_solved());
    let sign = exercises::logit(|x| (z(x), (x * (1.0 - x)).ln()));
    assert!(!sign.is_solved() && sign.to_string().contains("wrong sign"), "{sign}");
    assert!(!exercises::logit(|x| (z(x), 0.0)).is_solved());
    assert!(!exercises::logit(|x| (-z(x), -(x * (1.0 - x)).ln())).is_solved());
    assert!(!exercises::logit(|_| (f64::NAN, f64::NAN)).is_solved());
}

#[test]
fn the_disc_check_rejects_a_uniform_disc_and_an_inverted_area() {
    assert!(exercises::disc(|x, y| 1.0 / (2.0 * PI * x.hypot(y))).is_solved());
    let uniform = exercises::disc(|_, _| 1.0 / PI);
    assert!(!uniform.is_solved() && uniform.to_string().contains("uniform on the disc"), "{uniform}");
    let inverted = exercises::disc(|x, y| x.hypot(y) / (2.0 * PI));
    assert!(!inverted.is_solved() && inverted.to_string().contains("divides"), "{inverted}");
    assert!(!exercises::disc(|_, _| 1.0 / (2.0 * PI)).is_solved());
}

#[test]
fn the_composition_check_rejects_each_missing_term() {
    let base = |x: f64| -0.5 * (((x.ln() - 1.0) / 2.0).powi(2) + (2.0 * PI).ln());
    assert!(exercises::composed(|x| base(x) - x.ln() - 2f64.ln()).is_solved());
    for wrong in [
        exercises::composed(base),
        exercises::composed(|x| base(x) - x.ln()),
        exercises::composed(|x| base(x) - 2f64.ln()),
        exercises::composed(|x| base(x) + x.ln() + 2f64.ln()),
    ] {
        assert!(!wrong.is_solved() && wrong.to_string().contains("log-determinant"), "{wrong}");
    }
}

#[test]
fn the_affine_check_rejects_the_generating_direction_and_the_unbiased_variance() {
    let moments = |data: &[f64], count: f64| {
        let mean = data.iter().sum::<f64>() / data.len() as f64;
        (mean, (data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
    };
    let right = |data: &[f64]| {
        let (mean, std) = moments(data, data.len() as f64);
        (1.0 / std, -mean / std)
    };
    assert!(exercises::best_affine(right).is_solved());
    let generating = exercises::best_affine(|data| {
        let (mean, std) = moments(data, data.len() as f64);
        (std, mean)
    });
    assert!(!generating.is_solved() && generating.to_string().contains("from data to base"), "{generating}");
    let unbiased = exercises::best_affine(|data| {
        let (mean, std) = moments(data, data.len() as f64 - 1.0);
        (1.0 / std, -mean / std)
    });
    assert!(!unbiased.is_solved() && unbiased.to_string().contains("not by n − 1"), "{unbiased}");
}
