//! Normalisation by what the first batch was like.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::ConditionalBijection;
use super::rows::is_certain;
use crate::lesson_01_change_of_variables::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_finite, rows};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::ScalarOptions;
use dfdx::prelude::{
    BroadcastTo, Device, Dtype, HasShape, ModuleVisitor, Rank0, Rank1, SumTo, Tape, Tensor, TensorCollection,
    TensorFrom, TensorOptions, TryAdd, TryMul, TrySub,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// y = x eˢ + b in each feature, with s and b of shape (D,): the activation normalization of Glow (Kingma and Dhariwal
/// 2018, arXiv:1807.03039, section 3.1); log |det| = Σ s.
///
/// [`ActNorm::initialize`] sets s and b so that the features of a first batch leave with mean 0 and variance 1; from then
/// on they are trained. That this was done is remembered, also in a file: a model that was loaded is never set again.
/// Before, y = x.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::ActNorm;
/// use pushforward::tensor::{Source, rows};
///
/// let source = Source::new(0);
/// let mut norm = ActNorm::<1>::new(&source)?;
/// let x = source.points(&[[10.0], [14.0]])?;
/// norm.initialize(&x)?;
/// let y = rows(&norm.forward(x)?.0);
/// assert!((y[0][0] + 1.0).abs() < 1e-5 && (y[1][0] - 1.0).abs() < 1e-5, "the mean is 12, the standard deviation 2");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ActNorm<const D: usize, E: Dtype = Real, V: Device<E> = Dev> {
    log_scale: Tensor<Rank1<D>, E, V>,
    shift: Tensor<Rank1<D>, E, V>,
    /// 1 after the first batch.
    initialized: usize,
}

impl<const D: usize> ActNorm<D> {
    /// y = x, until it is told of a batch.
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(D > 0, "a point has a feature") };
        let zeros = || source.device().try_tensor([0.0; D]);
        Ok(Self { log_scale: zeros()?, shift: zeros()?, initialized: 0 })
    }

    /// Whether s and b were set by a batch.
    pub fn is_initialized(&self) -> bool {
        self.initialized != 0
    }

    /// Sets s and b by a batch, the first time; later it does nothing.
    ///
    /// Errors, which change nothing: [`Error::NotFinite`], [`Error::Empty`]; [`Error::OutOfDomain`] for a feature that is
    /// the same in all points of the batch, up to rounding, because no scale gives it the variance 1, and for one that varies
    /// so little or so much that eˢ or e⁻ˢ overflows.
    pub fn initialize(&mut self, x: &Points<D>) -> Result<()> {
        if self.is_initialized() {
            return Ok(());
        }
        check_finite("the batch of points", x)?;
        let (mut log_scale, mut shift) = ([0.0; D], [0.0; D]);
        let points = rows(x);
        for feature in 0..D {
            let (mean, std) = moments(points.iter().map(|x| f64::from(x[feature])), points.len());
            check_deviation(mean, std)?;
            log_scale[feature] = -std.ln() as Real;
            shift[feature] = (-mean / std) as Real;
        }
        let device = x.device();
        (self.log_scale, self.shift) = (device.try_tensor(log_scale)?, device.try_tensor(shift)?);
        self.initialized = 1;
        Ok(())
    }

    /// An error where rounding z moves x too far.
    fn check_certain(&self, z: &[[Real; D]], x: &[[Real; D]]) -> Result<()> {
        let slopes = self.log_scale.as_vec();
        for (point, (z, x)) in z.iter().zip(x).enumerate() {
            for feature in 0..D {
                let doubt = 0.5 * Real::EPSILON * z[feature].abs() / slopes[feature].exp();
                if !is_certain(x[feature], doubt) {
                    let (what, value) = ("the inverse of a normalization", z[feature]);
                    return Err(Error::Saturated { what, point, feature, value });
                }
            }
        }
        Ok(())
    }

    /// Σ s for each of n points.
    fn log_det<T: Tape<Real, Dev>>(&self, n: usize) -> Result<PerPoint<T>> {
        Ok(self.log_scale.retaped::<T>().try_sum::<Rank0, _>()?.try_broadcast_like(&(n,))?)
    }
}

/// The mean and the standard deviation of n numbers, whose squares may overflow.
fn moments(x: impl Iterator<Item = f64> + Clone, n: usize) -> (f64, f64) {
    let mean = x.clone().map(|x| x / n as f64).sum::<f64>();
    let furthest = x.clone().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    if furthest == 0.0 {
        return (mean, 0.0);
    }
    let squares = x.map(|x| ((x - mean) / furthest).powi(2)).sum::<f64>();
    (mean, furthest * (squares / n as f64).sqrt())
}

/// An error where no scale, or none that is a number, gives a feature the variance 1.
fn check_deviation(mean: f64, std: f64) -> Result<()> {
    // Rounding makes a constant feature vary by about this.
    let expected = if std <= 4.0 * f64::from(Real::EPSILON) * mean.abs() {
        "above the rounding of its mean"
    } else if ![std as Real, std.recip() as Real].into_iter().all(Real::is_normal) {
        "neither so small nor so large that the scale overflows"
    } else {
        return Ok(());
    };
    let what = "the standard deviation of a feature over the batch";
    Err(Error::OutOfDomain { what, expected, found: std })
}

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for ActNorm<D> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let shape = *x.shape();
        check_finite("x", &x)?;
        let scale = self.log_scale.retaped::<T>().try_exp()?.try_broadcast_like(&shape)?;
        let shift = self.shift.retaped::<T>().try_broadcast_like(&shape)?;
        Ok((x.try_mul(scale)?.try_add(shift)?, self.log_det(shape.0)?))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let shape = *z.shape();
        check_finite("z", &z)?;
        let scale = self.log_scale.retaped::<T>().try_negate()?.try_exp()?.try_broadcast_like(&shape)?;
        let shift = self.shift.retaped::<T>().try_broadcast_like(&shape)?;
        let given = rows(&z);
        let x = z.try_sub(shift)?.try_mul(scale)?;
        self.check_certain(&given, &rows(&x))?;
        Ok((x, self.log_det(shape.0)?.try_negate()?))
    }
}

impl<const D: usize, const C: usize, T: Tape<Real, Dev>> ConditionalBijection<D, C, T> for ActNorm<D> {
    fn forward_given(&self, x: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.forward(x)
    }

    fn inverse_given(&self, z: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.inverse(z)
    }
}

impl<const D: usize, E, V> TensorCollection<E, V> for ActNorm<D, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = ActNorm<D, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        let zeros = TensorOptions::reset_to_zeros;
        visitor.visit_fields(
            (
                Self::tensor("log_scale", |m| &m.log_scale, |m| &mut m.log_scale, zeros()),
                Self::tensor("shift", |m| &m.shift, |m| &mut m.shift, zeros()),
                Self::scalar(
                    "initialized",
                    |m| &m.initialized,
                    |m| &mut m.initialized,
                    ScalarOptions::from_default(0),
                ),
            ),
            |(log_scale, shift, initialized)| ActNorm { log_scale, shift, initialized },
        )
    }
}
