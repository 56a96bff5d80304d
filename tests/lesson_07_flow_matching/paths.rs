//! Paths, as data.

use super::common::laws::{DIFFERENCE, ROUNDING, close, derivative};
use pushforward::Error;
use pushforward::flow_matching::{Prediction, ProbabilityPath};
use pushforward::score_matching::Sde;
use pushforward::tensor::{PerPoint, Points, Real, Source, rows};

/// Every kind of path.
pub(super) const PATHS: [ProbabilityPath; 10] = [
    ProbabilityPath::STRAIGHT,
    ProbabilityPath::OptimalTransport { sigma_min: 0.05 },
    ProbabilityPath::ConstantSigma { sigma: 0.1 },
    ProbabilityPath::Diffusion(Sde::VARIANCE_EXPLODING),
    ProbabilityPath::Diffusion(Sde::VARIANCE_PRESERVING),
    ProbabilityPath::Diffusion(Sde::SUB_VARIANCE_PRESERVING),
    ProbabilityPath::LinearVariancePreserving,
    ProbabilityPath::Cosine,
    ProbabilityPath::Polynomial { degree: 2.0 },
    ProbabilityPath::Polynomial { degree: 3.5 },
];

pub(super) fn times(t: Real, n: usize) -> PerPoint {
    Source::new(0).per_point(&vec![t; n]).unwrap()
}

/// Some x₀ and x₁.
pub(super) fn pairs(n: usize) -> (Points<2>, Points<2>) {
    let mut source = Source::new(4);
    (source.normal(n).unwrap(), source.normal(n).unwrap())
}

#[test]
fn the_rates_of_each_path_are_its_derivatives() {
    for path in PATHS {
        for t in [0.05, 0.3, 0.5, 0.8, 0.95] {
            let there = path.at(t);
            let what = |name| format!("{path:?}, {name} at {t}");
            close(&what("α̇"), derivative(|t| path.at(t).alpha, t), there.alpha_rate, 1e-8);
            close(&what("σ̇"), derivative(|t| path.at(t).sigma, t), there.sigma_rate, 1e-8);
            close(&what("σ σ̇"), there.sigma * there.sigma_rate, there.half_variance_rate, 1e-12);
        }
    }
}

#[test]
fn paths_begin_with_noise_and_end_with_data() {
    for path in PATHS {
        let (start, end) = (path.at(0.0), path.at(1.0));
        let (alpha, sigma, left) = match path {
            ProbabilityPath::OptimalTransport { sigma_min } => (0.0, 1.0, sigma_min),
            ProbabilityPath::ConstantSigma { sigma } => (0.0, 1f64.hypot(sigma), sigma),
            ProbabilityPath::Diffusion(sde) => (sde.alpha(0.0), sde.prior_std(), sde.sigma(1.0)),
            _ => (0.0, 1.0, 0.0),
        };
        let what = |name| format!("{path:?}, {name}");
        close(&what("α(0)"), alpha, start.alpha, 1e-15);
        close(&what("σ(0)"), sigma, start.sigma, 1e-4);
        close(&what("α(1)"), 1.0, end.alpha, 1e-15);
        assert_eq!(end.sigma, left, "{path:?}, σ(1)");
        assert!(end.half_variance_rate.is_finite() && end.half_variance_rate <= 0.0, "{path:?}: {end:?}");
    }
}

#[test]
fn a_sample_is_on_the_path_and_its_target_is_the_derivative() {
    let (x_0, x_1) = pairs(5);
    let h: Real = 0.01;
    for path in PATHS {
        let at = |t| path.sample(x_0.clone(), x_1.clone(), times(t, 5)).unwrap();
        let (before, here, after) = (at(0.4 - h), at(0.4), at(0.4 + h));
        let there = path.at(0.4);
        for n in 0..5 {
            for i in 0..2 {
                let (noise, data) = (f64::from(rows(&x_0)[n][i]), f64::from(rows(&x_1)[n][i]));
                let expected = there.alpha * data + there.sigma * noise;
                close(&format!("{path:?}, x_t"), expected, rows(&here.x_t)[n][i].into(), ROUNDING);
                let slope = (rows(&after.x_t)[n][i] - rows(&before.x_t)[n][i]) / (2.0 * h);
                // What a central difference leaves out, h² of a third derivative that is some tens of the size of x.
                let tolerance = DIFFERENCE.max(1e-2);
                close(
                    &format!("{path:?}, dx_t/dt"),
                    slope.into(),
                    rows(&here.target)[n][i].into(),
                    tolerance,
                );
            }
        }
    }
}

