//! Lesson 01: change of variables.
//!
//! If f maps data x to base points z = f(x) one to one, and z has the density p_Z, then x has the density
//! p_X(x) = p_Z(f(x)) |det ∂f/∂x| (Papamakarios et al. 2019, arXiv:1912.02762, section 2.1). Every flow of this course
//! is this formula with another f.

mod affine;
mod base;
mod exponential;
mod numeric;

pub use crate::data::Sample;
pub use affine::Affine;
pub use base::{GaussianMixture, StandardNormal, Uniform};
pub use exponential::Exponential;
pub use numeric::{log_abs_det, numeric_jacobian};

use crate::tensor::{
    Dev, Gradients, Loss, PerPoint, Points, Real, Recording, Source, check_finite, check_same_batch,
    check_some,
};
use crate::{Error, Result};
use dfdx::prelude::{
    Device, Dtype, HasShape, MeanTo, ModuleVisitor, NoneTape, Tape, TensorCollection, Trace, TryAdd,
};

/// A map f that can be undone, with the volume it stretches.
///
/// Forward goes from data to base (normalizing), inverse from base to data (generating). Each direction gives its own
/// log |det|, so the two are negatives of each other at points that correspond.
///
/// A point is never passed on when it is not one: both directions refuse a coordinate that is NaN or infinite
/// ([`Error::NotFinite`]) and a batch without points ([`Error::Empty`]). A result may still overflow.
///
/// The tape of the points goes with the points, and a loss must contain what it leads to: one of log |det| alone need not have
/// all its gradients.
pub trait Bijection<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    /// z = f(x), shape (N, D), and log |det ∂f/∂x|, shape (N,).
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>;

    /// x = f⁻¹(z), shape (N, D), and log |det ∂f⁻¹/∂z|, shape (N,).
    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>;
}

/// A probability density on D coordinates.
pub trait Density<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    /// log p(x) in nats, shape (N,), for points of shape (N, D).
    fn log_prob(&self, x: Points<D, T>) -> Result<PerPoint<T>>;
}

/// A normalizing flow: points are drawn from `base` and carried to the data by the inverse of `bijection`.
///
/// ```
/// use pushforward::change_of_variables::{Affine, Density, Flow, StandardNormal};
/// use pushforward::tensor::Source;
///
/// let source = Source::new(0);
/// // z = 2 x + 1 is normal, so x is normal with mean -1/2 and standard deviation 1/2.
/// let flow = Flow { bijection: Affine::new(&source, [[2.0]], [1.0])?, base: StandardNormal };
/// let log_p = flow.log_prob(source.points(&[[-0.5]])?)?;
/// let expected = (2.0 / (2.0 * std::f64::consts::PI).sqrt()).ln();
/// assert!((f64::from(log_p.as_vec()[0]) - expected).abs() < 1e-6, "equal to the rounding of f32");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flow<B, P> {
    /// f: data to base.
    pub bijection: B,
    /// The density of f(x).
    pub base: P,
}

/// log p(x) = log p_Z(f(x)) + log |det ∂f/∂x|.
///
/// Errors: [`Error::NotFinite`] for a coordinate that is not a number, and whatever the parts refuse.
impl<const D: usize, T, B, P> Density<D, T> for Flow<B, P>
where
    T: Tape<Real, Dev>,
    B: Bijection<D, T>,
    P: Density<D, T>,
{
    fn log_prob(&self, x: Points<D, T>) -> Result<PerPoint<T>> {
        check_finite("x", &x)?;
        let (z, log_det) = self.bijection.forward(x)?;
        add(self.base.log_prob(z)?, log_det)
    }
}

/// x = f⁻¹(z) with z from the base.
impl<const D: usize, B: Bijection<D>, P: Sample<D>> Sample<D> for Flow<B, P> {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        let (x, _) = self.bijection.inverse(self.base.sample(n, source)?)?;
        check_finite("a sample", &x)?;
        Ok(x)
    }
}

/// The same map, read the other way: its forward is the inverse of what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inverted<B>(pub B);

impl<const D: usize, T: Tape<Real, Dev>, B: Bijection<D, T>> Bijection<D, T> for Inverted<B> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.0.inverse(x)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.0.forward(z)
    }
}

/// The parameters are those of the map that it holds.
impl<E: Dtype, V: Device<E>, B: TensorCollection<E, V>> TensorCollection<E, V> for Inverted<B> {
    type To<E2: Dtype, V2: Device<E2>> = Inverted<B::To<E2, V2>>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("inverted", |m| &m.0, |m| &mut m.0), Inverted)
    }
}

/// f = f₂ ∘ f₁: first the left one, then the right one; their log-determinants add.
impl<const D: usize, T, A, B> Bijection<D, T> for (A, B)
where
    T: Tape<Real, Dev>,
    A: Bijection<D, T>,
    B: Bijection<D, T>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (y, first) = self.0.forward(x)?;
        let (z, second) = self.1.forward(y)?;
        Ok((z, add(second, first)?))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (y, second) = self.1.inverse(z)?;
        let (x, first) = self.0.inverse(y)?;
        Ok((x, add(first, second)?))
    }
}

/// f = f_K ∘ … ∘ f₁. Errors: [`Error::Empty`] for K = 0.
impl<const D: usize, const K: usize, T: Tape<Real, Dev>, B: Bijection<D, T>> Bijection<D, T> for [B; K] {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        compose(self.iter(), x, B::forward)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        compose(self.iter().rev(), z, B::inverse)
    }
}

/// The sum of two numbers per point, for the same points.
fn add<T: Tape<Real, Dev>>(a: PerPoint<T>, b: PerPoint<T>) -> Result<PerPoint<T>> {
    check_same_batch("the log-densities and log-determinants of a flow", a.shape().0, b.shape().0)?;
    Ok(a.try_add(b)?)
}

/// Goes through the layers one after the other and adds their log-determinants.
pub(crate) fn compose<'a, const D: usize, T: Tape<Real, Dev>, B: 'a>(
    mut layers: impl Iterator<Item = &'a B>,
    x: Points<D, T>,
    mut go: impl FnMut(&B, Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let first = layers.next().ok_or(Error::Empty { what: "the composition of bijections" })?;
    layers.try_fold(go(first, x)?, |(x, sum), layer| {
        let (y, log_det) = go(layer, x)?;
        Ok((y, add(log_det, sum)?))
    })
}

/// The mean of −log p(x) over a batch, in nats: what maximum likelihood makes smaller
/// (Papamakarios et al. 2019, arXiv:1912.02762, section 2.3).
///
/// Errors: those of the density.
pub fn negative_log_likelihood<const D: usize>(
    density: &impl Density<D, Recording>,
    x: Points<D>,
    gradients: Gradients,
) -> Result<Loss> {
    check_some("x", x.shape().0)?;
    Ok(density.log_prob(x.traced(gradients))?.try_mean()?.try_negate()?)
}
