//! Exact densities against integrals.

use pushforward::data::{Checkerboard, EightGaussians, ExactDensity, Pinwheel, Rings, SCurve, TwoMoons};
use std::f64::consts::{PI, TAU};

/// The midpoint sum of f over the square [−half, half]² with cells of side `step`.
fn integral(half: f64, step: f64, f: impl Fn([f64; 2]) -> f64) -> f64 {
    let cells = (2.0 * half / step).round() as usize;
    let at = |index: usize| -half + (index as f64 + 0.5) * step;
    let row = |i: usize| (0..cells).map(|j| f([at(i), at(j)])).sum::<f64>();
    (0..cells).map(row).sum::<f64>() * step * step
}

/// The midpoint rule is exact to rounding for a Gaussian of standard deviation s and cells of side s, relative error
/// 2 exp(−2π²) = 5e-9; 1e-7 leaves room for the tails that are cut off.
fn assert_integrates_to_one(name: &str, density: &dyn ExactDensity, half: f64, step: f64) {
    let mass = integral(half, step, |x| density.log_density(x).exp());
    assert!((mass - 1.0).abs() < 1e-7, "{name}: the density integrates to {mass}");
}

#[test]
fn every_exact_density_integrates_to_one() {
    assert_integrates_to_one("checkerboard", &Checkerboard::default(), 5.0, 0.05);
    let side = Checkerboard::FLOW_MATCHING.side;
    assert_integrates_to_one("flow_matching's board", &Checkerboard::FLOW_MATCHING, 2.5 * side, 0.05 * side);
    assert_integrates_to_one("moons", &TwoMoons::default(), 4.0, 0.08);
    assert_integrates_to_one("noisy moons", &TwoMoons { noise: 0.7 }, 8.0, 0.4);
    assert_integrates_to_one("8 Gaussians", &EightGaussians::default(), 9.0, 0.2);
    assert_integrates_to_one("FFJORD's 8 Gaussians", &EightGaussians::FFJORD, 6.0, 0.2);
    assert_integrates_to_one("rings", &Rings::default(), 4.0, 0.04);
    assert_integrates_to_one("circles", &Rings::CIRCLES, 6.0, 0.15);
    assert_integrates_to_one("S", &SCurve::default(), 4.0, 0.08);
    assert_integrates_to_one("pinwheel", &Pinwheel::default(), 7.0, 0.02);
    let left = Pinwheel { blades: 3, rate: -0.4, scale: 1.0, radial_std: 0.2, tangential_std: 0.2 };
    assert_integrates_to_one("pinwheel to the left", &left, 4.0, 0.02);
}

/// log ∫ N(x; curve(u), noise² I) du over [0, 1] by 100,000 cells with two Gauss nodes each.
fn log_blurred_curve(x: [f64; 2], noise: f64, curve: impl Fn(f64) -> [f64; 2]) -> f64 {
    let count = 100_000;
    let exponent = |k: usize| {
        let node = [-1.0, 1.0][k % 2] / 12.0_f64.sqrt();
        let [a, b] = curve(((k / 2) as f64 + 0.5 + node) / count as f64);
        -0.5 * (((x[0] - a) / noise).powi(2) + ((x[1] - b) / noise).powi(2))
    };
    let exponents: Vec<f64> = (0..2 * count).map(exponent).collect();
    let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = exponents.iter().map(|exponent| (exponent - largest).exp()).sum::<f64>();
    largest + (sum / (2 * count) as f64).ln() - (TAU * noise * noise).ln()
}

/// Points on, beside, inside and far outside of the arcs; next to their ends; on their axes and at their centres.
const PLACES: [[f64; 2]; 12] = [
    [0.0, 0.0],
    [1.0, 0.0],
    [0.0, 1.0],
    [0.7, 0.71],
    [-1.05, -0.3],
    [0.5, 0.25],
    [1.0, 0.5],
    [0.0, -1.4],
    [-0.3, -2.0],
    [2.3, 0.2],
    [3.0, -3.0],
    [-1e-9, -0.75],
];

/// 1e-10 is what the documentation claims. With four times as many cells the reference agrees to 1e-11.
fn assert_matches_numeric(density: &dyn ExactDensity, noise: f64, curve: impl Fn(f64) -> [f64; 2]) {
    for x in PLACES {
        let (expected, found) = (log_blurred_curve(x, noise, &curve), density.log_density(x));
        assert!(
            (expected - found).abs() < 1e-6,
            "noise {noise} at {x:?}: expected {expected}, found {found}"
        );
    }
}

#[test]
fn moons_density_is_the_integral_over_both_arcs() {
    for noise in [0.05, 0.1, 0.5, 5.0] {
        assert_matches_numeric(&TwoMoons { noise }, noise, |u| {
            let (sin, cos) = (PI * (2.0 * u).fract()).sin_cos();
            if u < 0.5 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] }
        });
    }
}

