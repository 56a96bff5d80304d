//! One pass from x to z, and as many as there are ranks from z to x.

use super::made::masked;
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::lesson_02_coupling::{Transformer, invert, transform};
use crate::nn::{Activation, Mlp};
use crate::tensor::{Dev, PerPoint, Points, Real, check_finite, join};
use dfdx::prelude::{HasShape, PutTape, SplitTape, Tape, TensorFromVec, TryAdd, WithEmptyTape};
use std::marker::PhantomData;

/// What a network reads beside the D features: I − D numbers for each point.
pub(super) trait Context<const D: usize, const I: usize> {
    /// The features and then the context.
    fn beside<T: Tape<Real, Dev>>(&self, x: Points<D, T>) -> Result<Points<I, T>>;
}

/// No context.
pub(super) struct Nothing;

impl<const D: usize> Context<D, D> for Nothing {
    fn beside<T: Tape<Real, Dev>>(&self, x: Points<D, T>) -> Result<Points<D, T>> {
        Ok(x)
    }
}

impl<const D: usize, const C: usize, const I: usize> Context<D, I> for Points<C> {
    fn beside<T: Tape<Real, Dev>>(&self, x: Points<D, T>) -> Result<Points<I, T>> {
        join(x, self.clone())
    }
}

/// A layer whose order is a list, so that the layers of a flow can have one type and several orders, and its context.
pub(super) struct Layer<'a, X, const I: usize, const H: usize, const O: usize, const L: usize, A, F> {
    pub(super) network: &'a Mlp<I, H, O, L, A>,
    pub(super) ranks: Vec<usize>,
    pub(super) context: &'a X,
    pub(super) transformer: PhantomData<F>,
}

impl<X, const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, T>
    Bijection<D, T> for Layer<'_, X, I, H, O, L, A, F>
where
    X: Context<D, I>,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
{
    /// zᵢ = τ(xᵢ; hᵢ(x)), all i at once.
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        let (network, tape) = masked::<D, I, H, O, L, A, T>(self.network, &self.ranks)?;
        let (x, own) = x.split_tape();
        let x = x.put_tape(own.merge(tape));
        let h = network.apply(self.context.beside(x.with_empty_tape())?)?;
        transform(F::default(), [true; D], x, h)
    }

    /// xᵢ = τ⁻¹(zᵢ; hᵢ(x)), rank after rank: when the features of a rank are solved for, those that the network must
    /// see for them are already x, and it cannot see that the others are still z.
    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let (network, tape) = masked::<D, I, H, O, L, A, T>(self.network, &self.ranks)?;
        let (z, own) = z.split_tape();
        let zeros = vec![0.0; z.shape().0];
        let mut log_det = z.device().try_tensor_from_vec(zeros, (z.shape().0,))?.put_tape(T::default());
        let mut x = z.put_tape(own.merge(tape));
        for rank in 0..=self.ranks.iter().max().copied().unwrap_or_default() {
            let chosen = std::array::from_fn(|i| self.ranks[i] == rank);
            let h = network.apply(self.context.beside(x.with_empty_tape())?)?;
            let (solved, change) = invert(F::default(), chosen, x, h)?;
            (x, log_det) = (solved, log_det.try_add(change)?);
        }
        Ok((x, log_det))
    }
}
