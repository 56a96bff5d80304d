//! Lesson 02: coupling layers.
//!
//! A layer keeps some features of a point and transforms each of the others by an increasing map of one number, whose
//! parameters a network computes from the kept ones. The Jacobian is triangular, so log |det| is a sum; the inverse
//! costs as much as forward, and no network is ever inverted (Dinh et al. 2014, arXiv:1410.8516).

mod act_norm;
mod conditional;
mod factors;
mod far;
mod glow;
mod layer;
mod layers;
mod linear;
mod mixture;
mod models;
mod nice;
mod permutation;
mod rows;
mod spline;
mod transform;
mod transformer;

pub use act_norm::ActNorm;
pub use conditional::{ConditionalBijection, Given, given};
pub(crate) use factors::Lu;
pub use glow::{FlowPlusPlus, Glow, Step};
pub use layer::{Coupling, alternating_mask, half_mask};
pub use layers::Layers;
pub(crate) use layers::{forward, inverse};
pub use linear::InvertibleLinear;
pub use mixture::LogisticMixture;
pub use models::{AdditiveFlow, RealNvp, SplineFlow};
pub use nice::Nice;
pub use permutation::Permutation;
pub use spline::Spline;
pub use transform::{invert, transform};
pub use transformer::{Additive, BoundedAffine, Transformer, UnboundedAffine};