#[test]
fn the_straight_path_is_walked_at_the_velocity_of_the_pair() {
    let (x_0, x_1) = pairs(3);
    for t in [0.0, 0.5, 1.0] {
        let sample = ProbabilityPath::STRAIGHT.sample(x_0.clone(), x_1.clone(), times(t, 3)).unwrap();
        assert_eq!(rows(&sample.target), rows(&(x_1.clone() - x_0.clone())));
    }
    let ends =
        |t| rows(&ProbabilityPath::STRAIGHT.sample(x_0.clone(), x_1.clone(), times(t, 3)).unwrap().x_t);
    assert_eq!((ends(0.0), ends(1.0)), (rows(&x_0), rows(&x_1)));
}

#[test]
fn a_target_that_is_infinite_is_an_error_with_the_end() {
    let (x_0, x_1) = pairs(2);
    for path in
        [ProbabilityPath::LinearVariancePreserving, ProbabilityPath::Diffusion(Sde::VARIANCE_PRESERVING)]
    {
        let refused = path.sample(x_0.clone(), x_1.clone(), times(1.0, 2)).unwrap_err();
        assert!(refused.to_string().contains("the end of the data"), "{refused}");
    }
    let score = |t| {
        ProbabilityPath::STRAIGHT
            .sample_for(Prediction::Score, x_0.clone(), x_1.clone(), times(t, 2))
            .map(|_| ())
    };
    assert!(matches!(score(1.0), Err(Error::OutOfDomain { found: 1.0, .. })));
    assert!(score(0.0).is_ok());
}

#[test]
fn what_does_not_fit_is_an_error_and_never_a_panic() {
    let (x_0, x_1) = pairs(3);
    let sample = |path: ProbabilityPath, t: &[Real]| {
        path.sample(x_0.clone(), x_1.clone(), Source::new(0).per_point(t).unwrap()).map(|_| ())
    };
    let straight = ProbabilityPath::STRAIGHT;
    assert!(matches!(sample(straight, &[0.5; 2]), Err(Error::BatchMismatch { .. })));
    for t in [-0.1, 1.1, Real::NAN] {
        assert!(matches!(
            sample(straight, &[0.5, t, 0.0]),
            Err(Error::OutOfDomain { what: "the time t", .. })
        ));
    }
    let two = pairs(2).0;
    assert!(matches!(straight.sample(x_0.clone(), two, times(0.5, 3)), Err(Error::BatchMismatch { .. })));
    let infinite = x_1.clone() * Real::INFINITY;
    assert!(matches!(straight.sample(x_0.clone(), infinite, times(0.5, 3)), Err(Error::NotFinite { .. })));
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        for path in [
            ProbabilityPath::OptimalTransport { sigma_min: bad },
            ProbabilityPath::ConstantSigma { sigma: bad },
            ProbabilityPath::Polynomial { degree: bad },
            ProbabilityPath::Diffusion(Sde::VarianceExploding { sigma_min: bad, sigma_max: 1.0 }),
        ] {
            assert!(matches!(sample(path, &[0.5; 3]), Err(Error::OutOfDomain { .. })), "{path:?}");
        }
    }
    assert!(sample(ProbabilityPath::OptimalTransport { sigma_min: 1.0 }, &[0.5; 3]).is_err());
    assert!(sample(ProbabilityPath::Polynomial { degree: 0.5 }, &[0.5; 3]).is_err());
}
