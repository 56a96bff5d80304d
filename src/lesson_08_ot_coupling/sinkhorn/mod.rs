//! Plans blurred by an entropy.

mod entry;
mod exponential;
mod kernel;
mod part;
mod soft;
mod unbalanced;

use super::support::Support;
use super::transport::check_balanced;
use super::{Costs, Plan};
#[cfg(doc)]
use crate::Error;
use crate::Result;
use crate::tensor::{check_positive, check_steps};
use kernel::Kernel;
use soft::soft_minima;
pub use unbalanced::UnbalancedSinkhorn;

/// Sinkhorn's iteration for the plan that minimises Σ πᵢⱼ cᵢⱼ + ε KL(π | a ⊗ b) among those with the row masses a and
/// the column masses b (Cuturi 2013, arXiv:1306.0895; Peyré and Cuturi 2019, arXiv:1803.00567, section 4.2).
///
/// The plan is πᵢⱼ = aᵢ bⱼ exp((fᵢ + gⱼ − cᵢⱼ) / ε). In turn f makes the row masses right and g the column masses. A
/// large ε makes for few iterations and a plan near a ⊗ b; for ε → 0 the plan tends to a cheapest one.
///
/// The field [`epsilon`](Sinkhorn::epsilon) is relative: ε is that times the mean of |cᵢⱼ|, and grows with the costs.
/// Where an absolute ε is wanted, divide it by that mean ([`Costs::mean`], if no cost is negative).
///
/// ```
/// use pushforward::ot_coupling::{Costs, Sinkhorn};
///
/// let costs = Costs::new(2, 2, vec![0.0, 1.0, 1.0, 0.0])?;
/// let plan = Sinkhorn { epsilon: 1.0, ..Sinkhorn::default() }.solve(&costs, &[0.5; 2], &[0.5; 2])?.plan;
/// let expected = 0.5 / (1.0 + (-2.0_f64).exp());
/// assert!((plan.at(0, 0) - expected).abs() < 1e-9, "the mean cost is ½, so ε = ½; to the tolerance");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sinkhorn {
    /// ε as a multiple of the mean absolute cost.
    pub epsilon: f64,
    /// The iteration ends where the row masses are so wrong, in all, as a part of the whole mass.
    pub tolerance: f64,
    /// How many iterations are allowed.
    pub max_iterations: usize,
}

/// Row masses that are right to this with a kernel in f32 are nearly as wrong with one in f64: its entries are rounded
/// to 6·10⁻⁸, and a row's errors partly make up for each other.
const ROUGH: f64 = 1e-8;

/// With a part of the whole mass below this, entries of K may be beyond f32: they are at most the inverse of a mass.
const LIGHT: f64 = 1e-30;

/// How ε is called in errors.
pub(super) const EPSILON: &str = "epsilon times the mean cost";

impl Default for Sinkhorn {
    /// ε of 0.05 mean costs, masses right to 10⁻⁹, at most 10,000 iterations.
    fn default() -> Self {
        Self { epsilon: 0.05, tolerance: 1e-9, max_iterations: 10_000 }
    }
}

/// A blurred plan and its potentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Entropic {
    /// π.
    pub plan: Plan,
    /// f, one for each row.
    pub row_potentials: Vec<f64>,
    /// g, one for each column.
    pub column_potentials: Vec<f64>,
    /// How many iterations there were.
    pub iterations: usize,
}

impl Sinkhorn {
    /// The plan, whose column masses are right to rounding and whose row masses to the tolerance.
    ///
    /// Errors: [`Error::BatchMismatch`] unless there is a mass for each row and each column; [`Error::OutOfDomain`]
    /// for a mass that is negative or not finite, a side without mass, and an ε or a tolerance that is not positive;
    /// [`Error::UnequalMasses`]; [`Error::NotConverged`].
    pub fn solve(&self, costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<Entropic> {
        self.check()?;
        let epsilon = absolute(EPSILON, self.epsilon, costs)?;
        self.solve_at(epsilon, costs, row_masses, column_masses)
    }

    /// The same with an absolute ε, in the unit of the costs.
    pub(super) fn solve_at(
        &self,
        epsilon: f64,
        costs: &Costs,
        row_masses: &[f64],
        column_masses: &[f64],
    ) -> Result<Entropic> {
        self.check()?;
        check_positive("epsilon", epsilon)?;
        let mass = check_balanced(costs, row_masses, column_masses)?;
        let support = Support::new(row_masses, column_masses);
        let (a, b) = support.masses(row_masses, column_masses);
        if support.is_all_of(costs) {
            return self.iterate(epsilon, costs, (&a, &b), mass);
        }
        let found = self.iterate(epsilon, &support.costs(costs), (&a, &b), mass)?;
        let (row_potentials, column_potentials) = support.numbers(
            (&found.row_potentials, &found.column_potentials),
            (costs.columns(), 0.0),
            |g| soft_minima(costs, g, column_masses, epsilon),
            |f| soft_minima(&costs.turned(), f, row_masses, epsilon),
        );
        let plan = support.plan(&found.plan, costs)?;
        Ok(Entropic { plan, row_potentials, column_potentials, iterations: found.iterations })
    }

    /// The same where all masses are positive. It works on parts of the whole mass, whatever that is. Most iterations
    /// are done with a kernel in f32, which comes from memory in half the time.
    fn iterate(&self, epsilon: f64, costs: &Costs, (a, b): (&[f64], &[f64]), mass: f64) -> Result<Entropic> {
        let parts = |masses: &[f64]| masses.iter().map(|part| part / mass).collect::<Vec<_>>();
        let (a, b) = (parts(a), parts(b));
        let mut kernel = if a.iter().chain(&b).all(|part| *part >= LIGHT) {
            let mut rough = Kernel::<f32>::new(costs, epsilon, a, b);
            rough.settle(self.tolerance.max(ROUGH), self.max_iterations)?;
            rough.converted()
        } else {
            Kernel::<f64>::new(costs, epsilon, a, b)
        };
        kernel.settle(self.tolerance, self.max_iterations)?;
        let iterations = kernel.iterations;
        let (plan, row_potentials, column_potentials) = kernel.into_plan(mass)?;
        Ok(Entropic { plan, row_potentials, column_potentials, iterations })
    }

    /// An error unless the numbers are in their ranges.
    pub(super) fn check(&self) -> Result<()> {
        check_positive("epsilon", self.epsilon)?;
        check_positive("the tolerance", self.tolerance)?;
        check_steps(self.max_iterations)
    }
}

/// A multiple of the mean cost, such as ε, in the unit of the costs. Where all costs are 0, the unit is 1.
pub(super) fn absolute(what: &'static str, relative: f64, costs: &Costs) -> Result<f64> {
    let mean = costs.mean_size();
    let absolute = relative * if mean > 0.0 { mean } else { 1.0 };
    check_positive(what, absolute)?;
    Ok(absolute)
}
