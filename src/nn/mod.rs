//! Networks, and derivatives through them.

mod activation;
mod context;
mod dual;
mod forward_mode;
mod fused;
mod mlp;
mod parameters;
mod residual_mlp;
mod reweighted;
mod squashed;

pub use activation::{Activation, Elu, Gelu, Identity, LipSwish, Relu, Selu, Silu, Sine, Softplus, Tanh};
pub use context::{ConcatSquash, sinusoidal_features};
pub use dual::{Dual, jacobian};
pub(crate) use forward_mode::dot;
pub use forward_mode::{
    DualPoints, Pushforward, exact_trace, hutchinson_trace, jacobian_columns, jacobian_vector_product,
    power_series,
};
pub use fused::{Kernel, layer, layer_pushforward};
pub use mlp::Mlp;
pub use parameters::{parameters, set_parameters};
pub use residual_mlp::ResidualMlp;
pub(crate) use reweighted::{Masks, Place, Reweight, Weight};
