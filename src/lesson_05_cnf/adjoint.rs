//! Gradients by the continuous adjoint: another differential equation, solved backwards.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::model::follow;
use super::{Divergence, GradientMode, OdeSolver, PathRates, Probes, Regularizer, Step};
use crate::nn::dot;
use crate::tensor::{Dev, Gradients, PerPoint, Points, Real, Recording, rows, values};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorRef};
use dfdx::optim::{Momentum, SgdConfig};
use dfdx::prelude::{
    Axis, Backward, BroadcastTo, HasErr, HasShape, NoneTape, PutTape, Shape, SplitTape, SumTo, Tape, Tensor,
    TensorCollection, TensorFromVec, TensorOptions, Trace, TryAdd, TryDiv, TryMul, ZeroGrads,
};

/// Differentiates the exact solution (optimize, then discretize): the adjoint a(t) = ∂L/∂x(t) obeys da/dt = −∂H/∂x
/// with H = aᵀ v + w r, where r is the rate of the number that goes along, and w = ∂L/∂ of that number at the end,
/// which stays as it is (Chen et al. 2018, arXiv:1806.07366, section 2; Pontryagin). It is solved backwards in time,
/// together with the path itself.
///
/// Nothing of the forward solve is kept but its end, so the memory does not grow with the number of steps, and any
/// solver serves. The gradient of the parameters, dL/dθ = ∫ ∂H/∂θ dt, is a quadrature over the accepted steps (Gauss
/// and Legendre's with three points on the dense output). It moves nothing and has no part in the error control: with
/// it, steps would be chosen by thousands of integrals that no step depends on (Kidger et al. 2020,
/// arXiv:2009.09457).
///
/// The gradient differs from that of what the forward solver computed by the errors of both solves. Where the flow brings
/// points together, the way back takes them apart, and with them the errors: a path that was squeezed much is not found
/// again (Gholami et al. 2019, arXiv:1902.10298). So the way back must end where the path began, up to 1 % of 1 + |x|.
/// Where it does not, or the backward solve fails, all gradients are NaN, and training stops with
/// [`Error::GradientNotFinite`]: take a smaller tolerance, or [`ThroughSolver`](super::ThroughSolver).
///
/// The equation is linear in (a, w), which are divided by the largest of their numbers before it is solved: a tolerance
/// means the same for the sum and for the mean of a batch.
///
/// ```
/// use pushforward::change_of_variables::negative_log_likelihood;
/// use pushforward::cnf::{Cnf, DOPRI5, OdeSolver, RK4};
/// use pushforward::dfdx::prelude::{Backward, ZeroGrads};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::Source;
/// use pushforward::train::gradient_norm;
///
/// let mut source = Source::new(0);
/// let through = Cnf::new(Mlp::<3, 8, 2, 0, Tanh>::new(&source)?, OdeSolver::fixed(RK4, 20));
/// let adjoint = through.clone().with_adjoint(OdeSolver::adaptive(DOPRI5, 1e-6));
/// let x = source.normal::<2>(10)?;
/// let mut one = negative_log_likelihood(&through, x.clone(), through.alloc_grads())?.backward();
/// let mut two = negative_log_likelihood(&adjoint, x, adjoint.alloc_grads())?.backward();
/// let (one, two) = (gradient_norm(&through, &mut one)?, gradient_norm(&adjoint, &mut two)?);
/// assert!((one - two).abs() < 1e-4 * one, "both are right to 10⁻⁵");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Adjoint {
    /// What solves backwards.
    pub solver: OdeSolver,
}

impl<F, const D: usize> GradientMode<F, D> for Adjoint
where
    F: Divergence<D> + Divergence<D, Recording> + TensorCollection<Real, Dev> + Clone + 'static,
{
    fn integrate(
        &self,
        solver: &OdeSolver,
        rates: &PathRates<'_, F, D>,
        x: Points<D, Recording>,
        from: Real,
        to: Real,
    ) -> Result<(Points<D, Recording>, PerPoint<Recording>)> {
        let (x, mut tape) = x.split_tape();
        let (end, number) = follow(solver, rates, x.clone(), from, to)?.end;
        let backward = Backwards {
            field: rates.field.clone(),
            probes: rates.probes.clone(),
            regularizer: rates.regularizer,
            solver: self.solver,
            start: x,
            end: (end.clone(), number.clone()),
            times: (from, to),
        };
        tape.add_backward_op(move |gradients| backward.run(gradients));
        Ok((end.put_tape(tape), number.put_tape(Recording::default())))
    }
}

