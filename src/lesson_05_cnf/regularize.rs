//! What is integrated along a path: the divergence, and penalties that make fields easy to solve.

use super::{Cnf, Divergence, GradientMode, Probes};
use crate::lesson_01_change_of_variables::{Density, StandardNormal};
use crate::nn::{DualPoints, dot};
use crate::tensor::{
    Dev, Gradients, Loss, PerPoint, Points, Real, Recording, check_finite, check_not_negative,
};
use crate::{Error, Result};
use dfdx::prelude::{
    Axis, Const, HasShape, MeanTo, PutTape, SumTo, Tape, TensorFromVec, Trace, TryAdd, TryMul, ZerosTensor,
};

/// The weights of RNODE's penalties along each path: λ_K ∫ |v|² dt + λ_J ∫ ‖∂v/∂x‖²_F dt over 0 ≤ t ≤ 1 (Finlay et
/// al. 2020, arXiv:2002.02798).
///
/// The kinetic energy ∫ |v|² dt makes paths short and speeds constant; of all fields that carry the noise to the
/// data, the one of optimal transport has the least. The Jacobian's norm makes neighbouring paths alike. A solver
/// then takes fewer steps. (The authors' code takes half the mean over coordinates of v² and the mean of (εᵀJ)², so that their
/// weights are not these.) With Hutchinson's noise ε the norm is estimated by |J ε|², which comes with the divergence
/// for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularizer {
    /// λ_K.
    pub kinetic: Real,
    /// λ_J.
    pub jacobian: Real,
}

impl Regularizer {
    /// No penalty.
    pub const NONE: Self = Self { kinetic: 0.0, jacobian: 0.0 };

    fn check(&self) -> Result<()> {
        let weights = [
            ("the weight of the kinetic energy", self.kinetic),
            ("the weight of the Jacobian", self.jacobian),
        ];
        for (what, weight) in weights {
            check_not_negative(what, weight.into())?;
        }
        Ok(())
    }
}

/// What moves along a path: dx/dt = v(t, x), and da/dt = ∇·v + λ_K |v|² + λ_J ‖∂v/∂x‖²_F, a number for each point.
#[derive(Clone, Debug)]
pub struct PathRates<'a, F, const D: usize> {
    /// v.
    pub field: &'a F,
    /// How its divergence is computed.
    pub probes: Probes<D>,
    /// λ_K and λ_J.
    pub regularizer: Regularizer,
}

impl<F, const D: usize> PathRates<'_, F, D> {
    /// dx/dt, shape (N, D), and da/dt, shape (N,), which carries the tape of both.
    ///
    /// Errors: those of the field and of [`Divergence::velocity_and_divergence`].
    pub fn at<T: Tape<Real, Dev>>(&self, t: PerPoint, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>
    where
        F: Divergence<D, T>,
    {
        if self.regularizer == Regularizer::NONE {
            return self.field.velocity_and_divergence(t, x, &self.probes);
        }
        let Parts { v, energy, divergence, norm } = self.parts(t, x)?;
        let rate = energy.try_mul(self.regularizer.kinetic)?.try_add(divergence)?;
        Ok((v, rate.try_add(norm.try_mul(self.regularizer.jacobian)?)?))
    }

    fn parts<T: Tape<Real, Dev>>(&self, t: PerPoint, x: Points<D, T>) -> Result<Parts<D, T>>
    where
        F: Divergence<D, T>,
    {
        let directions = self.probes.directions(&x)?;
        let zeros: PerPoint = x.device().try_zeros_like(&(x.shape().0,))?;
        let dual = DualPoints::new(x, directions.clone())?;
        let (v, tangents, tape) = self.field.pushforward(t, dual)?.into_parts();
        let (expected, found) = (directions.len(), tangents.len());
        if expected != found {
            return Err(Error::WrongLength { what: "the tangents that a field gives", expected, found });
        }
        let energy = squared_length(v.clone().put_tape(tape))?;
        let sums = (zeros.clone().put_tape(T::default()), zeros.put_tape(T::default()));
        let (divergence, norm) = tangents.into_iter().zip(directions).try_fold(
            sums,
            |(divergence, norm), (tangent, direction)| {
                let trace = dot(tangent.clone().put_tape(T::default()), direction)?;
                let square = squared_length(tangent.put_tape(T::default()))?;
                Ok::<_, Error>((divergence.try_add(trace)?, norm.try_add(square)?))
            },
        )?;
        Ok(Parts { v: v.put_tape(T::default()), energy, divergence, norm })
    }

    /// The same for some rows of the batch.
    pub(super) fn of(&self, which: &[usize]) -> Result<Self> {
        Ok(PathRates { field: self.field, probes: self.probes.of(which)?, regularizer: self.regularizer })
    }
}

/// v and, for each point, |v|², ∇·v and ‖∂v/∂x‖²; the energy carries the tape of all.
struct Parts<const D: usize, T: Tape<Real, Dev>> {
    v: Points<D, T>,
    energy: PerPoint<T>,
    divergence: PerPoint<T>,
    norm: PerPoint<T>,
}

