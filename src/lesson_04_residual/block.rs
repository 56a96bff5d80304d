//! x + u(x).

use super::contraction::merged;
use super::fixed_point::{FixedPoint, TOLERANCE, budget, fixed_point};
use super::jacobian::largest_singular_values;
use super::log_det::solve_columns;
use super::slices::flat;
use super::{Contraction, EstimateLogDet, Estimator, NonExpansive, exact_log_det};
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::nn::{Activation, Mlp, Pushforward, jacobian_columns};
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_finite, check_some};
use dfdx::prelude::{
    Axis, BroadcastTo, Const, Device, Dtype, HasShape, ModuleVisitor, NoneTape, PutTape, SplitTape, SumTo,
    Tape, TensorCollection, TensorFromVec, TryAdd, TryMul, TrySub,
};
use num_traits::Float;
use rand::RngCore;
use rand_distr::uniform::SampleUniform;

/// z = x + u(x) with a [`Contraction`] u: a bijection (Behrmann et al. 2018, arXiv:1811.00995, theorem 1), whose
/// log |det(I + J)| is computed exactly here. [`Estimated`](super::Estimated) estimates it.
///
/// Forward asks u once for each coordinate. The inverse is a [`fixed_point`], log ε / log c steps for a residual of ε, and one
/// step of Newton's method, x = x* − (I + J)⁻¹ (x* + u(x*) − z) with x* and J held fixed. Only that step is recorded on a
/// tape: its gradients are those of the inverse (implicit function theorem).
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::nn::Tanh;
/// use pushforward::residual::InvertibleResidual;
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let block = InvertibleResidual::<2, 16, 1, Tanh>::new(&source, 0.9)?;
/// let x = source.normal::<2>(5)?;
/// let (back, _) = block.inverse(block.forward(x.clone())?.0)?;
/// assert!((rows(&back)[0][0] - rows(&x)[0][0]).abs() < 1e-4, "the tolerance / (1 − c), where |x| < 9");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// The tape goes with the points. Errors of both directions: [`Error::NotFinite`](crate::Error::NotFinite) for a coordinate or
/// a weight, [`Error::Empty`](crate::Error::Empty); of the inverse: [`Error::NotConverged`](crate::Error::NotConverged).
#[derive(Clone, Debug)]
pub struct InvertibleResidual<
    const D: usize,
    const H: usize,
    const L: usize,
    A,
    E: Dtype = Real,
    V: Device<E> = Dev,
> {
    /// u.
    pub contraction: Contraction<D, H, L, A, E, V>,
}

impl<const D: usize, const H: usize, const L: usize, A: NonExpansive> InvertibleResidual<D, H, L, A> {
    /// A block whose parameters are drawn from the source's device, with the Lipschitz constant c of u.
    ///
    /// Errors: [`Error::OutOfDomain`](crate::Error::OutOfDomain) unless 0 < c ≤ 0.999.
    pub fn new(source: &Source, coefficient: f64) -> Result<Self> {
        Ok(Self { contraction: Contraction::new(source, coefficient)? })
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.contraction.parameters()
    }

    /// x with x + u(x) = z, its residuals and how many steps each point took: [`fixed_point`] with u normalized once, the
    /// tolerance [`TOLERANCE`], and twice the steps that follow from c.
    ///
    /// Errors: those of [`fixed_point`].
    pub fn solve(&self, z: &Points<D>) -> Result<FixedPoint<D>> {
        let (u, NoneTape) = self.contraction.normalized()?;
        self.solve_with(&u, z)
    }

    fn solve_with(&self, u: &Mlp<D, H, D, L, A>, z: &Points<D>) -> Result<FixedPoint<D>> {
        fixed_point(|x| u.apply(x), z, TOLERANCE, budget(self.contraction.coefficient()))
    }

