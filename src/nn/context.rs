//! How a network is told of a time or another context.

use super::squashed::Squashed;
use super::{Activation, DualPoints, Identity};
#[cfg(not(feature = "cuda"))]
use super::{Mlp, Pushforward, squashed};
use crate::tensor::{
    Dev, PerPoint, Points, Real, Source, check_all_finite, check_same_batch, check_some, values,
};
use crate::{Error, Result};
use dfdx::nn::modules::Repeated;
#[cfg(not(feature = "cuda"))]
use dfdx::prelude::SplitTape;
use dfdx::prelude::{
    BuildModule, Const, Device, Dtype, HasShape, ModuleVisitor, NumParams, PutTape, Tape, TensorCollection,
    TensorFromVec,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;
use std::marker::PhantomData;

/// sin(ωₖ t) and cos(ωₖ t) for the frequencies ωₖ = 10000^(−k/K), k = 0, …, K − 1, with K = F/2: shape (N, F), the
/// sines first.
///
/// A network reads them more easily than t itself where a result changes quickly with t: distances between times become
/// distances between features at every scale. These are the positions of Vaswani et al. 2017 (arXiv:1706.03762,
/// section 3.5, where sines and cosines alternate), made for t = 0, 1, 2, …: multiply a time in [0, 1] by 1000 before,
/// as diffusion models do.
///
/// Errors: [`Error::Empty`] for no times, [`Error::NotFinite`] for a time that is not finite.
///
/// ```
/// use pushforward::nn::sinusoidal_features;
/// use pushforward::tensor::{Source, rows};
///
/// let source = Source::new(0);
/// let features = sinusoidal_features::<4>(source.per_point(&[0.0, 1.0])?)?;
/// assert_eq!(rows(&features)[0], [0.0, 0.0, 1.0, 1.0], "the sines and cosines of 0");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn sinusoidal_features<const F: usize>(t: PerPoint) -> Result<Points<F>> {
    const { assert!(F > 0 && F.is_multiple_of(2), "every frequency has a sine and a cosine") };
    let times = values(&t);
    check_all_finite("the times", &times)?;
    let half = F / 2;
    let angle = |t: Real, k: usize| f64::from(t) * 10_000f64.powf(-(k as f64) / half as f64);
    let feature = |t: Real, place: usize| match place.checked_sub(half) {
        None => angle(t, place).sin() as Real,
        Some(k) => angle(t, k).cos() as Real,
    };
    let entries = times.iter().flat_map(|t| (0..F).map(|place| feature(*t, place))).collect();
    Ok(t.device().try_tensor_from_vec(entries, (times.len(), Const::<F>))?)
}

/// A perceptron of which every layer is scaled and shifted by a context: I inputs, a context of C numbers (a time, for
/// example), L + 1 layers of H hidden units, O outputs.
///
/// Each layer is z = (W h + b) ⊙ σ(G c + g) + B c with σ(u) = 1 / (1 + e⁻ᵘ), then h = a(z), and the last z is the
/// result: `concatsquash` of Grathwohl et al. 2018 (arXiv:1810.01367, in the authors' code). Their fields
/// of ODEs are made of it.
///
/// Where all points have one context, as they do in an ODE solver whose points share their steps, this is a perceptron
/// with the weights diag(σ(G c + g)) W and the biases b ⊙ σ(G c + g) + B c, and is computed as one.
///
/// ```
/// use pushforward::nn::{ConcatSquash, Tanh};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let network = ConcatSquash::<2, 1, 16, 2, 1, Tanh>::new(&source)?;
/// let y = network.apply(source.normal::<2>(10)?, source.normal::<1>(10)?)?;
/// assert_eq!(y.as_vec().len(), 10 * 2);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConcatSquash<
    const I: usize,
    const C: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    A,
    E = Real,
    D = Dev,
> where
    E: Dtype,
    D: Device<E>,
{
    first: Squashed<I, C, H, E, D>,
    hidden: Repeated<Squashed<H, C, H, E, D>, L>,
    last: Squashed<H, C, O, E, D>,
    activation: PhantomData<A>,
}

