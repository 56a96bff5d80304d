//! Flows that are told of something: of a class, or of what was observed.

use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real};
use dfdx::prelude::{NoneTape, Tape};

/// A [`Bijection`] x ↦ f(x; c) for each context c of C numbers. Only x is carried; c is the same before and after.
///
/// Layers that do not look at a context ignore it.
pub trait ConditionalBijection<const D: usize, const C: usize, T: Tape<Real, Dev> = NoneTape> {
    /// z = f(x; c), shape (N, D), and log |det ∂f/∂x|, shape (N,), for contexts of shape (N, C).
    ///
    /// Errors: [`Error::BatchMismatch`](crate::Error::BatchMismatch) if there is not one context per point.
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)>;

    /// x = f⁻¹(z; c) and log |det ∂f⁻¹/∂z|.
    ///
    /// Errors: as [`ConditionalBijection::forward_given`].
    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)>;
}

/// A conditional bijection with contexts that are fixed: see [`given`].
#[derive(Clone, Debug)]
pub struct Given<'a, M, const C: usize> {
    model: &'a M,
    context: Points<C>,
}

/// The bijection x ↦ f(x; c) with the context cₙ for point n. Under a base it is a density that can be trained, and drawn
/// from with as many points as there are contexts.
///
/// ```
/// use pushforward::change_of_variables::{Density, Flow, Sample, StandardNormal};
/// use pushforward::coupling::{RealNvp, given};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// // Points of 2 coordinates and contexts of 1: the conditioners read 3 numbers.
/// let model = RealNvp::<2, 3, 16, 4, 4>::new(&source)?;
/// let context = source.points(&[[0.0], [1.0], [1.0]])?;
/// let flow = Flow { bijection: given(&model, context), base: StandardNormal };
/// let x = flow.sample(3, &mut source)?;
/// assert_eq!(flow.log_prob(x)?.as_vec().len(), 3);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn given<M, const C: usize>(model: &M, context: Points<C>) -> Given<'_, M, C> {
    Given { model, context }
}

impl<const D: usize, const C: usize, T, M> Bijection<D, T> for Given<'_, M, C>
where
    T: Tape<Real, Dev>,
    M: ConditionalBijection<D, C, T>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.model.forward_given(x, &self.context)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.model.inverse_given(z, &self.context)
    }
}
