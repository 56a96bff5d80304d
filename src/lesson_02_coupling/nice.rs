//! NICE.

use super::{Additive, AdditiveFlow, ConditionalBijection, Coupling, Layers};
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::nn::Relu;
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_finite};
use dfdx::prelude::{
    BroadcastTo, Device, Dtype, HasShape, ModuleVisitor, NumParams, Rank0, Rank1, SumTo, Tape, Tensor,
    TensorCollection, TensorFrom, TensorOptions, TryAdd, TryMul, WithEmptyTape,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// NICE (Dinh et al. 2014, arXiv:1410.8516): K additive coupling layers, and then z = y eˢ with one scale for each feature;
/// log |det| = Σ s.
///
/// Points of D features; conditioners with I inputs (D, or D + C with contexts of C numbers), two hidden layers of H units
/// with ReLU, and D outputs. Before training it is z = x.
///
/// ```
/// use pushforward::change_of_variables::{Flow, Sample, StandardNormal};
/// use pushforward::coupling::Nice;
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let flow = Flow { bijection: Nice::<2, 2, 32, 4>::new(&source)?, base: StandardNormal };
/// assert_eq!(flow.sample(5, &mut source)?.as_vec().len(), 5 * 2);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nice<const D: usize, const I: usize, const H: usize, const K: usize, E = Real, V = Dev>
where
    E: Dtype,
    V: Device<E>,
{
    couplings: Couplings<D, I, H, K, E, V>,
    /// s, shape (D,).
    log_scale: Tensor<Rank1<D>, E, V>,
}

/// [`AdditiveFlow`] on any device.
type Couplings<const D: usize, const I: usize, const H: usize, const K: usize, E, V> =
    Layers<Coupling<D, I, H, D, 1, Relu, Additive, E, V>, K>;

impl<const D: usize, const I: usize, const H: usize, const K: usize> Nice<D, I, H, K> {
    /// Errors: those of the device.
    pub fn new(source: &Source) -> Result<Self> {
        let log_scale = source.device().try_tensor([0.0; D])?;
        Ok(Self { couplings: AdditiveFlow::new(source)?, log_scale })
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }

    /// y eˢ and the sum of the log-determinants, or with the sign −1 back.
    fn scaled<T: Tape<Real, Dev>>(&self, y: Points<D, T>, sign: Real) -> Result<(Points<D, T>, PerPoint<T>)> {
        let log_scale = self.log_scale.retaped::<T>().try_mul(sign)?;
        let scale = log_scale.with_empty_tape().try_exp()?.try_broadcast_like(y.shape())?;
        let log_det = log_scale.try_sum::<Rank0, _>()?.try_broadcast_like(&(y.shape().0,))?;
        Ok((y.try_mul(scale)?, log_det))
    }
}

impl<const D: usize, const I: usize, const H: usize, const K: usize, T: Tape<Real, Dev>> Bijection<D, T>
    for Nice<D, I, H, K>
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (y, first) = self.couplings.forward(x)?;
        let (z, second) = self.scaled(y, 1.0)?;
        Ok((z, second.try_add(first)?))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let (y, second) = self.scaled(z, -1.0)?;
        let (x, first) = self.couplings.inverse(y)?;
        Ok((x, first.try_add(second)?))
    }
}

impl<const D: usize, const C: usize, const I: usize, const H: usize, const K: usize, T: Tape<Real, Dev>>
    ConditionalBijection<D, C, T> for Nice<D, I, H, K>
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (y, first) = self.couplings.forward_given(x, context)?;
        let (z, second) = self.scaled(y, 1.0)?;
        Ok((z, second.try_add(first)?))
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let (y, second) = self.scaled(z, -1.0)?;
        let (x, first) = self.couplings.inverse_given(y, context)?;
        Ok((x, first.try_add(second)?))
    }
}

impl<const D: usize, const I: usize, const H: usize, const K: usize, E, V> TensorCollection<E, V>
    for Nice<D, I, H, K, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Nice<D, I, H, K, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::module("couplings", |m| &m.couplings, |m| &mut m.couplings),
                Self::tensor(
                    "log_scale",
                    |m| &m.log_scale,
                    |m| &mut m.log_scale,
                    TensorOptions::reset_to_zeros(),
                ),
            ),
            |(couplings, log_scale)| Nice { couplings, log_scale },
        )
    }
}
