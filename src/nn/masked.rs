//! Weights that are multiplied by constants, for networks that must not have some connections.

use crate::Result;
use crate::tensor::{Dev, Real};
use dfdx::nn::modules::Linear;
use dfdx::prelude::{Const, SplitTape, Tape, TensorFromVec};
use std::rc::Rc;

/// What the weights of a network are multiplied by, in the order of its layers, each (outputs, inputs) in row-major
/// order.
pub(crate) struct Masks {
    pub(crate) first: Rc<[Real]>,
    /// The same for every layer between hidden units.
    pub(crate) between: Rc<[Real]>,
    pub(crate) last: Rc<[Real]>,
}

/// The layer with the weights W ⊙ M, and the tape that remembers it. Backwards, dW = d(W ⊙ M) ⊙ M.
#[cfg(feature = "cuda")]
pub(super) fn masked<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    mask: Rc<[Real]>,
) -> Result<(Linear<I, O, Real, Dev>, T)> {
    use dfdx::prelude::TryMul;
    let mask = linear.weight.device().try_tensor_from_vec(mask.to_vec(), (Const::<O>, Const::<I>))?;
    let (weight, tape) = linear.weight.retaped::<T>().try_mul(mask)?.split_tape();
    Ok((Linear { weight, bias: linear.bias.clone() }, tape))
}

/// The layer with the weights W ⊙ M, and the tape that remembers it. Backwards, dW = d(W ⊙ M) ⊙ M.
///
/// dfdx's product walks through an index for each number, and computes a gradient of the mask: at a batch of 64 points
/// that was a third of a step.
#[cfg(not(feature = "cuda"))]
pub(super) fn masked<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    mask: Rc<[Real]>,
) -> Result<(Linear<I, O, Real, Dev>, T)> {
    use dfdx::prelude::ReshapeTo;
    let (weight, mut tape) = linear.weight.retaped::<T>().try_contiguous()?.split_tape();
    let mut product = vec![0.0; O * I];
    weight.copy_into(&mut product);
    multiply(&mut product, &mask);
    let product = weight.device().try_tensor_from_vec(product, (Const::<O>, Const::<I>))?;
    let ghosts = (weight.ghost(), product.ghost());
    tape.add_backward_op(move |gradients| {
        let (weight, product) = ghosts;
        let d_product = std::mem::take(&mut **gradients.get_or_alloc_mut(&product)?);
        add_product(gradients.get_or_alloc_mut(&weight)?, &d_product, &mask);
        **gradients.get_or_alloc_mut(&product)? = d_product;
        Ok(())
    });
    Ok((Linear { weight: product, bias: linear.bias.clone() }, tape))
}

#[cfg(not(feature = "cuda"))]
fn multiply(numbers: &mut [Real], factors: &[Real]) {
    numbers.iter_mut().zip(factors).for_each(|(number, factor)| *number *= factor);
}

#[cfg(not(feature = "cuda"))]
fn add_product(sums: &mut [Real], numbers: &[Real], factors: &[Real]) {
    sums.iter_mut().zip(numbers).zip(factors).for_each(|((sum, number), factor)| *sum += number * factor);
}
