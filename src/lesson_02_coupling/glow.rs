//! Glow and Flow++ for points: steps of normalisation, mixing and coupling.

use super::{
    ActNorm, BoundedAffine, ConditionalBijection, Coupling, InvertibleLinear, Layers, LogisticMixture,
    Transformer, half_mask,
};
use crate::Result;
use crate::lesson_01_change_of_variables::Bijection;
use crate::nn::{Activation, Relu};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::prelude::{Device, Dtype, ModuleVisitor, Tape, TensorCollection, TryAdd};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// One step of flow of Glow (Kingma and Dhariwal 2018, arXiv:1807.03039, figure 2): [`ActNorm`], [`InvertibleLinear`],
/// [`Coupling`].
#[derive(Clone, Debug)]
pub struct Step<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A,
    F,
    E = Real,
    V = Dev,
> where
    E: Dtype,
    V: Device<E>,
{
    norm: ActNorm<D, E, V>,
    linear: InvertibleLinear<D, E, V>,
    coupling: Coupling<D, I, H, O, L, A, F, E, V>,
}

/// Glow (Kingma and Dhariwal 2018, arXiv:1807.03039) for points: K steps of normalization, an invertible linear map and an
/// affine coupling with bounded log-scale; O = 2 D. Call `initialize` with a batch before training.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::Glow;
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let mut model = Glow::<2, 2, 32, 4, 4>::new(&mut source)?;
/// let x = TwoMoons::default().sample(1000, &mut source)?;
/// model.initialize(&x)?;
/// let z = rows(&model.forward(x)?.0);
/// let square: f64 = z.iter().map(|[z, _]| f64::from(*z).powi(2)).sum::<f64>() / 1000.0;
/// assert!((square - 1.0).abs() < 0.9, "about 1: normalized, then rotated");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub type Glow<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    Layers<Step<D, I, H, O, 1, Relu, BoundedAffine>, K>;

/// Flow++ (Ho et al. 2019, arXiv:1902.00275) for points: K steps of normalization, an invertible linear map and a coupling by
/// mixtures of 4 logistics; O = 14 D. The network of the paper has attention, which points do not need; its dequantization
/// belongs to images. Call `initialize` with a batch before training.
pub type FlowPlusPlus<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    Layers<Step<D, I, H, O, 1, Relu, LogisticMixture<4>>, K>;

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F>
    Step<D, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
{
    fn new(source: &mut Source, layer: usize) -> Result<Self> {
        let norm = ActNorm::new(source)?;
        let linear = InvertibleLinear::rotation(source)?;
        // Equal components of a mixture would stay equal.
        let coupling = if F::SYMMETRIC {
            Coupling::random(source, half_mask(layer))
        } else {
            Coupling::new(source, half_mask(layer))
        };
        Ok(Self { norm, linear, coupling: coupling? })
    }
}

/// Steps whose couplings keep one half and then the other.
impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
> Layers<Step<D, I, H, O, L, A, F>, K>
{
    /// Errors: those of the device.
    pub fn new(source: &mut Source) -> Result<Self> {
        Self::from_fn(|layer| Step::new(source, layer))
    }

    /// Sets every [`ActNorm`] by a batch of data, step after step; those that were set before stay.
    ///
    /// Errors, which change nothing: those of [`ActNorm::initialize`] and of the steps.
    pub fn initialize(&mut self, x: &Points<D>) -> Result<()> {
        self.set(x, |step, x| step.norm.initialize(x), Step::forward)
    }

    /// The same with a context for each point.
    ///
    /// Errors, which change nothing: as [`Layers::initialize`]; [`Error::BatchMismatch`](crate::Error::BatchMismatch).
    pub fn initialize_given<const C: usize>(&mut self, x: &Points<D>, context: &Points<C>) -> Result<()> {
        self.set(x, |step, x| step.norm.initialize(x), |step, x| step.forward_given(x, context))
    }
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, T> Bijection<D, T>
    for Step<D, I, H, O, L, A, F>
where
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (x, norm) = self.norm.forward(x)?;
        let (x, linear) = self.linear.forward(x)?;
        let (x, coupling) = self.coupling.forward(x)?;
        Ok((x, coupling.try_add(linear)?.try_add(norm)?))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (z, coupling) = self.coupling.inverse(z)?;
        let (z, linear) = self.linear.inverse(z)?;
        let (z, norm) = self.norm.inverse(z)?;
        Ok((z, coupling.try_add(linear)?.try_add(norm)?))
    }
}

impl<
    const D: usize,
    const C: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
> ConditionalBijection<D, C, T> for Step<D, I, H, O, L, A, F>
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (x, norm) = self.norm.forward(x)?;
        let (x, linear) = self.linear.forward(x)?;
        let (x, coupling) = self.coupling.forward_given(x, context)?;
        Ok((x, coupling.try_add(linear)?.try_add(norm)?))
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let (z, coupling) = self.coupling.inverse_given(z, context)?;
        let (z, linear) = self.linear.inverse(z)?;
        let (z, norm) = self.norm.inverse(z)?;
        Ok((z, coupling.try_add(linear)?.try_add(norm)?))
    }
}

impl<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, F, E, V>
    TensorCollection<E, V> for Step<D, I, H, O, L, A, F, E, V>
where
    A: Activation,
    F: Transformer,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Step<D, I, H, O, L, A, F, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::module("norm", |m| &m.norm, |m| &mut m.norm),
                Self::module("linear", |m| &m.linear, |m| &mut m.linear),
                Self::module("coupling", |m| &m.coupling, |m| &mut m.coupling),
            ),
            |(norm, linear, coupling)| Step { norm, linear, coupling },
        )
    }
}
