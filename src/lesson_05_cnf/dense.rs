//! The path within the steps.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Solution;
use super::path::Moving;
use super::state::{State, total};
use crate::tensor::{Dev, Real};
use crate::{Error, Result};
use std::marker::PhantomData;

/// A solution that knows x(t) at every time between its ends.
///
/// Each step of each point is kept as a polynomial, x(t + θ h) ≈ x + h Σᵢ bᵢ(θ) kᵢ, with the weights of the method's
/// [`Tableau`](super::Tableau): of order 4 for the methods of order 5. The memory grows with the number of steps.
///
/// ```
/// use pushforward::cnf::{DOPRI5, OdeSolver};
/// use pushforward::tensor::{Points, Source, rows};
///
/// let x = Source::new(0).points(&[[1.0]])?;
/// let solver = OdeSolver::adaptive(DOPRI5, 1e-5);
/// let path = solver.solve_state_dense(|_, x: Points<1>, _| Ok(x * -1.0), x, 0.0, 2.0)?;
/// let middle = rows(&path.at(1.0)?)[0][0];
/// assert!((middle - 0.36788).abs() < 1e-4, "e⁻¹, to a few steps' tolerances");
/// assert_eq!(path.trajectory(&[0.0, 0.5, 2.0])?.len(), 3);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DenseSolution<S> {
    /// The end of the paths, and what they cost.
    pub solution: Solution<S>,
    pub(super) record: Record,
    pub(super) device: Dev,
}

impl<S: State> DenseSolution<S> {
    /// x(t), for one time of all points.
    ///
    /// Errors: [`Error::OutOfDomain`] for a time that is not between the ends.
    pub fn at(&self, t: Real) -> Result<S> {
        S::read(&self.device, &self.record.at(t.into())?, total::<S>(), 0)
    }

    /// x(t) at each of some times, in any order.
    ///
    /// Errors: those of [`DenseSolution::at`].
    pub fn trajectory(&self, times: &[Real]) -> Result<Vec<S>> {
        times.iter().map(|t| self.at(*t)).collect()
    }
}

/// A step that some points have taken, for [`OdeSolver::solve_observed`](super::OdeSolver::solve_observed).
#[derive(Clone, Debug)]
pub struct Step<S> {
    which: Vec<usize>,
    start: Vec<Real>,
    size: Vec<Real>,
    polynomials: Vec<Vec<Real>>,
    device: Dev,
    state: PhantomData<S>,
}

impl<S: State> Step<S> {
    /// The step of the rows that are given.
    pub(super) fn new(moving: &Moving, accepted: &[bool], device: &Dev) -> Self {
        let rows: Vec<usize> = (0..accepted.len()).filter(|row| accepted[*row]).collect();
        Self {
            which: rows.iter().map(|row| moving.which[*row]).collect(),
            start: rows.iter().map(|row| moving.t[*row] as Real).collect(),
            size: rows.iter().map(|row| (moving.next[*row] - moving.t[*row]) as Real).collect(),
            polynomials: rows.iter().map(|row| moving.polynomial(*row)).collect(),
            device: device.clone(),
            state: PhantomData,
        }
    }

    /// Which points of the batch have taken it.
    pub fn which(&self) -> &[usize] {
        &self.which
    }

    /// The time of each of them before the step.
    pub fn start(&self) -> &[Real] {
        &self.start
    }

    /// The length of the step of each of them; negative where time goes back.
    pub fn size(&self) -> &[Real] {
        &self.size
    }

    /// Their states within the step, at the times start + θ size.
    ///
    /// Errors: [`Error::OutOfDomain`] for a θ outside of [0, 1].
    pub fn at(&self, theta: Real) -> Result<S> {
        if !(0.0..=1.0).contains(&theta) {
            let (what, expected) = ("the fraction θ of a step", "between 0 and 1");
            return Err(Error::OutOfDomain { what, expected, found: theta.into() });
        }
        let width = total::<S>();
        let rows: Vec<Real> = self.polynomials.iter().flat_map(|row| evaluated(row, width, theta)).collect();
        S::read(&self.device, &rows, width, 0)
    }
}

/// All steps of every point.
#[derive(Clone, Debug)]
pub(super) struct Record {
    from: f64,
    to: f64,
    width: usize,
    start: Vec<Real>,
    points: Vec<Steps>,
}

/// The steps of one point: the time at the end of each, and its polynomial.
#[derive(Clone, Debug, Default)]
struct Steps {
    ends: Vec<f64>,
    polynomials: Vec<Vec<Real>>,
}

impl Record {
    pub(super) fn new(start: Vec<Real>, width: usize, from: f64, to: f64) -> Self {
        let points = vec![Steps::default(); start.len() / width];
        Self { from, to, width, start, points }
    }

    /// Remembers the steps of the rows that are given.
    pub(super) fn add(&mut self, moving: &Moving, accepted: &[bool]) {
        for row in (0..accepted.len()).filter(|row| accepted[*row]) {
            let steps = &mut self.points[moving.which[row]];
            steps.ends.push(moving.next[row]);
            steps.polynomials.push(moving.polynomial(row));
        }
    }

    fn at(&self, t: f64) -> Result<Vec<Real>> {
        let (first, last) = (self.from.min(self.to), self.from.max(self.to));
        if !(first..=last).contains(&t) {
            let (what, expected) = ("the time of a state on a path", "between the ends of the path");
            return Err(Error::OutOfDomain { what, expected, found: t });
        }
        let rows = self.points.iter().zip(self.start.chunks_exact(self.width));
        Ok(rows.flat_map(|(steps, start)| self.state(steps, start, t)).collect())
    }

    /// The state of one point.
    fn state(&self, steps: &Steps, start: &[Real], t: f64) -> Vec<Real> {
        let forward = self.to > self.from;
        let step = steps.ends.partition_point(|end| if forward { *end < t } else { *end > t });
        let Some(polynomial) = steps.polynomials.get(step) else { return start.to_vec() };
        let begin = if step == 0 { self.from } else { steps.ends[step - 1] };
        let length = steps.ends[step] - begin;
        // A step between times that are one number has no within.
        let theta = if length == 0.0 { 1.0 } else { (t - begin) / length };
        evaluated(polynomial, self.width, theta as Real)
    }
}

/// The polynomials of a row at θ, by Horner's rule from the highest power down.
fn evaluated(polynomial: &[Real], width: usize, theta: Real) -> Vec<Real> {
    let mut state = vec![0.0; width];
    for coefficients in polynomial.chunks_exact(width).rev() {
        state.iter_mut().zip(coefficients).for_each(|(x, c)| *x = *x * theta + c);
    }
    state
}
