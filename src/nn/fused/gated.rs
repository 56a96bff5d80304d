//! What follows the linear part of a layer that a context scales and shifts, in one operation.
//!
//! y = f(a) with a = z ⊙ σ(u) + s, and ẏ = f′(a) ⊙ σ(u) ⊙ ż for each tangent. Backwards, with da = dy ⊙ f′ + Σ dẏ ⊙
//! f″ ⊙ σ ⊙ ż: dz = da ⊙ σ, dż = dẏ ⊙ f′ ⊙ σ, ds = da, du = (da ⊙ z + Σ dẏ ⊙ f′ ⊙ ż) ⊙ σ ⊙ (1 − σ).

use super::Kernel;
use super::kernel::{activate, add, add_multiplied, multiply};
use super::tape::{borrow, copied};
use crate::Result;
use crate::nn::DualPoints;
use crate::tensor::{Dev, Points, Real};
use dfdx::prelude::{Const, HasShape, PutTape, ReshapeTo, SplitTape, Tape, TensorFromVec};

/// f(z ⊙ σ(u) + s) and the tangents, for u = `logits` and s = `shift`.
///
/// All have as many rows.
pub(in crate::nn) fn gated<const O: usize, T: Tape<Real, Dev>>(
    kernel: Kernel,
    z: DualPoints<O, T>,
    logits: Points<O, T>,
    shift: Points<O, T>,
) -> Result<DualPoints<O, T>> {
    let (z, tangents, mut tape) = z.into_parts();
    let (n, device) = (z.shape().0, z.device().clone());
    let mut inputs = Vec::new();
    for points in [logits, shift] {
        let (points, own) = points.try_contiguous()?.split_tape();
        inputs.push(points);
        tape = tape.merge(own);
    }
    for points in std::iter::once(z).chain(tangents) {
        let (points, after) = points.put_tape(tape).try_contiguous()?.split_tape();
        inputs.push(points);
        tape = after;
    }
    let (results, saved) = Saved::forward(kernel, inputs.iter().map(copied).collect());
    let y: Vec<Points<O>> = results
        .into_iter()
        .map(|numbers| device.try_tensor_from_vec(numbers, (n, Const::<O>)))
        .collect::<Result<_, _>>()?;
    let to_inputs: Vec<_> = inputs.iter().map(borrow).collect();
    let to_results: Vec<_> = y.iter().map(borrow).collect();
    tape.add_backward_op(move |gradients| {
        // dfdx lends one gradient at a time: the lists are taken out, and put back.
        let mut own = Vec::new();
        for to in &to_results {
            own.push(std::mem::take(to(gradients)?));
        }
        for (to, terms) in to_inputs.iter().zip(saved.backward(&own)) {
            add(to(gradients)?, &terms);
        }
        for (to, own) in to_results.iter().zip(own) {
            *to(gradients)? = own;
        }
        Ok(())
    });
    let mut y = y.into_iter();
    // As many as were given: one value, and the tangents.
    let value = y.next().ok_or(crate::Error::Empty { what: "the results of a layer" })?;
    DualPoints::new(value.put_tape(tape), y.collect())
}

/// What the backward pass needs.
struct Saved {
    z: Vec<f32>,
    tangents: Vec<Vec<f32>>,
    /// σ and σ (1 − σ).
    open: Vec<f32>,
    moving: Vec<f32>,
    /// f′ and f″.
    slopes: Vec<f32>,
    curvatures: Vec<f32>,
}

impl Saved {
    /// y and its tangents, of u, s, z and the tangents of z.
    fn forward(kernel: Kernel, inputs: Vec<Vec<f32>>) -> (Vec<Vec<f32>>, Self) {
        let mut inputs = inputs.into_iter();
        let [mut logits, shift, z] = std::array::from_fn(|_| inputs.next().unwrap_or_default());
        let tangents: Vec<Vec<f32>> = inputs.collect();
        let room = || vec![0.0; z.len()];
        let (mut open, mut moving, mut slopes, mut curvatures) = (room(), room(), room(), room());
        // σ is the slope of softplus.
        activate(Kernel::Softplus, &mut logits, &mut open, &mut moving);
        let mut y = z.clone();
        multiply(&mut y, &open);
        add(&mut y, &shift);
        activate(kernel, &mut y, &mut slopes, &mut curvatures);
        let mut results = vec![y];
        for tangent in &tangents {
            let mut moved = tangent.clone();
            multiply(&mut moved, &open);
            multiply(&mut moved, &slopes);
            results.push(moved);
        }
        (results, Self { z, tangents, open, moving, slopes, curvatures })
    }

    /// du, ds, dz and dż, given dy and dẏ.
    fn backward(&self, results: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut results = results.iter();
        let mut d_inside = results.next().cloned().unwrap_or_default();
        multiply(&mut d_inside, &self.slopes);
        let mut d_open = vec![0.0; self.z.len()];
        let mut d_tangents = Vec::new();
        for (d_moved, tangent) in results.zip(&self.tangents) {
            let mut both = d_moved.clone();
            multiply(&mut both, tangent);
            add_multiplied(&mut d_open, &both, &self.slopes);
            multiply(&mut both, &self.curvatures);
            add_multiplied(&mut d_inside, &both, &self.open);
            let mut d_tangent = d_moved.clone();
            multiply(&mut d_tangent, &self.slopes);
            multiply(&mut d_tangent, &self.open);
            d_tangents.push(d_tangent);
        }
        add_multiplied(&mut d_open, &d_inside, &self.z);
        multiply(&mut d_open, &self.moving);
        let mut d_z = d_inside.clone();
        multiply(&mut d_z, &self.open);
        [d_open, d_inside, d_z].into_iter().chain(d_tangents).collect()
    }
}
