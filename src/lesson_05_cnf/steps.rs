//! How long a step is.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::path::{Moving, keep_rows};
use crate::tensor::Real;
use crate::{Obstacle, Result};

/// How the error of a step is measured, and who shares a step.
///
/// Each number's error is divided by a + r max(|x(t)|, |x(t + h)|), with the absolute tolerance a and the relative
/// one r; a step is accepted where the norm of these numbers is at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorNorm {
    /// Each point has steps of its own: the largest of its parts' root mean squares. What is computed for a point
    /// does not depend on the others, up to the rounding of the field, and a point that is at the end leaves the batch.
    #[default]
    PerPoint,
    /// One step for all points: the root mean square of all numbers. A point whose path is hard can hide among many
    /// that are easy.
    Shared,
    /// One step for all points: the largest of the parts' root mean squares, each over the batch. torchdiffeq does so
    /// where a state is a tuple.
    Largest,
}

impl ErrorNorm {
    /// The norm that decides for each row, from the scaled numbers of all rows; NaN where a number is NaN.
    fn sizes(self, scaled: &[Real], widths: &[usize]) -> Vec<f64> {
        let width = widths.iter().sum();
        let rows = scaled.len() / width;
        let same = |size| vec![size; rows];
        match self {
            Self::PerPoint => scaled
                .chunks_exact(width)
                .map(|row| largest(parts(widths).map(|(a, b)| rms(&row[a..b]))))
                .collect(),
            Self::Shared => same(rms(scaled)),
            Self::Largest => {
                let part = |(a, b): (usize, usize)| {
                    let squares: f64 = scaled.chunks_exact(width).map(|row| squares(&row[a..b])).sum();
                    (squares / (rows * (b - a)) as f64).sqrt()
                };
                same(largest(parts(widths).map(part)))
            }
        }
    }
}

/// Where each part of a row begins and ends.
fn parts(widths: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    widths.iter().scan(0, |at, width| {
        *at += width;
        Some((*at - width, *at))
    })
}

fn squares(numbers: &[Real]) -> f64 {
    numbers.iter().map(|number| f64::from(*number).powi(2)).sum()
}

/// The root mean square.
fn rms(numbers: &[Real]) -> f64 {
    (squares(numbers) / numbers.len() as f64).sqrt()
}

/// The largest, or NaN where one is.
fn largest(sizes: impl Iterator<Item = f64>) -> f64 {
    sizes.fold(0.0, |most, size| if most >= size || most.is_nan() { most } else { size })
}

/// What an adaptive solver was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    pub(super) norm: ErrorNorm,
    pub(super) absolute: Real,
    pub(super) relative: Real,
}

impl Tolerance {
    /// The norms of some numbers, row after row, in units of the tolerance at x.
    fn sizes_at(&self, numbers: &[Real], x: &[Real], widths: &[usize]) -> Vec<f64> {
        let scale = |(number, x): (&Real, &Real)| number / (self.absolute + self.relative * x.abs());
        let scaled: Vec<Real> = numbers.iter().zip(x).map(scale).collect();
        self.norm.sizes(&scaled, widths)
    }

    /// The norms of the errors of a step.
    pub(super) fn errors(&self, moving: &Moving, widths: &[usize]) -> Vec<f64> {
        self.norm.sizes(&moving.scaled_errors(self.absolute, self.relative), widths)
    }
}

/// The lengths of the next steps, one for each row, and what the PI controller remembers of the last.
pub(super) struct Pace {
    /// Where the paths end.
    to: f64,
    /// α.
    exponent: f64,
    /// A length that cannot be told from 0 in the precision of the times.
    least: f64,
    lengths: Vec<f64>,
    /// ln e of the last accepted step.
    logs: Vec<f64>,
    rejected: Vec<bool>,
}

/// The exponent of the error before, and the bounds of the factor by which a step changes: those of Hairer's and
/// Wanner's code DOPRI5.
const MEMORY: f64 = 0.04;
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 10.0;
/// What counts as the smallest error before.
const SMALLEST: f64 = 1e-4;

impl Pace {
    /// The first steps, from x(t), v(t, x) and a second evaluation after an Euler step (Hairer, Nørsett, Wanner,
    /// Solving Ordinary Differential Equations I, section II.4, "starting step size").
    pub(super) fn first(
        moving: &mut Moving,
        tolerance: &Tolerance,
        widths: &[usize],
        order: u32,
        to: f64,
    ) -> Result<Self> {
        let (t, order) = (moving.t[0], f64::from(order));
        let least = 2.0 * f64::from(Real::EPSILON) * t.abs().max(to.abs());
        let (span, direction) = ((to - t).abs(), (to - t).signum());
        let size = tolerance.sizes_at(&moving.x, &moving.x, widths);
        let speed = tolerance.sizes_at(&moving.stages[0], &moving.x, widths);
        let probes: Vec<f64> = size.iter().zip(&speed).map(|(d0, d1)| probe(*d0, *d1).min(span)).collect();
        let bend = bend(moving, tolerance, widths, &probes, direction)?;
        let lengths = (probes.iter().zip(&speed).zip(&bend))
            .map(|((h, d1), d2)| first_length(*h, d1.max(*d2), order).clamp(least.min(span), span))
            .collect();
        let (n, exponent) = (moving.which.len(), 1.0 / order - 0.75 * MEMORY);
        Ok(Self { to, exponent, least, lengths, logs: vec![SMALLEST.ln(); n], rejected: vec![false; n] })
    }

