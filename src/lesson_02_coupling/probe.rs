//! What rounding does to the inverse of many layers.

use super::rows::is_certain;
use crate::lesson_01_change_of_variables::compose;
use crate::tensor::{Dev, PerPoint, Points, Real, check_some, entries};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, NoneTape, Tape, TensorFromVec};

/// x of the layers' inverses, the last layer first, and their log |det|. Two more passes, by `probe`, start at the same point
/// and move it between layers by a few rounding units, at first in opposite directions, as rounding itself might (after Vignes
/// 1993, doi:10.1016/0378-4754(93)90003-D). Where a result differs by more than an inverse may be off, layers that are each
/// precise have together lost the point: [`Error::Saturated`].
pub(super) fn undo<const D: usize, T: Tape<Real, Dev>, L>(
    layers: &[L],
    z: Points<D, T>,
    go: impl Fn(&L, Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
    probe: impl Fn(&L, Points<D>, Real) -> Result<Points<D>>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    check_some("the batch of points", z.shape().0)?;
    let given = entries(&z);
    let start = z.retaped::<NoneTape>();
    let (x, log_det) = compose(layers.iter().rev(), z, go)?;
    for step in [STEP, -STEP] {
        let from = moved(start.clone(), step)?;
        let other = layers.iter().rev().try_fold(from, |z, layer| moved(probe(layer, z, step)?, step))?;
        compare(D, &given, &entries(&x), &entries(&other))?;
    }
    Ok((x, log_det))
}

/// The points, each coordinate moved up or down by `step` times the largest of its point.
pub(super) fn moved<const D: usize>(x: Points<D>, step: Real) -> Result<Points<D>> {
    let mut numbers = entries(&x);
    move_rows(D, &mut numbers, step);
    Ok(x.device().try_tensor_from_vec(numbers, (x.shape().0, Const::<D>))?)
}

/// Some times what a sum of a few products is rounded by.
const STEP: Real = 8.0 * Real::EPSILON;

fn move_rows(width: usize, x: &mut [Real], step: Real) {
    for row in x.chunks_exact_mut(width) {
        let largest = row.iter().fold(0.0, |largest: Real, x| largest.max(x.abs()));
        for (feature, x) in row.iter_mut().enumerate() {
            // The bits of the number choose the sign, so that a point is moved alike in every batch.
            #[allow(clippy::unnecessary_cast, reason = "with the feature `f64` there are 64 bits")]
            let bits = (x.to_bits() as u64).wrapping_add(feature as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            *x += if bits >> 63 == 0 { step } else { -step } * largest;
        }
    }
}

/// An error for a point whose results are further apart than an inverse may be off, divided by how many times the moves
/// were larger than rounding is. Far from where samples of a standard normal base lie it is not divided.
fn compare(width: usize, given: &[Real], x: &[Real], other: &[Real]) -> Result<()> {
    /// [`STEP`] is 16 times what one number is rounded by.
    const MOVES: Real = 16.0;
    /// A normal number is larger than this once in 10¹⁵.
    const SAMPLES: Real = 8.0;
    for (place, (x, other)) in x.iter().zip(other).enumerate() {
        let point = place / width;
        let typical = given[point * width..(point + 1) * width].iter().all(|z| z.abs() < SAMPLES);
        let doubt = (x - other).abs() / if typical { MOVES } else { 1.0 };
        if !is_certain(*x, doubt) {
            let (what, value) = ("the inverse of a flow", given[place]);
            return Err(Error::Saturated { what, point, feature: place % width, value });
        }
    }
    Ok(())
}
