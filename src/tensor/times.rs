//! A time for each point: what is computed of it, and what is asked of it and of other numbers.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::{Dev, PerPoint, Points, Real, check_same_batch, check_some, values};
use crate::{Error, Result};
use dfdx::prelude::{BroadcastTo, HasShape, Tape, TensorFromVec, TryMul};

/// A number for each time t, computed in f64.
pub(crate) fn at_times(t: &PerPoint, f: impl Fn(f64) -> f64) -> Result<PerPoint> {
    let numbers = values(t).into_iter().map(|t| f(t.into()) as Real).collect();
    Ok(t.device().try_tensor_from_vec(numbers, (t.shape().0,))?)
}

/// cₙ xₙ for each point.
pub(crate) fn scale<const D: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    c: PerPoint,
) -> Result<Points<D, T>> {
    check_same_batch("a factor for each point", x.shape().0, c.shape().0)?;
    let c: Points<D> = c.try_broadcast_like(x.shape())?;
    Ok(x.try_mul(c)?)
}

/// An error unless there is one time in [0, 1] for each of n points, and at least one point.
pub(crate) fn check_times(n: usize, t: &PerPoint) -> Result<()> {
    check_some("the batch of points", n)?;
    check_same_batch("a time for each point", n, t.shape().0)?;
    values(t).into_iter().try_for_each(|t| check_time(t.into()))
}

/// An error unless the time is in [0, 1].
pub(crate) fn check_time(t: f64) -> Result<()> {
    if (0.0..=1.0).contains(&t) {
        return Ok(());
    }
    Err(Error::OutOfDomain { what: "the time t", expected: "between 0 and 1", found: t })
}

/// An error unless the number is positive and finite.
pub(crate) fn check_positive(what: &'static str, found: f64) -> Result<()> {
    if found > 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected: "a positive number", found })
}

/// An error unless the number is finite and at least 0.
pub(crate) fn check_not_negative(what: &'static str, found: f64) -> Result<()> {
    if found >= 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected: "a finite number from 0", found })
}

/// An error unless there is at least one step.
pub(crate) fn check_steps(steps: usize) -> Result<()> {
    if steps > 0 {
        return Ok(());
    }
    Err(Error::OutOfDomain { what: "the number of steps", expected: "at least 1", found: 0.0 })
}

/// t for each of the points.
pub(crate) fn same_time<const D: usize, T>(x: &Points<D, T>, t: Real) -> Result<PerPoint> {
    let n = x.shape().0;
    Ok(x.device().try_tensor_from_vec(vec![t; n], (n,))?)
}
