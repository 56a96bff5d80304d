//! Points on their way: one step of a method for all that still move, on slices.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Tableau;
use crate::tensor::Real;
use crate::{Error, Obstacle, Result};

/// Writes the velocities at some times and rows: (t, rows, which points of the batch they are, where to write).
pub(super) type Velocity<'a> = dyn FnMut(Vec<Real>, &[Real], &[usize], &mut [Real]) -> Result<()> + 'a;

/// The points that still move, a row each, with a time and a step of its own.
pub(super) struct Moving<'a> {
    tableau: Tableau,
    velocity: &'a mut Velocity<'a>,
    pub(super) width: usize,
    /// Which points of the batch they are.
    pub(super) which: Vec<usize>,
    /// The time of each row, and the time at the end of its step.
    pub(super) t: Vec<f64>,
    pub(super) next: Vec<f64>,
    /// x(t) and x(next), row after row.
    pub(super) x: Vec<Real>,
    pub(super) end: Vec<Real>,
    /// k of each stage, row after row.
    pub(super) stages: Vec<Vec<Real>>,
    /// How often each point of the batch was asked for its velocity.
    pub(super) evaluations: Vec<usize>,
}

impl<'a> Moving<'a> {
    /// All points at their start.
    pub(super) fn new(
        tableau: Tableau,
        velocity: &'a mut Velocity<'a>,
        x: Vec<Real>,
        width: usize,
        t: f64,
    ) -> Self {
        let n = x.len() / width;
        Self {
            tableau,
            velocity,
            width,
            which: (0..n).collect(),
            t: vec![t; n],
            next: vec![t; n],
            end: x.clone(),
            stages: vec![vec![0.0; x.len()]; tableau.stages()],
            x,
            evaluations: vec![0; n],
        }
    }

    /// The velocities at other times and rows than those of a stage.
    pub(super) fn ask(&mut self, t: Vec<Real>, rows: &[Real]) -> Result<Vec<Real>> {
        let mut v = vec![0.0; rows.len()];
        (self.velocity)(t, rows, &self.which, &mut v)?;
        self.count();
        Ok(v)
    }

    /// The first stage: v(t, x).
    pub(super) fn begin(&mut self) -> Result<()> {
        let t = self.t.iter().map(|t| *t as Real).collect();
        (self.velocity)(t, &self.x, &self.which, &mut self.stages[0])?;
        self.count();
        Ok(())
    }

    /// The other stages, kᵢ = v(t + cᵢ h, x + h Σⱼ aᵢⱼ kⱼ), and the end of the step, x + h Σᵢ bᵢ kᵢ.
    pub(super) fn step(&mut self) -> Result<()> {
        for stage in 1..self.stages.len() {
            self.move_by(self.tableau.a[stage]);
            let c = self.tableau.c[stage];
            let between = |(t, next): (&f64, &f64)| if c == 1.0 { *next } else { t + c * (next - t) };
            let t = self.t.iter().zip(&self.next).map(between).map(|t| t as Real).collect();
            (self.velocity)(t, &self.end, &self.which, &mut self.stages[stage])?;
            self.count();
        }
        // The last stage of such a method is at the end of the step.
        if !self.tableau.first_same_as_last() {
            self.move_by(self.tableau.b);
        }
        Ok(())
    }

    /// The end is x + h Σⱼ wⱼ kⱼ.
    fn move_by(&mut self, weights: &[f64]) {
        weighted_sum(weights, &self.stages, &mut self.end);
        let times = self.t.iter().zip(&self.next);
        let rows = self.end.chunks_exact_mut(self.width).zip(self.x.chunks_exact(self.width));
        for ((end, x), (t, next)) in rows.zip(times) {
            let h = (next - t) as Real;
            end.iter_mut().zip(x).for_each(|(end, x)| *end = x + h * *end);
        }
    }

    /// The estimated error of the step, divided by a + r max(|x(t)|, |x(t + h)|); NaN where x(t + h) is not finite.
    pub(super) fn scaled_errors(&self, a: Real, r: Real) -> Vec<Real> {
        let mut errors = vec![0.0; self.x.len()];
        weighted_sum(self.tableau.error, &self.stages, &mut errors);
        let times = self.t.iter().zip(&self.next);
        let states = self.x.chunks_exact(self.width).zip(self.end.chunks_exact(self.width));
        for ((errors, (x, end)), (t, next)) in errors.chunks_exact_mut(self.width).zip(states).zip(times) {
            let h = (next - t) as Real;
            for ((error, x), end) in errors.iter_mut().zip(x).zip(end) {
                *error *= h / (a + r * x.abs().max(end.abs()));
                if !end.is_finite() {
                    *error = Real::NAN;
                }
            }
        }
        errors
    }

