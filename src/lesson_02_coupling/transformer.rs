//! Strictly increasing maps of one number, whose parameters a network gives.

use crate::tensor::Real;
use std::fmt::Debug;

/// A strictly increasing map y = τ(x; h) of one number. A network, the *conditioner*, gives the parameters h: it may be
/// any function of the other numbers, and the map can still be undone (the words are those of Papamakarios et al. 2019,
/// arXiv:1912.02762, section 3.1).
///
/// [`transform`](fn@super::transform) and [`invert`](super::invert) apply one to the features of a batch of points.
///
/// ```
/// use pushforward::coupling::{Transformer, UnboundedAffine};
///
/// let h = [0.5, -1.0];
/// let (y, log_slope) = UnboundedAffine.forward(2.0, &h);
/// assert_eq!(log_slope, 0.5, "y = x exp(0.5) − 1 has the slope exp(0.5)");
/// let x = UnboundedAffine.inverse(y, &h).unwrap();
/// assert!((x - 2.0).abs() < 1e-6, "to the rounding of f32");
/// ```
pub trait Transformer: Copy + Default + Debug + Send + Sync + 'static {
    /// P: how many numbers h has.
    const PARAMETERS: usize;

    /// Whether some of the parameters are alike, so that at h = 0 they have the same gradient and would stay alike: then a
    /// network must not begin with h = 0.
    const SYMMETRIC: bool = false;

    /// y = τ(x; h) and log ∂y/∂x. Where one of them is not finite, the map is refused.
    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real);

    /// x = τ⁻¹(y; h), or nothing where an iteration does not find it.
    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real>;

    /// The gradient of dy · y + dl · log ∂y/∂x: with respect to x (returned) and to h (added to `dh`).
    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real;
}

/// y = x + t with h = (t): the additive coupling of NICE (Dinh et al. 2014, arXiv:1410.8516).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Additive;

impl Transformer for Additive {
    const PARAMETERS: usize = 1;

    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        (x + h[0], 0.0)
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        Some(y - h[0])
    }

    fn gradient(&self, _: Real, _: &[Real], dy: Real, _: Real, dh: &mut [Real]) -> Real {
        dh[0] += dy;
        dy
    }
}

/// y = x eˢ + t with h = (s, t) (Dinh et al. 2016, arXiv:1605.08803). Nothing holds s back: for a point far from the
/// data eˢ may overflow, which is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnboundedAffine;

impl Transformer for UnboundedAffine {
    const PARAMETERS: usize = 2;

    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        scale_and_shift(x, h[0], h[1])
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        Some((y - h[1]) / h[0].exp())
    }

    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real {
        let scale = h[0].exp();
        dh[0] += dy * x * scale + dl;
        dh[1] += dy;
        dy * scale
    }
}

/// y = x eˢ + t with h = (a, t) and the bounded log-scale s = a / (1 + |a| / B), which lies between −B and B: the map
/// stretches by at most e^B and shrinks by at most e^−B, so that it stays precise far from the data.
///
/// s is a for small a. A clip that only shrinks, such as s = log σ(a) < 0, cannot model data that is narrower than the
/// base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundedAffine<const B: usize = 2>;

impl<const B: usize> Transformer for BoundedAffine<B> {
    const PARAMETERS: usize = 2;

    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        scale_and_shift(x, soft_clip(h[0], B as Real).0, h[1])
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        Some((y - h[1]) / soft_clip(h[0], B as Real).0.exp())
    }

    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real {
        let (s, slope) = soft_clip(h[0], B as Real);
        let scale = s.exp();
        dh[0] += (dy * x * scale + dl) * slope;
        dh[1] += dy;
        dy * scale
    }
}

fn scale_and_shift(x: Real, s: Real, t: Real) -> (Real, Real) {
    (x * s.exp() + t, s)
}

/// a / (1 + |a| / bound), and its derivative.
pub(super) fn soft_clip(a: Real, bound: Real) -> (Real, Real) {
    let shrink = 1.0 / (1.0 + a.abs() / bound);
    (a * shrink, shrink * shrink)
}
