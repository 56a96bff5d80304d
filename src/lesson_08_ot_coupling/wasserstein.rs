//! The distance between two sets of points.

use super::{Costs, assign, transport};
use crate::Result;
use crate::tensor::Points;

/// The distance of Wasserstein of order 2 between N points x and M points y of equal weight each, exactly:
/// W₂ = (min Σᵢⱼ πᵢⱼ |xᵢ − yⱼ|²)^½ over all plans with row masses 1/N and column masses 1/M (Peyré and Cuturi 2019,
/// arXiv:1803.00567, section 2.4).
///
/// As many points as points are paired by [`assign`], others by [`transport()`], which takes longer.
///
/// Errors: [`Error::Empty`](crate::Error::Empty); [`Error::NotFinite`](crate::Error::NotFinite); those of
/// [`Costs::squared_distances`].
///
/// ```
/// use pushforward::ot_coupling::wasserstein_2;
/// use pushforward::tensor::Source;
///
/// let source = Source::new(0);
/// let x = source.points(&[[0.0, 0.0], [1.0, 0.0]])?;
/// let moved = source.points(&[[4.0, 4.0], [3.0, 4.0]])?;
/// assert!((wasserstein_2(&x, &moved)? - 5.0).abs() < 1e-12, "both move by (3, 4): no map is cheaper");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn wasserstein_2<const D: usize>(x: &Points<D>, y: &Points<D>) -> Result<f64> {
    let costs = Costs::squared_distances(x, y)?;
    let (rows, columns) = (costs.rows(), costs.columns());
    let mean = if rows == columns {
        assign(&costs)?.cost / rows as f64
    } else {
        let even = |n: usize| vec![1.0 / n as f64; n];
        transport(&costs, &even(rows), &even(columns))?.plan.cost(&costs)?
    };
    // Rounding may leave the cost of equal points below 0.
    Ok(mean.max(0.0).sqrt())
}
