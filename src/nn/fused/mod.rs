//! A layer, or a whole multilayer perceptron, in one operation.
//!
//! **Formula.** y = f(z) with z = x Wᵀ + b, x of shape (N, I), W (O, I), b (O), y (N, O) and f an [`Activation`]; for a
//! tangent ẋ, ẏ = f′(z) ż with ż = ẋ Wᵀ. Backwards, with dż = dẏ · f′(z) and dz = dy · f′(z) + dẏ · f″(z) ż:
//! dW = dzᵀ x + dżᵀ ẋ, db = Σₙ dzₙ, dx = dz W, dẋ = dż W.
//!
//! **Why it is fast.** In f32 on the CPU, one operation on dfdx's tape does what dfdx needs three to nine for:
//!
//! - The product adds to rows of biases, and f and f′ are then computed in one pass over what is still in the cache;
//!   backwards there is one pass for dz and one for each sum.
//! - The activations are polynomials without branches, compiled for the widest vectors that the processor has, instead
//!   of calls of the C library, one number at a time.
//! - A perceptron's layers are one operation: each tile of rows goes through all of them, and back, while it is in the
//!   cache, and threads meet twice in a step. They share a large batch by rows.
//! - Products are those of the library gemm, which is given each factor the way it reads it fastest.
//! - The code that does the work is not generic: a notebook, whose cells are not optimised, calls what was optimised
//!   with this crate.
//!
//! With the feature `f64` or `cuda` the layer is composed of dfdx's operations instead.

use super::forward_mode::activation_pushforward;
use super::{Activation, DualPoints, Identity};
use crate::Result;
use crate::tensor::{Dev, Points, Real};
use dfdx::nn::modules::Linear;
use dfdx::prelude::Tape;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
pub(super) use gated::gated;

#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod dense;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod functions;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod gated;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod kernel;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod product;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod split;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod tape;

/// An activation that a layer computes together with its linear part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// x.
    Identity,
    /// See [`super::Tanh`].
    Tanh,
    /// See [`super::Silu`].
    Silu,
    /// See [`super::Selu`].
    Selu,
    /// See [`super::Sine`].
    Sine {
        /// Ω.
        omega: f32,
    },
    /// See [`super::Relu`].
    Relu,
    /// See [`super::Softplus`].
    Softplus,
    /// See [`super::LipSwish`].
    LipSwish,
    /// See [`super::Gelu`].
    Gelu,
}

/// y = f(x Wᵀ + b), shape (N, O), for x of shape (N, I).
///
/// ```
/// use pushforward::dfdx::nn::modules::Linear;
/// use pushforward::dfdx::prelude::BuildModule;
/// use pushforward::nn::{Tanh, layer};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let linear: Linear<3, 5, _, _> = BuildModule::build(source.device());
/// let y = layer::<Tanh, 3, 5, _>(&linear, source.normal(10)?)?;
/// assert_eq!(y.as_vec().len(), 10 * 5);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[cfg(any(feature = "f64", feature = "cuda"))]
pub fn layer<A: Activation, const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    use dfdx::prelude::Module;
    A::apply(linear.try_forward(x)?)
}

/// y = f(x Wᵀ + b), shape (N, O), for x of shape (N, I).
///
/// ```
/// use pushforward::dfdx::nn::modules::Linear;
/// use pushforward::dfdx::prelude::BuildModule;
/// use pushforward::nn::{Tanh, layer};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let linear: Linear<3, 5, _, _> = BuildModule::build(source.device());
/// let y = layer::<Tanh, 3, 5, _>(&linear, source.normal(10)?)?;
/// assert_eq!(y.as_vec().len(), 10 * 5);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[cfg(not(any(feature = "f64", feature = "cuda")))]
pub fn layer<A: Activation, const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    match A::kernel() {
        Some(kernel) => tape::Layers::new(kernel, linear)?.apply(x),
        None => A::apply(tape::Layers::new(Kernel::Identity, linear)?.apply(x)?),
    }
}

/// z = x Wᵀ + b and ż = ẋ Wᵀ for each tangent, then y = f(z) and ẏ = f′(z) ż.
#[cfg(any(feature = "f64", feature = "cuda"))]
pub fn layer_pushforward<A: Activation, const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    x: DualPoints<I, T>,
) -> Result<DualPoints<O, T>> {
    use dfdx::prelude::{PermuteTo, Rank2, TryMatMul};
    let z = x.push(
        |x| layer::<Identity, I, O, T>(linear, x),
        |tangent| {
            let weight = linear.weight.retaped::<T>().try_permute::<Rank2<I, O>, _>()?;
            Ok(tangent.try_matmul(weight)?)
        },
    )?;
    if A::kernel() == Some(Kernel::Identity) { Ok(z) } else { activation_pushforward::<A, O, T>(z) }
}

/// z = x Wᵀ + b and ż = ẋ Wᵀ for each tangent, then y = f(z) and ẏ = f′(z) ż.
#[cfg(not(any(feature = "f64", feature = "cuda")))]
pub fn layer_pushforward<A: Activation, const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    x: DualPoints<I, T>,
) -> Result<DualPoints<O, T>> {
    match A::kernel() {
        Some(kernel) => tape::Layers::new(kernel, linear)?.push(x),
        None => activation_pushforward::<A, O, T>(tape::Layers::new(Kernel::Identity, linear)?.push(x)?),
    }
}

/// The layers of a multilayer perceptron, the activation after all but the last: one operation if there is a kernel for
/// it.
pub(super) struct Network<'a, const I: usize, const H: usize, const O: usize> {
    pub(super) first: &'a Linear<I, H, Real, Dev>,
    pub(super) hidden: &'a [Linear<H, H, Real, Dev>],
    pub(super) last: &'a Linear<H, O, Real, Dev>,
}

impl<const I: usize, const H: usize, const O: usize> Network<'_, I, H, O> {
    /// y, shape (N, O), for x of shape (N, I).
    pub(super) fn apply<A: Activation, T: Tape<Real, Dev>>(&self, x: Points<I, T>) -> Result<Points<O, T>> {
        #[cfg(not(any(feature = "f64", feature = "cuda")))]
        if let Some(kernel) = A::kernel() {
            return self.at_once(kernel)?.apply(x);
        }
        let mut h = layer::<A, I, H, T>(self.first, x)?;
        for linear in self.hidden {
            h = layer::<A, H, H, T>(linear, h)?;
        }
        layer::<Identity, H, O, T>(self.last, h)
    }

    /// y, and J ẋ for each tangent.
    pub(super) fn push<A: Activation, T: Tape<Real, Dev>>(
        &self,
        x: DualPoints<I, T>,
    ) -> Result<DualPoints<O, T>> {
        #[cfg(not(any(feature = "f64", feature = "cuda")))]
        if let Some(kernel) = A::kernel() {
            return self.at_once(kernel)?.push(x);
        }
        let mut h = layer_pushforward::<A, I, H, T>(self.first, x)?;
        for linear in self.hidden {
            h = layer_pushforward::<A, H, H, T>(linear, h)?;
        }
        layer_pushforward::<Identity, H, O, T>(self.last, h)
    }

    #[cfg(not(any(feature = "f64", feature = "cuda")))]
    fn at_once<T: Tape<Real, Dev>>(&self, kernel: Kernel) -> Result<tape::Layers<I, O, T>> {
        let mut layers = tape::Layers::new(kernel, self.first)?;
        for linear in self.hidden {
            layers = layers.then(kernel, linear)?;
        }
        layers.then(Kernel::Identity, self.last)
    }
}
