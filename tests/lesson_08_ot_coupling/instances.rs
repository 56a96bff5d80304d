//! Costs and masses that several tests use.

use pushforward::ot_coupling::Costs;
use pushforward::tensor::{Points, Real, Source};
use rand::Rng;
use std::f64::consts::TAU;

/// A matrix of `cost`(i, j).
pub(super) fn matrix(rows: usize, columns: usize, mut cost: impl FnMut(usize, usize) -> f64) -> Costs {
    let values = (0..rows * columns).map(|place| cost(place / columns, place % columns)).collect();
    Costs::new(rows, columns, values).unwrap()
}

/// Costs drawn evenly from [0, 1).
pub(super) fn uniform(rows: usize, columns: usize, seed: u64) -> Costs {
    let mut source = Source::new(seed);
    matrix(rows, columns, |_, _| source.r#gen())
}

/// Masses that sum to 1.
pub(super) fn masses(n: usize, seed: u64) -> Vec<f64> {
    let mut source = Source::new(seed);
    let masses: Vec<f64> = (0..n).map(|_| source.r#gen()).collect();
    let sum: f64 = masses.iter().sum();
    masses.into_iter().map(|mass| mass / sum).collect()
}

/// The same mass for all, 1 in sum.
pub(super) fn even(n: usize) -> Vec<f64> {
    vec![1.0 / n as f64; n]
}

/// The first draws of SplitMix64, as numbers in [0, 1).
pub(super) fn draws(seed: u64, n: usize) -> Vec<f64> {
    let draw = |i: u64| {
        let state = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (1..=n as u64).map(draw).collect()
}

/// n standard normal points and n points of torchcfm's eight Gaussians, rounded to f32: the instances of
/// `benches/peers/transport.py`.
pub(super) fn normal_and_eight_gaussians(n: usize, seed: u64) -> (Points<2>, Points<2>) {
    let normal = |u: f64, v: f64| {
        let radius = (-2.0 * (1.0 - u).ln()).sqrt();
        [radius * (TAU * v).cos(), radius * (TAU * v).sin()]
    };
    let d = std::f64::consts::FRAC_1_SQRT_2;
    let centres = [[1., 0.], [-1., 0.], [0., 1.], [0., -1.], [d, d], [d, -d], [-d, d], [-d, -d]];
    let single = |point: [f64; 2]| point.map(|x| x as f32 as Real);
    let x: Vec<_> = draws(seed, 2 * n).as_chunks().0.iter().map(|[u, v]| single(normal(*u, *v))).collect();
    let around = |[k, u, v]: &[f64; 3]| {
        let (centre, noise) = (centres[(8.0 * k) as usize], normal(*u, *v));
        single(std::array::from_fn(|i| 5.0 * centre[i] + 0.1_f64.powf(0.25) * noise[i]))
    };
    let y: Vec<_> = draws(seed + 1000, 3 * n).as_chunks().0.iter().map(around).collect();
    let source = Source::new(0);
    (source.points(&x).unwrap(), source.points(&y).unwrap())
}
