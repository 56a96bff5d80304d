//! Checks for lesson 08, optimal-transport coupling.

mod pairing;
mod paths;
mod plans;
mod proof;

pub use pairing::pairing_cost;
pub use paths::{OnBridge, bridge_velocity, normalized_path_energy};
pub use plans::{OneRow, partners, sinkhorn_step};
pub use proof::proof;
