//! Square matrices of n rows as lists of numbers, row after row, in f64.

use crate::{Error, Result};
use rand::Rng;
use rand_distr::StandardNormal;

/// The factors of a matrix whose rows were exchanged: row i of L U is row `rows[i]` of the matrix.
pub(crate) struct Lu {
    pub(super) rows: Vec<usize>,
    /// L below the diagonal, whose own is 1, and U on it and above.
    pub(super) factors: Vec<f64>,
}

impl Lu {
    /// By Gaussian elimination, with the largest entry of a column as its pivot.
    ///
    /// Errors: [`Error::OutOfDomain`] for a pivot that is 0 or not finite.
    pub(crate) fn new(n: usize, matrix: &[f64]) -> Result<Self> {
        let (mut rows, mut a): (Vec<usize>, _) = ((0..n).collect(), matrix.to_vec());
        for column in 0..n {
            let size = |row: usize| a[row * n + column].abs();
            let pivot = (column..n).max_by(|i, j| size(*i).total_cmp(&size(*j))).unwrap_or(column);
            if !(size(pivot) > 0.0 && size(pivot).is_finite()) {
                let (what, found) = ("a pivot of the matrix", a[pivot * n + column]);
                return Err(Error::OutOfDomain {
                    what,
                    expected: "not 0: the matrix must not be singular",
                    found,
                });
            }
            rows.swap(column, pivot);
            (0..n).for_each(|j| a.swap(column * n + j, pivot * n + j));
            for row in column + 1..n {
                let factor = a[row * n + column] / a[column * n + column];
                a[row * n + column] = factor;
                (column + 1..n).for_each(|j| a[row * n + j] -= factor * a[column * n + j]);
            }
        }
        Ok(Self { rows, factors: a })
    }

    /// log |det A|.
    pub(crate) fn log_abs_det(&self) -> f64 {
        let n = self.rows.len();
        (0..n).map(|i| self.factors[i * (n + 1)].abs().ln()).sum()
    }

    /// A⁻¹.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.rows.len();
        let mut inverse = vec![0.0; n * n];
        for column in 0..n {
            let unit: Vec<f64> = (0..n).map(|row| if row == column { 1.0 } else { 0.0 }).collect();
            for (row, entry) in self.solve(&unit).into_iter().enumerate() {
                inverse[row * n + column] = entry;
            }
        }
        inverse
    }

    /// The solution of A x = b.
    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.rows.len();
        let mut x: Vec<f64> = self.rows.iter().map(|row| b[*row]).collect();
        for i in 0..n {
            x[i] -= (0..i).map(|j| self.factors[i * n + j] * x[j]).sum::<f64>();
        }
        for i in (0..n).rev() {
            x[i] -= (i + 1..n).map(|j| self.factors[i * n + j] * x[j]).sum::<f64>();
            x[i] /= self.factors[i * n + i];
        }
        x
    }
}

/// X A for rows X of n numbers.
pub(super) fn product(n: usize, x: &[f64], a: &[f64]) -> Vec<f64> {
    let entry = |row: &[f64], column: usize| (0..n).map(|k| row[k] * a[k * n + column]).sum::<f64>();
    x.chunks_exact(n).flat_map(|row| (0..n).map(move |column| entry(row, column))).collect()
}

/// An orthogonal matrix, uniform among them: normal rows, made orthogonal one after the other.
pub(super) fn random_rotation(n: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        // Twice is enough (Giraud et al. 2005), whatever was rounded.
        for other in rows.iter().chain(&rows) {
            let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(other).for_each(|(entry, other)| *entry -= along * other);
        }
        let length = row.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        // A row that lay in the span of the others, which hardly happens, is drawn anew.
        if length > 1e-6 {
            rows.push(row.into_iter().map(|entry| entry / length).collect());
        }
    }
    rows.concat()
}