    /// The times at which the steps end; a step that almost reaches the end is made to reach it.
    pub(super) fn plan(&self, moving: &mut Moving) {
        for ((next, t), length) in moving.next.iter_mut().zip(&moving.t).zip(&self.lengths) {
            let left = self.to - t;
            *next = if 1.01 * length >= left.abs() { self.to } else { t + length * left.signum() };
        }
    }

    /// Whether the step of each row is accepted, and the lengths of the next ones: a PI controller, h ← h · 0.9
    /// eₙ₋₁^β / eₙ^α with β = 0.04 and α = 1/p − 0.75 β, and between 0.2 and 10 (Hairer, Nørsett, Wanner I, section
    /// II.4; Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.2, where p is the order of the
    /// method).
    pub(super) fn judge(&mut self, moving: &Moving, sizes: &[f64]) -> Result<Vec<bool>> {
        for (row, size) in sizes.iter().enumerate() {
            let is_accepted = *size <= 1.0;
            let is_last = is_accepted && moving.next[row] == self.to;
            self.lengths[row] = (moving.next[row] - moving.t[row]).abs() * self.factor(row, *size);
            if self.lengths[row] < self.least && !is_last {
                let is_finite = moving.is_finite(row);
                let cause = if is_finite { Obstacle::StepUnderflow } else { Obstacle::NotFinite };
                return Err(moving.unsolved(row, cause));
            }
            if is_accepted {
                self.logs[row] = size.max(SMALLEST).ln();
            }
            self.rejected[row] = !is_accepted;
        }
        Ok(self.rejected.iter().map(|rejected| !rejected).collect())
    }

    /// By how much the step of a row changes. After a rejection it does not grow at once.
    fn factor(&self, row: usize, size: f64) -> f64 {
        if !size.is_finite() {
            return SHRINK;
        }
        let (before, most) = match (size <= 1.0, self.rejected[row]) {
            (true, false) => (self.logs[row], GROW),
            (true, true) => (self.logs[row], 1.0),
            (false, _) => (0.0, 1.0),
        };
        (SAFETY * (MEMORY * before - self.exponent * size.ln()).exp()).clamp(SHRINK, most)
    }

    /// Only the rows that are given stay.
    pub(super) fn keep(&mut self, stays: &[bool]) {
        keep_rows(&mut self.lengths, stays, 1);
        keep_rows(&mut self.logs, stays, 1);
        keep_rows(&mut self.rejected, stays, 1);
    }
}

/// The length of the Euler step that probes the field: a hundredth of |x| / |v|.
fn probe(d0: f64, d1: f64) -> f64 {
    if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 }
}

/// How fast the velocity changes along the Euler step: d₂ = |v(t + h, x + h v) − v| / h.
fn bend(
    moving: &mut Moving,
    tolerance: &Tolerance,
    widths: &[usize],
    probes: &[f64],
    direction: f64,
) -> Result<Vec<f64>> {
    let rows = moving.x.chunks_exact(moving.width).zip(moving.stages[0].chunks_exact(moving.width));
    let euler = |((x, v), h): ((&[Real], &[Real]), &f64)| {
        let h = (direction * h) as Real;
        x.iter().zip(v).map(|(x, v)| x + h * v).collect::<Vec<_>>()
    };
    let at: Vec<Real> = rows.zip(probes).flat_map(euler).collect();
    let t = moving.t.iter().zip(probes).map(|(t, h)| (t + direction * h) as Real).collect();
    let change = moving.ask(t, &at)?;
    let change: Vec<Real> = change.iter().zip(&moving.stages[0]).map(|(then, now)| then - now).collect();
    let sizes = tolerance.sizes_at(&change, &moving.x, widths);
    Ok(sizes.iter().zip(probes).map(|(size, h)| size / h).collect())
}

/// A length whose error would be about 0.01 of the tolerance, and at most a hundred probes.
fn first_length(h: f64, fastest: f64, order: f64) -> f64 {
    let length = if fastest <= 1e-15 { (1e-3 * h).max(1e-6) } else { (0.01 / fastest).powf(1.0 / order) };
    length.min(100.0 * h)
}
