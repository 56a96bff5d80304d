//! Following the paths from one time to another.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::dense::{DenseSolution, Record, Step};
use super::path::{Moving, Velocity};
use super::state::{State, total};
use super::steps::{Pace, Tolerance};
use super::{ErrorNorm, Tableau, VectorField};
use crate::tensor::{PerPoint, Points, Real, check_all_finite, check_same_batch, check_some, check_steps};
use crate::{Error, Obstacle, Result};
use dfdx::prelude::TensorFromVec;

/// Solves dx/dt = v(t, x): a Runge-Kutta method with steps of one length, or of lengths that keep the error of each
/// step below a tolerance.
///
/// ```
/// use pushforward::cnf::{DOPRI5, OdeSolver};
/// use pushforward::tensor::{Points, Source, rows};
///
/// let x = Source::new(0).points(&[[1.0], [2.0]])?;
/// let found = OdeSolver::adaptive(DOPRI5, 1e-5).solve_state(|_, x: Points<1>, _| Ok(x * -3.0), x, 0.0, 1.0)?;
/// let expected = (-3f64).exp() as pushforward::tensor::Real;
/// assert!((rows(&found.end)[0][0] - expected).abs() < 1e-4, "e⁻³, to a few steps' tolerances");
/// assert_eq!(found.evaluations[0], 2 + 6 * found.accepted[0], "two for the length of the first step, six in each");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OdeSolver {
    tableau: Tableau,
    /// How many steps of one length; `None` where the lengths follow the error.
    steps: Option<usize>,
    tolerance: Tolerance,
    max_steps: usize,
}

/// Where the paths end, and what they cost.
#[derive(Clone, Debug)]
pub struct Solution<S> {
    /// The state at the end.
    pub end: S,
    /// How often the velocity of each point was asked.
    pub evaluations: Vec<usize>,
    /// How many steps each point took.
    pub accepted: Vec<usize>,
    /// How many steps of each point were tried and not taken, because their error was too large.
    pub rejected: Vec<usize>,
}

impl<S> Solution<S> {
    /// How often the field was asked, for any number of points: the most evaluations of a point.
    pub fn nfe(&self) -> usize {
        self.evaluations.iter().copied().max().unwrap_or_default()
    }
}

impl OdeSolver {
    /// Steps of one length, |to − from| / `steps`.
    pub fn fixed(tableau: Tableau, steps: usize) -> Self {
        Self { steps: Some(steps), ..Self::adaptive(tableau, 1e-5) }
    }

    /// Steps whose estimated error, in the norm [`ErrorNorm::PerPoint`], is at most the tolerance times 1 + |x|. The errors of
    /// all steps add up: at the end expect some tolerances.
    pub fn adaptive(tableau: Tableau, tolerance: Real) -> Self {
        let tolerance = Tolerance { norm: ErrorNorm::PerPoint, absolute: tolerance, relative: tolerance };
        Self { tableau, steps: None, tolerance, max_steps: 10_000 }
    }

    /// Another norm of the error. It means nothing where the steps have one length.
    pub fn with_norm(mut self, norm: ErrorNorm) -> Self {
        self.tolerance.norm = norm;
        self
    }

    /// The absolute and the relative tolerance.
    pub fn with_tolerances(mut self, absolute: Real, relative: Real) -> Self {
        self.tolerance = Tolerance { absolute, relative, ..self.tolerance };
        self
    }

    /// How many steps an adaptive solver tries for each point before it gives up, 10,000 unless said otherwise.
    pub fn with_max_steps(mut self, max_steps: usize) -> Self {
        self.max_steps = max_steps;
        self
    }

    /// The method.
    pub fn tableau(&self) -> &Tableau {
        &self.tableau
    }

    /// How many steps of one length; `None` for an adaptive solver.
    pub fn steps(&self) -> Option<usize> {
        self.steps
    }

    /// x(to) from x(from), along dx/dt = v(t, x). Where to < from, it goes back in time.
    ///
    /// Errors: [`Error::Unsolved`] with the point and the time where a path cannot be followed;
    /// [`Error::OutOfDomain`] for a tolerance that is not above 0, no steps, or a time that is not finite;
    /// [`Error::NotFinite`] for x; [`Error::BatchMismatch`] where the field gives not one velocity per point;
    /// [`Error::Empty`] for no points, or for a method without an estimate of its error that should choose its steps;
    /// those of the field.
    pub fn solve<const D: usize>(
        &self,
        field: &impl VectorField<D>,
        x: Points<D>,
        from: Real,
        to: Real,
    ) -> Result<Solution<Points<D>>> {
        self.solve_state(|t, x, _| field.velocity(t, x), x, from, to)
    }

