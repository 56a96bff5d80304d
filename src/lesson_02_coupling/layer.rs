//! The coupling layer.

use super::{ConditionalBijection, Transformer, invert, transform};
use crate::lesson_01_change_of_variables::Bijection;
use crate::nn::{Activation, Mlp, parameters, set_parameters};
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_finite, join};
use crate::{Error, Result};
use dfdx::prelude::{
    BroadcastTo, Const, Device, Dtype, HasShape, ModuleVisitor, Rank1, RealizeTo, Tape, Tensor,
    TensorCollection, TensorFrom, TensorOptions, TryMul, WithEmptyTape,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// The mask that keeps every second feature: those of even number for an even layer, the others for an odd one.
pub fn alternating_mask<const D: usize>(layer: usize) -> [bool; D] {
    std::array::from_fn(|feature| feature.is_multiple_of(2) == layer.is_multiple_of(2))
}

/// The mask that keeps one half: the first ⌈D/2⌉ features for an even layer, the others for an odd one.
pub fn half_mask<const D: usize>(layer: usize) -> [bool; D] {
    std::array::from_fn(|feature| (feature < D.div_ceil(2)) == layer.is_multiple_of(2))
}

/// A coupling layer: with the mask b of the kept features, yᵢ = xᵢ where bᵢ = 1 and yᵢ = τ(xᵢ; hᵢ) elsewhere, where
/// h = network(b ⊙ x, c) may depend on a context c (Dinh et al. 2016, arXiv:1605.08803, section 3.4).
///
/// log |det ∂y/∂x| = Σ log ∂yᵢ/∂xᵢ: a triangular Jacobian has its determinant on the diagonal. The network reads I = D + C
/// numbers, C of them the context, and has L + 1 layers of H hidden units with the activation A; its O = D P outputs are
/// the parameters of the [`Transformer`] F for each feature.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::{BoundedAffine, Coupling, alternating_mask};
/// use pushforward::nn::Relu;
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let layer = Coupling::<2, 2, 16, 4, 1, Relu, BoundedAffine>::new(&source, alternating_mask(0))?;
/// let x = source.normal::<2>(5)?;
/// assert_eq!(rows(&layer.forward(x.clone())?.0), rows(&x), "before training it is the identity");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Coupling<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A,
    F,
    E = Real,
    V = Dev,
> where
    E: Dtype,
    V: Device<E>,
{
    /// b, shape (D,): 1 for a kept feature, 0 for one that is transformed. It is saved with the network, not trained.
    mask: Tensor<Rank1<D>, E, V>,
    conditioner: Mlp<I, H, O, L, A, E, V>,
    transformer: PhantomData<F>,
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F>
    Coupling<D, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
{
    /// A layer whose network ends in a layer of zeros, so that h = 0 before training. With all transformers of this lesson
    /// that is y = x.
    pub fn new(source: &Source, kept: [bool; D]) -> Result<Self> {
        let mut layer = Self::random(source, kept)?;
        let mut values = parameters(&layer.conditioner)?;
        let before = values.len() - O * (H + 1);
        values[before..].fill(0.0);
        set_parameters(&mut layer.conditioner, &values)?;
        Ok(layer)
    }

    /// A layer whose network is random as a whole, as [`Mlp::new`] makes it. A mixture needs it: with h = 0 all its components
    /// are the same, and so are their gradients.
    pub fn random(source: &Source, kept: [bool; D]) -> Result<Self> {
        const { assert!(O == D * F::PARAMETERS, "the conditioner gives P numbers for each feature") };
        let mask = source.device().try_tensor(kept.map(|kept| if kept { 1.0 } else { 0.0 }))?;
        Ok(Self { mask, conditioner: Mlp::new(source)?, transformer: PhantomData })
    }

    /// Which features are transformed.
    fn chosen(&self) -> [bool; D] {
        let mask = self.mask.as_vec();
        std::array::from_fn(|feature| mask[feature] < 0.5)
    }

    /// b ⊙ x.
    fn kept<T: Tape<Real, Dev>>(&self, x: &Points<D, T>) -> Result<Points<D, T>> {
        check_finite("the batch of points", x)?;
        // What is chosen is not kept, also where a file held other numbers than 0 and 1.
        let mask = self.chosen().map(|chosen| if chosen { 0.0 } else { 1.0 });
        let mask = x.device().try_tensor(mask)?.try_broadcast_like(x.shape())?;
        Ok(x.with_empty_tape().try_mul(mask)?)
    }

    /// h.
    fn conditions<T: Tape<Real, Dev>>(&self, x: &Points<D, T>) -> Result<Points<O, T>> {
        const { assert!(I == D, "the conditioner has more inputs than features: give it a context") };
        let kept = self.kept(x)?;
        let (expected, found) = (I, D);
        let misfit = |_| Error::WrongLength { what: "the inputs of a conditioner", expected, found };
        self.conditioner.apply(kept.try_realize::<(usize, Const<I>)>().map_err(misfit)?)
    }

    /// h with a context.
    fn conditions_given<const C: usize, T: Tape<Real, Dev>>(
        &self,
        x: &Points<D, T>,
        context: &Points<C>,
    ) -> Result<Points<O, T>> {
        self.conditioner.apply(join::<D, C, I, T>(self.kept(x)?, context.clone())?)
    }
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, T> Bijection<D, T>
    for Coupling<D, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let h = self.conditions(&x)?;
        transform(F::default(), self.chosen(), x, h)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let h = self.conditions(&z)?;
        invert(F::default(), self.chosen(), z, h)
    }
}

impl<const D: usize, const C: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, T>
    ConditionalBijection<D, C, T> for Coupling<D, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let h = self.conditions_given(&x, context)?;
        transform(F::default(), self.chosen(), x, h)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let h = self.conditions_given(&z, context)?;
        invert(F::default(), self.chosen(), z, h)
    }
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, E, V>
    TensorCollection<E, V> for Coupling<D, I, H, O, L, A, F, E, V>
where
    A: Activation,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Coupling<D, I, H, O, L, A, F, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::tensor("mask", |m| &m.mask, |m| &mut m.mask, TensorOptions::detached(|_| Ok(()))),
                Self::module("conditioner", |m| &m.conditioner, |m| &mut m.conditioner),
            ),
            |(mask, conditioner)| Coupling { mask, conditioner, transformer: PhantomData },
        )
    }
}