/// Σᵢ aᵢ² for each point.
fn squared_length<const D: usize, T: Tape<Real, Dev>>(a: Points<D, T>) -> Result<PerPoint<T>> {
    Ok(a.try_square()?.try_sum::<(usize,), Axis<1>>()?)
}

impl<const D: usize> Probes<D> {
    /// The tangents for these points: the unit vectors of the axes, or ε.
    fn directions<T: Tape<Real, Dev>>(&self, x: &Points<D, T>) -> Result<Vec<Points<D>>> {
        match self {
            Self::Noise(noise) => Ok(vec![noise.clone()]),
            Self::Axes => {
                let n = x.shape().0;
                let axis =
                    |i: usize| (0..n * D).map(|place| if place % D == i { 1.0 } else { 0.0 }).collect();
                (0..D).map(|i| Ok(x.device().try_tensor_from_vec(axis(i), (n, Const::<D>))?)).collect()
            }
        }
    }
}

/// The mean over a batch of −log p(x) + λ_K ∫ |v|² dt + λ_J ∫ ‖∂v/∂x‖²_F dt, what RNODE makes smaller; with
/// [`Regularizer::NONE`] the negative log-likelihood.
///
/// The penalties are one number more in the solve. Both [`ThroughSolver`](super::ThroughSolver) and
/// [`Adjoint`](super::Adjoint) give the gradients.
///
/// ```
/// use pushforward::change_of_variables::negative_log_likelihood;
/// use pushforward::cnf::{Cnf, OdeSolver, RK4, Regularizer, regularized_loss};
/// use pushforward::dfdx::prelude::{AsArray, ZeroGrads};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::{PerPoint, Real, Source, values};
///
/// let mut source = Source::new(0);
/// let cnf = Cnf::new(Mlp::<3, 16, 2, 1, Tanh>::new(&source)?, OdeSolver::fixed(RK4, 8));
/// let x = source.normal::<2>(100)?;
/// let mean = |costs: &PerPoint| values(costs).into_iter().sum::<Real>() / 100.0;
/// let costs = cnf.path_costs(x.clone())?;
/// let nll = negative_log_likelihood(&cnf, x.clone(), cnf.alloc_grads())?.array();
/// let regularizer = Regularizer { kinetic: 0.1, jacobian: 0.01 };
/// let loss = regularized_loss(&cnf, x, regularizer, cnf.alloc_grads())?.array();
/// let expected = nll + 0.1 * mean(&costs.kinetic) + 0.01 * mean(&costs.jacobian);
/// assert!((loss - expected).abs() < 1e-5, "the same sums, up to the rounding of f32");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::OutOfDomain`] for a weight that is negative or not finite; [`Error::NotFinite`] for a coordinate;
/// [`Error::Empty`]; those of the solver.
pub fn regularized_loss<const D: usize, F, G: GradientMode<F, D>>(
    cnf: &Cnf<F, G>,
    x: Points<D>,
    regularizer: Regularizer,
    gradients: Gradients,
) -> Result<Loss> {
    regularizer.check()?;
    check_finite("x", &x)?;
    let probes = cnf.trace.probes(x.shape().0)?;
    let rates = PathRates { field: &cnf.field, probes, regularizer };
    let (z, integral) = cnf.gradient.integrate(&cnf.solver, &rates, x.traced(gradients), 1.0, 0.0)?;
    // Time goes from 1 to 0, so the integral of every rate has the other sign, as log |det| must have it.
    let log_p: PerPoint<Recording> = StandardNormal.log_prob(z)?.try_add(integral)?;
    Ok(log_p.try_mean()?.try_negate()?)
}

/// The penalties along the path of each point.
#[derive(Clone, Debug)]
pub struct PathCosts {
    /// ∫ |v|² dt, shape (N,).
    pub kinetic: PerPoint,
    /// ∫ ‖∂v/∂x‖²_F dt, shape (N,); estimated, where the trace is.
    pub jacobian: PerPoint,
}

impl<F, G> Cnf<F, G> {
    /// The kinetic energy and the Jacobian's norm, integrated along the path that ends at each point, unweighted.
    ///
    /// Errors: [`Error::NotFinite`] for a coordinate; [`Error::Empty`]; those of the solver.
    pub fn path_costs<const D: usize>(&self, x: Points<D>) -> Result<PathCosts>
    where
        F: Divergence<D>,
    {
        check_finite("x", &x)?;
        let n = x.shape().0;
        let probes = self.trace.probes(n)?;
        let rates = PathRates { field: &self.field, probes, regularizer: Regularizer::NONE };
        let zeros: PerPoint = x.device().try_zeros_like(&(n,))?;
        let solution = self.solver.solve_state(
            |t, (x, _): (Points<D>, (PerPoint, PerPoint)), which| {
                let parts = rates.of(which)?.parts(t, x)?;
                Ok((parts.v, (parts.energy, parts.norm)))
            },
            (x, (zeros.clone(), zeros)),
            1.0,
            0.0,
        )?;
        let (_, (kinetic, jacobian)) = solution.end;
        Ok(PathCosts { kinetic: kinetic.try_negate()?, jacobian: jacobian.try_negate()? })
    }
}
