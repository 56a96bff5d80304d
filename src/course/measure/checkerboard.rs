//! The checkerboard, learned for as long as a minute allows: what lies outside of its squares, and the likelihood.

use super::{Case, Figure};
use pushforward::Result;
use pushforward::change_of_variables::Density;
use pushforward::cnf::{Cnf, DOPRI5, OdeSolver};
use pushforward::data::{Checkerboard, Sample};
use pushforward::flow_matching::{ProbabilityPath, TimeSampling, flow_matching_loss};
use pushforward::nn::{Mlp, Sine};
use pushforward::tensor::{Points, Real, Source, values};
use pushforward::train::{Progress, Schedule, Training, train};
use std::time::Instant;

pub(super) const CASES: &[Case] = &[Case { name: "checkerboard", run: checkerboard }];

const STEPS: usize = 12_000;
const BATCH: usize = 256;
/// More often near the data, where the edges are learned.
const TIMES: TimeSampling = TimeSampling::LogitNormal { mean: 1.0, std: 1.0 };

type Net = Mlp<3, 128, 2, 3, Sine<2>>;

/// Trains, and looks at 10,000 samples, at the mean of −log p over 5,000 points of data, and at the integral of p.
fn checkerboard(seed: u64) -> Result<Vec<Figure>> {
    let (board, mut source) = (Checkerboard::default(), Source::new(seed));
    let start = Instant::now();
    let field = trained(&board, &mut source)?;
    let seconds = start.elapsed().as_secs_f64();
    let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
    let samples = solver.solve(&field, source.normal(10_000)?, 0.0, 1.0)?.end;
    let outside = 100.0 * (1.0 - board.share_near_dark(&samples, 0.0));
    let model = Cnf::new(field, solver);
    let log_p = values(&model.log_prob(board.sample(5000, &mut source)?)?);
    let nll = -log_p.iter().map(|log_p| f64::from(*log_p)).sum::<f64>() / log_p.len() as f64;
    Ok(vec![
        Figure { metric: "outside_share", value: outside, unit: "%" },
        Figure { metric: "nll", value: nll, unit: "nat" },
        Figure { metric: "mass", value: mass(&model)?, unit: "-" },
        Figure { metric: "seconds", value: seconds, unit: "s" },
    ])
}

/// The average of the parameters over the last steps.
fn trained(board: &Checkerboard, source: &mut Source) -> Result<Net> {
    let mut field = Net::new(source)?;
    let training = Training {
        steps: STEPS,
        learning_rate: 2e-3,
        schedule: Schedule::Cosine,
        clip_norm: Some(1.0),
        ema_decay: Some(0.99),
        progress: Progress::Silent,
        ..Training::default()
    };
    let trained = train(&mut field, &training, |field, gradients| {
        let (x_0, x_1) = (source.normal(BATCH)?, board.sample(BATCH, source)?);
        let t = TIMES.draw(BATCH, source)?;
        flow_matching_loss(field, ProbabilityPath::STRAIGHT.sample(x_0, x_1, t)?, gradients)
    })?;
    Ok(trained.average)
}

/// ∫ p over [−5, 5]², by the midpoints of 200 × 200 cells.
fn mass(model: &impl Density<2>) -> Result<f64> {
    const CELLS: usize = 200;
    let side = 10.0 / CELLS as f64;
    let at = |k: usize| ((k as f64 + 0.5) * side - 5.0) as Real;
    let cells: Vec<[Real; 2]> = (0..CELLS * CELLS).map(|k| [at(k % CELLS), at(k / CELLS)]).collect();
    let cells: Points<2> = Source::new(0).points(&cells)?;
    let log_p = values(&model.log_prob(cells)?);
    Ok(side * side * log_p.iter().map(|log_p| f64::from(*log_p).exp()).sum::<f64>())
}
