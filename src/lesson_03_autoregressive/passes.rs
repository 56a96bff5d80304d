//! One pass from x to z, and as many as there are ranks from z to x.

use super::made::masked;
use crate::lesson_02_coupling::{Transformer, invert, transform};
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
pub(super) struct Layer<'a, const I: usize, const H: usize, const O: usize, const L: usize, A, F> {
    pub(super) network: &'a Mlp<I, H, O, L, A>,
    pub(super) ranks: Vec<usize>,
    pub(super) transformer: PhantomData<F>,
}

impl<const I: usize, const H: usize, const O: usize, const L: usize, A, F> Layer<'_, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
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
const FAR: Real = 8.0;

/// How far x may be from where it should be, relative to 1 + |x|.
const TOLERANCE: Real = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// How far a point beside x may be when it went to z and back: roundings differ from point to point, so less is allowed.
const BESIDE: Real = 0.1 * TOLERANCE;

/// How far beside x that point lies, and how far its z is moved, relative to 1 + their size: a few roundings.
const NUDGE: Real = 2.0 * Real::EPSILON;

/// An error where x is far and what was rounded on the way may have lost it.
///
/// A rounding of a large xᵢ moves the parameters of every feature after it, so x may be lost although no map is too flat
/// or too steep. Where a point is far, x is therefore sent to z again, and four points beside it to their z, which are
/// moved by a few roundings, and back.
pub(super) fn check_far<const D: usize, T: Tape<Real, Dev>>(
    z: &Points<D>,
    x: &Points<D, T>,
    solve: impl Fn(Points<D>) -> Result<Points<D>>,
    forward: impl Fn(Points<D>) -> Result<Points<D>>,
) -> Result<()> {
    let (given, found) = (entries(z), entries(x));
    if !is_far(&given) && !is_far(&found) {
        return Ok(());
    }
    let tensor = |values| -> Result<Points<D>> {
        Ok(z.device().try_tensor_from_vec(values, (z.shape().0, Const::<D>))?)
    };
    let mut moved = first_moved(&given, &entries(&forward(tensor(found.clone())?)?), TOLERANCE);
    for nudge in [NUDGE, -NUDGE, 3.0 * NUDGE, -3.0 * NUDGE] {
        let beside = nudged(&found, D, nudge);
        let there = entries(&forward(tensor(beside.clone())?)?);
        let and_back = entries(&solve(tensor(nudged(&there, D, nudge))?)?);
        moved = moved.or_else(|| first_moved(&beside, &and_back, BESIDE));
    }
    match moved {
        None => Ok(()),
        Some(place) => Err(Error::Saturated {
            what: "the inverse of an autoregressive map",
            point: place / D,
            feature: place % D,
            value: given[place],
        }),
    }
}

fn is_far(values: &[Real]) -> bool {
    values.iter().any(|value| value.abs() > FAR)
}

/// Every feature moved by another amount.
fn nudged(x: &[Real], features: usize, nudge: Real) -> Vec<Real> {
    let amount = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 } * (1.0 + 0.618 * i as Real % 1.0);
    x.iter().enumerate().map(|(place, x)| x + nudge * amount(place % features) * (1.0 + x.abs())).collect()
}

/// The first number that is not what it was; NaN is not.
fn first_moved(x: &[Real], again: &[Real], tolerance: Real) -> Option<usize> {
    let stayed = |(x, again): (&Real, &Real)| (x - again).abs() <= tolerance * (1.0 + x.abs());
    x.iter().zip(again).position(|pair| !stayed(pair))
}
