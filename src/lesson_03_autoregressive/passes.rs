//! One pass from x to z, and as many as there are ranks from z to x.

use super::made::masked;
use crate::coupling::{Transformer, invert, transform};
use crate::nn::{Activation, Mlp};
use crate::tensor::{Dev, PerPoint, Points, Real, check_some, entries, join};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, PutTape, SplitTape, Tape, TensorFromVec, TryAdd, WithEmptyTape};
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

/// A layer whose order is a list, so that the layers of a flow can have one type and several orders.
pub(super) struct Layer<'a, const I: usize, const H: usize, const O: usize, const L: usize, F, A> {
    pub(super) network: &'a Mlp<I, H, O, L, A>,
    pub(super) ranks: Vec<usize>,
    pub(super) transformer: PhantomData<F>,
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, F, A> Layer<'_, I, H, O, L, F, A>
where
    F: Transformer,
    A: Activation,
{
    /// zᵢ = τ(xᵢ; hᵢ(x)), all i at once.
    pub(super) fn forward<const D: usize, T: Tape<Real, Dev>>(
        &self,
        x: Points<D, T>,
        context: &impl Context<D, I>,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_some("x", x.shape().0)?;
        let (network, tape) = masked::<D, I, H, O, L, A, T>(self.network, &self.ranks)?;
        let (x, own) = x.split_tape();
        let x = x.put_tape(own.merge(tape));
        let h = network.apply(context.beside(x.with_empty_tape())?)?;
        transform(F::default(), [true; D], x, h)
    }

    /// xᵢ = τ⁻¹(zᵢ; hᵢ(x)), rank after rank: when the features of a rank are solved for, those that the network must
    /// see for them are already x, and it cannot see that the others are still z.
    pub(super) fn inverse<const D: usize, T: Tape<Real, Dev>>(
        &self,
        z: Points<D, T>,
        context: &impl Context<D, I>,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_some("z", z.shape().0)?;
        let (network, tape) = masked::<D, I, H, O, L, A, T>(self.network, &self.ranks)?;
        let (z, own) = z.split_tape();
        let zeros = vec![0.0; z.shape().0];
        let mut log_det = z.device().try_tensor_from_vec(zeros, (z.shape().0,))?.put_tape(T::default());
        let mut x = z.put_tape(own.merge(tape));
        for rank in 0..=self.ranks.iter().max().copied().unwrap_or_default() {
            let chosen = std::array::from_fn(|i| self.ranks[i] == rank);
            let h = network.apply(context.beside(x.with_empty_tape())?)?;
            let (solved, change) = invert(F::default(), chosen, x, h)?;
            (x, log_det) = (solved, log_det.try_add(change)?);
        }
        Ok((x, log_det))
    }
}

/// A point with a larger coordinate is far: the base hardly ever draws one.
const FAR: Real = 20.0;

/// How much z is moved, relative to its size: a few roundings.
const NUDGE: Real = 4.0 * Real::EPSILON;

/// How far that may move x, relative to 1 + |x|.
const TOLERANCE: Real = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// An error where a far z, rounded as it is, does not tell x.
///
/// A rounding of a large xᵢ moves the parameters of every feature after it, and x may be lost without a map that is too
/// flat anywhere. So where a point is far, x is solved for once more from a z that is moved by a few roundings.
pub(super) fn check_far<const D: usize, T>(
    z: &Points<D>,
    x: &Points<D, T>,
    solve: impl FnOnce(Points<D>) -> Result<Points<D>>,
) -> Result<()> {
    let (from, to) = (entries(z), entries(x));
    if !is_far(&from) && !is_far(&to) {
        return Ok(());
    }
    let nudged = z.device().try_tensor_from_vec(nudged(&from, D), (z.shape().0, Const::<D>))?;
    let again = entries(&solve(nudged)?);
    match first_moved(&to, &again) {
        None => Ok(()),
        Some(place) => Err(Error::Saturated {
            what: "the inverse of an autoregressive map",
            point: place / D,
            feature: place % D,
            value: from[place],
        }),
    }
}

fn is_far(values: &[Real]) -> bool {
    values.iter().any(|value| value.abs() > FAR)
}

/// Every feature by another amount: a network of rectifiers scales with a point that is scaled as a whole.
fn nudged(z: &[Real], features: usize) -> Vec<Real> {
    let amount = |i: usize| if i % 2 == 0 { 1.0 } else { -1.0 } * (1.0 + 0.618 * i as Real % 1.0);
    z.iter().enumerate().map(|(place, z)| z + NUDGE * amount(place % features) * z).collect()
}

fn first_moved(x: &[Real], again: &[Real]) -> Option<usize> {
    let moved = |(x, again): (&Real, &Real)| (x - again).abs() > TOLERANCE * (1.0 + x.abs());
    x.iter().zip(again).position(moved)
}
