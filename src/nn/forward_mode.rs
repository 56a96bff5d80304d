//! Forward mode on batches: tangents carried through a map beside its values.
//!
//! dfdx computes gradients once: they come without a tape, so a loss cannot contain them. Here derivatives are made of
//! ordinary operations on the tape, forwards, and reverse mode runs over all of it: the gradient of a divergence, or of
//! a log-determinant, costs one backward pass (Griewank and Walther 2008, *Evaluating Derivatives*, section 3.1 for
//! forward mode; Baydin et al. 2018, arXiv:1502.05767, for both).

use super::Activation;
use crate::tensor::{Dev, PerPoint, Points, Real, append, check_same_batch, check_some, join};
use crate::{Error, Result};
#[cfg(not(feature = "cuda"))]
use dfdx::prelude::ReshapeTo;
use dfdx::prelude::{
    Const, HasShape, NoneTape, PutTape, SplitTape, Tape, TensorFromVec, TryAdd, TryMul, ZerosTensor,
};

/// N points x, and some tangents ẋ at each: directions in which x moves.
///
/// There is one tape for all, so that no part of a derivative is lost on the way.
#[derive(Clone, Debug)]
pub struct DualPoints<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    value: Points<D>,
    tangents: Vec<Points<D>>,
    tape: T,
}

/// A differentiable map f, point by point, that carries tangents along.
///
/// ```
/// use pushforward::nn::{Mlp, Tanh, jacobian_vector_product};
/// use pushforward::tensor::{Real, Source};
///
/// let mut source = Source::new(0);
/// let f = Mlp::<2, 16, 2, 1, Tanh>::new(&source)?;
/// let (x, v) = (source.normal::<2>(5)?, source.normal::<2>(5)?);
/// let (_, moved) = jacobian_vector_product(&f, x.clone(), v.clone())?;
/// let step: Real = 1e-2;
/// let difference = f.apply(x.clone() + v.clone() * step)? - f.apply(x - v * step)?;
/// let error = (difference * (0.5 / step) - moved).abs().as_vec().into_iter().fold(0.0, Real::max);
/// assert!(error < 1e-3, "a central difference is off by about step²");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub trait Pushforward<const I: usize, const O: usize, T: Tape<Real, Dev> = NoneTape> {
    /// f(x), and J ẋ for every tangent ẋ, with J = ∂f/∂x at x.
    fn pushforward(&self, x: DualPoints<I, T>) -> Result<DualPoints<O, T>>;
}

impl<const D: usize, T: Tape<Real, Dev>> DualPoints<D, T> {
    /// Points and their tangents. Fails where there are no points, or not one tangent per point.
    pub fn new(value: Points<D, T>, tangents: Vec<Points<D>>) -> Result<Self> {
        let n = value.shape().0;
        check_some("the batch of points", n)?;
        for tangent in &tangents {
            check_same_batch("a tangent at each point", n, tangent.shape().0)?;
        }
        let (value, tape) = value.split_tape();
        Ok(Self { value, tangents, tape })
    }

    /// x, shape (N, D).
    pub fn value(&self) -> &Points<D> {
        &self.value
    }

    /// The tangents ẋ, each of shape (N, D).
    pub fn tangents(&self) -> &[Points<D>] {
        &self.tangents
    }

    /// x, the tangents, and the tape of both: put it on what a loss is made of.
    pub fn into_parts(self) -> (Points<D>, Vec<Points<D>>, T) {
        (self.value, self.tangents, self.tape)
    }

    /// (x, c): coordinates c that do not move are added, I = D + C.
    ///
    /// Errors: [`crate::Error::BatchMismatch`] if there is not one c per point.
    pub fn join<const C: usize, const I: usize>(self, context: Points<C>) -> Result<DualPoints<I, T>> {
        let still: Points<C> = context.device().try_zeros_like(context.shape())?;
        self.push(|x| join(x, context), |tangent| join(tangent, still.clone()))
    }

    /// (x, t): one coordinate that does not move is added, I = D + 1.
    ///
    /// Errors: [`crate::Error::BatchMismatch`] if there is not one t per point.
    pub fn append<const I: usize>(self, t: PerPoint) -> Result<DualPoints<I, T>> {
        let still: PerPoint = t.device().try_zeros_like(t.shape())?;
        self.push(|x| append(x, t), |tangent| append(tangent, still.clone()))
    }

