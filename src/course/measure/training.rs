//! Steps per second of training: a network of 3 hidden layers, Adam, and points drawn anew in every step.

use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::flow_matching::{ProbabilityPath, flow_matching_loss};
use pushforward::nn::{Activation, Mlp, Selu, Silu};
use pushforward::ot_coupling::{Coupling, ExactOt, TwoSidedPath};
use pushforward::score_matching::{Sde, Weighting, noise_conditional_loss};
use pushforward::tensor::{Gradients, Loss, Points, Real, Source};
use pushforward::train::{Progress, Training, train};
use rand::Rng;
use std::time::{Duration, Instant};

pub(super) const CASES: &[Case] = &[
    Case { name: "cfm_train/w64_selu/b256", run: |seed| cfm_train::<64, Selu>(seed, 256) },
    Case { name: "cfm_train/w64_selu/b2048", run: |seed| cfm_train::<64, Selu>(seed, 2048) },
    Case { name: "cfm_train/w256_silu/b256", run: |seed| cfm_train::<256, Silu>(seed, 256) },
    Case { name: "cfm_train/w256_silu/b2048", run: |seed| cfm_train::<256, Silu>(seed, 2048) },
    Case { name: "otcfm_train/w64_selu/b256", run: |seed| otcfm_train::<64, Selu>(seed, 256) },
    Case { name: "dsm_train/w64_selu/b256", run: |seed| dsm_train::<64, Selu>(seed, 256) },
    Case { name: "dsm_train/w256_silu/b256", run: |seed| dsm_train::<256, Silu>(seed, 256) },
];

/// Reads (x, t), a point and a time.
type Network<const H: usize, A> = Mlp<3, H, 2, 2, A>;

/// Flow matching from N(0, I) to two moons along x_t = (1 − t) x₀ + t x₁ + 0.1 ε.
fn cfm_train<const H: usize, A: Activation>(seed: u64, batch: usize) -> Result<Vec<Figure>> {
    let loss = |field: &Network<H, A>, x_1: Points<2>, source: &mut Source, gradients: Gradients| {
        let (x_0, t) = (source.normal::<2>(batch)?, source.uniform(batch)?);
        let mut sample = ProbabilityPath::STRAIGHT.sample(x_0, x_1, t)?;
        sample.x_t = sample.x_t + source.normal::<2>(batch)? * 0.1;
        flow_matching_loss(field, sample, gradients)
    };
    let rate = training_rate(seed, batch, loss)?;
    let mut figures = vec![Figure { metric: "steps_per_s", value: rate, unit: "1/s" }];
    figures.extend(peak_memory().map(|value| Figure { metric: "peak_rss", value, unit: "MiB" }));
    Ok(figures)
}

/// The same with the pairs of each batch that are nearest in all.
fn otcfm_train<const H: usize, A: Activation>(seed: u64, batch: usize) -> Result<Vec<Figure>> {
    let path = TwoSidedPath::Straight { sigma: 0.1 };
    let loss = |field: &Network<H, A>, x_1: Points<2>, source: &mut Source, gradients: Gradients| {
        let pairs = ExactOt.pair(source.normal(batch)?, x_1, source)?;
        let t = source.uniform(batch)?;
        flow_matching_loss(field, path.sample(pairs, t, source)?, gradients)
    };
    let rate = training_rate(seed, batch, loss)?;
    Ok(vec![Figure { metric: "steps_per_s", value: rate, unit: "1/s" }])
}

/// Denoising score matching on two moons: the mean over points of ½ |σ s(x + σ ε, t) + ε|² with σ = 0.01 · 1000¹⁻ᵗ.
fn dsm_train<const H: usize, A: Activation>(seed: u64, batch: usize) -> Result<Vec<Figure>> {
    let sde = Sde::VarianceExploding { sigma_min: 0.01, sigma_max: 10.0 };
    let loss = |score: &Network<H, A>, x: Points<2>, source: &mut Source, gradients: Gradients| {
        let (noise, t) = (source.normal::<2>(batch)?, source.uniform(batch)?);
        let sample = sde.diffuse(x, t, noise)?;
        noise_conditional_loss(score, &sde, sample, Weighting::Variance, gradients)
    };
    let rate = training_rate(seed, batch, loss)?;
    Ok(vec![Figure { metric: "steps_per_s", value: rate, unit: "1/s" }])
}

/// The rate at which a network is trained with this loss of a batch of two moons.
fn training_rate<const H: usize, A: Activation>(
    seed: u64,
    batch: usize,
    loss: impl Fn(&Network<H, A>, Points<2>, &mut Source, Gradients) -> Result<Loss>,
) -> Result<f64> {
    let mut source = Source::new(seed);
    let mut network = Network::<H, A>::new(&source)?;
    let pool = moons(16384, &mut source);
    median_rate(|steps| {
        let start = Instant::now();
        let training = Training { steps, progress: Progress::Silent, ..Training::default() };
        train(&mut network, &training, |network, gradients| {
            let x: Vec<[Real; 2]> = (0..batch).map(|_| pool[source.gen_range(0..pool.len())]).collect();
            loss(network, source.points(&x)?, &mut source, gradients)
        })?;
        Ok(start.elapsed())
    })
}

/// The median over blocks of about half a second, after a warm-up.
pub(super) fn median_rate(mut steps: impl FnMut(usize) -> Result<Duration>) -> Result<f64> {
    const BLOCKS: usize = 7;
    steps(20)?;
    let per_step = steps(20)?.as_secs_f64() / 20.0;
    let block = ((0.5 / per_step) as usize).max(5);
    let rates = (0..BLOCKS).map(|_| Ok(block as f64 / steps(block)?.as_secs_f64()));
    Ok(median(rates.collect::<Result<_>>()?))
}

/// Two moons as torchcfm draws them: evenly spaced angles, the same uniform noise on both coordinates, times 3 minus 1.
pub(super) fn moons(n: usize, source: &mut Source) -> Vec<[Real; 2]> {
    let half = n / 2;
    let point = |i: usize| {
        let angle = std::f64::consts::PI * (i % half) as f64 / (half - 1) as f64;
        if i < half { [angle.cos(), angle.sin()] } else { [1.0 - angle.cos(), 0.5 - angle.sin()] }
    };
    let noisy = |i| {
        let noise = 0.2 * source.r#gen::<f64>();
        point(i).map(|x| (3.0 * (x + noise) - 1.0) as Real)
    };
    (0..2 * half).map(noisy).collect()
}

/// The most memory that this process ever held, where the system tells (Linux).
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}
