//! Stacks of residual blocks: i-ResNet and Residual Flow.

use super::{EstimateLogDet, Estimator, InvertibleResidual, NonExpansive};
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, compose};
use crate::lesson_02_coupling::{ActNorm, Layers};
use crate::nn::{Elu, LipSwish};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::prelude::Tape;
use rand::RngCore;

/// A layer of both models: features are normalized, then moved by a contraction.
pub type ResidualStep<const D: usize, const H: usize, const L: usize, A> =
    (ActNorm<D>, InvertibleResidual<D, H, L, A>);

/// i-ResNet (Behrmann et al. 2018, arXiv:1811.00995) for points: K layers with ELU, whose contractions have L + 1 hidden layers
/// of H units. Its authors train it with a truncated series, [`Estimator::truncated`]. Call `initialize` with a batch before
/// training.
pub type IResNet<const D: usize, const H: usize, const L: usize, const K: usize> =
    Layers<ResidualStep<D, H, L, Elu>, K>;

/// Residual Flow (Chen et al. 2019, arXiv:1906.02735) for points: K layers with [`LipSwish`], whose contractions have L + 1
/// hidden layers of H units. Its authors train it with [`Estimator::roulette`]. Call `initialize` with a batch before training.
///
/// ```
/// use pushforward::change_of_variables::{Flow, StandardNormal, negative_log_likelihood};
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::rand::RngCore;
/// use pushforward::residual::{Estimated, Estimator, Length, ResidualFlow};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let mut model = ResidualFlow::<2, 16, 1, 4>::new(&source, 0.9)?;
/// model.initialize(&TwoMoons::default().sample(1000, &mut source)?)?;
/// let training = Training { steps: 200, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
/// let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
/// let losses = train(&mut model, &training, |model, gradients| {
///     let bijection = Estimated { bijection: model.clone(), estimator, seed: source.next_u64() };
///     let flow = Flow { bijection, base: StandardNormal };
///     negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
/// })?
/// .losses;
/// let mean = |losses: &[pushforward::tensor::Real]| losses.iter().sum::<pushforward::tensor::Real>() / 20.0;
/// assert!(mean(&losses[180..]) < mean(&losses[..20]) - 0.1, "it learns, and batches differ by less");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type ResidualFlow<const D: usize, const H: usize, const L: usize, const K: usize> =
    Layers<ResidualStep<D, H, L, LipSwish>, K>;

/// Residual layers.
impl<const D: usize, const H: usize, const L: usize, const K: usize, A: NonExpansive>
    Layers<ResidualStep<D, H, L, A>, K>
{
    /// Every contraction has the Lipschitz constant c, parameters drawn from the source's device; normalizations are z = x.
    ///
    /// Errors: [`Error::OutOfDomain`](crate::Error::OutOfDomain) unless 0 < c ≤ 0.999.
    pub fn new(source: &Source, coefficient: f64) -> Result<Self> {
        Self::from_fn(|_| Ok((ActNorm::new(source)?, InvertibleResidual::new(source, coefficient)?)))
    }

    /// Sets every [`ActNorm`] by a batch of data, layer after layer; those that were set before stay.
    ///
    /// Errors: those of [`ActNorm::initialize`] and of the layers, which change nothing.
    pub fn initialize(&mut self, x: &Points<D>) -> Result<()> {
        self.set(
            x,
            |(norm, _): &mut ResidualStep<D, H, L, A>, x| norm.initialize(x),
            |layer, x| layer.forward(x),
        )
    }
}

impl<const D: usize, const K: usize, T, B> EstimateLogDet<D, T> for Layers<B, K>
where
    T: Tape<Real, Dev>,
    B: EstimateLogDet<D, T> + Bijection<D>,
{
    fn forward_estimated(
        &self,
        x: Points<D, T>,
        estimator: &Estimator,
        rng: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        compose(self.layers().iter(), x, |layer, x| layer.forward_estimated(x, estimator, rng))
    }

    fn undo(&self, z: Points<D, T>) -> Result<Points<D, T>> {
        self.layers().iter().rev().try_fold(z, |z, layer| layer.undo(z))
    }
}
