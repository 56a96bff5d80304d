//! The divergence ∇·v = tr ∂v/∂x of a velocity field, exactly or estimated.

use super::VectorField;
use crate::lesson_04_residual::Noise;
use crate::nn::{Activation, ConcatSquash, DualPoints, Mlp, Pushforward, exact_trace, hutchinson_trace};
use crate::tensor::{Dev, PerPoint, Points, Real, check_some, repeat, rows};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, NoneTape, ReshapeTo, Tape, TensorFromVec};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A velocity field that carries tangents along, so that its divergence can be computed, and trained on.
///
/// dfdx differentiates once, so a divergence that a loss contains is made forwards: J ẋ for some tangents ẋ, with J =
/// ∂v/∂x. [`Mlp`] with one more input than outputs and [`ConcatSquash`] with one number as its context are such
/// fields.
///
/// ```
/// use pushforward::cnf::{Divergence, Probes};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::{Real, Source, values};
///
/// let mut source = Source::new(0);
/// let field = Mlp::<2, 16, 1, 1, Tanh>::new(&source)?;
/// let (t, x) = (source.per_point(&[0.5])?, source.points(&[[0.3]])?);
/// let (_, divergence) = field.velocity_and_divergence(t.clone(), x.clone(), &Probes::Axes)?;
/// let step: Real = 1e-2;
/// let v = |x| -> pushforward::Result<Real> { Ok(field.apply(source.points(&[[x, 0.5]])?)?.as_vec()[0]) };
/// let difference = (v(0.3 + step)? - v(0.3 - step)?) / (2.0 * step);
/// assert!((values(&divergence)[0] - difference).abs() < 1e-3, "a central difference is off by about step²");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub trait Divergence<const D: usize, T: Tape<Real, Dev> = NoneTape>: VectorField<D, T> {
    /// v(t, x), and J ẋ for every tangent ẋ at x.
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one time per point.
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>>;

    /// v(t, x), shape (N, D), and ∇·v, shape (N,): Σᵢ (J eᵢ)ᵢ along the axes, or εᵀ J ε with noise ε (Grathwohl et
    /// al. 2018, arXiv:1810.01367, section 3.1).
    ///
    /// The second result carries the tape of both: a loss made of the first must use the second, too.
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one time and one ε per point; [`Error::Empty`].
    fn velocity_and_divergence(
        &self,
        t: PerPoint,
        x: Points<D, T>,
        probes: &Probes<D>,
    ) -> Result<(Points<D, T>, PerPoint<T>)> {
        let map = At { field: self, t };
        match probes {
            Probes::Axes => exact_trace(&map, x),
            Probes::Noise(noise) => hutchinson_trace(&map, x, noise.clone()),
        }
    }
}

/// x ↦ v(t, x) at fixed times.
struct At<'a, F: ?Sized> {
    field: &'a F,
    t: PerPoint,
}

impl<const D: usize, T: Tape<Real, Dev>, F: Divergence<D, T> + ?Sized> Pushforward<D, D, T> for At<'_, F> {
    fn pushforward(&self, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        self.field.pushforward(self.t.clone(), x)
    }
}

/// A network that reads (x, t).
impl<const I: usize, const H: usize, const D: usize, const L: usize, A, T> Divergence<D, T>
    for Mlp<I, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        Pushforward::pushforward(self, x.append::<I>(t)?)
    }
}

/// The field of FFJORD (Grathwohl et al. 2018, arXiv:1810.01367): the context of every layer is t.
impl<const H: usize, const D: usize, const L: usize, A, T> VectorField<D, T>
    for ConcatSquash<D, 1, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.apply(x, as_context(t)?)
    }
}

impl<const H: usize, const D: usize, const L: usize, A, T> Divergence<D, T> for ConcatSquash<D, 1, H, D, L, A>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        ConcatSquash::pushforward(self, x, as_context(t)?)
    }
}

fn as_context(t: PerPoint) -> Result<Points<1>> {
    let n = t.shape().0;
    Ok(t.try_reshape_like(&(n, Const::<1>))?)
}

