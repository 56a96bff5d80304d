//! Marginal velocities that are known exactly.

use super::ProbabilityPath;
use crate::Result;
use crate::lesson_05_cnf::{Divergence, VectorField};
use crate::lesson_06_score_matching::{Noising, NoisyMixture};
use crate::nn::DualPoints;
use crate::tensor::{PerPoint, Points};

impl Noising for ProbabilityPath {
    fn noising(&self, t: f64) -> (f64, f64) {
        let there = self.at(t);
        (there.alpha, there.sigma)
    }

    fn check(&self) -> Result<()> {
        ProbabilityPath::check(self)
    }
}

/// The marginal velocity of a path from noise to a mixture of Gaussians, or to points of data,
/// u(t, x) = E[α̇ x₁ + σ̇ x₀ | x] = α̇ E[x₁ | x] − σ σ̇ ∇ log p_t(x) (Lipman et al. 2022, arXiv:2210.02747, equation 8).
///
/// It is exact and finite at both ends, also where σ̇ is not: σ σ̇ is finite.
impl<const D: usize> VectorField<D> for NoisyMixture<D, ProbabilityPath> {
    fn velocity(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        Ok(Divergence::pushforward(self, t, DualPoints::new(x, Vec::new())?)?.into_parts().0)
    }
}

impl<const D: usize> Divergence<D> for NoisyMixture<D, ProbabilityPath> {
    fn pushforward(&self, t: PerPoint, x: DualPoints<D>) -> Result<DualPoints<D>> {
        self.combine(&t, x, |t| {
            let there = self.schedule().at(t);
            (there.alpha_rate, -there.half_variance_rate)
        })
    }
}
