//! Networks, and derivatives through them.

mod activation;
mod dual;
mod fused;
mod mlp;
mod parameters;

pub use activation::{Activation, Identity, Selu, Silu, Sine, Tanh};
pub use dual::{Dual, jacobian};
pub use fused::{Kernel, layer};
pub use mlp::Mlp;
pub use parameters::{parameters, set_parameters};
