//! The multilayer perceptron.

use super::fused::Network;
use super::reweighted::{Place, Reweight, reweighted};
use super::{Activation, DualPoints, Pushforward};
use crate::Result;
use crate::tensor::{Dev, Points, Real, Source};
use dfdx::nn::modules::{Linear, Repeated};
use dfdx::prelude::{BuildModule, Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// A multilayer perceptron: I inputs, L + 1 layers of H hidden units, O outputs.
///
/// h₁ = a(W₀ x + b₀), hₖ₊₁ = a(Wₖ hₖ + bₖ) for k = 1, …, L, y = Wₗₐₛₜ hₗ₊₁ + bₗₐₛₜ, with the activation a between
/// the layers and none at the end. Weights and biases are drawn from U(−1/√n, 1/√n), n the number of a layer's
/// inputs, as PyTorch does.
///
/// ```
/// use pushforward::nn::{Mlp, Silu};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let network = Mlp::<3, 64, 2, 2, Silu>::new(&source)?;
/// assert_eq!(network.parameters(), (3 + 1) * 64 + 2 * (64 + 1) * 64 + (64 + 1) * 2);
/// let y = network.apply(source.normal::<3>(10)?)?;
/// assert_eq!(y.as_vec().len(), 10 * 2);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mlp<const I: usize, const H: usize, const O: usize, const L: usize, A, E = Real, D = Dev>
where
    E: Dtype,
    D: Device<E>,
{
    first: Linear<I, H, E, D>,
    hidden: Repeated<Linear<H, H, E, D>, L>,
    last: Linear<H, O, E, D>,
    activation: PhantomData<A>,
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A: Activation> Mlp<I, H, O, L, A> {
    /// A network whose parameters are drawn from the source's device.
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(I > 0 && H > 0, "each layer of a network needs an input") };
        Ok(Self::try_build(source.device())?)
    }

    /// A network of these layers.
    #[cfg(not(feature = "cuda"))]
    pub(super) fn of(
        first: Linear<I, H, Real, Dev>,
        hidden: Vec<Linear<H, H, Real, Dev>>,
        last: Linear<H, O, Real, Dev>,
    ) -> Self {
        Self { first, hidden: Repeated { modules: hidden }, last, activation: PhantomData }
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }

    /// y, shape (N, O), for x of shape (N, I).
    pub fn apply<T: Tape<Real, Dev>>(&self, x: Points<I, T>) -> Result<Points<O, T>> {
        self.network().apply::<A, T>(x)
    }

    fn network(&self) -> Network<'_, I, H, O> {
        Network { first: &self.first, hidden: &self.hidden.modules, last: &self.last }
    }

    /// The same network with other weights, and the tape that remembers them: what is computed with the result must carry
    /// that tape. The biases stay the same tensors.
    pub(crate) fn reweighted<T: Tape<Real, Dev>>(&self, by: &mut impl Reweight<T>) -> Result<(Self, T)> {
        let (first, mut tape) = reweighted::<I, H, T>(&self.first, by, Place::First)?;
        let mut hidden = self.hidden.clone();
        for linear in &mut hidden.modules {
            let (layer, layer_tape) = reweighted::<H, H, T>(linear, by, Place::Between)?;
            *linear = layer;
            tape = tape.merge(layer_tape);
        }
        let (last, last_tape) = reweighted::<H, O, T>(&self.last, by, Place::Last)?;
        Ok((Self { first, hidden, last, activation: PhantomData }, tape.merge(last_tape)))
    }
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A, T> Pushforward<I, O, T>
    for Mlp<I, H, O, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn pushforward(&self, x: DualPoints<I, T>) -> Result<DualPoints<O, T>> {
        self.network().push::<A, T>(x)
    }
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A: Activation, E, D>
    TensorCollection<E, D> for Mlp<I, H, O, L, A, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Mlp<I, H, O, L, A, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("first", |m| &m.first, |m| &mut m.first),
                Self::module("hidden", |m| &m.hidden, |m| &mut m.hidden),
                Self::module("last", |m| &m.last, |m| &mut m.last),
            ),
            |(first, hidden, last)| Mlp { first, hidden, last, activation: PhantomData },
        )
    }
}
