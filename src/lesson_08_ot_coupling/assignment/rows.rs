//! Costs that no cheapest pairing can have.

use super::super::Costs;
use super::super::scan::{larger, least, lesser};
use super::matching::Matching;
use crate::tensor::simd;

/// What each row costs at least, and how much more any pair of a row costs at most.
///
/// A pairing costs at least Σᵢ rᵢ, the sum of the least costs of the rows. One that has the pair (i, j) costs at least
/// cᵢⱼ − rᵢ more. So where some pairing costs E more than Σᵢ rᵢ, no pair with cᵢⱼ > rᵢ + E is in a cheapest one, and
/// every such cost may be lowered to rᵢ + 2 E: the pairings without such pairs cost what they did, all others still more
/// than the one that is known, and the cheapest stay the cheapest.
pub(super) struct Rows {
    least: Vec<f64>,
    pub(super) spread: f64,
}

impl Rows {
    pub(super) fn new(costs: &Costs) -> Self {
        let mut rows = Self { least: Vec::with_capacity(costs.rows()), spread: 0.0 };
        simd(
            #[inline(always)]
            || (0..costs.rows()).for_each(|row| rows.push(costs.row(row))),
        );
        rows
    }

    #[inline(always)]
    fn push(&mut self, costs: &[f64]) {
        let least = least(costs);
        let largest = costs.iter().fold(f64::NEG_INFINITY, |largest, cost| larger(*cost, largest));
        self.least.push(least);
        self.spread = larger(self.spread, largest - least);
    }

    /// E of these pairs, each row's one.
    pub(super) fn excess(&self, costs: &Costs, matching: &Matching) -> f64 {
        let pairs = self.least.iter().zip(&matching.column_of).enumerate();
        pairs.map(|(row, (least, column))| costs.at(row, *column) - least).sum()
    }

    /// What each pair costs more than the least of its row, but at most so much.
    pub(super) fn lowered(&self, costs: &Costs, most: f64) -> Costs {
        costs.map(|row, cost| lesser(cost - self.least[row], most))
    }
}
