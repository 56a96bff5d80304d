//! What few evaluations of a network are worth: W₂ between samples and data, for networks of one size that are trained
//! equally long on the straight path and on that of a diffusion.

use super::{Case, Figure, mean_and_deviation};
use pushforward::Result;
use pushforward::cnf::{MIDPOINT, OdeSolver, VectorField};
use pushforward::data::{Checkerboard, Sample};
use pushforward::flow_matching::{Prediction, Predictor, ProbabilityPath, flow_matching_loss};
use pushforward::nn::{Mlp, Sine};
use pushforward::ot_coupling::wasserstein_2;
use pushforward::score_matching::Sde;
use pushforward::tensor::{PerPoint, Real, Source};
use pushforward::train::{Progress, Schedule, Training, train};

const DIFFUSION: ProbabilityPath = ProbabilityPath::Diffusion(Sde::VARIANCE_PRESERVING);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "nfe_quality/ot",
        run: |seed| quality(ProbabilityPath::STRAIGHT, Prediction::Velocity, seed),
    },
    Case { name: "nfe_quality/vp", run: |seed| quality(DIFFUSION, Prediction::Velocity, seed) },
    Case { name: "nfe_quality/vp_noise", run: |seed| quality(DIFFUSION, Prediction::Noise, seed) },
];

/// Evaluations of the network, two for each step of the midpoint rule, and the names of the means and deviations.
const EVALUATIONS: [(usize, &str, &str); 6] = [
    (2, "w2_nfe_2", "std_nfe_2"),
    (4, "w2_nfe_4", "std_nfe_4"),
    (8, "w2_nfe_8", "std_nfe_8"),
    (16, "w2_nfe_16", "std_nfe_16"),
    (32, "w2_nfe_32", "std_nfe_32"),
    (64, "w2_nfe_64", "std_nfe_64"),
];

const RUNS: u64 = 5;
const STEPS: usize = 5000;
const BATCH: usize = 256;
/// Points on each side of a distance.
const POINTS: usize = 1000;
/// Training stops short of t = 1, where the velocity of the diffusion is infinite (Lipman et al. 2022, arXiv:2210.02747,
/// train on [0, 1 − ε] too).
const END: Real = 1.0 - 1e-5;

type Net = Mlp<3, 64, 2, 2, Sine<2>>;

/// Trains from several seeds; then, for each number of evaluations, the mean and the deviation of W₂ over the seeds, and
/// last the mean of W₂ between two samples of the data.
fn quality(path: ProbabilityPath, prediction: Prediction, seed: u64) -> Result<Vec<Figure>> {
    let models: Vec<Predictor<Net>> =
        (seed..seed + RUNS).map(|seed| trained(path, prediction, seed)).collect::<Result<_>>()?;
    let mut figures = Vec::new();
    for (evaluations, mean, deviation) in EVALUATIONS {
        let solver = OdeSolver::fixed(MIDPOINT, evaluations / 2);
        let distances = models.iter().zip(seed..).map(|(model, seed)| distance(model, &solver, seed));
        let (of_all, around) = mean_and_deviation(&distances.collect::<Result<Vec<_>>>()?);
        figures.push(Figure { metric: mean, value: of_all, unit: "-" });
        figures.push(Figure { metric: deviation, value: around, unit: "-" });
    }
    let floors: Vec<f64> = (seed..seed + RUNS).map(floor).collect::<Result<_>>()?;
    figures.push(Figure { metric: "w2_of_data", value: mean_and_deviation(&floors).0, unit: "-" });
    Ok(figures)
}

/// A network after training.
fn trained(path: ProbabilityPath, prediction: Prediction, seed: u64) -> Result<Predictor<Net>> {
    let (board, mut source) = (Checkerboard::default(), Source::new(seed));
    let mut network = Net::new(&source)?;
    let training = Training {
        steps: STEPS,
        learning_rate: 5e-3,
        schedule: Schedule::Cosine,
        progress: Progress::Silent,
        ..Training::default()
    };
    train(&mut network, &training, |network, gradients| {
        let (x_0, x_1) = (source.normal::<2>(BATCH)?, board.sample(BATCH, &mut source)?);
        let t: PerPoint = source.uniform(BATCH)? * END;
        flow_matching_loss(network, path.sample_for(prediction, x_0, x_1, t)?, gradients)
    })?;
    Ok(Predictor { network, path, prediction })
}

/// W₂ between samples of the model and as many points of data.
fn distance(model: &impl VectorField<2>, solver: &OdeSolver, seed: u64) -> Result<f64> {
    let mut source = evaluation(seed);
    let noise = source.normal(POINTS)?;
    let samples = solver.solve(model, noise, 0.0, 1.0)?.end;
    wasserstein_2(&samples, &Checkerboard::default().sample(POINTS, &mut source)?)
}

/// W₂ between two samples of the data.
fn floor(seed: u64) -> Result<f64> {
    let (board, mut source) = (Checkerboard::default(), evaluation(seed));
    wasserstein_2(&board.sample(POINTS, &mut source)?, &board.sample(POINTS, &mut source)?)
}

/// Numbers that training has not drawn, the same for every model of a seed.
fn evaluation(seed: u64) -> Source {
    Source::new(seed ^ (1 << 32))
}
