//! From tensors to lists of numbers and back.

use crate::Result;
use crate::tensor::{Dev, Points, Real};
use dfdx::prelude::{Const, HasShape, ReshapeTo, TensorFromVec};

/// The coordinates of all points, point after point.
pub(super) fn flat<const D: usize>(points: &Points<D>) -> Result<Vec<Real>> {
    let mut numbers = vec![0.0; points.shape().0 * D];
    points.clone().try_contiguous()?.copy_into(&mut numbers);
    Ok(numbers)
}

/// The points of a list of n D coordinates.
pub(super) fn points<const D: usize>(device: &Dev, n: usize, numbers: Vec<Real>) -> Result<Points<D>> {
    Ok(device.try_tensor_from_vec(numbers, (n, Const::<D>))?)
}
