//! The invertible linear map by its triangular factors.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::factors::{Lu, product, random_rotation};
use super::rows::is_certain;
use super::{ConditionalBijection, Permutation};
use crate::lesson_01_change_of_variables::Bijection;
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_all_finite, check_finite, entries};
use crate::{Error, Result};
use dfdx::prelude::{
    Axis, BroadcastTo, Const, Device, Dtype, HasShape, ModuleVisitor, NoneTape, PermuteTo, PutTape, Rank0,
    Rank1, Rank2, SumTo, Tape, Tensor, TensorCollection, TensorFrom, TensorFromVec, TensorOptions, TryAdd,
    TryMatMul, TryMul, TrySub,
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

/// y = W x with W = P L (U + diag(s)): P a fixed permutation, L lower triangular with ones on its diagonal, U strictly upper
/// triangular; log |det W| = Σ log |sᵢ| (Kingma and Dhariwal 2018, arXiv:1807.03039, equations 10 and 11).
///
/// Glow calls it an invertible 1×1 convolution. L, U and log |s| are trained; the signs of s and P stay, so W cannot become
/// singular: log |s| would have to go to −∞.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::InvertibleLinear;
/// use pushforward::tensor::{Source, rows};
///
/// let source = Source::new(0);
/// let linear = InvertibleLinear::new(&source, [[0.0, 2.0], [-3.0, 1.0]])?;
/// let (y, log_det) = linear.forward(source.points(&[[1.0, 10.0]])?)?;
/// assert!((rows(&y)[0][0] - 20.0).abs() < 1e-5 && (rows(&y)[0][1] - 7.0).abs() < 1e-5, "to rounding");
/// assert!((log_det.as_vec()[0] - (6f32.ln() as pushforward::tensor::Real)).abs() < 1e-6, "the determinant is 6");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// A point has a feature, so this does not compile:
///
/// ```compile_fail
/// use pushforward::coupling::InvertibleLinear;
/// use pushforward::tensor::Source;
///
/// let none = InvertibleLinear::<0>::rotation(&mut Source::new(0));
/// ```
#[derive(Clone, Debug)]
pub struct InvertibleLinear<const D: usize, E: Dtype = Real, V: Device<E> = Dev> {
    permutation: Permutation<D, E, V>,
    /// L below its diagonal; the rest is not used. Shape (D, D).
    lower: Tensor<Rank2<D, D>, E, V>,
    /// U above its diagonal; the rest is not used. Shape (D, D).
    upper: Tensor<Rank2<D, D>, E, V>,
    /// log |s|, shape (D,).
    log_scale: Tensor<Rank1<D>, E, V>,
    /// The sign of s, shape (D,), not trained.
    sign: Tensor<Rank1<D>, E, V>,
}

type Matrix<const D: usize, T> = Tensor<Rank2<D, D>, Real, Dev, T>;

impl<const D: usize> InvertibleLinear<D> {
    /// The map with this matrix.
    ///
    /// Errors: [`Error::NotFinite`]; [`Error::OutOfDomain`] for a singular matrix.
    pub fn new(source: &Source, matrix: [[Real; D]; D]) -> Result<Self> {
        check_all_finite("the matrix", matrix.as_flattened())?;
        let numbers: Vec<f64> = matrix.as_flattened().iter().map(|entry| f64::from(*entry)).collect();
        Self::from_numbers(source, &numbers)
    }

    /// A random rotation or reflection, as Glow begins with: log |det| = 0, up to rounding.
    pub fn rotation(source: &mut Source) -> Result<Self> {
        let matrix = random_rotation(D, source);
        Self::from_numbers(source, &matrix)
    }

    fn from_numbers(source: &Source, matrix: &[f64]) -> Result<Self> {
        const { assert!(D > 0, "a point has a feature") };
        let Lu { rows, factors } = Lu::new(D, matrix)?;
        let device = source.device();
        let mut order = [0; D];
        rows.iter().enumerate().for_each(|(place, row)| order[*row] = place);
        let upper = |i: usize, j: usize| if i <= j { factors[i * D + j] } else { 0.0 };
        let table = |entry: &dyn Fn(usize, usize) -> f64| -> [[Real; D]; D] {
            std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j) as Real))
        };
        let scale: [f64; D] = std::array::from_fn(|i| upper(i, i));
        let lower = |i: usize, j: usize| if j < i { factors[i * D + j] } else { 0.0 };
        // U is counted with the diagonal taken out.
        let strict = |i: usize, j: usize| if i < j { upper(i, j) } else { 0.0 };
        Ok(Self {
            permutation: Permutation::new(source, order)?,
            lower: device.try_tensor(table(&lower))?,
            upper: device.try_tensor(table(&strict))?,
            log_scale: device.try_tensor(scale.map(|s| s.abs().ln() as Real))?,
            sign: device.try_tensor(scale.map(|s| s.signum() as Real))?,
        })
    }

    /// Wᵀ, which multiplies points that are rows.
    fn matrix<T: Tape<Real, Dev>>(&self) -> Result<Matrix<D, T>> {
        let device = self.lower.device();
        let mask = |used: fn(usize, usize) -> bool| {
            let entry = |i, j| if used(i, j) { 1.0 } else { 0.0 };
            let mask: [[Real; D]; D] = std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)));
            device.try_tensor(mask)
        };
        let diagonal = mask(|i, j| i == j)?;
        let lower = self.lower.retaped::<T>().try_mul(mask(|i, j| j < i)?)?.try_add(diagonal.clone())?;
        let scale: Matrix<D, T> =
            self.log_scale.retaped::<T>().try_exp()?.try_mul(self.sign()?)?.try_broadcast::<_, Axis<0>>()?;
        let upper =
            self.upper.retaped::<T>().try_mul(mask(|i, j| i < j)?)?.try_add(scale.try_mul(diagonal)?)?;
        let (lower, upper): (Matrix<D, T>, Matrix<D, T>) = (lower.try_permute()?, upper.try_permute()?);
        Ok(upper.try_matmul(lower)?.try_matmul(self.permutation.matrix()?)?)
    }

    /// The sign of s: ±1, also where a file held other numbers.
    fn sign(&self) -> Result<Tensor<Rank1<D>, Real, Dev>> {
        let signs: Vec<Real> = self.sign.as_vec().into_iter().map(Real::signum).collect();
        Ok(self.sign.device().try_tensor_from_vec(signs, Default::default())?)
    }

    /// Σ log |s| for each of n points.
    fn log_det<T: Tape<Real, Dev>>(&self, n: usize) -> Result<PerPoint<T>> {
        Ok(self.log_scale.retaped::<T>().try_sum::<Rank0, _>()?.try_broadcast_like(&(n,))?)
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Bijection<D, T> for InvertibleLinear<D> {
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("x", &x)?;
        let n = x.shape().0;
        Ok((x.try_matmul(self.matrix::<T>()?)?, self.log_det(n)?))
    }

    /// Solved in f64; [`Error::Saturated`] where rounding in W x = z moves x by more than
    /// [`invert`](super::invert) allows.
    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        check_finite("z", &z)?;
        let n = z.shape().0;
        let device = z.device().clone();
        let matrix = self.matrix::<T>()?;
        let (x, backwards) = solve(D, &entries(&matrix), &entries(&z))?;
        let x: Points<D> = device.try_tensor_from_vec(x, (n, Const::<D>))?;
        let backwards: Matrix<D, NoneTape> = device.try_tensor_from_vec(backwards, Default::default())?;
        // x + W⁻¹ (z − W x) is x, and has the gradient of W⁻¹ z: what is multiplied is made 0.
        let left = z.try_sub(x.clone().put_tape(T::default()).try_matmul(matrix)?)?;
        // A tensor of its own: dfdx cannot subtract one from itself.
        let rounding: Points<D> = device.try_tensor_from_vec(entries(&left), (n, Const::<D>))?;
        Ok((left.try_sub(rounding)?.try_matmul(backwards)?.try_add(x)?, self.log_det(n)?.try_negate()?))
    }
}