#[test]
fn moons_have_the_entropy_that_the_documentation_gives() {
    // The integral of −p log p on two grids: with cells of half a standard deviation it has converged to rounding.
    for step in [0.05, 0.02] {
        let term = |x| {
            let log_density = TwoMoons::default().log_density(x);
            if log_density > -700.0 { -log_density * log_density.exp() } else { 0.0 }
        };
        let found = integral(4.0, step, term);
        assert!((found - 1.007_585).abs() < 1e-6, "step {step}: {found}");
    }
}

#[test]
fn s_curve_density_is_the_integral_over_the_curve() {
    for noise in [0.05, 0.1, 0.5, 5.0] {
        assert_matches_numeric(&SCurve { noise }, noise, |u| {
            let t = 3.0 * PI * (u - 0.5);
            [t.sin(), t.signum() * (t.cos() - 1.0)]
        });
    }
}

#[test]
fn rings_density_is_the_integral_over_the_circles() {
    for noise in [0.05, 0.1, 0.5, 5.0] {
        let rings = Rings { rings: 2, radius: 1.5, noise };
        assert_matches_numeric(&rings, noise, |u| {
            let (sin, cos) = (TAU * (2.0 * u).fract()).sin_cos();
            let radius = if u < 0.5 { 0.75 } else { 1.5 };
            [radius * cos, radius * sin]
        });
    }
}

#[test]
fn rings_density_agrees_with_tabulated_values_of_the_bessel_function() {
    // e^−z I₀(z), Abramowitz and Stegun, table 9.8: nine digits.
    let table = [(1.0, 0.465_759_61), (2.0, 0.308_508_32), (5.0, 0.183_540_81), (10.0, 0.127_833_34)];
    for (z, scaled_bessel) in table {
        let ring = Rings { rings: 1, radius: 1.0, noise: 1.0 };
        let factor = -0.5 * (z - 1.0_f64).powi(2) - TAU.ln();
        let found = (ring.log_density([z, 0.0]) - factor).exp();
        assert!((found - scaled_bessel).abs() < 1e-8, "z = {z}: expected {scaled_bessel}, found {found}");
    }
}

#[test]
fn moons_density_is_right_far_away_and_for_little_noise() {
    for (noise, tolerance) in [(1e-3, 1e-6), (1e-6, 1e-9)] {
        // On an arc that is almost straight: 1/(2π) per length, times the height of a Gaussian across it. The next
        // term of the expansion is noise²/8; at 1e-6 the rounding of 1e12 · (1 − cos w) would be seen.
        let expected = -(TAU * TAU.sqrt() * noise).ln();
        let found = TwoMoons { noise }.log_density([0.0, 1.0]);
        assert!((found - expected).abs() < tolerance, "noise {noise}: expected {expected}, found {found}");
    }
    let far = TwoMoons::default().log_density([1e4, 0.0]);
    let nearest = -0.5 * ((1e4 - 2.0) / 0.1_f64).powi(2);
    assert!((far / nearest - 1.0).abs() < 1e-6, "the end of the right moon at (2, 0.5) decides: {far}");
}

/// Distributions whose parameters are the given numbers, whatever they are.
fn with_parameters(a: f64, b: f64) -> [Box<dyn ExactDensity>; 6] {
    [
        Box::new(Checkerboard { side: a }),
        Box::new(TwoMoons { noise: a }),
        Box::new(SCurve { noise: a }),
        Box::new(EightGaussians { radius: b, std: a }),
        Box::new(Rings { rings: 3, radius: b, noise: a }),
        Box::new(Pinwheel { blades: 3, radial_std: a, tangential_std: b, rate: a, scale: b }),
    ]
}

#[test]
fn a_log_density_is_never_nan() {
    let sizes = [f64::MIN_POSITIVE, 1e-160, 1e-6, 0.1, 1.0, 1e6, 1e160, f64::MAX];
    let coordinates = [0.0, -1.0, 1e-300, 1.0, -1e3, 1e160, f64::MAX, f64::INFINITY, f64::NAN];
    for (a, b) in sizes.iter().flat_map(|a| sizes.map(|b| (*a, b))) {
        for x in coordinates.iter().flat_map(|x| coordinates.map(|y| [*x, y])) {
            let found = with_parameters(a, b).map(|density| density.log_density(x));
            assert!(!found.iter().any(|log| log.is_nan()), "{found:?} at {x:?} with parameters {a} and {b}");
            let finite = x.iter().all(|coordinate| coordinate.is_finite());
            assert!(finite || found == [f64::NEG_INFINITY; 6], "{found:?} at {x:?}");
        }
    }
}
