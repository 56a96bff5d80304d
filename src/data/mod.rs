//! Makes data and reads it: toy distributions on the plane, tables of numbers, and the two real data sets that are
//! embedded in the crate.
//!
//! | what | range | density | follows |
//! |---|---|---|---|
//! | [`Checkerboard`] | \[−4, 4\]² | exact | FFJORD |
//! | [`TwoMoons`] | \[−1, 2\] × \[−0.5, 1\] | exact | scikit-learn, with random angles |
//! | [`EightGaussians`] | circle of radius 5 | exact | torchcfm, or FFJORD |
//! | [`Rings`] | disc of radius 3 | exact | FFJORD |
//! | [`SCurve`] | \[−1, 1\] × \[−2, 2\] | exact | scikit-learn, without its second axis |
//! | [`Pinwheel`] | disc of radius 4 | exact | FFJORD, but twisted by the radius |
//! | [`TwoSpirals`] | disc of radius 3.5 | none | FFJORD |
//!
//! The ranges are those of the shapes; noise goes beyond. Every point is drawn independently of the others, so a
//! sample of 2n points is two samples of n points (published codes place the same number of points on each part).
//!
//! Sources: scikit-learn's `sklearn.datasets`; FFJORD's `lib/toy_data.py` (Grathwohl et al. 2018, arXiv:1810.01367);
//! torchcfm's `utils.py` (Tong et al. 2023, arXiv:2302.00482).

mod arc;
mod arcs;
mod checkerboard;
mod digits;
mod gaussians;
mod iris;
mod pinwheel;
mod spirals;
mod table;

pub use arcs::{Rings, SCurve, TwoMoons};
pub use checkerboard::Checkerboard;
pub use digits::{Digits, digits};
pub use gaussians::EightGaussians;
pub use iris::{Iris, iris};
pub use pinwheel::Pinwheel;
pub use spirals::TwoSpirals;
pub use table::{Scaling, Table};

use crate::tensor::{Points, Real, Source, check_all_finite, repeat};
use crate::{Error, Result};
use rand::Rng;
use rand_distr::StandardNormal;

/// A thing that points of D coordinates can be drawn from.
///
/// ```
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::tensor::{Source, rows};
///
/// let moons = TwoMoons::default();
/// let points = moons.sample(1000, &mut Source::new(0))?;
/// assert_eq!(rows(&points).len(), 1000);
/// let again = moons.sample(1000, &mut Source::new(0))?;
/// assert_eq!(rows(&points), rows(&again), "the same seed gives the same points, to the last bit");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub trait Sample<const D: usize> {
    /// n points drawn independently, shape (n, D).
    ///
    /// Errors: [`Error::Empty`] where n is 0, [`Error::OutOfDomain`] where a parameter is not in its range,
    /// [`Error::NotFinite`] where the parameters are so large that a coordinate overflows.
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>>;
}

/// A density on the plane that is known exactly, in plain `f64`: for pictures and for tests.
///
/// ```
/// use pushforward::data::{Checkerboard, ExactDensity};
///
/// let board = Checkerboard::default();
/// let inside = board.log_density([1.0, 1.0]);
/// assert!((inside - (1.0_f64 / 32.0).ln()).abs() < 1e-12, "uniform on an area of 32, up to rounding");
/// assert_eq!(board.log_density([3.0, 1.0]), f64::NEG_INFINITY);
/// ```
pub trait ExactDensity {
    /// log p(x) in nats; −∞ outside of the support, at points that are not finite, and everywhere if a parameter is
    /// not in its range. Never NaN.
    fn log_density(&self, x: [f64; 2]) -> f64;
}

/// n points, each made by `point`.
fn draw(n: usize, source: &mut Source, mut point: impl FnMut(&mut Source) -> [f64; 2]) -> Result<Points<2>> {
    let rows = repeat(n, || point(source).map(|coordinate| coordinate as Real))?;
    check_all_finite("the sample", rows.as_flattened())?;
    source.points(&rows)
}

/// A point plus noise from N(0, std² I).
fn blurred([x, y]: [f64; 2], std: f64, source: &mut Source) -> [f64; 2] {
    let [a, b]: [f64; 2] = [source.sample(StandardNormal), source.sample(StandardNormal)];
    [x + std * a, y + std * b]
}

/// An error unless the number is positive and finite.
fn positive(what: &'static str, found: f64) -> Result<()> {
    if found > 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected: "a positive number", found })
}

/// An error unless the number is at least 1.
fn at_least_one(what: &'static str, found: usize) -> Result<()> {
    if found > 0 {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected: "at least 1", found: 0.0 })
}

/// log ∑ₖ exp(aₖ), −∞ where every aₖ is −∞.
pub(crate) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// `density` at x where the parameters are valid and x is finite, −∞ elsewhere.
fn log_density_or_none(parameters: Result<()>, x: [f64; 2], density: impl FnOnce() -> f64) -> f64 {
    if parameters.is_err() || !x.iter().all(|coordinate| coordinate.is_finite()) {
        return f64::NEG_INFINITY;
    }
    density()
}
