//! The four objectives differ by constants.

use super::common::laws::{ROUNDING, close, parameter_gradients};
use super::common::mixtures::{mean_and_error, three, times};
use super::common::{gradients, stirred};
use pushforward::cnf::Probes;
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{AsArray, Backward, ZeroGrads};
use pushforward::nn::{Mlp, Tanh};
use pushforward::residual::Noise;
use pushforward::score_matching::{
    AtTimes, NoisyMixture, Scaled, Score, Sde, Slices, denoising_score_matching, explicit_score_matching,
    implicit_score_matching, sliced_score_matching,
};
use pushforward::tensor::{Gradients, Loss, Points, Real, Source, rows};

type Network = Mlp<2, 6, 2, 0, Tanh>;

/// Networks that are far from each other.
fn networks() -> Vec<Network> {
    (0..4).map(|k| stirred(Mlp::new(&Source::new(k)).unwrap(), 0.3 * k as Real)).collect()
}

const BLOCKS: usize = 50;
const BLOCK: usize = 2000;

/// The noise of the denoising objective.
const SIGMA: Real = 0.5;

/// A batch of data, the same data with noise, and both true scores.
struct Block {
    x: Points<2>,
    noise: Points<2>,
    noisy: Points<2>,
    score: Points<2>,
    noisy_score: Points<2>,
    gaussian: Probes<2>,
    signs: Probes<2>,
}

fn blocks() -> Vec<Block> {
    let mut source = Source::new(3);
    let exact = NoisyMixture::new(&three(), Sde::VARIANCE_PRESERVING).unwrap();
    let exploding = Sde::VarianceExploding { sigma_min: SIGMA.into(), sigma_max: 10.0 };
    let blurred = NoisyMixture::new(&three(), exploding).unwrap();
    let block = |_| {
        let x = three().sample(BLOCK, &mut source).unwrap();
        let noise = source.normal::<2>(BLOCK).unwrap();
        let noisy = x.clone() + noise.clone() * SIGMA;
        let score = exact.score(times(1.0, BLOCK), x.clone()).unwrap();
        let noisy_score = blurred.score(times(1.0, BLOCK), noisy.clone()).unwrap();
        let gaussian = Probes::draw(Noise::Gaussian, BLOCK, &mut source).unwrap();
        let signs = Probes::draw(Noise::Rademacher, BLOCK, &mut source).unwrap();
        Block { x, noise, noisy, score, noisy_score, gaussian, signs }
    };
    (0..BLOCKS).map(block).collect()
}

/// ½ E |x|² of a batch.
fn half_square(x: &Points<2>) -> f64 {
    let squares = rows(x).into_iter().map(|[x, y]| f64::from(x).powi(2) + f64::from(y).powi(2));
    0.5 * squares.sum::<f64>() / BLOCK as f64
}

/// An objective, what it must differ from the explicit one by, and that explicit one.
struct Claim {
    name: &'static str,
    loss: fn(&Network, &Block, Gradients) -> Loss,
    explicit: fn(&Network, &Block, Gradients) -> Loss,
    constant: fn(&Block) -> f64,
    /// The largest standard error of the difference that is accepted: the claim is sharp.
    sharp: f64,
}

fn on_data(s: &Network, block: &Block, gradients: Gradients) -> Loss {
    explicit_score_matching(s, block.x.clone(), block.score.clone(), gradients).unwrap()
}

fn on_noisy_data(s: &Network, block: &Block, gradients: Gradients) -> Loss {
    explicit_score_matching(s, block.noisy.clone(), block.noisy_score.clone(), gradients).unwrap()
}

fn of_score(block: &Block) -> f64 {
    -half_square(&block.score)
}

const CLAIMS: [Claim; 5] = [
    Claim {
        name: "implicit",
        loss: |s, block, gradients| implicit_score_matching(s, block.x.clone(), gradients).unwrap(),
        explicit: on_data,
        constant: of_score,
        sharp: 0.06,
    },
    Claim {
        name: "sliced",
        loss: |s, block, gradients| {
            sliced_score_matching(s, block.x.clone(), &block.gaussian, Slices::Plain, gradients).unwrap()
        },
        explicit: on_data,
        constant: of_score,
        sharp: 0.06,
    },
    Claim {
        name: "sliced with less variance",
        loss: |s, block, gradients| {
            sliced_score_matching(s, block.x.clone(), &block.gaussian, Slices::VarianceReduced, gradients)
                .unwrap()
        },
        explicit: on_data,
        constant: of_score,
        sharp: 0.06,
    },
    Claim {
        name: "sliced by signs",
        loss: |s, block, gradients| {
            sliced_score_matching(s, block.x.clone(), &block.signs, Slices::VarianceReduced, gradients)
                .unwrap()
        },
        explicit: on_data,
        constant: of_score,
        sharp: 0.06,
    },
    Claim {
        name: "denoising",
        loss: |s, block, gradients| {
            denoising_score_matching(s, block.x.clone(), block.noise.clone(), SIGMA, gradients).unwrap()
        },
        explicit: on_noisy_data,
        constant: |block| {
            half_square(&block.noise) / f64::from(SIGMA).powi(2) - half_square(&block.noisy_score)
        },
        sharp: 0.06,
    },
];

