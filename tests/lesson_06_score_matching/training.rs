//! Noise-conditional training.

use super::common::laws::{DIFFERENCE, ROUNDING, close, parameter_gradients};
use super::common::mixtures::{SDES, times, two};
use super::common::stirred;
use super::times::mean_ratio;
use pushforward::Error;
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{AsArray, TensorCollection, ZeroGrads};
use pushforward::nn::{ConcatSquash, DualPoints, Mlp, Silu, Tanh};
use pushforward::score_matching::{
    AtTimes, NoisyMixture, Scaled, Score, ScoreTangents, Sde, Weighting, denoising_score_matching,
    noise_conditional_loss,
};
use pushforward::tensor::{Dev, Real, Recording, Source, rows};
use pushforward::train::{Progress, Training, train};

fn network() -> Mlp<3, 4, 2, 0, Tanh> {
    stirred(Mlp::new(&Source::new(2)).unwrap(), 0.3)
}

#[test]
fn at_one_level_the_loss_is_sigma_squared_times_the_denoising_objective() {
    let sde = Sde::VARIANCE_EXPLODING;
    let mut source = Source::new(1);
    let (x, noise) = (source.normal::<2>(9).unwrap(), source.normal::<2>(9).unwrap());
    let t: Real = 0.4;
    let sigma = sde.sigma(t.into());
    let score = network();
    let sample = sde.diffuse(x.clone(), times(t, 9), noise.clone()).unwrap();
    let found =
        noise_conditional_loss(&score, &sde, sample, Weighting::Variance, score.alloc_grads()).unwrap();
    let at = AtTimes { score: &score, t: times(t, 9) };
    let expected = denoising_score_matching(&at, x, noise, sigma as Real, score.alloc_grads()).unwrap();
    close("loss", sigma * sigma * f64::from(expected.array()), found.array().into(), 10.0 * ROUNDING);
}

#[test]
fn the_weightings_count_the_error_of_each_point_as_they_say() {
    let mut source = Source::new(1);
    let times = [0.1, 0.5, 0.9];
    for sde in SDES {
        let t = source.per_point(&times.map(|t| t as Real)).unwrap();
        let (x, noise) = (source.normal::<2>(3).unwrap(), source.normal::<2>(3).unwrap());
        let sample = sde.diffuse(x, t.clone(), noise.clone()).unwrap();
        let score = network();
        let s = rows(&score.score(t, sample.x_t.clone()).unwrap());
        for weighting in [Weighting::Variance, Weighting::Likelihood, Weighting::SampledLikelihood] {
            let mut expected = 0.0;
            for n in 0..3 {
                let sigma = sde.sigma(times[n]);
                let weight = match weighting {
                    Weighting::Variance => sigma * sigma,
                    Weighting::Likelihood => sde.diffusion(times[n]).powi(2),
                    Weighting::SampledLikelihood => sigma * sigma * mean_ratio(&sde),
                };
                let error = |i: usize| f64::from(s[n][i]) + f64::from(rows(&noise)[n][i]) / sigma;
                expected += 0.5 * weight * (error(0).powi(2) + error(1).powi(2)) / 3.0;
            }
            let found = noise_conditional_loss(&score, &sde, sample.clone(), weighting, score.alloc_grads());
            close("loss", expected, found.unwrap().array().into(), 20.0 * ROUNDING);
        }
    }
}

#[test]
fn the_loss_has_the_gradients_of_differences() {
    let mut source = Source::new(1);
    for sde in SDES {
        let (x, noise) = (source.normal::<2>(3).unwrap(), source.normal::<2>(3).unwrap());
        let t = source.per_point(&[0.1, 0.5, 0.9]).unwrap();
        let sample = sde.diffuse(x, t, noise).unwrap();
        for weighting in [Weighting::Variance, Weighting::Likelihood] {
            let scaled = Scaled { network: network(), sde };
            parameter_gradients(&format!("{sde:?}, {weighting:?}"), scaled, |score, gradients| {
                noise_conditional_loss(score, &sde, sample.clone(), weighting, gradients)
            });
        }
    }
}

#[test]
fn a_scaled_network_is_the_network_divided_by_sigma() {
    let sde = Sde::VARIANCE_EXPLODING;
    let x = Source::new(1).normal::<2>(4).unwrap();
    let plain = rows(&network().score(times(0.8, 4), x.clone()).unwrap());
    let scaled = rows(&Scaled { network: network(), sde }.score(times(0.8, 4), x.clone()).unwrap());
    let sigma = sde.sigma(f64::from(0.8 as Real));
    for (plain, scaled) in plain.as_flattened().iter().zip(scaled.as_flattened()) {
        close("s", f64::from(*plain) / sigma, (*scaled).into(), 10.0 * ROUNDING);
    }
    let moved = |score: &dyn ScoreTangents<2>| {
        let dual = DualPoints::new(x.clone(), vec![x.clone()]).unwrap();
        let (_, tangents, _) = score.score_tangents(times(0.8, 4), dual).unwrap().into_parts();
        rows(&tangents[0])
    };
    let (plain, scaled) = (moved(&network()), moved(&Scaled { network: network(), sde }));
    for (plain, scaled) in plain.as_flattened().iter().zip(scaled.as_flattened()) {
        close("J x", f64::from(*plain) / sigma, (*scaled).into(), 10.0 * ROUNDING);
    }
    let preserving = Scaled { network: network(), sde: Sde::VARIANCE_PRESERVING };
    let found = preserving.score(times(1.0, 4), x);
    assert!(matches!(found, Err(Error::OutOfDomain { found: 1.0, .. })), "there is no 1/σ: {found:?}");
}

