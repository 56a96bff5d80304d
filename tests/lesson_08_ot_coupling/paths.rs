//! Paths between two points, with noise on the way.

use super::common::laws::{ROUNDING, close, derivative};
use super::common::mixtures::{mean_and_error, no_points, times};
use pushforward::Error;
use pushforward::flow_matching::{PathSample, Prediction};
use pushforward::ot_coupling::{Pairs, TwoSidedPath};
use pushforward::tensor::{Points, Real, Source, rows, values};

const PATHS: [TwoSidedPath; 7] = [
    TwoSidedPath::Straight { sigma: 0.0 },
    TwoSidedPath::Straight { sigma: 0.1 },
    TwoSidedPath::Bridge { sigma: 0.0 },
    TwoSidedPath::Bridge { sigma: 1.5 },
    TwoSidedPath::Trigonometric { sigma: 0.0 },
    TwoSidedPath::Trigonometric { sigma: 0.7 },
    TwoSidedPath::EncodingDecoding,
];

fn pairs(n: usize) -> Pairs<2> {
    let mut source = Source::new(4);
    Pairs { x_0: source.normal(n).unwrap(), x_1: source.normal(n).unwrap() }
}

fn noise(n: usize) -> Points<2> {
    Source::new(9).normal(n).unwrap()
}

fn velocity_at(path: TwoSidedPath, t: Real, n: usize) -> PathSample<2> {
    path.sample_for(Prediction::Velocity, pairs(n), times(t, n), noise(n)).unwrap()
}

#[test]
fn the_rates_of_each_path_are_its_derivatives() {
    for path in PATHS {
        for t in [0.05, 0.3, 0.49, 0.8, 0.95] {
            let there = path.at(t);
            let what = |name| format!("{path:?}, {name} at {t}");
            close(&what("α̇"), derivative(|t| path.at(t).alpha, t), there.alpha_rate, 1e-8);
            close(&what("β̇"), derivative(|t| path.at(t).beta, t), there.beta_rate, 1e-8);
            close(&what("γ̇"), derivative(|t| path.at(t).gamma, t), there.gamma_rate, 1e-8);
        }
    }
}

#[test]
fn each_path_begins_at_x_0_and_ends_at_x_1() {
    for path in PATHS {
        let blur = if let TwoSidedPath::Straight { sigma } = path { sigma } else { 0.0 };
        for (t, expected) in [(0.0, [1.0, 0.0, blur]), (1.0, [0.0, 1.0, blur])] {
            let there = path.at(t);
            assert_eq!([there.alpha, there.beta, there.gamma], expected, "{path:?} at {t}");
        }
    }
}

#[test]
fn a_sample_is_on_the_path_and_its_target_is_what_was_asked_for() {
    let (n, t) = (5, 0.3);
    let (pairs, z) = (pairs(n), rows(&noise(n)));
    let (x_0, x_1) = (rows(&pairs.x_0), rows(&pairs.x_1));
    for path in PATHS {
        let there = path.at(f64::from(t as Real));
        let mix = |i: usize, k: usize, [a, b, c]: [f64; 3]| {
            a * f64::from(x_0[i][k]) + b * f64::from(x_1[i][k]) + c * f64::from(z[i][k])
        };
        for (prediction, parts) in [
            (Prediction::Velocity, [there.alpha_rate, there.beta_rate, there.gamma_rate]),
            (Prediction::Score, [0.0, 0.0, -1.0 / there.gamma]),
            (Prediction::Noise, [0.0, 0.0, 1.0]),
            (Prediction::Data, [0.0, 1.0, 0.0]),
        ] {
            if prediction == Prediction::Score && there.gamma == 0.0 {
                continue;
            }
            let found = path.sample_for(prediction, pairs.clone(), times(t as Real, n), noise(n)).unwrap();
            for (i, k) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
                let what = |name| format!("{path:?}, {name} of {prediction:?}, point {i}");
                let on_the_path = mix(i, k, [there.alpha, there.beta, there.gamma]);
                close(&what("x_t"), on_the_path, rows(&found.x_t)[i][k].into(), ROUNDING);
                close(&what("target"), mix(i, k, parts), rows(&found.target)[i][k].into(), ROUNDING);
            }
        }
    }
}

