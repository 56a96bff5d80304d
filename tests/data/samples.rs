//! Samples against densities, and against the published numbers.

use crate::exact;
use pushforward::Result;
use pushforward::data::{
    Checkerboard, EightGaussians, ExactDensity, Pinwheel, Rings, SCurve, Sample, TwoMoons, TwoSpirals,
};
use pushforward::tensor::{Real, Source, rows};
use std::f64::consts::PI;

/// Cells along each side of the square that points are counted in.
const CELLS: usize = 60;

/// The density's share of each of the cells of [−half, half]²: midpoint sums over 5 × 5 parts.
fn shares(density: &dyn ExactDensity, half: f64) -> Vec<f64> {
    const FINE: usize = 5;
    let step = 2.0 * half / (CELLS * FINE) as f64;
    let at = |index: usize| (index as f64 + 0.5) * step - half;
    let mut shares = vec![0.0; CELLS * CELLS];
    for i in 0..CELLS * FINE {
        for j in 0..CELLS * FINE {
            shares[i / FINE * CELLS + j / FINE] += density.log_density([at(i), at(j)]).exp() * step * step;
        }
    }
    shares
}

/// How many standard deviations χ² lies above its expectation, for points in cells with the given shares of them.
/// Cells that expect fewer than 10 points are counted together, with those outside.
fn chi_square_excess(shares: &[f64], points: &[[Real; 2]], half: f64) -> f64 {
    let n = points.len() as f64;
    let mut counts = vec![0.0; CELLS * CELLS];
    for point in points {
        let [i, j] = point.map(|x| ((exact(x) + half) / (2.0 * half) * CELLS as f64).floor());
        if [i, j].iter().all(|index| (0.0..CELLS as f64).contains(index)) {
            counts[i as usize * CELLS + j as usize] += 1.0;
        }
    }
    let term = |count: f64, expected: f64| (count - expected).powi(2) / expected.max(1.0);
    let large: Vec<(f64, f64)> = counts
        .iter()
        .zip(shares)
        .map(|(count, share)| (*count, n * share))
        .filter(|pair| pair.1 >= 10.0)
        .collect();
    let rest =
        [n - large.iter().map(|pair| pair.0).sum::<f64>(), n - large.iter().map(|pair| pair.1).sum::<f64>()];
    let chi_square = large.iter().map(|pair| term(pair.0, pair.1)).sum::<f64>() + term(rest[0], rest[1]);
    let degrees = large.len() as f64;
    (chi_square - degrees) / (2.0 * degrees).sqrt()
}

/// Right samples are within 4 standard deviations; those of a slightly wrong distribution are beyond 12.
fn assert_samples_follow(
    name: &str,
    density: &dyn ExactDensity,
    right: &dyn Sample<2>,
    wrong: &[&dyn Sample<2>],
    half: f64,
) -> Result<()> {
    let shares = shares(density, half);
    let excess = |sampler: &dyn Sample<2>| -> Result<f64> {
        Ok(chi_square_excess(&shares, &rows(&sampler.sample(300_000, &mut Source::new(42))?), half))
    };
    let found = excess(right)?;
    assert!(found.abs() < 4.0, "{name}: χ² is {found} standard deviations off");
    for (index, wrong) in wrong.iter().enumerate() {
        let found = excess(*wrong)?;
        assert!(
            found > 12.0,
            "{name}: the test does not see what is wrong with {index}: χ² is only {found} off"
        );
    }
    Ok(())
}

#[test]
fn checkerboard_samples_follow_its_density() -> Result<()> {
    let board = Checkerboard::default();
    assert_samples_follow("checkerboard", &board, &board, &[&Checkerboard { side: 2.02 }], 5.0)
}

#[test]
fn moons_samples_follow_their_density() -> Result<()> {
    let moons = TwoMoons::default();
    assert_samples_follow(
        "moons",
        &moons,
        &moons,
        &[&TwoMoons { noise: 0.105 }, &TwoMoons { noise: 0.095 }],
        2.5,
    )
}

#[test]
fn eight_gaussians_samples_follow_their_density() -> Result<()> {
    let gaussians = EightGaussians::default();
    let wide = EightGaussians { std: 0.59, ..gaussians };
    let far = EightGaussians { radius: 5.05, ..gaussians };
    assert_samples_follow("8 Gaussians", &gaussians, &gaussians, &[&wide, &far], 8.0)
}

#[test]
fn rings_samples_follow_their_density() -> Result<()> {
    let rings = Rings::default();
    let wide = Rings { noise: 0.09, ..rings };
    let far = Rings { radius: 3.02, ..rings };
    assert_samples_follow("rings", &rings, &rings, &[&wide, &far], 3.5)
}

