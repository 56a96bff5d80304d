//! Functions between the layers of a network.

use super::Kernel;
use crate::Result;
use crate::tensor::{Dev, Real};
use dfdx::prelude::{Shape, Tape, Tensor, TryAdd, TryMul, TrySub, WithEmptyTape};

/// A function of one number, applied to every entry of a tensor.
pub trait Activation: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// Applies the function.
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>>;

    /// The same function for [`layer`](super::layer), which computes it together with the layer before it; with
    /// nothing, it calls [`Activation::apply`] after that.
    fn kernel() -> Option<Kernel> {
        None
    }
}

/// x: what follows the last layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

/// tanh(x).
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanh;

/// SiLU(x) = x / (1 + e⁻ˣ), also called swish (Elfwing et al. 2017, arXiv:1702.03118).
#[derive(Clone, Copy, Debug, Default)]
pub struct Silu;

/// SELU(x) = λ x for x > 0 and λ α (eˣ − 1) otherwise (Klambauer et al. 2017, arXiv:1706.02515).
#[derive(Clone, Copy, Debug, Default)]
pub struct Selu;

/// sin(Ω x): networks with it learn functions with sharp edges (Sitzmann et al. 2020, arXiv:2006.09661, whose ω₀ this
/// is; without the initialization of that paper).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sine<const OMEGA: usize>;

impl<const OMEGA: usize> Activation for Sine<OMEGA> {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_mul(OMEGA as Real)?.try_sin()?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Sine { omega: OMEGA as f32 })
    }
}

impl Activation for Identity {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Identity)
    }
}

impl Activation for Tanh {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_tanh()?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Tanh)
    }
}

impl Activation for Silu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        let gate = x.with_empty_tape().try_sigmoid()?;
        Ok(gate.try_mul(x)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Silu)
    }
}

impl Activation for Selu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        const LAMBDA: Real = 1.050_700_987_355_480_5_f64 as Real;
        const ALPHA: Real = 1.673_263_242_354_377_2_f64 as Real;
        // min(x, 0) as −relu(−x): the exponential of a large x, which would overflow, is never taken.
        let negative = x.with_empty_tape().try_negate()?.try_relu()?.try_negate()?;
        let below = negative.try_exp()?.try_sub(1.0)?.try_mul(LAMBDA * ALPHA)?;
        Ok(x.try_relu()?.try_mul(LAMBDA)?.try_add(below)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Selu)
    }
}
