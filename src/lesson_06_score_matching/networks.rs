//! Networks that are scores.

use super::{Score, ScoreTangents, Sde};
use crate::lesson_05_cnf::{Divergence, VectorField};
use crate::nn::{Activation, ConcatSquash, DualPoints, Mlp, Pushforward};
use crate::tensor::{Dev, PerPoint, Points, Real, at_times, check_times, scale, values};
use crate::{Error, Result};
use dfdx::prelude::{
    Device, Dtype, HasShape, ModuleVisitor, NoneTape, PutTape, SplitTape, Tape, TensorCollection,
};

/// A network that reads (x, t), as a field of lesson 05 does.
///
/// Where the noise explodes, log σ(t) = log σ_max − t log (σ_max / σ_min): t is log σ in another unit.
impl<const I: usize, const H: usize, const D: usize, const L: usize, A, T> Score<D, T> for Mlp<I, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.velocity(t, x)
    }
}

impl<const I: usize, const H: usize, const D: usize, const L: usize, A, T> ScoreTangents<D, T>
    for Mlp<I, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        Divergence::pushforward(self, t, x)
    }
}

/// A network of lesson 05 whose layers are scaled and shifted by t.
impl<const H: usize, const D: usize, const L: usize, A, T> Score<D, T> for ConcatSquash<D, 1, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.velocity(t, x)
    }
}

impl<const H: usize, const D: usize, const L: usize, A, T> ScoreTangents<D, T>
    for ConcatSquash<D, 1, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        Divergence::pushforward(self, t, x)
    }
}

/// s(t, x) = N(x, t) / σ(t), with a network N that reads (x, t) (Song and Ermon 2020, arXiv:2006.09011, technique 3).
///
/// A score is of size 1/σ, over a hundredfold and more, and a network's numbers are of one size. Multiplied by σ, what N
/// learns is −ε, the noise. The parameters are those of N.
///
/// Errors: [`Error::OutOfDomain`] for a time outside of [0, 1], and where σ = 0; [`Error::BatchMismatch`];
/// [`Error::Empty`].
#[derive(Clone, Debug)]
pub struct Scaled<N> {
    /// N.
    pub network: N,
    /// What gives σ.
    pub sde: Sde,
}

impl<N> Scaled<N> {
    /// 1 / σ(t) for each of n points.
    fn factors(&self, n: usize, t: &PerPoint) -> Result<PerPoint> {
        self.sde.check()?;
        check_times(n, t)?;
        inverse_sigma(&self.sde, t)
    }
}

/// 1 / σ(t), or an error where σ is 0.
pub(super) fn inverse_sigma(sde: &Sde, t: &PerPoint) -> Result<PerPoint> {
    if let Some(t) = values(t).into_iter().find(|t| !(sde.sigma(f64::from(*t)).recip() as Real).is_finite()) {
        return Err(Error::OutOfDomain {
            what: "the time t of a score that is divided by sigma",
            expected: "where sigma is above 0, below 1",
            found: t.into(),
        });
    }
    at_times(t, |t| sde.sigma(t).recip())
}

impl<const D: usize, T: Tape<Real, Dev>, N: Score<D, T>> Score<D, T> for Scaled<N> {
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        let factors = self.factors(x.shape().0, &t)?;
        scale(self.network.score(t, x)?, factors)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, N: ScoreTangents<D, T>> ScoreTangents<D, T> for Scaled<N> {
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        let factors = self.factors(x.value().shape().0, &t)?;
        let (s, tangents, tape) = self.network.score_tangents(t, x)?.into_parts();
        linear(s.put_tape(tape), tangents, |x| scale(x, factors.clone()))
    }
}

/// One linear map for points and tangents.
pub(super) fn linear<const D: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    tangents: Vec<Points<D>>,
    map: impl Fn(Points<D, T>) -> Result<Points<D, T>>,
) -> Result<DualPoints<D, T>> {
    let (value, mut tape) = map(x)?.split_tape();
    let mut moved = Vec::with_capacity(tangents.len());
    for tangent in tangents {
        let (tangent, after) = map(tangent.put_tape(tape))?.split_tape();
        moved.push(tangent);
        tape = after;
    }
    DualPoints::new(value.put_tape(tape), moved)
}

/// Converted to another type of number or another device, there is the network alone.
impl<E: Dtype, V: Device<E>, N: TensorCollection<E, V>> TensorCollection<E, V> for Scaled<N> {
    type To<E2: Dtype, V2: Device<E2>> = N::To<E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("network", |m| &m.network, |m| &mut m.network), |network| network)
    }
}

/// x ↦ s(t, x) at fixed times, one for each point: what the four objectives take.
#[derive(Clone, Debug)]
pub struct AtTimes<'a, S: ?Sized> {
    /// s.
    pub score: &'a S,
    /// t, shape (N,).
    pub t: PerPoint,
}

impl<const D: usize, T: Tape<Real, Dev>, S: ScoreTangents<D, T> + ?Sized> Pushforward<D, D, T>
    for AtTimes<'_, S>
{
    fn pushforward(&self, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        self.score.score_tangents(self.t.clone(), x)
    }
}

/// What is asked of a score that is not trained.
impl<const D: usize, S: Score<D, NoneTape> + ?Sized> Score<D> for &S {
    fn score(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        (**self).score(t, x)
    }
}

impl<const D: usize, S: ScoreTangents<D, NoneTape> + ?Sized> ScoreTangents<D> for &S {
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D>) -> Result<DualPoints<D>> {
        (**self).score_tangents(t, x)
    }
}