impl<const I: usize, const C: usize, const H: usize, const O: usize, const L: usize, A: Activation>
    ConcatSquash<I, C, H, O, L, A>
{
    /// A network whose parameters are drawn from the source's device.
    pub fn new(source: &Source) -> Result<Self> {
        const { assert!(I > 0 && C > 0 && H > 0, "each layer of a network needs an input and a context") };
        Ok(Self::try_build(source.device())?)
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize {
        self.num_trainable_params()
    }

    /// y, shape (N, O), for x of shape (N, I) and contexts of shape (N, C).
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one context per point.
    pub fn apply<T: Tape<Real, Dev>>(&self, x: Points<I, T>, context: Points<C>) -> Result<Points<O, T>> {
        check_context(x.shape().0, &context)?;
        #[cfg(not(feature = "cuda"))]
        if let Some(one) = squashed::one_context(&context) {
            let (network, tape) = self.in_context::<T>(&one)?;
            let (x, own) = x.split_tape();
            return network.apply(x.put_tape(own.merge(tape)));
        }
        let (y, _, tape) = self.layers(DualPoints::new(x, Vec::new())?, &context)?.into_parts();
        Ok(y.put_tape(tape))
    }

    /// The same for points that move, in a context that does not.
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one context per point.
    pub fn pushforward<T: Tape<Real, Dev>>(
        &self,
        x: DualPoints<I, T>,
        context: Points<C>,
    ) -> Result<DualPoints<O, T>> {
        check_context(x.value().shape().0, &context)?;
        #[cfg(not(feature = "cuda"))]
        if let Some(one) = squashed::one_context(&context) {
            let (network, tape) = self.in_context::<T>(&one)?;
            let (value, tangents, own) = x.into_parts();
            let x = DualPoints::new(value.put_tape(own.merge(tape)), tangents)?;
            return Pushforward::pushforward(&network, x);
        }
        self.layers(x, &context)
    }

    /// Layer after layer, for contexts that differ.
    fn layers<T: Tape<Real, Dev>>(
        &self,
        x: DualPoints<I, T>,
        context: &Points<C>,
    ) -> Result<DualPoints<O, T>> {
        let mut h = self.first.pushforward::<A, T>(x, context)?;
        for layer in &self.hidden.modules {
            h = layer.pushforward::<A, T>(h, context)?;
        }
        self.last.pushforward::<Identity, T>(h, context)
    }

    /// The perceptron that this is in one context, and the tape that remembers how its weights were made.
    #[cfg(not(feature = "cuda"))]
    fn in_context<T: Tape<Real, Dev>>(&self, context: &[Real]) -> Result<(Mlp<I, H, O, L, A>, T)> {
        let (first, mut tape) = self.first.in_context::<T>(context)?;
        let mut hidden = Vec::new();
        for layer in &self.hidden.modules {
            let (linear, own) = layer.in_context::<T>(context)?;
            hidden.push(linear);
            tape = tape.merge(own);
        }
        let (last, own) = self.last.in_context::<T>(context)?;
        Ok((Mlp::of(first, hidden, last), tape.merge(own)))
    }
}

fn check_context<const C: usize>(n: usize, context: &Points<C>) -> Result<(), Error> {
    check_some("the batch of points", n)?;
    check_same_batch("a context for each point", n, context.shape().0)
}

impl<const I: usize, const C: usize, const H: usize, const O: usize, const L: usize, A: Activation, E, D>
    TensorCollection<E, D> for ConcatSquash<I, C, H, O, L, A, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = ConcatSquash<I, C, H, O, L, A, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("first", |m| &m.first, |m| &mut m.first),
                Self::module("hidden", |m| &m.hidden, |m| &mut m.hidden),
                Self::module("last", |m| &m.last, |m| &mut m.last),
            ),
            |(first, hidden, last)| ConcatSquash { first, hidden, last, activation: PhantomData },
        )
    }
}
