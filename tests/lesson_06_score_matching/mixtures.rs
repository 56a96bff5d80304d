//! Mixtures, whose scores are known, and what the tests share.
#![allow(unreachable_pub)]

use super::common::laws::close;
use pushforward::change_of_variables::{Density, GaussianMixture};
use pushforward::score_matching::{NoisyMixture, Score, ScoreTangents, Sde};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};

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

#[test]
fn the_noisy_mixture_is_the_mixture_where_there_is_no_noise() {
    let x = Source::new(1).normal::<2>(20).unwrap();
    let expected: PerPoint = three().log_prob(x.clone()).unwrap();
    let noisy = NoisyMixture::new(&three(), Sde::VARIANCE_PRESERVING).unwrap();
    let found = noisy.log_prob_at(1.0, x).unwrap();
    for (expected, found) in values(&expected).into_iter().zip(values(&found)) {
        close("log p", expected.into(), found.into(), 2e-5);
    }
}

#[test]
fn the_density_of_noisy_points_is_that_of_the_noisy_mixture() {
    // On a line, so that the convolution is a sum: p_t(x) = ∫ p(x₁) N(x; α x₁, σ²) dx₁.
    let two = mixture([0.3, 0.7], [[-1.0], [2.0]], [0.5, 0.3]);
    let source = Source::new(0);
    let grid: Vec<[Real; 1]> = (0..2000).map(|i| [-6.0 + 0.006 * i as Real]).collect();
    let density: PerPoint = two.log_prob(source.points(&grid).unwrap()).unwrap();
    for sde in SDES {
        let t = 0.7;
        let (alpha, sigma) = (sde.alpha(t), sde.sigma(t));
        let x = [-1.3, 0.4, 1.9];
        let points = source.points(&x.map(|x| [x as Real])).unwrap();
        let found = NoisyMixture::new(&two, sde).unwrap().log_prob_at(t as Real, points).unwrap();
        for (x, found) in x.into_iter().zip(values(&found)) {
            let parts = grid.iter().zip(values(&density)).map(|([x_1], log_p)| {
                let z = (x - alpha * f64::from(*x_1)) / sigma;
                0.006 * (f64::from(log_p) - 0.5 * z * z).exp() / (sigma * std::f64::consts::TAU.sqrt())
            });
            close("log p_t", parts.sum::<f64>().ln(), found.into(), 1e-4);
        }
    }
}

#[test]
fn the_score_of_a_noisy_mixture_is_the_gradient_of_its_log_density_and_its_tangents_are_the_hessian() {
    use pushforward::nn::DualPoints;
    let (source, step) = (Source::new(0), Real::EPSILON.cbrt());
    let points = rows(&Source::new(1).normal::<2>(10).unwrap());
    for sde in SDES {
        let noisy = NoisyMixture::new(&three(), sde).unwrap();
        for t in [0.0, 0.6, 0.9] {
            for axis in 0..2 {
                let shifted = |by: Real| {
                    let mut points = points.clone();
                    points.iter_mut().for_each(|x| x[axis] += by);
                    source.points(&points).unwrap()
                };
                let unit = source.points(&[if axis == 0 { [1.0, 0.0] } else { [0.0, 1.0] }; 10]).unwrap();
                let dual = DualPoints::new(shifted(0.0), vec![unit]).unwrap();
                let (s, tangents, _) = noisy.score_tangents(times(t, 10), dual).unwrap().into_parts();
                let [above, below] =
                    [step, -step].map(|by| values(&noisy.log_prob_at(t, shifted(by)).unwrap()));
                let [s_above, s_below] =
                    [step, -step].map(|by| rows(&noisy.score(times(t, 10), shifted(by)).unwrap()));
                for n in 0..10 {
                    let slope = f64::from((above[n] - below[n]) / (2.0 * step));
                    close("∂ log p", slope, rows(&s)[n][axis].into(), if SINGLE { 5e-3 } else { 1e-7 });
                    for i in 0..2 {
                        let slope = f64::from((s_above[n][i] - s_below[n][i]) / (2.0 * step));
                        close("∂s", slope, rows(&tangents[0])[n][i].into(), if SINGLE { 5e-3 } else { 1e-7 });
                    }
                }
            }
        }
    }
}
