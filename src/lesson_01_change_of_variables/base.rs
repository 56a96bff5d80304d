//! Densities that are known in closed form.

use super::{Density, Sample};
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_all_finite, check_some, repeat, rows};
use crate::{Error, Result};
use dfdx::prelude::{
    Axes2, Axis, BroadcastTo, Const, Device, Dtype, HasShape, LogSumExpTo, ModuleVisitor, PutTape, Rank1,
    Rank2, SplitTape, SumTo, Tape, Tensor, TensorCollection, TensorFrom, TensorFromVec, TensorOptions,
    TryAdd, TryMul, TrySub, WithEmptyTape,
};
use num_traits::Float;
use rand::Rng;
use rand::distributions::{Distribution, WeightedIndex};
use rand_distr::uniform::SampleUniform;

/// log 2π.
const LOG_TWO_PI: Real = 1.837_877_066_409_345_3_f64 as Real;

/// Beyond so many standard deviations a normal density is 0 in every precision, and its square still finite.
const FAR: Real = 1e18;

/// N(0, I): log p(z) = −½ (|z|² + D log 2π).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandardNormal;

impl<const D: usize, T: Tape<Real, Dev>> Density<D, T> for StandardNormal {
    fn log_prob(&self, z: Points<D, T>) -> Result<PerPoint<T>> {
        check_some("z", z.shape().0)?;
        let squares = z.try_square()?.try_sum::<(usize,), Axis<1>>()?;
        Ok(squares.try_add(D as Real * LOG_TWO_PI)?.try_mul(-0.5)?)
    }
}

impl<const D: usize> Sample<D> for StandardNormal {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        source.normal(n)
    }
}

/// The uniform density on the cube [0, 1)ᴰ: log p = 0 inside and −∞ outside, with gradient 0.
///
/// A sample of a flow with this base may, once in millions, be rounded onto the edge that does not belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uniform;

impl<const D: usize, T: Tape<Real, Dev>> Density<D, T> for Uniform {
    fn log_prob(&self, z: Points<D, T>) -> Result<PerPoint<T>> {
        check_some("z", z.shape().0)?;
        let inside = |z: &[Real; D]| z.iter().all(|z| (0.0..1.0).contains(z));
        let log_p: Vec<Real> =
            rows(&z).iter().map(|z| if inside(z) { 0.0 } else { Real::NEG_INFINITY }).collect();
        let (z, tape) = z.split_tape();
        Ok(z.device().try_tensor_from_vec(log_p, (z.shape().0,))?.put_tape(tape))
    }
}

impl<const D: usize> Sample<D> for Uniform {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        let rows = repeat(n, || std::array::from_fn(|_| source.r#gen()))?;
        source.points(&rows)
    }
}

/// A mixture of K round Gaussians: p(x) = Σₖ wₖ N(x; μₖ, σₖ² I) with w = softmax(`logits`) and σ = exp(`log_std`).
#[derive(Clone, Debug)]
pub struct GaussianMixture<const D: usize, const K: usize, E: Dtype = Real, V: Device<E> = Dev> {
    /// log wₖ up to a constant, shape (K,).
    pub logits: Tensor<Rank1<K>, E, V>,
    /// μₖ, shape (K, D).
    pub means: Tensor<Rank2<K, D>, E, V>,
    /// log σₖ, shape (K,).
    pub log_std: Tensor<Rank1<K>, E, V>,
}

impl<const D: usize, const K: usize> GaussianMixture<D, K> {
    /// The mixture with equal weights.
    ///
    /// Errors: [`Error::Empty`] for K = 0, [`Error::NotFinite`] for a mean and [`Error::OutOfDomain`] for a standard
    /// deviation that is not positive.
    pub fn new(source: &Source, means: [[Real; D]; K], std: [Real; K]) -> Result<Self> {
        check_all_finite("the means of the mixture", means.as_flattened())?;
        if let Some(bad) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            let what = "a standard deviation of the mixture";
            return Err(Error::OutOfDomain { what, expected: "a positive number", found: f64::from(*bad) });
        }
        let device = source.device();
        Ok(Self {
            logits: device.try_tensor([0.0; K])?,
            means: device.try_tensor(means)?,
            log_std: device.try_tensor(std.map(Real::ln))?,
        })
    }
}

/// log p(x) = log Σₖ exp(log wₖ − ½ |x − μₖ|² / σₖ² − D log σₖ − ½ D log 2π).
impl<const D: usize, const K: usize, T: Tape<Real, Dev>> Density<D, T> for GaussianMixture<D, K> {
    fn log_prob(&self, x: Points<D, T>) -> Result<PerPoint<T>> {
        let n = x.shape().0;
        check_some("x", n)?;
        let (cube, table) = ((n, Const::<K>, Const::<D>), (n, Const::<K>));
        let means = self.means.retaped::<T>().try_broadcast_like(&cube)?;
        let x = x.try_broadcast_like::<_, Axis<1>>(&cube)?;
        let log_std = self.log_std.retaped::<T>();
        // Divided before it is squared, and kept finite: a square that overflows would make 0 · ∞ of a small weight.
        let scale =
            log_std.with_empty_tape().try_negate()?.try_exp()?.try_broadcast_like::<_, Axes2<0, 2>>(&cube)?;
        let scaled = x.try_sub(means)?.try_mul(scale)?.try_clamp(-FAR, FAR)?;
        let squares = scaled.try_square()?.try_sum::<(usize, Const<K>), Axis<2>>()?;
        let weight = self.logits.retaped::<T>().try_log_softmax()?;
        let constant = weight.try_sub(log_std.try_mul(D as Real)?)?.try_sub(0.5 * D as Real * LOG_TWO_PI)?;
        let exponent = squares.try_mul(-0.5)?.try_add(constant.try_broadcast_like(&table)?)?;
        Ok(exponent.try_logsumexp::<(usize,), Axis<1>>()?)
    }
}

impl<const D: usize, const K: usize> Sample<D> for GaussianMixture<D, K> {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        let weights = self.logits.clone().try_log_softmax()?.try_exp()?.as_vec();
        check_all_finite("the weights of the mixture", &weights)?;
        let kind = WeightedIndex::new(weights).map_err(|_| Error::Empty { what: "the mixture" })?;
        let (means, log_std) = (self.means.as_vec(), self.log_std.as_vec());
        let draw = |source: &mut Source| {
            let k = kind.sample(source);
            let std = log_std[k].exp();
            std::array::from_fn(|i| {
                means[k * D + i] + std * source.sample::<Real, _>(rand_distr::StandardNormal)
            })
        };
        let rows = repeat(n, || draw(source))?;
        check_some("the sample", n)?;
        check_all_finite("the sample", rows.as_flattened())?;
        source.points(&rows)
    }
}

impl<const D: usize, const K: usize, E, V> TensorCollection<E, V> for GaussianMixture<D, K, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = GaussianMixture<D, K, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::tensor("logits", |m| &m.logits, |m| &mut m.logits, TensorOptions::reset_to_zeros()),
                Self::tensor("means", |m| &m.means, |m| &mut m.means, TensorOptions::reset_to_zeros()),
                Self::tensor("log_std", |m| &m.log_std, |m| &mut m.log_std, TensorOptions::reset_to_zeros()),
            ),
            |(logits, means, log_std)| GaussianMixture { logits, means, log_std },
        )
    }
}
