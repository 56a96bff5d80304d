//! Glow and Flow++ for points: steps of normalisation, mixing and coupling.

use super::probe::{moved, undo};
use super::{
    ActNorm, BoundedAffine, ConditionalBijection, Coupling, InvertibleLinear, LogisticMixture, Transformer,
    half_mask,
};
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, compose};
use crate::nn::{Activation, Relu};
use crate::tensor::{Dev, PerPoint, Points, Real, Source};
use dfdx::nn::modules::Repeated;
use dfdx::prelude::{Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection};
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

/// K [`Step`]s, whose couplings keep one half and then the other.
///
/// The names [`Glow`] and [`FlowPlusPlus`] stand for it: points of D features, conditioners with I inputs (I = D, or D + C with
/// contexts of C numbers), L + 1 layers of H hidden units and O = D P outputs, P the number of parameters of the
/// transformer F. Call [`StepFlow::initialize`] with a batch before training. The inverse looks at rounding as that of a
/// [`CouplingFlow`](super::CouplingFlow) does.
#[derive(Clone, Debug)]
pub struct StepFlow<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A,
    F,
    E = Real,
    V = Dev,
> where
    E: Dtype,
    V: Device<E>,
{
    /// From data to base.
    steps: Repeated<Step<D, I, H, O, L, A, F, E, V>, K>,
}

/// Glow (Kingma and Dhariwal 2018, arXiv:1807.03039) for points: K steps of normalization, an invertible linear map and an
/// affine coupling with bounded log-scale; O = 2 D.
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
    StepFlow<D, I, H, O, 1, K, Relu, BoundedAffine>;

/// Flow++ (Ho et al. 2019, arXiv:1902.00275) for points: K steps of normalization, an invertible linear map and a coupling by
/// mixtures of 4 logistics; O = 14 D. The network of the paper has attention, which points do not need; its dequantization
/// belongs to images.
pub type FlowPlusPlus<const D: usize, const I: usize, const H: usize, const O: usize, const K: usize> =
    StepFlow<D, I, H, O, 1, K, Relu, LogisticMixture<4>>;

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

    /// The rest of the inverse, after that of the coupling, with points that are moved as rounding might.
    fn probe(&self, z: Points<D>, by: Real) -> Result<Points<D>> {
        let (z, _) = self.linear.inverse(moved(z, by)?)?;
        Ok(self.norm.inverse(moved(z, by)?)?.0)
    }
}

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
> StepFlow<D, I, H, O, L, K, A, F>
{
    /// Errors: those of the device.
    pub fn new(source: &mut Source) -> Result<Self> {
        const { assert!(K > 0, "a flow has a step") };
        let steps = (0..K).map(|layer| Step::new(source, layer));
        Ok(Self { steps: Repeated { modules: steps.collect::<Result<_>>()? } })
    }

    /// The steps from data to base, for a look between them.
    pub fn steps(&self) -> &[Step<D, I, H, O, L, A, F>] {
        &self.steps.modules
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }

    /// Sets every [`ActNorm`] by a batch of data, step after step; those that were set before stay.
    ///
    /// Errors: those of [`ActNorm::initialize`] and of the steps.
    pub fn initialize(&mut self, x: &Points<D>) -> Result<()> {
        self.initialize_by(x, |step, x| step.forward(x))
    }

    /// The same with a context for each point.
    ///
    /// Errors: as [`StepFlow::initialize`]; [`Error::BatchMismatch`](crate::Error::BatchMismatch).
    pub fn initialize_given<const C: usize>(&mut self, x: &Points<D>, context: &Points<C>) -> Result<()> {
        self.initialize_by(x, |step, x| step.forward_given(x, context))
    }

    fn initialize_by(
        &mut self,
        x: &Points<D>,
        forward: impl Fn(&Step<D, I, H, O, L, A, F>, Points<D>) -> Result<(Points<D>, PerPoint)>,
    ) -> Result<()> {
        let mut x = x.clone();
        for step in &mut self.steps.modules {
            step.norm.initialize(&x)?;
            (x, _) = forward(step, x)?;
        }
        Ok(())
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

use dfdx::prelude::TryAdd;

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

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
> Bijection<D, T> for StepFlow<D, I, H, O, L, K, A, F>
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        compose(self.steps().iter(), x, Step::forward)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        undo(self.steps(), z, Step::inverse, |step, z, by| step.probe(step.coupling.inverse(z)?.0, by))
    }
}

impl<
    const D: usize,
    const C: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    T: Tape<Real, Dev>,
> ConditionalBijection<D, C, T> for StepFlow<D, I, H, O, L, K, A, F>
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        compose(self.steps().iter(), x, |step, x| step.forward_given(x, context))
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let go = |step: &Step<_, _, _, _, _, _, _>, z| step.inverse_given(z, context);
        undo(self.steps(), z, go, |step, z, by| step.probe(step.coupling.inverse_given(z, context)?.0, by))
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

impl<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    const K: usize,
    A: Activation,
    F: Transformer,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
> TensorCollection<E, V> for StepFlow<D, I, H, O, L, K, A, F, E, V>
{
    type To<E2: Dtype, V2: Device<E2>> = StepFlow<D, I, H, O, L, K, A, F, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor
            .visit_fields(Self::module("steps", |m| &m.steps, |m| &mut m.steps), |steps| StepFlow { steps })
    }
}
