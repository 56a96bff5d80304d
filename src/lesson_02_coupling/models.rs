//! Stacks of coupling layers: NICE, RealNVP and spline flows.

use super::far::{go, undo};
use super::{Additive, BoundedAffine, ConditionalBijection, Coupling, Spline, Transformer, alternating_mask};
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, compose};
use crate::nn::{Activation, Relu};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::nn::modules::Repeated;
use dfdx::prelude::{Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// K coupling layers that keep every second feature in turn.
///
/// The names [`RealNvp`], [`SplineFlow`] and [`AdditiveFlow`] stand for it: points of D features, conditioners with I inputs
/// (I = D, or D + C with contexts of C numbers), L + 1 layers of H hidden units and O = D P outputs, P the number of
/// parameters of the transformer F. Before training it is z = x.
///
/// Far from the data, rounding can lose a point. [`Error::Saturated`](crate::Error::Saturated) tells of it: in the inverse
/// for a coordinate of x or z beyond ±8, and forward, without a tape, for one of x beyond ±64.
#[derive(Clone, Debug)]
pub struct CouplingFlow<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A,
    F,
    E = Real,
    V = Dev,
> where
    E: Dtype,
    V: Device<E>,
{
    /// From data to base.
    layers: Repeated<Coupling<D, I, H, O, L, A, F, E, V>, K>,
}

/// RealNVP (Dinh et al. 2016, arXiv:1605.08803) for points: K affine coupling layers with bounded log-scales, and conditioners
/// of two hidden layers of H units with ReLU; O = 2 D.
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
    CouplingFlow<D, I, H, O, 1, K, Relu, BoundedAffine>;

/// The spline coupling flow (Durkan et al. 2019, arXiv:1906.04032) for points: K layers of splines with 8 bins on [−5, 5], and
/// conditioners of two hidden layers of H units with ReLU; O = 23 D.
pub type SplineFlow<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    CouplingFlow<D, I, H, O, 1, K, Relu, Spline<8, 5>>;

/// K additive coupling layers, which keep volume: log |det| = 0. With a [`Nice`](super::Nice) scale after them they are NICE.
pub type AdditiveFlow<const D: usize, const I: usize, const H: usize, const K: usize> =
    CouplingFlow<D, I, H, D, 1, K, Relu, Additive>;

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
> CouplingFlow<D, I, H, O, L, K, A, F>
{
    /// Errors: those of the device.
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(K > 0, "a flow has a layer") };
        let layers = (0..K).map(|layer| Coupling::new(source, alternating_mask(layer)));
        Ok(Self { layers: Repeated { modules: layers.collect::<Result<_>>()? } })
    }

    /// The layers from data to base, for a look between them.
    pub fn layers(&self) -> &[Coupling<D, I, H, O, L, A, F>] {
        &self.layers.modules
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }
}

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
> Bijection<D, T> for CouplingFlow<D, I, H, O, L, K, A, F>
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let solve = |z| Ok(compose(self.layers().iter().rev(), z, Coupling::inverse)?.0);
        go(x, |x| compose(self.layers().iter(), x, Coupling::forward), solve)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        undo(
            z,
            |z| compose(self.layers().iter().rev(), z, Coupling::inverse),
            |z| Ok(compose(self.layers().iter().rev(), z, Coupling::inverse)?.0),
            |x| Ok(compose(self.layers().iter(), x, Coupling::forward)?.0),
        )
    }
}

impl<
    const D: usize,
    const C: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
> ConditionalBijection<D, C, T> for CouplingFlow<D, I, H, O, L, K, A, F>
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let solve =
            |z| Ok(compose(self.layers().iter().rev(), z, |layer, z| layer.inverse_given(z, context))?.0);
        go(x, |x| compose(self.layers().iter(), x, |layer, x| layer.forward_given(x, context)), solve)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        undo(
            z,
            |z| compose(self.layers().iter().rev(), z, |layer, z| layer.inverse_given(z, context)),
            |z| Ok(compose(self.layers().iter().rev(), z, |layer, z| layer.inverse_given(z, context))?.0),
            |x| Ok(compose(self.layers().iter(), x, |layer, x| layer.forward_given(x, context))?.0),
        )
    }
}

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
> TensorCollection<E, V> for CouplingFlow<D, I, H, O, L, K, A, F, E, V>
{
    type To<E2: Dtype, V2: Device<E2>> = CouplingFlow<D, I, H, O, L, K, A, F, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("layers", |m| &m.layers, |m| &mut m.layers), |layers| {
            CouplingFlow { layers }
        })
    }
}
