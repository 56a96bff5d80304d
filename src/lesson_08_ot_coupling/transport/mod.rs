//! The cheapest plan between any masses.

mod levels;
mod masses;
mod partial;
mod tree;

use super::plan::check_masses;
use super::scan::two_least;
use super::support::Support;
use super::{Costs, Plan};
use crate::tensor::{check_positive, check_same_batch, simd};
use crate::{Error, Result};
use levels::Levels;
use masses::units;
pub use partial::partial_transport;
use tree::{Tree, first_arcs};

/// How far the sums of both sides may be apart, relative to the larger.
const SUMS_AGREE: f64 = 1e-9;

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
/// of any sizes and weights, exactly: the masses are right to 10⁻¹⁵ of the whole, the prices to (N + M) 10⁻¹⁵ of the
/// range of the costs. So one cost that is far above all others takes digits from them.
///
/// The network simplex method (Dantzig 1951; Peyré and Cuturi 2019, arXiv:1803.00567, section 3.5): the pairs that
/// move mass form a tree; the prices that make all its pairs tight show a pair that would be cheaper; mass is moved
/// along the circle that it closes until a pair of the tree has none left, and leaves it. Costs and masses are whole
/// numbers on the way, and no pair of a tree moves nothing: each tree is cheaper than the one before, so that none comes
/// twice and the method ends. For the worst costs no polynomial bounds their number; commonly it is a few times N + M.
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
    let levels = Levels::new(costs);
    let whole = levels.costs(costs);
    let mut tree = Tree::new(&whole, &supply, &first_arcs(costs, &supply));
    simd(
        #[inline(always)]
        || pivot_until_optimal(&whole, &mut tree),
    );
    let mut masses = vec![0.0; rows * columns];
    for (row, column, flow) in tree.arcs() {
        masses[row * columns + column] = masses::mass(flow, mass);
    }
    let (row_prices, column_prices) = tree.prices.split_at(rows);
    Ok(Transport {
        plan: Plan::new(rows, columns, masses)?,
        row_prices: row_prices.iter().map(|price| levels.least + levels.worth(*price)).collect(),
        column_prices: column_prices.iter().map(|price| levels.worth(*price)).collect(),
    })
}

/// Adds pairs to the tree until the prices prove that none makes it cheaper.
#[inline(always)]
fn pivot_until_optimal(costs: &Costs, tree: &mut Tree) {
    let mut turn = 0;
    while let Some(pair) = next_pair(costs, &tree.prices, turn) {
        tree.pivot(costs, pair.row, pair.column);
        turn = pair.row + 1;
    }
}

/// A pair that is cheaper than the prices say.
struct Pair {
    row: usize,
    column: usize,
    /// uᵢ + vⱼ − cᵢⱼ: how much is saved for each unit of mass that the pair moves.
    saving: f64,
}

/// Blocks of rows take turns: the next one that has a pair which saves something names the one that saves most.
///
/// A block looks at no fewer pairs than there are rows, nor than there are columns. The best of few pairs is a bad
/// choice: with 400 rows of two pairs each, one row at a time, there are forty times as many pivots.
#[inline(always)]
fn next_pair(costs: &Costs, prices: &[f64], turn: usize) -> Option<Pair> {
    let (rows, columns) = (costs.rows(), costs.columns());
    let (row_prices, column_prices) = prices.split_at(rows);
    let block = rows.div_ceil(columns);
    let mut best: Option<Pair> = None;
    for k in 0..rows {
        let row = (turn + k) % rows;
        let least = two_least(costs.row(row), column_prices);
        let saving = row_prices[row] - least.value;
        if saving > best.as_ref().map_or(0.0, |best| best.saving) {
            best = Some(Pair { row, column: least.column, saving });
        }
        if (k + 1) % block == 0 && best.is_some() {
            break;
        }
    }
    best
}
