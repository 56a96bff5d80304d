//! Which x₀ goes to which x₁.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::{Costs, Entropic, Sinkhorn, assign};
use crate::tensor::{Points, Real, Source, check_finite, check_positive, check_same_batch, check_some, rows};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, TensorFromVec};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Row i of x₀ goes to row i of x₁.
#[derive(Clone, Debug)]
pub struct Pairs<const D: usize> {
    /// Where the paths begin, shape (N, D).
    pub x_0: Points<D>,
    /// Where they end, shape (N, D).
    pub x_1: Points<D>,
}

impl<const D: usize> Pairs<D> {
    /// Row i of x₀ with row j of x₁ for each (i, j) of a list, in its order; a row may occur often, or never.
    ///
    /// Errors: [`Error::Empty`] for an empty list; [`Error::OutOfDomain`] for a row that there is not.
    ///
    /// ```
    /// use pushforward::ot_coupling::Pairs;
    /// use pushforward::tensor::{Points, Source, rows};
    ///
    /// let source = Source::new(0);
    /// let (x_0, x_1): (Points<1>, Points<1>) = (source.points(&[[0.0], [1.0]])?, source.points(&[[10.0], [20.0]])?);
    /// let pairs = Pairs::select(&x_0, &x_1, &[(1, 0), (1, 1)])?;
    /// assert_eq!((rows(&pairs.x_0), rows(&pairs.x_1)), (vec![[1.0], [1.0]], vec![[10.0], [20.0]]));
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    pub fn select(x_0: &Points<D>, x_1: &Points<D>, list: &[(usize, usize)]) -> Result<Self> {
        let (left, right): (Vec<usize>, Vec<usize>) = list.iter().copied().unzip();
        Ok(Self { x_0: take(x_0, &left)?, x_1: take(x_1, &right)? })
    }

    /// The mean over pairs of |x₁ − x₀|²: the path energy of straight lines between them.
    ///
    /// Errors: [`Error::BatchMismatch`], [`Error::Empty`], [`Error::NotFinite`].
    pub fn mean_squared_distance(&self) -> Result<f64> {
        self.check()?;
        let square = |(a, b): ([Real; D], [Real; D])| -> f64 {
            a.iter().zip(b).map(|(a, b)| (f64::from(b) - f64::from(*a)).powi(2)).sum()
        };
        let sum: f64 = rows(&self.x_0).into_iter().zip(rows(&self.x_1)).map(square).sum();
        Ok(sum / self.len() as f64)
    }

    /// An error unless both sides have as many points, at least one, and all of them are finite.
    pub(super) fn check(&self) -> Result<()> {
        check_same_batch("the pairs of x_0 and x_1", self.x_0.shape().0, self.x_1.shape().0)?;
        check_finite("x_0", &self.x_0)?;
        check_finite("x_1", &self.x_1)
    }

    /// N, of x₀.
    pub(super) fn len(&self) -> usize {
        self.x_0.shape().0
    }
}

/// The rows of a list, in its order.
fn take<const D: usize>(points: &Points<D>, list: &[usize]) -> Result<Points<D>> {
    check_some("the list of rows", list.len())?;
    let rows = rows(points);
    let row = |i: &usize| {
        let (what, expected) = ("a row of a pair", "below the number of points");
        rows.get(*i).copied().ok_or(Error::OutOfDomain { what, expected, found: *i as f64 })
    };
    let numbers = list.iter().map(row).collect::<Result<Vec<_>>>()?.into_flattened();
    Ok(points.device().try_tensor_from_vec(numbers, (list.len(), Const::<D>))?)
}

