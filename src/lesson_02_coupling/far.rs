//! What rounding does in many layers, far from the data.
//!
//! A rounding of a large coordinate moves the parameters of every map after it, so a point may be lost although no map is
//! too flat or too steep.

use super::rows::TOLERANCE;
use crate::tensor::{Dev, PerPoint, Points, Real, entries};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, NoneTape, Tape, TensorFromVec};

/// A point with a larger coordinate is far: a normal number is larger once in 10¹⁵.
const FAR: Real = 8.0;

/// Beyond this, nothing but the way back tells whether z belongs to x. Nearer, a density that is a little off is better than
/// none: it is small.
const VERY_FAR: Real = 64.0;

/// How far a point beside x may be when it went to z and back: roundings differ from point to point, so less is allowed.
const BESIDE: Real = 0.1 * TOLERANCE;

/// How far beside x that point lies, and how far its z is moved, relative to 1 + their size: a few roundings.
const NUDGE: Real = 2.0 * Real::EPSILON;

/// x = f⁻¹(z) and log |det|, by `inverse`; [`Error::Saturated`] where x or z is far and what was rounded on the way may have
/// lost it.
///
/// Where a point is far, x is sent to z again, and four points beside it to their z, which are moved by a few roundings,
/// and back: nine more passes, which points near the data do not need. Only points that are far are compared, so that a near
/// one does not depend on who is beside it.
pub(super) fn undo<const D: usize, T: Tape<Real, Dev>>(
    z: Points<D, T>,
    inverse: impl FnOnce(Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
    solve: impl Fn(Points<D>) -> Result<Points<D>>,
    forward: impl Fn(Points<D>) -> Result<Points<D>>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let given = entries(&z);
    let tensor = {
        let (like, n) = (z.retaped::<NoneTape>(), z.shape().0);
        move |values| -> Result<Points<D>> { Ok(like.device().try_tensor_from_vec(values, (n, Const::<D>))?) }
    };
    let (x, log_det) = inverse(z)?;
    let found = entries(&x);
    let far: Vec<bool> = beyond(FAR, D, &given).zip(beyond(FAR, D, &found)).map(|(z, x)| z || x).collect();
    if !far.contains(&true) {
        return Ok((x, log_det));
    }
    let mut moved = first_moved(&far, D, &given, &entries(&forward(tensor(found.clone())?)?), TOLERANCE);
    for nudge in [NUDGE, -NUDGE, 3.0 * NUDGE, -3.0 * NUDGE] {
        let beside = only(&far, D, nudged(&found, D, nudge), &found);
        let there = entries(&forward(tensor(beside.clone())?)?);
        // A near point goes the way that it has gone already.
        let and_back = entries(&solve(tensor(only(&far, D, nudged(&there, D, nudge), &given))?)?);
        moved = moved.or_else(|| first_moved(&far, D, &beside, &and_back, BESIDE));
    }
    match moved {
        None => Ok((x, log_det)),
        Some(place) => Err(lost("the inverse of a flow", D, place, given[place])),
    }
}

/// z = f(x) and log |det|, by `forward`. Without a tape, [`Error::Saturated`] where x is very far and `solve` does not find it
/// again.
pub(super) fn go<const D: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    forward: impl FnOnce(Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
    solve: impl Fn(Points<D>) -> Result<Points<D>>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let given = if T::OWNS_TAPE { Vec::new() } else { entries(&x) };
    let (z, log_det) = forward(x)?;
    let far: Vec<bool> = beyond(VERY_FAR, D, &given).collect();
    if !far.contains(&true) {
        return Ok((z, log_det));
    }
    // A near point is not looked at, and 0, in the middle of the base, stands in for it.
    let there = entries(&z);
    let there = only(&far, D, there.clone(), &vec![0.0; there.len()]);
    let back = entries(&solve(z.device().try_tensor_from_vec(there, (far.len(), Const::<D>))?)?);
    match first_moved(&far, D, &given, &back, TOLERANCE) {
        None => Ok((z, log_det)),
        Some(place) => Err(lost("a flow", D, place, given[place])),
    }
}

fn lost(what: &'static str, features: usize, place: usize, value: Real) -> Error {
    Error::Saturated { what, point: place / features, feature: place % features, value }
}

/// For each point whether one of its coordinates is beyond a bound.
fn beyond(bound: Real, features: usize, values: &[Real]) -> impl Iterator<Item = bool> {
    values.chunks_exact(features).map(move |point| point.iter().any(|value| value.abs() > bound))
}

/// The coordinates of the far points, and `others` for those of the near ones.
fn only(far: &[bool], features: usize, mut x: Vec<Real>, others: &[Real]) -> Vec<Real> {
    let points = x.chunks_exact_mut(features).zip(others.chunks_exact(features)).zip(far);
    points.filter(|(_, far)| !**far).for_each(|((x, others), _)| x.copy_from_slice(others));
    x
}

/// Every feature moved by another amount.
fn nudged(x: &[Real], features: usize, nudge: Real) -> Vec<Real> {
    let amount = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 } * (1.0 + 0.618 * i as Real % 1.0);
    x.iter().enumerate().map(|(place, x)| x + nudge * amount(place % features) * (1.0 + x.abs())).collect()
}

/// The first number of a far point that is not what it was; NaN is not.
fn first_moved(far: &[bool], features: usize, x: &[Real], again: &[Real], tolerance: Real) -> Option<usize> {
    let stayed = |(x, again): (&Real, &Real)| (x - again).abs() <= tolerance * (1.0 + x.abs());
    x.iter().zip(again).enumerate().position(|(place, pair)| far[place / features] && !stayed(pair))
}
