//! The one training loop of the course, and models in files.

mod adam;
mod checkpoint;
mod file;
mod gradient;
mod progress;
mod schedule;
mod state;
mod weights;

pub use checkpoint::Checkpoint;
pub use gradient::{clip, gradient_norm};
pub use progress::Progress;
pub use schedule::Schedule;
pub use weights::{load, save};

use crate::tensor::{Dev, Gradients, Loss, Real, Source};
use crate::{Error, Result};
use dfdx::prelude::TensorCollection;
use state::State;
use std::time::{Duration, Instant};

/// How a model is trained: by Adam, or by AdamW if there is a weight decay.
///
/// Step k = 0, 1, …, K − 1 computes the gradient g of the loss at the parameters θ, clips it, and sets
///
/// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
/// θ ← θ − αₖ (m̂ / (√v̂ + ε) + λ θ) with m̂ = m / (1 − β₁ᵏ⁺¹) and v̂ = v / (1 − β₂ᵏ⁺¹),
///
/// where αₖ = α ηₖ is the learning rate times the factor of the [`Schedule`], λ the weight decay, β₁ = 0.9, β₂ = 0.999
/// and ε = 10⁻⁸ (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1; Loshchilov and Hutter 2017, arXiv:1711.05101,
/// algorithm 2). Like PyTorch, this multiplies λ by αₖ; the second paper multiplies it by ηₖ alone: the paper's λ is our
/// α λ.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// K: how many steps to take.
    pub steps: usize,
    /// α: the size of a step.
    pub learning_rate: f64,
    /// How the size of a step changes.
    pub schedule: Schedule,
    /// W: over the first W steps the size of a step grows from zero, see [`Schedule`].
    pub warm_up: usize,
    /// λ: how fast the parameters shrink beside what the loss does to them; 0 is Adam.
    pub weight_decay: f64,
    /// c: a gradient that is longer than this is shortened to it, see [`clip`].
    pub clip_norm: Option<f64>,
    /// d: how much of the average of the parameters each step keeps, see [`Trained::average`].
    pub ema_decay: Option<f64>,
    /// Training stops after the step in which this time is over. The schedule goes by steps and does not know of it.
    pub time_limit: Option<Duration>,
    /// What to tell while training.
    pub progress: Progress,
}

impl Default for Training {
    /// 1000 steps of size 10⁻³ by Adam, with progress.
    fn default() -> Self {
        Self {
            steps: 1000,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            warm_up: 0,
            weight_decay: 0.0,
            clip_norm: None,
            ema_decay: None,
            time_limit: None,
            progress: Progress::Auto,
        }
    }
}

/// What training gives.
#[derive(Clone, Debug)]
pub struct Trained<M> {
    /// The loss of each step.
    pub losses: Vec<Real>,
    /// The model with the exponential moving average of its parameters, θ̄ ← d θ̄ + (1 − d) θ after each step, from
    /// θ̄ = θ before the first (Polyak and Juditsky 1992 average; Yazıcı et al. 2018, arXiv:1806.04498, average like
    /// this). Without [`Training::ema_decay`] it is the trained model itself.
    pub average: M,
}

/// Makes a loss smaller by changing a model's parameters.
///
/// In each step `loss` computes a number from the model and the (empty) gradients: it must trace a tensor that goes
/// through the model with them (`x.traced(gradients)`).
///
/// ```
/// use pushforward::dfdx::prelude::{MeanTo, Trace};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let mut network = Mlp::<1, 16, 1, 1, Tanh>::new(&source)?;
/// let (x, noise) = (source.normal::<1>(64)?, source.normal::<1>(64)?);
/// let y = x.clone().sin() + noise * 0.1;
/// let training = Training { steps: 500, learning_rate: 0.01, progress: Progress::Silent, ..Training::default() };
/// let losses = train(&mut network, &training, |network, gradients| {
///     Ok((network.apply(x.clone().traced(gradients))? - y.clone()).square().mean())
/// })?
/// .losses;
/// assert!(losses[499] < 0.02, "the noise has the variance 0.01; the sine alone has 0.4");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors, all before the step has changed the parameters: [`Error::LossNotFinite`] and [`Error::GradientNotFinite`]
/// with the step; [`Error::UnusedParameters`] if the loss was computed without the gradients that were given (a parameter
/// that the loss does not use is no error); whatever `loss` fails with. [`Error::OutOfDomain`] for a setting that makes
/// no sense, such as a learning rate that is zero or infinite as a [`Real`]. [`Error::TensorNotFinite`] if a number of the
/// model is NaN or infinite at the end: this is found after the step, and the model is left as the step made it.
pub fn train<M: TensorCollection<Real, Dev> + Clone>(
    model: &mut M,
    training: &Training,
    mut loss: impl FnMut(&M, Gradients) -> Result<Loss>,
) -> Result<Trained<M>> {
    run(model, training, None, |model, gradients, _| loss(model, gradients))
}