/// A way to pair the points of two batches, q(x₀, x₁): a field is trained on the paths between them.
///
/// Every coupling whose sides have the distributions of x₀ and of x₁ gives a field that carries one to the other (Tong
/// et al. 2023, arXiv:2302.00482, section 3.1). The pairs decide along which paths.
pub trait Coupling<const D: usize> {
    /// Pairs of x₀ and x₁.
    ///
    /// Errors: [`Error::Empty`] and [`Error::NotFinite`] for x₀ and x₁; [`Error::BatchMismatch`] where the coupling
    /// needs as many of one as of the other.
    fn pair(&self, x_0: Points<D>, x_1: Points<D>, source: &mut Source) -> Result<Pairs<D>>;
}

/// q(x₀) q(x₁): the pairs as they come, which knows nothing of distances (the coupling of I-CFM; Tong et al. 2023,
/// arXiv:2302.00482, section 3.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Independent;

impl<const D: usize> Coupling<D> for Independent {
    fn pair(&self, x_0: Points<D>, x_1: Points<D>, _: &mut Source) -> Result<Pairs<D>> {
        let pairs = Pairs { x_0, x_1 };
        pairs.check()?;
        Ok(pairs)
    }
}

/// The pairs with the least sum of |x₁ − x₀|², exactly (the coupling of OT-CFM; Tong et al. 2023, arXiv:2302.00482,
/// section 3.2.3; Pooladian et al. 2023, arXiv:2304.14772).
///
/// Between two batches of one size there is a best plan that is a permutation: every x₀ and every x₁ is in one pair.
/// Published code draws N pairs with replacement from that plan instead ([`Plan::pairs`](super::Plan::pairs)), and so
/// loses a part (1 − 1/N)ᴺ ≈ 1/e of the points of each batch.
///
/// The best pairs of batches are not those of the distributions: from one batch to another they cross, the more the
/// smaller the batches are.
///
/// ```
/// use pushforward::ot_coupling::{Coupling, ExactOt, Independent};
/// use pushforward::tensor::{Points, Source, rows};
///
/// let mut source = Source::new(0);
/// let x_0: Points<1> = source.points(&[[0.0], [1.0], [2.0]])?;
/// let x_1: Points<1> = source.points(&[[12.0], [10.0], [11.0]])?;
/// let independent = Independent.pair(x_0.clone(), x_1.clone(), &mut source)?;
/// let exact = ExactOt.pair(x_0, x_1, &mut source)?;
/// assert_eq!(rows(&exact.x_1), [[10.0], [11.0], [12.0]], "on a line, the order is kept");
/// assert_eq!(exact.mean_squared_distance()?, 100.0, "each goes 10 far");
/// assert_eq!(independent.mean_squared_distance()?, (144.0 + 81.0 + 81.0) / 3.0);
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExactOt;

impl<const D: usize> Coupling<D> for ExactOt {
    fn pair(&self, x_0: Points<D>, x_1: Points<D>, _: &mut Source) -> Result<Pairs<D>> {
        check_same_batch("the pairs of x_0 and x_1", x_0.shape().0, x_1.shape().0)?;
        let best = assign(&Costs::squared_distances(&x_0, &x_1)?)?;
        let x_1 = take(&x_1, &best.columns)?;
        Ok(Pairs { x_0, x_1 })
    }
}

/// Pairs drawn from the entropic plan of Sinkhorn's algorithm: for each x₀ one x₁, drawn given it. No x₀ is lost; an x₁
/// is in one pair on average. The batches may differ in size.
///
/// [`Sinkhorn::epsilon`] is a multiple of the mean cost, here the mean of |x₁ − x₀|² over all pairs of the two batches:
/// the same setting blurs points of any scale alike. The ε = 2σ² of [`SchrodingerBridge`] is absolute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SinkhornOt(pub Sinkhorn);

impl<const D: usize> Coupling<D> for SinkhornOt {
    fn pair(&self, x_0: Points<D>, x_1: Points<D>, source: &mut Source) -> Result<Pairs<D>> {
        entropic_pairs(x_0, &x_1, source, |costs, a, b| self.0.solve(costs, a, b))
    }
}

