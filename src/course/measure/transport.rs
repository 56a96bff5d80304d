//! Optimal transport between points of N(0, I) and of eight Gaussians that every program can compute.

use super::sampling::SplitMix64;
use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::ot_coupling::{Costs, Sinkhorn, assign};
use pushforward::tensor::{Real, Source};
use std::time::Instant;

pub(super) const CASES: &[Case] = &[
    Case { name: "ot/exact/n128", run: |_| exact(128) },
    Case { name: "ot/exact/n256", run: |_| exact(256) },
    Case { name: "ot/exact/n512", run: |_| exact(512) },
    Case { name: "ot/exact/n1024", run: |_| exact(1024) },
    Case { name: "ot/exact/n2048", run: |_| exact(2048) },
    Case { name: "ot/sinkhorn_f64/n1024", run: |_| sinkhorn(1024) },
];

/// How often each instance is solved, after once to warm up.
const REPETITIONS: usize = 5;

/// The cheapest pairing: the median time over all instances, and the mean cost of a pair.
fn exact(n: usize) -> Result<Vec<Figure>> {
    let instances = if n <= 512 { 5 } else { 3 };
    let (mut times, mut cost) = (Vec::new(), 0.0);
    for seed in 0..instances {
        let costs = costs(n, seed)?;
        for repetition in 0..=REPETITIONS {
            let start = Instant::now();
            let assignment = assign(&costs)?;
            if repetition > 0 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            } else {
                cost += assignment.cost / (n as u64 * instances) as f64;
            }
        }
    }
    let mean_cost = Figure { metric: "mean_cost", value: cost, unit: "-" };
    Ok(vec![Figure { metric: "time", value: median(times), unit: "ms" }, mean_cost])
}

/// The blurred plan with ε = 0.05 mean costs, masses right to 10⁻⁹.
fn sinkhorn(n: usize) -> Result<Vec<Figure>> {
    const INSTANCES: u64 = 3;
    let solver = Sinkhorn { epsilon: 0.05, tolerance: 1e-9, max_iterations: 1000 };
    let masses = vec![1.0 / n as f64; n];
    let (mut times, mut times_per_iteration) = (Vec::new(), Vec::new());
    let (mut iterations, mut cost) = (0.0, 0.0);
    for seed in 0..INSTANCES {
        let costs = costs(n, seed)?;
        for repetition in 0..=REPETITIONS {
            let start = Instant::now();
            let found = solver.solve(&costs, &masses, &masses)?;
            let time = start.elapsed().as_secs_f64() * 1e3;
            if repetition > 0 {
                times.push(time);
                times_per_iteration.push(time / found.iterations as f64);
            } else {
                iterations += found.iterations as f64 / INSTANCES as f64;
                cost += found.plan.cost(&costs)? / INSTANCES as f64;
            }
        }
    }
    Ok(vec![
        Figure { metric: "time", value: median(times), unit: "ms" },
        Figure { metric: "time_per_iter", value: median(times_per_iteration), unit: "ms" },
        Figure { metric: "iterations", value: iterations, unit: "-" },
        Figure { metric: "mean_cost", value: cost, unit: "-" },
    ])
}

/// The squared distances of n points of N(0, I), by Box and Muller's method from the stream of `seed`, and n of
/// torchcfm's eight Gaussians from the stream of `seed` + 1000: centre, radius and angle of each.
fn costs(n: usize, seed: u64) -> Result<Costs> {
    let centres: [(f64, f64); 8] = {
        let d = std::f64::consts::FRAC_1_SQRT_2;
        [(1., 0.), (-1., 0.), (0., 1.), (0., -1.), (d, d), (d, -d), (-d, d), (-d, -d)]
    };
    let (mut noise, mut data) = (SplitMix64(seed), SplitMix64(seed + 1000));
    let x: Vec<_> = (0..n).map(|_| noise.normal().map(|x| x as Real)).collect();
    let mut around = || {
        let (x, y) = centres[(8.0 * data.uniform()) as usize];
        let [dx, dy] = data.normal().map(|z| 0.1_f64.powf(0.25) * z);
        [5.0 * x + dx, 5.0 * y + dy].map(|x| x as Real)
    };
    let y: Vec<_> = (0..n).map(|_| around()).collect();
    let source = Source::new(0);
    Costs::squared_distances(&source.points(&x)?, &source.points(&y)?)
}
