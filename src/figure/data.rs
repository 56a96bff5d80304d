//! What a figure can draw: points of the plane, and plain numbers.

use crate::tensor::{PerPoint, Points};

/// Points of the plane, whatever they are stored in.
///
/// Implemented for `Points<2>`, for slices, arrays and vectors of `[f32; 2]`, `[f64; 2]`, `(f32, f32)` and
/// `(f64, f64)`, and for references to all of them.
pub trait Planar {
    /// The points as pairs of coordinates, in order.
    fn planar(&self) -> Vec<[f64; 2]>;
}

/// A list of numbers, whatever it is stored in.
///
/// Implemented for `PerPoint`, `Points<1>`, for slices, arrays and vectors of `f32` and `f64`, and for references to
/// all of them.
pub trait Values {
    /// The numbers, in order.
    fn values(&self) -> Vec<f64>;
}

/// One entry of a list of points.
pub trait Pair {
    /// The two coordinates.
    fn pair(&self) -> [f64; 2];
}

impl Pair for [f32; 2] {
    fn pair(&self) -> [f64; 2] {
        self.map(f64::from)
    }
}

impl Pair for [f64; 2] {
    fn pair(&self) -> [f64; 2] {
        *self
    }
}

impl Pair for (f32, f32) {
    fn pair(&self) -> [f64; 2] {
        [f64::from(self.0), f64::from(self.1)]
    }
}

impl Pair for (f64, f64) {
    fn pair(&self) -> [f64; 2] {
        [self.0, self.1]
    }
}

impl<P: Pair> Planar for [P] {
    fn planar(&self) -> Vec<[f64; 2]> {
        self.iter().map(Pair::pair).collect()
    }
}

impl<P: Pair, const N: usize> Planar for [P; N] {
    fn planar(&self) -> Vec<[f64; 2]> {
        self.as_slice().planar()
    }
}

impl<P: Pair> Planar for Vec<P> {
    fn planar(&self) -> Vec<[f64; 2]> {
        self.as_slice().planar()
    }
}

impl Planar for Points<2> {
    fn planar(&self) -> Vec<[f64; 2]> {
        self.as_vec().chunks_exact(2).map(|xy| [wide(xy[0]), wide(xy[1])]).collect()
    }
}

impl<P: Planar + ?Sized> Planar for &P {
    fn planar(&self) -> Vec<[f64; 2]> {
        (**self).planar()
    }
}

impl<N: Copy + Into<f64>> Values for [N] {
    fn values(&self) -> Vec<f64> {
        self.iter().map(|&value| value.into()).collect()
    }
}

impl<N: Copy + Into<f64>, const M: usize> Values for [N; M] {
    fn values(&self) -> Vec<f64> {
        self.as_slice().values()
    }
}

impl<N: Copy + Into<f64>> Values for Vec<N> {
    fn values(&self) -> Vec<f64> {
        self.as_slice().values()
    }
}

impl Values for PerPoint {
    fn values(&self) -> Vec<f64> {
        self.as_vec().values()
    }
}

impl Values for Points<1> {
    fn values(&self) -> Vec<f64> {
        self.as_vec().values()
    }
}

impl<V: Values + ?Sized> Values for &V {
    fn values(&self) -> Vec<f64> {
        (**self).values()
    }
}

/// Widens a `Real`, which is already an `f64` with the feature `f64`.
fn wide(value: impl Into<f64>) -> f64 {
    value.into()
}
