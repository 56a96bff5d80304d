//! Tensors without probability: names for the shapes of this course, where random tensors come from, and what dfdx
//! lacks.

mod functions;
mod share;
mod simd;
mod times;

pub(crate) use functions::{entries, is_empty};
pub use functions::{log_sum_exp, log1p, softplus, sqrt};
pub(crate) use share::share;
pub(crate) use simd::{has_fma, simd};
pub(crate) use times::{
    at_times, check_not_negative, check_positive, check_steps, check_time, check_times, same_time, scale,
};

use crate::{Error, Result};
use dfdx::prelude::{
    AutoDevice, Const, HasShape, NoneTape, OwnedTape, Rank0, ReshapeTo, Tape, Tensor, TensorFromVec,
};
#[cfg(not(feature = "cuda"))]
use dfdx::prelude::{PutTape, SplitTape};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use rand_distr::StandardNormal;

/// The number type of every tensor: `f32`, or `f64` with the feature `f64`.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of every tensor: `f32`, or `f64` with the feature `f64`.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Where tensors live: the CPU, or the first GPU with the feature `cuda`.
pub type Dev = AutoDevice;

/// A batch of N points of D coordinates each, shape (N, D).
pub type Points<const D: usize, T = NoneTape> = Tensor<(usize, Const<D>), Real, Dev, T>;

/// One number for each of N points, shape (N,).
pub type PerPoint<T = NoneTape> = Tensor<(usize,), Real, Dev, T>;

/// The tape that records what is computed, so that gradients can be computed backwards through it.
pub type Recording = OwnedTape<Real, Dev>;

/// The gradients of a model's parameters, allocated and zero before a step.
pub type Gradients = dfdx::tensor::Gradients<Real, Dev>;

/// A number with a tape: what training makes smaller.
pub type Loss = Tensor<Rank0, Real, Dev, Recording>;

/// A seeded source of random numbers and of tensors on one device.
///
/// Two sources with the same seed give the same tensors. It is also a [`rand::RngCore`], so every distribution of
/// `rand_distr` can draw from it.
///
/// ```
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(7);
/// let noise = source.normal::<2>(1000)?;
/// let mean = rows(&noise).iter().map(|[x, _]| x).sum::<pushforward::tensor::Real>() / 1000.0;
/// assert!(mean.abs() < 0.1, "the mean of 1000 normal numbers has a standard error of 0.03");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    device: Dev,
    rng: StdRng,
}

impl Source {
    /// A source on the default device.
    pub fn new(seed: u64) -> Self {
        Self { device: Dev::seed_from_u64(seed), rng: StdRng::seed_from_u64(seed) }
    }

    /// From here on the source gives the numbers of one step of a run, whatever was drawn before. Different seeds and
    /// steps are different keys of the generator, a stream cipher. The device is not changed.
    pub(crate) fn restart(&mut self, seed: u64, step: u64) {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&step.to_le_bytes());
        self.rng = StdRng::from_seed(key);
    }

    /// The device on which this source makes its tensors; dfdx's own initialisations draw from the same seed.
    pub fn device(&self) -> &Dev {
        &self.device
    }

    /// N points, every coordinate drawn from N(0, 1). Fails where N is 0.
    pub fn normal<const D: usize>(&mut self, n: usize) -> Result<Points<D>> {
        let rows = repeat(n, || std::array::from_fn(|_| self.rng.sample(StandardNormal)))?;
        self.points(&rows)
    }

    /// N numbers, drawn uniformly from [0, 1). Fails where N is 0.
    pub fn uniform(&mut self, n: usize) -> Result<PerPoint> {
        let values = repeat(n, || self.rng.r#gen())?;
        self.per_point(&values)
    }

    /// The points of a list. Fails where the list is empty.
    pub fn points<const D: usize>(&self, rows: &[[Real; D]]) -> Result<Points<D>> {
        check_some("the batch of points", rows.len())?;
        Ok(self.device.try_tensor_from_vec(rows.as_flattened().to_vec(), (rows.len(), Const::<D>))?)
    }

    /// The numbers of a list. Fails where the list is empty.
    pub fn per_point(&self, values: &[Real]) -> Result<PerPoint> {
        check_some("the batch", values.len())?;
        Ok(self.device.try_tensor_from_vec(values.to_vec(), (values.len(),))?)
    }
}

impl RngCore for Source {
    fn next_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), rand::Error> {
        self.rng.try_fill_bytes(bytes)
    }
}

/// n things in a list; an error where there is no memory for so many.
pub(crate) fn repeat<X>(n: usize, make: impl FnMut() -> X) -> Result<Vec<X>> {
    let mut list = room(n)?;
    list.extend(std::iter::repeat_with(make).take(n));
    Ok(list)
}

