//! From lists of numbers to tensors.

use crate::Result;
use crate::tensor::{Dev, Points, Real};
use dfdx::prelude::{Const, TensorFromVec};

/// The points of a list of n D coordinates.
pub(super) fn points<const D: usize>(device: &Dev, n: usize, numbers: Vec<Real>) -> Result<Points<D>> {
    Ok(device.try_tensor_from_vec(numbers, (n, Const::<D>))?)
}
