//! Score, noise and data.

use super::common::laws::close;
use super::common::mixtures::{SDES, times};
use pushforward::Error;
use pushforward::score_matching::{NoisyMixture, Score, Sde};
use pushforward::tensor::{Points, Real, Source, rows};

const TOLERANCE: f64 = if size_of::<Real>() == 4 { 2e-3 } else { 1e-11 };

fn same(what: &str, expected: &Points<2>, found: &Points<2>) {
    for (expected, found) in rows(expected).as_flattened().iter().zip(rows(found).as_flattened()) {
        close(what, (*expected).into(), (*found).into(), TOLERANCE);
    }
}

#[test]
fn conversions_undo_each_other_and_give_what_the_sample_was_made_of() {
    let mut source = Source::new(3);
    let t = source.per_point(&[0.1, 0.3, 0.6, 0.9, 0.99]).unwrap();
    for sde in SDES {
        let (x_1, noise) = (source.normal::<2>(5).unwrap(), source.normal::<2>(5).unwrap());
        let x_t = sde.diffuse(x_1.clone(), t.clone(), noise.clone()).unwrap().x_t;
        let score = sde.score_from_noise(&t, noise.clone()).unwrap();
        same("noise of score", &noise, &sde.noise_from_score(&t, score.clone()).unwrap());
        // α down to 0.02 divides the roundings of x_t.
        let kept = source.per_point(&[0.6, 0.9, 0.99]).unwrap();
        let tail = |x: &Points<2>| source.points(&rows(x)[2..]).unwrap();
        let data = sde.data_from_noise(&kept, tail(&x_t), tail(&noise)).unwrap();
        same("data of noise", &tail(&x_1), &data);
        let data = sde.data_from_score(&kept, tail(&x_t), tail(&score)).unwrap();
        same("data of score", &tail(&x_1), &data);
        same("noise of data", &noise, &sde.noise_from_data(&t, x_t.clone(), x_1.clone()).unwrap());
        same("score of data", &score, &sde.score_from_data(&t, x_t, x_1).unwrap());
    }
}

#[test]
fn where_there_is_no_noise_it_cannot_be_found() {
    let mut source = Source::new(3);
    let (x, y) = (source.normal::<2>(1).unwrap(), source.normal::<2>(1).unwrap());
    let end = times(1.0, 1);
    for sde in [Sde::VARIANCE_PRESERVING, Sde::SUB_VARIANCE_PRESERVING] {
        for found in [
            sde.score_from_noise(&end, x.clone()),
            sde.score_from_data(&end, x.clone(), y.clone()),
            sde.noise_from_data(&end, x.clone(), y.clone()),
        ] {
            assert!(matches!(found, Err(Error::OutOfDomain { found: 1.0, .. })), "{found:?}");
        }
        let data = sde.data_from_score(&end, x.clone(), y.clone()).unwrap();
        assert_eq!(rows(&data), rows(&x), "the point is the data");
    }
    assert!(Sde::VARIANCE_EXPLODING.score_from_noise(&end, x).is_ok(), "its noise is sigma_min");
}

/// E[x₁ | x_t] of one Gaussian N(μ, τ²) is μ + α τ² (x_t − α μ) / (α² τ² + σ²).
#[test]
fn tweedies_formula_gives_the_mean_of_the_data() {
    let one = super::common::mixtures::mixture([1.0], [[0.7, -0.2]], [0.6]);
    let x = Source::new(1).normal::<2>(5).unwrap();
    let t = times(0.7, 5);
    for sde in SDES {
        let score = NoisyMixture::new(&one, sde).unwrap().score(t.clone(), x.clone()).unwrap();
        let found = rows(&sde.data_from_score(&t, x.clone(), score).unwrap());
        let at = f64::from(0.7 as Real);
        let (alpha, sigma) = (sde.alpha(at), sde.sigma(at));
        for (x, found) in rows(&x).iter().zip(found) {
            for (i, mean) in [0.7, -0.2].into_iter().enumerate() {
                let gain = alpha * 0.36 / (alpha * alpha * 0.36 + sigma * sigma);
                let expected = mean + gain * (f64::from(x[i]) - alpha * mean);
                close("E x₁", expected, found[i].into(), if size_of::<Real>() == 4 { 1e-4 } else { 1e-6 });
            }
        }
    }
}
