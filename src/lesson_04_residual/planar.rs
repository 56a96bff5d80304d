//! The planar flow, from before residual flows.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use crate::lesson_01_change_of_variables::Bijection;
use crate::tensor::{
    Dev, PerPoint, Points, Real, Source, check_all_finite, check_finite, entries, softplus, values,
};
use crate::{Error, Result};
use dfdx::prelude::{
    Axis, BroadcastTo, Const, Device, Dtype, HasShape, ModuleVisitor, PutTape, Rank0, Rank1, SumTo, Tape,
    Tensor, TensorCollection, TensorFrom, TensorFromVec, TensorOptions, TryAdd, TryDiv, TryMul, TrySub,
    WithEmptyTape,
};
use num_traits::Float;
use rand::Rng;
use rand_distr::StandardNormal;
use rand_distr::uniform::SampleUniform;

/// z = x + û tanh(wᵀx + b): points move along û, how far depends on one projection of them (Rezende and Mohamed 2015,
/// arXiv:1505.05770, section 4.1).
///
/// log |det| = ln(1 + wᵀû tanh′(wᵀx + b)). It is invertible where wᵀû > −1, and û = u + (m(wᵀu) − wᵀu) w / |w|² with
/// m(a) = −1 + ln(1 + eᵃ) sees to that (the paper's appendix). Along w it is an increasing map of one number,
/// α + wᵀû tanh(α + b) with α = wᵀx, which the inverse solves in f64 by Newton's method, kept in an interval that is halved.
///
/// The paper maps base to data by it; here, as everywhere, forward goes from data to base, and
/// [`Inverted`](crate::change_of_variables::Inverted) reads it the other way.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::residual::Planar;
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// let planar = Planar::<2>::new(&mut source)?;
/// let x = source.normal::<2>(5)?;
/// let (back, _) = planar.inverse(planar.forward(x.clone())?.0)?;
/// assert!((rows(&back)[0][0] - rows(&x)[0][0]).abs() < 1e-5, "some roundings of f32");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors of both directions: [`Error::NotFinite`] for a coordinate or a parameter; [`Error::OutOfDomain`] for a w of length
/// 0, which has no û, and for a wᵀu of which e^(wᵀu) is 0 in the numbers at hand; [`Error::Empty`]; of the inverse also
/// [`Error::Saturated`] where the map is so flat that z does not tell x.
#[derive(Clone, Debug)]
pub struct Planar<const D: usize, E: Dtype = Real, V: Device<E> = Dev> {
    /// u, shape (D,): where points move, before it is corrected.
    pub direction: Tensor<Rank1<D>, E, V>,
    /// w, shape (D,).
    pub weight: Tensor<Rank1<D>, E, V>,
    /// b.
    pub bias: Tensor<Rank0, E, V>,
}

impl<const D: usize> Planar<D> {
    /// u and w drawn from N(0, 1/D) in each coordinate, b = 0.
    pub fn new(source: &mut Source) -> Result<Self> {
        let std = (D as f64).sqrt().recip() as Real;
        let mut draw =
            || -> [Real; D] { std::array::from_fn(|_| std * source.sample::<Real, _>(StandardNormal)) };
        let (direction, weight) = (draw(), draw());
        let device = source.device();
        Ok(Self {
            direction: device.try_tensor(direction)?,
            weight: device.try_tensor(weight)?,
            bias: device.try_tensor(0.0)?,
        })
    }

    /// An error where û or the logarithm of the determinant cannot be computed.
    fn check(&self) -> Result<()> {
        let (w, u) = (entries(&self.weight), entries(&self.direction));
        check_all_finite("w of a planar flow", &w)?;
        check_all_finite("u of a planar flow", &u)?;
        check_all_finite("b of a planar flow", &entries(&self.bias))?;
        let square: Real = w.iter().map(|w| w * w).sum();
        if !square.is_normal() {
            let expected = "between the smallest and the largest number: w must not be 0";
            return Err(Error::OutOfDomain {
                what: "|w|² of a planar flow", expected, found: square.into()
            });
        }
        let inner: Real = w.iter().zip(u).map(|(w, u)| w * u).sum();
        if !inner.is_finite() || !inner.min(0.0).exp().is_normal() {
            let expected = "a finite number whose exponential is not 0";
            return Err(Error::OutOfDomain { what: "wᵀu of a planar flow", expected, found: inner.into() });
        }
        Ok(())
    }

    /// 1 + wᵀû = ln(1 + e^(wᵀu)).
    fn steepness<T: Tape<Real, Dev>>(&self) -> Result<Tensor<Rank0, Real, Dev, T>> {
        softplus(self.inner()?)
    }

    /// wᵀu.
    fn inner<T: Tape<Real, Dev>>(&self) -> Result<Tensor<Rank0, Real, Dev, T>> {
        Ok(self.direction.retaped::<T>().try_mul(self.weight.clone())?.try_sum()?)
    }

    /// û.
    fn corrected<T: Tape<Real, Dev>>(&self) -> Result<Tensor<Rank1<D>, Real, Dev, T>> {
        let square = self.weight.retaped::<T>().try_square()?.try_sum::<Rank0, _>()?;
        let missing = self.steepness::<T>()?.try_sub(1.0)?.try_sub(self.inner::<T>()?)?.try_div(square)?;
        let along = missing.try_broadcast_like(self.weight.shape())?.try_mul(self.weight.clone())?;
        Ok(along.try_add(self.direction.clone())?)
    }

