//! log |det(I + J)| as a power series, of which some random terms are an unbiased estimate.

use super::Length;
use super::log_det::with_values;
use super::slices::{flat, points};
use super::terms::Terms;
use crate::nn::{DualPoints, Pushforward, dot};
use crate::tensor::{Dev, PerPoint, Points, Real, check_some};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, NoneTape, PutTape, SplitTape, Tape, TensorFromVec, TryAdd};
use rand::{Rng, RngCore};
use rand_distr::StandardNormal;

/// Which terms of Σₖ (−1)ᵏ⁺¹/k tr Jᵏ are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Series {
    /// k = 1, …, n: the rest is missing, a bias of at most D Σ cᵏ/k over k > n (Behrmann et al. 2018, arXiv:1811.00995,
    /// section 3).
    Truncated {
        /// n.
        terms: usize,
    },
    /// k = 1, …, m and N random terms more, each of these divided by the probability to be taken: term m + k by P(N ≥ k).
    /// The mean over N is the whole series, without bias (Chen et al. 2019, arXiv:1906.02735, theorem 1; Kahn's Russian
    /// roulette). Every point draws its own N.
    Roulette {
        /// m.
        exact: usize,
        /// The distribution of N.
        length: Length,
    },
}

/// What the vectors v of Hutchinson's estimate vᵀ A v of tr A are drawn from, with E[v vᵀ] = I (Hutchinson 1990).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// −1 or 1 in each coordinate: the least variance among independent coordinates, Σ over i ≠ j of Aᵢⱼ (Aᵢⱼ + Aⱼᵢ).
    #[default]
    Rademacher,
    /// N(0, 1) in each coordinate: the variance is greater by 2 Σ Aᵢᵢ².
    Gaussian,
}

/// How log |det(I + J)| is estimated: the mean over some v of Σₖ (−1)ᵏ⁺¹/k wₖ vᵀJᵏv, with the weights wₖ of the series.
///
/// **The gradient** is that of vᵀ J(x) w with w = Σₖ₌₀ (−1)ᵏ wₖ₊₁ Jᵏv held fixed: ∇ log |det(I + J)| = tr((I + J)⁻¹ ∇J), and
/// w stands for (I + J)⁻¹v (Neumann series; Chen et al. 2019, arXiv:1906.02735, section 3.2). All Jᵏv are
/// computed without a tape, one Jacobian-vector product is recorded, and the memory does not grow with the number of
/// terms. What is recorded is a function of each point, so a loss may weigh the points as it likes. (The authors' code,
/// in its mode that saves memory, keeps one gradient, summed over the batch, and multiplies it by the weight of the first point: right only if all weights
/// are equal. It also reports vᵀ J w in training, which is an estimate of tr(J (I + J)⁻¹), for the log-determinant.)
///
/// Terms of points that have drawn a small N are not computed: the cost is that of the mean of N, not of the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimator {
    /// The terms.
    pub series: Series,
    /// How many v are drawn for each point, each with its own N.
    pub probes: usize,
    /// What they are drawn from.
    pub noise: Noise,
}

impl Estimator {
    /// The first terms of the series, one v of signs for each point.
    pub fn truncated(terms: usize) -> Self {
        Self { series: Series::Truncated { terms }, probes: 1, noise: Noise::Rademacher }
    }

    /// Some terms and then a random number of them, one v of signs for each point.
    pub fn roulette(exact: usize, length: Length) -> Self {
        Self { series: Series::Roulette { exact, length }, probes: 1, noise: Noise::Rademacher }
    }