#[test]
fn s_curve_samples_follow_their_density() -> Result<()> {
    let curve = SCurve::default();
    assert_samples_follow("S", &curve, &curve, &[&SCurve { noise: 0.105 }], 2.6)
}

#[test]
fn pinwheel_samples_follow_its_density() -> Result<()> {
    let wheel = Pinwheel::default();
    let wide = Pinwheel { tangential_std: 0.106, ..wheel };
    let long = Pinwheel { radial_std: 0.315, ..wheel };
    let twisted = Pinwheel { rate: 0.255, ..wheel };
    let large = Pinwheel { scale: 2.04, ..wheel };
    assert_samples_follow("pinwheel", &wheel, &wheel, &[&wide, &long, &twisted, &large], 5.0)
}

#[test]
fn defaults_have_the_published_numbers() -> Result<()> {
    assert_eq!([TwoMoons::default().noise, SCurve::default().noise, TwoSpirals::default().noise], [0.1; 3]);
    assert_eq!(Rings::default(), Rings { rings: 4, radius: 3.0, noise: 0.08 });
    let pinwheel = Pinwheel { blades: 5, radial_std: 0.3, tangential_std: 0.1, rate: 0.25, scale: 2.0 };
    assert_eq!(Pinwheel::default(), pinwheel);
    // The mean of |x|² in closed form, from the published code; 10⁶ points, within 5 standard errors.
    let cases: [(&str, &dyn Sample<2>, f64); 6] = [
        ("checkerboard: (8² / 12) per axis", &Checkerboard::default(), 2.0 * 64.0 / 12.0),
        (
            "moons: 1 and 1 + 1 + ¼ − 2/π per arc, and noise",
            &TwoMoons::default(),
            (3.25 - 2.0 / PI) / 2.0 + 0.02,
        ),
        ("8 Gaussians: 5² + 2 √0.1", &EightGaussians::default(), 25.0 + 2.0 * 0.1_f64.sqrt()),
        ("FFJORD's 8 Gaussians", &EightGaussians::FFJORD, (16.0 + 0.5) / 1.414_f64.powi(2)),
        ("rings: 9 (1 + 4 + 9 + 16) / 64, and noise", &Rings::default(), 9.0 * 30.0 / 64.0 + 2.0 * 0.0064),
        ("pinwheel: 4 (1 + 0.3² + 0.1²)", &Pinwheel::default(), 4.0 * 1.1),
    ];
    for (name, sampler, expected) in cases {
        let squares: Vec<f64> =
            rows(&sampler.sample(1_000_000, &mut Source::new(5))?).iter().map(square).collect();
        let (mean, error) = mean_and_error(&squares);
        assert!((mean - expected).abs() < 5.0 * error, "{name}: expected {expected}, found {mean} ± {error}");
    }
    Ok(())
}

fn square(x: &[Real; 2]) -> f64 {
    x.iter().map(|&coordinate| exact(coordinate).powi(2)).sum()
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance / n).sqrt())
}

#[test]
fn spirals_samples_have_the_characteristic_function_of_two_blurred_spirals() -> Result<()> {
    // E cos(ω·x) does not see the sign of the arm, and the jitter and the noise are factors of it:
    // E exp(i ω (u + d) / 3) with u uniform on [0, ½) is exp(i ω d / 3) exp(i ω / 12) sin(ω/12) / (ω/12).
    let n = 1_000_000;
    let points = rows(&TwoSpirals::default().sample(n, &mut Source::new(3))?);
    for omega in [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [-1.0, 3.0], [6.0, 0.0], [0.0, 8.0], [5.0, -5.0]] {
        let [a, b]: [f64; 2] = omega;
        let steps = 100_000;
        let phase = |k: usize| {
            let t = 3.0 * PI * ((k as f64 + 0.5) / steps as f64).sqrt();
            ((a * -t * t.cos() + b * t * t.sin()) / 3.0 + (a + b) / 12.0).cos()
        };
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x / 12.0).sin() / (x / 12.0) };
        let damping = sinc(a) * sinc(b) * (-0.5 * (a * a + b * b) * 0.01).exp();
        let expected = (0..steps).map(phase).sum::<f64>() / steps as f64 * damping;
        let cosines: Vec<f64> = points.iter().map(|&[x, y]| (a * exact(x) + b * exact(y)).cos()).collect();
        let (mean, error) = mean_and_error(&cosines);
        assert!(
            (mean - expected).abs() < 4.5 * error,
            "ω = {omega:?}: expected {expected}, found {mean} ± {error}"
        );
        let sines: Vec<f64> = points.iter().map(|&[x, y]| (a * exact(x) + b * exact(y)).sin()).collect();
        let (mean, error) = mean_and_error(&sines);
        assert!(mean.abs() < 4.5 * error, "ω = {omega:?}: the arms are not equally likely: {mean} ± {error}");
    }
    Ok(())
}
