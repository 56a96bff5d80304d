//! Time to sample: 10,000 points carried from t = 0 to t = 1 by a network whose parameters every program can compute.

use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::cnf::{EULER, OdeSolver, VectorField};
use pushforward::nn::{Activation, Mlp, Selu, Silu, set_parameters};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows};
use std::cell::Cell;
use std::time::Instant;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "sample/w64_selu_fixed/n10000/euler100",
        run: |_| euler100(&Counted::new(fixed_network::<64, Selu>(21, 1.0)?), 9),
    },
    Case {
        name: "sample/w256_silu_fixed/n10000/euler100",
        run: |_| euler100(&Counted::new(fixed_network::<256, Silu>(22, 2.0)?), 5),
    },
];

/// 100 steps of Euler's method, several times after a warm-up.
fn euler100(field: &Counted<impl VectorField<2>>, repetitions: usize) -> Result<Vec<Figure>> {
    let x_0 = initial_points(10_000)?;
    let mut times = Vec::new();
    let mut x_1 = x_0.clone();
    for repetition in 0..=repetitions {
        field.evaluations.set(0);
        let start = Instant::now();
        x_1 = OdeSolver::fixed(EULER, 100).solve(field, x_0.clone(), 0.0, 1.0)?.end;
        if repetition > 0 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let (evaluations, mean) = (field.evaluations.get() as f64, mean_abs(&x_1));
    Ok(vec![
        Figure { metric: "time", value: median(times), unit: "ms" },
        Figure { metric: "nfe", value: evaluations, unit: "-" },
        Figure { metric: "mean_abs_x1", value: mean, unit: "-" },
    ])
}

/// The mean of the absolute values of all coordinates: equal in programs that compute the same.
fn mean_abs(x: &Points<2>) -> f64 {
    let rows = rows(x);
    let numbers = rows.as_flattened();
    numbers.iter().map(|x| f64::from(*x).abs()).sum::<f64>() / numbers.len() as f64
}

/// A field that counts how often it is asked.
struct Counted<F> {
    field: F,
    evaluations: Cell<usize>,
}

impl<F> Counted<F> {
    fn new(field: F) -> Self {
        Self { field, evaluations: Cell::new(0) }
    }
}

impl<F: VectorField<2>> VectorField<2> for Counted<F> {
    fn velocity(&self, t: PerPoint, x: Points<2>) -> Result<Points<2>> {
        self.evaluations.set(self.evaluations.get() + 1);
        self.field.velocity(t, x)
    }
}

/// A network with W = gain √(6 / (inputs + outputs)) (2 u − 1), then b = (2 u − 1) / √inputs, layer after layer and row
/// after row, from one stream of uniform u.
pub(super) fn fixed_network<const H: usize, A: Activation>(
    seed: u64,
    gain: f64,
) -> Result<Mlp<3, H, 2, 2, A>> {
    let mut stream = SplitMix64(seed);
    let mut parameters: Vec<Real> = Vec::new();
    for (inputs, outputs) in [(3, H), (H, H), (H, H), (H, 2)] {
        let weight = gain * (6.0 / (inputs + outputs) as f64).sqrt();
        let bias = 1.0 / (inputs as f64).sqrt();
        let mut draw = |scale: f64| (scale * (2.0 * stream.uniform() - 1.0)) as Real;
        parameters.extend((0..inputs * outputs).map(|_| draw(weight)));
        parameters.extend((0..outputs).map(|_| draw(bias)));
    }
    let mut network = Mlp::new(&Source::new(seed))?;
    set_parameters(&mut network, &parameters)?;
    Ok(network)
}

/// n points of N(0, I), by Box and Muller's method from the stream of seed 7.
pub(super) fn initial_points(n: usize) -> Result<Points<2>> {
    let mut stream = SplitMix64(7);
    let points: Vec<_> = (0..n).map(|_| stream.normal().map(|x| x as Real)).collect();
    Source::new(0).points(&points)
}

/// SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195): random numbers in ten lines of any language.
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    /// Two numbers of N(0, 1), by Box and Muller's method.
    pub(super) fn normal(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * self.uniform();
        [radius * angle.cos(), radius * angle.sin()]
    }

    /// A number of [0, 1): the upper 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
