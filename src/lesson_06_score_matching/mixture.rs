//! Scores that are known exactly.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::{Score, ScoreTangents, Sde, check_positive, check_time, check_times};
use crate::Result;
use crate::lesson_01_change_of_variables::GaussianMixture;
use crate::nn::DualPoints;
use crate::tensor::{PerPoint, Points, Real, check_finite, check_same_batch, check_some, rows, values};
use dfdx::prelude::{Const, HasShape, TensorFromVec};
use std::array::from_fn;

/// log 2π.
const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// A mixture of Gaussians with the noise of an equation, and its exact score.
///
/// If p₁ is the mixture Σₖ wₖ N(μₖ, σₖ² I), then p_t = Σₖ wₖ N(α μₖ, (α² σₖ² + σ²) I): a mixture again. (Where variance
/// explodes, σ is not 0 at t = 1, and p₁ is the mixture with noise.) Computed in f64.
#[derive(Clone, Debug)]
pub struct NoisyMixture<const D: usize, const K: usize> {
    log_weights: [f64; K],
    means: [[f64; D]; K],
    std: [f64; K],
    sde: Sde,
}

/// What the mixture says of one point.
struct Place<const D: usize, const K: usize> {
    log_p: f64,
    /// The score.
    s: [f64; D],
    /// How likely each Gaussian is, given the point.
    responsibilities: [f64; K],
    /// ∇ log of each Gaussian.
    parts: [[f64; D]; K],
    /// 1 / variance of each Gaussian.
    precisions: [f64; K],
}

impl<const D: usize, const K: usize> NoisyMixture<D, K> {
    /// The mixture as it is now, with the noise of the equation.
    ///
    /// Errors: [`Error::Empty`](crate::Error::Empty) for K = 0; [`Error::OutOfDomain`](crate::Error::OutOfDomain) for
    /// parameters of the equation out of their range; [`Error::NotFinite`](crate::Error::NotFinite) for a weight, a mean
    /// or a standard deviation.
    pub fn new(mixture: &GaussianMixture<D, K>, sde: Sde) -> Result<Self> {
        sde.check()?;
        check_some("the mixture", K)?;
        let numbers = |list: Vec<Real>| -> Vec<f64> { list.into_iter().map(f64::from).collect() };
        let logits = mixture.logits.as_vec();
        let (means, log_std) = (mixture.means.as_vec(), mixture.log_std.as_vec());
        for list in [&logits, &means, &log_std] {
            crate::tensor::check_all_finite("the mixture", list)?;
        }
        let (logits, means, log_std) = (numbers(logits), numbers(means), numbers(log_std));
        let total = log_sum_exp(&logits);
        let std: [f64; K] = from_fn(|k| log_std[k].exp());
        std.iter().try_for_each(|std| check_positive("a standard deviation of the mixture", *std))?;
        Ok(Self {
            log_weights: from_fn(|k| logits[k] - total),
            means: from_fn(|k| from_fn(|i| means[k * D + i])),
            std,
            sde,
        })
    }

    /// log p_t(x) in nats, shape (N,).
    ///
    /// Errors: [`Error::OutOfDomain`](crate::Error::OutOfDomain) for a time outside of [0, 1];
    /// [`Error::NotFinite`](crate::Error::NotFinite); [`Error::Empty`](crate::Error::Empty).
    pub fn log_prob_at(&self, t: Real, x: Points<D>) -> Result<PerPoint> {
        check_time(t.into())?;
        check_finite("x", &x)?;
        let log_p = rows(&x).into_iter().map(|x| self.place(t.into(), x).log_p as Real).collect();
        Ok(x.device().try_tensor_from_vec(log_p, (x.shape().0,))?)
    }

    fn place(&self, t: f64, x: [Real; D]) -> Place<D, K> {
        let (alpha, sigma) = (self.sde.alpha(t), self.sde.sigma(t));
        let x = x.map(f64::from);
        let precisions = self.std.map(|std| ((alpha * std).powi(2) + sigma * sigma).recip());
        let parts: [[f64; D]; K] =
            from_fn(|k| from_fn(|i| (alpha * self.means[k][i] - x[i]) * precisions[k]));
        let log_p: [f64; K] = from_fn(|k| {
            let square = dot(&parts[k], &parts[k]) / precisions[k];
            self.log_weights[k] - 0.5 * square + 0.5 * D as f64 * (precisions[k].ln() - LOG_TWO_PI)
        });
        let total = log_sum_exp(&log_p);
        let responsibilities = log_p.map(|log_p| (log_p - total).exp());
        let s = from_fn(|i| (0..K).map(|k| responsibilities[k] * parts[k][i]).sum());
        Place { log_p: total, s, responsibilities, parts, precisions }
    }
}

impl<const D: usize, const K: usize> Place<D, K> {
    /// J ẋ for J = Σₖ rₖ (gₖ gₖᵀ − I / vₖ) − s sᵀ, the Hessian of log p.
    fn moved(&self, tangent: [Real; D]) -> [Real; D] {
        let tangent = tangent.map(f64::from);
        let along = dot(&self.s, &tangent);
        from_fn(|i| {
            let parts = (0..K).map(|k| {
                let bend = dot(&self.parts[k], &tangent) * self.parts[k][i];
                self.responsibilities[k] * (bend - tangent[i] * self.precisions[k])
            });
            (parts.sum::<f64>() - along * self.s[i]) as Real
        })
    }
}

impl<const D: usize, const K: usize> Score<D> for NoisyMixture<D, K> {
    fn score(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        Ok(self.score_tangents(t, DualPoints::new(x, Vec::new())?)?.into_parts().0)
    }
}

impl<const D: usize, const K: usize> ScoreTangents<D> for NoisyMixture<D, K> {
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D>) -> Result<DualPoints<D>> {
        let (x, tangents, _) = x.into_parts();
        check_times(x.shape().0, &t)?;
        check_finite("x", &x)?;
        let places: Vec<Place<D, K>> =
            values(&t).into_iter().zip(rows(&x)).map(|(t, x)| self.place(t.into(), x)).collect();
        let tensor = |list: Vec<[Real; D]>| -> Result<Points<D>> {
            Ok(x.device().try_tensor_from_vec(list.as_flattened().to_vec(), (list.len(), Const::<D>))?)
        };
        let moved = |tangent: Points<D>| {
            check_same_batch("a tangent at each point", places.len(), tangent.shape().0)?;
            let pairs = places.iter().zip(rows(&tangent));
            tensor(pairs.map(|(place, tangent)| place.moved(tangent)).collect())
        };
        let s = tensor(places.iter().map(|place| place.s.map(|s| s as Real)).collect())?;
        DualPoints::new(s, tangents.into_iter().map(moved).collect::<Result<_>>()?)
    }
}

fn dot<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn log_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}
