//! Lesson 05: continuous normalizing flows.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_05_cnf/paths.rs"]
mod paths;
#[path = "lesson_05_cnf/recorded.rs"]
mod recorded;
#[path = "lesson_05_cnf/solvers.rs"]
mod solvers;
#[path = "lesson_05_cnf/tableaus.rs"]
mod tableaus;