/// The rows x with x A = z for the rows of z, and A⁻¹.
fn solve(n: usize, a: &[Real], z: &[Real]) -> Result<(Vec<Real>, Vec<Real>)> {
    let a: Vec<f64> = a.iter().map(|entry| f64::from(*entry)).collect();
    let backwards = Lu::new(n, &a)?.inverse();
    let z: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
    let x = product(n, &z, &backwards);
    // How far rounding may move each coordinate: |x| |A| |A⁻¹|, times the rounding unit (Skeel 1979).
    let sizes = |numbers: &[f64]| numbers.iter().map(|number| number.abs()).collect::<Vec<_>>();
    let doubts = product(n, &product(n, &sizes(&x), &sizes(&a)), &sizes(&backwards));
    for (place, (x, doubt)) in x.iter().zip(doubts).enumerate() {
        let (x, doubt) = (*x as Real, (0.5 * f64::from(Real::EPSILON) * doubt) as Real);
        if !is_certain(x, doubt) {
            let (what, value) = ("the inverse of a linear map", z[place] as Real);
            return Err(Error::Saturated { what, point: place / n, feature: place % n, value });
        }
    }
    let rounded = |numbers: Vec<f64>| numbers.into_iter().map(|number| number as Real).collect();
    Ok((rounded(x), rounded(backwards)))
}

impl<const D: usize, const C: usize, T: Tape<Real, Dev>> ConditionalBijection<D, C, T>
    for InvertibleLinear<D>
{
    fn forward_given(&self, x: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.forward(x)
    }

    fn inverse_given(&self, z: Points<D, T>, _: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        self.inverse(z)
    }
}

impl<const D: usize, E, V> TensorCollection<E, V> for InvertibleLinear<D, E, V>
where
    E: Dtype + Float + SampleUniform,
    V: Device<E>,
{
    type To<E2: Dtype, V2: Device<E2>> = InvertibleLinear<D, E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        let keep = |_: &mut _| Ok(());
        visitor.visit_fields(
            (
                Self::module("permutation", |m| &m.permutation, |m| &mut m.permutation),
                Self::tensor("lower", |m| &m.lower, |m| &mut m.lower, TensorOptions::reset_to_zeros()),
                Self::tensor("upper", |m| &m.upper, |m| &mut m.upper, TensorOptions::reset_to_zeros()),
                Self::tensor(
                    "log_scale",
                    |m| &m.log_scale,
                    |m| &mut m.log_scale,
                    TensorOptions::reset_to_zeros(),
                ),
                Self::tensor("sign", |m| &m.sign, |m| &mut m.sign, TensorOptions::detached(keep)),
            ),
            |(permutation, lower, upper, log_scale, sign)| InvertibleLinear {
                permutation,
                lower,
                upper,
                log_scale,
                sign,
            },
        )
    }
}
