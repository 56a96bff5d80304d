//! The glue between dfdx's tape and plain slices.

use super::Kernel;
use super::dense::{Dense, Stack, Sums};
use super::kernel::add;
use crate::Result;
use crate::nn::DualPoints;
use crate::tensor::{Dev, Gradients, Points, Real};
use dfdx::nn::modules::Linear;
use dfdx::prelude::{
    Const, HasErr, HasShape, PutTape, ReshapeTo, Shape, SplitTape, Tape, Tensor, TensorFromVec,
};

/// Layers one after the other, from I inputs to O outputs, that are applied as one operation.
pub(super) struct Layers<const I: usize, const O: usize, T> {
    stack: Vec<Dense>,
    /// The weight and the bias of each layer.
    gradients: Vec<[Borrow; 2]>,
    device: Dev,
    tape: T,
}

/// Lends the gradient of one tensor.
pub(super) type Borrow =
    Box<dyn Fn(&mut Gradients) -> std::result::Result<&mut Vec<Real>, <Dev as HasErr>::Err>>;

impl<const I: usize, const O: usize, T: Tape<Real, Dev>> Layers<I, O, T> {
    /// One layer.
    pub(super) fn new(kernel: Kernel, linear: &Linear<I, O, Real, Dev>) -> Result<Self> {
        let device = linear.weight.device().clone();
        Self { stack: Vec::new(), gradients: Vec::new(), device, tape: T::default() }.add(kernel, linear)
    }

    /// These layers, and another one after them.
    pub(super) fn then<const P: usize>(
        self,
        kernel: Kernel,
        linear: &Linear<O, P, Real, Dev>,
    ) -> Result<Layers<I, P, T>> {
        let Self { stack, gradients, device, tape } = self;
        Layers { stack, gradients, device, tape }.add(kernel, linear)
    }

    fn add<const H: usize>(mut self, kernel: Kernel, linear: &Linear<H, O, Real, Dev>) -> Result<Self> {
        // Numbers and gradients are read and written as they lie in memory.
        let (weight, weight_tape) = linear.weight.retaped::<T>().try_contiguous()?.split_tape();
        let (bias, bias_tape) = linear.bias.retaped::<T>().try_contiguous()?.split_tape();
        self.tape = self.tape.merge(weight_tape).merge(bias_tape);
        self.stack.push(Dense::new(kernel, H, copied(&weight), copied(&bias)));
        self.gradients.push([borrow(&weight), borrow(&bias)]);
        Ok(self)
    }

    /// y, shape (N, O), for x of shape (N, I).
    pub(super) fn apply(self, x: Points<I, T>) -> Result<Points<O, T>> {
        let (x, tape) = x.split_tape();
        let (mut y, tape) = self.record(vec![x], tape)?;
        // As many as were given.
        Ok(y.swap_remove(0).put_tape(tape))
    }

    /// y, and J ẋ for each tangent.
    pub(super) fn push(self, x: DualPoints<I, T>) -> Result<DualPoints<O, T>> {
        let (value, mut points, tape) = x.into_parts();
        points.insert(0, value);
        let (mut y, tape) = self.record(points, tape)?;
        let value = y.remove(0);
        DualPoints::new(value.put_tape(tape), y)
    }

    /// One operation for values and tangents, on the one tape of all.
    fn record(self, points: Vec<Points<I>>, tape: T) -> Result<(Vec<Points<O>>, T)> {
        let mut tape = tape.merge(self.tape);
        let (mut x, mut numbers) = (Vec::new(), Vec::new());
        for points in points {
            let (points, after) = points.put_tape(tape).try_contiguous()?.split_tape();
            numbers.push(copied(&points));
            x.push(points);
            tape = after;
        }
        let n = x.first().map_or(0, |x| x.shape().0);
        let stack = Stack::new(self.stack);
        let (numbers, saved) = stack.forward(&numbers, n, T::OWNS_TAPE);
        let device = self.device;
        let y: Vec<Points<O>> = numbers
            .into_iter()
            .map(|numbers| device.try_tensor_from_vec(numbers, (n, Const::<O>)))
            .collect::<Result<_, _>>()?;
        let dx: Vec<Borrow> = x.iter().map(borrow).collect();
        let dy: Vec<Borrow> = y.iter().map(borrow).collect();
        let parameters = self.gradients;
        tape.add_backward_op(move |gradients| {
            // dfdx lends one gradient at a time: the lists are taken out, and put back below.
            let mut own_dy = Vec::new();
            for dy in &dy {
                own_dy.push(std::mem::take(dy(gradients)?));
            }
            let mut sums = Vec::new();
            for [weight, bias] in &parameters {
                let weight = std::mem::take(weight(gradients)?);
                sums.push(Sums { weight, bias: std::mem::take(bias(gradients)?) });
            }
            let own_dx = stack.backward(saved, &own_dy, &mut sums);
            for (dy, own) in dy.iter().zip(own_dy) {
                *dy(gradients)? = own;
            }
            for (dx, own) in dx.iter().zip(own_dx) {
                add(dx(gradients)?, &own);
            }
            for ([weight, bias], sums) in parameters.iter().zip(sums) {
                *weight(gradients)? = sums.weight;
                *bias(gradients)? = sums.bias;
            }
            Ok(())
        });
        Ok((y, tape))
    }
}

pub(super) fn borrow<S: Shape>(tensor: &Tensor<S, Real, Dev>) -> Borrow {
    let ghost = tensor.ghost();
    Box::new(move |gradients| Ok(&mut **gradients.get_or_alloc_mut(&ghost)?))
}

/// The numbers of a tensor that lie in memory without gaps, in one copy: `tensor::entries` walks through an index for each.
pub(super) fn copied<S: Shape>(tensor: &Tensor<S, Real, Dev>) -> Vec<Real> {
    let mut numbers = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut numbers);
    numbers
}