/// An empty list with room for n things; an error where there is no memory for so many.
pub(crate) fn room<X>(n: usize) -> Result<Vec<X>> {
    let mut list = Vec::new();
    if list.try_reserve_exact(n).is_err() {
        let what = "the number of points";
        return Err(Error::OutOfDomain { what, expected: "small enough for the memory", found: n as f64 });
    }
    Ok(list)
}

/// The coordinates of each point.
pub fn rows<const D: usize, T>(points: &Points<D, T>) -> Vec<[Real; D]> {
    let values = entries(points);
    (0..points.shape().0).map(|row| std::array::from_fn(|column| values[row * D + column])).collect()
}

/// The number of each point.
pub fn values<T>(per_point: &PerPoint<T>) -> Vec<Real> {
    entries(per_point)
}

/// An error unless there is at least one point and every coordinate is finite; `what` names the batch.
pub fn check_finite<const D: usize, T>(what: &'static str, points: &Points<D, T>) -> Result<()> {
    check_all_finite(what, &entries(points))
}

/// An error unless a batch has at least one point.
pub fn check_some(what: &'static str, n: usize) -> Result<()> {
    if n == 0 { Err(Error::Empty { what }) } else { Ok(()) }
}

/// An error unless the list has an entry and all of them are finite.
pub(crate) fn check_all_finite(what: &'static str, values: &[Real]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::Empty { what });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

/// An error unless both batches have the same number of points.
pub fn check_same_batch(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::BatchMismatch { what, expected, found }) }
}

/// (x, t): the points with one more coordinate, shape (N, I) with I = D + 1.
///
/// Errors: [`Error::BatchMismatch`] if there is not one t per point.
pub fn append<const D: usize, const I: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    t: PerPoint,
) -> Result<Points<I, T>> {
    const { assert!(I == D + 1, "one coordinate is added") };
    check_same_batch("a number for each point", x.shape().0, t.shape().0)?;
    let t = t.try_reshape_like(&(x.shape().0, Const::<1>))?;
    join(x, t)
}

/// (x, c): the points with C more coordinates, shape (N, I) with I = D + C.
///
/// Errors: [`Error::BatchMismatch`] if there is not one c per point.
pub fn join<const D: usize, const C: usize, const I: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    c: Points<C>,
) -> Result<Points<I, T>> {
    const { assert!(I == D + C, "the coordinates of both are joined") };
    let n = x.shape().0;
    check_some("the batch of points", n)?;
    check_same_batch("a context for each point", n, c.shape().0)?;
    beside(x, c)
}

/// dfdx's concatenation copies number by number, and makes a gradient of the context, too.
#[cfg(not(feature = "cuda"))]
fn beside<const D: usize, const C: usize, const I: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    c: Points<C>,
) -> Result<Points<I, T>> {
    let n = x.shape().0;
    let (x, mut tape) = x.try_contiguous()?.split_tape();
    let (left, right) = (entries(&x), entries(&c));
    let mut numbers = Vec::with_capacity(n * I);
    for row in 0..n {
        numbers.extend_from_slice(&left[row * D..(row + 1) * D]);
        numbers.extend_from_slice(&right[row * C..(row + 1) * C]);
    }
    let both = x.device().try_tensor_from_vec(numbers, (n, Const::<I>))?;
    let (input, output) = (x.ghost(), both.ghost());
    tape.add_backward_op(move |gradients| {
        // dfdx lends one gradient at a time.
        let d_both = std::mem::take(&mut **gradients.get_or_alloc_mut(&output)?);
        let d_x = gradients.get_or_alloc_mut(&input)?;
        for row in 0..n {
            let own = d_x[row * D..(row + 1) * D].iter_mut();
            own.zip(&d_both[row * I..]).for_each(|(sum, d)| *sum += d);
        }
        **gradients.get_or_alloc_mut(&output)? = d_both;
        Ok(())
    });
    Ok(both.put_tape(tape))
}

#[cfg(feature = "cuda")]
fn beside<const D: usize, const C: usize, const I: usize, T: Tape<Real, Dev>>(
    x: Points<D, T>,
    c: Points<C>,
) -> Result<Points<I, T>> {
    use dfdx::prelude::{Axis, RealizeTo, TryConcatAlong};
    let n = x.shape().0;
    let misfit =
        || Error::WrongLength { what: "points with more coordinates", expected: n * I, found: n * (D + C) };
    // Adding constant sizes needs nightly Rust, so they are run-time sizes for the time of the concatenation.
    let x = x.try_realize::<(usize, usize)>().map_err(|_| misfit())?;
    let c = c.try_realize::<(usize, usize)>().map_err(|_| misfit())?;
    let both = (x, c).try_concat_along(Axis::<1>)?;
    both.try_realize::<(usize, Const<I>)>().map_err(|_| misfit())
}
