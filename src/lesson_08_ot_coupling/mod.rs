//! Lesson 08: optimal-transport coupling.
//!
//! Flow matching may pair noise with data as it likes, as long as both keep their densities. Pairs that are near each
//! other make paths that cross less (Tong et al. 2023, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772).
//! Which pairs are nearest is a problem of optimal transport between two batches.
//!
//! - [`Costs`] says what each pair costs.
//! - [`assign`] finds the cheapest [`Assignment`] of as many rows as columns, exactly, with prices that prove it.
//! - A [`Plan`] says how much mass goes where. [`transport`] finds the cheapest between any weights,
//!   [`partial_transport`] where only a part of the mass moves.
//! - [`Sinkhorn`] blurs the plan by an entropy; [`UnbalancedSinkhorn`] also bends the weights.
//! - [`wasserstein_2`] is the distance that the cheapest plan defines.
//! - A [`Coupling`] makes [`Pairs`] of two batches: [`Independent`], [`ExactOt`], [`SinkhornOt`],
//!   [`SchrodingerBridge`], and [`ClassAware`], which pairs within each class. A [`TwoSidedPath`] goes from one end of
//!   a pair to the other, and gives the samples of lesson 07's loss. [`reflow`] makes pairs by a trained field.
//! - [`FlowAndScore`] learns both on a bridge ([`flow_and_score_loss`]), and a [`BridgeSampler`] walks it in random
//!   steps.
//! - [`measure_paths`] gives the energy and the straightness of a field; [`normalized_path_energy`] relates it to the
//!   least.

mod assignment;
mod bridge;
mod costs;
mod coupling;
mod energy;
mod plan;
mod reflow;
mod scan;
mod sinkhorn;
mod support;
mod transport;
mod two_sided;
mod wasserstein;

pub use assignment::{Assignment, assign};
pub use bridge::{BridgeSampler, FlowAndScore, flow_and_score_loss};
pub use costs::Costs;
pub use coupling::{ClassAware, Coupling, ExactOt, Independent, Pairs, SchrodingerBridge, SinkhornOt};
pub use energy::{PathMeasures, measure_paths, normalized_path_energy};
pub use plan::Plan;
pub use reflow::reflow;
pub use sinkhorn::{Entropic, Sinkhorn, UnbalancedSinkhorn};
pub use transport::{Transport, partial_transport, transport};
pub use two_sided::{TwoSidedCoefficients, TwoSidedPath};
pub use wasserstein::wasserstein_2;
