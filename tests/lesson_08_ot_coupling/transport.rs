//! The cheapest plan between any masses.

use super::common::laws::close;
use super::instances::{even, masses, matrix, normal_and_eight_gaussians, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Costs, Plan, Transport, assign, transport};
use pushforward::tensor::Source;
use rand::Rng;

/// The plan has these masses to 10⁻¹³ of the whole.
#[track_caller]
fn has_masses(plan: &Plan, rows: &[f64], columns: &[f64]) {
    let whole: f64 = rows.iter().sum();
    let (found_rows, found_columns) = (plan.row_masses(), plan.column_masses());
    for (found, expected) in found_rows.iter().chain(&found_columns).zip(rows.iter().chain(columns)) {
        assert!((found - expected).abs() < 1e-13 * whole, "{found}, not {expected}, of {whole}");
    }
}

/// The transport, where its prices prove it: uᵢ + vⱼ ≤ cᵢⱼ, and Σ a u + Σ b v is what it costs.
#[track_caller]
fn proven(what: &str, costs: &Costs, a: &[f64], b: &[f64]) -> Transport {
    let found = transport(costs, a, b).unwrap();
    has_masses(&found.plan, a, b);
    let (mut largest, mut size) = (0.0_f64, 0.0_f64);
    for row in 0..costs.rows() {
        for column in 0..costs.columns() {
            let cost = costs.at(row, column);
            largest = largest.max(found.row_prices[row] + found.column_prices[column] - cost);
            size = size.max(cost.abs());
        }
    }
    assert!(largest <= 1e-12 * size, "{what}: a pair costs less than its prices say by {largest}");
    let dual = |prices: &[f64], masses: &[f64]| prices.iter().zip(masses).map(|(p, m)| p * m).sum::<f64>();
    let (cost, whole) = (found.plan.cost(costs).unwrap(), a.iter().sum::<f64>());
    let bound = dual(&found.row_prices, a) + dual(&found.column_prices, b);
    assert!(
        (cost - bound).abs() <= 1e-11 * size * whole,
        "{what}: it costs {cost}, the prices prove {bound}"
    );
    found
}

/// The least cost over all corners of the set of plans, each of which is a forest of pairs: what a pair moves is found
/// by taking off leaves.
fn least_of_all_corners(costs: &Costs, a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    let corners = (0_u32..1 << (n * m)).filter(|chosen| chosen.count_ones() as usize == n + m - 1);
    let cost = |chosen| corner(chosen, costs, a, b).unwrap_or(f64::INFINITY);
    corners.map(cost).fold(f64::INFINITY, f64::min)
}

/// What a corner costs; none where its pairs make a circle or would move less than nothing.
fn corner(mut chosen: u32, costs: &Costs, a: &[f64], b: &[f64]) -> Option<f64> {
    let (n, m) = (a.len(), b.len());
    let mut left = [a, b].concat();
    let mut sum = 0.0;
    while chosen != 0 {
        let pairs = |node: usize| {
            let of_node = (0..n * m).filter(|place| chosen >> place & 1 == 1);
            of_node.filter(|place| place / m == node || n + place % m == node).collect::<Vec<_>>()
        };
        let leaf = (0..n + m).find(|node| pairs(*node).len() == 1)?;
        let place = pairs(leaf)[0];
        let (mass, other) = (left[leaf], if leaf < n { n + place % m } else { place / m });
        left[other] -= mass;
        sum += mass * costs.at(place / m, place % m);
        chosen &= !(1 << place);
        if mass < -1e-12 {
            return None;
        }
    }
    left.iter().all(|left| left.abs() < 1e-9 || *left >= 0.0).then_some(sum)
}

#[test]
fn no_corner_of_the_set_of_plans_is_cheaper() {
    for (n, m) in [(1, 1), (1, 4), (2, 2), (3, 2), (3, 3), (2, 5), (3, 4)] {
        for seed in 0..5 {
            let costs = uniform(n, m, seed);
            for (what, a, b) in
                [("any", masses(n, seed + 50), masses(m, seed + 90)), ("even", even(n), even(m))]
            {
                let found = proven(what, &costs, &a, &b).plan.cost(&costs).unwrap();
                let least = least_of_all_corners(&costs, &a, &b);
                close(&format!("{what}, {n} × {m}, seed {seed}"), least, found, 1e-12);
            }
        }
    }
}

#[test]
fn even_masses_are_moved_as_the_assignment_pairs() {
    for n in [1, 5, 64, 130] {
        let (x, y) = normal_and_eight_gaussians(n, 3);
        let costs = Costs::squared_distances(&x, &y).unwrap();
        let found = proven("even", &costs, &even(n), &even(n)).plan;
        close("the cost", assign(&costs).unwrap().cost / n as f64, found.cost(&costs).unwrap(), 1e-13);
        let columns = assign(&costs).unwrap().columns;
        for (row, column) in columns.into_iter().enumerate() {
            close("the mass of a pair", 1.0 / n as f64, found.at(row, column), 1e-14);
        }
    }
}

