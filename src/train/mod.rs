//! The one training loop of the course.

mod progress;

pub use progress::Progress;

use crate::tensor::{Dev, Gradients, Loss, Real};
use crate::{Error, Result};
use dfdx::optim::{Adam, AdamConfig, Optimizer, OptimizerUpdateError};
use dfdx::prelude::{AsArray, Backward, HasErr, TensorCollection, ZeroGrads};

/// How the learning rate changes while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// It stays as it is.
    #[default]
    Constant,
    /// It falls to zero along half a cosine, ½ (1 + cos π k / K) in step k of K (Loshchilov and Hutter 2016,
    /// arXiv:1608.03983, equation 5, without restarts).
    Cosine,
}

impl Schedule {
    /// The factor of the learning rate in step `step` of `steps`.
    fn factor(self, step: usize, steps: usize) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos()),
        }
    }
}

/// How a model is trained: by Adam (Kingma and Ba 2014, arXiv:1412.6980) with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
#[derive(Clone, Debug)]
pub struct Training {
    /// How many steps to take.
    pub steps: usize,
    /// The size of a step.
    pub learning_rate: f64,
    /// How the size of a step changes.
    pub schedule: Schedule,
    /// What to tell while training.
    pub progress: Progress,
}

impl Default for Training {
    /// 1000 steps of size 10⁻³, with progress.
    fn default() -> Self {
        Self { steps: 1000, learning_rate: 1e-3, schedule: Schedule::Constant, progress: Progress::Auto }
    }
}

/// Makes a loss smaller by changing a model's parameters, and gives the loss of every step.
///
/// In each step `loss` computes a number from the model and the (empty) gradients: it must trace a tensor that goes
/// through the model with them (`x.traced(gradients)`).
///
/// Errors: [`Error::LossNotFinite`] with the step, before the parameters are changed by it (a gradient that is not finite
/// shows in the loss of the next step); [`Error::OutOfDomain`]
/// for a learning rate that is not a positive number; [`Error::UnusedParameters`] if the loss was computed without the
/// gradients that were given; whatever `loss` fails with.
pub fn train<M: TensorCollection<Real, Dev>>(
    model: &mut M,
    training: &Training,
    mut loss: impl FnMut(&M, Gradients) -> Result<Loss>,
) -> Result<Vec<Real>> {
    let Training { steps, learning_rate, schedule, progress } = training;
    if !(learning_rate.is_finite() && *learning_rate > 0.0) {
        let what = "the learning rate";
        return Err(Error::OutOfDomain { what, expected: "a positive number", found: *learning_rate });
    }
    let mut optimizer: Adam<M, Real, Dev> = Adam::new(model, AdamConfig::default());
    let mut gradients = model.try_alloc_grads()?;
    let mut report = progress.start(*steps);
    let mut losses = Vec::new();
    for step in 0..*steps {
        optimizer.cfg.lr = learning_rate * schedule.factor(step, *steps);
        let value = loss(model, gradients)?;
        let now = value.array();
        if !now.is_finite() {
            return Err(Error::LossNotFinite { step, loss: now });
        }
        gradients = value.try_backward()?;
        optimizer.update(model, &gradients).map_err(refused)?;
        model.try_zero_grads(&mut gradients)?;
        losses.push(now);
        report.step(&losses);
    }
    report.finish();
    Ok(losses)
}

fn refused(error: OptimizerUpdateError<<Dev as HasErr>::Err>) -> Error {
    match error {
        OptimizerUpdateError::UnusedParams(unused) => Error::UnusedParameters { tensors: unused.ids.len() },
        OptimizerUpdateError::DeviceError(error) => error.into(),
    }
}
