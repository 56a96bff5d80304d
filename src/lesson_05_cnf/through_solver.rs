//! Two ways to gradients; the first records every step.

use super::{Divergence, OdeSolver, PathRates, solve_fixed};
use crate::tensor::{PerPoint, Points, Real, Recording};
use crate::{Error, Result};

/// How the gradients of a solution are computed, with respect to where it begins and to the parameters of its field.
pub trait GradientMode<F, const D: usize> {
    /// x at the time `to`, shape (N, D), and a at the time `to`, shape (N,), for x at the time `from` with a = 0
    /// there. What was computed is on the tape, which goes with x: a loss must contain both.
    ///
    /// Errors: those of the solver and of the field.
    fn integrate(
        &self,
        solver: &OdeSolver,
        rates: &PathRates<'_, F, D>,
        x: Points<D, Recording>,
        from: Real,
        to: Real,
    ) -> Result<(Points<D, Recording>, PerPoint<Recording>)>;
}

/// Differentiates through the solver: every operation of every step is recorded (discretize, then optimize).
///
/// The gradient is that of what the solver computed, to rounding, whatever its error; the memory grows with the
/// number of steps. It needs a fixed number of them: the choice of steps of an adaptive solver has no derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThroughSolver;

impl<F: Divergence<D, Recording>, const D: usize> GradientMode<F, D> for ThroughSolver {
    fn integrate(
        &self,
        solver: &OdeSolver,
        rates: &PathRates<'_, F, D>,
        x: Points<D, Recording>,
        from: Real,
        to: Real,
    ) -> Result<(Points<D, Recording>, PerPoint<Recording>)> {
        let Some(steps) = solver.steps() else {
            return Err(Error::OutOfDomain {
                what: "the number of fixed steps of the solver",
                expected: "at least 1 to differentiate through it: use `OdeSolver::fixed`, or `Cnf::with_adjoint` for an \
                           adaptive solver",
                found: 0.0,
            });
        };
        solve_fixed(solver.tableau(), steps, |t, x| rates.at(t, x), x, from, to)
    }
}
