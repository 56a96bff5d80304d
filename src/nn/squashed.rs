//! The layer of a network that is scaled and shifted by a context.

use super::forward_mode::activation_pushforward;
use super::{Activation, DualPoints, Identity, Kernel, layer, layer_pushforward};
use crate::Result;
use crate::tensor::{Dev, Points, Real};
use dfdx::nn::modules::{Linear, UnbiasedLinear};
use dfdx::prelude::{Device, Dtype, Module, ModuleVisitor, PutTape, Tape, TensorCollection};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// One layer, (W h + b) ⊙ σ(G c + g) + B c.
#[derive(Clone, Debug)]
pub(super) struct Squashed<const I: usize, const C: usize, const O: usize, E: Dtype, D: Device<E>> {
    linear: Linear<I, O, E, D>,
    gate: Linear<C, O, E, D>,
    shift: UnbiasedLinear<C, O, E, D>,
}

impl<const I: usize, const C: usize, const O: usize> Squashed<I, C, O, Real, Dev> {
    /// f((W h + b) ⊙ σ(G c + g) + B c), and its tangents. The context does not move.
    pub(super) fn pushforward<A: Activation, T: Tape<Real, Dev>>(
        &self,
        x: DualPoints<I, T>,
        context: &Points<C>,
    ) -> Result<DualPoints<O, T>> {
        let z = layer_pushforward::<Identity, I, O, T>(&self.linear, x)?;
        let context = || context.clone().put_tape(T::default());
        let logits = layer::<Identity, C, O, T>(&self.gate, context())?;
        let shift = self.shift.try_forward(context())?;
        gated::<A, O, T>(z, logits, shift)
    }
}

/// f(z ⊙ σ(u) + s), and its tangents.
#[cfg(not(any(feature = "f64", feature = "cuda")))]
fn gated<A: Activation, const O: usize, T: Tape<Real, Dev>>(
    z: DualPoints<O, T>,
    logits: Points<O, T>,
    shift: Points<O, T>,
) -> Result<DualPoints<O, T>> {
    use super::fused::gated;
    match A::kernel() {
        Some(kernel) => gated(kernel, z, logits, shift),
        None => activation_pushforward::<A, O, T>(gated(Kernel::Identity, z, logits, shift)?),
    }
}

/// f(z ⊙ σ(u) + s), and its tangents.
#[cfg(any(feature = "f64", feature = "cuda"))]
fn gated<A: Activation, const O: usize, T: Tape<Real, Dev>>(
    z: DualPoints<O, T>,
    logits: Points<O, T>,
    shift: Points<O, T>,
) -> Result<DualPoints<O, T>> {
    use dfdx::prelude::{NoneTape, TryAdd, TryMul};
    // The tape of σ goes with the value; the tangents meet the same tensor.
    let open = logits.try_sigmoid()?;
    let still = open.retaped::<NoneTape>();
    let inside =
        z.push(|z| Ok(z.try_mul(open)?.try_add(shift)?), |tangent| Ok(tangent.try_mul(still.clone())?))?;
    let stays = A::kernel() == Some(Kernel::Identity);
    if stays { Ok(inside) } else { activation_pushforward::<A, O, T>(inside) }
}

/// The one context that all points have; nothing if they differ.
#[cfg(not(feature = "cuda"))]
pub(super) fn one_context<const C: usize>(context: &Points<C>) -> Option<Vec<Real>> {
    let rows = crate::tensor::rows(context);
    let first = rows.first()?;
    rows.iter().all(|row| row == first).then(|| first.to_vec())
}

/// In one context c the layer is a linear one: diag(s) W h + s ⊙ b + B c with s = σ(G c + g), one operation on the
/// tape.
///
/// Backwards, with W′ = diag(s) W and b′ = s ⊙ b + B c: dW = diag(s) dW′, db = s ⊙ db′, dB = db′ cᵀ, and with
/// dsᵢ = Σⱼ dW′ᵢⱼ Wᵢⱼ + db′ᵢ bᵢ and du = ds ⊙ s ⊙ (1 − s): dG = du cᵀ, dg = du.
#[cfg(not(feature = "cuda"))]
mod in_one_context {
    use super::Squashed;
    use crate::Result;
    use crate::tensor::{Dev, Real};
    use dfdx::nn::modules::Linear;
    use dfdx::prelude::{Const, HasShape, ReshapeTo, Shape, SplitTape, Tape, Tensor, TensorFromVec};

