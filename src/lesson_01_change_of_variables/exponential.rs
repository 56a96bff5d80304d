//! The map from positive numbers to all numbers.

use super::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real, check_finite};
use crate::{Error, Result};
use dfdx::prelude::{Axis, SumTo, Tape, WithEmptyTape};

/// z = log x in each coordinate, so x = eᶻ: a base of normal points becomes log-normal data.
///
/// Forward: log |det ∂z/∂x| = −Σ log xᵢ; [`Error::OutOfDomain`] for a coordinate that is not positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exponential;

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for Exponential {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        if let Some(bad) = x.as_vec().into_iter().find(|x| *x <= 0.0) {
            let what = "a coordinate of x = exp(z)";
            return Err(Error::OutOfDomain { what, expected: "positive", found: bad.into() });
        }
        let z = x.try_ln()?;
        let log_det = z.with_empty_tape().try_sum::<(usize,), Axis<1>>()?.try_negate()?;
        Ok((z, log_det))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let log_det = z.with_empty_tape().try_sum::<(usize,), Axis<1>>()?;
        Ok((z.try_exp()?, log_det))
    }
}
