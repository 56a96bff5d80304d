//! A layer on plain slices: none of this is generic, so it is compiled, optimised, with this crate.

use super::kernel::{activate, add, add_rows, multiply};
use super::product::{Matrix, add_product};
use crate::nn::Kernel;
use std::iter::once;
use std::sync::{Mutex, OnceLock, PoisonError};

/// y = f(x Wᵀ + b), with the parameters copied out of their tensors: W of shape (outputs, inputs) and b.
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: Kernel,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// What the backward pass needs of the forward pass.
pub(super) struct Saved {
    x: Vec<f32>,
    /// f′ at x Wᵀ + b; empty for the identity.
    slopes: Vec<f32>,
}

/// Where gradients are added.
pub(super) struct Sums<'a> {
    pub(super) x: &'a mut [f32],
    pub(super) weight: &'a mut [f32],
    pub(super) bias: &'a mut [f32],
}

/// The rows of a batch that one thread computes. How many parts there are depends on the sizes alone, never on the
/// number of threads, and so do all roundings.
struct Split {
    parts: usize,
    rows: usize,
}

impl Dense {
    /// y, and what [`Dense::backward`] needs if that will be called.
    pub(super) fn forward(&self, x: Vec<f32>, rows: usize, differentiate: bool) -> (Vec<f32>, Saved) {
        keep_freed_memory();
        let split = self.split(rows);
        let mut y = vec![0.0; rows * self.outputs];
        let curved = differentiate && self.kernel != Kernel::Identity;
        let mut slopes = vec![0.0; if curved { y.len() } else { 0 }];
        let mut x_parts = x.chunks(split.entries(self.inputs));
        let y_parts = y.chunks_mut(split.entries(self.outputs));
        let mut slopes_parts = slopes.chunks_mut(split.entries(self.outputs));
        let parts = y_parts.map(|y| (next(&mut x_parts), y, next(&mut slopes_parts)));
        share(parts.collect(), |(x, y, slopes)| self.forward_part(x, y, slopes));
        (y, Saved { x, slopes })
    }

    /// z = b + x Wᵀ in one product that adds to the biases, then f(z) in place.
    fn forward_part(&self, x: &[f32], y: &mut [f32], slopes: &mut [f32]) {
        let (rows, i, o) = (y.len() / self.outputs, self.inputs, self.outputs);
        y.chunks_exact_mut(o).for_each(|row| row.copy_from_slice(&self.bias));
        add_product(y, Matrix::new(x, rows, i), Matrix::new(&self.weight, o, i).transposed());
        activate(self.kernel, y, slopes);
    }

    /// y of layers one after the other: each tile of rows goes through all of them while it is in the cache.
    pub(super) fn forward_all(layers: &[Dense], x: &[f32], rows: usize) -> Vec<f32> {
        keep_freed_memory();
        let inputs = layers.first().map_or(0, |layer| layer.inputs);
        let outputs = layers.last().map_or(0, |layer| layer.outputs);
        let parts = layers.iter().map(|layer| layer.split(rows).parts).max().unwrap_or(1);
        let split = Split::new(rows, if parts > 1 { parts.max(rows / TILE) } else { 1 });
        let mut y = vec![0.0; rows * outputs];
        let tiles = x.chunks(split.entries(inputs)).zip(y.chunks_mut(split.entries(outputs)));
        share(tiles.collect(), |(x, y)| Self::forward_tile(layers, x, y));
        y
    }

    fn forward_tile(layers: &[Dense], x: &[f32], y: &mut [f32]) {
        let Some((last, before)) = layers.split_last() else { return };
        let rows = y.len() / last.outputs;
        let widest = before.iter().map(|layer| layer.outputs).max().unwrap_or(0);
        let (mut from, mut to) = (vec![0.0; rows * widest], vec![0.0; rows * widest]);
        let mut input = x;
        for layer in before {
            let output = &mut to[..rows * layer.outputs];
            layer.forward_part(input, output, &mut []);
            std::mem::swap(&mut from, &mut to);
            input = &from[..rows * layer.outputs];
        }
        last.forward_part(input, y, &mut []);
    }

