//! The probability flow as a flow.

use super::common::laws::{ROUNDING, close, parameter_gradients};
use super::common::mixtures::{SDES, SINGLE, mean_and_error, mixture, three, times};
use super::common::stirred;
use pushforward::cnf::{
    DOPRI5, Divergence, OdeSolver, Probes, TraceEstimator, VectorField, continuity_residual,
};
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{MeanTo, SumTo, Trace};
use pushforward::nn::{Mlp, Tanh};
use pushforward::residual::Noise;
use pushforward::score_matching::{NoisyMixture, ProbabilityFlow, Scaled, Score, Sde};
use pushforward::tensor::{Points, Real, Source, rows, values};

fn solver() -> OdeSolver {
    OdeSolver::adaptive(DOPRI5, if SINGLE { 1e-5 } else { 1e-7 })
}

/// A wide prior, so that what it is off from p₀ is below 10⁻³.
const WIDE: Sde = Sde::VarianceExploding { sigma_min: 0.01, sigma_max: 100.0 };

fn worst(one: &[Real], two: &[Real]) -> f64 {
    one.iter().zip(two).map(|(a, b)| f64::from(a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_likelihood_with_the_exact_score_is_the_true_density() {
    for sde in [WIDE, Sde::VARIANCE_PRESERVING, Sde::SUB_VARIANCE_PRESERVING] {
        let flow = ProbabilityFlow { score: NoisyMixture::new(&three(), sde).unwrap(), sde };
        let x = three().sample(30, &mut Source::new(2)).unwrap();
        for end in [1.0, 0.9] {
            let found = values(&flow.log_prob(x.clone(), end, solver(), TraceEstimator::Exact).unwrap());
            let expected = values(&flow.score.log_prob_at(end, x.clone()).unwrap());
            let off = worst(&found, &expected);
            println!("{sde:?}, end {end}: off by {off:.1e}");
            assert!(off < 1e-3, "{sde:?}, end {end}: off by {off}");
        }
    }
}

#[test]
fn a_likelihood_from_an_early_end_is_not_that_of_the_data() {
    let sde = Sde::VARIANCE_PRESERVING;
    let sharp = mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [0.05, 0.05]);
    let flow = ProbabilityFlow { score: NoisyMixture::new(&sharp, sde).unwrap(), sde };
    let x = sharp.sample(200, &mut Source::new(2)).unwrap();
    let mean = |end: Real| {
        let log_p = flow.log_prob(x.clone(), end, solver(), TraceEstimator::Exact).unwrap();
        log_p.mean::<pushforward::dfdx::prelude::Rank0, _>().as_vec()[0]
    };
    let (exact, early) = (mean(1.0), mean(0.98));
    println!("mean log p of data from t = 1: {exact:.3}, from t = 0.98: {early:.3}");
    // Each mode has the variance v; with the noise it is given w: ln w/v − 1 + v/w in two dimensions.
    let (v, w) = (0.05f64.powi(2), (sde.alpha(0.98) * 0.05).powi(2) + sde.sigma(0.98).powi(2));
    let expected = (w / v).ln() - 1.0 + v / w;
    // 200 points: three standard errors of (1 − v/w) times an exponential number.
    assert!((f64::from(exact - early) - expected).abs() < 0.15, "{exact}, {early}: not {expected} apart");
}

#[test]
fn the_estimated_likelihood_is_unbiased() {
    let sde = Sde::VARIANCE_PRESERVING;
    let flow = ProbabilityFlow { score: NoisyMixture::new(&three(), sde).unwrap(), sde };
    let x = Source::new(0).points(&vec![[0.4, -0.9]; 2000]).unwrap();
    let trace = TraceEstimator::Hutchinson { noise: Noise::Gaussian, seed: 3 };
    let solver = OdeSolver::adaptive(DOPRI5, 1e-3);
    let found: Vec<f64> =
        values(&flow.log_prob(x.clone(), 1.0, solver, trace).unwrap()).into_iter().map(f64::from).collect();
    let expected = f64::from(values(&flow.score.log_prob_at(1.0, x).unwrap())[0]);
    let (mean, error) = mean_and_error(&found);
    println!("{mean:.4} ± {error:.4}, exactly {expected:.4}");
    assert!(error < 0.05 && (mean - expected).abs() < 3.0 * error, "{mean} ± {error}, not {expected}");
}

#[test]
fn the_densities_of_the_equation_move_with_the_probability_flow() {
    // Slow ones: the differences in t of f32 have steps of 0.04.
    for sde in [
        Sde::VarianceExploding { sigma_min: 0.3, sigma_max: 3.0 },
        Sde::VariancePreserving { beta_min: 0.1, beta_max: 5.0 },
        Sde::SubVariancePreserving { beta_min: 0.1, beta_max: 5.0 },
    ] {
        let flow = ProbabilityFlow { score: NoisyMixture::new(&three(), sde).unwrap(), sde };
        let x = Source::new(5).normal::<2>(20).unwrap();
        for t in [0.3, 0.6] {
            let density = |t, x: Points<2>| flow.score.log_prob_at(t, x);
            let residual = continuity_residual(density, &flow, t, &x).unwrap();
            let worst = residual.into_iter().map(f64::abs).fold(0.0, f64::max);
            assert!(worst < if SINGLE { 1e-3 } else { 1e-7 }, "{sde:?}, t = {t}: {worst}");
        }
    }
}

#[test]
fn the_velocity_is_half_the_score_term_of_the_reverse_equation() {
    let score = Mlp::<3, 8, 2, 0, Tanh>::new(&Source::new(1)).unwrap();
    let x = Source::new(2).normal::<2>(4).unwrap();
    for sde in SDES {
        let v =
            rows(&ProbabilityFlow { score: score.clone(), sde }.velocity(times(0.4, 4), x.clone()).unwrap());
        let s = rows(&score.score(times(0.4, 4), x.clone()).unwrap());
        let t = f64::from(0.4 as Real);
        for n in 0..4 {
            for i in 0..2 {
                let (x, s) = (f64::from(rows(&x)[n][i]), f64::from(s[n][i]));
                let expected = -sde.drift(t) * x + 0.5 * sde.diffusion(t).powi(2) * s;
                close("v", expected, v[n][i].into(), ROUNDING);
            }
        }
    }
}

#[test]
fn the_divergence_of_the_flow_has_the_gradients_of_differences() {
    let sde = Sde::VARIANCE_PRESERVING;
    let score = Scaled { network: stirred(Mlp::<3, 4, 2, 0, Tanh>::new(&Source::new(3)).unwrap(), 0.3), sde };
    let x = Source::new(2).normal::<2>(4).unwrap();
    parameter_gradients("divergence", score, |score, gradients| {
        let flow = ProbabilityFlow { score: score.clone(), sde };
        let x = x.clone().traced(gradients);
        let (v, divergence) = flow.velocity_and_divergence(times(0.6, 4), x, &Probes::Axes)?;
        let squares = v.square().sum::<(usize,), pushforward::dfdx::prelude::Axis<1>>();
        Ok((squares * 0.1 + divergence * 0.3).mean())
    });
}
