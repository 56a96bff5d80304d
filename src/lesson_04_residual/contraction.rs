//! A perceptron that brings points together.

use super::spectral::{SQUARINGS, bound};
use crate::nn::{
    Activation, DualPoints, Elu, Identity, LipSwish, Mlp, Place, Pushforward, Relu, Reweight, Softplus, Tanh,
    Weight,
};
use crate::tensor::{Dev, Points, Real, Source, entries};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::ScalarOptions;
use dfdx::prelude::{
    AsArray, BroadcastTo, Const, Device, Dtype, ModuleVisitor, NoneTape, PutTape, Rank0, SplitTape, Tape,
    Tensor, TensorCollection, TryDiv, TryMul, WithEmptyTape,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// An activation whose slope is between −1 and 1: |f(x) − f(y)| ≤ |x − y|.
pub trait NonExpansive: Activation {}

impl NonExpansive for Identity {}
impl NonExpansive for Tanh {}
impl NonExpansive for Relu {}
impl NonExpansive for Elu {}
impl NonExpansive for Softplus {}
impl NonExpansive for LipSwish {}

/// A perceptron u from D to D coordinates whose Lipschitz constant is at most c < 1: |u(x) − u(y)| ≤ c |x − y|.
///
/// It is the [`Mlp`] with L + 1 layers of H hidden units whose last weight is divided by max(1, S₁ S₂ ⋯ / c), with the
/// bounds S of the spectral norms of all L + 2 weights that [`spectral_bound`](super::spectral_bound) gives. The product of
/// the norms is then at most c, up to rounding, and the activation does not expand. This holds at every step of training,
/// because the bounds are computed anew of the weights in each pass; gradients go through them.
///
/// Behrmann et al. 2018 (arXiv:1811.00995, section 2.1) divide each weight by its own norm, so that each layer must make do
/// with its share c^(1/(L+2)); here one layer may stretch more where another stretches less. And they take a power
/// iteration for the norm, which is a bound from below.
///
/// ```
/// use pushforward::nn::{Tanh, parameters, set_parameters};
/// use pushforward::residual::Contraction;
/// use pushforward::tensor::{Real, Source, rows};
///
/// let source = Source::new(0);
/// let mut u = Contraction::<2, 16, 1, Tanh>::new(&source, 0.9)?;
/// // Parameters that are ten times larger: weights of a norm far above 1.
/// let larger: Vec<Real> = parameters(&u)?.iter().map(|p| 10.0 * p).collect();
/// set_parameters(&mut u, &larger)?;
/// let y = rows(&u.apply(source.points(&[[0.0, 0.0], [0.01, 0.0]])?)?);
/// let moved = (y[1][0] - y[0][0]).hypot(y[1][1] - y[0][1]);
/// assert!(moved <= 0.9 * 0.01, "the points were 0.01 apart");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Contraction<const D: usize, const H: usize, const L: usize, A, E: Dtype = Real, V: Device<E> = Dev>
{
    network: Mlp<D, H, D, L, A, E, V>,
    /// c.
    coefficient: f64,
}

impl<const D: usize, const H: usize, const L: usize, A: NonExpansive> Contraction<D, H, L, A> {
    /// A network whose parameters are drawn from the source's device.
    ///
    /// Errors: [`Error::OutOfDomain`] unless 0 < c ≤ 0.999.
    pub fn new(source: &Source, coefficient: f64) -> Result<Self> {
        check(coefficient)?;
        Ok(Self { network: Mlp::new(source)?, coefficient })
    }

    /// c.
    pub fn coefficient(&self) -> f64 {
        self.coefficient
    }

    /// The network before its last weight is divided.
    pub fn network(&self) -> &Mlp<D, H, D, L, A> {
        &self.network
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.network.parameters()
    }

    /// The network with its last weight divided, to be asked several times, and the tape that remembers how: what is computed
    /// with the result must carry that tape.
    ///
    /// Errors: [`Error::NotFinite`] for a weight; [`Error::OutOfDomain`] where a file gave another c than [`Contraction::new`] allows.
    pub fn normalized<T: Tape<Real, Dev>>(&self) -> Result<(Mlp<D, H, D, L, A>, T)> {
        check(self.coefficient)?;
        self.network.reweighted(&mut Contract { coefficient: self.coefficient, product: None })
    }

    /// u(x), shape (N, D).
    ///
    /// Errors: those of [`Contraction::normalized`].
    pub fn apply<T: Tape<Real, Dev>>(&self, x: Points<D, T>) -> Result<Points<D, T>> {
        let (network, tape) = self.normalized::<T>()?;
        network.apply(merged(x, tape))
    }

    /// A number that the Lipschitz constant is certainly not above, up to rounding: see [`lipschitz_bound`]. It is at most
    /// c, and less where the weights are so small that they need not be divided.
    ///
    /// Errors: those of [`Contraction::normalized`].
    pub fn lipschitz_bound(&self) -> Result<f64> {
        lipschitz_bound(&self.normalized::<NoneTape>()?.0)
    }
}

/// The product of the bounds [`spectral_bound`](super::spectral_bound) of a perceptron's weights: its Lipschitz constant is
/// not above it. It often is far below, because the directions that the layers stretch most are not the same.
///
/// Errors: [`Error::NotFinite`] for a weight.
pub fn lipschitz_bound<const I: usize, const H: usize, const O: usize, const L: usize, A: NonExpansive>(
    network: &Mlp<I, H, O, L, A>,
) -> Result<f64> {
    let mut certificate = Certificate(1.0);
    network.reweighted::<NoneTape>(&mut certificate)?;
    Ok(certificate.0)
}

/// The points with a second tape merged into theirs.
pub(super) fn merged<const D: usize, T: Tape<Real, Dev>>(x: Points<D, T>, tape: T) -> Points<D, T> {
    let (x, own) = x.split_tape();
    x.put_tape(own.merge(tape))
}

/// Above it, the inverse would take tens of thousands of steps and lose the digits that 1 − c is made of.
const LARGEST: f64 = 0.999;

fn check(coefficient: f64) -> Result<()> {
    if coefficient > 0.0 && coefficient <= LARGEST {
        return Ok(());
    }
    let what = "the Lipschitz constant of a contraction";
    Err(Error::OutOfDomain { what, expected: "above 0 and at most 0.999", found: coefficient })
}

/// Divides the last weight so that the product of all norms is at most c.
struct Contract<T> {
    coefficient: f64,
    /// S₁ S₂ ⋯ of the weights so far.
    product: Option<Tensor<Rank0, Real, Dev, T>>,
}

impl<T: Tape<Real, Dev>> Reweight<T> for Contract<T> {
    fn reweight<const I: usize, const O: usize>(
        &mut self,
        place: Place,
        weight: Weight<I, O, T>,
    ) -> Result<Weight<I, O, T>> {
        let norm = norm(weight.with_empty_tape())?;
        let product = match self.product.take() {
            Some(product) => product.try_mul(norm)?,
            None => norm,
        };
        if !matches!(place, Place::Last) {
            self.product = Some(product);
            return Ok(weight);
        }
        if f64::from(product.array()) <= self.coefficient {
            return Ok(weight);
        }
        let quotient = weight.try_div(product.try_broadcast_like(&(Const::<O>, Const::<I>))?)?;
        Ok(quotient.try_mul(self.coefficient as Real)?)
    }
}

/// Multiplies the bounds of the weights, and leaves them as they are.
struct Certificate(f64);

impl Reweight<NoneTape> for Certificate {
    fn reweight<const I: usize, const O: usize>(
        &mut self,
        _: Place,
        weight: Weight<I, O>,
    ) -> Result<Weight<I, O>> {
        self.0 *= bound(&entries(&weight), O, SQUARINGS)?.value;
        Ok(weight)
    }
}

/// S on the tape of W. Backwards, dW = dS ∂S/∂W.
#[cfg(not(feature = "cuda"))]
fn norm<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
) -> Result<Tensor<Rank0, Real, Dev, T>> {
    use dfdx::prelude::{ReshapeTo, TensorFrom};
    let (weight, mut tape) = weight.try_contiguous()?.split_tape();
    let mut numbers = vec![0.0; O * I];
    weight.copy_into(&mut numbers);
    let bound = bound(&numbers, O, SQUARINGS)?;
    let norm = weight.device().try_tensor(bound.value as Real)?;
    let ghosts = (weight.ghost(), norm.ghost());
    tape.add_backward_op(move |gradients| {
        let (weight, norm) = ghosts;
        let d_norm = gradients.get_or_alloc_mut(&norm)?[0];
        let d_weight = gradients.get_or_alloc_mut(&weight)?;
        d_weight.iter_mut().zip(bound.gradient).for_each(|(sum, slope)| *sum += d_norm * slope as Real);
        Ok(())
    });
    Ok(norm.put_tape(tape))
}