/// The pairs of the ends of a Schrödinger bridge of variance σ²: the entropic plan with ε = 2σ² for the cost |x₁ − x₀|²
/// (the coupling of SB-CFM; Tong et al. 2023, arXiv:2302.00482, section 3.2.4).
///
/// A Brownian motion of variance σ² goes from x₀ to x₁ with a density in proportion to exp(−|x₁ − x₀|² / 2σ²), which is
/// the kernel of this plan. With the [bridge](super::TwoSidedPath::Bridge) of the same σ between its pairs it is the
/// whole Schrödinger bridge.
///
/// ε is absolute here, in the unit of |x₁ − x₀|², and not a multiple of the mean cost as that of [`Sinkhorn`] is: where
/// the points are scaled, σ must be scaled with them. Small σ need many iterations, up to |x₁ − x₀|² / σ² or so. They end
/// after 10,000, which is enough for σ above a fiftieth of the distances or so; a smaller σ is an
/// [`Error::OutOfDomain`]. With σ so small, [`ExactOt`] has nearly the same pairs.
///
/// ```
/// use pushforward::ot_coupling::{Coupling, ExactOt, Independent, SchrodingerBridge};
/// use pushforward::tensor::Source;
///
/// let mut source = Source::new(0);
/// let (x_0, x_1) = (source.normal::<2>(128)?, source.normal::<2>(128)?);
/// let mut energy = |coupling: &dyn Coupling<2>| {
///     coupling.pair(x_0.clone(), x_1.clone(), &mut Source::new(1))?.mean_squared_distance()
/// };
/// let bridges = [0.5, 5.0].map(|sigma| SchrodingerBridge { sigma });
/// let (near, far) = (energy(&bridges[0])?, energy(&bridges[1])?);
/// assert!(energy(&ExactOt)? < near, "no pairs have less energy than the best ones");
/// assert!(near < 0.5 * far, "with much noise, the pairs are nearly independent");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SchrodingerBridge {
    /// σ, positive.
    pub sigma: f64,
}

impl<const D: usize> Coupling<D> for SchrodingerBridge {
    fn pair(&self, x_0: Points<D>, x_1: Points<D>, source: &mut Source) -> Result<Pairs<D>> {
        check_positive("sigma of a bridge", self.sigma)?;
        let epsilon = 2.0 * self.sigma * self.sigma;
        let sinkhorn =
            Sinkhorn { tolerance: TOLERANCE, max_iterations: MAX_ITERATIONS, ..Sinkhorn::default() };
        let too_small = || Error::OutOfDomain {
            what: "sigma of a bridge",
            expected: "larger, for Sinkhorn's iteration needs about |x_1 - x_0|² / sigma² steps: or use `ExactOt`",
            found: self.sigma,
        };
        entropic_pairs(x_0, &x_1, source, |costs, a, b| {
            if epsilon < f64::EPSILON * costs.mean_size() {
                return Err(too_small());
            }
            sinkhorn.solve_at(epsilon, costs, a, b).map_err(|error| match error {
                Error::NotConverged { .. } => too_small(),
                other => other,
            })
        })
    }
}

/// Masses that are wrong by so much, of 1, are far below what a batch can show.
const TOLERANCE: f64 = 1e-4;
/// Some seconds for a thousand points on each side.
const MAX_ITERATIONS: usize = 10_000;

/// For each x₀ one x₁, drawn given it from the plan that `solve` finds for the costs and equal masses.
fn entropic_pairs<const D: usize>(
    x_0: Points<D>,
    x_1: &Points<D>,
    source: &mut Source,
    solve: impl FnOnce(&Costs, &[f64], &[f64]) -> Result<Entropic>,
) -> Result<Pairs<D>> {
    let costs = Costs::squared_distances(&x_0, x_1)?;
    let even = |n: usize| vec![1.0 / n as f64; n];
    let plan = solve(&costs, &even(costs.rows()), &even(costs.columns()))?.plan;
    let x_1 = take(x_1, &plan.partners(source)?)?;
    Ok(Pairs { x_0, x_1 })
}

