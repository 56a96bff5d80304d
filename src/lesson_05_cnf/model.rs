//! The continuous normalizing flow.

use super::{
    Adjoint, Divergence, GradientMode, OdeSolver, PathRates, Regularizer, Solution, ThroughSolver,
    TraceEstimator, VectorField,
};
#[cfg(doc)]
use crate::Error;
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, Density, Sample, StandardNormal};
use crate::tensor::{Dev, PerPoint, Points, Real, Recording, Source, check_finite, check_time};
use dfdx::prelude::{
    Device, Dtype, HasShape, ModuleVisitor, NoneTape, Tape, TensorCollection, TryAdd, ZerosTensor,
};

/// A continuous normalizing flow: noise z ~ N(0, I) at t = 0 is carried to data x at t = 1 by dx/dt = v(t, x).
///
/// log p(x) = log N(z; 0, I) − ∫ ∇·v(t, x(t)) dt over 0 ≤ t ≤ 1, along the path that ends at x (Chen et al. 2018,
/// arXiv:1806.07366, theorem 1; FFJORD: Grathwohl et al. 2018, arXiv:1810.01367). As a [`Bijection`] its forward
/// direction solves from t = 1 to t = 0, its inverse from 0 to 1, and log |det| is the integral of ∇·v over the same
/// path. Both are exact up to the solver's tolerance and, where the trace is estimated, up to an unbiased error.
///
/// Without a tape any solver serves. `G` says how gradients are computed: by [`ThroughSolver`] or by the [`Adjoint`].
/// The parameters are those of the field: a Cnf is trained, averaged and saved like every model.
///
/// ```
/// use pushforward::change_of_variables::{Density, Sample, negative_log_likelihood};
/// use pushforward::cnf::{Cnf, DOPRI5, OdeSolver, RK4};
/// use pushforward::data::TwoMoons;
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::{Source, values};
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let mut cnf = Cnf::new(Mlp::<3, 16, 2, 1, Tanh>::new(&source)?, OdeSolver::fixed(RK4, 4));
/// let training = Training { steps: 100, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
/// let losses = train(&mut cnf, &training, |cnf, gradients| {
///     negative_log_likelihood(cnf, TwoMoons::default().sample(128, &mut source)?, gradients)
/// })?
/// .losses;
/// assert!(losses[99] < losses[0] - 0.3, "it learns, and batches differ by less");
/// let accurate = cnf.with_solver(OdeSolver::adaptive(DOPRI5, 1e-5));
/// let x: pushforward::tensor::Points<2> = accurate.sample(10, &mut source)?;
/// assert!(values(&accurate.log_prob(x)?).iter().all(|log_p| *log_p > -10.0), "samples are where the density is");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cnf<F, G = ThroughSolver> {
    /// v.
    pub field: F,
    /// How paths are followed.
    pub solver: OdeSolver,
    /// How the divergence is computed.
    pub trace: TraceEstimator,
    /// How gradients are computed.
    pub gradient: G,
}

impl<F> Cnf<F> {
    /// A flow with the exact divergence, trained through the solver.
    pub fn new(field: F, solver: OdeSolver) -> Self {
        Self { field, solver, trace: TraceEstimator::Exact, gradient: ThroughSolver }
    }
}

impl<F, G> Cnf<F, G> {
    /// The same flow with another solver.
    pub fn with_solver(self, solver: OdeSolver) -> Self {
        Self { solver, ..self }
    }

    /// The same flow with the divergence computed in another way.
    pub fn with_trace(self, trace: TraceEstimator) -> Self {
        Self { trace, ..self }
    }

    /// The same flow with gradients by the continuous adjoint, whose backward solve uses the solver that is given.
    pub fn with_adjoint(self, solver: OdeSolver) -> Cnf<F, Adjoint> {
        let Self { field, solver: forward, trace, .. } = self;
        Cnf { field, solver: forward, trace, gradient: Adjoint { solver } }
    }

    /// x at the time `to`, shape (N, D), and ∫ ∇·v dt, shape (N,), for x at the time `from`; with them how often the
    /// field was asked.
    ///
    /// Errors: [`Error::NotFinite`] for a coordinate; [`Error::Empty`]; those of the solver.
    pub fn solve<const D: usize>(
        &self,
        x: Points<D>,
        from: Real,
        to: Real,
    ) -> Result<Solution<(Points<D>, PerPoint)>>
    where
        F: Divergence<D>,
    {
        check_finite("x", &x)?;
        let n = x.shape().0;
        let rates =
            PathRates { field: &self.field, probes: self.trace.probes(n)?, regularizer: Regularizer::NONE };
        follow(&self.solver, &rates, x, from, to)
    }

