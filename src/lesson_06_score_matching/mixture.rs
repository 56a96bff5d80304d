//! Scores that are known exactly.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::{Score, ScoreTangents, Sde};
use crate::data::log_sum_exp;
use crate::lesson_01_change_of_variables::GaussianMixture;
use crate::nn::DualPoints;
use crate::tensor::{
    PerPoint, Points, Real, check_all_finite, check_finite, check_positive, check_same_batch, check_some,
    check_time, check_times, rows, values,
};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, TensorFromVec};
use std::array::from_fn;

/// log 2π.
const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// How much there is of data and of noise at each time: x_t = α(t) x₁ + σ(t) ε.
pub trait Noising {
    /// α and σ at the time t in [0, 1].
    fn noising(&self, t: f64) -> (f64, f64);

    /// An error unless the parameters are in their ranges.
    fn check(&self) -> Result<()>;
}

impl Noising for Sde {
    fn noising(&self, t: f64) -> (f64, f64) {
        (self.alpha(t), self.sigma(t))
    }

    fn check(&self) -> Result<()> {
        Sde::check(self)
    }
}

/// A mixture of Gaussians with noise, and its exact score.
///
/// If the data are the mixture Σₖ wₖ N(μₖ, σₖ² I), then p_t = Σₖ wₖ N(α μₖ, (α² σₖ² + σ²) I): a mixture again. (Where
/// variance explodes, σ is not 0 at t = 1, and p₁ is the mixture with noise.) Computed in f64.
#[derive(Clone, Debug)]
pub struct NoisyMixture<const D: usize, S = Sde> {
    parts: Vec<Part<D>>,
    schedule: S,
}

/// One Gaussian.
#[derive(Clone, Debug)]
struct Part<const D: usize> {
    log_weight: f64,
    mean: [f64; D],
    variance: f64,
}

/// What one Gaussian says of a point.
struct Given<const D: usize> {
    /// How likely it is, given the point.
    responsibility: f64,
    /// ∇ log of it.
    gradient: [f64; D],
    /// 1 / its variance.
    precision: f64,
    /// The mean of its data, given the point, and how much that moves with the point.
    data: [f64; D],
    gain: f64,
}

/// What the mixture says of one point.
struct Place<const D: usize> {
    log_p: f64,
    /// The score.
    s: [f64; D],
    parts: Vec<Given<D>>,
}

impl<const D: usize, S: Noising> NoisyMixture<D, S> {
    /// The mixture as it is now, with the noise of an equation or a path.
    ///
    /// Errors: [`Error::Empty`] for K = 0; [`Error::OutOfDomain`] for
    /// parameters of the noise out of their range; [`Error::NotFinite`] for a weight, a mean
    /// or a standard deviation.
    pub fn new<const K: usize>(mixture: &GaussianMixture<D, K>, schedule: S) -> Result<Self> {
        schedule.check()?;
        check_some("the mixture", K)?;
        let numbers = |list: Vec<Real>| -> Result<Vec<f64>> {
            check_all_finite("the mixture", &list)?;
            Ok(list.into_iter().map(f64::from).collect())
        };
        let (logits, log_std) = (numbers(mixture.logits.as_vec())?, numbers(mixture.log_std.as_vec())?);
        let means = numbers(mixture.means.as_vec())?;
        let total = log_sum_exp(logits.iter().copied());
        log_std
            .iter()
            .try_for_each(|log_std| check_positive("a variance of the mixture", (2.0 * log_std).exp()))?;
        let part = |k: usize| Part {
            log_weight: logits[k] - total,
            mean: from_fn(|i| means[k * D + i]),
            variance: (2.0 * log_std[k]).exp(),
        };
        Ok(Self { parts: (0..K).map(part).collect(), schedule })
    }

    /// Points of data, each as likely as the others: what a model that remembers them all would learn. At a time without
    /// noise there is no density.
    ///
    /// Errors: [`Error::Empty`]; [`Error::NotFinite`] for a coordinate;
    /// [`Error::OutOfDomain`] for parameters of the noise out of their range.
    pub fn of_points(points: &Points<D>, schedule: S) -> Result<Self> {
        schedule.check()?;
        check_finite("the data", points)?;
        let log_weight = -(points.shape().0 as f64).ln();
        let part = |x: [Real; D]| Part { log_weight, mean: x.map(f64::from), variance: 0.0 };
        Ok(Self { parts: rows(points).into_iter().map(part).collect(), schedule })
    }

    /// The noise.
    pub fn schedule(&self) -> &S {
        &self.schedule
    }

    /// log p_t(x) in nats, shape (N,).
    ///
    /// Errors: [`Error::OutOfDomain`] for a time outside of [0, 1];
    /// [`Error::NotFinite`]; [`Error::Empty`].
    pub fn log_prob_at(&self, t: Real, x: Points<D>) -> Result<PerPoint> {
        check_time(t.into())?;
        check_finite("x", &x)?;
        let log_p = rows(&x).into_iter().map(|x| self.place(t.into(), x).log_p as Real).collect();
        Ok(x.device().try_tensor_from_vec(log_p, (x.shape().0,))?)
    }

