//! Lesson 06: score matching and diffusion.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_06_score_matching/conversions.rs"]
mod conversions;
#[path = "lesson_06_score_matching/exercises.rs"]
mod exercises;
#[path = "lesson_06_score_matching/langevin.rs"]
mod langevin;
#[path = "lesson_06_score_matching/likelihood.rs"]
mod likelihood;
#[path = "lesson_06_score_matching/mixtures.rs"]
mod mixtures;
#[path = "lesson_06_score_matching/objectives.rs"]
mod objectives;
#[path = "lesson_06_score_matching/refusals.rs"]
mod refusals;
#[path = "lesson_06_score_matching/reverse.rs"]
mod reverse;
#[path = "lesson_06_score_matching/sdes.rs"]
mod sdes;
#[path = "lesson_06_score_matching/steps.rs"]
mod steps;
#[path = "lesson_06_score_matching/times.rs"]
mod times;
#[path = "lesson_06_score_matching/training.rs"]
mod training;
#[path = "lesson_06_score_matching/transport.rs"]
mod transport;
