//! What it costs to pair each point with each other point.

#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::scan::LANES;
use crate::tensor::{Points, Real, check_finite, check_some, entries, room, rows};
use crate::{Error, Result};
use dfdx::prelude::HasShape;

/// The largest cost, so that no sum or difference of costs overflows.
const LARGEST: f64 = 1e150;

/// The costs cᵢⱼ of moving one unit of mass from row i to column j, shape (N, M), in f64.
///
/// There is at least one row and one column, and every cost is finite and at most 10¹⁵⁰ in size.
///
/// ```
/// use pushforward::ot_coupling::Costs;
/// use pushforward::tensor::Source;
///
/// let source = Source::new(0);
/// let (x, y) = (source.points(&[[0.0, 0.0], [1.0, 0.0]])?, source.points(&[[3.0, 4.0]])?);
/// let costs = Costs::squared_distances(&x, &y)?;
/// assert_eq!((costs.rows(), costs.columns()), (2, 1));
/// assert_eq!(costs.row(0), [25.0], "3² + 4², exact in f64");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Costs {
    /// The matrix with these costs, row after row.
    ///
    /// Errors: [`Error::Empty`] without rows or columns; [`Error::WrongLength`] if there are not `rows` times `columns`
    /// costs; [`Error::NotFinite`]; [`Error::OutOfDomain`] for a cost above 10¹⁵⁰ in size.
    pub fn new(rows: usize, columns: usize, values: Vec<f64>) -> Result<Self> {
        check_some("the list of rows", rows)?;
        check_some("the list of columns", columns)?;
        let (what, expected) = ("a matrix of costs", rows.saturating_mul(columns));
        if values.len() != expected {
            return Err(Error::WrongLength { what, expected, found: values.len() });
        }
        // Without a branch for each cost, all of them are looked at in vector instructions.
        if !values.iter().fold(true, |all, cost| all & (cost.abs() <= LARGEST)) {
            return Err(refusal(&values));
        }
        Ok(Self { rows, columns, values })
    }

    /// cᵢⱼ = |xᵢ − yⱼ|² of N points x and M points y.
    ///
    /// Errors: [`Error::Empty`]; [`Error::NotFinite`]; with the feature `f64`, [`Error::OutOfDomain`] where points are
    /// more than 10⁷⁵ apart.
    pub fn squared_distances<const D: usize>(x: &Points<D>, y: &Points<D>) -> Result<Self> {
        check_both(x, y)?;
        let (rows, columns) = (x.shape().0, y.shape().0);
        Self::new(rows, columns, squares(&entries(x), &entries(y), (rows, columns, D))?)
    }

    /// cᵢⱼ = `cost`(xᵢ, yⱼ) of N points x and M points y.
    ///
    /// Errors: [`Error::Empty`]; [`Error::NotFinite`] for points and costs; [`Error::OutOfDomain`] for a cost above
    /// 10¹⁵⁰.
    pub fn between<const D: usize>(
        x: &Points<D>,
        y: &Points<D>,
        cost: impl Fn(&[Real; D], &[Real; D]) -> f64,
    ) -> Result<Self> {
        check_both(x, y)?;
        let (x, y) = (rows(x), rows(y));
        let mut values = room(x.len().saturating_mul(y.len()))?;
        for x in &x {
            values.extend(y.iter().map(|y| cost(x, y)));
        }
        Self::new(x.len(), y.len(), values)
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// M, the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// cᵢⱼ, or NaN where there is no such row or column.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.row(row).get(column).copied().unwrap_or(f64::NAN)
    }

    /// The costs of one row; none where there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        let start = row.saturating_mul(self.columns);
        self.values.get(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    /// The mean over all pairs: what a pairing at random costs.
    pub fn mean(&self) -> f64 {
        mean(&self.values, |cost| cost)
    }

    /// The mean of |cᵢⱼ|.
    pub(super) fn mean_size(&self) -> f64 {
        mean(&self.values, f64::abs)
    }

    /// The least and the largest cost.
    pub(super) fn range(&self) -> (f64, f64) {
        let range = (f64::INFINITY, f64::NEG_INFINITY);
        self.values.iter().fold(range, |(least, largest), cost| (least.min(*cost), largest.max(*cost)))
    }

    /// f of each row and cost, which must be finite.
    pub(super) fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        let mut values = self.values.clone();
        for (row, costs) in values.chunks_exact_mut(self.columns).enumerate() {
            costs.iter_mut().for_each(|cost| *cost = f(row, *cost));
        }
        Self { rows: self.rows, columns: self.columns, values }
    }

    /// The costs with rows and columns exchanged.
    pub(super) fn turned(&self) -> Self {
        let column = |column| (0..self.rows).map(move |row| self.values[row * self.columns + column]);
        Self { rows: self.columns, columns: self.rows, values: (0..self.columns).flat_map(column).collect() }
    }

    /// The costs of some of the rows and columns.
    pub(super) fn part(&self, rows: &[usize], columns: &[usize]) -> Self {
        let of_row = |row: &usize| {
            let row = self.row(*row);
            columns.iter().map(|column| row[*column])
        };
        Self { rows: rows.len(), columns: columns.len(), values: rows.iter().flat_map(of_row).collect() }
    }
}

/// An error unless both have points, and all of them are finite.
fn check_both<const D: usize>(x: &Points<D>, y: &Points<D>) -> Result<()> {
    check_some("x", x.shape().0)?;
    check_some("y", y.shape().0)?;
    check_finite("x", x)?;
    check_finite("y", y)
}

/// |xᵢ − yⱼ|² of N rows x and M rows y of D numbers. It is not generic, so that it is compiled, and made quick, with the
/// library and not with each program that calls it.
fn squares(x: &[Real], y: &[Real], (n, m, width): (usize, usize, usize)) -> Result<Vec<f64>> {
    let difference = |(x, y): (&Real, &Real)| (f64::from(*x) - f64::from(*y)).powi(2);
    let mut squares = room(n.saturating_mul(m))?;
    for x in (0..n).map(|row| &x[row * width..][..width]) {
        let of_column =
            |column: usize| x.iter().zip(&y[column * width..][..width]).map(difference).sum::<f64>();
        squares.extend((0..m).map(of_column));
    }
    Ok(squares)
}

/// The mean of f(c), in several sums side by side: each waits for its last addition, not for those of the others.
fn mean(costs: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (blocks, rest) = costs.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, cost)| *sum += f(*cost));
    }
    let rest: f64 = rest.iter().map(|cost| f(*cost)).sum();
    (sums.iter().sum::<f64>() + rest) / costs.len() as f64
}

/// What is wrong with costs of which one is too large or no number.
fn refusal(values: &[f64]) -> Error {
    let (index, found) = values
        .iter()
        .copied()
        .enumerate()
        .find(|(_, cost)| !(-LARGEST..=LARGEST).contains(cost))
        .unwrap_or_default();
    if found.is_finite() {
        return Error::OutOfDomain { what: "a cost", expected: "from -1e150 to 1e150", found };
    }
    Error::NotFinite { what: "a matrix of costs", index, value: found as Real }
}
