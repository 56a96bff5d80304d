//! A network that keeps an order.

use super::degrees::{Degrees, Mask};
use super::order::ranks;
use super::{Natural, Order};
use crate::Result;
use crate::nn::{Activation, Masks, Mlp, Tanh};
use crate::tensor::{Dev, Points, Real, Source};
use dfdx::prelude::{Device, Dtype, ModuleVisitor, PutTape, SplitTape, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// A masked perceptron (MADE): D features and I − D contexts go in, O / D numbers for each feature come out, and those
/// of feature i depend on the contexts and on the features of a smaller rank alone.
///
/// It is the [`Mlp`] hₖ₊₁ = a((Wₖ ⊙ Mₖ) hₖ + bₖ) with masks Mₖ of zeros and ones, and has its parameters and its
/// initialization (Germain et al. 2015, arXiv:1502.03509, sections 3 and 4). The hidden units take the degrees that can
/// be of use in turn. The outputs of feature i are those from i O/D to (i + 1) O/D.
///
/// The weights under a zero of a mask are kept, but have no effect and a gradient of 0.
///
/// ```
/// use pushforward::autoregressive::Made;
/// use pushforward::tensor::{Source, rows};
///
/// let source = Source::new(0);
/// // Three features, 16 hidden units, two outputs per feature, one more hidden layer.
/// let made = Made::<3, 3, 16, 6, 1>::new(&source)?;
/// let y = rows(&made.apply(source.points(&[[0.1, 0.2, 0.3], [0.1, 0.9, 0.3]])?)?);
/// assert_eq!(y[0][..4], y[1][..4], "the outputs of features 1 and 2 do not see feature 2");
/// assert_ne!(y[0][4..], y[1][4..], "those of feature 3 do");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// With fewer hidden units than degrees a connection would be lost, and this does not compile:
///
/// ```compile_fail
/// use pushforward::autoregressive::Made;
/// use pushforward::tensor::Source;
///
/// let lossy = Made::<9, 9, 4, 9, 1>::new(&Source::new(0));
/// ```
#[derive(Clone, Debug)]
pub struct Made<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A = Tanh,
    R = Natural,
    E: Dtype = Real,
    V: Device<E> = Dev,
> {
    /// The network without its masks.
    pub network: Mlp<I, H, O, L, A, E, V>,
    order: PhantomData<R>,
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A: Activation, R: Order>
    Made<D, I, H, O, L, A, R>
{
    /// A network whose parameters are drawn from the source's device.
    ///
    /// Errors: [`Error::WrongLength`](crate::Error::WrongLength) and [`Error::OutOfDomain`](crate::Error::OutOfDomain) for an
    /// order that is none.
    pub fn new(source: &Source) -> Result<Self> {
        const { fits(D, I, H, O) };
        ranks::<R>(D)?;
        Ok(Self { network: Mlp::new(source)?, order: PhantomData })
    }

    /// How many numbers training changes, those under a mask's zeros included.
    pub fn parameters(&self) -> usize {
        self.network.parameters()
    }

    /// The masks of the layers, first to last.
    pub fn masks(&self) -> Vec<Mask> {
        let degrees = degrees::<D, I, H, O>(&R::ranks(D));
        let between = std::iter::repeat_with(|| degrees.between()).take(L);
        std::iter::once(degrees.first()).chain(between).chain([degrees.last()]).collect()
    }

    /// The outputs, shape (N, O), for features and then contexts of shape (N, I).
    pub fn apply<T: Tape<Real, Dev>>(&self, x: Points<I, T>) -> Result<Points<O, T>> {
        let (network, tape) = masked::<D, I, H, O, L, A, T>(&self.network, &ranks::<R>(D)?)?;
        let (x, own) = x.split_tape();
        network.apply(x.put_tape(own.merge(tape)))
    }
}

/// The network with masked weights, to be asked several times, and the tape that remembers the masks.
pub(super) fn masked<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A: Activation,
    T: Tape<Real, Dev>,
>(
    network: &Mlp<I, H, O, L, A>,
    ranks: &[usize],
) -> Result<(Mlp<I, H, O, L, A>, T)> {
    let degrees = degrees::<D, I, H, O>(ranks);
    let [first, between, last] =
        [degrees.first(), degrees.between(), degrees.last()].map(|mask| mask.entries.into());
    network.reweighted(&mut Masks { first, between, last })
}

/// Stops the compiler where a network of these sizes would lose connections.
pub(super) const fn fits(features: usize, inputs: usize, hidden: usize, outputs: usize) {
    assert!(features > 0 && inputs >= features, "the inputs are the D features and then the contexts");
    assert!(outputs > 0 && outputs.is_multiple_of(features), "every feature has the same number of outputs");
    assert!(hidden + 1 >= features + (inputs > features) as usize, "every degree needs a hidden unit");
}

fn degrees<const D: usize, const I: usize, const H: usize, const O: usize>(ranks: &[usize]) -> Degrees {
    const { fits(D, I, H, O) };
    Degrees::new(ranks, I - D, H, O / D)
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, R, E, V>
    TensorCollection<E, V> for Made<D, I, H, O, L, A, R, E, V>
where
    A: Activation,
    R: Order,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Made<D, I, H, O, L, A, R, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("network", |m| &m.network, |m| &mut m.network), |network| Made {
            network,
            order: PhantomData,
        })
    }
}
