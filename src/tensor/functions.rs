//! Functions that dfdx lacks, or whose gradients it gets wrong at the edges.

use super::{Dev, PerPoint, Points, Real, check_some};
use crate::Result;
use dfdx::prelude::{
    Axis, BroadcastTo, ChooseFrom, HasShape, MaxTo, PutTape, Shape, SplitTape, SumTo, Tape, Tensor,
    TensorFromVec, TryAdd, TryEq, TryLe, TrySub, WithEmptyTape, ZerosTensor,
};
#[cfg(not(feature = "cuda"))]
use dfdx::prelude::{NoneTape, ReshapeTo};

/// ln(1 + eˣ) of every entry, and its derivative 1 / (1 + e⁻ˣ), to full relative precision for every x.
///
/// ```
/// use pushforward::tensor::{Source, softplus, values};
///
/// let x = Source::new(0).per_point(&[-50.0, 0.0, 50.0])?;
/// let y = values(&softplus(x)?);
/// assert!(y[0] > 1.9e-22, "e⁻⁵⁰ is small, but not zero");
/// assert!((y[1] - 2f32.ln() as pushforward::tensor::Real).abs() < 1e-6, "the rounding of f32");
/// assert_eq!(y[2], 50.0);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn softplus<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
    if is_empty(&x) {
        return Ok(x);
    }
    let exact = entries(&x).into_iter().map(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()).collect();
    // ln(1 + eˣ) for x ≤ 0, and x + ln(1 + e⁻ˣ) above: no exponential is large, and no derivative a difference.
    let is_below = x.try_le(0.0)?;
    let below = log_one_plus_exp_of_negative(x.with_empty_tape())?;
    let above = log_one_plus_exp_of_negative(x.with_empty_tape().try_negate()?)?.try_add(x)?;
    with_values(is_below.try_choose(below, above)?, exact)
}

/// ln(1 + eˣ) for x ≤ 0, and ln 2 with the derivative 0 above.
fn log_one_plus_exp_of_negative<S: Shape, T: Tape<Real, Dev>>(
    x: Tensor<S, Real, Dev, T>,
) -> Result<Tensor<S, Real, Dev, T>> {
    Ok(x.try_clamp(Real::MIN, 0.0)?.try_exp()?.try_add(1.0)?.try_ln()?)
}

/// ln(1 + x) of every entry, to full relative precision also for small x; NaN below −1.
///
/// ```
/// use pushforward::tensor::{Source, log1p, values};
///
/// let x = Source::new(0).per_point(&[1e-12])?;
/// let y = values(&log1p(x)?);
/// assert_eq!(y[0], 1e-12, "ln(1 + x) = x − x²/2 + …");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn log1p<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
    let exact = entries(&x).into_iter().map(Real::ln_1p).collect();
    with_values(x.try_add(1.0)?.try_ln()?, exact)
}

/// √x of every entry, whose derivative ½ / √x would be infinite at 0, and is 0 there; NaN below 0.
///
/// With it the length √(Σ xᵢ²) of a vector of zeros has the gradient 0, a subgradient.
///
/// ```
/// use pushforward::tensor::{Source, sqrt, values};
///
/// let x = Source::new(0).per_point(&[0.0, 9.0])?;
/// assert_eq!(values(&sqrt(x)?), [0.0, 3.0]);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn sqrt<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
    if is_empty(&x) {
        return Ok(x);
    }
    let zeros: Tensor<S, Real, Dev> = x.device().try_zeros_like(x.shape())?;
    let ones = zeros.clone().try_add(1.0)?;
    let is_zero = x.try_eq(0.0)?;
    // Where x is 0, the root is taken of 1: a derivative there would be infinite, and infinite times 0 is NaN.
    let safe = is_zero.clone().try_choose(ones.put_tape(T::default()), x)?;
    Ok(is_zero.try_choose(zeros.put_tape(T::default()), safe.try_sqrt()?)?)
}

