//! Jacobians without calculus, to check those with it.

use super::Bijection;
use crate::Result;
use crate::tensor::{Dev, Points, Real, check_all_finite, check_finite, check_same_batch, rows};
use dfdx::prelude::{Const, TensorFromVec};

/// The Jacobian ∂zᵢ/∂xⱼ of z = f(x) at each point by central differences,
/// (f(x + h eⱼ) − f(x − h eⱼ)) / 2h, row i and column j.
///
/// The step is h = ∛ε max(1, |xⱼ|) with the rounding unit ε, where the errors of truncation, O(h²), and of rounding,
/// O(ε / h), balance: in f32 expect a relative accuracy of 10⁻⁴, in f64 of 10⁻¹⁰.
///
/// The bijection is asked h away from x on both sides, so it must be defined there.
///
/// Errors: those of the bijection; [`crate::Error::NotFinite`] for a coordinate of x or of f near it;
/// [`crate::Error::BatchMismatch`] if f does not give a point for each point.
pub fn numeric_jacobian<const D: usize>(f: &impl Bijection<D>, x: &Points<D>) -> Result<Vec<[[f64; D]; D]>> {
    check_finite("x", x)?;
    let points = rows(x);
    let mut jacobians = vec![[[0.0; D]; D]; points.len()];
    for column in 0..D {
        let [(above, z_above), (below, z_below)] = [1.0, -1.0].map(|sign| {
            let moved: Vec<[Real; D]> = points.iter().map(|x| shifted(*x, column, sign)).collect();
            let z = device_points(x.device(), &moved).and_then(|x| f.forward(x)).map(|(z, _)| rows(&z));
            (moved, z)
        });
        let (z_above, z_below) = (z_above?, z_below?);
        for z in [&z_above, &z_below] {
            check_same_batch("the values of f", points.len(), z.len())?;
            check_all_finite("a value of f", z.as_flattened())?;
        }
        for (n, jacobian) in jacobians.iter_mut().enumerate() {
            // The step that was really taken, after rounding.
            let step = f64::from(above[n][column]) - f64::from(below[n][column]);
            for row in 0..D {
                jacobian[row][column] = (f64::from(z_above[n][row]) - f64::from(z_below[n][row])) / step;
            }
        }
    }
    Ok(jacobians)
}

fn shifted<const D: usize>(mut x: [Real; D], column: usize, sign: Real) -> [Real; D] {
    x[column] += sign * Real::EPSILON.cbrt() * x[column].abs().max(1.0);
    x
}

fn device_points<const D: usize>(device: &Dev, rows: &[[Real; D]]) -> Result<Points<D>> {
    Ok(device.try_tensor_from_vec(rows.as_flattened().to_vec(), (rows.len(), Const::<D>))?)
}

/// log |det A| by Gaussian elimination with row exchanges; NaN where an entry is NaN.
///
/// It is −∞ where elimination meets an exact 0. A singular matrix whose entries are rounded gives a number near the
/// logarithm of the rounding error instead.
///
/// ```
/// use pushforward::change_of_variables::log_abs_det;
///
/// // The parallelogram spanned by (2, 0) and (1, 3) has the area 6.
/// assert!((log_abs_det([[2.0, 1.0], [0.0, 3.0]]) - 6f64.ln()).abs() < 1e-12, "to the rounding of f64");
/// ```
pub fn log_abs_det<const D: usize>(mut a: [[f64; D]; D]) -> f64 {
    if a.as_flattened().iter().any(|entry| entry.is_nan()) {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for column in 0..D {
        let pivot =
            (column..D).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs())).unwrap_or(column);
        a.swap(column, pivot);
        let top = a[column];
        if top[column] == 0.0 {
            return f64::NEG_INFINITY;
        }
        sum += top[column].abs().ln();
        for row in &mut a[column + 1..] {
            let factor = row[column] / top[column];
            row.iter_mut().zip(top).for_each(|(entry, above)| *entry -= factor * above);
        }
    }
    sum
}
