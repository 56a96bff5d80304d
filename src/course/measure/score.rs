//! How far a learned score is from the true one, level by level of noise.

use super::{Case, Figure};
use pushforward::Result;
use pushforward::change_of_variables::GaussianMixture;
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{AutoDevice, TensorCollection, TrySub};
use pushforward::nn::{ConcatSquash, Mlp, Silu};
use pushforward::score_matching::{NoisyMixture, Scaled, Score, Sde, Weighting, noise_conditional_loss};
use pushforward::tensor::{Real, Recording, Source, rows};
use pushforward::train::{Progress, Training, train};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "score_error/mlp",
        run: |seed| score_error(Mlp::<3, 64, 2, 2, Silu>::new(&Source::new(seed))?, seed),
    },
    Case {
        name: "score_error/concatsquash",
        run: |seed| score_error(ConcatSquash::<2, 1, 64, 2, 2, Silu>::new(&Source::new(seed))?, seed),
    },
];

const SDE: Sde = Sde::VARIANCE_EXPLODING;

/// Times at which σ is 10, 1, 0.1 and 0.01, and the names of their errors.
const LEVELS: [(f64, &str); 4] = [
    (0.0, "error_sigma_10"),
    (1.0 / 3.0, "error_sigma_1"),
    (2.0 / 3.0, "error_sigma_0.1"),
    (1.0, "error_sigma_0.01"),
];

const STEPS: usize = 4000;
const BATCH: usize = 256;

/// Two Gaussians apart, as wide as 0.3 and 0.5.
fn data() -> Result<GaussianMixture<2, 2>> {
    GaussianMixture::new(&Source::new(0), [[-1.5, 1.0], [1.0, -0.5]], [0.3, 0.5])
}

/// Trains N / σ by denoising. Then, at each level, the mean of σ² |s − ∇ log p|² over 10,000 points of that level.
fn score_error<N>(network: N, seed: u64) -> Result<Vec<Figure>>
where
    Scaled<N>: Score<2> + Score<2, Recording> + TensorCollection<Real, AutoDevice> + Clone,
{
    let (data, mut source) = (data()?, Source::new(seed));
    let mut score = Scaled { network, sde: SDE };
    let training = Training {
        steps: STEPS,
        learning_rate: 2e-3,
        ema_decay: Some(0.995),
        progress: Progress::Silent,
        ..Training::default()
    };
    let trained = train(&mut score, &training, |score, gradients| {
        let (x_1, t) = (data.sample(BATCH, &mut source)?, SDE.draw_times(BATCH, &mut source)?);
        let sample = SDE.diffuse(x_1, t, source.normal(BATCH)?)?;
        noise_conditional_loss(score, &SDE, sample, Weighting::Variance, gradients)
    })?;
    let exact = NoisyMixture::new(&data, SDE)?;
    LEVELS.iter().map(|(t, metric)| error_at(*t, metric, &trained.average, &exact, &data)).collect()
}

fn error_at(
    t: f64,
    metric: &'static str,
    score: &impl Score<2>,
    exact: &impl Score<2>,
    data: &impl Sample<2>,
) -> Result<Figure> {
    const POINTS: usize = 10_000;
    let mut source = Source::new(1234);
    let times = source.per_point(&[t as Real; POINTS])?;
    let (x_1, noise) = (data.sample(POINTS, &mut source)?, source.normal(POINTS)?);
    let x_t = SDE.diffuse(x_1, times.clone(), noise)?.x_t;
    let apart = score.score(times.clone(), x_t.clone())?.try_sub(exact.score(times.clone(), x_t)?)?;
    let errors = rows(&SDE.noise_from_score(&times, apart)?);
    let sum: f64 = errors.as_flattened().iter().map(|error| f64::from(*error).powi(2)).sum();
    Ok(Figure { metric, value: sum / POINTS as f64, unit: "-" })
}
