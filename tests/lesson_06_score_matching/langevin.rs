//! Langevin dynamics, plain and annealed.

use super::common::mixtures::{mean_and_error, mixture};
use pushforward::change_of_variables::GaussianMixture;
use pushforward::score_matching::{AnnealedLangevin, Langevin, NoiseLevels, NoisyMixture, Sde};
use pushforward::tensor::{Points, Real, Source, rows};
use rand::Rng;

/// One fifth at (−5, −5), four fifths at (5, 5): Song and Ermon 2019, section 3.2.
fn unequal() -> GaussianMixture<2, 2> {
    mixture([0.2, 0.8], [[-5.0, -5.0], [5.0, 5.0]], [1.0, 1.0])
}

/// 1280 points, evenly over the square.
fn anywhere(source: &mut Source) -> Points<2> {
    let points: Vec<[Real; 2]> =
        (0..1280).map(|_| [source.gen_range(-8.0..8.0), source.gen_range(-8.0..8.0)]).collect();
    source.points(&points).unwrap()
}

/// How many points are on the side of the heavy mode.
fn heavy(x: &Points<2>) -> f64 {
    let rows = rows(x);
    rows.iter().filter(|[x, y]| x + y > 0.0).count() as f64 / rows.len() as f64
}

#[test]
fn annealed_langevin_finds_the_weights_that_plain_langevin_misses() {
    let sde = Sde::VarianceExploding { sigma_min: 0.1, sigma_max: 20.0 };
    let score = NoisyMixture::new(&unequal(), sde).unwrap();
    let mut source = Source::new(6);
    let start = anywhere(&mut source);
    let plain = Langevin { step: 0.1, steps: 1000 }.run(&score, 1.0, start.clone(), &mut source).unwrap();
    let levels = NoiseLevels::geometric(20.0, 0.1, 20).unwrap();
    let annealed = AnnealedLangevin { levels, step: 0.002, steps_per_level: 100 };
    let annealed = annealed.run(&score, start, &mut source).unwrap();
    let error = (0.2 * 0.8 / 1280.0f64).sqrt();
    println!("plain {:.3}, annealed {:.3} ± {error:.3}, true 0.8", heavy(&plain), heavy(&annealed));
    assert!(
        (heavy(&plain) - 0.5).abs() < 0.06,
        "half of the square is nearer to each mode: {}",
        heavy(&plain)
    );
    assert!((heavy(&annealed) - 0.8).abs() < 3.0 * error, "{}", heavy(&annealed));
}

/// For N(0, v), x′ = (1 − ε/2v) x + √ε z: the variance is v / (1 − ε/4v) in the end. With the noise of t = 0.5, v = 1.25.
#[test]
fn a_large_step_makes_the_points_spread_by_as_much_as_the_theory_says() {
    let one = mixture([1.0], [[0.0]], [0.5]);
    let sde = Sde::VarianceExploding { sigma_min: 0.5, sigma_max: 2.0 };
    let score = NoisyMixture::new(&one, sde).unwrap();
    let mut source = Source::new(2);
    let start = source.points(&vec![[3.0]; 20_000]).unwrap();
    let x = Langevin { step: 1.0, steps: 40 }.run(&score, 0.5, start, &mut source).unwrap();
    let squares: Vec<f64> = rows(&x).into_iter().map(|[x]| f64::from(x).powi(2)).collect();
    let (variance, error) = mean_and_error(&squares);
    assert!((variance - 1.5625).abs() < 3.0 * error, "{variance} ± {error}");
}

#[test]
fn one_step_after_the_other_is_the_path_of_all() {
    let score = NoisyMixture::new(&unequal(), Sde::VARIANCE_EXPLODING).unwrap();
    let run = |chunks: &[usize]| {
        let mut source = Source::new(6);
        let start = source.normal::<2>(10).unwrap();
        let step = |x, steps: &usize| {
            Langevin { step: 0.1, steps: *steps }.run(&score, 0.5, x, &mut source).unwrap()
        };
        rows(&chunks.iter().fold(start, step))
    };
    assert_eq!(run(&[5]), run(&[1, 1, 1, 1, 1]));
}

#[test]
fn the_steps_of_the_levels_grow_with_the_square_of_their_noise() {
    // A score of 0 leaves the noise: its variance is Σ K ε σᵢ² / σ_L².
    use pushforward::score_matching::Score;
    use pushforward::tensor::PerPoint;
    struct Flat;
    impl Score<1> for Flat {
        fn score(&self, _: PerPoint, x: Points<1>) -> pushforward::Result<Points<1>> {
            Ok(x * 0.0)
        }
    }
    let mut source = Source::new(9);
    let levels = NoiseLevels::geometric(4.0, 1.0, 3).unwrap();
    let annealed = AnnealedLangevin { levels, step: 0.1, steps_per_level: 5 };
    let x = annealed.run(&Flat, source.points(&vec![[0.0]; 20_000]).unwrap(), &mut source).unwrap();
    let squares: Vec<f64> = rows(&x).into_iter().map(|[x]| f64::from(x).powi(2)).collect();
    let (variance, error) = mean_and_error(&squares);
    assert!((variance - 5.0 * 0.1 * (16.0 + 4.0 + 1.0)).abs() < 3.0 * error, "{variance} ± {error}");
}