#[test]
fn the_velocity_of_a_bridge_is_that_of_its_gaussian() {
    let (n, t) = (4, 0.2);
    let found = velocity_at(TwoSidedPath::Bridge { sigma: 0.8 }, t as Real, n);
    let (x_0, x_1) = (rows(&pairs(n).x_0), rows(&pairs(n).x_1));
    for (i, k) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
        let (a, b, x) = (f64::from(x_0[i][k]), f64::from(x_1[i][k]), f64::from(rows(&found.x_t)[i][k]));
        let mean = (1.0 - t) * a + t * b;
        let expected = (1.0 - 2.0 * t) / (2.0 * t * (1.0 - t)) * (x - mean) + b - a;
        // x − mean is a difference, divided by 0.53.
        close("the velocity", expected, rows(&found.target)[i][k].into(), 5.0 * ROUNDING);
    }
}

#[test]
fn half_way_the_encoding_path_knows_of_neither_side() {
    let found = velocity_at(TwoSidedPath::EncodingDecoding, 0.5, 6);
    assert_eq!(rows(&found.x_t), rows(&noise(6)));
}

#[test]
fn the_noise_that_is_drawn_has_the_width_of_the_path() {
    let (n, t) = (20_000, 0.25);
    let path = TwoSidedPath::Bridge { sigma: 2.0 };
    let found = path.sample(pairs(n), times(t, n), &mut Source::new(5)).unwrap();
    let line = velocity_at(TwoSidedPath::Straight { sigma: 0.0 }, t, n);
    let off: Vec<f64> =
        rows(&found.x_t).iter().zip(rows(&line.x_t)).map(|(a, b)| f64::from(a[0] - b[0]).powi(2)).collect();
    let (variance, error) = mean_and_error(&off);
    assert!((variance - 0.75).abs() < 4.0 * error, "σ² t (1 − t) = 4 · 3/16: {variance} ± {error}");
}

#[test]
fn infinite_targets_are_errors_that_name_the_end() {
    let refused = |path: TwoSidedPath, prediction, t| {
        path.sample_for(prediction, pairs(3), times(t, 3), noise(3)).map(|_| ()).unwrap_err().to_string()
    };
    for path in [TwoSidedPath::Bridge { sigma: 1.0 }, TwoSidedPath::Trigonometric { sigma: 0.1 }] {
        let found = [0.0, 1.0].map(|t| refused(path, Prediction::Velocity, t));
        assert!(found[0].contains("the end of x_0") && found[1].contains("the end of x_1"), "{found:?}");
    }
    let score = refused(TwoSidedPath::EncodingDecoding, Prediction::Score, 1.0);
    assert!(score.contains("gamma is above 0"), "{score}");
    let never = refused(TwoSidedPath::Straight { sigma: 0.0 }, Prediction::Score, 0.5);
    assert!(never.contains("sigma of a straight path"), "{never}");
    for path in PATHS {
        let times = path.draw_times(20_000, &mut Source::new(1)).unwrap();
        assert!(path.sample(pairs(20_000), times, &mut Source::new(2)).is_ok(), "{path:?}");
    }
}

#[test]
fn drawn_times_are_uniform() {
    for path in PATHS {
        let found: Vec<f64> = values(&path.draw_times(20_000, &mut Source::new(3)).unwrap())
            .into_iter()
            .map(f64::from)
            .collect();
        assert!(found.iter().all(|t| (0.0..1.0).contains(t)), "{path:?}");
        if path.at(0.0).gamma_rate.is_infinite() {
            let inner = found.iter().all(|t| (0.000_999..0.999_001).contains(t));
            assert!(inner, "{path:?}: at 0 the velocity is infinite, and near it very large");
        }
        let (mean, error) = mean_and_error(&found);
        assert!((mean - 0.5).abs() < 4.0 * error, "{path:?}: {mean}");
        let (second, error) = mean_and_error(&found.iter().map(|t| t * t).collect::<Vec<_>>());
        // The margins at the ends of a bridge take 0.001 · 1/3.
        assert!((second - 1.0 / 3.0).abs() < 4.0 * error + 5e-4, "{path:?}: {second}");
    }
    assert!(matches!(PATHS[0].draw_times(0, &mut Source::new(0)), Err(Error::Empty { .. })));
}