    /// wᵀx + b, shape (N,).
    fn projected<T: Tape<Real, Dev>>(&self, x: Points<D, T>) -> Result<PerPoint<T>> {
        let shape = *x.shape();
        let bias = self.bias.retaped::<T>().try_broadcast_like(&(shape.0,))?;
        let weight = self.weight.retaped::<T>().try_broadcast_like(&shape)?;
        Ok(x.try_mul(weight)?.try_sum::<(usize,), Axis<1>>()?.try_add(bias)?)
    }

    /// û h, shape (N, D), for a number h of each point.
    fn step<T: Tape<Real, Dev>>(&self, h: PerPoint<T>) -> Result<Points<D, T>> {
        let shape = (h.shape().0, Const::<D>);
        let direction = self.corrected::<T>()?.try_broadcast_like(&shape)?;
        Ok(h.try_broadcast_like::<_, Axis<1>>(&shape)?.try_mul(direction)?)
    }

    /// ln(1 + wᵀû (1 − h²)) for h = tanh(wᵀx + b), as ln(h² + (1 − h²) (1 + wᵀû)): nothing cancels.
    fn log_det<T: Tape<Real, Dev>>(&self, h: PerPoint<T>) -> Result<PerPoint<T>> {
        let steepness = self.steepness::<T>()?.try_broadcast_like(h.shape())?;
        let square = h.try_square()?;
        let rest = square.with_empty_tape().try_negate()?.try_add(1.0)?.try_mul(steepness)?;
        Ok(square.try_add(rest)?.try_ln()?)
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for Planar<D> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        self.check()?;
        let h = self.projected(x.with_empty_tape())?.try_tanh()?;
        let log_det = self.log_det(h.with_empty_tape())?;
        Ok((self.step(h)?.try_add(x)?, log_det))
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        self.check()?;
        let target = self.projected(z.with_empty_tape())?;
        let steepness = values(&self.steepness::<dfdx::prelude::NoneTape>()?.try_broadcast_like(&(1,))?)[0];
        let (roots, slopes) = solve(&values(&target), steepness.into())?;
        let (n, device) = (*target.shape(), z.device().clone());
        let [roots, slopes] = [roots, slopes].map(|list| device.try_tensor_from_vec(list, n));
        // A step of Newton's method from the root a, which is a constant: a + (target − a − wᵀû tanh a) / slope.
        let roots = roots?;
        let h = roots.clone().put_tape(T::default()).try_tanh()?;
        let reach = self.steepness::<T>()?.try_sub(1.0)?.try_broadcast_like(&n)?;
        let missing = target.try_sub(h.try_mul(reach)?)?.try_sub(roots.clone())?;
        let h = missing.try_div(slopes?)?.try_add(roots)?.try_tanh()?;
        let log_det = self.log_det(h.with_empty_tape())?.try_negate()?;
        Ok((z.try_sub(self.step(h)?)?, log_det))
    }
}

/// How far rounding z may move a, relative to 1 + |a|.
const CERTAIN: f64 = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// The roots a of a + (s − 1) tanh a = t, and the derivatives there, for s > 0.
fn solve(targets: &[Real], s: f64) -> Result<(Vec<Real>, Vec<Real>)> {
    let mut roots = (Vec::new(), Vec::new());
    for (point, target) in targets.iter().enumerate() {
        let t = f64::from(*target);
        let root = root(t, s)?;
        let h = root.tanh();
        let slope = h * h + (1.0 - h * h) * s;
        let rounding = f64::from(Real::EPSILON) * t.abs().max(1.0);
        if rounding > CERTAIN * (1.0 + root.abs()) * slope {
            let what = "the inverse of a planar flow, of which this is the projection,";
            return Err(Error::Saturated { what, point, feature: 0, value: *target });
        }
        roots.0.push(root as Real);
        roots.1.push(slope as Real);
    }
    Ok(roots)
}

fn root(target: f64, s: f64) -> Result<f64> {
    let reach = s - 1.0;
    let (mut low, mut high) = (target - reach.abs(), target + reach.abs());
    let mut a = target;
    let mut error = f64::INFINITY;
    for _ in 0..200 {
        let h = a.tanh();
        error = a + reach * h - target;
        if error.abs() <= 4.0 * f64::EPSILON * (1.0 + target.abs()) || high - low <= f64::EPSILON * a.abs() {
            return Ok(a);
        }
        if error > 0.0 {
            high = a
        } else {
            low = a
        }
        let next = a - error / (h * h + (1.0 - h * h) * s);
        a = if low < next && next < high { next } else { 0.5 * (low + high) };
    }
    Err(Error::NotConverged { what: "the inverse of a planar flow", steps: 200, residual: error.abs() })
}

impl<const D: usize, E, V> TensorCollection<E, V> for Planar<D, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = Planar<D, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        let zeros = TensorOptions::reset_to_zeros;
        visitor.visit_fields(
            (
                Self::tensor("direction", |m| &m.direction, |m| &mut m.direction, zeros()),
                Self::tensor("weight", |m| &m.weight, |m| &mut m.weight, zeros()),
                Self::tensor("bias", |m| &m.bias, |m| &mut m.bias, TensorOptions::reset_to_zeros()),
            ),
            |(direction, weight, bias)| Planar { direction, weight, bias },
        )
    }
}