    /// A step of Newton's method from the solution x*, x = x* − (I + J)⁻¹ (x* + u(x*) − z): its gradients are those of the
    /// inverse, and what was left of the residual goes.
    fn invert<T: Tape<Real, Dev>>(&self, u: &Mlp<D, H, D, L, A>, z: Points<D, T>) -> Result<Points<D, T>> {
        let (z, tape) = z.split_tape();
        let x = self.solve_with(u, &z)?.x;
        let (n, device) = (x.shape().0, x.device().clone());
        let (_, columns, NoneTape) = jacobian_columns(u, x.clone())?.into_parts();
        let inverses = solve_columns(&columns)?.inverses.into_iter().map(|entry| entry as Real).collect();
        let inverses = device.try_tensor_from_vec(inverses, (n, Const::<D>, Const::<D>))?;
        // x* is a constant, so that the gradients of u are those of its parameters.
        let missing = z.put_tape(tape).try_sub(x.clone())?;
        let missing = missing.try_sub(u.apply(x.clone().put_tape(T::default()))?)?;
        let step = missing.try_broadcast_like::<_, Axis<1>>(inverses.shape())?.try_mul(inverses)?;
        Ok(step.try_sum::<(usize, Const<D>), Axis<2>>()?.try_add(x)?)
    }
}

/// The largest singular value of J = ∂u/∂x at each point: how much u stretches there. The largest over all x is the Lipschitz
/// constant, so this is a bound of it from below.
///
/// Errors: [`Error::NotFinite`](crate::Error::NotFinite) for an entry of J; [`Error::Empty`](crate::Error::Empty).
pub fn local_lipschitz<const D: usize>(u: &impl Pushforward<D, D>, x: Points<D>) -> Result<Vec<f64>> {
    let (_, columns, NoneTape) = jacobian_columns(u, x)?.into_parts();
    let columns: Vec<Vec<Real>> = columns.iter().map(flat).collect::<Result<_>>()?;
    largest_singular_values(&columns, D)
}

impl<const D: usize, const H: usize, const L: usize, A: NonExpansive, T: Tape<Real, Dev>> Bijection<D, T>
    for InvertibleResidual<D, H, L, A>
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        let (u, tape) = self.contraction.normalized::<T>()?;
        let still = x.retaped::<NoneTape>();
        let (moved, log_det) = exact_log_det(&u, merged(x, tape))?;
        Ok((moved.try_add(still)?, log_det))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let (u, tape) = self.contraction.normalized::<T>()?;
        let x = self.invert(&u, merged(z, tape))?;
        let still = x.retaped::<NoneTape>();
        let (moved, log_det) = exact_log_det(&u, x)?;
        let (_, tape) = moved.split_tape();
        Ok((still.put_tape(tape), log_det.try_negate()?))
    }
}

impl<const D: usize, const H: usize, const L: usize, A: NonExpansive, T: Tape<Real, Dev>> EstimateLogDet<D, T>
    for InvertibleResidual<D, H, L, A>
{
    fn forward_estimated(
        &self,
        x: Points<D, T>,
        estimator: &Estimator,
        rng: &mut dyn RngCore,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        let (u, tape) = self.contraction.normalized::<T>()?;
        let still = x.retaped::<NoneTape>();
        let (moved, log_det) = estimator.log_det(&u, merged(x, tape), rng)?;
        Ok((moved.try_add(still)?, log_det))
    }

    fn undo(&self, z: Points<D, T>) -> Result<Points<D, T>> {
        check_some("z", z.shape().0)?;
        let (u, tape) = self.contraction.normalized::<T>()?;
        self.invert(&u, merged(z, tape))
    }
}

impl<const D: usize, const H: usize, const L: usize, A, E, V> TensorCollection<E, V>
    for InvertibleResidual<D, H, L, A, E, V>
where
    A: Activation,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = InvertibleResidual<D, H, L, A, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            Self::module("contraction", |m| &m.contraction, |m| &mut m.contraction),
            |contraction| InvertibleResidual { contraction },
        )
    }
}
