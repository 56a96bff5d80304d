//! Samples of the reverse equations, with the exact score.

use super::common::laws::{ROUNDING, close};
use super::common::mixtures::{SDES, has_moments, mean_and_error, mixture, three, true_moments, two};
use pushforward::cnf::{DOPRI5, OdeSolver};
use pushforward::score_matching::{
    AncestralVariance, Corrector, NoiseLevels, NoisyMixture, ProbabilityFlow, ReverseSampler, ReverseStep,
    Score, Sde,
};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};

const POINTS: usize = 5000;

fn sample(sde: Sde, step: ReverseStep, steps: usize, corrector: Option<Corrector>, seed: u64) -> Points<2> {
    let score = NoisyMixture::new(&two(), sde).unwrap();
    let mut source = Source::new(seed);
    let levels = NoiseLevels::even(&sde, steps, sde.end()).unwrap();
    let sampler = ReverseSampler { levels, step, corrector };
    sampler.run(&score, sde.sample_prior(POINTS, &mut source).unwrap(), &mut source).unwrap()
}

#[test]
fn every_random_step_gives_the_density_at_the_end() {
    for sde in SDES {
        let expected = true_moments(&two(), &sde, sde.end());
        for step in [
            ReverseStep::EulerMaruyama(sde),
            ReverseStep::ReverseDiffusion,
            ReverseStep::Ancestral(AncestralVariance::Forward),
            ReverseStep::Ancestral(AncestralVariance::Posterior),
            ReverseStep::Ddim { eta: 0.5 },
        ] {
            let x = sample(sde, step, 500, None, 3);
            // Steps of a length of 1/500 leave a bias of first order.
            has_moments(&format!("{step:?} of {sde:?}"), &x, expected, 3.0, 0.02);
        }
    }
}

#[test]
fn the_probability_flow_gives_the_same_density_without_any_noise_on_the_way() {
    for sde in SDES {
        let flow = ProbabilityFlow { score: NoisyMixture::new(&two(), sde).unwrap(), sde };
        let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
        let x = flow.sample(POINTS, sde.end() as Real, solver, &mut Source::new(8)).unwrap();
        has_moments(&format!("flow of {sde:?}"), &x, true_moments(&two(), &sde, sde.end()), 3.0, 0.01);
        let ddim = sample(sde, ReverseStep::Ddim { eta: 0.0 }, 200, None, 8);
        has_moments(&format!("ddim of {sde:?}"), &ddim, true_moments(&two(), &sde, sde.end()), 3.0, 0.02);
    }
}

/// How far the second moments of all coordinates are off, together.
fn spread_error(x: &Points<2>, sde: &Sde) -> f64 {
    let expected = true_moments(&two(), sde, sde.end());
    let squares: Vec<f64> =
        rows(x).into_iter().map(|[x, y]| f64::from(x).powi(2) + f64::from(y).powi(2)).collect();
    (mean_and_error(&squares).0 - expected[2] - expected[3]).abs()
}

#[test]
fn a_corrector_repairs_what_a_coarse_predictor_leaves() {
    let sde = Sde::VARIANCE_EXPLODING;
    let corrector = Corrector { signal_to_noise: 0.3, steps: 2 };
    let alone = sample(sde, ReverseStep::ReverseDiffusion, 15, None, 3);
    let corrected = sample(sde, ReverseStep::ReverseDiffusion, 15, Some(corrector), 3);
    let (alone, corrected) = (spread_error(&alone, &sde), spread_error(&corrected, &sde));
    println!("E |x|² is off by {alone:.4} without and {corrected:.4} with a corrector");
    assert!(corrected < 0.5 * alone, "{corrected} of {alone}");
}

#[test]
fn enough_corrections_give_the_density_of_a_level_whatever_came_before() {
    // One step of DDIM all the way, which is as wrong as can be, and many corrections.
    let sde = Sde::VarianceExploding { sigma_min: 0.5, sigma_max: 10.0 };
    let score = NoisyMixture::new(&three(), sde).unwrap();
    let expected = true_moments(&three(), &sde, 1.0);
    let run = |corrector| {
        let (levels, mut source) = (NoiseLevels::even(&sde, 1, 1.0).unwrap(), Source::new(3));
        let sampler = ReverseSampler { levels, step: ReverseStep::Ddim { eta: 0.0 }, corrector };
        sampler.run(&score, sde.sample_prior(POINTS, &mut source).unwrap(), &mut source).unwrap()
    };
    let x = run(Some(Corrector { signal_to_noise: 0.1, steps: 400 }));
    has_moments("corrector", &x, expected, 3.0, 0.03);
    let (found, _) = super::common::mixtures::moments(&run(None))[2];
    assert!((found - expected[2]).abs() > 0.3, "without it: {found}, not {}", expected[2]);
}

