//! Lesson 07: flow matching.
//!
//! A velocity field v(t, x) carries noise at t = 0 to data at t = 1. It is learned by regression: draw a pair
//! (x₀, x₁), walk a known path between them, and predict its velocity (Lipman et al. 2022, arXiv:2210.02747).
//!
//! - A [`ProbabilityPath`] is its α, σ and their derivatives ([`PathCoefficients`]); it makes the [`PathSample`]s of
//!   [`flow_matching_loss`], at the times of [`TimeSampling`].
//! - Where the data are a mixture of Gaussians, or some points, the marginal density, score and velocity are known: those of
//!   a [`NoisyMixture`](crate::score_matching::NoisyMixture) with the path.
//! - A [`Predictor`] is a network that says velocity, score, noise or data ([`Prediction`]), and so the three others. It is a
//!   field of lesson 05, with its solvers and likelihood, and a score of lesson 06. [`StochasticSampler`] draws from it in
//!   random steps; [`Retimed`] walks another path with it.
//! - A [`ConditionalField`] has a field for each class, [`Guided`] more of it than there is.

mod guidance;
mod loss;
mod marginal;
mod path;
mod prediction;
mod predictor;
mod retimed;
mod stochastic;
mod times;

pub use guidance::{ConditionalField, Guided, OneHot, forget_classes};
pub use loss::flow_matching_loss;
pub use path::{PathCoefficients, PathSample, ProbabilityPath};
pub use prediction::Prediction;
pub use predictor::Predictor;
pub use retimed::Retimed;
pub use stochastic::StochasticSampler;
pub use times::TimeSampling;
