//! A course in flow-based generative models that runs.

#[doc(hidden)]
pub mod book;
pub mod data;
mod error;
pub mod exercises;
pub mod figure;
pub mod nn;
pub mod tensor;
pub mod train;

pub use dfdx;
pub use error::{Error, Result};
pub use rand;
pub use rand_distr;
