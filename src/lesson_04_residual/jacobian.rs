//! The Jacobian of u at each point, as a small matrix in f64.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

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
    (0..n).map(|point| Ok(largest_singular_value(jacobian(columns, d, point)?, d))).collect()
}

/// Rows are turned in pairs until all are orthogonal: their lengths are then the singular values (one-sided Jacobi, Hestenes
/// 1958).
fn largest_singular_value(mut matrix: Vec<f64>, d: usize) -> f64 {
    for _ in 0..MOST_SWEEPS {
        let mut is_done = true;
        for (p, q) in (0..d).flat_map(|p| (p + 1..d).map(move |q| (p, q))) {
            let (before, after) = matrix.split_at_mut(q * d);
            is_done &= !turn(&mut before[p * d..(p + 1) * d], &mut after[..d]);
        }
        if is_done {
            break;
        }
    }
    matrix.chunks_exact(d).map(|row| dot(row, row).sqrt()).fold(0.0, f64::max)
}

/// Some ten are enough for matrices of any size.
const MOST_SWEEPS: usize = 60;

/// Turns two rows so that they are orthogonal; whether there was something to do.
fn turn(x: &mut [f64], y: &mut [f64]) -> bool {
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    if xy.abs() <= f64::EPSILON * (xx * yy).sqrt() {
        return false;
    }
    let cotangent = (yy - xx) / (2.0 * xy);
    let tangent = cotangent.signum() / (cotangent.abs() + cotangent.hypot(1.0));
    let cosine = tangent.hypot(1.0).recip();
    let sine = tangent * cosine;
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
    true
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// J of one point, row after row.
fn jacobian(columns: &[Vec<Real>], d: usize, point: usize) -> Result<Vec<f64>> {
    let entries: Vec<Real> = (0..d * d).map(|place| columns[place % d][point * d + place / d]).collect();
    check_all_finite("a Jacobian", &entries)?;
    Ok(entries.into_iter().map(f64::from).collect())
}
