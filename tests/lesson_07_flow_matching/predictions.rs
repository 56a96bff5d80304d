//! What a prediction says of the others.

use super::common::laws::{DIFFERENCE, ROUNDING, close};
use super::paths::{PATHS, pairs, times};
use pushforward::cnf::{Divergence, Probes, VectorField};
use pushforward::flow_matching::{Prediction, Predictor, ProbabilityPath};
use pushforward::nn::{Mlp, Tanh};
use pushforward::score_matching::{Score, Sde};
use pushforward::tensor::{Points, Real, Source, rows, values};
use pushforward::{Error, Result};

const ALL: [Prediction; 4] = [Prediction::Velocity, Prediction::Score, Prediction::Noise, Prediction::Data];

fn all_close(what: &str, expected: &Points<2>, found: &Points<2>, tolerance: f64) {
    for (expected, found) in rows(expected).into_iter().zip(rows(found)) {
        for i in 0..2 {
            close(what, expected[i].into(), found[i].into(), tolerance);
        }
    }
}

#[test]
fn each_prediction_gives_each_other_one() {
    let (x_0, x_1) = pairs(4);
    for path in PATHS {
        for t in [0.2, 0.5, 0.8] {
            let sample = |what| path.sample_for(what, x_0.clone(), x_1.clone(), times(t, 4)).unwrap();
            // What a division by the smallest of α, σ and their rates makes of roundings.
            let tolerance = 3e3 * ROUNDING;
            for (from, to) in ALL.into_iter().flat_map(|from| ALL.map(|to| (from, to))) {
                let given = sample(from);
                let found = path.convert(from, to, &given.t, given.x_t, given.target).unwrap();
                all_close(
                    &format!("{path:?}, {from:?} to {to:?} at {t}"),
                    &sample(to).target,
                    &found,
                    tolerance,
                );
            }
        }
    }
}

/// At an end, what can be said is said exactly, and the rest is an error that names the end.
#[test]
fn at_the_ends_a_conversion_is_exact_or_an_error() {
    use Prediction::{Data, Noise, Score, Velocity};
    let (straight, cosine) = (ProbabilityPath::STRAIGHT, ProbabilityPath::Cosine);
    let preserving = ProbabilityPath::Diffusion(Sde::VARIANCE_PRESERVING);
    let (x, said) = (pairs(3).0, pairs(3).1);
    let convert =
        |path: ProbabilityPath, from, to, t| path.convert(from, to, &times(t, 3), x.clone(), said.clone());
    for path in [straight, cosine] {
        // All is noise at t = 0, and all is data at t = 1.
        all_close("noise", &x, &convert(path, Velocity, Noise, 0.0).unwrap(), 1e-6);
        all_close("data", &x, &convert(path, Velocity, Data, 1.0).unwrap(), 1e-6);
    }
    let sum = x.clone() + said.clone();
    all_close("where it leads", &sum, &convert(straight, Velocity, Data, 0.0).unwrap(), 1e-6);
    all_close(
        "the score of noise",
        &(x.clone() * -1.0),
        &convert(straight, Velocity, Score, 0.0).unwrap(),
        1e-6,
    );
    let refused = |path, from, to, t: Real, end: &str| {
        let error = convert(path, from, to, t).map(|x| rows(&x)).unwrap_err();
        assert!(matches!(error, Error::OutOfDomain { found, .. } if found == f64::from(t)));
        assert!(error.to_string().contains(end), "{path:?}, {from:?} to {to:?}: {error}");
    };
    for path in [straight, cosine, preserving] {
        refused(path, Velocity, Score, 1.0, "the end of the data");
        refused(path, Data, Noise, 1.0, "the end of the data");
        refused(path, Data, Score, 1.0, "the end of the data");
    }
    for path in [straight, cosine] {
        refused(path, Noise, Data, 0.0, "the end of the noise");
        refused(path, Score, Velocity, 0.0, "the end of the noise");
    }
    let slow = ProbabilityPath::Polynomial { degree: 2.0 };
    refused(slow, Velocity, Data, 0.0, "the end of the noise");
    refused(preserving, Noise, Velocity, 1.0, "the end of the data");
    // Tweedie's formula needs no noise.
    all_close("clean data", &x, &convert(straight, Score, Data, 1.0).unwrap(), 1e-6);
}

#[test]
fn the_same_prediction_is_given_back_as_it_is() {
    for what in ALL {
        let said = pairs(3).1;
        let found = ProbabilityPath::STRAIGHT.convert(what, what, &times(1.0, 3), pairs(3).0, said.clone());
        assert_eq!(rows(&found.unwrap()), rows(&said));
    }
}

#[test]
fn a_predictor_is_the_field_and_the_score_that_its_network_means() {
    let network = Mlp::<3, 8, 2, 1, Tanh>::new(&Source::new(2)).unwrap();
    let (x, t) = (pairs(4).0, times(0.4, 4));
    let path = ProbabilityPath::Cosine;
    for prediction in ALL {
        let said = VectorField::velocity(&network, t.clone(), x.clone()).unwrap();
        let model = Predictor { network: network.clone(), path, prediction };
        let as_is = |what| path.convert(prediction, what, &t, x.clone(), said.clone()).unwrap();
        let velocity: Points<2> = model.velocity(t.clone(), x.clone()).unwrap();
        assert_eq!(rows(&velocity), rows(&as_is(Prediction::Velocity)));
        assert_eq!(rows(&model.score(t.clone(), x.clone()).unwrap()), rows(&as_is(Prediction::Score)));
    }
}

#[test]
fn the_divergence_of_a_predictor_is_the_sum_of_the_numeric_derivatives() {
    let network = Mlp::<3, 8, 2, 1, Tanh>::new(&Source::new(2)).unwrap();
    let (x, t) = (pairs(4).0, times(0.4, 4));
    let h: Real = if size_of::<Real>() == 4 { 1e-2 } else { 1e-4 };
    for prediction in ALL {
        let model = Predictor { network: network.clone(), path: ProbabilityPath::STRAIGHT, prediction };
        let (v, found) = model.velocity_and_divergence(t.clone(), x.clone(), &Probes::Axes).unwrap();
        all_close("the velocity", &model.velocity(t.clone(), x.clone()).unwrap(), &v, ROUNDING);
        let moved = |i: usize, by: Real| -> Result<Vec<Real>> {
            let there: Vec<[Real; 2]> = rows(&x)
                .into_iter()
                .map(|mut x| {
                    x[i] += by;
                    x
                })
                .collect();
            Ok(rows(&model.velocity(t.clone(), Source::new(0).points(&there)?)?)
                .iter()
                .map(|v| v[i])
                .collect())
        };
        for (n, found) in values(&found).into_iter().enumerate() {
            let slope = |i| (moved(i, h).unwrap()[n] - moved(i, -h).unwrap()[n]) / (2.0 * h);
            close(&format!("{prediction:?}"), (slope(0) + slope(1)).into(), found.into(), DIFFERENCE);
        }
    }
}