    /// One map for the points and a linear one, its derivative, for each tangent; both record on the one tape.
    pub(super) fn push<const O: usize>(
        self,
        value: impl FnOnce(Points<D, T>) -> Result<Points<O, T>>,
        derivative: impl Fn(Points<D, T>) -> Result<Points<O, T>>,
    ) -> Result<DualPoints<O, T>> {
        let (value, mut tape) = value(self.value.put_tape(self.tape))?.split_tape();
        let mut tangents = Vec::new();
        for tangent in self.tangents {
            let (moved, after) = derivative(tangent.put_tape(tape))?.split_tape();
            tangents.push(moved);
            tape = after;
        }
        Ok(DualPoints { value, tangents, tape })
    }

    /// The sum of two maps' results, point by point and tangent by tangent. Both must have as many.
    pub(super) fn plus(self, other: Self) -> Result<Self> {
        let (value, tape) =
            self.value.put_tape(self.tape).try_add(other.value.put_tape(other.tape))?.split_tape();
        let (mut tape, mut tangents) = (tape, Vec::new());
        for (one, two) in self.tangents.into_iter().zip(other.tangents) {
            let (sum, after) = one.put_tape(tape).try_add(two)?.split_tape();
            tangents.push(sum);
            tape = after;
        }
        Ok(Self { value, tangents, tape })
    }

    /// The same points and tangents again, with an empty tape: what is computed of both goes to [`DualPoints::plus`].
    pub(super) fn again(&self) -> Self {
        Self { value: self.value.clone(), tangents: self.tangents.clone(), tape: T::default() }
    }
}

/// f(z), and f′(z) ż for each tangent.
pub(super) fn activation_pushforward<A: Activation, const D: usize, T: Tape<Real, Dev>>(
    z: DualPoints<D, T>,
) -> Result<DualPoints<D, T>> {
    let (slope, tape) = A::derivative(z.value.clone().put_tape(z.tape))?.split_tape();
    DualPoints { value: z.value, tangents: z.tangents, tape }
        .push(A::apply, |tangent| Ok(tangent.try_mul(slope.clone())?))
}

/// f(x) and J v, the Jacobian at x times a vector.
///
/// The second result carries the tape of both: a loss made of the first must use the second, too. Errors:
/// [`crate::Error::BatchMismatch`] if there is not one v per point.
pub fn jacobian_vector_product<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    f: &impl Pushforward<I, O, T>,
    x: Points<I, T>,
    v: Points<I>,
) -> Result<(Points<O, T>, Points<O, T>)> {
    let (value, tangents, tape) = f.pushforward(DualPoints::new(x, vec![v])?)?.into_parts();
    let [product] = exactly(tangents)?;
    Ok((value.put_tape(T::default()), product.put_tape(tape)))
}

/// f(x) and the columns of the Jacobian J = ∂f/∂x, as tangents: the derivatives by x₁, …, x_I.
pub fn jacobian_columns<const I: usize, const O: usize, T: Tape<Real, Dev>>(
    f: &impl Pushforward<I, O, T>,
    x: Points<I, T>,
) -> Result<DualPoints<O, T>> {
    let axes = (0..I).map(|i| axis(&x, i)).collect::<Result<_>>()?;
    f.pushforward(DualPoints::new(x, axes)?)
}

