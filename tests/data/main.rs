//! Toy distributions agree with their densities, tables refuse what is not a table, and the embedded files are whole.

mod checkerboard;
mod densities;
mod embedded;
mod samplers;
mod samples;
mod tables;

/// A number of a tensor, which is `f32` or `f64`, as `f64`.
fn exact(x: impl Into<f64>) -> f64 {
    x.into()
}
