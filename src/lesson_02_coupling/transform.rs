//! Transformers on the tape: one operation, and its inverse.

use super::Transformer;
use super::rows::{Direction, Rows};
use crate::Result;
use crate::tensor::{Dev, PerPoint, Points, Real, check_same_batch, check_some};
use dfdx::prelude::{Const, HasShape, Tape, TensorFromVec};

/// yᵢ = τ(xᵢ; hᵢ) for the chosen features i of every point and yᵢ = xᵢ for the others, shape (N, D), and
/// log |det| = Σ log ∂yᵢ/∂xᵢ over the chosen ones, shape (N,).
///
/// h has the shape (N, O) with O = D P: the P parameters of feature i are the columns i P to (i + 1) P − 1. Those of a
/// feature that is not chosen are not read, and their gradient is exactly 0. The scalar maps run on the CPU, also with
/// the feature `cuda`.
///
/// The tape goes with y: a loss must contain it, one of log |det| alone has no gradient.
///
/// Errors: [`Error::NotFinite`](crate::Error::NotFinite) for x or h of a chosen feature,
/// [`Error::Saturated`](crate::Error::Saturated) where y or log ∂y/∂x is not finite,
/// [`Error::BatchMismatch`](crate::Error::BatchMismatch).
///
/// ```
/// use pushforward::coupling::{UnboundedAffine, transform};
/// use pushforward::tensor::{Source, rows, values};
///
/// let source = Source::new(0);
/// let (x, h) = (source.points(&[[1.0, 2.0]])?, source.points(&[[0.0, 0.0, 0.5, -1.0]])?);
/// let (y, log_det) = transform(UnboundedAffine, [false, true], x, h)?;
/// assert_eq!(rows(&y)[0][0], 1.0, "the first feature is not chosen");
/// assert!((rows(&y)[0][1] - (2.0 * 0.5f32.exp() - 1.0) as pushforward::tensor::Real).abs() < 1e-6, "the rounding of f32");
/// assert_eq!(values(&log_det), [0.5]);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn transform<F: Transformer, const D: usize, const O: usize, T: Tape<Real, Dev>>(
    transformer: F,
    chosen: [bool; D],
    x: Points<D, T>,
    h: Points<O, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    go(transformer, chosen, Direction::Forward, x, h)
}

/// xᵢ = τ⁻¹(yᵢ; hᵢ) for the chosen features, and log |det| = −Σ log ∂yᵢ/∂xᵢ at x: what undoes [`transform`].
///
/// The gradient is that of the implicit function x(y, h) which τ(x; h) = y defines, so it needs no steps of an
/// iteration on the tape. The tape goes with x: a loss must contain it, one of log |det| alone has no gradient.
///
/// Errors: as [`transform`]. Also [`Error::Saturated`](crate::Error::Saturated) where the map is so flat that y does not
/// tell x: where rounding y moves x by more than 10⁻⁴ (1 + |x|), or in f64 10⁻¹⁰ (1 + |x|).
pub fn invert<F: Transformer, const D: usize, const O: usize, T: Tape<Real, Dev>>(
    transformer: F,
    chosen: [bool; D],
    y: Points<D, T>,
    h: Points<O, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    go(transformer, chosen, Direction::Inverse, y, h)
}

fn go<F: Transformer, const D: usize, const O: usize, T: Tape<Real, Dev>>(
    transformer: F,
    chosen: [bool; D],
    direction: Direction,
    x: Points<D, T>,
    h: Points<O, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    const {
        assert!(D > 0 && F::PARAMETERS > 0, "a point has a feature, and a map has a parameter");
        assert!(O == D * F::PARAMETERS, "the conditioner gives P numbers for each feature");
    };
    let n = x.shape().0;
    check_some("the batch of points", n)?;
    check_same_batch("parameters for each point", n, h.shape().0)?;
    let rows = Rows { transformer: Box::new(transformer), chosen: chosen.into(), parameters: F::PARAMETERS };
    on_tape(rows, direction, x, h)
}