/// f(x) and tr J, shape (N,), exactly: one tangent per coordinate.
///
/// The second result carries the tape of both: a loss made of the first must use the second, too.
///
/// ```
/// use pushforward::nn::{Mlp, Tanh, exact_trace, hutchinson_trace};
/// use pushforward::tensor::{Source, values};
///
/// let mut source = Source::new(0);
/// let f = Mlp::<3, 16, 3, 1, Tanh>::new(&source)?;
/// let x = source.points(&vec![[0.1, 0.2, 0.3]; 20_000])?;
/// let exact = values(&exact_trace(&f, x.clone())?.1)[0];
/// let noise = source.normal::<3>(20_000)?;
/// let estimates = values(&hutchinson_trace(&f, x, noise)?.1);
/// let mean = estimates.iter().sum::<pushforward::tensor::Real>() / 20_000.0;
/// assert!((mean - exact).abs() < 0.02, "estimates that deviate by less than 0.7 have a mean of 20,000 that deviates by 0.005");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn exact_trace<const D: usize, T: Tape<Real, Dev>>(
    f: &impl Pushforward<D, D, T>,
    x: Points<D, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let axes: Vec<Points<D>> = (0..D).map(|i| axis(&x, i)).collect::<Result<_>>()?;
    let (value, tangents, tape) = f.pushforward(DualPoints::new(x, axes.clone())?)?.into_parts();
    let trace = contraction(exactly::<_, D>(tangents)?, axes, tape)?;
    Ok((value.put_tape(T::default()), trace))
}

/// Σₖ ⟨aₖ, bₖ⟩ for each point.
#[cfg(not(feature = "cuda"))]
fn contraction<const D: usize, T: Tape<Real, Dev>>(
    a: [Points<D>; D],
    b: Vec<Points<D>>,
    tape: T,
) -> Result<PerPoint<T>> {
    let mut pairs = Vec::new();
    let mut tape = tape;
    for (a, b) in a.into_iter().zip(b) {
        let (a, after) = a.put_tape(tape).try_contiguous()?.split_tape();
        tape = after;
        check_same_batch("the tangents of a map", b.shape().0, a.shape().0)?;
        pairs.push((a, numbers(&b)));
    }
    contracted(pairs, tape)
}

/// Σₖ ⟨aₖ, bₖ⟩ for each point.
#[cfg(feature = "cuda")]
fn contraction<const D: usize, T: Tape<Real, Dev>>(
    a: [Points<D>; D],
    b: Vec<Points<D>>,
    tape: T,
) -> Result<PerPoint<T>> {
    let n = b.first().map_or(0, |b| b.shape().0);
    let zeros: PerPoint = Dev::default().try_zeros_like(&(n,))?;
    a.into_iter()
        .zip(b)
        .try_fold(zeros.put_tape(tape), |sum, (a, b)| Ok(sum.try_add(dot(a.put_tape(T::default()), b)?)?))
}

/// f(x) and εᵀ J ε, shape (N,): its mean over noise ε with E[ε εᵀ] = I is tr J (Hutchinson 1990; Grathwohl et al. 2018,
/// arXiv:1810.01367, section 3.1).
///
/// The second result carries the tape of both: a loss made of the first must use the second, too. Errors:
/// [`crate::Error::BatchMismatch`] if there is not one ε per point.
pub fn hutchinson_trace<const D: usize, T: Tape<Real, Dev>>(
    f: &impl Pushforward<D, D, T>,
    x: Points<D, T>,
    noise: Points<D>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    let (value, product) = jacobian_vector_product(f, x, noise.clone())?;
    Ok((value, dot(product, noise)?))
}

/// Σₖ cₖ vᵀ Jᵏ v over k = 1, …, K, shape (N,), for K coefficients: with cₖ = (−1)ᵏ⁺¹ / k the beginning of
/// vᵀ ln(I + J) v, which converges if J contracts (Chen et al. 2019, arXiv:1906.02735, section 3.1). f is evaluated K times.
///
/// Errors: [`crate::Error::BatchMismatch`] if there is not one v per point.
pub fn power_series<const D: usize, T: Tape<Real, Dev>>(
    f: &impl Pushforward<D, D, T>,
    x: Points<D, T>,
    v: Points<D>,
    coefficients: &[Real],
) -> Result<PerPoint<T>> {
    check_same_batch("a vector at each point", x.shape().0, v.shape().0)?;
    let (point, mut tape) = x.split_tape();
    let mut power = v.clone();
    let mut sum: PerPoint = point.device().try_zeros_like(&(point.shape().0,))?;
    for coefficient in coefficients {
        let dual = DualPoints::new(point.clone().put_tape(tape), vec![power])?;
        let (_, tangents, after) = f.pushforward(dual)?.into_parts();
        [power] = exactly(tangents)?;
        let term = dot(power.clone().put_tape(after), v.clone())?.try_mul(*coefficient)?;
        (sum, tape) = term.try_add(sum)?.split_tape();
    }
    Ok(sum.put_tape(tape))
}