/// What is needed to go back.
struct Backwards<F, const D: usize> {
    field: F,
    probes: Probes<D>,
    regularizer: Regularizer,
    solver: OdeSolver,
    /// x at the first time: what the gradient is for.
    start: Points<D>,
    /// x and the number at the last time.
    end: (Points<D>, PerPoint),
    /// The first and the last.
    times: (Real, Real),
}

/// What a backward operation of dfdx may say.
type DeviceError = <Dev as HasErr>::Err;

impl<F, const D: usize> Backwards<F, D>
where
    F: Divergence<D, Recording> + TensorCollection<Real, Dev>,
{
    /// Adds to the gradients; NaN to all of them where the solver fails.
    fn run(&self, gradients: &mut Gradients) -> Result<(), DeviceError> {
        let adjoint = gradient_of(gradients, &self.end.0)?;
        let weight = values(&gradient_of(gradients, &self.end.1)?);
        let (mut of_start, mut of_parameters, keep) = match self.solve(adjoint, &weight) {
            Ok((at_start, of_parameters)) => (as_gradient(&self.start, at_start)?, of_parameters, 1.0),
            Err(Error::Device(error)) => return Err(error),
            Err(_) => (Gradients::leaky(), Gradients::leaky(), f64::NAN),
        };
        add(gradients, &mut of_start, &self.start, keep)?;
        let mut walk = AddAll { to: gradients, from: &mut of_parameters, keep };
        F::iter_tensors(&mut RecursiveWalker { m: &self.field, f: &mut walk })?;
        Ok(())
    }

    /// ∂L/∂x at the first time, and ∂L/∂θ.
    fn solve(&self, adjoint: Points<D>, weight: &[Real]) -> Result<(Points<D>, Gradients)> {
        let rates =
            PathRates { field: &self.field, probes: self.probes.clone(), regularizer: self.regularizer };
        let numbers = rows(&adjoint);
        let largest =
            numbers.as_flattened().iter().chain(weight).fold(0.0, |most: Real, g| most.max(g.abs()));
        let scale = if largest.is_normal() { largest } else { 1.0 };
        let of = |which: &[usize]| -> Result<PerPoint> {
            let weight = which.iter().map(|row| weight[*row] / scale).collect();
            Ok(self.start.device().try_tensor_from_vec(weight, (which.len(),))?)
        };
        let mut sum = self.field.try_alloc_grads()?;
        let solution = self.solver.solve_observed(
            |t, (x, a), which| {
                let (v, mut gradients) =
                    hamiltonian(&rates.of(which)?, t, x.clone(), a, of(which)?, Gradients::leaky())?;
                Ok((v, gradient_of(&mut gradients, &x)?.try_negate()?))
            },
            (self.end.0.clone(), adjoint.try_div(scale)?),
            self.times.1,
            self.times.0,
            |step: &Step<(Points<D>, Points<D>)>| {
                let given = std::mem::replace(&mut sum, Gradients::leaky());
                sum = quadrature(&rates.of(step.which())?, step, of(step.which())?, scale, given)?;
                Ok(())
            },
        )?;
        let (found, at_start) = solution.end;
        check_return(&self.start, &found)?;
        Ok((at_start.try_mul(scale)?, sum))
    }
}

/// An error where a path that was followed back does not end where it began.
fn check_return<const D: usize>(start: &Points<D>, found: &Points<D>) -> Result<()> {
    let (start, found) = (rows(start), rows(found));
    let off = |(a, b): (&Real, &Real)| f64::from((a - b).abs()) / (1.0 + f64::from(a.abs()));
    let worst = start.as_flattened().iter().zip(found.as_flattened()).map(off).fold(0.0, f64::max);
    if worst <= 0.01 {
        return Ok(());
    }
    Err(Error::NotConverged { what: "the way back of a path", steps: 0, residual: worst })
}

