//! Lesson 08: optimal-transport coupling.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

#[path = "lesson_08_ot_coupling/assignment.rs"]
mod assignment;
#[path = "lesson_08_ot_coupling/bridge.rs"]
mod bridge;
mod common;
#[path = "lesson_08_ot_coupling/couplings.rs"]
mod couplings;
#[path = "lesson_08_ot_coupling/exercises.rs"]
mod exercises;
#[path = "lesson_08_ot_coupling/instances.rs"]
mod instances;
#[path = "lesson_08_ot_coupling/measures.rs"]
mod measures;
#[path = "lesson_08_ot_coupling/partial.rs"]
mod partial;
#[path = "lesson_08_ot_coupling/paths.rs"]
mod paths;
#[path = "lesson_08_ot_coupling/plans.rs"]
mod plans;
#[path = "lesson_08_ot_coupling/sinkhorn.rs"]
mod sinkhorn;
#[path = "lesson_08_ot_coupling/transport.rs"]
mod transport;
#[path = "lesson_08_ot_coupling/unbalanced.rs"]
mod unbalanced;
#[path = "lesson_08_ot_coupling/wasserstein.rs"]
mod wasserstein;
