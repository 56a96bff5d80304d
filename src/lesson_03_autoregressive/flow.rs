//! Several layers, one after the other.

use super::made::fits;
use super::passes::{Context, Layer, Nothing, check_far};
use super::{Natural, Order, Reversed};
use crate::change_of_variables::{Bijection, Inverted};
use crate::coupling::{BoundedAffine, Transformer};
use crate::nn::{Activation, Mlp, Tanh};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use crate::{Error, Result};
use dfdx::nn::modules::Repeated;
use dfdx::prelude::{
    BuildModule, Device, Dtype, ModuleVisitor, NoneTape, NumParams, Tape, TensorCollection, TryAdd,
};
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
    F = BoundedAffine,
    A = Tanh,
    E: Dtype = Real,
    V: Device<E> = Dev,
> {
    networks: Repeated<Mlp<I, H, O, L, A, E, V>, K>,
    transformer: PhantomData<F>,
}

/// The masked autoregressive flow: K layers zᵢ = eˢ xᵢ + t with s and t from the features before xᵢ, by networks with
/// L + 1 layers of H hidden units; O = 2 D (Papamakarios et al. 2017, arXiv:1705.07057, section 3).
///
/// A density costs one pass, a sample D passes. The log-scale s is bounded, unless F says otherwise.
///
/// ```
/// use pushforward::autoregressive::Maf;
/// use pushforward::change_of_variables::{Density, Flow, Sample, StandardNormal};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let flow = Flow { bijection: Maf::<4, 32, 8, 0, 5>::new(&source)?, base: StandardNormal };
/// let x = flow.sample(10, &mut source)?;
/// assert_eq!(rows(&x).len(), 10);
/// assert!(flow.log_prob(x)?.as_vec().iter().all(|log_p| *log_p < 0.0), "near N(0, I), whose peak is e⁻³·⁷");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type Maf<
    const D: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    F = BoundedAffine,
    A = Tanh,
> = AutoregressiveFlow<D, D, H, O, L, K, F, A>;

/// The inverse autoregressive flow: a [`Maf`] read the other way, so that a sample costs one pass and a density D passes
/// (Kingma et al. 2016, arXiv:1606.04934, section 3).
///
/// ```
/// use pushforward::autoregressive::Iaf;
/// use pushforward::change_of_variables::{Flow, Sample, StandardNormal};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let flow = Flow { bijection: Iaf::<4, 32, 8, 0, 5>::new(&source)?, base: StandardNormal };
/// assert_eq!(rows(&flow.sample(10, &mut source)?).len(), 10);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type Iaf<
    const D: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    F = BoundedAffine,
    A = Tanh,
> = Inverted<Maf<D, H, O, L, K, F, A>>;

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    F: Transformer,
    A: Activation,
> AutoregressiveFlow<D, I, H, O, L, K, F, A>
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

    fn layers(&self) -> impl DoubleEndedIterator<Item = Layer<'_, I, H, O, L, F, A>> {
        self.networks.modules.iter().enumerate().map(|(k, network)| {
            let ranks = if k % 2 == 0 { Natural::ranks(D) } else { Reversed::ranks(D) };
            Layer { network, ranks, transformer: PhantomData }
        })
    }

    fn forward_given<T: Tape<Real, Dev>>(
        &self,
        x: Points<D, T>,
        context: &impl Context<D, I>,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        through(self.layers(), x, |layer, x| layer.forward(x, context))
    }

    fn inverse_given<T: Tape<Real, Dev>>(
        &self,
        z: Points<D, T>,
        context: &impl Context<D, I>,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        let given = z.retaped::<NoneTape>();
        let (x, log_det) = through(self.layers().rev(), z, |layer, z| layer.inverse(z, context))?;
        let again = |z| Ok(through(self.layers().rev(), z, |layer, z| layer.inverse(z, context))?.0);
        check_far(&given, &x, again)?;
        Ok((x, log_det))
    }
}

/// Goes through the layers and adds their log-determinants.
fn through<const D: usize, T: Tape<Real, Dev>, M>(
    mut layers: impl Iterator<Item = M>,
    x: Points<D, T>,
    go: impl Fn(M, Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let first = layers.next().ok_or(Error::Empty { what: "the flow" })?;
    layers.try_fold(go(first, x)?, |(x, sum), layer| {
        let (y, log_det) = go(layer, x)?;
        Ok((y, log_det.try_add(sum)?))
    })
}

impl<const D: usize, const H: usize, const O: usize, const L: usize, const K: usize, F, A, T> Bijection<D, T>
    for AutoregressiveFlow<D, D, H, O, L, K, F, A>
where
    F: Transformer,
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.forward_given(x, &Nothing)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.inverse_given(z, &Nothing)
    }
}

impl<
    const D: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    F: Transformer,
    A: Activation,
> Inverted<AutoregressiveFlow<D, D, H, O, L, K, F, A>>
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
> TensorCollection<E, V> for AutoregressiveFlow<D, I, H, O, L, K, F, A, E, V>
where
    F: Transformer,
    A: Activation,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = AutoregressiveFlow<D, I, H, O, L, K, F, A, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("networks", |m| &m.networks, |m| &mut m.networks), |networks| {
            AutoregressiveFlow { networks, transformer: PhantomData }
        })
    }
}