/// A coupling within each class, for fields that are conditional on the class of x₁.
///
/// Published code pairs the whole batch and takes the class of x₁ along. Then the x₀ of a class are those that are near
/// to its points: p(x₀ | class) is not p(x₀), of which a sampler draws (Cheng and Schwing 2025, arXiv:2503.10636). Here
/// x₀ is shared out among the classes at random first, whatever the points are, and then paired within each of them.
///
/// ```
/// use pushforward::ot_coupling::{ClassAware, Coupling, ExactOt};
/// use pushforward::tensor::{Points, Source, rows};
///
/// let mut source = Source::new(0);
/// let x_0: Points<1> = source.normal(1000)?;
/// let classes: Vec<usize> = (0..1000).map(|i| i % 2).collect();
/// let ends: Vec<[_; 1]> = classes.iter().map(|class| [if *class == 0 { -5.0 } else { 5.0 }]).collect();
/// let x_1 = source.points(&ends)?;
/// // How many x₀ of the class on the left begin on the left.
/// let left = |x_0: &Points<1>, x_1: &Points<1>| {
///     rows(x_0).iter().zip(rows(x_1)).filter(|([a], [b])| *b < 0.0 && *a < 0.0).count()
/// };
/// let across = ExactOt.pair(x_0.clone(), x_1.clone(), &mut source)?;
/// assert!(left(&across.x_0, &across.x_1) > 450, "nearly all 500, where p(x₀) has half of them");
/// let within = ClassAware(ExactOt).pair(x_0, x_1, &classes, &mut source)?;
/// let found = left(&within.x_0, &within.x_1).abs_diff(250);
/// assert!(found < 50, "half of 500 within 4.5 standard errors of 11");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassAware<C>(pub C);

impl<C> ClassAware<C> {
    /// Pairs within each class, given the class of each x₁. The class of pair i is `classes[i]`, as before.
    ///
    /// Errors: [`Error::BatchMismatch`] unless there are as many x₀ as x₁ and a class for each; [`Error::Empty`];
    /// [`Error::NotFinite`]; those of the coupling.
    pub fn pair<const D: usize>(
        &self,
        x_0: Points<D>,
        x_1: Points<D>,
        classes: &[usize],
        source: &mut Source,
    ) -> Result<Pairs<D>>
    where
        C: Coupling<D>,
    {
        let all = Pairs { x_0, x_1 };
        all.check()?;
        check_same_batch("a class for each x_1", all.len(), classes.len())?;
        let mut shares: Vec<usize> = (0..all.len()).collect();
        shares.shuffle(source);
        let (mut from, mut to) = (rows(&all.x_0), rows(&all.x_1));
        for places in by_class(classes).into_values() {
            let share: Vec<usize> = places.iter().map(|place| shares[*place]).collect();
            let pairs = self.0.pair(take(&all.x_0, &share)?, take(&all.x_1, &places)?, source)?;
            pairs.check()?;
            check_same_batch("the pairs of a class", places.len(), pairs.len())?;
            let found = rows(&pairs.x_0).into_iter().zip(rows(&pairs.x_1));
            for (place, (x_0, x_1)) in places.into_iter().zip(found) {
                (from[place], to[place]) = (x_0, x_1);
            }
        }
        let points = |rows: Vec<[Real; D]>| -> Result<Points<D>> {
            let n = rows.len();
            Ok(all.x_0.device().try_tensor_from_vec(rows.into_flattened(), (n, Const::<D>))?)
        };
        Ok(Pairs { x_0: points(from)?, x_1: points(to)? })
    }
}

/// The places of each class.
fn by_class(classes: &[usize]) -> BTreeMap<usize, Vec<usize>> {
    let mut places = BTreeMap::<usize, Vec<usize>>::new();
    for (place, class) in classes.iter().enumerate() {
        places.entry(*class).or_default().push(place);
    }
    places
}