#[test]
fn ancestral_steps_of_any_length_are_exact_for_the_data_that_they_are_made_for() {
    let sde = Sde::VARIANCE_PRESERVING;
    let run = |std: Real, mean: Real, variance| {
        let score = NoisyMixture::new(&mixture([1.0], [[mean, 0.0]], [std]), sde).unwrap();
        let mut source = Source::new(4);
        let levels = NoiseLevels::even(&sde, 3, 0.9).unwrap();
        let sampler = ReverseSampler { levels, step: ReverseStep::Ancestral(variance), corrector: None };
        let x = sampler.run(&score, sde.sample_prior(POINTS, &mut source).unwrap(), &mut source).unwrap();
        let expected = true_moments(&mixture([1.0], [[mean, 0.0]], [std]), &sde, 0.9);
        (x, expected)
    };
    let (x, expected) = run(1.0, 0.0, AncestralVariance::Forward);
    has_moments("N(0, I) by the variance of the other direction", &x, expected, 3.0, 0.0);
    let (x, expected) = run(1e-4, 0.8, AncestralVariance::Posterior);
    has_moments("a point by the variance given the data", &x, expected, 3.0, 0.0);
    let (x, expected) = run(1.0, 0.0, AncestralVariance::Posterior);
    assert!(
        (super::common::mixtures::moments(&x)[2].0 - expected[2]).abs() > 0.1,
        "the other way about it is not"
    );
}

/// A score that is (3t, 4t) everywhere.
struct Slope;

impl Score<2> for Slope {
    fn score(&self, t: PerPoint, _: Points<2>) -> pushforward::Result<Points<2>> {
        let slopes: Vec<[Real; 2]> = values(&t).into_iter().map(|t| [3.0 * t, 4.0 * t]).collect();
        Source::new(0).points(&slopes)
    }
}

#[test]
fn a_correction_is_as_long_as_the_formula_says() {
    // Weak enough for a = 0.6, so that every factor counts.
    let sde = Sde::VariancePreserving { beta_min: 0.1, beta_max: 2.0 };
    let levels = NoiseLevels::even(&sde, 1, 0.9).unwrap();
    let (from, to) = (levels.levels()[0], levels.levels()[1]);
    let run = |corrector| {
        let mut source = Source::new(3);
        let start = source.points(&[[0.1, 0.2], [0.3, -0.4], [0.0, 0.0]]).unwrap();
        let sampler =
            ReverseSampler { levels: levels.clone(), step: ReverseStep::Ddim { eta: 0.0 }, corrector };
        rows(&sampler.run(&Slope, start, &mut source).unwrap())
    };
    let before = run(None);
    let after = run(Some(Corrector { signal_to_noise: 0.5, steps: 1 }));
    // The step of DDIM takes no random numbers, so these are those of the correction.
    let z = rows(&Source::new(3).normal::<2>(3).unwrap());
    let length = |z: &[Real; 2]| f64::from(z[0]).hypot(z[1].into());
    let noise = z.iter().map(length).sum::<f64>() / 3.0;
    let size = 2.0 * (from.alpha / to.alpha).powi(2) * (0.5 * noise / 4.5).powi(2);
    for n in 0..3 {
        for (i, s) in [2.7, 3.6].into_iter().enumerate() {
            let expected = f64::from(before[n][i]) + size * s + (2.0 * size).sqrt() * f64::from(z[n][i]);
            close("x", expected, after[n][i].into(), ROUNDING);
        }
    }
}

#[test]
fn at_a_level_without_noise_nothing_is_corrected() {
    let sde = Sde::VARIANCE_PRESERVING;
    let run = |corrector| {
        let mut source = Source::new(3);
        let (levels, start) = (NoiseLevels::even(&sde, 1, 1.0).unwrap(), source.normal(4).unwrap());
        let sampler = ReverseSampler { levels, step: ReverseStep::ReverseDiffusion, corrector };
        rows(&sampler.run(&Slope, start, &mut source).unwrap())
    };
    assert_eq!(run(Some(Corrector { signal_to_noise: 0.5, steps: 3 })), run(None));
}