/// ln Σᵢ exp(xᵢ) over the coordinates of each point: (N, D) → (N,).
///
/// No finite xᵢ overflows; where all xᵢ are −∞ the result is −∞ with gradients 0; NaN stays NaN. Fails where there are no
/// points.
///
/// ```
/// use pushforward::tensor::{Real, Source, log_sum_exp, values};
///
/// let x = Source::new(0).points(&[[1000.0, 1000.0], [Real::NEG_INFINITY, Real::NEG_INFINITY]])?;
/// let y = values(&log_sum_exp(x)?);
/// assert!((y[0] - 1000.6931).abs() < 1e-3, "1000 + ln 2, to the rounding of f32");
/// assert_eq!(y[1], Real::NEG_INFINITY);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn log_sum_exp<const D: usize, T: Tape<Real, Dev>>(x: Points<D, T>) -> Result<PerPoint<T>> {
    const { assert!(D > 0, "the sum has a term") };
    let shape = *x.shape();
    check_some("the batch of points", shape.0)?;
    // The largest term is a constant for the derivative: the sum does not depend on which number is taken out.
    let (x, tape) = x.split_tape();
    let largest: PerPoint = x.clone().try_max::<(usize,), Axis<1>>()?;
    let zeros: PerPoint = largest.device().try_zeros_like(largest.shape())?;
    let ones = zeros.clone().try_add(1.0)?;
    let shift = largest.clone().try_abs()?.try_eq(Real::INFINITY)?.try_choose(zeros.clone(), largest)?;
    let terms = x.put_tape(tape).try_sub(shift.clone().try_broadcast_like::<_, Axis<1>>(&shape)?)?;
    let sum = terms.try_exp()?.try_sum::<(usize,), Axis<1>>()?;
    // The largest term alone is 1, unless there is nothing but −∞.
    let none = sum.try_eq(0.0)?;
    let sum = none.clone().try_choose(ones.put_tape(T::default()), sum)?;
    let minus_infinity = zeros.try_add(Real::NEG_INFINITY)?;
    let log = sum.try_ln()?.try_add(shift)?;
    Ok(none.try_choose(minus_infinity.put_tape(T::default()), log)?)
}

/// The tensor with other values and its own gradients: for what dfdx differentiates well, but computes with a
/// cancellation.
fn with_values<S: Shape, T: Tape<Real, Dev>>(
    y: Tensor<S, Real, Dev, T>,
    exact: Vec<Real>,
) -> Result<Tensor<S, Real, Dev, T>> {
    if exact.is_empty() {
        return Ok(y);
    }
    let difference = |(exact, y): (Real, Real)| if exact == y { 0.0 } else { exact - y };
    let missing = exact.into_iter().zip(entries(&y)).map(difference).collect();
    let missing = y.device().try_tensor_from_vec(missing, *y.shape())?;
    Ok(y.try_add(missing)?)
}

/// Whether there is no entry: dfdx cannot compare or choose among none.
pub(crate) fn is_empty<S: Shape, T>(x: &Tensor<S, Real, Dev, T>) -> bool {
    x.shape().num_elements() == 0
}

/// The entries in row-major order; dfdx cannot list those of a tensor without any.
#[cfg(feature = "cuda")]
pub(crate) fn entries<S: Shape, T>(x: &Tensor<S, Real, Dev, T>) -> Vec<Real> {
    if is_empty(x) { Vec::new() } else { x.as_vec() }
}

/// The entries in row-major order, copied at once: dfdx walks to them one by one, and cannot list those of a tensor
/// without any.
#[cfg(not(feature = "cuda"))]
pub(crate) fn entries<S: Shape, T>(x: &Tensor<S, Real, Dev, T>) -> Vec<Real> {
    if is_empty(x) {
        return Vec::new();
    }
    match x.retaped::<NoneTape>().try_contiguous() {
        Ok(x) => {
            let mut numbers = vec![0.0; x.shape().num_elements()];
            x.copy_into(&mut numbers);
            numbers
        }
        Err(_) => x.as_vec(),
    }
}
