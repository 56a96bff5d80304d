//! The marginals of the equations, by simulation and by their own equations.

use super::common::laws::{ROUNDING, close};
use super::common::mixtures::{SDES, mean_and_error};
use pushforward::score_matching::{NoiseLevels, Sde};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};
use rand::Rng;
use rand_distr::StandardNormal;

/// Paths of dx = f x ds + g dw from x to the time t, by a scheme whose bias is of the order h² = 10⁻⁶.
fn simulate(sde: &Sde, mut x: Vec<f64>, from: f64, to: f64, source: &mut Source) -> Vec<f64> {
    let steps = (2000.0 * (from - to)).ceil().max(1.0) as usize;
    let h = (from - to) / steps as f64;
    for step in 0..steps {
        let middle = from - (step as f64 + 0.5) * h;
        let (f, g) = (sde.drift(middle) * h, sde.diffusion(middle) * h.sqrt());
        for x in &mut x {
            let z: f64 = source.sample(StandardNormal);
            // The noise comes in the middle of the step and drifts through half of it.
            *x += f * *x + 0.5 * f * f * *x + g * (1.0 + 0.5 * f) * z;
        }
    }
    x
}

const PATHS: usize = 10_000;
const X_1: f64 = 1.5;

/// Where the equation begins: at the data, and for exploding variance with the noise that it has there.
fn beginning(sde: &Sde, source: &mut Source) -> Vec<f64> {
    (0..PATHS).map(|_| X_1 + sde.sigma(1.0) * source.sample::<f64, _>(StandardNormal)).collect()
}

fn mean_and_variance(x: &[f64]) -> ((f64, f64), (f64, f64)) {
    let (mean, error) = mean_and_error(x);
    let squares: Vec<f64> = x.iter().map(|x| (x - mean).powi(2)).collect();
    ((mean, error), mean_and_error(&squares))
}

#[test]
fn simulated_paths_have_the_marginals_of_the_formulas_at_both_ends_and_between() {
    for sde in SDES {
        let mut source = Source::new(1);
        let (mut x, mut from) = (beginning(&sde, &mut source), 1.0);
        for t in [1.0, 0.98, 0.8, 0.4, 0.0] {
            x = simulate(&sde, x, from, t, &mut source);
            from = t;
            let ((mean, mean_error), (variance, variance_error)) = mean_and_variance(&x);
            let (expected_mean, expected) = (sde.alpha(t) * X_1, sde.sigma(t).powi(2));
            println!(
                "{sde:?}, t = {t}: mean {mean:.4} ({expected_mean:.4}), variance {variance:.5} ({expected:.5})"
            );
            assert!((mean - expected_mean).abs() <= 3.0 * mean_error, "{sde:?}, t = {t}: {mean}");
            assert!((variance - expected).abs() <= 3.0 * variance_error, "{sde:?}, t = {t}: {variance}");
        }
    }
}

#[test]
fn exploding_variance_that_begins_at_the_data_lacks_sigma_min() {
    let sde = Sde::VARIANCE_EXPLODING;
    let mut source = Source::new(1);
    let x = simulate(&sde, vec![X_1; PATHS], 1.0, 0.95, &mut source);
    let (_, (variance, error)) = mean_and_variance(&x);
    let expected = sde.sigma(0.95).powi(2) - sde.sigma(1.0).powi(2);
    println!(
        "variance {variance:.3e}, without sigma_min {expected:.3e}, sigma² {:.3e}",
        sde.sigma(0.95).powi(2)
    );
    assert!((variance - expected).abs() < 3.0 * error);
    assert!(
        sde.sigma(0.95).powi(2) - variance > 30.0 * error,
        "that is not the marginal that is written down"
    );
}

/// dα/ds = f α and dσ²/ds = 2 f σ² + g².
#[test]
fn alpha_and_sigma_solve_the_equations_of_their_moments() {
    for sde in SDES {
        for t in [1e-3, 0.2, 0.5, 0.9, 0.999] {
            let h = 1e-5;
            let slope = |f: &dyn Fn(f64) -> f64| (f(t - h) - f(t + h)) / (2.0 * h);
            close("α′", sde.drift(t) * sde.alpha(t), slope(&|t| sde.alpha(t)), 1e-7);
            let growth = 2.0 * sde.drift(t) * sde.sigma(t).powi(2) + sde.diffusion(t).powi(2);
            close("(σ²)′", growth, slope(&|t| sde.sigma(t).powi(2)), 1e-7);
        }
    }
}

