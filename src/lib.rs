//! A course in flow-based generative models that runs.

#[doc(hidden)]
pub mod book;
pub mod data;
mod error;
pub mod exercises;
pub mod figure;
pub mod lesson_01_change_of_variables;
pub mod lesson_07_flow_matching;
pub mod nn;
pub mod tensor;
pub mod train;

pub use dfdx;
pub use error::{Error, Result};
pub use lesson_01_change_of_variables as change_of_variables;
pub use lesson_07_flow_matching as flow_matching;
pub use rand;
pub use rand_distr;