    /// log p(t, x) in nats, shape (N,): the density of the points at time t, on their way from noise to data.
    ///
    /// Errors: [`Error::OutOfDomain`] for a t outside of [0, 1]; those of [`Cnf::solve`].
    pub fn log_prob_at<const D: usize>(&self, t: Real, x: Points<D>) -> Result<PerPoint>
    where
        F: Divergence<D>,
    {
        check_time(t.into())?;
        let (z, log_det) = self.solve(x, t, 0.0)?.end;
        Ok(StandardNormal.log_prob(z)?.try_add(log_det)?)
    }
}

/// (x, a) at the time `to`, for a = 0 at the time `from`.
pub(super) fn follow<const D: usize, F: Divergence<D>>(
    solver: &OdeSolver,
    rates: &PathRates<'_, F, D>,
    x: Points<D>,
    from: Real,
    to: Real,
) -> Result<Solution<(Points<D>, PerPoint)>> {
    let zeros: PerPoint = x.device().try_zeros_like(&(x.shape().0,))?;
    solver.solve_state(
        |t, (x, _): (Points<D>, PerPoint), which| rates.of(which)?.at(t, x),
        (x, zeros),
        from,
        to,
    )
}

impl<const D: usize, F: Divergence<D>, G> Bijection<D> for Cnf<F, G> {
    fn forward(&self, x: Points<D>) -> Result<(Points<D>, PerPoint)> {
        Ok(self.solve(x, 1.0, 0.0)?.end)
    }

    fn inverse(&self, z: Points<D>) -> Result<(Points<D>, PerPoint)> {
        Ok(self.solve(z, 0.0, 1.0)?.end)
    }
}

impl<const D: usize, F, G: GradientMode<F, D>> Bijection<D, Recording> for Cnf<F, G> {
    fn forward(&self, x: Points<D, Recording>) -> Result<(Points<D, Recording>, PerPoint<Recording>)> {
        self.solve_recorded(x, 1.0, 0.0)
    }

    fn inverse(&self, z: Points<D, Recording>) -> Result<(Points<D, Recording>, PerPoint<Recording>)> {
        self.solve_recorded(z, 0.0, 1.0)
    }
}

impl<F, G> Cnf<F, G> {
    fn solve_recorded<const D: usize>(
        &self,
        x: Points<D, Recording>,
        from: Real,
        to: Real,
    ) -> Result<(Points<D, Recording>, PerPoint<Recording>)>
    where
        G: GradientMode<F, D>,
    {
        check_finite("x", &x)?;
        let probes = self.trace.probes(x.shape().0)?;
        let rates = PathRates { field: &self.field, probes, regularizer: Regularizer::NONE };
        self.gradient.integrate(&self.solver, &rates, x, from, to)
    }
}

/// log p(x) = log N(z; 0, I) + log |det ∂z/∂x|.
impl<const D: usize, T: Tape<Real, Dev>, F, G> Density<D, T> for Cnf<F, G>
where
    Self: Bijection<D, T>,
{
    fn log_prob(&self, x: Points<D, T>) -> Result<PerPoint<T>> {
        let (z, log_det) = self.forward(x)?;
        Ok(StandardNormal.log_prob(z)?.try_add(log_det)?)
    }
}

/// x at t = 1, for noise at t = 0; the divergence is not computed.
impl<const D: usize, F: VectorField<D, NoneTape>, G> Sample<D> for Cnf<F, G> {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>> {
        let x = self.solver.solve(&self.field, source.normal(n)?, 0.0, 1.0)?.end;
        check_finite("a sample", &x)?;
        Ok(x)
    }
}

/// The parameters are those of the field. Converted to another type of number or another device, there is the field
/// alone.
impl<E: Dtype, V: Device<E>, F: TensorCollection<E, V>, G> TensorCollection<E, V> for Cnf<F, G> {
    type To<E2: Dtype, V2: Device<E2>> = F::To<E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("field", |m| &m.field, |m| &mut m.field), |field| field)
    }
}
