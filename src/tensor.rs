//! Tensors without probability: names for the shapes of this course, and what dfdx lacks.

use dfdx::prelude::{AutoDevice, Const, NoneTape, Tensor};

/// The number type of every tensor: `f32`, or `f64` with the feature `f64`.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of every tensor: `f32`, or `f64` with the feature `f64`.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Where tensors live: the CPU, or the first GPU with the feature `cuda`.
pub type Dev = AutoDevice;

/// A batch of N points of D coordinates each, shape (N, D).
pub type Points<const D: usize, T = NoneTape> = Tensor<(usize, Const<D>), Real, Dev, T>;

/// One number for each of N points, shape (N,).
pub type PerPoint<T = NoneTape> = Tensor<(usize,), Real, Dev, T>;
