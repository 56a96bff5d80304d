//! Lesson 05: continuous normalizing flows.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_05_cnf/continuity.rs"]
mod continuity;
#[path = "lesson_05_cnf/divergence.rs"]
mod divergence;
#[path = "lesson_05_cnf/exercises.rs"]
mod exercises;
#[path = "lesson_05_cnf/fields.rs"]
mod fields;
#[path = "lesson_05_cnf/gradients.rs"]
mod gradients;
#[path = "lesson_05_cnf/likelihood.rs"]
mod likelihood;
#[path = "lesson_05_cnf/memory.rs"]
mod memory;
#[path = "lesson_05_cnf/paths.rs"]
mod paths;
#[path = "lesson_05_cnf/recorded.rs"]
mod recorded;
#[path = "lesson_05_cnf/regularizers.rs"]
mod regularizers;
#[path = "lesson_05_cnf/solvers.rs"]
mod solvers;
#[path = "lesson_05_cnf/tableaus.rs"]
mod tableaus;
