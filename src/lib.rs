//! A course in flow-based generative models that runs.

mod error;
pub mod figure;
pub mod tensor;

pub use dfdx;
pub use error::{Error, Result};
pub use rand;
pub use rand_distr;