#[test]
fn every_objective_is_the_explicit_one_up_to_a_constant_that_no_parameter_changes() {
    let blocks = blocks();
    for claim in CLAIMS {
        for (k, s) in networks().iter().enumerate() {
            let apart = |block: &Block| {
                let loss = f64::from((claim.loss)(s, block, s.alloc_grads()).array());
                let explicit = f64::from((claim.explicit)(s, block, s.alloc_grads()).array());
                loss - explicit - (claim.constant)(block)
            };
            let (mean, error) = mean_and_error(&blocks.iter().map(apart).collect::<Vec<_>>());
            println!("{}, network {k}: off by {mean:.4} ± {error:.4}", claim.name);
            assert!(error < claim.sharp, "{}: the standard error is {error}", claim.name);
            assert!(mean.abs() < 3.5 * error, "{}, network {k}: {mean} ± {error}", claim.name);
        }
    }
}

#[test]
fn every_objective_has_the_gradients_of_the_explicit_one() {
    let blocks = blocks();
    let s = networks().swap_remove(2);
    for claim in CLAIMS {
        let by = |loss: fn(&Network, &Block, Gradients) -> Loss, block: &Block| {
            gradients(&s, &loss(&s, block, s.alloc_grads()).backward())
        };
        let pairs: Vec<_> =
            blocks.iter().map(|block| (by(claim.loss, block), by(claim.explicit, block))).collect();
        let (mut squares, mut errors) = (0.0, 0.0);
        for parameter in 0..s.parameters() {
            let differences: Vec<f64> =
                pairs.iter().map(|(one, two)| f64::from(one[parameter] - two[parameter])).collect();
            let (mean, error) = mean_and_error(&differences);
            assert!(mean.abs() < 4.0 * error, "{}, parameter {parameter}: {mean} ± {error}", claim.name);
            let gradient: Vec<f64> = pairs.iter().map(|(_, two)| f64::from(two[parameter])).collect();
            squares += mean_and_error(&gradient).0.powi(2);
            errors += error * error;
        }
        println!("{}: |g| = {:.3}, apart by {:.3}", claim.name, squares.sqrt(), errors.sqrt());
        assert!(errors < 0.05 * squares, "{}: the claim is sharp", claim.name);
    }
}

#[test]
fn less_variance_is_less_variance() {
    let blocks = blocks();
    let s = networks().swap_remove(3);
    let error = |slices: Slices| {
        let apart = |block: &Block| {
            let x = || block.x.clone();
            let sliced = sliced_score_matching(&s, x(), &block.gaussian, slices, s.alloc_grads()).unwrap();
            let implicit = implicit_score_matching(&s, x(), s.alloc_grads()).unwrap();
            f64::from(sliced.array() - implicit.array())
        };
        mean_and_error(&blocks.iter().map(apart).collect::<Vec<_>>()).1
    };
    let (plain, reduced) = (error(Slices::Plain), error(Slices::VarianceReduced));
    println!("standard errors of the slices: {plain:.4}, with less variance {reduced:.4}");
    assert!(reduced < 0.8 * plain, "{reduced} of {plain}");
}

#[test]
fn the_denoising_objective_is_not_the_explicit_one_of_the_data_without_noise() {
    let blocks = blocks();
    let constants: Vec<f64> = networks()
        .iter()
        .map(|s| {
            let apart = |block: &Block| {
                let loss = (CLAIMS[4].loss)(s, block, s.alloc_grads()).array();
                f64::from(loss - on_data(s, block, s.alloc_grads()).array())
            };
            mean_and_error(&blocks.iter().map(apart).collect::<Vec<_>>()).0
        })
        .collect();
    println!("denoising minus explicit without noise, four networks: {constants:.3?}");
    let spread = constants.iter().copied().fold(f64::MIN, f64::max)
        - constants.iter().copied().fold(f64::MAX, f64::min);
    // The standard errors are below 0.02.
    assert!(spread > 0.1, "it depends on the network: {constants:?}");
}

#[test]
fn the_objectives_have_the_gradients_of_differences() {
    let mut source = Source::new(8);
    let (x, noise) = (source.normal::<2>(4).unwrap(), source.normal::<2>(4).unwrap());
    let v = Probes::draw(Noise::Gaussian, 4, &mut source).unwrap();
    let s = || stirred(Network::new(&Source::new(2)).unwrap(), 0.3);
    parameter_gradients("explicit", s(), |s, g| explicit_score_matching(s, x.clone(), noise.clone(), g));
    parameter_gradients("implicit", s(), |s, g| implicit_score_matching(s, x.clone(), g));
    for slices in [Slices::Plain, Slices::VarianceReduced] {
        parameter_gradients("sliced", s(), |s, g| sliced_score_matching(s, x.clone(), &v, slices, g));
    }
    parameter_gradients("denoising", s(), |s, g| {
        denoising_score_matching(s, x.clone(), noise.clone(), 0.5, g)
    });
    let sde = Sde::VARIANCE_PRESERVING;
    let scaled =
        Scaled { network: stirred(Mlp::<3, 4, 2, 0, Tanh>::new(&Source::new(2)).unwrap(), 0.3), sde };
    let t = source.per_point(&[0.0, 0.3, 0.7, 0.8]).unwrap();
    parameter_gradients("implicit in time", scaled, |score, g| {
        implicit_score_matching(&AtTimes { score, t: t.clone() }, x.clone(), g)
    });
}

#[test]
fn slices_along_the_axes_are_the_implicit_objective() {
    let mut source = Source::new(8);
    let (x, s) = (source.normal::<2>(7).unwrap(), networks().swap_remove(1));
    let implicit = implicit_score_matching(&s, x.clone(), s.alloc_grads()).unwrap().array();
    let axes = sliced_score_matching(&s, x, &Probes::Axes, Slices::VarianceReduced, s.alloc_grads());
    close("axes", implicit.into(), axes.unwrap().array().into(), ROUNDING);
}
