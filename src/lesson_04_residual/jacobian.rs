//! The Jacobian of u at each point, as a small matrix in f64.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::gram::schatten;
use crate::Result;
use crate::lesson_02_coupling::Lu;
use crate::tensor::{Real, check_all_finite};

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
        let lu = Lu::new(d, &matrix)?;
        log_dets.push(lu.log_abs_det());
        inverses.extend(lu.inverse());
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
