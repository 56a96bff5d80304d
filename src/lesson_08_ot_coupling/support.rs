//! Rows and columns that have mass, and those that have none.

use super::{Costs, Plan};
use crate::Result;

/// The rows and the columns whose mass is above 0.
pub(super) struct Support {
    rows: Vec<usize>,
    columns: Vec<usize>,
}

impl Support {
    pub(super) fn new(row_masses: &[f64], column_masses: &[f64]) -> Self {
        let positive = |masses: &[f64]| (0..masses.len()).filter(|n| masses[*n] > 0.0).collect();
        Self { rows: positive(row_masses), columns: positive(column_masses) }
    }

    /// Whether all rows and columns have mass.
    pub(super) fn is_all_of(&self, costs: &Costs) -> bool {
        self.rows.len() == costs.rows() && self.columns.len() == costs.columns()
    }

    /// Their costs.
    pub(super) fn costs(&self, costs: &Costs) -> Costs {
        costs.part(&self.rows, &self.columns)
    }

    /// Their masses.
    pub(super) fn masses(&self, row_masses: &[f64], column_masses: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let part = |masses: &[f64], at: &[usize]| at.iter().map(|n| masses[*n]).collect();
        (part(row_masses, &self.rows), part(column_masses, &self.columns))
    }

    /// A plan between all rows and columns from one between these.
    pub(super) fn plan(&self, few: &Plan, costs: &Costs) -> Result<Plan> {
        let mut masses = vec![0.0; costs.rows() * costs.columns()];
        for (place, &row) in self.rows.iter().enumerate() {
            for (mass, &column) in few.row(place).iter().zip(&self.columns) {
                masses[row * costs.columns() + column] = *mass;
            }
        }
        Plan::new(costs.rows(), costs.columns(), masses)
    }

    /// One number for each row and column from those of these. `of_rows` says those of all rows from those of the
    /// columns, where a column without mass has the number `none`, and `of_columns` those of all columns from those of
    /// the rows: only what is missing is taken from them.
    pub(super) fn numbers(
        &self,
        (few_rows, few_columns): (&[f64], &[f64]),
        (columns, none): (usize, f64),
        of_rows: impl Fn(&[f64]) -> Vec<f64>,
        of_columns: impl Fn(&[f64]) -> Vec<f64>,
    ) -> (Vec<f64>, Vec<f64>) {
        let with = |mut all: Vec<f64>, few: &[f64], at: &[usize]| {
            at.iter().zip(few).for_each(|(n, number)| all[*n] = *number);
            all
        };
        let some = with(vec![none; columns], few_columns, &self.columns);
        let all_rows = with(of_rows(&some), few_rows, &self.rows);
        let all_columns = with(of_columns(&all_rows), few_columns, &self.columns);
        (all_rows, all_columns)
    }
}
