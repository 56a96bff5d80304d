//! Bijections whose log-determinant is estimated.

use super::Estimator;
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::lesson_02_coupling::ActNorm;
use crate::tensor::{Dev, PerPoint, Points, Real};
use dfdx::prelude::{NoneTape, PutTape, SplitTape, Tape, TryAdd};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A bijection that can do with an estimate of its log |det|.
pub trait EstimateLogDet<const D: usize, T: Tape<Real, Dev> = NoneTape>: Bijection<D, T> {
    /// z = f(x), shape (N, D), and an estimate of log |det ∂f/∂x|, shape (N,).
    fn forward_estimated(
        &self,
        x: Points<D, T>,
        estimator: &Estimator,
        rng: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)>;

    /// x = f⁻¹(z) alone.
    fn undo(&self, z: Points<D, T>) -> Result<Points<D, T>>;
}

/// A bijection with an estimate in place of its log |det|, a function of x and the seed alone.
///
/// Training takes a new seed for each step; the estimates of different points, and of the layers of one stack, are independent. With the same
/// seed, the estimate of the inverse is the negative of the forward one, up to the accuracy of x.
///
/// ```
/// use pushforward::change_of_variables::{Density, Flow, StandardNormal};
/// use pushforward::nn::Tanh;
/// use pushforward::rand::RngCore;
/// use pushforward::residual::{Estimated, Estimator, InvertibleResidual, Length};
/// use pushforward::tensor::{Source, values};
///
/// let mut source = Source::new(0);
/// let block = InvertibleResidual::<2, 16, 1, Tanh>::new(&source, 0.9)?;
/// let x = source.normal::<2>(1000)?;
/// let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
/// let estimated = Estimated { bijection: block.clone(), estimator, seed: source.next_u64() };
/// let guess = values(&Flow { bijection: estimated, base: StandardNormal }.log_prob(x.clone())?);
/// let exact = values(&Flow { bijection: block, base: StandardNormal }.log_prob(x)?);
/// let error = guess.iter().zip(&exact).map(|(guess, exact)| guess - exact).sum::<pushforward::tensor::Real>() / 1000.0;
/// assert!(error.abs() < 0.05, "the mean of 1000 errors that deviate by less than 0.3");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Estimated<B> {
    /// f.
    pub bijection: B,
    /// How its log |det| is estimated.
    pub estimator: Estimator,
    /// What the random numbers are drawn with.
    pub seed: u64,
}

impl<const D: usize, T: Tape<Real, Dev>, B: EstimateLogDet<D, T>> Bijection<D, T> for Estimated<B> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        self.bijection.forward_estimated(x, &self.estimator, &mut rng)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let x = self.bijection.undo(z)?;
        let still = x.retaped::<NoneTape>();
        let (z, log_det) = self.forward(x)?;
        let (_, tape) = z.split_tape();
        Ok((still.put_tape(tape), log_det.try_negate()?))
    }
}

impl<const D: usize, T: Tape<Real, Dev>> EstimateLogDet<D, T> for ActNorm<D> {
    /// There is nothing to estimate.
    fn forward_estimated(
        &self,
        x: Points<D, T>,
        _: &Estimator,
        _: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.forward(x)
    }

    fn undo(&self, z: Points<D, T>) -> Result<Points<D, T>> {
        Ok(self.inverse(z)?.0)
    }
}

impl<const D: usize, T, A, B> EstimateLogDet<D, T> for (A, B)
where
    T: Tape<Real, Dev>,
    A: EstimateLogDet<D, T>,
    B: EstimateLogDet<D, T>,
{
    fn forward_estimated(
        &self,
        x: Points<D, T>,
        estimator: &Estimator,
        rng: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (y, first) = self.0.forward_estimated(x, estimator, rng)?;
        let (z, second) = self.1.forward_estimated(y, estimator, rng)?;
        Ok((z, second.try_add(first)?))
    }

    fn undo(&self, z: Points<D, T>) -> Result<Points<D, T>> {
        self.0.undo(self.1.undo(z)?)
    }
}