    /// The same for any state. `f(t, state, which)` gives the velocity of a state: it is asked for the points that
    /// still move, each at its own time, and is told which points of the whole batch they are.
    ///
    /// ```
    /// use pushforward::cnf::{OdeSolver, RK4};
    /// use pushforward::tensor::{PerPoint, Points, Source, values};
    ///
    /// let source = Source::new(0);
    /// let state = (source.points(&[[1.0], [2.0]])?, source.per_point(&[0.0, 0.0])?);
    /// let field = |t: PerPoint, (x, _): (Points<1>, PerPoint), _: &[usize]| Ok((x * -1.0, t * 2.0));
    /// let (_, number) = OdeSolver::fixed(RK4, 10).solve_state(field, state, 0.0, 1.0)?.end;
    /// assert!((values(&number)[1] - 1.0).abs() < 1e-5, "the integral of 2 t, to rounding");
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    ///
    /// Errors: those of [`OdeSolver::solve`].
    pub fn solve_state<S: State>(
        &self,
        f: impl FnMut(PerPoint, S, &[usize]) -> Result<S>,
        state: S,
        from: Real,
        to: Real,
    ) -> Result<Solution<S>> {
        self.follow(f, state, from, to, &mut |_, _| Ok(()))
    }

    /// The same, and each step is shown when it is taken: for an integral along the paths that has no part in the
    /// choice of the steps. Points that do not take a step, because its error is too large, are not shown with it.
    ///
    /// Errors: those of [`OdeSolver::solve`] and of `observe`.
    pub fn solve_observed<S: State>(
        &self,
        f: impl FnMut(PerPoint, S, &[usize]) -> Result<S>,
        state: S,
        from: Real,
        to: Real,
        mut observe: impl FnMut(&Step<S>) -> Result<()>,
    ) -> Result<Solution<S>> {
        let device = state.device().clone();
        let mut show = |moving: &Moving, accepted: &[bool]| match accepted.contains(&true) {
            true => {
                moving.check_velocities()?;
                observe(&Step::new(moving, accepted, &device))
            }
            false => Ok(()),
        };
        self.follow(f, state, from, to, &mut show)
    }

    /// [`OdeSolver::solve`], with the states between the ends.
    ///
    /// Errors: those of [`OdeSolver::solve`].
    pub fn solve_dense<const D: usize>(
        &self,
        field: &impl VectorField<D>,
        x: Points<D>,
        from: Real,
        to: Real,
    ) -> Result<DenseSolution<Points<D>>> {
        self.solve_state_dense(|t, x, _| field.velocity(t, x), x, from, to)
    }

    /// [`OdeSolver::solve_state`], with the states between the ends.
    ///
    /// Errors: those of [`OdeSolver::solve`].
    pub fn solve_state_dense<S: State>(
        &self,
        f: impl FnMut(PerPoint, S, &[usize]) -> Result<S>,
        state: S,
        from: Real,
        to: Real,
    ) -> Result<DenseSolution<S>> {
        let device = state.device().clone();
        let mut record = Record::new(rows_of(&state)?, total::<S>(), from.into(), to.into());
        let mut add = |moving: &Moving, accepted: &[bool]| {
            moving.check_velocities()?;
            record.add(moving, accepted);
            Ok(())
        };
        let solution = self.follow(f, state, from, to, &mut add)?;
        Ok(DenseSolution { solution, record, device })
    }

    /// From tensors to rows of numbers, and back.
    fn follow<S: State>(
        &self,
        mut f: impl FnMut(PerPoint, S, &[usize]) -> Result<S>,
        state: S,
        from: Real,
        to: Real,
        observe: &mut Observe<'_>,
    ) -> Result<Solution<S>> {
        self.check(from, to)?;
        let (x, width, device) = (rows_of(&state)?, total::<S>(), state.device().clone());
        let mut velocity = |t: Vec<Real>, rows: &[Real], which: &[usize], into: &mut [Real]| {
            let t = device.try_tensor_from_vec(t, (which.len(),))?;
            let v = f(t, S::read(&device, rows, width, 0)?, which)?;
            check_same_batch("the velocity of the field", which.len(), v.points()?)?;
            v.write(into, width, 0)
        };
        let task = Task { solver: self, widths: S::widths(), from: from.into(), to: to.into(), observe };
        let found = task.run(&mut velocity, x)?;
        let Solution { end, evaluations, accepted, rejected } = found;
        Ok(Solution { end: S::read(&device, &end, width, 0)?, evaluations, accepted, rejected })
    }

    fn check(&self, from: Real, to: Real) -> Result<()> {
        let refuse =
            |what, expected, found: Real| Err(Error::OutOfDomain { what, expected, found: found.into() });
        self.tableau.check()?;
        if let Some(time) = [from, to].into_iter().find(|time| !time.is_finite()) {
            return refuse("the time at an end of a path", "finite", time);
        }
        match self.steps {
            Some(steps) => return check_steps(steps),
            None => self.tableau.check_adaptive()?,
        }
        let Tolerance { absolute, relative, .. } = self.tolerance;
        if !(absolute > 0.0 && absolute.is_finite()) {
            return refuse("the absolute tolerance", "above 0", absolute);
        }
        if !(relative >= 0.0 && relative.is_finite()) {
            return refuse("the relative tolerance", "at least 0", relative);
        }
        Ok(())
    }
}