/// Σᵢ aᵢ bᵢ for each point.
#[cfg(feature = "cuda")]
pub(crate) fn dot<const D: usize, T: Tape<Real, Dev>>(a: Points<D, T>, b: Points<D>) -> Result<PerPoint<T>> {
    use dfdx::prelude::{Axis, SumTo, TryMul};
    // A map may give back the very tensor that it was given; dfdx cannot differentiate the product of one with itself.
    let b = b.try_add(0.0)?;
    Ok(a.try_mul(b)?.try_sum::<(usize,), Axis<1>>()?)
}

/// Σᵢ aᵢ bᵢ for each point, in one operation: with dfdx's three, a divergence took half as long again.
#[cfg(not(feature = "cuda"))]
pub(crate) fn dot<const D: usize, T: Tape<Real, Dev>>(a: Points<D, T>, b: Points<D>) -> Result<PerPoint<T>> {
    check_same_batch("the factors of a scalar product", a.shape().0, b.shape().0)?;
    let (a, tape) = a.try_contiguous()?.split_tape();
    contracted(vec![(a, numbers(&b.try_contiguous()?))], tape)
}

/// Σₖ ⟨aₖ, bₖ⟩ for each point, where the bₖ are lists of numbers that do not change.
#[cfg(not(feature = "cuda"))]
fn contracted<const D: usize, T: Tape<Real, Dev>>(
    pairs: Vec<(Points<D>, Vec<Real>)>,
    mut tape: T,
) -> Result<PerPoint<T>> {
    let Some((first, _)) = pairs.first() else { return Err(Error::Empty { what: "a sum of products" }) };
    let (n, device) = (first.shape().0, first.device().clone());
    let mut sums = vec![0.0; n];
    for (a, b) in &pairs {
        let a = numbers(a);
        for (row, sum) in sums.iter_mut().enumerate() {
            let of_point = row * D..(row + 1) * D;
            *sum += a[of_point.clone()].iter().zip(&b[of_point]).map(|(a, b)| a * b).sum::<Real>();
        }
    }
    let sum = device.try_tensor_from_vec(sums, (n,))?;
    let (inputs, output) = (pairs.into_iter().map(|(a, b)| (a.ghost(), b)).collect::<Vec<_>>(), sum.ghost());
    tape.add_backward_op(move |gradients| {
        // dfdx lends one gradient at a time.
        let d_sum = std::mem::take(&mut **gradients.get_or_alloc_mut(&output)?);
        for (input, b) in &inputs {
            let d_a = gradients.get_or_alloc_mut(input)?;
            for (row, d) in d_sum.iter().enumerate() {
                let of_point = row * D..(row + 1) * D;
                d_a[of_point.clone()].iter_mut().zip(&b[of_point]).for_each(|(sum, b)| *sum += d * b);
            }
        }
        **gradients.get_or_alloc_mut(&output)? = d_sum;
        Ok(())
    });
    Ok(sum.put_tape(tape))
}

/// The numbers of a tensor that lie in memory without gaps.
#[cfg(not(feature = "cuda"))]
fn numbers<const D: usize>(points: &Points<D>) -> Vec<Real> {
    let mut numbers = vec![0.0; points.shape().0 * D];
    points.copy_into(&mut numbers);
    numbers
}

/// As many tangents as were given to a map.
fn exactly<P, const K: usize>(tangents: Vec<P>) -> Result<[P; K]> {
    let found = tangents.len();
    tangents.try_into().map_err(|_| Error::WrongLength {
        what: "the tangents that a map gives",
        expected: K,
        found,
    })
}

/// The unit vector along one axis, at each point.
fn axis<const D: usize, T: Tape<Real, Dev>>(x: &Points<D, T>, i: usize) -> Result<Points<D>> {
    let n = x.shape().0;
    let entries = (0..n * D).map(|place| if place % D == i { 1.0 } else { 0.0 }).collect();
    Ok(x.device().try_tensor_from_vec(entries, (n, Const::<D>))?)
}
