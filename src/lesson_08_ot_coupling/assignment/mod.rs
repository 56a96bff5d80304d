//! The cheapest way to pair as many rows as columns.

mod auction;
mod finish;
mod matching;
mod rough;
mod rows;

use super::Costs;
use crate::tensor::check_same_batch;
use crate::{Error, Result};
use matching::Matching;
use rows::Rows;

/// Each row's column at the least sum of costs, and the prices that prove it.
///
/// The prices u of rows and v of columns fulfil uᵢ + vⱼ ≤ cᵢⱼ, with equality on the pairs. So no pairing can cost less
/// than Σ uᵢ + Σ vⱼ, which is what this one costs: the duality of linear programmes (Peyré and Cuturi 2019,
/// arXiv:1803.00567, section 2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column of each row; every column once.
    pub columns: Vec<usize>,
    /// u, one for each row.
    pub row_prices: Vec<f64>,
    /// v, one for each column.
    pub column_prices: Vec<f64>,
    /// The sum of the costs of the pairs.
    pub cost: f64,
}

/// The assignment of least cost, min Σᵢ c(i, σ(i)) over all permutations σ, exactly: to about 10⁻¹⁵ of the largest cost
/// that matters. A cost that is above all that a cheapest pairing can have does not, however large it is: a pair is
/// forbidden by a cost such as 10¹⁰⁰.
///
/// Two stages. An auction in single precision with falling ε finds prices that are nearly right (Bertsekas 1979, *A
/// distributed algorithm for the assignment problem*; Peyré and Cuturi 2019, arXiv:1803.00567, section 3.7; scaled as
/// in Bertsekas and Eckstein 1988, *Dual coordinate step methods for linear network flow problems*). Then, in f64,
/// what its prices do not prove is undone and paired again along shortest paths (Jonker and Volgenant 1987, *A
/// shortest augmenting path algorithm for dense and sparse linear assignment problems*). The auction only chooses the
/// start: the answer does not depend on its precision. The number of its bids is bounded by a multiple of N, and a
/// path takes O(N²), so that the worst case is O(N³).
///
/// Errors: [`Error::NotSquare`].
///
/// ```
/// use pushforward::ot_coupling::{Costs, assign};
///
/// let costs = Costs::new(3, 3, vec![1.0, 2.0, 9.0, 2.0, 4.0, 9.0, 9.0, 9.0, 5.0])?;
/// let assignment = assign(&costs)?;
/// assert_eq!(assignment.columns, [1, 0, 2], "2 + 2 is less than 1 + 4");
/// assert_eq!(assignment.cost, 9.0);
/// assert!(assignment.violation(&costs)? < 1e-12, "the prices prove it, to the rounding of f64");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn assign(costs: &Costs) -> Result<Assignment> {
    let (rows, columns) = (costs.rows(), costs.columns());
    if rows != columns {
        return Err(Error::NotSquare { rows, columns });
    }
    let matching = cheapest(costs);
    let pairs =
        || matching.column_of.iter().enumerate().map(|(row, column)| (*column, costs.at(row, *column)));
    Ok(Assignment {
        row_prices: pairs().map(|(column, cost)| cost - matching.prices[column]).collect(),
        cost: pairs().map(|(_, cost)| cost).sum(),
        columns: matching.column_of,
        column_prices: matching.prices,
    })
}

/// Cheapest pairs. Where costs are far above all that such pairs have, they are lowered and the pairs are sought anew:
/// large costs make large prices, which have no digits for the small ones. Each time the spread of the costs is at least
/// halved; mostly once is enough.
fn cheapest(costs: &Costs) -> Matching {
    let rows = Rows::new(costs);
    let mut spread = rows.spread;
    let mut matching = solve(costs);
    loop {
        let excess = rows.excess(costs, &matching);
        if excess == 0.0 {
            // Each row has its least cost: that needs no prices.
            matching.prices.fill(0.0);
        }
        if excess == 0.0 || spread <= 4.0 * excess {
            return matching;
        }
        spread = 2.0 * excess;
        matching = solve(&rows.lowered(costs, spread));
    }
}

/// Cheapest pairs, to the rounding of the largest cost.
fn solve(costs: &Costs) -> Matching {
    let mut matching = Matching::new(costs.rows());
    auction::auction(costs, &mut matching);
    finish::finish(costs, &mut matching);
    matching
}

impl Assignment {
    /// How far the prices are from proving that no pairing is cheaper: the largest of uᵢ + vⱼ − cᵢⱼ over all pairs and
    /// of cᵢⱼ − (uᵢ + vⱼ) over the pairs made; at most a rounding error. No pairing is cheaper by more than 2 N times
    /// that.
    ///
    /// Errors: [`Error::BatchMismatch`] if the costs have other sizes; [`Error::OutOfDomain`] unless every column is
    /// there once, and for a price that is not finite.
    pub fn violation(&self, costs: &Costs) -> Result<f64> {
        let n = self.columns.len();
        let what = "the prices of an assignment";
        for found in [costs.rows(), costs.columns(), self.row_prices.len(), self.column_prices.len()] {
            check_same_batch(what, n, found)?;
        }
        let mut is_taken = vec![false; n];
        for &column in &self.columns {
            let expected = "one of the columns, and no other row's";
            let refused =
                || Error::OutOfDomain { what: "the column of a row", expected, found: column as f64 };
            let taken = is_taken.get_mut(column).ok_or_else(refused)?;
            if std::mem::replace(taken, true) {
                return Err(refused());
            }
        }
        for &found in self.row_prices.iter().chain(&self.column_prices) {
            if !found.is_finite() {
                return Err(Error::OutOfDomain { what: "a price", expected: "a finite number", found });
            }
        }
        let mut worst = 0.0_f64;
        for (row, (price, pair)) in self.row_prices.iter().zip(&self.columns).enumerate() {
            // First u + v: where both are large, c − u would lose the digits of c.
            let gaps = costs.row(row).iter().zip(&self.column_prices).map(|(cost, v)| (price + v) - cost);
            worst = gaps.fold(worst, f64::max);
            worst = worst.max(costs.at(row, *pair) - (price + self.column_prices[*pair]));
        }
        Ok(worst)
    }
}
