//! A course in flow-based generative models that runs.
//!
//! The modules stand in lesson order, and a lesson uses only what stands before it:
//!
//! | lesson | module |
//! |---|---|
//! | 01 Change of variables | [`change_of_variables`] |
//! | 02 Coupling layers | [`coupling`] |
//! | 03 Autoregressive flows | [`autoregressive`] |
//! | 04 Residual flows | [`residual`] |
//! | 05 Continuous normalizing flows | [`cnf`] |
//! | 06 Score matching | [`score_matching`] |
//! | 07 Flow matching | [`flow_matching`] |
//! | 08 Optimal-transport coupling | [`ot_coupling`] |
//!
//! Below the lessons lies the floor, which knows nothing of them: [`tensor`], [`nn`], [`data`], [`mod@train`] and
//! [`figure`]. The checks of the exercises are in [`exercises`].
//!
//! # Notation
//!
//! Fixed once, for all lessons:
//!
//! - x is data and z is base. A bijection's **forward** goes from data to base (normalizing), its **inverse** from base
//!   to data (generating); `log_det` is log |det| of the Jacobian of the direction that was taken.
//! - Time runs from noise at t = 0 to data at t = 1; `x_0` is noise, `x_1` is data, `x_t` is between.
//! - A batch of N points of D coordinates has the shape (N, D) ([`tensor::Points`]); one number per point has the shape
//!   (N,) ([`tensor::PerPoint`]).
//! - Logarithms are natural and densities are in nats, unless bits are named.
//!
//! # Errors
//!
//! Every function that can fail gives an [`Error`], whose message says what was expected, what was found and what to do.
//! The library does not panic on what it is given.
//!
//! # Features
//!
//! - `course` (default): the `course` command.
//! - `cuda`: tensors live on the GPU.
//! - `f64`: tensors hold double precision, [`tensor::Real`] is `f64`.

#[doc(hidden)]
pub mod book;
pub mod data;
mod error;
pub mod exercises;
pub mod figure;
pub mod lesson_01_change_of_variables;
pub mod lesson_02_coupling;
pub mod lesson_03_autoregressive;
pub mod lesson_04_residual;
pub mod lesson_05_cnf;
pub mod lesson_06_score_matching;
pub mod lesson_07_flow_matching;
pub mod lesson_08_ot_coupling;
pub mod nn;
pub mod tensor;
pub mod train;

pub use dfdx;
pub use error::{Error, Obstacle, Result};
pub use lesson_01_change_of_variables as change_of_variables;
pub use lesson_02_coupling as coupling;
pub use lesson_03_autoregressive as autoregressive;
pub use lesson_04_residual as residual;
pub use lesson_05_cnf as cnf;
pub use lesson_06_score_matching as score_matching;
pub use lesson_07_flow_matching as flow_matching;
pub use lesson_08_ot_coupling as ot_coupling;
pub use rand;
pub use rand_distr;

/// The code of the README runs too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
