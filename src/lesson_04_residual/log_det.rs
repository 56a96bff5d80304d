//! log |det(I + J)| exactly, where D is small, and its gradient.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::jacobian::{Solved, solved};
use super::slices::points;
use crate::Result;
use crate::nn::{Pushforward, dot, jacobian_columns};
use crate::tensor::{Dev, PerPoint, Points, Real, entries};
use dfdx::prelude::{HasShape, PutTape, SplitTape, Tape, TensorFromVec, TryAdd, TrySub};

/// u(x), shape (N, D), and log |det(I + J)|, shape (N,), with J = ∂u/∂x at each point: one tangent per coordinate and one
/// LU decomposition in f64 per point.
///
/// On the tape it is tr(M J) with M = (I + J)⁻¹ held fixed, moved to the right value: ∇ log |det(I + J)| = tr(M ∇J), so no
/// step of the decomposition is recorded. The tape goes with u(x): a loss must contain it, one of log |det| alone has no
/// gradient.
///
/// ```
/// use pushforward::nn::{Mlp, Tanh, exact_trace};
/// use pushforward::residual::exact_log_det;
/// use pushforward::tensor::{Source, values};
///
/// let mut source = Source::new(0);
/// let u = Mlp::<1, 8, 1, 1, Tanh>::new(&source)?;
/// let x = source.normal::<1>(5)?;
/// let log_det = values(&exact_log_det(&u, x.clone())?.1);
/// let slope = values(&exact_trace(&u, x)?.1);
/// assert!((log_det[0] - (1.0 + slope[0]).abs().ln()).abs() < 1e-6, "one coordinate: ln |1 + u′(x)|, to rounding");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::NotFinite`](crate::Error::NotFinite) for an entry of J; [`Error::OutOfDomain`](crate::Error::OutOfDomain)
/// where I + J is singular, which it never is where u contracts; [`Error::Empty`](crate::Error::Empty).
pub fn exact_log_det<const D: usize, T: Tape<Real, Dev>>(
    u: &impl Pushforward<D, D, T>,
    x: Points<D, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let (value, columns, tape) = jacobian_columns(u, x)?.into_parts();
    let Solved { log_dets, inverses } = solve_columns(&columns)?;
    let n = log_dets.len();
    let device = value.device().clone();
    let log_dets: Vec<Real> = log_dets.into_iter().map(|log_det| log_det as Real).collect();
    if !T::OWNS_TAPE {
        let log_det = device.try_tensor_from_vec(log_dets, (n,))?;
        return Ok((value.put_tape(tape), log_det.put_tape(T::default())));
    }
    let mut sum: PerPoint<T> = device.try_tensor_from_vec(vec![0.0; n], (n,))?.put_tape(tape);
    for (j, column) in columns.into_iter().enumerate() {
        // tr(M J) = Σⱼ ⟨row j of M, J eⱼ⟩.
        let row = points(&device, n, inverse_rows(&inverses, D, j))?;
        sum = sum.try_add(dot(column.put_tape(T::default()), row)?)?;
    }
    let (log_det, tape) = with_values(sum, log_dets)?.split_tape();
    Ok((value.put_tape(tape), log_det.put_tape(T::default())))
}

/// log |det(I + J)| and (I + J)⁻¹ for each point, given the columns of J.
pub(super) fn solve_columns<const D: usize>(columns: &[Points<D>]) -> Result<Solved> {
    let columns: Vec<Vec<Real>> = columns.iter().map(entries).collect();
    solved(&columns, D)
}

/// Row j of the matrix of each point.
fn inverse_rows(inverses: &[f64], d: usize, j: usize) -> Vec<Real> {
    inverses.chunks_exact(d * d).flat_map(|m| &m[j * d..(j + 1) * d]).map(|entry| *entry as Real).collect()
}

/// The numbers with the gradients of a tensor.
pub(super) fn with_values<T: Tape<Real, Dev>>(of: PerPoint<T>, values: Vec<Real>) -> Result<PerPoint<T>> {
    let (device, shape) = (of.device().clone(), *of.shape());
    let own = device.try_tensor_from_vec(entries(&of), shape)?;
    Ok(of.try_sub(own)?.try_add(device.try_tensor_from_vec(values, shape)?)?)
}
