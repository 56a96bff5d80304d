//! Several layers, one after the other.

use super::made::fits;
use super::passes::{Layer, Nothing};
use super::{Natural, Order, Reversed};
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, Inverted};
use crate::lesson_02_coupling::{BoundedAffine, ConditionalBijection, Spline, Transformer, forward, inverse};
use crate::nn::{Activation, Mlp, Tanh};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::nn::modules::Repeated;
use dfdx::prelude::{BuildModule, Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// K autoregressive layers, each in the reverse of the order of the one before, so that in two layers every feature
/// has been told of every other. The parts of a layer are those of [`super::MaskedAutoregressive`].
///
/// Forward asks K networks once; the inverse asks each of them D times. The named models [`Maf`], [`Iaf`] and
/// [`SplineAutoregressive`] are this flow.
#[derive(Clone, Debug)]
pub struct AutoregressiveFlow<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A = Tanh,
    F = BoundedAffine,
    E: Dtype = Real,
    V: Device<E> = Dev,
> {
    networks: Repeated<Mlp<I, H, O, L, A, E, V>, K>,
    transformer: PhantomData<F>,
}

/// The masked autoregressive flow: K layers zᵢ = eˢ xᵢ + t with s, which is bounded, and t from the features before xᵢ;
/// networks with I inputs (D, or D + C with contexts of C numbers) and two layers of H hidden units; O = 2 D
/// (Papamakarios et al. 2017, arXiv:1705.07057, section 3).
///
/// A density costs one pass, a sample D passes.
///
/// ```
/// use pushforward::autoregressive::Maf;
/// use pushforward::change_of_variables::{Flow, StandardNormal, negative_log_likelihood};
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::tensor::Source;
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let mut model = Maf::<2, 2, 32, 4, 6>::new(&source)?;
/// let training = Training { steps: 200, learning_rate: 3e-3, progress: Progress::Silent, ..Training::default() };
/// let losses = train(&mut model, &training, |model, gradients| {
///     let flow = Flow { bijection: model.clone(), base: StandardNormal };
///     negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
/// })?
/// .losses;
/// assert!(losses[199] < 1.6, "the best Gaussian has 1.9 nats, and the moons themselves 1.0");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type Maf<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    AutoregressiveFlow<D, I, H, O, 1, K>;

/// The inverse autoregressive flow: a [`Maf`] read the other way, so that a sample costs one pass and a density D passes
/// (Kingma et al. 2016, arXiv:1606.04934, section 3).
///
/// ```
/// use pushforward::autoregressive::Iaf;
/// use pushforward::change_of_variables::{Flow, Sample, StandardNormal};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let flow = Flow { bijection: Iaf::<4, 4, 32, 8, 5>::new(&source)?, base: StandardNormal };
/// assert_eq!(rows(&flow.sample(10, &mut source)?).len(), 10);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type Iaf<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    Inverted<Maf<D, I, H, O, K>>;

/// The autoregressive spline flow: K layers of rational-quadratic splines with 8 bins on [−5, 5], and y = x beyond; O = 23 D
/// (Durkan et al. 2019, arXiv:1906.04032, section 3, call it RQ-NSF (AR)).
///
/// ```
/// use pushforward::autoregressive::SplineAutoregressive;
/// use pushforward::change_of_variables::{Density, Flow, Sample, StandardNormal};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let bijection = SplineAutoregressive::<2, 2, 16, 46, 2>::new(&source)?;
/// let flow = Flow { bijection, base: StandardNormal };
/// let x = flow.sample(10, &mut source)?;
/// assert_eq!(flow.log_prob(x)?.as_vec().len(), 10);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type SplineAutoregressive<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const K: usize,
> = AutoregressiveFlow<D, I, H, O, 1, K, Tanh, Spline<8, 5>>;

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
> AutoregressiveFlow<D, I, H, O, L, K, A, F>
{
    /// A flow whose parameters are drawn from the source's device.
    pub fn new(source: &Source) -> Result<Self> {
        const {
            fits(D, I, H, O);
            assert!(O == D * F::PARAMETERS, "the conditioner gives P numbers for each feature: O = D P");
            assert!(K > 0, "a flow has a layer");
        }
        Ok(Self { networks: BuildModule::try_build(source.device())?, transformer: PhantomData })
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.networks.num_trainable_params()
    }

    fn layers<'a, X>(&'a self, context: &'a X) -> Vec<Layer<'a, X, I, H, O, L, A, F>> {
        let ranks = |k: usize| if k.is_multiple_of(2) { Natural::ranks(D) } else { Reversed::ranks(D) };
        let layer = |(k, network)| Layer { network, ranks: ranks(k), context, transformer: PhantomData };
        self.networks.modules.iter().enumerate().map(layer).collect()
    }
}

impl<const D: usize, const H: usize, const O: usize, const L: usize, const K: usize, A, F, T> Bijection<D, T>
    for AutoregressiveFlow<D, D, H, O, L, K, A, F>
where
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        forward(&self.layers(&Nothing), x)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        inverse(&self.layers(&Nothing), z)
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
> ConditionalBijection<D, C, T> for AutoregressiveFlow<D, I, H, O, L, K, A, F>
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        forward(&self.layers(context), x)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        inverse(&self.layers(context), z)
    }
}

/// The same map, read the other way.
impl<const D: usize, const C: usize, T, B> ConditionalBijection<D, C, T> for Inverted<B>
where
    T: Tape<Real, Dev>,
    B: ConditionalBijection<D, C, T>,
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.0.inverse_given(x, context)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.0.forward_given(z, context)
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
> Inverted<AutoregressiveFlow<D, I, H, O, L, K, A, F>>
{
    /// A flow whose parameters are drawn from the source's device.
    pub fn new(source: &Source) -> Result<Self> {
        Ok(Self(AutoregressiveFlow::new(source)?))
    }
}

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    F,
    A,
    E,
    V,
> TensorCollection<E, V> for AutoregressiveFlow<D, I, H, O, L, K, A, F, E, V>
where
    A: Activation,
    F: Transformer,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = AutoregressiveFlow<D, I, H, O, L, K, A, F, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("networks", |m| &m.networks, |m| &mut m.networks), |networks| {
            AutoregressiveFlow { networks, transformer: PhantomData }
        })
    }
}
