//! Times that are drawn for the likelihood.
#![allow(unreachable_pub)]

use super::common::laws::close;
use super::common::mixtures::{SDES, mean_and_error, three};
use super::common::stirred;
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{AsArray, ZeroGrads};
use pushforward::nn::{Mlp, Tanh};
use pushforward::score_matching::{Scaled, Sde, Weighting, noise_conditional_loss};
use pushforward::tensor::{PerPoint, Real, Source, values};

/// ∫ g² / σ² dt from 0 to `end`, by Simpson's rule in the variable u with 1 − t = (1 − `end`)ᵘ, which is fine near t = 1.
fn integral(sde: &Sde, end: f64) -> f64 {
    const CELLS: usize = 2000;
    let last = (1.0 - end).max(1e-3).ln();
    let term = |i: usize| {
        let s = (last * i as f64 / CELLS as f64).exp();
        let weight = if i == 0 || i == CELLS { 1.0 } else { [2.0, 4.0][i % 2] };
        weight * s * (sde.diffusion(1.0 - s) / sde.sigma(1.0 - s)).powi(2)
    };
    -last * (0..=CELLS).map(term).sum::<f64>() / (3.0 * CELLS as f64)
}

/// E g² / σ² over even times; where variance explodes the ratio is the same at all times.
pub fn mean_ratio(sde: &Sde) -> f64 {
    match sde {
        Sde::VarianceExploding { .. } => (sde.diffusion(0.5) / sde.sigma(0.5)).powi(2),
        _ => integral(sde, sde.end()) / sde.end(),
    }
}

#[test]
fn times_for_the_likelihood_have_the_density_of_its_weights() {
    const DRAWN: usize = 20_000;
    for sde in [Sde::VARIANCE_PRESERVING, Sde::SUB_VARIANCE_PRESERVING] {
        let end = sde.end();
        let times = values(&sde.draw_likelihood_times(DRAWN, &mut Source::new(5)).unwrap());
        assert!(times.iter().all(|t| (0.0..=end as Real).contains(t)));
        let all = integral(&sde, end);
        for t in [0.1, 0.5, 0.9, 0.98, 0.995] {
            let expected = integral(&sde, t) / all;
            let found = times.iter().filter(|time| f64::from(**time) < t).count() as f64 / DRAWN as f64;
            let error = (expected * (1.0 - expected) / DRAWN as f64).sqrt();
            println!("{sde:?}: {found:.4} are before {t}, expected {expected:.4} ± {error:.4}");
            assert!((found - expected).abs() < 3.0 * error, "{sde:?}, t = {t}: {found}, not {expected}");
        }
    }
}

#[test]
fn where_variance_explodes_even_times_are_those_of_the_likelihood() {
    let sde = Sde::VARIANCE_EXPLODING;
    let times = values(&sde.draw_likelihood_times(20_000, &mut Source::new(5)).unwrap());
    for (power, expected) in [(1, 1.0 / 2.0), (2, 1.0 / 3.0), (3, 1.0 / 4.0)] {
        let powers: Vec<f64> = times.iter().map(|t| f64::from(*t).powi(power)).collect();
        let (mean, error) = mean_and_error(&powers);
        assert!((mean - expected).abs() < 3.0 * error, "E t^{power} = {mean} ± {error}, not {expected}");
    }
}

/// No rounding at either end of equations of every strength leads out of the range, or to no number.
#[test]
fn times_for_the_likelihood_are_in_range_for_equations_of_all_strengths() {
    for (beta_min, beta_max) in [(0.0, 1e-12), (0.0, 1.0), (1e-3, 2e-3), (0.1, 20.0), (0.0, 1e5)] {
        for sde in [
            Sde::VariancePreserving { beta_min, beta_max },
            Sde::SubVariancePreserving { beta_min, beta_max },
        ] {
            let times = values(&sde.draw_likelihood_times(2000, &mut Source::new(5)).unwrap());
            assert!(times.iter().all(|t| (0.0..=sde.end() as Real).contains(t)), "{sde:?}");
            let (least, most) =
                times.iter().fold((1.0, 0.0), |(least, most): (Real, Real), t| (least.min(*t), most.max(*t)));
            assert!(least < 0.1 && most > 0.9, "{sde:?}: from {least} to {most}");
        }
    }
}

type Network = Scaled<Mlp<3, 8, 2, 0, Tanh>>;

/// The losses of many batches: at even times weighted by g², and at times that are drawn by g² / σ².
fn losses(score: &Network, sde: &Sde) -> [Vec<f64>; 2] {
    const BATCHES: usize = 400;
    let mut source = Source::new(8);
    let mut loss = |draw: fn(&Sde, &mut Source) -> PerPoint, weighting| {
        let t = draw(sde, &mut source);
        let x_1 = three().sample(256, &mut source).unwrap();
        let sample = sde.diffuse(x_1, t, source.normal(256).unwrap()).unwrap();
        let loss = noise_conditional_loss(score, sde, sample, weighting, score.alloc_grads()).unwrap();
        f64::from(loss.array())
    };
    let even = |sde: &Sde, source: &mut Source| sde.draw_times(256, source).unwrap();
    let sampled = |sde: &Sde, source: &mut Source| sde.draw_likelihood_times(256, source).unwrap();
    [
        (0..BATCHES).map(|_| loss(even, Weighting::Likelihood)).collect(),
        (0..BATCHES).map(|_| loss(sampled, Weighting::SampledLikelihood)).collect(),
    ]
}

#[test]
fn importance_sampling_leaves_the_mean_of_the_likelihoods_loss_and_takes_variance() {
    for sde in SDES {
        let network = stirred(Mlp::new(&Source::new(2)).unwrap(), 0.3);
        let [even, sampled] = losses(&Scaled { network, sde }, &sde).map(|losses| mean_and_error(&losses));
        println!(
            "{sde:?}: at even times {:.3} ± {:.3}, sampled {:.3} ± {:.3}",
            even.0, even.1, sampled.0, sampled.1
        );
        let error = even.1.hypot(sampled.1);
        assert!((even.0 - sampled.0).abs() < 3.0 * error, "{sde:?}: {even:?} and {sampled:?}");
        match sde {
            Sde::VarianceExploding { .. } => close("the same times", 1.0, sampled.1 / even.1, 0.15),
            _ => assert!(sampled.1 < 0.5 * even.1, "{sde:?}: errors {} and {}", sampled.1, even.1),
        }
    }
}
