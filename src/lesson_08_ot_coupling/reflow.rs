//! Pairs that a trained field makes.

use super::Pairs;
use crate::Result;
use crate::lesson_05_cnf::{OdeSolver, VectorField};
use crate::tensor::Points;

/// Pairs of noise and the point to which a field carries it, on which the next field is trained: reflow (Liu, Gong and
/// Liu 2022, arXiv:2209.03003).
///
/// Where the field is the exact one of its pairs, the new pairs have the same distributions, and straight lines between
/// them cost no more than between the old ones, for every convex cost; in practice the next field is straighter
/// ([`PathMeasures::straightness`](super::PathMeasures)). That the paths of a field do not cross says nothing of the
/// lines between their ends: half a turn about a point reverses every one of them through it. What a trained field has
/// wrong at t = 1, the next one learns.
///
/// Errors: those of [`OdeSolver::solve`].
pub fn reflow<const D: usize>(
    field: &impl VectorField<D>,
    solver: &OdeSolver,
    x_0: Points<D>,
) -> Result<Pairs<D>> {
    let x_1 = solver.solve(field, x_0.clone(), 0.0, 1.0)?.end;
    Ok(Pairs { x_0, x_1 })
}
