//! Layers on plain slices: none of this is generic, so it is compiled, optimised, with this crate.

use super::kernel::{activate, add, add_rows, multiply, transpose};
use super::product::{Matrix, add_product, product};
use super::split::Split;
use crate::nn::Kernel;
use crate::tensor::share;
use std::sync::OnceLock;

/// y = f(x Wᵀ + b), with the parameters copied out of their tensors: W of shape (outputs, inputs) and b.
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
    kernel: Kernel,
    weight: Vec<f32>,
    /// Wᵀ: products read a factor along its rows or along its columns, and are slow to turn one that lies the other way.
    transposed: Vec<f32>,
    bias: Vec<f32>,
}

/// Layers one after the other: each reads what the one before it gives.
pub(super) struct Stack(Vec<Dense>);

/// What a tile of rows holds between the layers: first its x, then what each layer gives.
#[derive(Default)]
struct Tile {
    rows: usize,
    between: Vec<Between>,
}

struct Between {
    y: Vec<f32>,
    /// f′ at x Wᵀ + b; empty for the identity.
    slopes: Vec<f32>,
}

/// What the backward pass needs of the forward pass.
pub(super) struct Saved {
    rows: usize,
    tiles: Vec<Tile>,
}

/// The gradients of a layer's parameters.
pub(super) struct Sums {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Dense {
    /// A layer with as many outputs as biases.
    pub(super) fn new(kernel: Kernel, inputs: usize, weight: Vec<f32>, bias: Vec<f32>) -> Self {
        let outputs = bias.len();
        let mut transposed = vec![0.0; weight.len()];
        transpose(&weight, inputs, &mut transposed, outputs);
        Self { inputs, outputs, kernel, weight, transposed, bias }
    }

    /// z = b + x Wᵀ in one product that adds to the biases, then f(z) in place.
    fn forward(&self, x: &[f32], rows: usize, differentiate: bool) -> Between {
        let mut y = self.bias.repeat(rows);
        let weight = Matrix::new(&self.transposed, self.inputs, self.outputs);
        add_product(&mut y, Matrix::new(x, rows, self.inputs), weight);
        let curved = differentiate && self.kernel != Kernel::Identity;
        let mut slopes = vec![0.0; if curved { y.len() } else { 0 }];
        activate(self.kernel, &mut y, &mut slopes);
        Between { y, slopes }
    }

    /// With dz = dy · f′ in the place of dy: dW += dzᵀ x, db += the sum of the rows of dz, and dx = dz W in the place of x.
    fn backward(&self, x: &mut [f32], rows: usize, dy: &mut Between, sums: &mut Sums) {
        let Between { y: dz, slopes } = dy;
        if !slopes.is_empty() {
            multiply(dz, slopes);
        }
        add_rows(&mut sums.bias, dz);
        let dz = Matrix::new(dz, rows, self.outputs);
        add_product(&mut sums.weight, dz.transposed(), Matrix::new(x, rows, self.inputs));
        product(x, dz, Matrix::new(&self.weight, self.outputs, self.inputs));
    }
}

impl Sums {
    fn zeros(layer: &Dense) -> Self {
        Self { weight: vec![0.0; layer.weight.len()], bias: vec![0.0; layer.bias.len()] }
    }

    fn add(&mut self, other: &Self) {
        add(&mut self.weight, &other.weight);
        add(&mut self.bias, &other.bias);
    }
}

impl Stack {
    /// Layers of which each has as many inputs as the one before has outputs.
    pub(super) fn new(layers: Vec<Dense>) -> Self {
        Self(layers)
    }

    fn inputs(&self) -> usize {
        self.0.first().map_or(0, |layer| layer.inputs)
    }

    fn outputs(&self) -> usize {
        self.0.last().map_or(0, |layer| layer.outputs)
    }

