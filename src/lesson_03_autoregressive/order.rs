//! Who comes before whom.

use crate::{Error, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::fmt::Debug;

/// The order in which the features of a point are taken: feature i depends on those of a smaller rank.
///
/// It is a type and not a number in a model, so that it cannot be lost where dfdx converts or copies the model.
pub trait Order: Copy + Default + Debug + Send + Sync + 'static {
    /// The rank of each of D features: every number from 0 to the largest rank is taken. Features of one rank do not
    /// depend on each other.
    fn ranks(features: usize) -> Vec<usize>;
}

/// The ranks of an order that anyone may have written.
///
/// Errors: [`Error::WrongLength`]; [`Error::OutOfDomain`] for a rank without the one before it.
pub(super) fn ranks<R: Order>(features: usize) -> Result<Vec<usize>> {
    let ranks = R::ranks(features);
    check(&ranks, features)?;
    Ok(ranks)
}

fn check(ranks: &[usize], features: usize) -> Result<()> {
    let found = ranks.len();
    if found != features {
        return Err(Error::WrongLength { what: "the ranks of an order", expected: features, found });
    }
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable();
    let mut next = 0;
    for rank in sorted {
        if rank > next {
            let (what, expected) = ("a rank of an order", "0, or one more than that of another feature");
            return Err(Error::OutOfDomain { what, expected, found: rank as f64 });
        }
        next = rank + 1;
    }
    Ok(())
}

/// x₁ first, then x₂, and so on.
///
/// ```
/// use pushforward::autoregressive::{Natural, Order};
///
/// assert_eq!(Natural::ranks(4), [0, 1, 2, 3]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Natural;

/// The last feature first.
///
/// ```
/// use pushforward::autoregressive::{Order, Reversed};
///
/// assert_eq!(Reversed::ranks(4), [3, 2, 1, 0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reversed;

/// A random order, the same for the same seed and number of features.
///
/// ```
/// use pushforward::autoregressive::{Order, Shuffled};
///
/// let mut ranks = Shuffled::<7>::ranks(10);
/// assert_ne!(ranks, Shuffled::<8>::ranks(10));
/// ranks.sort();
/// assert_eq!(ranks, Vec::from_iter(0..10), "a permutation");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shuffled<const SEED: u64>;

/// The first ⌈D/2⌉ features have rank 0 and the others rank 1: the order of a coupling layer.
///
/// ```
/// use pushforward::autoregressive::{Halves, Order};
///
/// assert_eq!(Halves::ranks(5), [0, 0, 0, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halves;

impl Order for Natural {
    fn ranks(features: usize) -> Vec<usize> {
        (0..features).collect()
    }
}

impl Order for Reversed {
    fn ranks(features: usize) -> Vec<usize> {
        (0..features).rev().collect()
    }
}

impl<const SEED: u64> Order for Shuffled<SEED> {
    fn ranks(features: usize) -> Vec<usize> {
        let mut ranks = Natural::ranks(features);
        ranks.shuffle(&mut StdRng::seed_from_u64(SEED));
        ranks
    }
}

impl Order for Halves {
    fn ranks(features: usize) -> Vec<usize> {
        (0..features).map(|i| usize::from(i >= features.div_ceil(2))).collect()
    }
}
