//! The spectral norm of a weight: from below by power iteration, from above by Gram iteration.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::gram::{schatten, transposed};
use crate::tensor::{Dev, Real, Source, check_all_finite, check_some, entries};
use crate::{Error, Result};
use dfdx::prelude::{Rank2, Tensor};
use rand::Rng;
use rand_distr::StandardNormal;

/// A norm of a matrix W, and what it changes by with W.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixNorm {
    /// The norm.
    pub value: f64,
    /// Its derivative by each entry of W, row after row.
    pub gradient: Vec<f64>,
}

/// How often [`spectral_bound`] squares a Gram matrix where a network is made to contract: the bound is then at most 0.82 %
/// above the norm of a matrix whose smaller side is 64.
pub const SQUARINGS: u32 = 8;

/// The Schatten norm S = (Σ σᵢ²ᵖ)^(1/2p) with p = 2ᵐ + 1: a bound from above of the largest singular value σ of W, which is
/// σ ≤ S ≤ r^(1/2p) σ, r the smaller side of W.
///
/// m squarings of the smaller of WᵀW and WWᵀ give it (a form of the Gram iteration of Delattre et al. 2023, arXiv:2305.16173). It has no
/// state, and W / S has a spectral norm of at most 1 at once; the gradient is exact, ∂S/∂W = S¹⁻²ᵖ W (WᵀW)^(p−1).
///
/// ```
/// use pushforward::dfdx::prelude::TensorFrom;
/// use pushforward::residual::spectral_bound;
/// use pushforward::tensor::Source;
///
/// let weight = Source::new(0).device().tensor([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
/// let bound = spectral_bound(&weight, 8)?;
/// assert!((bound.value - 3.0).abs() < 1e-12, "(2/3)²ᵖ is 0 beside 1");
/// assert!((spectral_bound(&weight, 0)?.value - (81.0f64 + 16.0).powf(0.25)).abs() < 1e-12, "without squarings p = 2");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::NotFinite`] for an entry; [`Error::OutOfDomain`] for m above 24; [`Error::Empty`].
pub fn spectral_bound<const I: usize, const O: usize>(
    weight: &Tensor<Rank2<O, I>, Real, Dev>,
    squarings: u32,
) -> Result<MatrixNorm> {
    bound(&entries(weight), O, squarings)
}

pub(super) fn bound(weight: &[Real], rows: usize, squarings: u32) -> Result<MatrixNorm> {
    check_all_finite("a weight", weight)?;
    if squarings > 24 {
        let (what, expected) = ("the number of squarings", "at most 24");
        return Err(Error::OutOfDomain { what, expected, found: squarings.into() });
    }
    let weight: Vec<f64> = weight.iter().map(|w| f64::from(*w)).collect();
    let (value, gradient) = schatten(&weight, rows, squarings);
    Ok(MatrixNorm { value, gradient })
}

/// Power iteration: v ← WᵀW v / |WᵀW v| turns v to the direction that W stretches most, and |W v| grows to the spectral
/// norm (Miyato et al. 2018, arXiv:1802.05957, algorithm 1, which keeps v between the steps of training and takes one
/// step in each).
///
/// **It is a bound from below.** W / |W v| has a norm of at least 1: dividing by it promises nothing, and how much is
/// missing after a few steps depends on how close the second singular value is. [`spectral_bound`] is one from above.
///
/// ```
/// use pushforward::dfdx::prelude::TensorFrom;
/// use pushforward::residual::PowerIteration;
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let weight = source.device().tensor([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
/// let mut iteration = PowerIteration::new(3, &mut source)?;
/// let first = iteration.update(&weight, 1)?.value;
/// let later = iteration.update(&weight, 20)?.value;
/// assert!(first < later && later <= 3.0 && later > 2.9999, "it comes from below");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PowerIteration {
    /// v, of length 1.
    direction: Vec<f64>,
}

impl PowerIteration {
    /// A random direction for matrices with so many columns. Errors: [`Error::Empty`] for none.
    pub fn new(columns: usize, source: &mut Source) -> Result<Self> {
        check_some("the columns of a matrix", columns)?;
        let mut direction: Vec<f64> = (0..columns).map(|_| source.sample(StandardNormal)).collect();
        normalize(&mut direction);
        Ok(Self { direction })
    }

    /// Takes some steps, and gives |W v| ≤ σ with its derivative u vᵀ, u = W v / |W v|, in which u and v are held fixed.
    ///
    /// A matrix that v is lost in, such as 0, has the norm 0 and leaves v as it is.
    ///
    /// Errors: [`Error::NotFinite`] for an entry; [`Error::WrongLength`] for a matrix with another number of columns.
    pub fn update<const I: usize, const O: usize>(
        &mut self,
        weight: &Tensor<Rank2<O, I>, Real, Dev>,
        steps: usize,
    ) -> Result<MatrixNorm> {
        self.iterate(&entries(weight), I, steps)
    }

    fn iterate(&mut self, weight: &[Real], columns: usize, steps: usize) -> Result<MatrixNorm> {
        check_all_finite("a weight", weight)?;
        if columns != self.direction.len() {
            let what = "the direction of a power iteration";
            return Err(Error::WrongLength { what, expected: columns, found: self.direction.len() });
        }
        let largest = weight.iter().fold(0.0, |largest: f64, w| largest.max(f64::from(w.abs())));
        if largest == 0.0 {
            return Ok(MatrixNorm { value: 0.0, gradient: vec![0.0; weight.len()] });
        }
        // Scaled, so that squares neither overflow nor vanish.
        let weight: Vec<f64> = weight.iter().map(|w| f64::from(*w) / largest).collect();
        let transpose = transposed(&weight, weight.len() / columns);
        for _ in 0..steps {
            let mut next = times(&transpose, &times(&weight, &self.direction));
            if normalize(&mut next) > 0.0 {
                self.direction = next;
            }
        }
        let mut left = times(&weight, &self.direction);
        let value = normalize(&mut left) * largest;
        let gradient = left.iter().flat_map(|u| self.direction.iter().map(move |v| u * v)).collect();
        Ok(MatrixNorm { value, gradient })
    }
}

/// A v, for A row after row.
fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| row.iter().zip(vector).map(|(a, v)| a * v).sum()).collect()
}

/// Divides a vector by its length, which is given back; a vector of zeros stays.
fn normalize(vector: &mut [f64]) -> f64 {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|v| *v /= length);
    }
    length
}
