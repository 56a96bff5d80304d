//! Lesson 03: autoregressive flows.
//!
//! Every density is a product of densities of one number each, given those before it: p(x) = Πᵢ p(xᵢ | x₁, …, xᵢ₋₁).
//! So a map whose i-th coordinate is monotone in xᵢ, with parameters that depend on what comes before, can be any
//! density; its Jacobian is triangular (Papamakarios et al. 2019, arXiv:1912.02762, section 3.1).

mod degrees;
mod flow;
mod layer;
mod made;
mod order;
mod passes;

pub use degrees::Mask;
pub use flow::{AutoregressiveFlow, Iaf, Maf, SplineAutoregressive};
pub use layer::MaskedAutoregressive;
pub use made::Made;
pub use order::{Halves, Natural, Order, Reversed, Shuffled};