    /// u(x), shape (N, D), and an estimate of log |det(I + J)|, shape (N,), J = ∂u/∂x at each point.
    ///
    /// The tape goes with u(x): a loss must contain it, one of the estimate alone has no gradient.
    ///
    /// ```
    /// use pushforward::nn::Tanh;
    /// use pushforward::residual::{Contraction, Estimator, Length, exact_log_det};
    /// use pushforward::tensor::{Source, values};
    ///
    /// let mut source = Source::new(0);
    /// let u = Contraction::<2, 16, 1, Tanh>::new(&source, 0.9)?;
    /// let x = source.points(&vec![[0.1, 0.2]; 20_000])?;
    /// let exact = values(&exact_log_det(&u, x.clone())?.1)[0];
    /// let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
    /// let estimates = values(&estimator.log_det(&u, x, &mut source)?.1);
    /// let mean = estimates.iter().sum::<pushforward::tensor::Real>() / 20_000.0;
    /// assert!((mean - exact).abs() < 0.01, "the mean of 20,000 estimates that deviate by less than 0.3");
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    ///
    /// Errors: [`Error::OutOfDomain`] for a setting that makes no sense; [`Error::NotFinite`] for a term of the series, as
    /// where u does not contract; [`Error::Empty`].
    pub fn log_det<const D: usize, T: Tape<Real, Dev>>(
        &self,
        u: &(impl Pushforward<D, D, T> + Pushforward<D, D>),
        x: Points<D, T>,
        rng: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.check()?;
        let (x, tape) = x.split_tape();
        let (n, device) = (x.shape().0, x.device().clone());
        check_some("x", n)?;
        let mut terms = Terms::new(self, flat(&x)?, D, rng);
        while let Some((at, powers)) = terms.batch() {
            let count = at.len() / D;
            let dual = DualPoints::<D, NoneTape>::new(
                points(&device, count, at)?,
                vec![points(&device, count, powers)?],
            )?;
            let (_, moved, NoneTape) = u.pushforward(dual)?.into_parts();
            terms.take(&moved.iter().map(flat).collect::<Result<Vec<_>>>()?.concat())?;
        }
        let results = terms.results()?;
        let values = results.values;
        if !T::OWNS_TAPE {
            let still = DualPoints::<D, NoneTape>::new(x, Vec::new())?;
            let (value, _, NoneTape) = u.pushforward(still)?.into_parts();
            let log_det = device.try_tensor_from_vec(values, (n,))?;
            return Ok((value.put_tape(tape), log_det.put_tape(T::default())));
        }
        let tangents = results.tangents.into_iter().map(|w| points(&device, n, w)).collect::<Result<_>>()?;
        let (value, products, tape) =
            u.pushforward(DualPoints::new(x.put_tape(tape), tangents)?)?.into_parts();
        let mut sum: PerPoint<T> = device.try_tensor_from_vec(vec![0.0; n], (n,))?.put_tape(tape);
        for (product, v) in products.into_iter().zip(results.vectors) {
            sum = sum.try_add(dot(product.put_tape(T::default()), points(&device, n, v)?)?)?;
        }
        let (log_det, tape) = with_values(sum, values)?.split_tape();
        Ok((value.put_tape(tape), log_det.put_tape(T::default())))
    }

    fn check(&self) -> Result<()> {
        let few = |what| Err(Error::OutOfDomain { what, expected: "at least 1", found: 0.0 });
        if self.probes == 0 {
            return few("the number of vectors of an estimate");
        }
        match self.series {
            Series::Truncated { terms: 0 } => few("the number of terms of a series"),
            Series::Truncated { .. } => Ok(()),
            Series::Roulette { length, .. } => length.check(),
        }
    }
}

impl Series {
    /// How many terms are taken, for one point.
    pub(super) fn draw(&self, rng: &mut dyn RngCore) -> usize {
        match *self {
            Self::Truncated { terms } => terms,
            Self::Roulette { exact, length } => exact + length.draw(rng),
        }
    }

    /// wₖ for k = 1, …, n.
    pub(super) fn weights(&self, n: usize) -> Vec<f64> {
        let mut weights = vec![1.0; n];
        if let Self::Roulette { exact, length } = *self
            && n > exact
        {
            let reached = length.survival(n - exact);
            weights[exact..]
                .iter_mut()
                .zip(&reached[1..])
                .for_each(|(weight, reached)| *weight = 1.0 / reached);
        }
        weights
    }
}

impl Noise {
    pub(crate) fn draw(&self, rng: &mut dyn RngCore) -> Real {
        match self {
            Self::Rademacher => {
                if rng.r#gen() {
                    1.0
                } else {
                    -1.0
                }
            }
            Self::Gaussian => rng.sample(StandardNormal),
        }
    }
}
