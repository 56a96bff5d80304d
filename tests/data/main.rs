//! Toy distributions agree with their densities.

mod checkerboard;
mod densities;
mod samplers;
mod samples;

/// A number of a tensor, which is `f32` or `f64`, as `f64`.
fn exact(x: impl Into<f64>) -> f64 {
    x.into()
}
