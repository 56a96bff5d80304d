//! Four objectives for a map s(x) that is to be a score, with one minimum over points of one density.
//!
//! J is ∂s/∂x. It is computed by forward mode, of operations on the tape, so that reverse mode gives the gradients of the
//! whole.

use crate::lesson_05_cnf::Probes;
use crate::nn::{DualPoints, Pushforward, dot, exact_trace, jacobian_vector_product};
use crate::tensor::{
    Dev, Gradients, Loss, PerPoint, Points, Real, Recording, check_finite, check_positive, check_same_batch,
};
use crate::{Error, Result};
use dfdx::prelude::{Axis, HasShape, MeanTo, PutTape, SumTo, Tape, Trace, TryAdd, TryMul, TrySub};

/// The explicit objective, the mean over points of ½ |s(x) − ∇ log p(x)|², for a score that is known (Hyvärinen 2005,
/// *Estimation of Non-Normalized Statistical Models by Score Matching*, section 2).
///
/// Data do not come with their score, so this one is there to compare the others with: over x ~ p it differs from
/// [`implicit_score_matching`] by ½ E |∇ log p|², which does not depend on s.
///
/// Errors: [`Error::BatchMismatch`] if there is not one true score per point; [`Error::Empty`]; [`Error::NotFinite`] for
/// a coordinate.
pub fn explicit_score_matching<const D: usize>(
    s: &impl Pushforward<D, D, Recording>,
    x: Points<D>,
    true_score: Points<D>,
    gradients: Gradients,
) -> Result<Loss> {
    check_finite("x", &x)?;
    check_same_batch("the true score of each point", x.shape().0, true_score.shape().0)?;
    check_finite("the true score", &true_score)?;
    let found = value(s, x.traced(gradients))?;
    half_mean_square(found.try_sub(true_score)?)
}

/// The implicit objective, the mean over points of ½ |s(x)|² + tr J (Hyvärinen 2005, theorem 1), with the exact trace,
/// one tangent for each of the D coordinates.
///
/// It needs points alone. It is the explicit one up to a constant where p falls to 0 on all sides (integration by parts):
/// not for densities that end in an edge.
///
/// ```
/// use pushforward::dfdx::prelude::AsArray;
/// use pushforward::dfdx::prelude::ZeroGrads;
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::score_matching::{explicit_score_matching, implicit_score_matching};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let x = source.normal::<2>(20_000)?;
/// let true_score = x.clone() * -1.0;
/// let mut constants = Vec::new();
/// for _ in 0..2 {
///     let s = Mlp::<2, 16, 2, 1, Tanh>::new(&source)?;
///     let explicit = explicit_score_matching(&s, x.clone(), true_score.clone(), s.alloc_grads())?.array();
///     constants.push(explicit - implicit_score_matching(&s, x.clone(), s.alloc_grads())?.array());
/// }
/// assert!((constants[0] - 1.0).abs() < 0.05, "½ E |x|² = 1; 20,000 points have a standard error below 0.01");
/// assert!((constants[0] - constants[1]).abs() < 0.05, "another network has the same constant");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::Empty`]; [`Error::NotFinite`] for a coordinate.
pub fn implicit_score_matching<const D: usize>(
    s: &impl Pushforward<D, D, Recording>,
    x: Points<D>,
    gradients: Gradients,
) -> Result<Loss> {
    check_finite("x", &x)?;
    let (s, trace) = exact_trace(s, x.traced(gradients))?;
    Ok(half_square(s)?.try_add(trace)?.try_mean()?)
}

/// How much of |s|² the sliced objective estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slices {
    /// ½ (vᵀ s)² + vᵀ J v: everything is seen through the slice (Song et al. 2019, arXiv:1905.07088, section 3).
    Plain,
    /// ½ |s|² + vᵀ J v: E (vᵀ s)² = |s|² is known where E v vᵀ = I, and taking it has less variance (the same: SSM-VR).
    #[default]
    VarianceReduced,
}

