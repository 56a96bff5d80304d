//! A network of residual blocks.

use super::{Activation, DualPoints, Identity, Pushforward, layer, layer_pushforward};
use crate::Result;
use crate::tensor::{Dev, Points, Real, Source};
use dfdx::nn::modules::{Linear, Repeated};
use dfdx::prelude::{
    BuildModule, Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection, TryAdd, WithEmptyTape,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// A residual network: I inputs, L blocks on H units, O outputs.
///
/// h₀ = W₀ x + b₀, hₖ₊₁ = hₖ + Vₖ a(Uₖ hₖ + cₖ) + bₖ, y = W h_L + b, with the activation a (after He et al.
/// 2016, arXiv:1603.05027, equation 3; without normalization). Gradients pass the sums unchanged, so it can be deeper than [`Mlp`](super::Mlp); a block is one
/// step of Euler's method. Parameters are drawn as in [`Mlp`](super::Mlp).
///
/// ```
/// use pushforward::nn::{ResidualMlp, Silu};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let network = ResidualMlp::<2, 32, 1, 4, Silu>::new(&source)?;
/// assert_eq!(network.parameters(), (2 + 1) * 32 + 4 * 2 * (32 + 1) * 32 + 32 + 1);
/// assert_eq!(network.apply(source.normal::<2>(10)?)?.as_vec().len(), 10);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResidualMlp<const I: usize, const H: usize, const O: usize, const L: usize, A, E = Real, D = Dev>
where
    E: Dtype,
    D: Device<E>,
{
    first: Linear<I, H, E, D>,
    inner: Repeated<Linear<H, H, E, D>, L>,
    outer: Repeated<Linear<H, H, E, D>, L>,
    last: Linear<H, O, E, D>,
    activation: PhantomData<A>,
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A: Activation>
    ResidualMlp<I, H, O, L, A>
{
    /// A network whose parameters are drawn from the source's device.
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(I > 0 && H > 0, "each layer of a network needs an input") };
        Ok(Self::try_build(source.device())?)
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }

    /// y, shape (N, O), for x of shape (N, I).
    pub fn apply<T: Tape<Real, Dev>>(&self, x: Points<I, T>) -> Result<Points<O, T>> {
        let mut h = layer::<Identity, I, H, T>(&self.first, x)?;
        for (inner, outer) in self.inner.modules.iter().zip(&self.outer.modules) {
            let inside = layer::<A, H, H, T>(inner, h.with_empty_tape())?;
            h = h.try_add(layer::<Identity, H, H, T>(outer, inside)?)?;
        }
        layer::<Identity, H, O, T>(&self.last, h)
    }
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A, T> Pushforward<I, O, T>
    for ResidualMlp<I, H, O, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn pushforward(&self, x: DualPoints<I, T>) -> Result<DualPoints<O, T>> {
        let mut h = layer_pushforward::<Identity, I, H, T>(&self.first, x)?;
        for (inner, outer) in self.inner.modules.iter().zip(&self.outer.modules) {
            let inside = layer_pushforward::<A, H, H, T>(inner, h.again())?;
            h = h.plus(layer_pushforward::<Identity, H, H, T>(outer, inside)?)?;
        }
        layer_pushforward::<Identity, H, O, T>(&self.last, h)
    }
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A: Activation, E, D>
    TensorCollection<E, D> for ResidualMlp<I, H, O, L, A, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = ResidualMlp<I, H, O, L, A, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("first", |m| &m.first, |m| &mut m.first),
                Self::module("inner", |m| &m.inner, |m| &mut m.inner),
                Self::module("outer", |m| &m.outer, |m| &mut m.outer),
                Self::module("last", |m| &m.last, |m| &mut m.last),
            ),
            |(first, inner, outer, last)| ResidualMlp { first, inner, outer, last, activation: PhantomData },
        )
    }
}
