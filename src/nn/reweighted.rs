//! Networks with other weights, which are functions of their own.

use crate::Result;
use crate::tensor::{Dev, Real};
use dfdx::nn::modules::Linear;
use dfdx::prelude::{NoneTape, Rank2, SplitTape, Tape, Tensor};
use std::rc::Rc;

/// The weight of a layer with I inputs and O outputs.
pub(crate) type Weight<const I: usize, const O: usize, T = NoneTape> = Tensor<Rank2<O, I>, Real, Dev, T>;

/// Where in a network a layer stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    First,
    /// Between hidden units.
    Between,
    Last,
}

/// What makes another weight of each weight of a network, which are given in the order of its layers.
pub(crate) trait Reweight<T: Tape<Real, Dev>> {
    /// The new weight, and on its tape how it was made of the old one, or of those before it.
    fn reweight<const I: usize, const O: usize>(
        &mut self,
        place: Place,
        weight: Weight<I, O, T>,
    ) -> Result<Weight<I, O, T>>;
}

/// The layer with another weight, and the tape that remembers it. The bias stays the same tensor.
pub(super) fn reweighted<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    linear: &Linear<I, O, Real, Dev>,
    by: &mut impl Reweight<T>,
    place: Place,
) -> Result<(Linear<I, O, Real, Dev>, T)> {
    let (weight, tape) = by.reweight(place, linear.weight.retaped::<T>())?.split_tape();
    Ok((Linear { weight, bias: linear.bias.clone() }, tape))
}

/// What the weights of a network are multiplied by, in the order of its layers, each (outputs, inputs) in row-major
/// order: for networks that must not have some connections.
pub(crate) struct Masks {
    pub(crate) first: Rc<[Real]>,
    /// The same for every layer between hidden units.
    pub(crate) between: Rc<[Real]>,
    pub(crate) last: Rc<[Real]>,
}

/// W ⊙ M. Backwards, dW = d(W ⊙ M) ⊙ M.
impl<T: Tape<Real, Dev>> Reweight<T> for Masks {
    fn reweight<const I: usize, const O: usize>(
        &mut self,
        place: Place,
        weight: Weight<I, O, T>,
    ) -> Result<Weight<I, O, T>> {
        let mask = match place {
            Place::First => &self.first,
            Place::Between => &self.between,
            Place::Last => &self.last,
        };
        masked(weight, mask.clone())
    }
}

#[cfg(feature = "cuda")]
fn masked<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
    mask: Rc<[Real]>,
) -> Result<Weight<I, O, T>> {
    use dfdx::prelude::{Const, TensorFromVec, TryMul};
    let mask = weight.device().try_tensor_from_vec(mask.to_vec(), (Const::<O>, Const::<I>))?;
    Ok(weight.try_mul(mask)?)
}

/// dfdx's product walks through an index for each number, and computes a gradient of the mask: at a batch of 64 points
/// that was a third of a step.
#[cfg(not(feature = "cuda"))]
fn masked<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
    mask: Rc<[Real]>,
) -> Result<Weight<I, O, T>> {
    let multiplied = mask.clone();
    replaced(
        weight,
        move |numbers| multiply(numbers, &multiplied),
        move |d_weight, d_product| add_product(d_weight, d_product, &mask),
    )
}

/// The weight with changed numbers. Backwards, `backward` is given the gradient of the old ones, to which it adds, and
/// that of the new ones.
#[cfg(not(feature = "cuda"))]
fn replaced<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    weight: Weight<I, O, T>,
    change: impl FnOnce(&mut [Real]),
    backward: impl FnOnce(&mut [Real], &[Real]) + 'static,
) -> Result<Weight<I, O, T>> {
    use dfdx::prelude::{Const, PutTape, ReshapeTo, TensorFromVec};
    let (weight, mut tape) = weight.try_contiguous()?.split_tape();
    let mut numbers = vec![0.0; O * I];
    weight.copy_into(&mut numbers);
    change(&mut numbers);
    let new = weight.device().try_tensor_from_vec(numbers, (Const::<O>, Const::<I>))?;
    let ghosts = (weight.ghost(), new.ghost());
    tape.add_backward_op(move |gradients| {
        let (weight, new) = ghosts;
        // dfdx lends one gradient at a time.
        let d_new = std::mem::take(&mut **gradients.get_or_alloc_mut(&new)?);
        backward(gradients.get_or_alloc_mut(&weight)?, &d_new);
        **gradients.get_or_alloc_mut(&new)? = d_new;
        Ok(())
    });
    Ok(new.put_tape(tape))
}

#[cfg(not(feature = "cuda"))]
fn multiply(numbers: &mut [Real], factors: &[Real]) {
    numbers.iter_mut().zip(factors).for_each(|(number, factor)| *number *= factor);
}

#[cfg(not(feature = "cuda"))]
fn add_product(sums: &mut [Real], numbers: &[Real], factors: &[Real]) {
    sums.iter_mut().zip(numbers).zip(factors).for_each(|((sum, number), factor)| *sum += number * factor);
}