#[test]
fn the_ends_are_exact() {
    for sde in [Sde::VARIANCE_PRESERVING, Sde::SUB_VARIANCE_PRESERVING] {
        assert_eq!((sde.alpha(1.0), sde.sigma(1.0)), (1.0, 0.0));
        close("α(0)", (-0.5f64 * 10.05).exp(), sde.alpha(0.0), 1e-12);
    }
    close("σ(0)", (1.0 - (-10.05f64).exp()).sqrt(), Sde::VARIANCE_PRESERVING.sigma(0.0), 1e-12);
    close("σ(0)", 1.0 - (-10.05f64).exp(), Sde::SUB_VARIANCE_PRESERVING.sigma(0.0), 1e-12);
    let exploding = Sde::VARIANCE_EXPLODING;
    assert_eq!((exploding.sigma(0.0), exploding.sigma(1.0)), (10.0, 0.01));
    // A time that f32 cannot tell from 1 loses no digits where σ is small.
    let t = 1.0 - 1e-9;
    close("σ²(1 − 10⁻⁹)", 1e-10, Sde::VARIANCE_PRESERVING.sigma(t).powi(2), 1e-17);
}

#[test]
fn diffused_points_are_alpha_times_the_data_and_sigma_times_the_noise() {
    let mut source = Source::new(2);
    let (x_1, noise) = (source.normal::<2>(3).unwrap(), source.normal::<2>(3).unwrap());
    let t = [0.0, 0.4, 1.0];
    for sde in SDES {
        let sample = sde
            .diffuse(x_1.clone(), source.per_point(&t.map(|t| t as Real)).unwrap(), noise.clone())
            .unwrap();
        for (n, t) in t.into_iter().enumerate() {
            for i in 0..2 {
                let [x_1, noise] = [&x_1, &noise].map(|x| f64::from(rows(x)[n][i]));
                let expected = sde.alpha(t) * x_1 + sde.sigma(t) * noise;
                close("x_t", expected, rows(&sample.x_t)[n][i].into(), ROUNDING);
            }
        }
        assert_eq!(rows(&sample.noise), rows(&noise));
    }
}

#[test]
fn the_prior_has_its_density_and_its_spread() {
    for sde in SDES {
        let mut source = Source::new(5);
        let z: Points<1> = sde.sample_prior(20_000, &mut source).unwrap();
        let numbers: Vec<f64> = rows(&z).into_iter().map(|[z]| z.into()).collect();
        let (_, (variance, error)) = mean_and_variance(&numbers);
        assert!((variance - sde.prior_std().powi(2)).abs() < 3.0 * error, "{sde:?}: {variance}");
        let cells: Vec<[Real; 1]> = (0..4000).map(|i| [-100.0 + 0.05 * (i as Real + 0.5)]).collect();
        let log_p: PerPoint = sde.prior_log_prob(source.points(&cells).unwrap()).unwrap();
        let total: f64 = values(&log_p).into_iter().map(|log_p| 0.05 * f64::from(log_p).exp()).sum();
        close("∫ π", 1.0, total, 1e-4);
    }
}

#[test]
fn times_are_drawn_evenly_up_to_the_end() {
    let sde = Sde::VARIANCE_PRESERVING;
    let mut source = Source::new(5);
    let drawn = values(&sde.draw_times(20_000, &mut source).unwrap());
    let numbers: Vec<f64> = drawn.into_iter().map(f64::from).collect();
    let (mean, error) = mean_and_error(&numbers);
    assert!((mean - 0.4995).abs() < 3.0 * error, "{mean}");
    assert!(numbers.iter().all(|t| (0.0..0.999001).contains(t)));
    let levels = NoiseLevels::geometric(8.0, 1.0, 4).unwrap();
    let drawn = values(&levels.draw_times(9000, &mut source).unwrap());
    for level in levels.levels() {
        let count = drawn.iter().filter(|t| (f64::from(**t) - level.t).abs() < 1e-6).count();
        assert!(count.abs_diff(2250) < 125, "three standard deviations of a quarter of 9000: {count}");
    }
}