/// How a divergence is computed along a path.
///
/// ```
/// use pushforward::change_of_variables::Density;
/// use pushforward::cnf::{Cnf, OdeSolver, RK4, TraceEstimator};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::residual::Noise;
/// use pushforward::tensor::{PerPoint, Real, Source, values};
///
/// let source = Source::new(0);
/// let cnf = Cnf::new(Mlp::<3, 8, 2, 0, Tanh>::new(&source)?, OdeSolver::fixed(RK4, 4));
/// let x = source.points(&vec![[0.5, -0.2]; 1000])?;
/// let exact: PerPoint = cnf.log_prob(x.clone())?;
/// let noise = TraceEstimator::Hutchinson { noise: Noise::Rademacher, seed: 1 };
/// let estimates: PerPoint = cnf.with_trace(noise).log_prob(x)?;
/// let mean = values(&estimates).iter().sum::<Real>() / 1000.0;
/// assert!((mean - values(&exact)[0]).abs() < 0.03, "1000 estimates that deviate by less than 0.3");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceEstimator {
    /// Σᵢ ∂vᵢ/∂xᵢ: one tangent per coordinate.
    #[default]
    Exact,
    /// εᵀ J ε with one ε for each point, which stays the same for a whole solve: one tangent. The estimate of a
    /// log-density is then a smooth function along the path, and unbiased (Grathwohl et al. 2018, arXiv:1810.01367,
    /// section 3.1).
    Hutchinson {
        /// What ε is drawn from.
        noise: Noise,
        /// What it is drawn with. Training takes another one in each step.
        seed: u64,
    },
}

impl TraceEstimator {
    /// The tangents for a solve with n points: the same for the same seed.
    ///
    /// Errors: [`Error::Empty`] for n = 0.
    pub fn probes<const D: usize>(&self, n: usize) -> Result<Probes<D>> {
        match self {
            Self::Exact => Ok(Probes::Axes),
            Self::Hutchinson { noise, seed } => Probes::draw(*noise, n, &mut StdRng::seed_from_u64(*seed)),
        }
    }
}

/// The tangents that a divergence is computed with.
#[derive(Clone, Debug)]
pub enum Probes<const D: usize> {
    /// The axes e₁, …, e_D: the divergence is exact.
    Axes,
    /// ε for each point, shape (N, D): the divergence is estimated by εᵀ J ε.
    Noise(Points<D>),
}

impl<const D: usize> Probes<D> {
    /// ε for n points, coordinate after coordinate from the random numbers that are given.
    ///
    /// Errors: [`Error::Empty`] for n = 0.
    pub fn draw(noise: Noise, n: usize, rng: &mut impl RngCore) -> Result<Self> {
        check_some("the batch of points", n)?;
        let numbers = repeat(n.saturating_mul(D), || noise.draw(rng))?;
        Ok(Self::Noise(Dev::default().try_tensor_from_vec(numbers, (n, Const::<D>))?))
    }

    /// Those of some rows of the batch.
    ///
    /// Errors: [`Error::OutOfDomain`] for a row that the batch does not have; [`Error::Empty`] for no rows.
    pub fn of(&self, which: &[usize]) -> Result<Self> {
        let Self::Noise(noise) = self else { return Ok(Self::Axes) };
        check_some("the list of rows", which.len())?;
        if which.len() == noise.shape().0 && which.iter().enumerate().all(|(place, row)| place == *row) {
            return Ok(self.clone());
        }
        let all = rows(noise);
        let found = which.iter().map(|row| all.get(*row).copied().ok_or_else(|| unknown_row(*row)));
        let found: Vec<[Real; D]> = found.collect::<Result<_>>()?;
        let numbers = found.as_flattened().to_vec();
        Ok(Self::Noise(noise.device().try_tensor_from_vec(numbers, (which.len(), Const::<D>))?))
    }
}

fn unknown_row(row: usize) -> Error {
    Error::OutOfDomain {
        what: "a row of the batch",
        expected: "below its number of points",
        found: row as f64,
    }
}
