//! Small matrices, one for each point, in f64.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::gram::schatten;
use crate::tensor::{Real, check_all_finite};
use crate::{Error, Result};

/// Of the matrix I + J of each point.
pub(super) struct Solved {
    /// log |det(I + J)|.
    pub(super) log_dets: Vec<f64>,
    /// (I + J)⁻¹, row after row, point after point.
    pub(super) inverses: Vec<f64>,
}

/// Decomposes I + J of each point; `columns` are those of J, one list of points for each.
pub(super) fn solved(columns: &[Vec<Real>], d: usize) -> Result<Solved> {
    let n = columns.first().map_or(0, |column| column.len() / d);
    let (mut log_dets, mut inverses) = (Vec::with_capacity(n), Vec::with_capacity(n * d * d));
    for point in 0..n {
        let mut matrix = jacobian(columns, d, point)?;
        (0..d).for_each(|i| matrix[i * (d + 1)] += 1.0);
        let (log_det, inverse) = eliminate(matrix, d)?;
        log_dets.push(log_det);
        inverses.extend(inverse);
    }
    Ok(Solved { log_dets, inverses })
}

/// The largest singular value of J at each point.
pub(super) fn largest_singular_values(columns: &[Vec<Real>], d: usize) -> Result<Vec<f64>> {
    let n = columns.first().map_or(0, |column| column.len() / d);
    // 2²⁴ as the power of a Gram matrix: the bound is the norm to 10⁻⁷.
    (0..n).map(|point| Ok(schatten(&jacobian(columns, d, point)?, d, 24).0)).collect()
}

/// J of one point, row after row.
fn jacobian(columns: &[Vec<Real>], d: usize, point: usize) -> Result<Vec<f64>> {
    let entries: Vec<Real> = (0..d * d).map(|place| columns[place % d][point * d + place / d]).collect();
    check_all_finite("a Jacobian", &entries)?;
    Ok(entries.into_iter().map(f64::from).collect())
}

/// log |det A| and A⁻¹ by elimination with row exchanges (Gauss and Jordan).
fn eliminate(mut a: Vec<f64>, d: usize) -> Result<(f64, Vec<f64>)> {
    let mut inverse: Vec<f64> =
        (0..d * d).map(|place| if place % (d + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let mut log_det = 0.0;
    for column in 0..d {
        let size = |row: &usize| a[row * d + column].abs();
        let pivot = (column..d).max_by(|i, j| size(i).total_cmp(&size(j))).unwrap_or(column);
        let top = a[pivot * d + column];
        if top == 0.0 {
            let (what, expected) = ("the determinant of I + J", "not 0: make u contract");
            return Err(Error::OutOfDomain { what, expected, found: 0.0 });
        }
        log_det += top.abs().ln();
        for matrix in [&mut a, &mut inverse] {
            (0..d).for_each(|k| matrix.swap(column * d + k, pivot * d + k));
            matrix[column * d..(column + 1) * d].iter_mut().for_each(|entry| *entry /= top);
        }
        for row in (0..d).filter(|row| *row != column) {
            let factor = a[row * d + column];
            for matrix in [&mut a, &mut inverse] {
                for k in 0..d {
                    matrix[row * d + k] -= factor * matrix[column * d + k];
                }
            }
        }
    }
    Ok((log_det, inverse))
}
