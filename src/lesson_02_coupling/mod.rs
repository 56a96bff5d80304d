//! Lesson 02: coupling layers.
//!
//! A layer keeps some features of a point and transforms each of the others by an increasing map of one number, whose
//! parameters a network computes from the kept ones. The Jacobian is triangular, so log |det| is a sum; the inverse
//! costs as much as forward, and no network is ever inverted (Dinh et al. 2014, arXiv:1410.8516).

mod rows;
mod transform;
mod transformer;

pub use transform::{invert, transform};
pub use transformer::{Additive, BoundedAffine, Transformer, UnboundedAffine};