    /// y, and what [`Stack::backward`] needs if that will be called. Each tile of rows goes through all layers while it
    /// is in the cache.
    pub(super) fn forward(&self, x: &[f32], rows: usize, differentiate: bool) -> (Vec<f32>, Saved) {
        keep_freed_memory();
        let split = self.split(rows);
        let mut y = vec![0.0; rows * self.outputs()];
        let mut tiles = Vec::new();
        tiles.resize_with(split.tiles().len(), Tile::default);
        let (mut x_rest, mut y_rest) = (x, &mut *y);
        let work = split.tiles().zip(&mut tiles).map(|(rows, tile)| {
            let x = x_rest.split_off(..rows.len() * self.inputs()).unwrap_or_default();
            let y = y_rest.split_off_mut(..rows.len() * self.outputs()).unwrap_or_default();
            (x, rows.len(), y, tile)
        });
        share(work.collect(), split.parts, |(x, rows, y, tile)| {
            let result = self.forward_tile(x, rows, differentiate);
            y.copy_from_slice(result.between.last().map_or(&[], |last| &last.y));
            if differentiate {
                *tile = result;
            }
        });
        (y, Saved { rows, tiles })
    }

    fn forward_tile(&self, x: &[f32], rows: usize, differentiate: bool) -> Tile {
        let mut between = vec![Between { y: x.to_vec(), slopes: Vec::new() }];
        for layer in &self.0 {
            let input = between.last().map_or(x, |before| &before.y);
            let output = layer.forward(input, rows, differentiate);
            if !differentiate {
                between.clear();
            }
            between.push(output);
        }
        Tile { rows, between }
    }

    /// Adds to dx and to the sums of each layer.
    pub(super) fn backward(&self, saved: Saved, dy: &[f32], dx: &mut [f32], sums: &mut [Sums]) {
        let Saved { rows, mut tiles } = saved;
        let split = self.split(rows);
        let zeros = || self.0.iter().map(Sums::zeros).collect::<Vec<_>>();
        // The first part adds to the gradients themselves, the others to sums of their own, added in order.
        let mut others: Vec<Vec<Sums>> = (1..split.parts).map(|_| zeros()).collect();
        let (mut dy_rest, mut dx_rest) = (dy, dx);
        let parts = tiles.chunks_mut(split.tiles_per_part);
        let own = std::iter::once(&mut *sums).chain(others.iter_mut().map(Vec::as_mut_slice));
        let work = split.parts().zip(parts).zip(own).map(|((rows, tiles), sums)| {
            let dy = dy_rest.split_off(..rows.len() * self.outputs()).unwrap_or_default();
            let dx = dx_rest.split_off_mut(..rows.len() * self.inputs()).unwrap_or_default();
            (tiles, dy, dx, sums)
        });
        share(work.collect(), split.parts, |(tiles, dy, dx, sums)| self.backward_part(tiles, dy, dx, sums));
        for other in &others {
            sums.iter_mut().zip(other).for_each(|(sum, other)| sum.add(other));
        }
    }

    fn backward_part(&self, tiles: &mut [Tile], mut dy: &[f32], mut dx: &mut [f32], sums: &mut [Sums]) {
        for Tile { rows, between } in tiles {
            let own = dy.split_off(..*rows * self.outputs()).unwrap_or_default();
            between[self.0.len()].y.copy_from_slice(own);
            for (k, (layer, sums)) in self.0.iter().zip(&mut *sums).enumerate().rev() {
                let (before, after) = between.split_at_mut(k + 1);
                layer.backward(&mut before[k].y, *rows, &mut after[0], sums);
            }
            let own = dx.split_off_mut(..*rows * self.inputs()).unwrap_or_default();
            add(own, &between[0].y);
        }
    }

    fn split(&self, rows: usize) -> Split {
        // An activation takes about as long as this many multiplications.
        const ACTIVATION: usize = 16;
        let work: usize = self.0.iter().map(|layer| layer.outputs * (layer.inputs + ACTIVATION)).sum();
        Split::new(rows, work)
    }
}

/// Lets the C library keep the memory that is freed. glibc hands large blocks back to the system, and then every step
/// of a training waits for new pages: 1.4 to 3 times as long. To free one large block, never touched, raises its
/// threshold to the most that it allows.
fn keep_freed_memory() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(31 << 20))));
}
