//! Networks, and derivatives through them.

mod activation;
mod dual;
mod mlp;

pub use activation::{Activation, Selu, Silu, Sine, Tanh};
pub use dual::{Dual, jacobian};
pub use mlp::Mlp;