#[test]
fn other_masses_cost_what_pots_network_simplex_finds() {
    // By `ot.emd2` of POT 0.9.7.post1: the first 200 rows of `costs(300, 0)`, weights from the first draws of
    // SplitMix64 with the seeds 5 and 6, divided by their sums.
    const EMD: f64 = 14.469573447142837;
    let (x, y) = normal_and_eight_gaussians(300, 0);
    let all = Costs::squared_distances(&x, &y).unwrap();
    let costs = matrix(200, 300, |row, column| all.at(row, column));
    let weights = |n, seed| {
        let draws = super::instances::draws(seed, n);
        let sum: f64 = draws.iter().sum();
        draws.into_iter().map(|draw| draw / sum).collect::<Vec<_>>()
    };
    let (a, b) = (weights(200, 5), weights(300, 6));
    let found = proven("weighted", &costs, &a, &b).plan.cost(&costs).unwrap();
    assert!((found / EMD - 1.0).abs() < 1e-9, "{found}, not {EMD}");
}

#[test]
fn prices_prove_plans_of_hard_problems() {
    let mut source = Source::new(4);
    for (n, m) in [(1, 1), (1, 7), (7, 1), (9, 23), (40, 40), (60, 37)] {
        let (a, b) = (masses(n, 1), masses(m, 2));
        proven("all the same", &matrix(n, m, |_, _| 0.1), &a, &b);
        proven("all zero", &matrix(n, m, |_, _| 0.0), &a, &b);
        proven("products", &matrix(n, m, |i, j| ((i + 1) * (j + 1)) as f64), &a, &b);
        proven("few values", &matrix(n, m, |_, _| f64::from(source.gen_range(0..3))), &even(n), &even(m));
        proven("negative", &matrix(n, m, |i, j| -((i * 31 + j * 17) as f64)), &a, &b);
        for scale in [1e-300, 1e-30, 1e30, 1e147] {
            proven("other costs", &matrix(n, m, |i, j| scale * ((i * 31 + j * 17) % 101) as f64), &a, &b);
        }
        proven("far from zero", &matrix(n, m, |i, j| 1e9 + ((i * 31 + j * 17) % 101) as f64), &a, &b);
        let costs = uniform(n, m, 9);
        for whole in [1e-200, 1e-12, 1e6, 1e200] {
            let scaled = |masses: &[f64]| masses.iter().map(|mass| mass * whole).collect::<Vec<_>>();
            proven("other masses", &costs, &scaled(&a), &scaled(&b));
        }
        let steep = |n: usize| {
            let masses: Vec<f64> = (0..n).map(|k| 10_f64.powi(-(k as i32))).collect();
            let sum: f64 = masses.iter().sum();
            masses.into_iter().map(|mass| mass / sum).collect::<Vec<_>>()
        };
        proven("masses of all sizes", &costs, &steep(n), &steep(m));
    }
}

/// One pair at a time of few columns makes for many times as many pivots, of which there was a limit once.
#[test]
fn many_rows_and_few_columns_are_no_trouble() {
    for (n, m) in [(1024, 2), (2000, 3), (2000, 8)] {
        let tall = matrix(n, m, |i, j| (i * j) as f64);
        let found = proven("products", &tall, &even(n), &even(m)).plan.cost(&tall).unwrap();
        let wide = matrix(m, n, |i, j| (i * j) as f64);
        let turned = proven("turned", &wide, &even(m), &even(n)).plan.cost(&wide).unwrap();
        close("either way round", 1.0, found / turned, 1e-11);
        let line = matrix(n, m, |i, j| (1.0 - i as f64 / n as f64 - j as f64).powi(2));
        proven("points on a line, from the last", &line, &even(n), &even(m));
    }
}

#[test]
fn rows_and_columns_without_mass_get_none_and_have_prices() {
    let costs = uniform(5, 6, 2);
    let (a, b) = ([0.0, 0.5, 0.0, 0.25, 0.25], [0.0, 0.25, 0.5, 0.0, 0.25, 0.0]);
    let found = proven("with zeros", &costs, &a, &b);
    let few = matrix(3, 3, |row, column| costs.at([1, 3, 4][row], [1, 2, 4][column]));
    let expected = proven("without", &few, &[0.5, 0.25, 0.25], &[0.25, 0.5, 0.25]).plan;
    close("the cost", expected.cost(&few).unwrap(), found.plan.cost(&costs).unwrap(), 1e-13);
    assert!(found.row_prices.iter().chain(&found.column_prices).all(|price| price.is_finite()));
}

#[test]
fn masses_that_do_not_fit_are_errors() {
    let costs = uniform(2, 2, 0);
    let ask = |a: &[f64], b: &[f64]| transport(&costs, a, b).map(|_| ());
    assert!(ask(&[0.5, 0.5], &[0.5, 0.5 + 4e-10]).is_ok(), "within the rounding that is allowed");
    assert!(matches!(ask(&[0.5, 0.5], &[0.5, 0.51]), Err(Error::UnequalMasses { .. })));
    assert!(matches!(ask(&[1.0], &[0.5, 0.5]), Err(Error::BatchMismatch { .. })));
    assert!(matches!(ask(&[0.5, 0.5], &[1.0, 0.0, 0.0]), Err(Error::BatchMismatch { .. })));
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(ask(&[0.5, bad], &[0.5, 0.5]), Err(Error::OutOfDomain { what: "a mass", .. })),
            "{bad}"
        );
    }
    assert!(matches!(ask(&[0.0, 0.0], &[0.0, 0.0]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(ask(&[f64::MAX, f64::MAX], &[1.0, 1.0]), Err(Error::OutOfDomain { .. })));
}
