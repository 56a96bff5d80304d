//! How good the fields of three couplings are, by the protocol of Tong et al. 2023 (arXiv:2302.00482) as its published
//! configuration gives it: three hidden layers of 64 units with SELU, AdamW with the learning rate 10⁻³ and the decay
//! 10⁻⁵, batches of 512, σ = 0.1 (1 for the Schrödinger bridge), 100 steps of Euler's method.
//!
//! It trains for 1000 epochs of 10,000 points, which are 20,000 steps; `--full` does so with five seeds, and without it
//! there are 1000 steps and three seeds. The data are those of torchcfm's examples, drawn anew in every step; the S is
//! that of `data::SCurve`.

use super::training::moons;
use super::{Case, Figure, mean_and_deviation};
use pushforward::Result;
use pushforward::cnf::{EULER, OdeSolver};
use pushforward::data::{EightGaussians, SCurve, Sample};
use pushforward::flow_matching::flow_matching_loss;
use pushforward::nn::{Mlp, Selu};
use pushforward::ot_coupling::{
    Coupling, ExactOt, Independent, SchrodingerBridge, TwoSidedPath, measure_paths, normalized_path_energy,
    wasserstein_2,
};
use pushforward::tensor::{Points, Source};
use pushforward::train::{Progress, Training, train};

/// Each within a minute.
pub(super) const CASES: &[Case] = &cases::<false>();
/// The same under the same names, as long as published.
pub(super) const FULL: &[Case] = &cases::<true>();

const fn cases<const FULL: bool>() -> [Case; 12] {
    use Law::*;
    use Method::*;
    [
        case("quality/n_to_8gaussians/independent", |seed| {
            quality::<FULL>([Noise, Gaussians], IndependentPairs, seed)
        }),
        case("quality/n_to_8gaussians/exact_ot", |seed| {
            quality::<FULL>([Noise, Gaussians], ExactPairs, seed)
        }),
        case("quality/n_to_8gaussians/bridge", |seed| quality::<FULL>([Noise, Gaussians], Bridge, seed)),
        case("quality/moons_to_8gaussians/independent", |seed| {
            quality::<FULL>([Moons, Gaussians], IndependentPairs, seed)
        }),
        case("quality/moons_to_8gaussians/exact_ot", |seed| {
            quality::<FULL>([Moons, Gaussians], ExactPairs, seed)
        }),
        case("quality/moons_to_8gaussians/bridge", |seed| quality::<FULL>([Moons, Gaussians], Bridge, seed)),
        case("quality/n_to_moons/independent", |seed| {
            quality::<FULL>([Noise, Moons], IndependentPairs, seed)
        }),
        case("quality/n_to_moons/exact_ot", |seed| quality::<FULL>([Noise, Moons], ExactPairs, seed)),
        case("quality/n_to_moons/bridge", |seed| quality::<FULL>([Noise, Moons], Bridge, seed)),
        case("quality/n_to_scurve/independent", |seed| {
            quality::<FULL>([Noise, Curve], IndependentPairs, seed)
        }),
        case("quality/n_to_scurve/exact_ot", |seed| quality::<FULL>([Noise, Curve], ExactPairs, seed)),
        case("quality/n_to_scurve/bridge", |seed| quality::<FULL>([Noise, Curve], Bridge, seed)),
    ]
}

const fn case(name: &'static str, run: fn(u64) -> Result<Vec<Figure>>) -> Case {
    Case { name, run }
}

/// What points are drawn from.
#[derive(Clone, Copy)]
enum Law {
    Noise,
    Moons,
    Gaussians,
    Curve,
}

impl Law {
    fn sample(self, n: usize, source: &mut Source) -> Result<Points<2>> {
        match self {
            Self::Noise => source.normal(n),
            Self::Moons => {
                let rows = moons(n, source);
                source.points(&rows)
            }
            Self::Gaussians => EightGaussians::default().sample(n, source),
            Self::Curve => SCurve::default().sample(n, source),
        }
    }
}

#[derive(Clone, Copy)]
enum Method {
    /// I-CFM.
    IndependentPairs,
    /// OT-CFM.
    ExactPairs,
    /// SB-CFM.
    Bridge,
}

impl Method {
    fn coupling(self) -> (&'static dyn Coupling<2>, TwoSidedPath) {
        let straight = TwoSidedPath::Straight { sigma: 0.1 };
        match self {
            Self::IndependentPairs => (&Independent, straight),
            Self::ExactPairs => (&ExactOt, straight),
            Self::Bridge => (&SchrodingerBridge { sigma: 1.0 }, TwoSidedPath::Bridge { sigma: 1.0 }),
        }
    }
}

/// What one trained field is like.
#[derive(Default)]
struct Found {
    w2: f64,
    normalized: f64,
    energy: f64,
    loss: f64,
}

/// The means and the deviations over seeds.
fn quality<const FULL: bool>(laws: [Law; 2], method: Method, seed: u64) -> Result<Vec<Figure>> {
    let (seeds, steps) = if FULL { (5, 20_000) } else { (3, 1000) };
    let found: Vec<Found> =
        (0..seeds).map(|k| one(laws, method, steps, seed.wrapping_add(k))).collect::<Result<_>>()?;
    let figures = |mean, deviation, of: fn(&Found) -> f64| {
        let values: Vec<f64> = found.iter().map(of).collect();
        let (center, spread) = mean_and_deviation(&values);
        [(mean, center), (deviation, spread)].map(|(metric, value)| Figure { metric, value, unit: "-" })
    };
    let all = [
        figures("w2", "w2_deviation", |found| found.w2),
        figures("npe", "npe_deviation", |found| found.normalized),
        figures("path_energy", "path_energy_deviation", |found| found.energy),
        figures("loss", "loss_deviation", |found| found.loss),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// Trains a field, and follows it from fresh points.
fn one([from, to]: [Law; 2], method: Method, steps: usize, seed: u64) -> Result<Found> {
    const BATCH: usize = 512;
    const POINTS: usize = 2000;
    let mut source = Source::new(seed);
    let mut field = Mlp::<3, 64, 2, 2, Selu>::new(&source)?;
    let (coupling, path) = method.coupling();
    let training = Training { steps, weight_decay: 1e-5, progress: Progress::Silent, ..Training::default() };
    let losses = train(&mut field, &training, |field, gradients| {
        let (x_0, x_1) = (from.sample(BATCH, &mut source)?, to.sample(BATCH, &mut source)?);
        let pairs = coupling.pair(x_0, x_1, &mut source)?;
        let t = path.draw_times(BATCH, &mut source)?;
        flow_matching_loss(field, path.sample(pairs, t, &mut source)?, gradients)
    })?
    .losses;
    let last = &losses[steps - steps / 10..];
    let loss = last.iter().map(|loss| f64::from(*loss)).sum::<f64>() / last.len() as f64;
    let (x_0, x_1) = (from.sample(POINTS, &mut source)?, to.sample(POINTS, &mut source)?);
    let paths = measure_paths(&field, &OdeSolver::fixed(EULER, 100), x_0.clone())?;
    Ok(Found {
        w2: wasserstein_2(&paths.pairs.x_1, &x_1)?,
        normalized: normalized_path_energy(paths.path_energy, wasserstein_2(&x_0, &x_1)?)?,
        energy: paths.path_energy,
        loss,
    })
}