/// The numbers of a state, row after row.
fn rows_of<S: State>(state: &S) -> Result<Vec<Real>> {
    let (n, width) = (state.points()?, total::<S>());
    check_some("the state that a solver moves", n)?;
    check_some("a part of the state that a solver moves", S::widths().into_iter().min().unwrap_or(0))?;
    let mut rows = vec![0.0; n * width];
    state.write(&mut rows, width, 0)?;
    check_all_finite("the state that a solver moves", &rows)?;
    Ok(rows)
}

/// Is shown each step, and which rows take it.
type Observe<'a> = dyn FnMut(&Moving, &[bool]) -> Result<()> + 'a;

/// One solve, on rows of numbers.
struct Task<'a> {
    solver: &'a OdeSolver,
    widths: Vec<usize>,
    from: f64,
    to: f64,
    observe: &'a mut Observe<'a>,
}

impl Task<'_> {
    fn run<'v>(self, velocity: &'v mut Velocity<'v>, x: Vec<Real>) -> Result<Solution<Vec<Real>>> {
        let n = x.len() / self.widths.iter().sum::<usize>();
        if self.from == self.to {
            return Ok(Solution {
                end: x,
                evaluations: vec![0; n],
                accepted: vec![0; n],
                rejected: vec![0; n],
            });
        }
        let width = self.widths.iter().sum();
        let moving = Moving::new(self.solver.tableau, velocity, x, width, self.from);
        match self.solver.steps {
            Some(steps) => self.equal_steps(moving, steps),
            None => self.own_steps(moving),
        }
    }

    fn equal_steps(self, mut moving: Moving, steps: usize) -> Result<Solution<Vec<Real>>> {
        let all = vec![true; moving.which.len()];
        let reuse = self.solver.tableau.first_same_as_last();
        for step in 1..=steps {
            let part = step as f64 / steps as f64;
            moving.next.fill(if step == steps { self.to } else { self.from + part * (self.to - self.from) });
            if step == 1 || !reuse {
                moving.begin()?;
            }
            moving.step()?;
            moving.check_finite(&moving.end)?;
            (self.observe)(&moving, &all)?;
            moving.advance(&all);
        }
        let n = all.len();
        let Moving { x: end, evaluations, .. } = moving;
        Ok(Solution { end, evaluations, accepted: vec![steps; n], rejected: vec![0; n] })
    }

    fn own_steps(self, mut moving: Moving) -> Result<Solution<Vec<Real>>> {
        let Self { to, solver: OdeSolver { tableau, tolerance, max_steps, .. }, .. } = self;
        let mut found = Solution {
            end: moving.x.clone(),
            evaluations: Vec::new(),
            accepted: vec![0; moving.which.len()],
            rejected: vec![0; moving.which.len()],
        };
        moving.begin()?;
        moving.check_finite(&moving.stages[0])?;
        let mut pace = Pace::first(&mut moving, tolerance, &self.widths, tableau.order, to)?;
        for step in 0..*max_steps {
            if step > 0 && !tableau.first_same_as_last() {
                moving.begin()?;
            }
            pace.plan(&mut moving);
            moving.step()?;
            let accepted = pace.judge(&moving, &tolerance.errors(&moving, &self.widths))?;
            (self.observe)(&moving, &accepted)?;
            moving.advance(&accepted);
            found.take(&moving, &accepted);
            let stays: Vec<bool> = moving.t.iter().map(|t| *t != to).collect();
            if stays.contains(&false) {
                found.arrive(&moving, &stays);
                moving.keep(&stays);
                pace.keep(&stays);
            }
            if moving.which.is_empty() {
                found.evaluations = moving.evaluations;
                return Ok(found);
            }
        }
        Err(moving.unsolved(0, Obstacle::TooManySteps { steps: *max_steps }))
    }
}

impl Solution<Vec<Real>> {
    /// Counts the steps.
    fn take(&mut self, moving: &Moving, accepted: &[bool]) {
        for (point, accepted) in moving.which.iter().zip(accepted) {
            let count = if *accepted { &mut self.accepted } else { &mut self.rejected };
            count[*point] += 1;
        }
    }

    /// Keeps the ends of the rows that do not stay.
    fn arrive(&mut self, moving: &Moving, stays: &[bool]) {
        let rows = moving.x.chunks_exact(moving.width).zip(&moving.which).zip(stays);
        for ((row, point), _) in rows.filter(|(_, stays)| !**stays) {
            self.end[point * moving.width..][..moving.width].copy_from_slice(row);
        }
    }
}
