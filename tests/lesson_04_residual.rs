//! Lesson 04: residual flows.

#[path = "lesson_04_residual/exercises.rs"]
mod exercises;