    /// E[x₁ | x_t], the mean of the data that may have led to each point, shape (N, D).
    ///
    /// Errors: those of the score.
    pub fn data_mean(&self, t: &PerPoint, x: Points<D>) -> Result<Points<D>> {
        Ok(self.combine(t, DualPoints::new(x, Vec::new())?, |_| (1.0, 0.0))?.into_parts().0)
    }

    /// p E[x₁ | x_t] + q s with p and q at the time of each point, and its tangents.
    pub(crate) fn combine(
        &self,
        t: &PerPoint,
        x: DualPoints<D>,
        weights: impl Fn(f64) -> (f64, f64),
    ) -> Result<DualPoints<D>> {
        let (x, tangents, _) = x.into_parts();
        check_times(x.shape().0, t)?;
        check_finite("x", &x)?;
        let times: Vec<f64> = values(t).into_iter().map(f64::from).collect();
        times.iter().try_for_each(|t| self.check_density(*t))?;
        let places: Vec<Place<D>> = times.iter().zip(rows(&x)).map(|(t, x)| self.place(*t, x)).collect();
        let weights: Vec<(f64, f64)> = times.into_iter().map(weights).collect();
        let tensor = |list: Vec<[Real; D]>| -> Result<Points<D>> {
            Ok(x.device().try_tensor_from_vec(list.as_flattened().to_vec(), (list.len(), Const::<D>))?)
        };
        let moved = |tangent: Points<D>| {
            check_same_batch("a tangent at each point", places.len(), tangent.shape().0)?;
            let pairs = places.iter().zip(&weights).zip(rows(&tangent));
            tensor(pairs.map(|((place, weights), tangent)| place.moved(tangent, *weights)).collect())
        };
        let value =
            tensor(places.iter().zip(&weights).map(|(place, weights)| place.value(*weights)).collect())?;
        DualPoints::new(value, tangents.into_iter().map(moved).collect::<Result<_>>()?)
    }

    /// An error where a Gaussian is a point.
    fn check_density(&self, t: f64) -> Result<()> {
        let (alpha, sigma) = self.schedule.noising(t);
        if sigma > 0.0 || self.parts.iter().all(|part| alpha * alpha * part.variance > 0.0) {
            return Ok(());
        }
        let (what, expected) = ("the time t of points without noise", "where sigma is above 0");
        Err(Error::OutOfDomain { what, expected, found: t })
    }

    fn place(&self, t: f64, x: [Real; D]) -> Place<D> {
        let (alpha, sigma) = self.schedule.noising(t);
        let x = x.map(f64::from);
        let mut log_p = Vec::with_capacity(self.parts.len());
        let mut parts = Vec::with_capacity(self.parts.len());
        for Part { log_weight, mean, variance } in &self.parts {
            let precision = (alpha * alpha * variance + sigma * sigma).recip();
            let gradient: [f64; D] = from_fn(|i| (alpha * mean[i] - x[i]) * precision);
            let square = dot(&gradient, &gradient) / precision;
            log_p.push(log_weight - 0.5 * square + 0.5 * D as f64 * (precision.ln() - LOG_TWO_PI));
            let pull = alpha * variance;
            let data = from_fn(|i| mean[i] - pull * gradient[i]);
            parts.push(Given { responsibility: 0.0, gradient, precision, data, gain: pull * precision });
        }
        let total = log_sum_exp(log_p.iter().copied());
        for (part, log_p) in parts.iter_mut().zip(log_p) {
            part.responsibility = (log_p - total).exp();
        }
        let s = from_fn(|i| parts.iter().map(|part| part.responsibility * part.gradient[i]).sum());
        Place { log_p: total, s, parts }
    }
}

impl<const D: usize> Place<D> {
    /// p E[x₁ | x] + q s.
    fn value(&self, (p, q): (f64, f64)) -> [Real; D] {
        from_fn(|i| {
            let data = self.parts.iter().map(|part| part.responsibility * part.data[i]).sum::<f64>();
            (p * data + q * self.s[i]) as Real
        })
    }

    /// J ẋ. A responsibility r moves by r (g − s)·ẋ, with the gradient g of its Gaussian; so ∂s = Σ r (g gᵀ − I / v) − s sᵀ.
    fn moved(&self, tangent: [Real; D], (p, q): (f64, f64)) -> [Real; D] {
        let tangent = tangent.map(f64::from);
        let along = dot(&self.s, &tangent);
        let mut sum = [0.0; D];
        for Given { responsibility, gradient, precision, data, gain } in &self.parts {
            let moved = responsibility * (dot(gradient, &tangent) - along);
            for i in 0..D {
                sum[i] += p * (moved * data[i] + responsibility * gain * tangent[i]);
                sum[i] += q * (moved * gradient[i] - responsibility * precision * tangent[i]);
            }
        }
        sum.map(|sum| sum as Real)
    }
}

impl<const D: usize, S: Noising> Score<D> for NoisyMixture<D, S> {
    fn score(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        Ok(self.score_tangents(t, DualPoints::new(x, Vec::new())?)?.into_parts().0)
    }
}

impl<const D: usize, S: Noising> ScoreTangents<D> for NoisyMixture<D, S> {
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D>) -> Result<DualPoints<D>> {
        self.combine(&t, x, |_| (0.0, 1.0))
    }
}

fn dot<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
