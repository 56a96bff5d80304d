//! What rounding does in many layers, far from the data.
//!
//! A rounding of a large coordinate moves the parameters of every map after it, so a point may be lost although no map is
//! too flat or too steep.

use crate::tensor::{Dev, PerPoint, Points, Real, entries};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, NoneTape, Tape, TensorFromVec};

/// A point with a larger coordinate is far: a normal number is larger once in 10¹⁵.
const FAR: Real = 8.0;

/// Beyond this, nothing but the way back tells whether z belongs to x. Nearer, a density that is a little off is better than
/// none: it is small.
const VERY_FAR: Real = 64.0;

/// How far x may be from where it should be, relative to 1 + |x|.
const TOLERANCE: Real = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// How far a point beside x may be when it went to z and back: roundings differ from point to point, so less is allowed.
const BESIDE: Real = 0.1 * TOLERANCE;

/// How far beside x that point lies, and how far its z is moved, relative to 1 + their size: a few roundings.
const NUDGE: Real = 2.0 * Real::EPSILON;

/// x = f⁻¹(z) and log |det|, by `inverse`; [`Error::Saturated`] where x or z is far and what was rounded on the way may have
/// lost it.
///
/// Where a point is far, x is sent to z again, and four points beside it to their z, which are moved by a few roundings,
/// and back: nine more passes, which points near the data do not need.
pub(crate) fn undo<const D: usize, T: Tape<Real, Dev>>(
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
    if !beyond(FAR, &given) && !beyond(FAR, &found) {
        return Ok((x, log_det));
    }
    let mut moved = first_moved(&given, &entries(&forward(tensor(found.clone())?)?), TOLERANCE);
    for nudge in [NUDGE, -NUDGE, 3.0 * NUDGE, -3.0 * NUDGE] {
        let beside = nudged(&found, D, nudge);
        let there = entries(&forward(tensor(beside.clone())?)?);
        let and_back = entries(&solve(tensor(nudged(&there, D, nudge))?)?);
        moved = moved.or_else(|| first_moved(&beside, &and_back, BESIDE));
    }
    match moved {
        None => Ok((x, log_det)),
        Some(place) => Err(lost("the inverse of a flow", D, place, given[place])),
    }
}

/// z = f(x) and log |det|, by `forward`. Without a tape, [`Error::Saturated`] where x is very far and `solve` does not find it
/// again.
pub(crate) fn go<const D: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    forward: impl FnOnce(Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
    solve: impl Fn(Points<D>) -> Result<Points<D>>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let given = if T::OWNS_TAPE { Vec::new() } else { entries(&x) };
    let (z, log_det) = forward(x)?;
    if !beyond(VERY_FAR, &given) {
        return Ok((z, log_det));
    }
    let back = entries(&solve(z.retaped())?);
    match first_moved(&given, &back, TOLERANCE) {
        None => Ok((z, log_det)),
        Some(place) => Err(lost("a flow", D, place, given[place])),
    }
}

fn lost(what: &'static str, features: usize, place: usize, value: Real) -> Error {
    Error::Saturated { what, point: place / features, feature: place % features, value }
}

fn beyond(bound: Real, values: &[Real]) -> bool {
    values.iter().any(|value| value.abs() > bound)
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