#[test]
fn what_does_not_fit_is_an_error_and_never_a_panic() {
    let path = TwoSidedPath::Straight { sigma: 0.1 };
    let with = |pairs: Pairs<2>, t: &[Real], z: Points<2>| {
        let t = Source::new(0).per_point(t).unwrap();
        path.sample_for(Prediction::Velocity, pairs, t, z).map(|_| ())
    };
    let half = [0.5; 3];
    assert!(matches!(with(pairs(3), &[0.5; 2], noise(3)), Err(Error::BatchMismatch { .. })));
    assert!(matches!(with(pairs(3), &half, noise(2)), Err(Error::BatchMismatch { .. })));
    let uneven = Pairs { x_1: noise(2), ..pairs(3) };
    assert!(matches!(with(uneven, &half, noise(3)), Err(Error::BatchMismatch { .. })));
    let none = Pairs { x_0: no_points(), x_1: no_points() };
    assert!(matches!(with(none.clone(), &half, noise(3)), Err(Error::Empty { .. })));
    assert!(path.sample(none, times(0.5, 3), &mut Source::new(0)).is_err());
    assert!(matches!(with(pairs(3), &half, noise(3) * Real::NAN), Err(Error::NotFinite { .. })));
    let infinite = Pairs { x_1: noise(3) * Real::INFINITY, ..pairs(3) };
    assert!(matches!(with(infinite, &half, noise(3)), Err(Error::NotFinite { .. })));
    for t in [-0.1, 1.1, Real::NAN] {
        let found = with(pairs(3), &[0.5, t, 0.5], noise(3));
        assert!(matches!(found, Err(Error::OutOfDomain { what: "the time t", .. })));
    }
    for sigma in [-0.1, f64::NAN, f64::INFINITY] {
        for path in [
            TwoSidedPath::Straight { sigma },
            TwoSidedPath::Bridge { sigma },
            TwoSidedPath::Trigonometric { sigma },
        ] {
            let found = path.sample(pairs(3), times(0.5, 3), &mut Source::new(0));
            assert!(matches!(found, Err(Error::OutOfDomain { what: "sigma of a path", .. })), "{path:?}");
            assert!(path.draw_times(3, &mut Source::new(0)).is_err());
        }
    }
}

#[test]
fn what_leaves_the_range_of_the_numbers_is_an_error() {
    let large = f64::from(Real::MAX);
    let at = |path: TwoSidedPath, prediction, pairs| {
        path.sample_for(prediction, pairs, times(0.5, 300), noise(300)).map(|_| ())
    };
    // Some of 600 normal numbers are above 2, which is what γ = σ / 2 has room for.
    let wide = TwoSidedPath::Bridge { sigma: large };
    assert!(matches!(at(wide, Prediction::Velocity, pairs(300)), Err(Error::NotFinite { .. })));
    let narrow = TwoSidedPath::Bridge { sigma: 1e-3 / large };
    assert!(matches!(at(narrow, Prediction::Score, pairs(300)), Err(Error::OutOfDomain { .. })));
    let side = |x| Source::new(0).points(&[[x, 0.0]; 300]).unwrap();
    let apart = Pairs { x_0: side(Real::MAX), x_1: side(Real::MIN) };
    let found = at(TwoSidedPath::Straight { sigma: 0.0 }, Prediction::Velocity, apart);
    assert!(matches!(found, Err(Error::NotFinite { .. })), "{found:?}");
}