/// Where Gauss and Legendre's rule with three points asks a function on [0, 1], and the weights.
const GAUSS: [(Real, Real); 3] = [
    (0.112_701_665_379_258_31_f64 as Real, (5.0 / 18.0) as Real),
    (0.5, (8.0 / 18.0) as Real),
    (0.887_298_334_620_741_7_f64 as Real, (5.0 / 18.0) as Real),
];

/// Adds the gradient of ∫ H dt over one step, times a factor, against the direction of the step.
fn quadrature<const D: usize, F: Divergence<D, Recording>>(
    rates: &PathRates<'_, F, D>,
    step: &Step<(Points<D>, Points<D>)>,
    weight: PerPoint,
    factor: Real,
    gradients: Gradients,
) -> Result<Gradients> {
    let n = step.which().len();
    let device = weight.device().clone();
    let per_point = |numbers: Vec<Real>| device.try_tensor_from_vec(numbers, (n,));
    GAUSS.iter().try_fold(gradients, |gradients, (fraction, part)| {
        let (x, a) = step.at(*fraction)?;
        let t = step.start().iter().zip(step.size()).map(|(t, h)| t + fraction * h).collect();
        let length = per_point(step.size().iter().map(|h| -h * part * factor).collect())?;
        let a = a.try_mul(length.clone().try_broadcast_like::<_, Axis<1>>(x.shape())?)?;
        let weight = weight.clone().try_mul(length)?;
        Ok(hamiltonian(rates, per_point(t)?, x, a, weight, gradients)?.1)
    })
}

/// v, and the gradients of Σ H over the points, H = aᵀ v + w r, added to those that are given.
fn hamiltonian<const D: usize, F: Divergence<D, Recording>>(
    rates: &PathRates<'_, F, D>,
    t: PerPoint,
    x: Points<D>,
    a: Points<D>,
    w: PerPoint,
    gradients: Gradients,
) -> Result<(Points<D>, Gradients)> {
    let (v, rate) = rates.at(t, x.traced(gradients))?;
    let velocity = v.retaped::<NoneTape>();
    let h = rate.try_mul(w)?.try_add(dot(v, a)?)?;
    Ok((velocity, h.try_sum::<(), _>()?.try_backward()?))
}

/// The gradient with respect to a tensor; 0 if nothing depends on it.
fn gradient_of<S: Shape>(
    gradients: &mut Gradients,
    of: &Tensor<S, Real, Dev>,
) -> Result<Tensor<S, Real, Dev>, DeviceError> {
    gradients.try_alloc_for(of)?;
    Ok(gradients.get(of))
}

/// Gradients that hold one for a tensor: that of Σ xᵢ gᵢ with respect to x is g.
fn as_gradient<const D: usize>(x: &Points<D>, g: Points<D>) -> Result<Gradients, DeviceError> {
    x.clone().traced(Gradients::leaky()).try_mul(g)?.try_sum::<(), _>()?.try_backward()
}

/// `to` ← keep · `to` + `from`, for the gradients of one tensor. dfdx has no sum of gradients that works on every
/// device, but this is how its gradient descent updates a momentum.
fn add<S: Shape>(
    to: &mut Gradients,
    from: &mut Gradients,
    of: &Tensor<S, Real, Dev>,
    keep: f64,
) -> Result<(), DeviceError> {
    let descent = SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(keep)), weight_decay: None };
    // What descent would move is thrown away.
    let mut moved = of.clone();
    descent.try_update(&mut moved, to.get_or_alloc_mut(of)?, from.get_or_alloc_mut(of)?)
}

/// [`add`] for all parameters of a model.
struct AddAll<'a> {
    to: &'a mut Gradients,
    from: &'a mut Gradients,
    keep: f64,
}

impl TensorVisitor<Real, Dev> for AddAll<'_> {
    type Viewer = ViewTensorRef;
    type Err = DeviceError;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        parameter: &Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>, DeviceError> {
        if options.do_gradient_update {
            add(self.to, self.from, parameter, self.keep)?;
        }
        Ok(None)
    }
}
