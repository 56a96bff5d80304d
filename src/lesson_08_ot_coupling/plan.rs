//! How much mass goes from where to where.

use super::Costs;
use crate::tensor::{Source, check_not_negative, check_positive, check_same_batch, check_some, repeat};
use crate::{Error, Result};
use rand::Rng;

/// A transport plan: the mass πᵢⱼ ≥ 0 that moves from row i to column j, shape (N, M), in f64.
///
/// ```
/// use pushforward::ot_coupling::Plan;
/// use pushforward::tensor::Source;
///
/// let plan = Plan::new(2, 2, vec![0.0, 0.5, 0.25, 0.25])?;
/// assert_eq!(plan.row_masses(), [0.5, 0.5]);
/// assert_eq!(plan.column_masses(), [0.25, 0.75], "exact: all are powers of two");
/// let partners = plan.partners(&mut Source::new(0))?;
/// assert_eq!(partners.len(), 2, "no row is lost");
/// assert_eq!(partners[0], 1, "row 0 gives all to column 1");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    rows: usize,
    columns: usize,
    masses: Vec<f64>,
}

impl Plan {
    /// The plan with these masses, row after row.
    ///
    /// Errors: [`Error::Empty`] without rows or columns; [`Error::WrongLength`] if there are not `rows` times `columns`
    /// masses; [`Error::OutOfDomain`] for a mass that is negative or not finite.
    pub fn new(rows: usize, columns: usize, masses: Vec<f64>) -> Result<Self> {
        check_some("the list of rows", rows)?;
        check_some("the list of columns", columns)?;
        let (what, expected) = ("a plan", rows.saturating_mul(columns));
        if masses.len() != expected {
            return Err(Error::WrongLength { what, expected, found: masses.len() });
        }
        check_masses(&masses)?;
        Ok(Self { rows, columns, masses })
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// M, the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// πᵢⱼ, or 0 where there is no such row or column.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.row(row).get(column).copied().unwrap_or(0.0)
    }

    /// The masses of one row; none where there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        let start = row.saturating_mul(self.columns);
        self.masses.get(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    /// Σᵢⱼ πᵢⱼ.
    pub fn mass(&self) -> f64 {
        self.masses.iter().sum()
    }

    /// Σⱼ πᵢⱼ for each row.
    pub fn row_masses(&self) -> Vec<f64> {
        self.masses.chunks_exact(self.columns).map(|row| row.iter().sum()).collect()
    }

    /// Σᵢ πᵢⱼ for each column.
    pub fn column_masses(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        for row in self.masses.chunks_exact(self.columns) {
            sums.iter_mut().zip(row).for_each(|(sum, mass)| *sum += mass);
        }
        sums
    }

    /// Σᵢⱼ πᵢⱼ cᵢⱼ.
    ///
    /// Errors: [`Error::BatchMismatch`] if the costs have other sizes.
    pub fn cost(&self, costs: &Costs) -> Result<f64> {
        check_same_batch("the cost of a plan", self.rows, costs.rows())?;
        check_same_batch("the cost of a plan", self.columns, costs.columns())?;
        let of_row =
            |row| self.row(row).iter().zip(costs.row(row)).map(|(mass, cost)| mass * cost).sum::<f64>();
        Ok((0..self.rows).map(of_row).sum())
    }

    /// A column for each row, drawn with the probabilities πᵢⱼ / Σⱼ πᵢⱼ: every row is there once. Where all rows have
    /// the same mass, a column is there as often, on average, as it has mass.
    ///
    /// Errors: [`Error::OutOfDomain`] for a row without mass.
    pub fn partners(&self, source: &mut Source) -> Result<Vec<usize>> {
        (0..self.rows)
            .map(|row| Urn::new("the mass of a row", self.row(row)).map(|urn| urn.draw(source)))
            .collect()
    }

    /// n pairs (i, j), each drawn with the probability πᵢⱼ / Σ π whatever was drawn before: the way of published code
    /// (`OTPlanSampler` of torchcfm). Of N rows of equal mass, N draws miss (1 − 1/N)ᴺ ≈ 37 %.
    ///
    /// Errors: [`Error::OutOfDomain`] for a plan without mass, and for more pairs than there is memory for.
    pub fn pairs(&self, n: usize, source: &mut Source) -> Result<Vec<(usize, usize)>> {
        let urn = Urn::new("the mass of a plan", &self.masses)?;
        repeat(n, || {
            let place = urn.draw(source);
            (place / self.columns, place % self.columns)
        })
    }
}

/// Sums of masses, to draw from.
struct Urn(Vec<f64>);

impl Urn {
    fn new(what: &'static str, masses: &[f64]) -> Result<Self> {
        let sums = masses.iter().scan(0.0, |sum, mass| {
            *sum += mass;
            Some(*sum)
        });
        let urn = Self(sums.collect());
        check_positive(what, urn.mass())?;
        Ok(urn)
    }

    fn mass(&self) -> f64 {
        self.0.last().copied().unwrap_or(0.0)
    }

    /// The place whose sum is the first above a uniform part of the whole: it has mass.
    fn draw(&self, source: &mut Source) -> usize {
        // A part of a mass that is hardly more than 0 may be rounded to the whole.
        let aim = (source.r#gen::<f64>() * self.mass()).min(self.mass().next_down());
        self.0.partition_point(|sum| *sum <= aim)
    }
}

/// An error unless all masses are at least 0 and finite.
pub(super) fn check_masses(masses: &[f64]) -> Result<()> {
    // One comparison at a time, without a branch for each mass: so the loops become vector instructions.
    let fits = |part: &[f64]| {
        part.iter().fold(true, |all, mass| all & (*mass >= 0.0))
            && part.iter().fold(true, |all, mass| all & (*mass <= f64::MAX))
    };
    if masses.chunks(512).all(fits) {
        return Ok(());
    }
    masses.iter().try_for_each(|mass| check_not_negative("a mass", *mass))
}
