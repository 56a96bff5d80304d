//! Lesson 08: optimal-transport coupling.
//!
//! Flow matching may pair noise with data as it likes, as long as both keep their densities. Pairs that are near each
//! other make paths that cross less (Tong et al. 2023, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772).
//! Which pairs are nearest is a problem of optimal transport between two batches.
//!
//! - [`Costs`] says what each pair costs.
//! - [`assign`] finds the cheapest [`Assignment`] of as many rows as columns, exactly, with prices that prove it.
//! - A [`Plan`] says how much mass goes where. [`transport()`] finds the cheapest between any weights,
//!   [`partial_transport`] where only a part of the mass moves.
//! - [`Sinkhorn`] blurs the plan by an entropy; [`UnbalancedSinkhorn`] also bends the weights.
//! - [`wasserstein_2`] is the distance that the cheapest plan defines.

mod assignment;
mod costs;
mod plan;
mod scan;
mod sinkhorn;
mod support;
mod transport;
mod wasserstein;

pub use assignment::{Assignment, assign};
pub use costs::Costs;
pub use plan::Plan;
pub use sinkhorn::{Entropic, Sinkhorn, UnbalancedSinkhorn};
pub use transport::{Transport, partial_transport, transport};
pub use wasserstein::wasserstein_2;
