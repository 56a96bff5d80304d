//! Plans that may bend the masses.

use super::soft::soft_minima;
use super::{EPSILON, Entropic, Sinkhorn, absolute};
use crate::lesson_08_ot_coupling::transport::check_sides;
use crate::lesson_08_ot_coupling::{Costs, Plan};
use crate::tensor::check_positive;
use crate::{Error, Result};

/// Entropic transport whose masses need not be kept exactly: the plan π that minimises
///
/// Σ πᵢⱼ cᵢⱼ + ε KL(π | a ⊗ b) + ρ KL(π 1 | a) + ρ KL(πᵀ 1 | b),
///
/// with KL(p | q) = Σ p ln(p / q) − p + q (Chizat, Peyré, Schmitzer and Vialard 2016, arXiv:1607.05816; Frogner et al.
/// 2015, arXiv:1506.05439). An outlier that is far from all columns then sends little mass instead of bending the
/// whole plan. For ρ → ∞ it is the plan of [`Sinkhorn`], as far as f64 can tell: the potentials have errors of ½ ρ 2⁻⁵²,
/// and where these are above the tolerance times ε, the end of the iteration could not be seen. With a tolerance of 10⁻⁹,
/// ρ may be up to 9·10⁶ ε.
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
    /// ρ as a multiple of the mean absolute cost, as ε is.
    pub marginal_weight: f64,
}

impl UnbalancedSinkhorn {
    /// The plan, with potentials f and g for which πᵢⱼ = aᵢ bⱼ exp((fᵢ + gⱼ − cᵢⱼ) / ε).
    ///
    /// In turn fᵢ = −λ ε ln Σⱼ bⱼ exp((gⱼ − cᵢⱼ) / ε) and the same for g, with λ = ρ / (ρ + ε), in the log domain.
    /// Then f rises and g falls by what is best for both (Séjourné, Vialard and Peyré 2022, *Faster unbalanced optimal
    /// transport: Translation invariant Sinkhorn and 1-D Frank-Wolfe*), without which a large ρ makes for many
    /// iterations.
    ///
    /// Errors: [`Error::BatchMismatch`] unless there is a mass for each row and each column; [`Error::OutOfDomain`]
    /// for a mass that is negative or not finite, a side without mass, and an ε, a tolerance or a ρ that is not
    /// positive, and for a ρ that is too large beside ε; [`Error::NotConverged`].
    pub fn solve(&self, costs: &Costs, row_masses: &[f64], column_masses: &[f64]) -> Result<Entropic> {
        check_sides(costs, row_masses, column_masses)?;
        check_positive("the weight of the marginals", self.marginal_weight)?;
        let settings = self.sinkhorn;
        settings.check()?;
        let epsilon = absolute(EPSILON, settings.epsilon, costs)?;
        let rho = absolute("the weight of the marginals times the mean cost", self.marginal_weight, costs)?;
        self.check_rounding()?;
        let lambda = self.marginal_weight / (self.marginal_weight + settings.epsilon);
        let scaled = |potentials: Vec<f64>| potentials.into_iter().map(|f| lambda * f).collect::<Vec<_>>();
        let turned = costs.turned();
        let (mut f, mut g) = (vec![0.0; costs.rows()], vec![0.0; costs.columns()]);
        let mut change = f64::INFINITY;
        for iterations in 1..=settings.max_iterations {
            let mut new_f = scaled(soft_minima(costs, &g, column_masses, epsilon));
            let mut new_g = scaled(soft_minima(&turned, &new_f, row_masses, epsilon));
            level(&mut new_f, &mut new_g, (row_masses, column_masses), rho);
            change = largest_change((&f, &g), (&new_f, &new_g)) / epsilon;
            (f, g) = (new_f, new_g);
            if change <= settings.tolerance {
                let plan = plan(costs, (row_masses, column_masses), (&f, &g), epsilon)?;
                return Ok(Entropic { plan, row_potentials: f, column_potentials: g, iterations });
            }
        }
        let (what, steps) = ("unbalanced Sinkhorn", settings.max_iterations);
        Err(Error::NotConverged { what, steps, residual: change })
    }

    /// An error where the errors of the potentials hide changes as small as the tolerance: their rise is ½ ρ times the
    /// difference of two logarithms, each with an error of 2⁻⁵² where the mass is about 1.
    fn check_rounding(&self) -> Result<()> {
        let found = self.marginal_weight / self.sinkhorn.epsilon;
        if 0.5 * found * f64::EPSILON <= self.sinkhorn.tolerance {
            return Ok(());
        }
        let what = "the weight of the marginals over epsilon";
        let expected = "at most the tolerance times 9e15, beyond which f64 cannot tell whether the iteration has ended: allow a larger tolerance or use `Sinkhorn`, which keeps the masses";
        Err(Error::OutOfDomain { what, expected, found })
    }
}

/// f + t and g − t with t = ½ ρ ln(Σ aᵢ exp(−fᵢ / ρ) / Σ bⱼ exp(−gⱼ / ρ)). The two sums are what f and g take for the
/// mass of the plan: now they agree.
fn level(f: &mut [f64], g: &mut [f64], (a, b): (&[f64], &[f64]), rho: f64) {
    let log_mass = |potentials: &[f64], masses: &[f64]| {
        let heavy = || potentials.iter().zip(masses).filter(|(_, mass)| **mass > 0.0);
        let least = heavy().map(|(f, _)| *f).fold(f64::INFINITY, f64::min);
        heavy().map(|(f, mass)| mass * ((least - f) / rho).exp()).sum::<f64>().ln() - least / rho
    };
    let rise = 0.5 * rho * (log_mass(f, a) - log_mass(g, b));
    f.iter_mut().for_each(|f| *f += rise);
    g.iter_mut().for_each(|g| *g -= rise);
}

/// How much a potential has changed, at most. What f64 cannot tell apart in a potential counts as a change: where ε is
/// so small that this is more than the tolerance, the iteration cannot be seen to end.
fn largest_change((f, g): (&[f64], &[f64]), (new_f, new_g): (&[f64], &[f64])) -> f64 {
    let change = |(before, after): (&f64, &f64)| (before - after).abs().max(f64::EPSILON * after.abs());
    let changes = f.iter().zip(new_f).chain(g.iter().zip(new_g)).map(change);
    // Unlike f64::max, this keeps a NaN.
    changes.fold(0.0, |most, change| if change <= most { most } else { change })
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
