//! Lesson 04: residual flows.
//!
//! z = x + u(x) is a bijection where u brings points together, |u(x) − u(y)| ≤ c |x − y| with c < 1: the inverse is the
//! fixed point of x ← z − u(x), and log |det(I + J)| is a series in the Jacobian J of u, of which a few random terms are an
//! unbiased estimate (Behrmann et al. 2018, arXiv:1811.00995; Chen et al. 2019, arXiv:1906.02735).

mod block;
mod contraction;
mod estimated;
mod fixed_point;
mod gram;
mod jacobian;
mod length;
mod log_det;
mod models;
mod planar;
mod series;
mod slices;
mod spectral;
mod terms;

pub use block::{InvertibleResidual, local_lipschitz};
pub use contraction::{Contraction, NonExpansive, lipschitz_bound};
pub use estimated::{EstimateLogDet, Estimated};
pub use fixed_point::{FixedPoint, TOLERANCE, fixed_point, iterates, published_fixed_point};
pub use length::Length;
pub use log_det::exact_log_det;
pub use models::{IResNet, ResidualFlow, ResidualStep};
pub use planar::Planar;
pub use series::{Estimator, Noise, Series};
pub use spectral::{MatrixNorm, PowerIteration, SQUARINGS, spectral_bound};
