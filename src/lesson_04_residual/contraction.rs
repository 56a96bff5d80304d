//! A perceptron that brings points together.

use super::spectral::{SQUARINGS, bound};
use crate::nn::{
    Activation, DualPoints, Elu, Identity, LipSwish, Mlp, Place, Pushforward, Relu, Reweight, Softplus, Tanh,
    Weight,
};
use crate::tensor::{Dev, Points, Real, Source, entries};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::ScalarOptions;
use dfdx::prelude::{Device, Dtype, ModuleVisitor, PutTape, SplitTape, Tape, TensorCollection};
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
/// It is the [`Mlp`] with L + 1 layers of H hidden units whose L + 2 weights are divided by max(1, S / c^(1/(L+2))), S the
/// bound of their spectral norm that [`spectral_bound`](super::spectral_bound) gives. The product of the L + 2 norms is
/// then at most c, up to rounding, and the activation does not expand. This holds at every step of training, because S
/// is computed anew of the weights in each pass; gradients go through S. (Behrmann et al. 2018, arXiv:1811.00995, section
/// 2.1, divide by a power iteration instead, which is a bound from below.)
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
    /// Errors: [`Error::OutOfDomain`] unless 0 < c < 1.
    pub fn new(source: &Source, coefficient: f64) -> Result<Self> {
        check(coefficient)?;
        Ok(Self { network: Mlp::new(source)?, coefficient })
    }

    /// c.
    pub fn coefficient(&self) -> f64 {
        self.coefficient
    }

    /// The network before its weights are divided.
    pub fn network(&self) -> &Mlp<D, H, D, L, A> {
        &self.network
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.network.parameters()
    }

    /// The network with its weights divided, to be asked several times, and the tape that remembers how: what is computed
    /// with the result must carry that tape.
    ///
    /// Errors: [`Error::NotFinite`] for a weight; [`Error::OutOfDomain`] where a file gave a c outside of (0, 1).
    pub fn normalized<T: Tape<Real, Dev>>(&self) -> Result<(Mlp<D, H, D, L, A>, T)> {
        check(self.coefficient)?;
        self.network.reweighted(&mut Contract { limit: self.coefficient.powf(1.0 / (L as f64 + 2.0)) })
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
        lipschitz_bound(&self.normalized::<dfdx::prelude::NoneTape>()?.0)
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
    network.reweighted::<dfdx::prelude::NoneTape>(&mut certificate)?;
    Ok(certificate.0)
}

/// The points with a second tape merged into theirs.
pub(super) fn merged<const D: usize, T: Tape<Real, Dev>>(x: Points<D, T>, tape: T) -> Points<D, T> {
    let (x, own) = x.split_tape();
    x.put_tape(own.merge(tape))
}

fn check(coefficient: f64) -> Result<()> {
    if coefficient > 0.0 && coefficient < 1.0 {
        return Ok(());
    }
    let what = "the Lipschitz constant of a contraction";
    Err(Error::OutOfDomain { what, expected: "between 0 and 1", found: coefficient })
}

/// Divides each weight so that its norm is not above the limit.
struct Contract {
    limit: f64,
}

impl Reweight for Contract {
    fn reweight<const I: usize, const O: usize, T: Tape<Real, Dev>>(
        &mut self,
        _: Place,
        weight: Weight<I, O, T>,
    ) -> Result<Weight<I, O, T>> {
        contracted(weight, self.limit)
    }
}

/// Multiplies the bounds of the weights, and leaves them as they are.
struct Certificate(f64);

impl Reweight for Certificate {
    fn reweight<const I: usize, const O: usize, T: Tape<Real, Dev>>(
        &mut self,
        _: Place,
        weight: Weight<I, O, T>,
    ) -> Result<Weight<I, O, T>> {
        self.0 *= bound(&entries(&weight), O, SQUARINGS)?.value;
        Ok(weight)
    }
}

/// W min(1, l / S). Where S > l, dW = (l / S) (dV − ⟨dV, W⟩ / S · ∂S/∂W) for V = l W / S.
#[cfg(not(feature = "cuda"))]
fn contracted<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
    limit: f64,
) -> Result<Weight<I, O, T>> {
    use dfdx::prelude::ReshapeTo;
    let weight = weight.try_contiguous()?;
    let mut numbers = vec![0.0; O * I];
    weight.copy_into(&mut numbers);
    let norm = bound(&numbers, O, SQUARINGS)?;
    if norm.value <= limit {
        return Ok(weight);
    }
    let scale = limit / norm.value;
    crate::nn::replaced(
        weight,
        |numbers| numbers.iter_mut().for_each(|w| *w *= scale as Real),
        move |d_weight, d_new| {
            let inner: Real = d_new.iter().zip(&numbers).map(|(d, w)| d * w).sum();
            let along = inner / norm.value as Real;
            for ((sum, d), slope) in d_weight.iter_mut().zip(d_new).zip(&norm.gradient) {
                *sum += scale as Real * (d - along * *slope as Real);
            }
        },
    )
}

/// W min(1, l / S), with S = ⟨W, ∂S/∂W⟩, which has the value of S because S(t W) = t S(W), and its gradient where ∂S/∂W is a
/// constant.
#[cfg(feature = "cuda")]
fn contracted<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
    limit: f64,
) -> Result<Weight<I, O, T>> {
    use dfdx::prelude::{
        BroadcastTo, Const, HasShape, Rank0, SumTo, TensorFromVec, TryDiv, TryMul, WithEmptyTape,
    };
    let norm = bound(&entries(&weight), O, SQUARINGS)?;
    if norm.value <= limit {
        return Ok(weight);
    }
    let slope = norm.gradient.iter().map(|slope| *slope as Real).collect();
    let slope = weight.device().try_tensor_from_vec(slope, (Const::<O>, Const::<I>))?;
    let shape = *weight.shape();
    let norm = weight.with_empty_tape().try_mul(slope)?.try_sum::<Rank0, _>()?;
    Ok(weight.try_mul(limit as Real)?.try_div(norm.try_broadcast_like(&shape)?)?)
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
