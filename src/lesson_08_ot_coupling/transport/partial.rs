//! Where only a part of the mass moves.

use super::super::{Costs, Plan};
use super::{SUMS_AGREE, Transport, check_sides, transport};
use crate::{Error, Result};

/// The plan of least cost among those that move the mass `mass`, and take from no row more than its mass a and bring
/// to no column more than its mass b, exactly.
///
/// One more row and one more column, of cost 0, take the masses that stay, a cost above all others keeps the two
/// apart, and the rest is [`transport()`] (Chapel, Alaya and Gasso 2020, arXiv:2002.08276).
///
/// The prices prove it: uᵢ + vⱼ ≤ cᵢⱼ with equality where mass moves, uᵢ ≤ 0 with equality where some of a row stays,
/// and vⱼ ≤ λ = max vⱼ with equality where a column has room. So no such plan costs less than λ `mass` + Σ aᵢ uᵢ + Σ
/// bⱼ (vⱼ − λ).
///
/// Errors: those of [`transport()`], but the sums may differ; [`Error::OutOfDomain`] unless `mass` is positive and at
/// most what both sides have.
///
/// ```
/// use pushforward::ot_coupling::{Costs, partial_transport};
///
/// let costs = Costs::new(2, 2, vec![1.0, 5.0, 5.0, 9.0])?;
/// let found = partial_transport(&costs, &[0.5, 0.5], &[0.5, 0.5], 0.5)?;
/// assert!((found.plan.cost(&costs)? - 0.5).abs() < 1e-12, "only the cheapest pair moves, to rounding");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn partial_transport(
    costs: &Costs,
    row_masses: &[f64],
    column_masses: &[f64],
    mass: f64,
) -> Result<Transport> {
    let (of_rows, of_columns) = check_sides(costs, row_masses, column_masses)?;
    let most = of_rows.min(of_columns);
    if !(mass > 0.0 && mass <= most * (1.0 + SUMS_AGREE)) {
        let (what, expected) =
            ("the mass that moves", "positive, and at most the mass of all rows and of all columns");
        return Err(Error::OutOfDomain { what, expected, found: mass });
    }
    let (rows, columns) = (costs.rows(), costs.columns());
    let staying = |all: f64| if all - mass > SUMS_AGREE * most { all - mass } else { 0.0 };
    let with = |masses: &[f64], stays: f64| masses.iter().copied().chain([stays]).collect::<Vec<_>>();
    let found = transport(
        &with_idle(costs)?,
        &with(row_masses, staying(of_columns)),
        &with(column_masses, staying(of_rows)),
    )?;
    let masses = (0..rows).flat_map(|row| &found.plan.row(row)[..columns]).copied().collect();
    // The prices of a plan may all rise for rows and fall for columns: here the idle column's is 0.
    let idle = found.column_prices[columns];
    let least = costs.range().0;
    Ok(Transport {
        plan: Plan::new(rows, columns, masses)?,
        row_prices: found.row_prices[..rows].iter().map(|price| price + idle).collect(),
        column_prices: found.column_prices[..columns].iter().map(|price| price - idle + least).collect(),
    })
}

/// The costs above the least one, with a row and a column of cost 0 for what stays. Where those two meet it is so dear
/// that nothing moves.
fn with_idle(costs: &Costs) -> Result<Costs> {
    let (least, largest) = costs.range();
    let dear = if largest > least { 2.0 * (largest - least) } else { 1.0 };
    let (rows, columns) = (costs.rows(), costs.columns());
    let mut values = Vec::with_capacity((rows + 1) * (columns + 1));
    for row in 0..rows {
        values.extend(costs.row(row).iter().map(|cost| cost - least));
        values.push(0.0);
    }
    values.extend(std::iter::repeat_n(0.0, columns));
    values.push(dear);
    Costs::new(rows + 1, columns + 1, values)
}