/// S on the tape of W, as ⟨W, ∂S/∂W⟩ with ∂S/∂W held fixed: that has the value of S because S(t W) = t S(W), and its gradient.
#[cfg(feature = "cuda")]
fn norm<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
) -> Result<Tensor<Rank0, Real, Dev, T>> {
    use dfdx::prelude::{SumTo, TensorFromVec};
    let bound = bound(&entries(&weight), O, SQUARINGS)?;
    let slope = bound.gradient.iter().map(|slope| *slope as Real).collect();
    let slope = weight.device().try_tensor_from_vec(slope, (Const::<O>, Const::<I>))?;
    Ok(weight.try_mul(slope)?.try_sum()?)
}

impl<const D: usize, const H: usize, const L: usize, A: NonExpansive, T: Tape<Real, Dev>> Pushforward<D, D, T>
    for Contraction<D, H, L, A>
{
    fn pushforward(&self, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        let (network, tape) = self.normalized::<T>()?;
        let (value, tangents, own) = x.into_parts();
        network.pushforward(DualPoints::new(value.put_tape(own.merge(tape)), tangents)?)
    }
}

impl<const D: usize, const H: usize, const L: usize, A, E, V> TensorCollection<E, V>
    for Contraction<D, H, L, A, E, V>
where
    A: Activation,
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Contraction<D, H, L, A, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::module("network", |m| &m.network, |m| &mut m.network),
                Self::scalar(
                    "coefficient",
                    |m| &m.coefficient,
                    |m| &mut m.coefficient,
                    ScalarOptions::from_default(0.9),
                ),
            ),
            |(network, coefficient)| Contraction { network, coefficient },
        )
    }
}
