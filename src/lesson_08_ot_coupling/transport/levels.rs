//! Costs as whole numbers.

use super::super::Costs;

/// A scale on which costs are whole numbers from 0, so small that prices are whole numbers too.
///
/// A price is a sum of costs along a path, each added or subtracted, and a saving the sum of two prices and a cost.
/// None has more than 2 (N + M) terms, and so none is beyond 2⁵³, below which sums and differences of whole numbers are
/// exact in f64. What a pair saves is then known without a rounding error.
pub(super) struct Levels {
    /// The least cost, which is level 0.
    pub(super) least: f64,
    /// The range of the costs, rounded down to a power of two: the costs are less than two units apart.
    unit: f64,
    /// How many levels there are in a unit; a power of two.
    per_unit: f64,
}

impl Levels {
    pub(super) fn new(costs: &Costs) -> Self {
        let (least, largest) = costs.range();
        let terms = 2.0 * (costs.rows() as f64 + costs.columns() as f64);
        let unit = power_of_two(largest - least).max(f64::MIN_POSITIVE);
        Self { least, unit, per_unit: power_of_two((1_u64 << 52) as f64 / terms) }
    }

    /// The costs in levels. Powers of two keep their digits: small whole numbers, and ties, stay what they are.
    pub(super) fn costs(&self, costs: &Costs) -> Costs {
        costs.map(|_, cost| ((cost - self.least) / self.unit * self.per_unit).round())
    }

    /// What so many levels are worth.
    pub(super) fn worth(&self, levels: f64) -> f64 {
        levels / self.per_unit * self.unit
    }
}

/// The largest power of two that is not above a positive number; 0 where that is below the normal numbers.
fn power_of_two(x: f64) -> f64 {
    const EXPONENT: u64 = 0x7FF << 52;
    f64::from_bits(x.to_bits() & EXPONENT)
}