/// The mean of σ² |s − ∇ log p_t|² over points of p_t and times.
fn error(score: &impl Score<2>, exact: &NoisyMixture<2>, sde: &Sde) -> f64 {
    let mut source = Source::new(77);
    let t = sde.draw_times(5000, &mut source).unwrap();
    let (x_1, noise) = (two().sample(5000, &mut source).unwrap(), source.normal(5000).unwrap());
    let x_t = sde.diffuse(x_1, t.clone(), noise).unwrap().x_t;
    let apart = score.score(t.clone(), x_t.clone()).unwrap() - exact.score(t.clone(), x_t).unwrap();
    let weighted = rows(&sde.noise_from_score(&t, apart).unwrap());
    weighted.as_flattened().iter().map(|e| f64::from(*e).powi(2)).sum::<f64>() / 5000.0
}

/// Trains a network scaled by 1/σ on the mixture, and says how far its score is off before and after.
fn trained<N>(network: N) -> (f64, f64)
where
    Scaled<N>: Score<2> + Score<2, Recording> + TensorCollection<Real, Dev> + Clone,
{
    let sde = Sde::VARIANCE_PRESERVING;
    let exact = NoisyMixture::new(&two(), sde).unwrap();
    let mut source = Source::new(0);
    let mut score = Scaled { network, sde };
    let before = error(&score, &exact, &sde);
    let training =
        Training { steps: 1500, learning_rate: 3e-3, progress: Progress::Silent, ..Training::default() };
    train(&mut score, &training, |score, gradients| {
        let x_1 = two().sample(256, &mut source)?;
        let t = sde.draw_times(256, &mut source)?;
        let sample = sde.diffuse(x_1, t, source.normal(256)?)?;
        noise_conditional_loss(score, &sde, sample, Weighting::Variance, gradients)
    })
    .unwrap();
    (before, error(&score, &exact, &sde))
}

#[test]
fn training_by_denoising_finds_the_scores_of_all_levels() {
    let source = Source::new(0);
    let network = Mlp::<3, 32, 2, 1, Silu>::new(&source).unwrap();
    let squashed = ConcatSquash::<2, 1, 32, 2, 1, Silu>::new(&source).unwrap();
    for (name, (before, after)) in [("reads (x, t)", trained(network)), ("reads t aside", trained(squashed))]
    {
        println!("{name}: σ² |s − ∇ log p|²: {before:.3} before, {after:.3} after");
        assert!(after < 0.05 && after < 0.05 * before, "{name}: {before} before, {after} after");
    }
}

#[test]
fn a_network_that_reads_the_time_aside_is_a_score_with_tangents_and_gradients() {
    let network = stirred(ConcatSquash::<2, 1, 4, 2, 0, Tanh>::new(&Source::new(2)).unwrap(), 0.3);
    let mut source = Source::new(1);
    let (x, v) = (source.normal::<2>(3).unwrap(), source.normal::<2>(3).unwrap());
    let t = source.per_point(&[0.1, 0.5, 0.9]).unwrap();
    let context = source.points(&[[0.1], [0.5], [0.9]]).unwrap();
    let dual = DualPoints::new(x.clone(), vec![v.clone()]).unwrap();
    let (s, moved, _) = network.score_tangents(t.clone(), dual).unwrap().into_parts();
    assert_eq!(rows(&s), rows(&network.score(t.clone(), x.clone()).unwrap()));
    assert_eq!(rows(&s), rows(&network.apply(x.clone(), context).unwrap()), "the context is t");
    let step = Real::EPSILON.cbrt();
    let [above, below] =
        [step, -step].map(|by| network.score(t.clone(), x.clone() + v.clone() * by).unwrap());
    let slopes = (above - below) * (0.5 / step);
    for (slope, moved) in rows(&slopes).as_flattened().iter().zip(rows(&moved[0]).as_flattened()) {
        close("J v", (*slope).into(), (*moved).into(), DIFFERENCE);
    }
    let sde = Sde::SUB_VARIANCE_PRESERVING;
    let sample = sde.diffuse(x, t, v).unwrap();
    parameter_gradients("concatsquash", Scaled { network, sde }, |score, gradients| {
        noise_conditional_loss(score, &sde, sample.clone(), Weighting::SampledLikelihood, gradients)
    });
}
