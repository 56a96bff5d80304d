//! Lesson 06: score matching and diffusion.
//!
//! The score of a density is ∇ log p(x). It is learned without the density's constant, by one of four objectives:
//! explicit, implicit and sliced, whose minimum is the score, and denoising, whose minimum is the score of the data with
//! noise. Where there are no data there is nothing to learn
//! from, so noise is added, at many levels, and one network learns the scores of all. Noise is then turned into data by
//! Langevin dynamics from level to level, by a stochastic differential equation, or by an ordinary one, which is a
//! continuous normalizing flow of lesson 05.
//!
//! # Time
//!
//! As everywhere in this course, t = 0 is noise and t = 1 is data. The papers' diffusion time runs the other way, from
//! data to noise: here it is called s = 1 − t, and it occurs only in formulas. Every function takes t. A point at time t
//! is x_t = α(t) x₁ + σ(t) ε with data x₁ and noise ε ~ N(0, I); its density is p_t.
//!
//! # What is where
//!
//! - Objectives for a map s(x): [`explicit_score_matching`], [`implicit_score_matching`], [`sliced_score_matching`],
//!   [`denoising_score_matching`].
//! - Scores in time: [`Score`], [`ScoreTangents`]; networks that read (x, t), alone or [`Scaled`] by 1/σ(t); the exact
//!   score of a [`NoisyMixture`]. They are trained by [`noise_conditional_loss`], at times that are even or drawn for the
//!   likelihood.
//! - [`Sde`]: variance exploding, variance preserving and sub-variance preserving. [`NoiseLevels`]: some of its times,
//!   or the steps of DDPM.
//! - Sampling: [`Langevin`], [`AnnealedLangevin`], the [`ReverseSampler`] with its steps (Euler-Maruyama, reverse
//!   diffusion, ancestral, DDPM, DDIM) and its [`Corrector`], and the [`ProbabilityFlow`], which has a likelihood.

mod conversions;
mod diffused;
mod langevin;
mod levels;
mod mixture;
mod networks;
mod objectives;
mod probability_flow;
mod reverse;
mod sde;
mod steps;
mod times;

pub use diffused::{Diffused, Weighting, noise_conditional_loss};
pub use langevin::{AnnealedLangevin, Langevin};
pub use levels::{Level, NoiseLevels};
pub use mixture::{Noising, NoisyMixture};
pub use networks::{AtTimes, Scaled};
pub use objectives::{
    Slices, denoising_score_matching, explicit_score_matching, implicit_score_matching, sliced_score_matching,
};
pub use probability_flow::ProbabilityFlow;
pub use reverse::{Corrector, ReverseSampler};
pub use sde::Sde;
pub use steps::{AncestralVariance, Coefficients, ReverseStep};

#[cfg(doc)]
use crate::Error;
use crate::Result;
use crate::nn::DualPoints;
use crate::tensor::{Dev, PerPoint, Points, Real};
use dfdx::prelude::{NoneTape, Tape};

/// A score s(t, x) ≈ ∇ log p_t(x) at each time t and point x.
///
/// A network with one more input than outputs is one: it reads (x, t). So is one whose layers read t on the side
/// ([`ConcatSquash`](crate::nn::ConcatSquash)). Both are better [`Scaled`].
pub trait Score<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    /// s(t, x), shape (N, D), for times of shape (N,) and points of shape (N, D).
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one time per point.
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>>;
}

/// A score that carries tangents along, so that its divergence can be computed, and trained on.
pub trait ScoreTangents<const D: usize, T: Tape<Real, Dev> = NoneTape>: Score<D, T> {
    /// s(t, x), and J ẋ for every tangent ẋ at x, with J = ∂s/∂x.
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one time per point.
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>>;
}