/// The sliced objective, the mean over points of ½ (vᵀ s(x))² + vᵀ J v, or with less variance of ½ |s(x)|² + vᵀ J v
/// (Song et al. 2019, arXiv:1905.07088).
///
/// v is noise with E v vᵀ = I, such as [`Probes::draw`] makes: one tangent in any number of dimensions. Its mean over v is
/// the implicit objective; with [`Probes::Axes`] in place of v it is that one itself.
///
/// Errors: [`Error::BatchMismatch`] if there is not one v per point; [`Error::Empty`], also for
/// [`Slices::Plain`] without noise; [`Error::NotFinite`] for a coordinate.
pub fn sliced_score_matching<const D: usize>(
    s: &impl Pushforward<D, D, Recording>,
    x: Points<D>,
    probes: &Probes<D>,
    slices: Slices,
    gradients: Gradients,
) -> Result<Loss> {
    let v = match (probes, slices) {
        (Probes::Noise(v), _) => v.clone(),
        (Probes::Axes, Slices::VarianceReduced) => return implicit_score_matching(s, x, gradients),
        (Probes::Axes, Slices::Plain) => return Err(Error::Empty { what: "the noise of the slices" }),
    };
    check_finite("x", &x)?;
    check_finite("the noise of the slices", &v)?;
    let (s, product) = jacobian_vector_product(s, x.traced(gradients), v.clone())?;
    let curvature = dot(product, v.clone())?;
    let size = match slices {
        Slices::Plain => dot(s, v)?.try_square()?.try_mul(0.5)?,
        Slices::VarianceReduced => half_square(s)?,
    };
    Ok(size.try_add(curvature)?.try_mean()?)
}

/// The denoising objective, the mean over points of ½ |s(x + σ ε) + ε / σ|² (Vincent 2011, *A Connection Between Score
/// Matching and Denoising Autoencoders*, section 4.2).
///
/// No derivative of s is needed. Its minimum is the score of the data *with noise*, p * N(0, σ² I): over points of that
/// density it differs from [`explicit_score_matching`] by a constant, which grows as D / 2σ² when σ becomes small.
///
/// Errors: [`Error::OutOfDomain`] unless σ > 0; [`Error::BatchMismatch`] if there is not one ε per point;
/// [`Error::Empty`]; [`Error::NotFinite`] for a coordinate.
pub fn denoising_score_matching<const D: usize>(
    s: &impl Pushforward<D, D, Recording>,
    x: Points<D>,
    noise: Points<D>,
    sigma: Real,
    gradients: Gradients,
) -> Result<Loss> {
    check_positive("sigma", sigma.into())?;
    check_positive("1 / sigma", sigma.recip().into())?;
    check_finite("x", &x)?;
    check_same_batch("a noise for each point", x.shape().0, noise.shape().0)?;
    check_finite("the noise", &noise)?;
    let noisy = x.try_add(noise.clone().try_mul(sigma)?)?;
    let found = value(s, noisy.traced(gradients))?;
    half_mean_square(found.try_add(noise.try_mul(sigma.recip())?)?)
}

/// s(x), without any tangent.
fn value<const D: usize>(
    s: &impl Pushforward<D, D, Recording>,
    x: Points<D, Recording>,
) -> Result<Points<D, Recording>> {
    let (value, _, tape) = s.pushforward(DualPoints::new(x, Vec::new())?)?.into_parts();
    Ok(value.put_tape(tape))
}

/// ½ |x|² for each point.
fn half_square<const D: usize, T: Tape<Real, Dev>>(x: Points<D, T>) -> Result<PerPoint<T>> {
    Ok(x.try_square()?.try_sum::<(usize,), Axis<1>>()?.try_mul(0.5)?)
}

fn half_mean_square<const D: usize>(x: Points<D, Recording>) -> Result<Loss> {
    Ok(half_square(x)?.try_mean()?)
}
