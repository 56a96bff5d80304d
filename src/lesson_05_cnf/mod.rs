//! Lesson 05: continuous normalizing flows.
//!
//! A velocity field v(t, x) carries a point along dx/dt = v(t, x), from noise at t = 0 to data at t = 1. The map from
//! one end to the other is a bijection, whatever the field is, and along a path d log p / dt = −∇·v (Chen et al.
//! 2018, arXiv:1806.07366, theorem 1).
//!
//! The numerical half: a Runge-Kutta method is a [`Tableau`], an [`OdeSolver`] follows the paths with it, in steps of
//! one length or of lengths that fit each point.
//!
//! The probabilistic half: a field with a [`Divergence`] is a flow, [`Cnf`], trained [`ThroughSolver`] or by the
//! [`Adjoint`], with RNODE's penalties if wanted ([`regularized_loss`]); [`continuity_residual`] checks that a density
//! moves as a field says.

mod adjoint;
mod continuity;
mod dense;
mod divergence;
mod fixed;
mod methods;
mod model;
mod path;
mod regularize;
mod solver;
mod state;
mod steps;
mod tableau;
mod through_solver;

pub use adjoint::Adjoint;
pub use continuity::continuity_residual;
pub use dense::{DenseSolution, Step};
pub use divergence::{Divergence, Probes, TraceEstimator};
pub use fixed::solve_fixed;
pub use methods::{BOSH3, DOPRI5, EULER, HEUN, MIDPOINT, RK4, RK38, TSIT5};
pub use model::Cnf;
pub use regularize::{PathCosts, PathRates, Regularizer, regularized_loss};
pub use solver::{OdeSolver, Solution};
pub use state::State;
pub use steps::ErrorNorm;
pub use tableau::Tableau;
pub use through_solver::{GradientMode, ThroughSolver};

use crate::Result;
use crate::nn::{Activation, Mlp};
use crate::tensor::{Dev, PerPoint, Points, Real, append};
use dfdx::prelude::{NoneTape, Tape};

/// A velocity v(t, x) at each time t and point x.
pub trait VectorField<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    /// v(t, x), shape (N, D), for times of shape (N,) and points of shape (N, D).
    ///
    /// Errors: [`Error::BatchMismatch`](crate::Error::BatchMismatch) if there is not one time per point.
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>>;
}

/// A network with one more input than outputs is a velocity field: it reads (x, t).
impl<const I: usize, const H: usize, const D: usize, const L: usize, A, T> VectorField<D, T>
    for Mlp<I, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.apply(append(x, t)?)
    }
}