    /// With dz = dy · f′: dW += dzᵀ x, db += the sum of the rows of dz, dx += dz W.
    pub(super) fn backward(&self, mut saved: Saved, dy: &[f32], sums: Sums) {
        let split = self.split(dy.len() / self.outputs.max(1));
        // The first part adds to the gradients themselves, the others to sums of their own, added in order.
        let others = split.parts.saturating_sub(1);
        let mut own_weight = vec![0.0; others * self.weight.len()];
        let mut own_bias = vec![0.0; others * self.bias.len()];
        let mut weights = once(&mut *sums.weight).chain(own_weight.chunks_mut(self.weight.len().max(1)));
        let mut biases = once(&mut *sums.bias).chain(own_bias.chunks_mut(self.bias.len().max(1)));
        let mut dx_parts = sums.x.chunks_mut(split.entries(self.inputs));
        let mut x_parts = saved.x.chunks(split.entries(self.inputs));
        let mut slopes_parts = saved.slopes.chunks_mut(split.entries(self.outputs));
        let parts = dy.chunks(split.entries(self.outputs)).map(|dy| {
            let sums = Sums { x: next(&mut dx_parts), weight: next(&mut weights), bias: next(&mut biases) };
            (next(&mut x_parts), next(&mut slopes_parts), dy, sums)
        });
        share(parts.collect(), |(x, slopes, dy, sums)| self.backward_part(x, slopes, dy, sums));
        for own in own_weight.chunks(self.weight.len().max(1)) {
            add(sums.weight, own);
        }
        for own in own_bias.chunks(self.bias.len().max(1)) {
            add(sums.bias, own);
        }
    }

    fn backward_part(&self, x: &[f32], slopes: &mut [f32], dy: &[f32], sums: Sums) {
        let (rows, i, o) = (dy.len() / self.outputs, self.inputs, self.outputs);
        let dz = if slopes.is_empty() {
            dy
        } else {
            multiply(slopes, dy);
            slopes
        };
        add_rows(sums.bias, dz);
        add_product(sums.weight, Matrix::new(dz, rows, o).transposed(), Matrix::new(x, rows, i));
        add_product(sums.x, Matrix::new(dz, rows, o), Matrix::new(&self.weight, o, i));
    }

    /// Parts of about [`GRAIN`] operations and of [`FEWEST_ROWS`] at least, at most [`MOST_PARTS`].
    fn split(&self, rows: usize) -> Split {
        // An activation takes about as long as this many multiplications.
        const ACTIVATION: usize = 16;
        let work = rows * self.outputs * (self.inputs + ACTIVATION);
        Split::new(rows, (work / GRAIN).min(rows / FEWEST_ROWS).clamp(1, MOST_PARTS))
    }
}

/// Below twice this much work, a batch stays on one thread: waking another takes longer than it saves.
const GRAIN: usize = 1 << 20;

/// Every part packs all weights for its product, which takes as long as the product of a few dozen rows.
const FEWEST_ROWS: usize = 64;

/// More parts cost more sums of dW.
const MOST_PARTS: usize = 8;

/// So many rows of a network's layers, 256 wide, stay in a core's cache.
const TILE: usize = 256;

impl Split {
    fn new(rows: usize, parts: usize) -> Self {
        Self { parts, rows: rows.div_ceil(parts).max(1) }
    }

    /// How many numbers a part has of a matrix with so many columns.
    fn entries(&self, columns: usize) -> usize {
        (self.rows * columns).max(1)
    }
}

/// The next part, or none of a matrix without entries.
fn next<P: Default>(parts: &mut impl Iterator<Item = P>) -> P {
    parts.next().unwrap_or_default()
}

/// Does the work on every item: this thread and those of rayon's pool take the next item until none is left.
fn share<I: Send>(items: Vec<I>, work: impl Fn(I) + Sync) {
    let helpers = rayon::current_num_threads().min(items.len()).saturating_sub(1);
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let serve = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    if helpers == 0 {
        return serve();
    }
    rayon::in_place_scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| serve()));
        serve();
    });
}

/// Lets the C library keep the memory that is freed. glibc hands large blocks back to the system, and then every step
/// of a training waits for new pages: 1.4 to 3 times as long. To free one large block, never touched, raises its
/// threshold to the most that it allows.
fn keep_freed_memory() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(31 << 20))));
}
