//! Mixtures, whose scores are known.

use super::common::laws::close;
use super::common::mixtures::{SDES, SINGLE, mixture, three, times};
use pushforward::change_of_variables::Density;
use pushforward::score_matching::{NoisyMixture, Score, ScoreTangents, Sde};
use pushforward::tensor::{PerPoint, Real, Source, rows, values};

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
