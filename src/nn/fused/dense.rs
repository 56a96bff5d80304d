//! Layers on plain slices: none of this is generic, so it is compiled, optimised, with this crate.
//!
//! Where a batch has T tangents, a tile of its rows holds (1 + T) times as many rows: first the values, then those of each
//! tangent. The products do not tell them apart.

use super::kernel::{activate, add, add_rows, move_along, move_back, multiply, transpose};
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
    /// 1 + T.
    copies: usize,
    between: Vec<Between>,
}

/// What a layer gives: y, and the tangents ẏ = f′(z) ż below it.
#[derive(Default)]
struct Between {
    y: Vec<f32>,
    /// f′(z); empty for the identity.
    slopes: Vec<f32>,
    /// f″(z) ż for each tangent: how its slopes change with z. Empty for the identity.
    bends: Vec<f32>,
}

/// What the backward pass needs of the forward pass.
pub(super) struct Saved {
    rows: usize,
    copies: usize,
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

    /// z = b + x Wᵀ and ż = ẋ Wᵀ in one product that adds to the biases, then f(z) and f′(z) ż in place.
    fn forward(&self, x: &[f32], (rows, copies): (usize, usize), differentiate: bool) -> Between {
        let mut y = self.bias.repeat(rows);
        let values = y.len();
        y.resize(copies * values, 0.0);
        let weight = Matrix::new(&self.transposed, self.inputs, self.outputs);
        add_product(&mut y, Matrix::new(x, copies * rows, self.inputs), weight);
        let (z, tangents) = y.split_at_mut(values);
        let is_curved = self.kernel != Kernel::Identity;
        let moves = !tangents.is_empty();
        let room = |is_needed: bool| vec![0.0; if is_needed { values } else { 0 }];
        let mut slopes = room(is_curved && (differentiate || moves));
        let mut curvatures = room(is_curved && differentiate && moves);
        activate(self.kernel, z, &mut slopes, &mut curvatures);
        let mut bends = Vec::with_capacity(if is_curved && differentiate { tangents.len() } else { 0 });
        if is_curved {
            for tangent in tangents.chunks_exact_mut(values.max(1)) {
                move_along(tangent, &slopes, &curvatures, &mut bends);
            }
        }
        Between { y, slopes, bends }
    }

