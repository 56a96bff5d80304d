//! The affine map, the simplest flow that can be trained.

use super::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_all_finite, check_finite};
use crate::{Error, Result};
use dfdx::prelude::{
    BroadcastTo, Device, Dtype, HasShape, ModuleVisitor, PermuteTo, Rank0, Rank1, Rank2, SumTo, Tape, Tensor,
    TensorCollection, TensorFrom, TensorOptions, TryAdd, TryMatMul, TryMul, TrySub, WithEmptyTape,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// z = L x + b with a lower triangular L whose diagonal is positive; log |det ∂z/∂x| = Σ log Lᵢᵢ.
///
/// L = diag(eˢ) (I + N): `log_scale` is s, and N is what stands below the diagonal of `lower` (the rest of it must
/// be finite and is not used). Every Gaussian with a full covariance is such a map of N(0, I).
#[derive(Clone, Debug)]
pub struct Affine<const D: usize, E: Dtype = Real, V: Device<E> = Dev> {
    /// s, shape (D,).
    pub log_scale: Tensor<Rank1<D>, E, V>,
    /// N below its diagonal, shape (D, D).
    pub lower: Tensor<Rank2<D, D>, E, V>,
    /// b, shape (D,).
    pub shift: Tensor<Rank1<D>, E, V>,
}

impl<const D: usize> Affine<D> {
    /// z = x.
    pub fn identity(source: &Source) -> Result<Self> {
        let device = source.device();
        Ok(Self {
            log_scale: device.try_tensor([0.0; D])?,
            lower: device.try_tensor([[0.0; D]; D])?,
            shift: device.try_tensor([0.0; D])?,
        })
    }

    /// z = `matrix` x + `shift`.
    ///
    /// Errors: [`Error::NotFinite`], also where a row divided by its diagonal entry overflows; [`Error::OutOfDomain`]
    /// unless the matrix is lower triangular, and its diagonal and the inverse of that are positive and finite.
    pub fn new(source: &Source, matrix: [[Real; D]; D], shift: [Real; D]) -> Result<Self> {
        check_all_finite("the matrix", matrix.as_flattened())?;
        check_all_finite("the shift", &shift)?;
        for (i, row) in matrix.iter().enumerate() {
            check_row(i, row)?;
        }
        let device = source.device();
        let lower: [[Real; D]; D] = std::array::from_fn(|i| matrix[i].map(|entry| entry / matrix[i][i]));
        check_all_finite("the matrix, its rows divided by the diagonal", lower.as_flattened())?;
        Ok(Self {
            log_scale: device.try_tensor(std::array::from_fn(|i| matrix[i][i].ln()))?,
            lower: device.try_tensor(lower)?,
            shift: device.try_tensor(shift)?,
        })
    }

    /// Nᵀ: what multiplies points that are rows, with zeros where `lower` is not used.
    fn strict<T: Tape<Real, Dev>>(&self) -> Result<Tensor<Rank2<D, D>, Real, Dev, T>> {
        let mask: [[Real; D]; D] =
            std::array::from_fn(|i| std::array::from_fn(|j| if j < i { 1.0 } else { 0.0 }));
        let mask = self.lower.device().try_tensor(mask)?;
        Ok(self.lower.retaped::<T>().try_mul(mask)?.try_permute()?)
    }

    /// Σ s for each of n points.
    fn log_det<T: Tape<Real, Dev>>(&self, n: usize) -> Result<PerPoint<T>> {
        Ok(self.log_scale.retaped::<T>().try_sum::<Rank0, _>()?.try_broadcast_like(&(n,))?)
    }
}

fn check_row<const D: usize>(i: usize, row: &[Real; D]) -> Result<()> {
    if row[i] <= 0.0 || !row[i].recip().is_finite() {
        let what = "an entry on the diagonal of the matrix";
        return Err(Error::OutOfDomain {
            what,
            expected: "positive, and so must be its inverse",
            found: row[i].into(),
        });
    }
    match row[i + 1..].iter().find(|entry| **entry != 0.0) {
        Some(entry) => {
            let what = "an entry above the diagonal of the matrix";
            Err(Error::OutOfDomain {
                what,
                expected: "0: the matrix is lower triangular",
                found: f64::from(*entry),
            })
        }
        None => Ok(()),
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for Affine<D> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let shape = *x.shape();
        check_finite("x", &x)?;
        let y = x.with_empty_tape().try_matmul(self.strict::<T>()?)?.try_add(x)?;
        let scale = self.log_scale.retaped::<T>().try_exp()?.try_broadcast_like(&shape)?;
        let shift = self.shift.retaped::<T>().try_broadcast_like(&shape)?;
        Ok((y.try_mul(scale)?.try_add(shift)?, self.log_det(shape.0)?))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let shape = *z.shape();
        check_finite("z", &z)?;
        let shift = self.shift.retaped::<T>().try_broadcast_like(&shape)?;
        let scale = self.log_scale.retaped::<T>().try_negate()?.try_exp()?.try_broadcast_like(&shape)?;
        let mut x = z.try_sub(shift)?.try_mul(scale)?;
        // N is nilpotent, so (I + N)⁻¹ = Σ (−N)ᵏ is finite and equals (I − N)(I + N²)(I + N⁴)…, exactly.
        let mut power = self.strict::<T>()?.try_negate()?;
        let mut terms = 1;
        while terms < D {
            // Two copies with ids of their own: dfdx's backward pass fails where both factors are one tensor. The tape
            // of the power goes with the product that is kept.
            let (left, right) = (power.with_empty_tape(), power.with_empty_tape().try_mul(1.0)?);
            x = x.with_empty_tape().try_matmul(power)?.try_add(x)?;
            power = left.try_matmul(right)?;
            terms *= 2;
        }
        Ok((x, self.log_det(shape.0)?.try_negate()?))
    }
}

impl<const D: usize, E, V> TensorCollection<E, V> for Affine<D, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Affine<D, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "log_scale",
                    |m| &m.log_scale,
                    |m| &mut m.log_scale,
                    TensorOptions::reset_to_zeros(),
                ),
                Self::tensor("lower", |m| &m.lower, |m| &mut m.lower, TensorOptions::reset_to_zeros()),
                Self::tensor("shift", |m| &m.shift, |m| &mut m.shift, TensorOptions::reset_to_zeros()),
            ),
            |(log_scale, lower, shift)| Affine { log_scale, lower, shift },
        )
    }
}
