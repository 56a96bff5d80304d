//! Lesson 07: flow matching.
//!
//! A velocity field v(t, x) carries noise at t = 0 to data at t = 1. It is learned by regression: draw a pair
//! (x₀, x₁), walk a known path between them, and predict its velocity (Lipman et al. 2022, arXiv:2210.02747).

use crate::lesson_05_cnf::VectorField;
use crate::tensor::{
    Gradients, Loss, PerPoint, Points, Real, Recording, check_finite, check_same_batch, check_some, values,
};
use crate::{Error, Result};
use dfdx::prelude::{BroadcastTo, HasShape, MeanTo, TensorFromVec, Trace, TryAdd, TryMul, TrySub};

/// A point on the way from x₀ to x₁, and its velocity there.
#[derive(Clone, Debug)]
pub struct PathSample<const D: usize> {
    /// t, shape (N,).
    pub t: PerPoint,
    /// x_t, shape (N, D).
    pub x_t: Points<D>,
    /// dx_t/dt, shape (N, D).
    pub velocity: Points<D>,
}

/// A path from noise x₀ at t = 0 to data x₁ at t = 1.
pub trait ProbabilityPath<const D: usize> {
    /// The points at times t, and their velocities.
    ///
    /// Errors: [`Error::BatchMismatch`] if the batches differ, [`Error::OutOfDomain`] for a time outside [0, 1].
    fn sample(&self, x_0: Points<D>, x_1: Points<D>, t: PerPoint) -> Result<PathSample<D>>;
}

/// The straight path x_t = (1 − (1 − σ_min) t) x₀ + t x₁, whose velocity is x₁ − (1 − σ_min) x₀
/// (Lipman et al. 2022, arXiv:2210.02747, equations 20 to 23).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StraightPath {
    /// The standard deviation that is left at t = 1.
    pub sigma_min: Real,
}

impl<const D: usize> ProbabilityPath<D> for StraightPath {
    fn sample(&self, x_0: Points<D>, x_1: Points<D>, t: PerPoint) -> Result<PathSample<D>> {
        let shape = *x_0.shape();
        if !(0.0..=1.0).contains(&self.sigma_min) {
            let found = self.sigma_min.into();
            return Err(Error::OutOfDomain { what: "sigma_min", expected: "between 0 and 1", found });
        }
        check_some("x_0", shape.0)?;
        check_same_batch("a path from x_0 to x_1", shape.0, x_1.shape().0)?;
        check_same_batch("a path at the times t", shape.0, t.shape().0)?;
        check_times(&t)?;
        let shrink = 1.0 - self.sigma_min;
        let alpha = t.clone().try_broadcast_like(&shape)?;
        let sigma = t.clone().try_mul(-shrink)?.try_add(1.0)?.try_broadcast_like(&shape)?;
        let x_t = sigma.try_mul(x_0.clone())?.try_add(alpha.try_mul(x_1.clone())?)?;
        let velocity = x_1.try_sub(x_0.try_mul(shrink)?)?;
        Ok(PathSample { t, x_t, velocity })
    }
}

fn check_times(t: &PerPoint) -> Result<()> {
    match values(t).into_iter().find(|t| !(0.0..=1.0).contains(t)) {
        Some(t) => {
            Err(Error::OutOfDomain { what: "the time t", expected: "between 0 and 1", found: t.into() })
        }
        None => Ok(()),
    }
}

/// The conditional flow matching loss, the mean over points and coordinates of |v(t, x_t) − dx_t/dt|²
/// (Lipman et al. 2022, arXiv:2210.02747, equation 9, divided by D).
pub fn flow_matching_loss<const D: usize>(
    field: &impl VectorField<D, Recording>,
    path: PathSample<D>,
    gradients: Gradients,
) -> Result<Loss> {
    let v = field.velocity(path.t, path.x_t.traced(gradients))?;
    check_same_batch("the flow matching loss", v.shape().0, path.velocity.shape().0)?;
    Ok(v.try_sub(path.velocity)?.try_square()?.try_mean()?)
}

/// The states x(k/K), k = 0, …, K, of dx/dt = v(t, x) from x(0) = x₀, by Euler's method:
/// x(t + h) = x(t) + h v(t, x(t)).
///
/// Errors: [`Error::OutOfDomain`] for no steps; [`Error::BatchMismatch`] if the field gives not one velocity per point; [`Error::NotFinite`] if a coordinate grows beyond all bounds.
pub fn euler<const D: usize>(
    field: &impl VectorField<D>,
    x_0: Points<D>,
    steps: usize,
) -> Result<Vec<Points<D>>> {
    if steps == 0 {
        return Err(Error::OutOfDomain { what: "the number of steps", expected: "at least 1", found: 0.0 });
    }
    check_finite("x_0", &x_0)?;
    let n = x_0.shape().0;
    let h = 1.0 / steps as Real;
    let mut states = vec![x_0];
    for step in 0..steps {
        let x = states[step].clone();
        let t = x.device().try_tensor_from_vec(vec![step as Real * h; n], (n,))?;
        let v = field.velocity(t, x.clone())?;
        check_same_batch("the velocity of the field", n, v.shape().0)?;
        states.push(x.try_add(v.try_mul(h)?)?);
    }
    check_finite("x(1)", &states[steps])?;
    Ok(states)
}