    /// With dż = dẏ · f′ and dz = dy · f′ + Σ dẏ · f″ ż in the places of dẏ and dy: dW += dzᵀ x + Σ dżᵀ ẋ, db += the sum of
    /// the rows of dz, and dx = dz W and dẋ = dż W in the places of x and ẋ.
    fn backward(&self, x: &mut [f32], (rows, copies): (usize, usize), dy: &mut Between, sums: &mut Sums) {
        let Between { y: dz, slopes, bends } = dy;
        let values = rows * self.outputs;
        let (value, tangents) = dz.split_at_mut(values);
        if !slopes.is_empty() {
            multiply(value, slopes);
            let bends = bends.chunks_exact(values.max(1));
            for (tangent, bends) in tangents.chunks_exact_mut(values.max(1)).zip(bends) {
                move_back(value, tangent, slopes, bends);
            }
        }
        add_rows(&mut sums.bias, value);
        let dz = Matrix::new(dz, copies * rows, self.outputs);
        add_product(&mut sums.weight, dz.transposed(), Matrix::new(x, copies * rows, self.inputs));
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

    /// y and its tangents, for x and the tangents of x, and what [`Stack::backward`] needs if that will be called. Each tile
    /// of rows goes through all layers while it is in the cache.
    pub(super) fn forward(&self, x: &[Vec<f32>], rows: usize, differentiate: bool) -> (Vec<Vec<f32>>, Saved) {
        keep_freed_memory();
        let copies = x.len();
        let split = self.split(rows, copies);
        let mut y = vec![vec![0.0; rows * self.outputs()]; copies];
        let mut tiles = Vec::new();
        tiles.resize_with(split.tiles().len(), Tile::default);
        let mut x_rest: Vec<&[f32]> = x.iter().map(Vec::as_slice).collect();
        let mut y_rest: Vec<&mut [f32]> = y.iter_mut().map(Vec::as_mut_slice).collect();
        let work = split.tiles().zip(&mut tiles).map(|(rows, tile)| {
            (tile.rows, tile.copies) = (rows.len(), copies);
            (
                take(&mut x_rest, rows.len() * self.inputs()),
                take_mut(&mut y_rest, rows.len() * self.outputs()),
                tile,
            )
        });
        share(work.collect(), split.parts, |(x, y, tile)| {
            self.forward_tile(x.concat(), tile, differentiate);
            if let Some(last) = tile.between.last() {
                spread(&last.y, y);
            }
            if !differentiate {
                tile.between.clear();
            }
        });
        (y, Saved { rows, copies, tiles })
    }

    fn forward_tile(&self, x: Vec<f32>, tile: &mut Tile, differentiate: bool) {
        tile.between = vec![Between { y: x, ..Between::default() }];
        for layer in &self.0 {
            let input = tile.between.last().map_or(&[][..], |before| &before.y);
            let output = layer.forward(input, (tile.rows, tile.copies), differentiate);
            if !differentiate {
                tile.between.clear();
            }
            tile.between.push(output);
        }
    }

    /// dx and its tangents; adds to the sums of each layer.
    pub(super) fn backward(&self, saved: Saved, dy: &[Vec<f32>], sums: &mut [Sums]) -> Vec<Vec<f32>> {
        let Saved { rows, copies, mut tiles } = saved;
        let split = self.split(rows, copies);
        let mut dx = vec![vec![0.0; rows * self.inputs()]; copies];
        let zeros = || self.0.iter().map(Sums::zeros).collect::<Vec<_>>();
        // The first part adds to the gradients themselves, the others to sums of their own, added in order.
        let mut others: Vec<Vec<Sums>> = (1..split.parts).map(|_| zeros()).collect();
        let mut dy_rest: Vec<&[f32]> = dy.iter().map(Vec::as_slice).collect();
        let mut dx_rest: Vec<&mut [f32]> = dx.iter_mut().map(Vec::as_mut_slice).collect();
        let parts = tiles.chunks_mut(split.tiles_per_part);
        let own = std::iter::once(&mut *sums).chain(others.iter_mut().map(Vec::as_mut_slice));
        let work = split.parts().zip(parts).zip(own).map(|((rows, tiles), sums)| {
            let dy = take(&mut dy_rest, rows.len() * self.outputs());
            (tiles, dy, take_mut(&mut dx_rest, rows.len() * self.inputs()), sums)
        });
        share(work.collect(), split.parts, |(tiles, dy, dx, sums)| self.backward_part(tiles, dy, dx, sums));
        for other in &others {
            sums.iter_mut().zip(other).for_each(|(sum, other)| sum.add(other));
        }
        dx
    }

    fn backward_part(
        &self,
        tiles: &mut [Tile],
        mut dy: Vec<&[f32]>,
        mut dx: Vec<&mut [f32]>,
        sums: &mut [Sums],
    ) {
        for Tile { rows, copies, between } in tiles {
            between[self.0.len()].y = take(&mut dy, *rows * self.outputs()).concat();
            for (k, (layer, sums)) in self.0.iter().zip(&mut *sums).enumerate().rev() {
                let (before, after) = between.split_at_mut(k + 1);
                layer.backward(&mut before[k].y, (*rows, *copies), &mut after[0], sums);
            }
            spread(&between[0].y, take_mut(&mut dx, *rows * self.inputs()));
        }
    }

    fn split(&self, rows: usize, copies: usize) -> Split {
        // An activation takes about as long as this many multiplications.
        const ACTIVATION: usize = 16;
        let work: usize = self.0.iter().map(|layer| layer.outputs * (layer.inputs + ACTIVATION)).sum();
        Split::new(rows, copies, work)
    }
}

/// The next so many numbers of each list.
fn take<'a>(rest: &mut [&'a [f32]], numbers: usize) -> Vec<&'a [f32]> {
    rest.iter_mut().map(|rest| rest.split_off(..numbers).unwrap_or_default()).collect()
}

/// The next so many places of each list.
fn take_mut<'a>(rest: &mut [&'a mut [f32]], numbers: usize) -> Vec<&'a mut [f32]> {
    rest.iter_mut().map(|rest| rest.split_off_mut(..numbers).unwrap_or_default()).collect()
}

/// What lies one after the other goes to lists of their own.
fn spread(mut from: &[f32], to: Vec<&mut [f32]>) {
    for to in to {
        to.copy_from_slice(from.split_off(..to.len()).unwrap_or_default());
    }
}

/// Lets the C library keep the memory that is freed. glibc hands large blocks back to the system, and then every step
/// of a training waits for new pages: 1.4 to 3 times as long. To free one large block, never touched, raises its
/// threshold to the most that it allows.
fn keep_freed_memory() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(31 << 20))));
}
