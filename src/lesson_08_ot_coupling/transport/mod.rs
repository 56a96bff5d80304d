//! The cheapest plan between any masses.

mod masses;
mod partial;
mod tree;

use super::plan::check_masses;
use super::scan::two_least;
use super::support::Support;
use super::{Costs, Plan};
use crate::tensor::{check_positive, check_same_batch, simd};
use crate::{Error, Result};
use masses::units;
pub use partial::partial_transport;
use tree::{Tree, first_arcs};

/// How far the sums of both sides may be apart, relative to the larger.
const SUMS_AGREE: f64 = 1e-9;

/// Below the range of the costs times this, a reduced cost is 0.
const ROUNDING: f64 = 1e-13;

/// How many pivots are allowed for each pair of a row and a column: many times more than are made. For the worst costs
/// no polynomial bounds their number.
const PIVOTS_PER_PAIR: usize = 50;

/// A cheapest plan, and the prices that prove it.
///
/// uᵢ + vⱼ ≤ cᵢⱼ with equality where mass moves. So no plan with these masses costs less than Σ aᵢ uᵢ + Σ bⱼ vⱼ, which
/// is what this one costs (Peyré and Cuturi 2019, arXiv:1803.00567, section 2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// π, with the row masses a and the column masses b.
    pub plan: Plan,
    /// u, one for each row.
    pub row_prices: Vec<f64>,
    /// v, one for each column.
    pub column_prices: Vec<f64>,
}

/// The plan of least cost Σᵢⱼ πᵢⱼ cᵢⱼ among those that move the masses a of the rows to the masses b of the columns,
/// of any sizes and weights, exactly: the masses are right to 10⁻¹⁵ of the whole, the prices to 10⁻¹³ of the range of
/// the costs.
///
/// The network simplex method (Dantzig 1951; Peyré and Cuturi 2019, arXiv:1803.00567, section 3.5): the pairs that
/// move mass form a tree; the prices that make all its pairs tight show a pair that would be cheaper; mass is moved
/// along the circle that it closes until a pair of the tree has none left, and leaves it.
///
/// Errors: [`Error::BatchMismatch`] unless there is a mass for each row and each column; [`Error::OutOfDomain`] for a
/// mass that is negative or not finite, and where there is none; [`Error::UnequalMasses`] where the sums differ by
/// more than 10⁻⁹ of them.
///
/// ```
/// use pushforward::ot_coupling::{Costs, transport};
///
/// let costs = Costs::new(2, 3, vec![0.0, 1.0, 2.0, 2.0, 1.0, 0.0])?;
/// let found = transport(&costs, &[0.5, 0.5], &[0.25, 0.5, 0.25])?;
/// let expected = [[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]];
/// for (row, expected) in expected.iter().enumerate() {
///     for (column, expected) in expected.iter().enumerate() {
///         assert!((found.plan.at(row, column) - expected).abs() < 1e-12, "the masses are exact to 1e-15");
///     }
/// }
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn transport(costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<Transport> {
    let mass = check_balanced(costs, row_masses, column_masses)?;
    let support = Support::new(row_masses, column_masses);
    if support.is_all_of(costs) {
        return solve(costs, row_masses, column_masses, mass);
    }
    let (a, b) = support.masses(row_masses, column_masses);
    let found = solve(&support.costs(costs), &a, &b, mass)?;
    // The price of any other row or column is the highest that the costs allow.
    let allowed = |costs: &Costs, prices: &[f64]| {
        (0..costs.rows()).map(|row| two_least(costs.row(row), prices).value).collect::<Vec<_>>()
    };
    let (row_prices, column_prices) = support.numbers(
        (&found.row_prices, &found.column_prices),
        (costs.columns(), f64::NEG_INFINITY),
        |columns| allowed(costs, columns),
        |rows| allowed(&costs.turned(), rows),
    );
    Ok(Transport { plan: support.plan(&found.plan, costs)?, row_prices, column_prices })
}

/// The total mass, where the masses fit the costs and each other.
pub(super) fn check_balanced(costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<f64> {
    let (rows, columns) = check_sides(costs, row_masses, column_masses)?;
    if (rows - columns).abs() > SUMS_AGREE * rows.max(columns) {
        return Err(Error::UnequalMasses { rows, columns });
    }
    Ok(rows)
}

/// The mass of each side, where the masses fit the costs.
pub(super) fn check_sides(costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<(f64, f64)> {
    check_same_batch("a mass for each row", costs.rows(), row_masses.len())?;
    check_same_batch("a mass for each column", costs.columns(), column_masses.len())?;
    check_masses(row_masses)?;
    check_masses(column_masses)?;
    let (rows, columns) = (row_masses.iter().sum::<f64>(), column_masses.iter().sum::<f64>());
    check_positive("the mass of all rows", rows)?;
    check_positive("the mass of all columns", columns)?;
    Ok((rows, columns))
}

/// A plan between positive masses.
fn solve(costs: &Costs, row_masses: &[f64], column_masses: &[f64], mass: f64) -> Result<Transport> {
    let (rows, columns) = (costs.rows(), costs.columns());
    let supply = units(row_masses, column_masses);
    let mut tree = Tree::new(costs, &supply, &first_arcs(costs, &supply));
    simd(
        #[inline(always)]
        || pivot_until_optimal(costs, &mut tree),
    )?;
    let mut masses = vec![0.0; rows * columns];
    for (row, column, flow) in tree.arcs() {
        masses[row * columns + column] = masses::mass(flow, mass);
    }
    let (row_prices, column_prices) = tree.prices.split_at(rows);
    Ok(Transport {
        plan: Plan::new(rows, columns, masses)?,
        row_prices: row_prices.to_vec(),
        column_prices: column_prices.to_vec(),
    })
}

/// Adds pairs to the tree until the prices prove that none makes it cheaper.
#[inline(always)]
fn pivot_until_optimal(costs: &Costs, tree: &mut Tree) -> Result<()> {
    let (least, largest) = costs.range();
    let enough = ROUNDING * (largest - least);
    let steps = PIVOTS_PER_PAIR.saturating_mul(costs.rows()).saturating_mul(costs.columns());
    let (mut turn, mut residual) = (0, 0.0);
    for _ in 0..steps {
        let Some(pair) = next_pair(costs, &tree.prices, enough, turn) else { return Ok(()) };
        tree.pivot(costs, pair.row, pair.column);
        (turn, residual) = (pair.row + 1, pair.saving);
    }
    Err(Error::NotConverged { what: "the network simplex", steps, residual })
}

/// A pair that is cheaper than the prices say.
struct Pair {
    row: usize,
    column: usize,
    /// uᵢ + vⱼ − cᵢⱼ: how much is saved for each unit of mass that the pair moves.
    saving: f64,
}

/// The rows take turns: the next one that has a pair which saves something names the one that saves most.
#[inline(always)]
fn next_pair(costs: &Costs, prices: &[f64], enough: f64, turn: usize) -> Option<Pair> {
    let (row_prices, column_prices) = prices.split_at(costs.rows());
    for k in 0..costs.rows() {
        let row = (turn + k) % costs.rows();
        let least = two_least(costs.row(row), column_prices);
        let saving = row_prices[row] - least.value;
        if saving > enough {
            return Some(Pair { row, column: least.column, saving });
        }
    }
    None
}
