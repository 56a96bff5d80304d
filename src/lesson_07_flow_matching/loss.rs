//! The regression that learns a field.

use super::PathSample;
use crate::Result;
use crate::lesson_05_cnf::VectorField;
use crate::tensor::{Gradients, Loss, Recording, check_same_batch};
use dfdx::prelude::{HasShape, MeanTo, Trace, TrySub};

/// The conditional flow matching loss, the mean over points and coordinates of |v(t, x_t) − target|², with the velocity
/// dx_t/dt as target (Lipman et al. 2022, arXiv:2210.02747, equation 9, divided by D), or what else the sample was made for.
///
/// Its gradient is that of the flow matching loss, whose target is the marginal velocity u(t, x_t); the two differ by
/// E |dx_t/dt − u|², which has no parameters (theorem 2).
///
/// Errors: [`Error::BatchMismatch`](crate::Error::BatchMismatch) if the field gives not one velocity per point; those of
/// the field.
pub fn flow_matching_loss<const D: usize>(
    field: &impl VectorField<D, Recording>,
    sample: PathSample<D>,
    gradients: Gradients,
) -> Result<Loss> {
    let v = field.velocity(sample.t, sample.x_t.traced(gradients))?;
    check_same_batch("the flow matching loss", v.shape().0, sample.target.shape().0)?;
    Ok(v.try_sub(sample.target)?.try_square()?.try_mean()?)
}
