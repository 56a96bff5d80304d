//! Functions between the layers of a network.

use super::Kernel;
use crate::Result;
use crate::tensor::{Dev, Real, is_empty, softplus};
use dfdx::prelude::{
    ChooseFrom, HasShape, PutTape, Shape, SplitTape, Tape, Tensor, TryAdd, TryGt, TryLe, TryMul, TrySub,
    WithEmptyTape, ZerosTensor,
};

/// A function of one number, applied to every entry of a tensor.
pub trait Activation: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// f(x).
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>>;

    /// f′(x), made of operations on the tape: [forward mode](super::Pushforward) multiplies tangents by it, and its
    /// own gradient is needed where a loss contains derivatives of the network.
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>>;

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

/// ELU(x) = x for x > 0 and eˣ − 1 otherwise (Clevert et al. 2015, arXiv:1511.07289, with α = 1): its slope is between 0
/// and 1, and continuous.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elu;

/// sin(Ω x): networks with it learn functions with sharp edges (Sitzmann et al. 2020, arXiv:2006.09661, whose ω₀ this
/// is; without the initialization of that paper).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sine<const OMEGA: usize>;

/// max(x, 0); its derivative at 0 is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

/// ln(1 + eˣ), a smooth max(x, 0).
#[derive(Clone, Copy, Debug, Default)]
pub struct Softplus;

/// SiLU(x) / 1.1, whose slope is at most 1: a network of it with weights of norm at most 1 contracts (Chen et al. 2019,
/// arXiv:1906.02735, section 3.3; its gate 1 / (1 + e⁻ᵝˣ) has a learned β > 0, here β = 1).
#[derive(Clone, Copy, Debug, Default)]
pub struct LipSwish;

/// GELU in its tanh form, ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), within 5·10⁻⁴ of x Φ(x) with Φ the distribution
/// function of N(0, 1) (Hendrycks and Gimpel 2016, arXiv:1606.08415).
#[derive(Clone, Copy, Debug, Default)]
pub struct Gelu;

/// The greatest slope of SiLU is 1.0998.
const LIPSWISH: Real = 1.0 / 1.1;

impl Activation for Identity {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x)
    }

    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        constant(x, 1.0)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Identity)
    }
}

impl Activation for Tanh {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_tanh()?)
    }

    /// 1 − tanh² x.
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_tanh()?.try_square()?.try_negate()?.try_add(1.0)?)
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

    /// s + x s (1 − s) with s = 1 / (1 + e⁻ˣ).
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        let gate = x.with_empty_tape().try_sigmoid()?;
        // 1 − s without a difference of numbers close to each other.
        let closing = x.with_empty_tape().try_negate()?.try_sigmoid()?;
        let moving = x.try_mul(closing)?.try_add(1.0)?;
        Ok(gate.try_mul(moving)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Silu)
    }
}

impl Activation for LipSwish {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(Silu::apply(x)?.try_mul(LIPSWISH)?)
    }

    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(Silu::derivative(x)?.try_mul(LIPSWISH)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::LipSwish)
    }
}

const LAMBDA: Real = 1.050_700_987_355_480_5_f64 as Real;
const ALPHA: Real = 1.673_263_242_354_377_2_f64 as Real;

impl Activation for Selu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        if is_empty(&x) {
            return Ok(x);
        }
        let is_above = x.try_gt(0.0)?;
        let below = negative_part(x.with_empty_tape())?.try_exp()?.try_sub(1.0)?.try_mul(LAMBDA * ALPHA)?;
        Ok(is_above.try_choose(x.try_mul(LAMBDA)?, below)?)
    }

    /// λ for x > 0 and λ α eˣ otherwise.
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        if is_empty(&x) {
            return Ok(x);
        }
        let is_above = x.try_gt(0.0)?;
        let above = constant(x.with_empty_tape(), LAMBDA)?;
        let below = negative_part(x)?.try_exp()?.try_mul(LAMBDA * ALPHA)?;
        Ok(is_above.try_choose(above, below)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Selu)
    }
}

impl Activation for Elu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        if is_empty(&x) {
            return Ok(x);
        }
        let is_above = x.try_gt(0.0)?;
        let below = negative_part(x.with_empty_tape())?.try_exp()?.try_sub(1.0)?;
        Ok(is_above.try_choose(x, below)?)
    }

    /// 1 for x > 0 and eˣ otherwise.
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(negative_part(x)?.try_exp()?)
    }
}

