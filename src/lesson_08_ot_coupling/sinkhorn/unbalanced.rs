//! Plans that may bend the masses.

use super::exponential::exp;
use super::{Entropic, Sinkhorn, absolute};
use crate::lesson_08_ot_coupling::scan::lesser;
use crate::lesson_08_ot_coupling::transport::check_sides;
use crate::lesson_08_ot_coupling::{Costs, Plan};
use crate::tensor::{check_positive, simd};
use crate::{Error, Result};

/// Entropic transport whose masses need not be kept exactly: the plan π that minimises
///
/// Σ πᵢⱼ cᵢⱼ + ε KL(π | a ⊗ b) + ρ KL(π 1 | a) + ρ KL(πᵀ 1 | b),
///
/// with KL(p | q) = Σ p ln(p / q) − p + q (Chizat, Peyré, Schmitzer and Vialard 2016, arXiv:1607.05816; Frogner et al. 2015,
/// arXiv:1506.05439). An outlier that is far from all columns then sends little mass instead of bending the whole plan. For
/// ρ → ∞ it is the plan of [`Sinkhorn`].
///
/// ```
/// use pushforward::ot_coupling::{Costs, Sinkhorn, UnbalancedSinkhorn};
///
/// let costs = Costs::new(2, 2, vec![0.0, 1.0, 50.0, 50.0])?;
/// let solver = UnbalancedSinkhorn { sinkhorn: Sinkhorn::default(), marginal_weight: 0.1 };
/// let masses = solver.solve(&costs, &[0.5, 0.5], &[0.5, 0.5])?.plan.row_masses();
/// assert!(masses[1] < 1e-3, "the far row costs twice the mean, and its mass only a tenth");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnbalancedSinkhorn {
    /// ε, and when the iteration ends: where no potential changes by more than `tolerance` times ε.
    pub sinkhorn: Sinkhorn,
    /// ρ as a multiple of the mean cost.
    pub marginal_weight: f64,
}

impl UnbalancedSinkhorn {
    /// The plan, with potentials f and g for which πᵢⱼ = aᵢ bⱼ exp((fᵢ + gⱼ − cᵢⱼ) / ε).
    ///
    /// In turn fᵢ = −λ ε ln Σⱼ bⱼ exp((gⱼ − cᵢⱼ) / ε) and the same for g, with λ = ρ / (ρ + ε), in the log domain.
    ///
    /// Errors: [`Error::BatchMismatch`] unless there is a mass for each row and each column; [`Error::OutOfDomain`] for a
    /// mass that is negative or not finite, a side without mass, and an ε, a tolerance or a ρ that is not positive;
    /// [`Error::NotConverged`].
    pub fn solve(&self, costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<Entropic> {
        check_sides(costs, row_masses, column_masses)?;
        check_positive("the weight of the marginals", self.marginal_weight)?;
        let settings = self.sinkhorn;
        settings.check()?;
        let epsilon = absolute(settings.epsilon, costs)?;
        let lambda = self.marginal_weight / (self.marginal_weight + settings.epsilon);
        let turned = costs.turned();
        let (mut f, mut g) = (vec![0.0; costs.rows()], vec![0.0; costs.columns()]);
        let mut change = f64::INFINITY;
        for iterations in 1..=settings.max_iterations {
            let new_f = soft_minima(costs, &g, column_masses, epsilon, lambda);
            let new_g = soft_minima(&turned, &new_f, row_masses, epsilon, lambda);
            change = largest_change(&f, &new_f).max(largest_change(&g, &new_g)) / epsilon;
            (f, g) = (new_f, new_g);
            if change <= settings.tolerance {
                let plan = plan(costs, (row_masses, column_masses), (&f, &g), epsilon)?;
                return Ok(Entropic { plan, row_potentials: f, column_potentials: g, iterations });
            }
        }
        let (what, steps) = ("unbalanced Sinkhorn", settings.max_iterations);
        Err(Error::NotConverged { what, steps, residual: change })
    }
}

/// −λ ε ln Σⱼ bⱼ exp((gⱼ − cᵢⱼ) / ε) for each row.
fn soft_minima(costs: &Costs, g: &[f64], masses: &[f64], epsilon: f64, lambda: f64) -> Vec<f64> {
    // A column without mass has −∞ here, and adds exp(−∞) = 0.
    let weighted: Vec<f64> = g.iter().zip(masses).map(|(g, mass)| g + epsilon * mass.ln()).collect();
    let of_row = |row| {
        simd(
            #[inline(always)]
            || soft_minimum(costs.row(row), &weighted, epsilon),
        )
    };
    (0..costs.rows()).map(|row| lambda * of_row(row)).collect()
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

fn largest_change(before: &[f64], after: &[f64]) -> f64 {
    before.iter().zip(after).map(|(before, after)| (before - after).abs()).fold(0.0, f64::max)
}

fn plan(
    costs: &Costs,
    (row_masses, column_masses): (&[f64], &[f64]),
    (f, g): (&[f64], &[f64]),
    epsilon: f64,
) -> Result<Plan> {
    let mut masses = Vec::with_capacity(f.len() * g.len());
    for (row, (f, a)) in f.iter().zip(row_masses).enumerate() {
        let columns = costs.row(row).iter().zip(g).zip(column_masses);
        masses.extend(columns.map(|((cost, g), b)| a * b * ((f + g - cost) / epsilon).exp()));
    }
    Plan::new(costs.rows(), costs.columns(), masses)
}
