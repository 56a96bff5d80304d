//! Times of training, random steps, other paths.

use super::common::laws::{ROUNDING, close};
use super::common::mixtures::{has_moments, three, true_moments};
use super::paths::{pairs, times};
use pushforward::Error;
use pushforward::cnf::{EULER, OdeSolver, VectorField};
use pushforward::flow_matching::{
    Prediction, Predictor, ProbabilityPath, Retimed, StochasticSampler, TimeSampling,
};
use pushforward::score_matching::{NoisyMixture, Sde};
use pushforward::tensor::{Points, Real, Source, rows, values};

const STRAIGHT: ProbabilityPath = ProbabilityPath::STRAIGHT;

/// The exact field of a path, as a network that predicts velocities.
fn exact(path: ProbabilityPath) -> Predictor<NoisyMixture<2, ProbabilityPath>> {
    let network = NoisyMixture::new(&three(), path).unwrap();
    Predictor { network, path, prediction: Prediction::Velocity }
}

#[test]
fn random_steps_end_at_the_data_whatever_their_noise() {
    let mut source = Source::new(8);
    // The variance-preserving equation has at t = 1 no noise: the moments are those of the data.
    let expected = true_moments(&three(), &Sde::VARIANCE_PRESERVING, 1.0);
    for noise in [0.0, 0.5, 2.0] {
        let start = source.normal(20_000).unwrap();
        let found =
            StochasticSampler { noise, steps: 200 }.run(&exact(STRAIGHT), start, &mut source).unwrap();
        // A step of 1/200 leaves an error of about as much.
        has_moments(&format!("η = {noise}"), &found, expected, 4.0, 0.02);
    }
}

#[test]
fn without_noise_the_random_steps_are_those_of_euler() {
    let start: Points<2> = pairs(5).0;
    let sampler = StochasticSampler { noise: 0.0, steps: 7 };
    let found = sampler.run(&exact(STRAIGHT), start.clone(), &mut Source::new(0)).unwrap();
    let expected = OdeSolver::fixed(EULER, 7).solve(&exact(STRAIGHT).network, start, 0.0, 1.0).unwrap().end;
    for (found, expected) in rows(&found).into_iter().zip(rows(&expected)) {
        for i in 0..2 {
            close("Euler", expected[i].into(), found[i].into(), ROUNDING);
        }
    }
}

#[test]
fn a_field_of_one_path_walks_another_as_its_own_field_does() {
    let x = pairs(20).0;
    let paths = [STRAIGHT, ProbabilityPath::Cosine, ProbabilityPath::LinearVariancePreserving];
    for (learned, used) in paths.into_iter().flat_map(|learned| paths.map(|used| (learned, used))) {
        let retimed = Retimed { field: exact(learned).network, learned, used };
        for t in [0.1, 0.5, 0.9] {
            let found: Points<2> = retimed.velocity(times(t, 20), x.clone()).unwrap();
            let expected: Points<2> =
                VectorField::velocity(&exact(used).network, times(t, 20), x.clone()).unwrap();
            for (found, expected) in rows(&found).into_iter().zip(rows(&expected)) {
                for i in 0..2 {
                    let what = format!("{learned:?} on {used:?} at {t}");
                    close(&what, expected[i].into(), found[i].into(), 10.0 * ROUNDING);
                }
            }
        }
    }
}

#[test]
fn an_end_where_the_pace_is_not_known_is_an_error() {
    let retimed =
        Retimed { field: exact(STRAIGHT).network, learned: STRAIGHT, used: ProbabilityPath::Cosine };
    for t in [0.0, 1.0] {
        let refused = retimed.velocity(times(t, 3), pairs(3).0).map(|_| ());
        assert!(matches!(refused, Err(Error::OutOfDomain { .. })), "at {t}");
    }
    // The straight path never has as little noise as the exploding one has data at t = 0.
    let exploding = ProbabilityPath::Diffusion(Sde::VARIANCE_EXPLODING);
    let left = ProbabilityPath::OptimalTransport { sigma_min: 0.5 };
    let retimed = Retimed { field: exact(left).network, learned: left, used: exploding };
    assert!(retimed.velocity(times(0.99, 3), pairs(3).0).is_err(), "σ = 0.5 is the least that was learned");
}

#[test]
fn times_have_the_density_that_was_asked_for() {
    let mut source = Source::new(9);
    let n = 20_000;
    let below = |times: &[Real], limit: Real| times.iter().filter(|t| **t < limit).count() as f64 / n as f64;
    let normal = TimeSampling::LogitNormal { mean: 0.5, std: 0.8 };
    let logits = values(&normal.draw(n, &mut source).unwrap());
    // Φ of (logit t − 0.5) / 0.8 at −1, 0 and 1.
    for (z, share) in [(-1.0, 0.158_655), (0.0, 0.5), (1.0, 0.841_345)] {
        let t = 1.0 / (1.0 + f64::exp(-(0.5 + 0.8 * z)));
        assert!((below(&logits, t as Real) - share).abs() < 4.0 * 0.0036, "z = {z}");
    }
    let even = values(&TimeSampling::Uniform.draw(n, &mut source).unwrap());
    assert!((below(&even, 0.3) - 0.3).abs() < 4.0 * 0.0033);
    let layers = values(&TimeSampling::Stratified.draw(n, &mut source).unwrap());
    assert!((below(&layers, 0.3) - 0.3).abs() < 1e-4, "one time in each part");
    assert!(layers.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(
        layers.windows(3).any(|t| (t[2] - t[1] - (t[1] - t[0])).abs() > 1e-6),
        "a number of its own for each"
    );
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let mut source = Source::new(0);
    for sampling in
        [TimeSampling::Uniform, TimeSampling::Stratified, TimeSampling::LogitNormal { mean: 0.0, std: 1.0 }]
    {
        assert!(matches!(sampling.draw(0, &mut source), Err(Error::Empty { .. })), "{sampling:?}");
    }
    for (mean, std) in [(f64::NAN, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, f64::INFINITY)] {
        let refused = TimeSampling::LogitNormal { mean, std }.draw(3, &mut source);
        assert!(matches!(refused, Err(Error::OutOfDomain { .. })), "{mean}, {std}");
    }
    let run = |noise, steps| {
        StochasticSampler { noise, steps }.run(&exact(STRAIGHT), pairs(3).0, &mut Source::new(0)).map(|_| ())
    };
    assert!(matches!(run(1.0, 0), Err(Error::OutOfDomain { .. })));
    for noise in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(run(noise, 5), Err(Error::OutOfDomain { .. })));
    }
    let bad = pairs(3).0 * Real::NAN;
    let found = StochasticSampler { noise: 1.0, steps: 5 }.run(&exact(STRAIGHT), bad, &mut source);
    assert!(matches!(found, Err(Error::NotFinite { .. })));
}

/// In f32 (n − 1 + u) / n is rounded to 1 now and then, where the target of some paths is infinite.
#[test]
fn no_time_of_training_is_the_end() {
    for (seed, sampling) in
        [(67, TimeSampling::Stratified), (0, TimeSampling::LogitNormal { mean: 20.0, std: 5.0 })]
    {
        let times = values(&sampling.draw(100_000, &mut Source::new(seed)).unwrap());
        assert!(times.iter().all(|t| *t < 1.0), "{sampling:?}");
    }
}
