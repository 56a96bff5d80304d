//! What a solver moves: points, and numbers that go with them.

use crate::Result;
use crate::tensor::{Dev, PerPoint, Points, Real, check_same_batch};
use dfdx::prelude::{Const, HasShape, ReshapeTo, TensorFromVec};

/// What a solver moves along dx/dt = v(t, x): N rows, one for each point, of parts such as x and log p.
///
/// Points, one number for each point, and pairs and triples of states are states.
pub trait State: Parts {}

impl<S: Parts> State for S {}

/// How a state becomes a list of numbers, row after row, and back: a step is then a few sums over a list, whatever
/// the parts are.
pub trait Parts: Clone {
    /// How many numbers a row has in each part: (D, 1) for points with a number each.
    fn widths() -> Vec<usize>;

    /// N.
    ///
    /// Errors: [`Error::BatchMismatch`](crate::Error::BatchMismatch) if the parts have different numbers of points.
    fn points(&self) -> Result<usize>;

    /// The device of the tensors.
    fn device(&self) -> &Dev;

    /// Copies the numbers into rows of `width` numbers each, from the number `at` of each row on.
    fn write(&self, rows: &mut [Real], width: usize, at: usize) -> Result<()>;

    /// The state that [`write`](Self::write) has copied.
    fn read(device: &Dev, rows: &[Real], width: usize, at: usize) -> Result<Self>;
}

impl<const D: usize> Parts for Points<D> {
    fn widths() -> Vec<usize> {
        vec![D]
    }

    fn points(&self) -> Result<usize> {
        Ok(self.shape().0)
    }

    fn device(&self) -> &Dev {
        self.device()
    }

    fn write(&self, rows: &mut [Real], width: usize, at: usize) -> Result<()> {
        let points = self.clone().try_contiguous()?;
        write_part::<D>(|part| points.copy_into(part), self.shape().0, rows, width, at);
        Ok(())
    }

    fn read(device: &Dev, rows: &[Real], width: usize, at: usize) -> Result<Self> {
        let n = rows.len() / width;
        Ok(device.try_tensor_from_vec(read_part::<D>(rows, width, at), (n, Const::<D>))?)
    }
}

impl Parts for PerPoint {
    fn widths() -> Vec<usize> {
        vec![1]
    }

    fn points(&self) -> Result<usize> {
        Ok(self.shape().0)
    }

    fn device(&self) -> &Dev {
        self.device()
    }

    fn write(&self, rows: &mut [Real], width: usize, at: usize) -> Result<()> {
        let numbers = self.clone().try_contiguous()?;
        write_part::<1>(|part| numbers.copy_into(part), self.shape().0, rows, width, at);
        Ok(())
    }

    fn read(device: &Dev, rows: &[Real], width: usize, at: usize) -> Result<Self> {
        let n = rows.len() / width;
        Ok(device.try_tensor_from_vec(read_part::<1>(rows, width, at), (n,))?)
    }
}

impl<A: Parts, B: Parts> Parts for (A, B) {
    fn widths() -> Vec<usize> {
        [A::widths(), B::widths()].concat()
    }

    fn points(&self) -> Result<usize> {
        let n = self.0.points()?;
        check_same_batch("the parts of a state", n, self.1.points()?)?;
        Ok(n)
    }

    fn device(&self) -> &Dev {
        self.0.device()
    }

    fn write(&self, rows: &mut [Real], width: usize, at: usize) -> Result<()> {
        self.0.write(rows, width, at)?;
        self.1.write(rows, width, at + total::<A>())
    }

    fn read(device: &Dev, rows: &[Real], width: usize, at: usize) -> Result<Self> {
        Ok((A::read(device, rows, width, at)?, B::read(device, rows, width, at + total::<A>())?))
    }
}

impl<A: Parts, B: Parts, C: Parts> Parts for (A, B, C) {
    fn widths() -> Vec<usize> {
        [A::widths(), B::widths(), C::widths()].concat()
    }

    fn points(&self) -> Result<usize> {
        let n = self.0.points()?;
        check_same_batch("the parts of a state", n, self.1.points()?)?;
        check_same_batch("the parts of a state", n, self.2.points()?)?;
        Ok(n)
    }

    fn device(&self) -> &Dev {
        self.0.device()
    }

    fn write(&self, rows: &mut [Real], width: usize, at: usize) -> Result<()> {
        self.0.write(rows, width, at)?;
        self.1.write(rows, width, at + total::<A>())?;
        self.2.write(rows, width, at + total::<A>() + total::<B>())
    }

    fn read(device: &Dev, rows: &[Real], width: usize, at: usize) -> Result<Self> {
        let (second, third) = (at + total::<A>(), at + total::<A>() + total::<B>());
        let (a, b) = (A::read(device, rows, width, at)?, B::read(device, rows, width, second)?);
        Ok((a, b, C::read(device, rows, width, third)?))
    }
}

/// How many numbers a row has in all parts.
pub(super) fn total<S: Parts>() -> usize {
    S::widths().iter().sum()
}

/// Copies a part of n rows of D numbers each; `copy` writes it into a list without gaps.
fn write_part<const D: usize>(
    copy: impl FnOnce(&mut [Real]),
    n: usize,
    rows: &mut [Real],
    width: usize,
    at: usize,
) {
    if width == D {
        return copy(&mut rows[..n * D]);
    }
    let mut part = vec![0.0; n * D];
    copy(&mut part);
    for (row, numbers) in rows.chunks_exact_mut(width).zip(part.as_chunks::<D>().0) {
        row[at..].as_chunks_mut::<D>().0[0] = *numbers;
    }
}

/// The part of all rows, without gaps.
fn read_part<const D: usize>(rows: &[Real], width: usize, at: usize) -> Vec<Real> {
    if width == D {
        return rows.to_vec();
    }
    let part: Vec<[Real; D]> = rows.chunks_exact(width).map(|row| row[at..].as_chunks::<D>().0[0]).collect();
    part.into_flattened()
}