impl<const OMEGA: usize> Activation for Sine<OMEGA> {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_mul(OMEGA as Real)?.try_sin()?)
    }

    /// Ω cos(Ω x).
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_mul(OMEGA as Real)?.try_cos()?.try_mul(OMEGA as Real)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Sine { omega: OMEGA as f32 })
    }
}

impl Activation for Relu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        if is_empty(&x) {
            return Ok(x);
        }
        // dfdx's relu makes 0 of NaN.
        let is_below = x.try_le(0.0)?;
        let zeros: Tensor<S, Real, Dev> = x.device().try_zeros_like(x.shape())?;
        Ok(is_below.try_choose(zeros.put_tape(T::default()), x)?)
    }

    /// 1 for x > 0 and 0 otherwise; the second derivative is 0.
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        if is_empty(&x) {
            return Ok(x);
        }
        let is_above = x.try_gt(0.0)?;
        let zeros = x.device().try_zeros_like(x.shape())?;
        Ok(is_above.try_choose(constant(x, 1.0)?, zeros)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Relu)
    }
}

impl Activation for Softplus {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        softplus(x)
    }

    /// 1 / (1 + e⁻ˣ).
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        Ok(x.try_sigmoid()?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Softplus)
    }
}

/// 2 √(2/π): ½ (1 + tanh u) = 1 / (1 + e⁻²ᵘ).
const GELU: Real = 1.595_769_121_605_730_7_f64 as Real;
const GELU_CUBE: Real = 0.044_715;
/// Beyond ±10 the gate of GELU is 0 or 1 to rounding, and the cube would overflow.
const GELU_EDGE: Real = 10.0;

impl Activation for Gelu {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        let gate = gelu_gate(x.with_empty_tape().try_clamp(-GELU_EDGE, GELU_EDGE)?)?;
        // Below, the gate is so small that it is no matter what it multiplies, as long as that is finite.
        Ok(x.try_clamp(-GELU_EDGE, Real::INFINITY)?.try_mul(gate)?)
    }

    /// s + x s (1 − s) u′ with s = 1 / (1 + e⁻ᵘ), u = 2 √(2/π) (x + 0.044715 x³).
    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        let x = x.try_clamp(-GELU_EDGE, GELU_EDGE)?;
        let gate = gelu_gate(x.with_empty_tape())?;
        // 1 − s without a difference of numbers close to each other: u is odd.
        let closing = gelu_gate(x.with_empty_tape().try_negate()?)?;
        let square = x.with_empty_tape().try_square()?;
        let steepness = square.try_mul(3.0 * GELU_CUBE)?.try_add(1.0)?.try_mul(GELU)?;
        let moving = x.try_mul(steepness)?.try_mul(closing)?.try_add(1.0)?;
        Ok(gate.try_mul(moving)?)
    }

    fn kernel() -> Option<Kernel> {
        Some(Kernel::Gelu)
    }
}

/// 1 / (1 + e⁻ᵘ) with u = 2 √(2/π) (x + 0.044715 x³).
fn gelu_gate<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
    let square = x.with_empty_tape().try_square()?;
    let factor = square.try_mul(GELU_CUBE)?.try_add(1.0)?.try_mul(GELU)?;
    Ok(x.try_mul(factor)?.try_sigmoid()?)
}

/// min(x, 0), NaN for NaN: the exponential of a large x, which would overflow, is never taken.
fn negative_part<S: Shape, T: Tape<Real, Dev>>(
    x: Tensor<S, Real, Dev, T>,
) -> Result<Tensor<S, Real, Dev, T>> {
    Ok(x.try_clamp(Real::MIN, 0.0)?)
}

/// The same number everywhere, whatever x is.
fn constant<S: Shape, T: Tape<Real, Dev>>(
    x: Tensor<S, Real, Dev, T>,
    value: Real,
) -> Result<Tensor<S, Real, Dev, T>> {
    let (x, tape) = x.split_tape();
    let zeros: Tensor<S, Real, Dev> = x.device().try_zeros_like(x.shape())?;
    Ok(zeros.try_add(value)?.put_tape(tape))
}
