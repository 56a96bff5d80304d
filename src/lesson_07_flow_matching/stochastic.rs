//! Random paths from a model that was trained without any.

use super::{Prediction, Predictor};
use crate::Result;
use crate::lesson_05_cnf::VectorField;
use crate::tensor::{Points, Real, Source, check_finite, check_not_negative, check_steps, same_time};
use dfdx::prelude::{HasShape, TryAdd, TryMul};

/// Samples by dx = (v + ½ g² s) dt + g dw with g² = 2 η σ(t), in steps of one length (Euler-Maruyama).
///
/// The densities p_t are those of dx = v dt, for every g: what the noise spreads, the score gathers (Ma et al. 2024,
/// arXiv:2401.08740, section 2). With this g, ½ g² s = −η E[x₀ | x] is finite also where σ = 0.
///
/// A step that is random forgets errors of the steps before. It also needs more steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StochasticSampler {
    /// η, at least 0; 0 is Euler's method.
    pub noise: f64,
    /// How many steps.
    pub steps: usize,
}

impl StochasticSampler {
    /// The points at t = 1, shape (N, D), from x at t = 0.
    ///
    /// Errors: [`Error::OutOfDomain`](crate::Error::OutOfDomain) for no steps and an η that is negative or not finite;
    /// [`Error::NotFinite`](crate::Error::NotFinite) for x, and where a coordinate grows beyond all bounds;
    /// [`Error::Empty`](crate::Error::Empty); those of [`Predictor::predict`], which may have no value at t = 0.
    pub fn run<const D: usize, N: VectorField<D>>(
        &self,
        model: &Predictor<N>,
        mut x: Points<D>,
        source: &mut Source,
    ) -> Result<Points<D>> {
        let Self { noise, steps } = *self;
        check_steps(steps)?;
        check_not_negative("the noise of a sampler", noise)?;
        check_finite("x", &x)?;
        let (n, h) = (x.shape().0, 1.0 / steps as f64);
        for step in 0..steps {
            let time = step as f64 * h;
            let t = same_time(&x, time as Real)?;
            let said = model.network.velocity(t.clone(), x.clone())?;
            let of = |what| model.path.convert(model.prediction, what, &t, x.clone(), said.clone());
            let drift = of(Prediction::Velocity)?;
            let gathered = of(Prediction::Noise)?.try_mul((-noise) as Real)?;
            let spread = (2.0 * noise * model.path.at(time).sigma * h).sqrt() as Real;
            let moved = drift.try_add(gathered)?.try_mul(h as Real)?;
            x = x.try_add(moved)?.try_add(source.normal(n)?.try_mul(spread)?)?;
        }
        check_finite("a sample", &x)?;
        Ok(x)
    }
}
