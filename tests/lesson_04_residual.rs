//! Lesson 04: residual flows.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_04_residual/contraction.rs"]
mod contraction;
#[path = "lesson_04_residual/estimates.rs"]
mod estimates;
#[path = "lesson_04_residual/exercises.rs"]
mod exercises;
#[path = "lesson_04_residual/gradients.rs"]
mod gradients;
#[path = "lesson_04_residual/inverse.rs"]
mod inverse;
#[path = "lesson_04_residual/models.rs"]
mod models;
#[path = "lesson_04_residual/spectral.rs"]
mod spectral;

use pushforward::Result;
use pushforward::dfdx::prelude::{PutTape, Rank2, Tape, Tensor, TensorFrom, TryMatMul};
use pushforward::nn::{DualPoints, Pushforward, Tanh, set_parameters};
use pushforward::residual::Contraction;
use pushforward::tensor::{Dev, Points, Real, Source};
use std::cell::Cell;

/// The singular values of a matrix, row after row, by rotations that make its columns orthogonal (one-sided Jacobi).
fn singular_values(matrix: &[f64], rows: usize) -> Vec<f64> {
    let columns = matrix.len() / rows;
    if rows < columns {
        let transpose: Vec<f64> = (0..matrix.len()).map(|i| matrix[i % rows * columns + i / rows]).collect();
        return singular_values(&transpose, columns);
    }
    let mut a: Vec<Vec<f64>> =
        (0..columns).map(|j| (0..rows).map(|i| matrix[i * columns + j]).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for _ in 0..60 {
        for (p, q) in (0..columns).flat_map(|p| (p + 1..columns).map(move |q| (p, q))) {
            let (alpha, beta, gamma) = (dot(&a[p], &a[p]), dot(&a[q], &a[q]), dot(&a[p], &a[q]));
            if gamma == 0.0 {
                continue;
            }
            let zeta = (beta - alpha) / (2.0 * gamma);
            let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
            let (c, s) = ((1.0 + t * t).sqrt().recip(), t * (1.0 + t * t).sqrt().recip());
            let (before, after) = a.split_at_mut(q);
            for (x, y) in before[p].iter_mut().zip(&mut after[0]) {
                (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
            }
        }
    }
    let mut values: Vec<f64> = a.iter().map(|column| dot(column, column).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// u(x) = A x, which counts the vectors that it is given.
struct Linear<const D: usize> {
    transpose: Tensor<Rank2<D, D>, Real, Dev>,
    vectors: Cell<usize>,
}

impl<const D: usize> Linear<D> {
    fn new(matrix: [[f64; D]; D]) -> Self {
        let transpose: [[Real; D]; D] =
            std::array::from_fn(|j| std::array::from_fn(|i| matrix[i][j] as Real));
        Self { transpose: Source::new(0).device().tensor(transpose), vectors: Cell::new(0) }
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Pushforward<D, D, T> for Linear<D> {
    fn pushforward(&self, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        let (x, tangents, tape) = x.into_parts();
        self.vectors.set(self.vectors.get() + tangents.iter().map(|t| t.as_vec().len() / D).sum::<usize>());
        let tangents = tangents.into_iter().map(|t| t.try_matmul(self.transpose.clone()));
        let tangents = tangents.collect::<Result<Vec<_>, _>>()?;
        DualPoints::new(x.put_tape(tape).try_matmul(self.transpose.clone())?, tangents)
    }
}

/// c times an orthogonal matrix that turns, swaps and mirrors: eigenvalues c e^(±iφ) and −c, of the size c all.
fn turned(c: f64) -> [[f64; 3]; 3] {
    let (sin, cos) = 2.4f64.sin_cos();
    let turn = [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, -1.0]];
    // H = I − 2 v vᵀ with |v| = 1: H turn H has the same eigenvalues and no zeros.
    let v = [0.6, 0.0, 0.8];
    let h = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j];
    let product = |a: &dyn Fn(usize, usize) -> f64, b: &dyn Fn(usize, usize) -> f64, i: usize, j: usize| {
        (0..3).map(|k| a(i, k) * b(k, j)).sum::<f64>()
    };
    let left = |i: usize, j: usize| product(&h, &|i, j| turn[i][j], i, j);
    std::array::from_fn(|i| std::array::from_fn(|j| c * product(&left, &h, i, j)))
}

/// u(x) = −c Vᵀ tanh(V x) / |V|² with a last weight that was larger: its Jacobian at 0, −c VᵀV / |V|², really has the norm c.
fn steep<const D: usize>(c: f64) -> Contraction<D, 8, 0, Tanh> {
    let mut u = Contraction::new(&Source::new(4), c).unwrap();
    let mut values = vec![0.0; 8 * D + 8 + D * 8 + D];
    for place in 0..8 * D {
        let entry = 0.4 * (1.3 * place as Real).sin();
        values[place] = entry;
        values[8 * D + 8 + place % D * 8 + place / D] = -10.0 * entry;
    }
    set_parameters(&mut u, &values).unwrap();
    u
}

/// The mean of some numbers and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// The same point, n times.
fn copies<const D: usize>(point: [Real; D], n: usize) -> Points<D> {
    Source::new(0).points(&vec![point; n]).unwrap()
}
