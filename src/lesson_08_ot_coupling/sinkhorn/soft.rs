//! The minimum that an entropy blurs.

use super::super::Costs;
use super::super::scan::lesser;
use super::exponential::exp;
use crate::tensor::simd;

/// −ε ln Σⱼ bⱼ exp((gⱼ − cᵢⱼ) / ε) for each row: for ε → 0, minⱼ (cᵢⱼ − gⱼ).
pub(super) fn soft_minima(costs: &Costs, g: &[f64], masses: &[f64], epsilon: f64) -> Vec<f64> {
    // A column without mass has −∞ here, and adds exp(−∞) = 0.
    let weighted: Vec<f64> = g.iter().zip(masses).map(|(g, mass)| g + epsilon * mass.ln()).collect();
    let of_row = |row| {
        simd(
            #[inline(always)]
            || soft_minimum(costs.row(row), &weighted, epsilon),
        )
    };
    (0..costs.rows()).map(of_row).collect()
}

/// −ε ln Σⱼ exp((hⱼ − cⱼ) / ε), of which the largest term is taken out, so that none overflows.
#[inline(always)]
fn soft_minimum(costs: &[f64], weighted: &[f64], epsilon: f64) -> f64 {
    let (mut least, mut sum) = (f64::INFINITY, 0.0);
    for (cost, weighted) in costs.iter().zip(weighted) {
        least = lesser(cost - weighted, least);
    }
    for (cost, weighted) in costs.iter().zip(weighted) {
        sum += exp((least - (cost - weighted)) / epsilon);
    }
    least - epsilon * sum.ln()
}