    impl<const I: usize, const C: usize, const O: usize> Squashed<I, C, O, Real, Dev> {
        /// That linear layer, and the tape that remembers how it was made.
        pub(in crate::nn) fn in_context<T: Tape<Real, Dev>>(
            &self,
            context: &[Real],
        ) -> Result<(Linear<I, O, Real, Dev>, T)> {
            let (weight, mut tape) = read::<_, T>(&self.linear.weight)?;
            let (bias, own) = read::<_, T>(&self.linear.bias)?;
            tape = tape.merge(own);
            let (gate_weight, own) = read::<_, T>(&self.gate.weight)?;
            tape = tape.merge(own);
            let (gate_bias, own) = read::<_, T>(&self.gate.bias)?;
            tape = tape.merge(own);
            let (shift, own) = read::<_, T>(&self.shift.weight)?;
            tape = tape.merge(own);

            let mut open = gate_bias.numbers.clone();
            add_product(&mut open, &gate_weight.numbers, context);
            open.iter_mut().for_each(|u| *u = 1.0 / (1.0 + (-*u).exp()));
            let mut new_weight = weight.numbers.clone();
            scale_rows(&mut new_weight, &open);
            let mut new_bias: Vec<Real> = bias.numbers.iter().zip(&open).map(|(b, s)| b * s).collect();
            add_product(&mut new_bias, &shift.numbers, context);
            let device = self.linear.weight.device();
            let new = Linear {
                weight: device.try_tensor_from_vec(new_weight, (Const::<O>, Const::<I>))?,
                bias: device.try_tensor_from_vec(new_bias, (Const::<O>,))?,
            };

            let (to_weight, to_bias) = (new.weight.ghost(), new.bias.ghost());
            let context = context.to_vec();
            tape.add_backward_op(move |gradients| {
                // dfdx lends one gradient at a time.
                let mut d_weight = std::mem::take(&mut **gradients.get_or_alloc_mut(&to_weight)?);
                let d_bias = std::mem::take(&mut **gradients.get_or_alloc_mut(&to_bias)?);
                let d_logit = d_logit(&d_weight, &weight.numbers, &d_bias, &bias.numbers, &open);
                scale_rows(&mut d_weight, &open);
                add(gradients.get_or_alloc_mut(&weight.tensor)?, &d_weight);
                let d_old: Vec<Real> = d_bias.iter().zip(&open).map(|(d, s)| d * s).collect();
                add(gradients.get_or_alloc_mut(&bias.tensor)?, &d_old);
                add_outer(gradients.get_or_alloc_mut(&gate_weight.tensor)?, &d_logit, &context);
                add(gradients.get_or_alloc_mut(&gate_bias.tensor)?, &d_logit);
                add_outer(gradients.get_or_alloc_mut(&shift.tensor)?, &d_bias, &context);
                Ok(())
            });
            Ok((new, tape))
        }
    }

    /// A parameter, as it lies in memory, and its numbers.
    struct Parameter<S: Shape> {
        tensor: Tensor<S, Real, Dev>,
        numbers: Vec<Real>,
    }

    fn read<S: Shape, T: Tape<Real, Dev>>(parameter: &Tensor<S, Real, Dev>) -> Result<(Parameter<S>, T)> {
        let (tensor, tape) = parameter.retaped::<T>().try_contiguous()?.split_tape();
        let mut numbers = vec![0.0; tensor.shape().num_elements()];
        tensor.copy_into(&mut numbers);
        Ok((Parameter { tensor, numbers }, tape))
    }

    /// ∂/∂(G c + g), row by row.
    fn d_logit(
        d_weight: &[Real],
        weight: &[Real],
        d_bias: &[Real],
        bias: &[Real],
        open: &[Real],
    ) -> Vec<Real> {
        let inputs = weight.len() / open.len().max(1);
        let rows = d_weight.chunks_exact(inputs.max(1)).zip(weight.chunks_exact(inputs.max(1)));
        let ends = d_bias.iter().zip(bias).zip(open);
        rows.zip(ends)
            .map(|((d_row, row), ((d_bias, bias), s))| {
                let d_open: Real = d_row.iter().zip(row).map(|(d, w)| d * w).sum::<Real>() + d_bias * bias;
                d_open * s * (1.0 - s)
            })
            .collect()
    }

    /// y += M c, M row after row.
    fn add_product(y: &mut [Real], matrix: &[Real], c: &[Real]) {
        for (y, row) in y.iter_mut().zip(matrix.chunks_exact(c.len())) {
            *y += row.iter().zip(c).map(|(entry, c)| entry * c).sum::<Real>();
        }
    }

    /// M += u cᵀ.
    fn add_outer(matrix: &mut [Real], u: &[Real], c: &[Real]) {
        for (row, u) in matrix.chunks_exact_mut(c.len()).zip(u) {
            row.iter_mut().zip(c).for_each(|(entry, c)| *entry += u * c);
        }
    }

    /// Multiplies each row by its factor.
    fn scale_rows(matrix: &mut [Real], factors: &[Real]) {
        let columns = matrix.len() / factors.len().max(1);
        for (row, factor) in matrix.chunks_exact_mut(columns.max(1)).zip(factors) {
            row.iter_mut().for_each(|entry| *entry *= factor);
        }
    }

    fn add(sum: &mut [Real], terms: &[Real]) {
        sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
}

impl<const I: usize, const C: usize, const O: usize, E, D> TensorCollection<E, D> for Squashed<I, C, O, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Squashed<I, C, O, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("linear", |m| &m.linear, |m| &mut m.linear),
                Self::module("gate", |m| &m.gate, |m| &mut m.gate),
                Self::module("shift", |m| &m.shift, |m| &mut m.shift),
            ),
            |(linear, gate, shift)| Squashed { linear, gate, shift },
        )
    }
}
