//! Stacks of coupling layers: NICE, RealNVP and spline flows.

use super::{Additive, BoundedAffine, Coupling, Layers, Spline, Transformer, alternating_mask};
use crate::Result;
use crate::nn::{Activation, Relu};
use crate::tensor::Source;

/// RealNVP (Dinh et al. 2016, arXiv:1605.08803) for points: K affine coupling layers with bounded log-scales, and conditioners
/// of two hidden layers of H units with ReLU; O = 2 D.
///
/// In all models of this lesson points have D features and conditioners I inputs: I = D, or D + C with contexts of C numbers.
///
/// ```
/// use pushforward::change_of_variables::{Flow, StandardNormal, negative_log_likelihood};
/// use pushforward::coupling::RealNvp;
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let mut model = RealNvp::<2, 2, 32, 4, 6>::new(&source)?;
/// let training = Training { steps: 200, learning_rate: 3e-3, progress: Progress::Silent, ..Training::default() };
/// let losses = train(&mut model, &training, |model, gradients| {
///     let flow = Flow { bijection: model.clone(), base: StandardNormal };
///     negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
/// })?
/// .losses;
/// assert!(losses[199] < 1.6, "the best Gaussian has 1.9 nats, and the moons themselves 1.0");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type RealNvp<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    Layers<Coupling<D, I, H, O, 1, Relu, BoundedAffine>, K>;

/// The spline coupling flow (Durkan et al. 2019, arXiv:1906.04032) for points: K layers of splines with 8 bins on [−5, 5], and
/// conditioners of two hidden layers of H units with ReLU; O = 23 D.
pub type SplineFlow<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    Layers<Coupling<D, I, H, O, 1, Relu, Spline<8, 5>>, K>;

/// K additive coupling layers, which keep volume: log |det| = 0. With a [`Nice`](super::Nice) scale after them they are NICE.
pub type AdditiveFlow<const D: usize, const I: usize, const H: usize, const K: usize> =
    Layers<Coupling<D, I, H, D, 1, Relu, Additive>, K>;

/// Coupling layers that keep every second feature in turn.
impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
> Layers<Coupling<D, I, H, O, L, A, F>, K>
{
    /// Before training the flow is z = x, as far as [`Coupling::new`] is.
    ///
    /// Errors: those of the device.
    pub fn new(source: &Source) -> Result<Self> {
        Self::from_fn(|layer| Coupling::new(source, alternating_mask(layer)))
    }
}
