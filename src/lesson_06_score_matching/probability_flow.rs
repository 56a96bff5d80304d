//! The ordinary equation that moves the same densities.

use super::networks::linear;
use super::{Score, ScoreTangents, Sde};
use crate::lesson_05_cnf::{Cnf, Divergence, OdeSolver, TraceEstimator, VectorField};
use crate::nn::DualPoints;
use crate::tensor::{
    Dev, PerPoint, Points, Real, Source, at_times, check_finite, check_positive, check_same_batch,
    check_time, check_times, scale,
};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, PutTape, SplitTape, Tape, TryAdd};

/// v(t, x) = −f x + ½ g² s(t, x), whose paths have the densities p_t of the stochastic equation (Song et al. 2021,
/// arXiv:2011.13456, equation 13, with time turned around).
///
/// It is a field of lesson 05, with every solver and its exact likelihood, for which nothing is trained anew.
///
/// ```
/// use pushforward::change_of_variables::GaussianMixture;
/// use pushforward::cnf::{DOPRI5, OdeSolver, TraceEstimator};
/// use pushforward::score_matching::{NoisyMixture, ProbabilityFlow, Sde};
/// use pushforward::tensor::{Source, values};
///
/// let source = Source::new(0);
/// let sde = Sde::VARIANCE_PRESERVING;
/// let mixture = GaussianMixture::new(&source, [[-1.0], [1.0]], [0.5, 0.5])?;
/// let flow = ProbabilityFlow { score: NoisyMixture::new(&mixture, sde)?, sde };
/// let x = source.points(&[[-1.0], [0.2]])?;
/// let solver = OdeSolver::adaptive(DOPRI5, 1e-5);
/// let found = values(&flow.log_prob(x.clone(), 1.0, solver, TraceEstimator::Exact)?);
/// let expected = values(&flow.score.log_prob_at(1.0, x)?);
/// for (found, expected) in found.iter().zip(expected) {
///     assert!((found - expected).abs() < 1e-3, "what the prior is off from p₀, and a hundred steps' tolerances");
/// }
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbabilityFlow<S> {
    /// s.
    pub score: S,
    /// f and g.
    pub sde: Sde,
}

impl<S> ProbabilityFlow<S> {
    /// The log-density in nats, shape (N,), of points that are given at the time `end`: log π(z) of the prior at t = 0, plus
    /// log |det| of the way back to it (Song et al. 2021, arXiv:2011.13456, section 4.3 and appendix D.2).
    ///
    /// It is the density at `end`, of data that still have the noise of this time. Where a score ends at
    /// [`Sde::end`] before 1, the data do not have this density: give it data with that noise, or know that the number is
    /// of them without it. With an estimated trace the result is unbiased.
    ///
    /// Errors: [`Error::OutOfDomain`] for an end that is not above 0 and at most 1, and for parameters of the equation out
    /// of their range; [`Error::NotFinite`] for a coordinate; [`Error::Empty`]; those of the solver and of the score, which
    /// may have no value at t = 1.
    pub fn log_prob<const D: usize>(
        &self,
        x: Points<D>,
        end: Real,
        solver: OdeSolver,
        trace: TraceEstimator,
    ) -> Result<PerPoint>
    where
        S: ScoreTangents<D>,
    {
        check_end(end)?;
        let field = ProbabilityFlow { score: &self.score, sde: self.sde };
        let (z, log_det) = Cnf::new(field, solver).with_trace(trace).solve(x, end, 0.0)?.end;
        Ok(self.sde.prior_log_prob(z)?.try_add(log_det)?)
    }

    /// n points at the time `end`, from points of the prior.
    ///
    /// Errors: those of [`ProbabilityFlow::log_prob`].
    pub fn sample<const D: usize>(
        &self,
        n: usize,
        end: Real,
        solver: OdeSolver,
        source: &mut Source,
    ) -> Result<Points<D>>
    where
        S: Score<D>,
    {
        check_end(end)?;
        let x = solver.solve(self, self.sde.sample_prior(n, source)?, 0.0, end)?.end;
        check_finite("a sample", &x)?;
        Ok(x)
    }

    /// −f and ½ g² at the time of each of n points.
    fn rates(&self, n: usize, t: &PerPoint) -> Result<(PerPoint, PerPoint)> {
        self.sde.check()?;
        check_times(n, t)?;
        let diffusion = at_times(t, |t| 0.5 * self.sde.diffusion(t).powi(2))?;
        Ok((at_times(t, |t| -self.sde.drift(t))?, diffusion))
    }
}

fn check_end(end: Real) -> Result<()> {
    check_time(end.into())?;
    check_positive("the last time", end.into())
}

impl<const D: usize, T: Tape<Real, Dev>, S: Score<D, T>> VectorField<D, T> for ProbabilityFlow<S> {
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        let n = x.shape().0;
        let (drift, diffusion) = self.rates(n, &t)?;
        let (x, tape) = x.split_tape();
        let still = x.clone().put_tape(T::default());
        let s = self.score.score(t, x.put_tape(tape))?;
        check_same_batch("the score of each point", n, s.shape().0)?;
        Ok(scale(s, diffusion)?.try_add(scale(still, drift)?)?)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, S: ScoreTangents<D, T>> Divergence<D, T> for ProbabilityFlow<S> {
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        let n = x.value().shape().0;
        let (drift, diffusion) = self.rates(n, &t)?;
        let (value, tangents, tape) = x.into_parts();
        let still =
            linear(value.clone().put_tape(T::default()), tangents.clone(), |x| scale(x, drift.clone()))?;
        let dual = DualPoints::new(value.put_tape(tape), tangents)?;
        let (s, moved, tape) = self.score.score_tangents(t, dual)?.into_parts();
        check_same_batch("the score of each point", n, s.shape().0)?;
        let moved = linear(s.put_tape(tape), moved, |x| scale(x, diffusion.clone()))?;
        sum(moved, still)
    }
}

/// The sum of two, point by point and tangent by tangent.
fn sum<const D: usize, T: Tape<Real, Dev>>(
    one: DualPoints<D, T>,
    two: DualPoints<D, T>,
) -> Result<DualPoints<D, T>> {
    let ((one, one_tangents, one_tape), (two, two_tangents, two_tape)) = (one.into_parts(), two.into_parts());
    let (expected, found) = (two_tangents.len(), one_tangents.len());
    if expected != found {
        return Err(Error::WrongLength { what: "the tangents that a score gives", expected, found });
    }
    let (value, mut tape) = one.put_tape(one_tape).try_add(two.put_tape(two_tape))?.split_tape();
    let mut tangents = Vec::with_capacity(expected);
    for (one, two) in one_tangents.into_iter().zip(two_tangents) {
        let (tangent, after) = one.put_tape(tape).try_add(two)?.split_tape();
        tangents.push(tangent);
        tape = after;
    }
    DualPoints::new(value.put_tape(tape), tangents)
}