/// Like [`train`], but a run that was stopped goes on where it was, and ends with the same bits as if it had not been.
///
/// If the checkpoint's file exists, the model, its average, Adam's moments and the losses are read from it, and training
/// goes on after its last step; a run that was finished is only read. The file is written before the first step, every
/// [`Checkpoint::every`] steps and at the end, also where [`Training::time_limit`] ends it: the next call goes on (and
/// has the whole time again).
///
/// `loss` draws its random numbers from the source that it is given: step k of a run draws the numbers that belong to
/// the run's seed and k. What it draws from elsewhere, such as dfdx's `Dropout`, is not the same after a stop. The bits are the
/// same on the same kind of processor with the same number of threads.
///
/// ```
/// use pushforward::dfdx::prelude::{MeanTo, Trace};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Checkpoint, Progress, Training, train_resumable};
///
/// let folder = tempfile::tempdir().unwrap();
/// let checkpoint = Checkpoint { path: folder.path().join("sine.safetensors"), every: 100, seed: 0 };
/// let training = Training { steps: 200, progress: Progress::Silent, ..Training::default() };
/// let run = || {
///     let mut network = Mlp::<1, 16, 1, 1, Tanh>::new(&Source::new(0))?;
///     train_resumable(&mut network, &training, &checkpoint, |network, gradients, source| {
///         let x = source.normal::<1>(64)?;
///         Ok((network.apply(x.clone().traced(gradients))? - x.sin()).square().mean())
///     })
/// };
/// assert_eq!(run()?.losses, run()?.losses, "the second run is read from the file of the first");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: those of [`train`], which leave the file as it was ([`Error::TensorNotFinite`] also where it would be written,
/// for the average and the moments too); [`Error::BadFile`] if the file is not a checkpoint, or one of another model, or
/// holds a number that is NaN or infinite; [`Error::OtherRun`] if it was written with another seed or other settings (the
/// time limit and the progress may differ); [`Error::Io`] if it cannot be read or written. A refused file leaves the
/// model as it was.
pub fn train_resumable<M: TensorCollection<Real, Dev> + Clone>(
    model: &mut M,
    training: &Training,
    checkpoint: &Checkpoint,
    mut loss: impl FnMut(&M, Gradients, &mut Source) -> Result<Loss>,
) -> Result<Trained<M>> {
    let mut source = Source::new(checkpoint.seed);
    run(model, training, Some(checkpoint), |model, gradients, step| {
        source.restart(checkpoint.seed, step as u64);
        loss(model, gradients, &mut source)
    })
}

/// The loop: `loss` is also given the step.
fn run<M: TensorCollection<Real, Dev> + Clone>(
    model: &mut M,
    training: &Training,
    checkpoint: Option<&Checkpoint>,
    mut loss: impl FnMut(&M, Gradients, usize) -> Result<Loss>,
) -> Result<Trained<M>> {
    training.check()?;
    let mut state = State::new(model, training)?;
    if let Some(checkpoint) = checkpoint {
        checkpoint.begin(model, &mut state, training)?;
    }
    let mut report = training.progress.start(training.steps);
    let started = Instant::now();
    let over = || training.time_limit.is_some_and(|limit| started.elapsed() >= limit);
    while state.losses.len() < training.steps && !over() {
        state.step(model, training, &mut loss)?;
        report.step(&state.losses);
        if let Some(checkpoint) = checkpoint {
            checkpoint.after_step(model, &mut state, training)?;
        }
    }
    weights::finite(model)?;
    if let Some(checkpoint) = checkpoint {
        checkpoint.end(model, &mut state, training)?;
    }
    report.finish(&state.losses);
    state.end(model)
}

impl Training {
    fn check(&self) -> Result<()> {
        let refuse = |what, expected, found| Err(Error::OutOfDomain { what, expected, found });
        let positive = |x: f64| x.is_finite() && x as Real > 0.0;
        let rate = self.learning_rate;
        if !(positive(rate) && (rate as Real).is_finite()) {
            return refuse("the learning rate", "a positive number in the range of `Real`", rate);
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refuse("the weight decay", "a number from 0", self.weight_decay);
        }
        if let Some(norm) = self.clip_norm.filter(|norm| !positive(*norm)) {
            return refuse("the norm to clip at", "a positive number", norm);
        }
        if let Some(decay) = self.ema_decay.filter(|decay| !(0.0..1.0).contains(decay)) {
            return refuse("the decay of the average", "at least 0 and below 1", decay);
        }
        if self.warm_up > self.steps {
            return refuse("the warm-up", "at most the number of steps", self.warm_up as f64);
        }
        Ok(())
    }
}
