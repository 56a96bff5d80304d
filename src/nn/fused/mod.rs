//! A layer of a network in one operation.
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
//! - Where no tape records, a network's layers are one operation, and each tile of rows goes through all of them at once.
//! - Products are those of the library gemm. A large batch is split among threads by rows.
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
use dense::Dense;

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
        Some(kernel) => fused(kernel, linear, x),
        None => A::apply(fused(Kernel::Identity, linear, x)?),
    }
}

/// All layers of a network, if they can be one operation: never here.
#[cfg(any(feature = "f64", feature = "cuda"))]
pub(super) fn at_once<A: Activation, const I: usize, const H: usize, const O: usize, T: Tape<Real, Dev>>(
    _: &Linear<I, H, Real, Dev>,
    _: &[Linear<H, H, Real, Dev>],
    _: &Linear<H, O, Real, Dev>,
    _: &Points<I, T>,
) -> Result<Option<Points<O, T>>> {
    Ok(None)
}

/// All layers of a network, if they can be one operation: where no tape records, what lies between them is not kept.
#[cfg(not(any(feature = "f64", feature = "cuda")))]
pub(super) fn at_once<A: Activation, const I: usize, const H: usize, const O: usize, T: Tape<Real, Dev>>(
    first: &Linear<I, H, Real, Dev>,
    hidden: &[Linear<H, H, Real, Dev>],
    last: &Linear<H, O, Real, Dev>,
    x: &Points<I, T>,
) -> Result<Option<Points<O, T>>> {
    use dfdx::prelude::{Const, HasShape, NoneTape, PutTape, ReshapeTo, TensorFromVec};
    let (false, Some(kernel)) = (T::OWNS_TAPE, A::kernel()) else { return Ok(None) };
    let mut layers = vec![Dense::new(kernel, first)?];
    for linear in hidden {
        layers.push(Dense::new(kernel, linear)?);
    }
    layers.push(Dense::new(Kernel::Identity, last)?);
    let n = x.shape().0;
    let mut input = vec![0.0; n * I];
    x.retaped::<NoneTape>().try_contiguous()?.copy_into(&mut input);
    let y = Dense::forward_all(&layers, &input, n);
    Ok(Some(x.device().try_tensor_from_vec(y, (n, Const::<O>))?.put_tape(T::default())))
}

#[cfg(not(any(feature = "f64", feature = "cuda")))]
impl Dense {
    /// A layer with its parameters copied out of their tensors.
    fn new<const I: usize, const O: usize>(kernel: Kernel, linear: &Linear<I, O, Real, Dev>) -> Result<Self> {
        use dfdx::prelude::ReshapeTo;
        let mut dense = Self { inputs: I, outputs: O, kernel, weight: vec![0.0; O * I], bias: vec![0.0; O] };
        linear.weight.clone().try_contiguous()?.copy_into(&mut dense.weight);
        linear.bias.clone().try_contiguous()?.copy_into(&mut dense.bias);
        Ok(dense)
    }
}

/// The glue between dfdx's tape and [`Dense`].
#[cfg(not(any(feature = "f64", feature = "cuda")))]
fn fused<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    kernel: Kernel,
    linear: &Linear<I, O, Real, Dev>,
    x: Points<I, T>,
) -> Result<Points<O, T>> {
    use dfdx::prelude::{Const, HasShape, PutTape, ReshapeTo, SplitTape, TensorFromVec};
    // Numbers and gradients are read and written as they lie in memory.
    let (x, tape) = x.try_contiguous()?.split_tape();
    let (weight, weight_tape) = linear.weight.retaped::<T>().try_contiguous()?.split_tape();
    let (bias, bias_tape) = linear.bias.retaped::<T>().try_contiguous()?.split_tape();
    let mut tape = tape.merge(weight_tape).merge(bias_tape);

    let n = x.shape().0;
    let mut input = vec![0.0; n * I];
    x.copy_into(&mut input);
    let mut dense = Dense { inputs: I, outputs: O, kernel, weight: vec![0.0; O * I], bias: vec![0.0; O] };
    weight.copy_into(&mut dense.weight);
    bias.copy_into(&mut dense.bias);

    let (y, saved) = dense.forward(input, n, T::OWNS_TAPE);
    let y = x.device().try_tensor_from_vec(y, (n, Const::<O>))?;
    let ghosts = (x.ghost(), weight.ghost(), bias.ghost(), y.ghost());
    tape.add_backward_op(move |gradients| {
        let (x, weight, bias, y) = ghosts;
        // dfdx lends one gradient at a time: the lists are taken out, and put back below.
        let dy = std::mem::take(&mut **gradients.get_or_alloc_mut(&y)?);
        let mut dx = std::mem::take(&mut **gradients.get_or_alloc_mut(&x)?);
        let mut dw = std::mem::take(&mut **gradients.get_or_alloc_mut(&weight)?);
        let mut db = std::mem::take(&mut **gradients.get_or_alloc_mut(&bias)?);
        dense.backward(saved, &dy, dense::Sums { x: &mut dx, weight: &mut dw, bias: &mut db });
        **gradients.get_or_alloc_mut(&y)? = dy;
        **gradients.get_or_alloc_mut(&x)? = dx;
        **gradients.get_or_alloc_mut(&weight)? = dw;
        **gradients.get_or_alloc_mut(&bias)? = db;
        Ok(())
    });
    Ok(y.put_tape(tape))
}
