//! Features in another order.

use super::ConditionalBijection;
use crate::lesson_01_change_of_variables::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_finite};
use crate::{Error, Result};
use dfdx::prelude::{
    Device, Dtype, HasShape, ModuleVisitor, Rank1, Rank2, Tape, Tensor, TensorCollection, TensorFrom,
    TensorFromVec, TensorOptions, TryMatMul, ZerosTensor,
};
use num_traits::Float;
use rand::seq::SliceRandom;
use rand_distr::uniform::SampleUniform;

/// yᵢ = x of feature `order[i]`; log |det| = 0. The order is saved with a model, not trained.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::Permutation;
/// use pushforward::tensor::{Source, rows};
///
/// let source = Source::new(0);
/// let (y, _) = Permutation::new(&source, [2, 0, 1])?.forward(source.points(&[[1.0, 2.0, 3.0]])?)?;
/// assert_eq!(rows(&y), [[3.0, 1.0, 2.0]]);
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// A point has a feature, so this does not compile:
///
/// ```compile_fail
/// use pushforward::coupling::Permutation;
/// use pushforward::tensor::Source;
///
/// let none = Permutation::<0>::reverse(&Source::new(0));
/// ```
#[derive(Clone, Debug)]
pub struct Permutation<const D: usize, E: Dtype = Real, V: Device<E> = Dev> {
    /// The number of a feature for each place, shape (D,).
    order: Tensor<Rank1<D>, E, V>,
}

impl<const D: usize> Permutation<D> {
    /// Errors: [`Error::OutOfDomain`] if a feature is missing from the order.
    pub fn new(source: &Source, order: [usize; D]) -> Result<Self> {
        const { assert!(D > 0, "a point has a feature") };
        let permutation = Self { order: source.device().try_tensor(order.map(|feature| feature as Real))? };
        permutation.order()?;
        Ok(permutation)
    }

    /// The last feature first.
    pub fn reverse(source: &Source) -> Result<Self> {
        Self::new(source, std::array::from_fn(|feature| D - 1 - feature))
    }

    /// A random order, each equally likely.
    pub fn shuffle(source: &mut Source) -> Result<Self> {
        let mut order = std::array::from_fn(|feature| feature);
        order.shuffle(source);
        Self::new(source, order)
    }

    /// The feature for each place. A file may hold any numbers, so they are looked at.
    fn order(&self) -> Result<[usize; D]> {
        let numbers = self.order.as_vec();
        let mut seen = [false; D];
        for number in &numbers {
            let place = seen.get_mut(number.round() as usize).filter(|seen| !**seen && *number > -0.5);
            let Some(place) = place else {
                let what = "a feature in the order of a permutation";
                let (expected, found) = ("one of 0 to D − 1, each once", f64::from(*number));
                return Err(Error::OutOfDomain { what, expected, found });
            };
            *place = true;
        }
        Ok(std::array::from_fn(|place| numbers[place].round() as usize))
    }

    /// The matrix that takes points, which are rows, to their permutation.
    pub(super) fn matrix(&self) -> Result<Tensor<Rank2<D, D>, Real, Dev>> {
        let mut entries = vec![0.0; D * D];
        for (place, feature) in self.order()?.into_iter().enumerate() {
            entries[feature * D + place] = 1.0;
        }
        Ok(self.order.device().try_tensor_from_vec(entries, Default::default())?)
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for Permutation<D> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        permuted(x, self.matrix()?)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        use dfdx::prelude::PermuteTo;
        permuted(z, self.matrix()?.try_permute()?)
    }
}

/// A product with a matrix of zeros and ones adds zeros to a number, so nothing is rounded.
fn permuted<const D: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    matrix: Tensor<Rank2<D, D>, Real, Dev>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    use dfdx::prelude::PutTape;
    check_finite("the batch of points", &x)?;
    let n = x.shape().0;
    let log_det: PerPoint = x.device().try_zeros_like(&(n,))?;
    Ok((x.try_matmul(matrix)?, log_det.put_tape(T::default())))
}

impl<const D: usize, const C: usize, T: Tape<Real, Dev>> ConditionalBijection<D, C, T> for Permutation<D> {
    fn forward_given(&self, x: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.forward(x)
    }

    fn inverse_given(&self, z: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.inverse(z)
    }
}

impl<const D: usize, E, V> TensorCollection<E, V> for Permutation<D, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Permutation<D, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        let fixed = TensorOptions::detached(|_| Ok(()));
        visitor.visit_fields(Self::tensor("order", |m| &m.order, |m| &mut m.order, fixed), |order| {
            Permutation { order }
        })
    }
}