/// On the CPU the gradients are read and written where they lie. The operation stands on the tape of the points, which
/// must reach the loss.
#[cfg(not(feature = "cuda"))]
fn on_tape<const D: usize, const O: usize, T: Tape<Real, Dev>>(
    rows: Rows,
    direction: Direction,
    x: Points<D, T>,
    h: Points<O, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    use dfdx::prelude::{PutTape, ReshapeTo, SplitTape};
    let n = x.shape().0;
    let (x, tape) = x.try_contiguous()?.split_tape();
    let (h, h_tape) = h.try_contiguous()?.split_tape();
    let mut tape = tape.merge(h_tape);
    let (mut inputs, mut parameters) = (vec![0.0; n * D], vec![0.0; n * O]);
    x.copy_into(&mut inputs);
    h.copy_into(&mut parameters);
    let (outputs, log_det) = rows.apply(direction, &inputs, &parameters)?;
    // The gradient is taken at x, also where x is the result.
    let at = if direction == Direction::Inverse && T::OWNS_TAPE { outputs.clone() } else { inputs };
    let y = x.device().try_tensor_from_vec(outputs, (n, Const::<D>))?;
    let log_det = x.device().try_tensor_from_vec(log_det, (n,))?;
    let ghosts = (x.ghost(), h.ghost(), y.ghost(), log_det.ghost());
    tape.add_backward_op(move |gradients| {
        let (x, h, y, log_det) = ghosts;
        // dfdx lends one gradient at a time: the lists are taken out, and put back below.
        let dy = std::mem::take(&mut **gradients.get_or_alloc_mut(&y)?);
        let dl = std::mem::take(&mut **gradients.get_or_alloc_mut(&log_det)?);
        let mut dx = std::mem::take(&mut **gradients.get_or_alloc_mut(&x)?);
        let mut dh = std::mem::take(&mut **gradients.get_or_alloc_mut(&h)?);
        // Where x and h are one tensor, its list is taken already.
        let is_one = dh.len() < parameters.len();
        dh.resize(parameters.len(), 0.0);
        rows.add_gradient(direction, (&at, &parameters), (&dy, &dl), (&mut dx, &mut dh));
        **gradients.get_or_alloc_mut(&y)? = dy;
        **gradients.get_or_alloc_mut(&log_det)? = dl;
        **gradients.get_or_alloc_mut(&x)? = dx;
        let of_h = &mut **gradients.get_or_alloc_mut(&h)?;
        if is_one {
            of_h.iter_mut().zip(dh).for_each(|(sum, dh)| *sum += dh);
        } else {
            *of_h = dh;
        }
        Ok(())
    });
    Ok((y.put_tape(tape), log_det.put_tape(T::default())))
}

/// On the GPU they cannot be seen. With the derivatives as constants, y + ∂y/∂x (x − x₀) + ∂y/∂h (h − h₀) at x₀ = x and
/// h₀ = h has the value and the gradient of y.
#[cfg(feature = "cuda")]
fn on_tape<const D: usize, const O: usize, T: Tape<Real, Dev>>(
    rows: Rows,
    direction: Direction,
    x: Points<D, T>,
    h: Points<O, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    use dfdx::prelude::{Axis, SumTo, TryAdd, TryMatMul, TryMul, TrySub, WithEmptyTape};
    let (n, device) = (x.shape().0, x.device().clone());
    let (inputs, parameters) = (x.as_vec(), h.as_vec());
    let (outputs, log_det) = rows.apply(direction, &inputs, &parameters)?;
    let at = if direction == Direction::Inverse { &outputs } else { &inputs };
    let slopes = |dy: Real, dl: Real| -> Result<(Points<D>, Points<O>)> {
        let (mut dx, mut dh) = (vec![0.0; n * D], vec![0.0; n * O]);
        let upstream = (&*vec![dy; n * D], &*vec![dl; n]);
        rows.add_gradient(direction, (at, &parameters), upstream, (&mut dx, &mut dh));
        let dx = device.try_tensor_from_vec(dx, (n, Const::<D>))?;
        Ok((dx, device.try_tensor_from_vec(dh, (n, Const::<O>))?))
    };
    let ((y_x, y_h), (l_x, l_h)) = (slopes(1.0, 0.0)?, slopes(0.0, 1.0)?);
    let sums = (0..O * D).map(|entry| if entry / D / rows.parameters == entry % D { 1.0 } else { 0.0 });
    let sums = device.try_tensor_from_vec(sums.collect(), (Const::<O>, Const::<D>))?;
    // Differences that are 0, and carry the tapes. The constants are tensors of their own: dfdx cannot subtract one from
    // itself.
    let x_0: Points<D> = device.try_tensor_from_vec(inputs.clone(), (n, Const::<D>))?;
    let h_0: Points<O> = device.try_tensor_from_vec(parameters.clone(), (n, Const::<O>))?;
    let (x, h) = (x.try_sub(x_0)?, h.try_sub(h_0)?);
    let l_x = x.with_empty_tape().try_mul(l_x)?.try_sum::<(usize,), Axis<1>>()?;
    let l_h = h.with_empty_tape().try_mul(l_h)?.try_sum::<(usize,), Axis<1>>()?;
    let log_det = l_x.try_add(l_h)?.try_add(device.try_tensor_from_vec(log_det, (n,))?)?;
    let y_h = h.try_mul(y_h)?.try_matmul(sums)?;
    let y = device.try_tensor_from_vec(outputs.clone(), (n, Const::<D>))?;
    Ok((x.try_mul(y_x)?.try_add(y_h)?.try_add(y)?, log_det))
}
