//! A layer, or a whole multilayer perceptron, in one operation.
//!
//! **Formula.** y = f(x Wᵀ + b) with x of shape (N, I), W (O, I), b (O), y (N, O) and f an [`Activation`]. Backwards,
//! with dz = dy · f′(x Wᵀ + b): dW = dzᵀ x, db = Σₙ dzₙ, dx = dz W.
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

use super::Activation;
use crate::Result;
use crate::tensor::{Dev, Points, Real};
use dfdx::nn::modules::Linear;
use dfdx::prelude::Tape;

#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod dense;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod functions;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod kernel;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod product;
#[cfg(not(any(feature = "f64", feature = "cuda")))]
mod share;
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

/// The layers of a multilayer perceptron, the activation after all but the last.
#[cfg(any(feature = "f64", feature = "cuda"))]
pub(super) fn network<A: Activation, const I: usize, const H: usize, const O: usize, T: Tape<Real, Dev>>(
    first: &Linear<I, H, Real, Dev>,
    hidden: &[Linear<H, H, Real, Dev>],
    last: &Linear<H, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    layer_by_layer::<A, I, H, O, T>(first, hidden, last, x)
}

/// The layers of a multilayer perceptron, the activation after all but the last: one operation if the activation has a
/// kernel.
#[cfg(not(any(feature = "f64", feature = "cuda")))]
pub(super) fn network<A: Activation, const I: usize, const H: usize, const O: usize, T: Tape<Real, Dev>>(
    first: &Linear<I, H, Real, Dev>,
    hidden: &[Linear<H, H, Real, Dev>],
    last: &Linear<H, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    let Some(kernel) = A::kernel() else { return layer_by_layer::<A, I, H, O, T>(first, hidden, last, x) };
    let mut layers = tape::Layers::new(kernel, first)?;
    for linear in hidden {
        layers = layers.then(kernel, linear)?;
    }
    layers.then(Kernel::Identity, last)?.apply(x)
}

fn layer_by_layer<A: Activation, const I: usize, const H: usize, const O: usize, T: Tape<Real, Dev>>(
    first: &Linear<I, H, Real, Dev>,
    hidden: &[Linear<H, H, Real, Dev>],
    last: &Linear<H, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    let mut h = layer::<A, I, H, T>(first, x)?;
    for linear in hidden {
        h = layer::<A, H, H, T>(linear, h)?;
    }
    layer::<super::Identity, H, O, T>(last, h)
}
