//! Lesson 08: optimal-transport coupling.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

#[path = "lesson_08_ot_coupling/bridge.rs"]
mod bridge;
mod common;
#[path = "lesson_08_ot_coupling/couplings.rs"]
mod couplings;
#[path = "lesson_08_ot_coupling/exercises.rs"]
mod exercises;
#[path = "lesson_08_ot_coupling/measures.rs"]
mod measures;
#[path = "lesson_08_ot_coupling/paths.rs"]
mod paths;
