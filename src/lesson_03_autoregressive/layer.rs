//! One autoregressive layer.

use super::made::Made;
use super::order::ranks;
use super::passes::{Layer, Nothing};
use super::{Natural, Order};
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::lesson_02_coupling::{BoundedAffine, ConditionalBijection, Transformer, inverse};
use crate::nn::{Activation, Tanh};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::prelude::{Device, Dtype, ModuleVisitor, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// zᵢ = τ(xᵢ; hᵢ), where a [`Made`] computes the parameters hᵢ from the features before xᵢ, and
/// log |det ∂z/∂x| = Σ log ∂τ/∂xᵢ (Papamakarios et al. 2017, arXiv:1705.07057, section 3.1, with an affine τ).
///
/// D features, I inputs of the network (D, and as many more as there are contexts), H hidden units in each of L + 1
/// layers, O = D P outputs with the P parameters of the [`Transformer`] F, the [`Order`] R.
///
/// Forward asks the network once. The inverse asks it once per rank, D times in a [`Natural`] order, because xᵢ must be
/// known before the network can be asked for what comes after it; so it takes D times as long, with and without a tape.
///
/// ```
/// use pushforward::autoregressive::MaskedAutoregressive;
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::tensor::{Source, rows, values};
///
/// let mut source = Source::new(0);
/// let layer = MaskedAutoregressive::<3, 3, 16, 6, 1>::new(&source)?;
/// let x = source.normal::<3>(5)?;
/// let (z, log_det) = layer.forward(x.clone())?;
/// let (back, inverse_log_det) = layer.inverse(z)?;
/// assert!((rows(&back)[0][2] - rows(&x)[0][2]).abs() < 1e-5, "some roundings of f32");
/// assert!((values(&log_det)[0] + values(&inverse_log_det)[0]).abs() < 1e-5, "some roundings of f32");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors of both directions: those of [`transform`](crate::coupling::transform) and
/// [`invert`](crate::coupling::invert). Where x or z has a coordinate beyond 8, the inverse takes nine times as long, and
/// is refused ([`crate::Error::Saturated`]) where a trip from x to z and back would lose more than 10⁻⁴ (1 + |x|), in f64
/// 10⁻¹⁰ (1 + |x|).
#[derive(Clone, Debug)]
pub struct MaskedAutoregressive<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A = Tanh,
    F = BoundedAffine,
    R = Natural,
    E: Dtype = Real,
    V: Device<E> = Dev,
> {
    /// What computes the parameters.
    pub conditioner: Made<D, I, H, O, L, A, R, E, V>,
    transformer: PhantomData<F>,
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, R>
    MaskedAutoregressive<D, I, H, O, L, A, F, R>
where
    A: Activation,
    F: Transformer,
    R: Order,
{
    /// A layer whose parameters are drawn from the source's device.
    ///
    /// Errors: those of [`Made::new`].
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(O == D * F::PARAMETERS, "the conditioner gives P numbers for each feature: O = D P") };
        Ok(Self { conditioner: Made::new(source)?, transformer: PhantomData })
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.conditioner.parameters()
    }

    fn layer<'a, X>(&'a self, context: &'a X) -> Result<Layer<'a, X, I, H, O, L, A, F>> {
        let network = &self.conditioner.network;
        Ok(Layer { network, ranks: ranks::<R>(D)?, context, transformer: PhantomData })
    }
}

impl<const D: usize, const H: usize, const O: usize, const L: usize, A, F, R, T> Bijection<D, T>
    for MaskedAutoregressive<D, D, H, O, L, A, F, R>
where
    A: Activation,
    F: Transformer,
    R: Order,
    T: Tape<Real, Dev>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.layer(&Nothing)?.forward(x)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        inverse(&[self.layer(&Nothing)?], z)
    }
}

impl<
    const D: usize,
    const C: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A,
    F,
    R,
    T,
> ConditionalBijection<D, C, T> for MaskedAutoregressive<D, I, H, O, L, A, F, R>
where
    A: Activation,
    F: Transformer,
    R: Order,
    T: Tape<Real, Dev>,
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.layer(context)?.forward(x)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        inverse(&[self.layer(context)?], z)
    }
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, R, E, V>
    TensorCollection<E, V> for MaskedAutoregressive<D, I, H, O, L, A, F, R, E, V>
where
    A: Activation,
    F: Transformer,
    R: Order,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = MaskedAutoregressive<D, I, H, O, L, A, F, R, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            Self::module("conditioner", |m| &m.conditioner, |m| &mut m.conditioner),
            |conditioner| MaskedAutoregressive { conditioner, transformer: PhantomData },
        )
    }
}
