//! Mixtures, whose scores are known, and the moments of points.

use pushforward::change_of_variables::GaussianMixture;
use pushforward::score_matching::Sde;
use pushforward::tensor::{PerPoint, Points, Real, Source, rows};

/// Whether numbers have single precision.
pub const SINGLE: bool = size_of::<Real>() == 4;

pub const SDES: [Sde; 3] = [Sde::VARIANCE_EXPLODING, Sde::VARIANCE_PRESERVING, Sde::SUB_VARIANCE_PRESERVING];

/// A mixture with these weights.
pub fn mixture<const D: usize, const K: usize>(
    weights: [Real; K],
    means: [[Real; D]; K],
    std: [Real; K],
) -> GaussianMixture<D, K> {
    let source = Source::new(0);
    let mut mixture = GaussianMixture::new(&source, means, std).unwrap();
    mixture.logits = pushforward::dfdx::prelude::TensorFrom::tensor(source.device(), weights.map(Real::ln));
    mixture
}

/// Two modes apart, of different weights.
pub fn two() -> GaussianMixture<2, 2> {
    mixture([0.3, 0.7], [[-1.5, 1.0], [1.0, -0.5]], [0.3, 0.5])
}

/// Three Gaussians of different weights, whose mean is 0.
pub fn three() -> GaussianMixture<2, 3> {
    mixture([0.2, 0.3, 0.5], [[-1.0, 0.5], [1.4, -0.4], [-0.44, 0.04]], [0.5, 0.7, 0.4])
}

/// n times.
pub fn times(t: Real, n: usize) -> PerPoint {
    Source::new(0).per_point(&vec![t; n]).unwrap()
}

/// The mean of some numbers and its standard error.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// A batch without points.
pub fn no_points<const D: usize>() -> Points<D> {
    use pushforward::dfdx::prelude::{Const, TensorFromVec};
    Source::new(0).device().tensor_from_vec(Vec::new(), (0, Const::<D>))
}

/// The moments of points, each with its standard error: x, y, x², y², xy.
pub fn moments(points: &Points<2>) -> [(f64, f64); 5] {
    let rows = rows(points);
    let moment = |f: fn(f64, f64) -> f64| {
        mean_and_error(&rows.iter().map(|[x, y]| f((*x).into(), (*y).into())).collect::<Vec<_>>())
    };
    [moment(|x, _| x), moment(|_, y| y), moment(|x, _| x * x), moment(|_, y| y * y), moment(|x, y| x * y)]
}

/// The moments of the mixture at time t.
pub fn true_moments<const K: usize>(mixture: &GaussianMixture<2, K>, sde: &Sde, t: f64) -> [f64; 5] {
    let (alpha, sigma) = (sde.alpha(t), sde.sigma(t));
    let weights: Vec<f64> = mixture.logits.as_vec().into_iter().map(|w| f64::from(w).exp()).collect();
    let (means, log_std) = (mixture.means.as_vec(), mixture.log_std.as_vec());
    let mut moments = [0.0; 5];
    for (k, weight) in weights.iter().enumerate() {
        let [x, y] = [means[2 * k], means[2 * k + 1]].map(|m| alpha * f64::from(m));
        let variance = (alpha * f64::from(log_std[k]).exp()).powi(2) + sigma * sigma;
        let part = [x, y, x * x + variance, y * y + variance, x * y];
        moments.iter_mut().zip(part).for_each(|(sum, part)| *sum += weight * part);
    }
    moments
}

/// Every moment is the true one within so many standard errors and a bias.
pub fn has_moments(name: &str, points: &Points<2>, expected: [f64; 5], errors: f64, bias: f64) {
    for ((found, error), expected) in moments(points).into_iter().zip(expected) {
        println!("{name}: expected {expected:.4}, found {found:.4} ± {error:.4}");
        let off = (found - expected).abs();
        assert!(off < errors * error + bias, "{name}: {found} ± {error}, not {expected}");
    }
}