    /// The coefficients of 1, θ, θ², … of x(t) + h Σᵢ bᵢ(θ) kᵢ of one row: one list after the other.
    pub(super) fn polynomial(&self, row: usize) -> Vec<Real> {
        let (width, degree) = (self.width, self.tableau.degree());
        let h = (self.next[row] - self.t[row]) as Real;
        let mut sums = vec![0.0; (degree + 1) * width];
        sums[..width].copy_from_slice(&self.x[row * width..(row + 1) * width]);
        for (stage, weights) in self.stages.iter().zip(self.tableau.dense) {
            let k = &stage[row * width..(row + 1) * width];
            for (sums, weight) in sums[width..].chunks_exact_mut(width).zip(*weights) {
                sums.iter_mut().zip(k).for_each(|(sum, k)| *sum += h * *weight as Real * k);
            }
        }
        sums
    }

    /// The rows that are given go to the end of their step.
    pub(super) fn advance(&mut self, accepted: &[bool]) {
        let last = self.stages.len() - 1;
        let reuse = self.tableau.first_same_as_last();
        if accepted.iter().all(|accepted| *accepted) {
            std::mem::swap(&mut self.x, &mut self.end);
            self.t.copy_from_slice(&self.next);
            if reuse {
                self.stages.swap(0, last);
            }
            return;
        }
        for row in (0..accepted.len()).filter(|row| accepted[*row]) {
            let numbers = row * self.width..(row + 1) * self.width;
            self.t[row] = self.next[row];
            self.x[numbers.clone()].copy_from_slice(&self.end[numbers.clone()]);
            if let ([first, .., last], true) = (&mut self.stages[..], reuse) {
                first[numbers.clone()].copy_from_slice(&last[numbers]);
            }
        }
    }

    /// Only the rows that are given stay. What a step computes anew is cut to size.
    pub(super) fn keep(&mut self, stays: &[bool]) {
        keep_rows(&mut self.which, stays, 1);
        keep_rows(&mut self.t, stays, 1);
        keep_rows(&mut self.x, stays, self.width);
        keep_rows(&mut self.stages[0], stays, self.width);
        self.next.truncate(self.which.len());
        self.end.truncate(self.x.len());
        self.stages.iter_mut().for_each(|stage| stage.truncate(self.x.len()));
    }

    /// The error that names a row and its time.
    pub(super) fn unsolved(&self, row: usize, cause: Obstacle) -> Error {
        Error::Unsolved { cause, point: self.which[row], t: self.t[row] }
    }

    /// An error unless all these numbers, row after row, are finite.
    pub(super) fn check_finite(&self, numbers: &[Real]) -> Result<()> {
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(self.unsolved(index / self.width, Obstacle::NotFinite)),
            None => Ok(()),
        }
    }

    /// An error unless all velocities of the step are finite, also that at its end, which the end does not depend on.
    pub(super) fn check_velocities(&self) -> Result<()> {
        self.stages.iter().try_for_each(|stage| self.check_finite(stage))
    }

    /// Whether all numbers of a row and of its velocities are finite.
    pub(super) fn is_finite(&self, row: usize) -> bool {
        let numbers = row * self.width..(row + 1) * self.width;
        let lists = self.stages.iter().chain([&self.end]);
        lists.into_iter().all(|list| list[numbers.clone()].iter().all(|number| number.is_finite()))
    }

    fn count(&mut self) {
        self.which.iter().for_each(|point| self.evaluations[*point] += 1);
    }
}

/// Σⱼ wⱼ kⱼ.
fn weighted_sum(weights: &[f64], stages: &[Vec<Real>], sums: &mut [Real]) {
    sums.fill(0.0);
    for (weight, stage) in weights.iter().zip(stages).filter(|(weight, _)| **weight != 0.0) {
        let weight = *weight as Real;
        sums.iter_mut().zip(stage).for_each(|(sum, k)| *sum += weight * k);
    }
}

/// Keeps the rows of a list, each of `width` entries, that stay.
pub(super) fn keep_rows<X: Copy>(list: &mut Vec<X>, stays: &[bool], width: usize) {
    let mut kept = 0;
    for row in (0..stays.len()).filter(|row| stays[*row]) {
        list.copy_within(row * width..(row + 1) * width, kept);
        kept += width;
    }
    list.truncate(kept);
}
