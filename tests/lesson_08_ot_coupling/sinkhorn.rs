//! Plans blurred by an entropy.

use super::common::laws::close;
use super::instances::{draws, even, masses, matrix, normal_and_eight_gaussians, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Costs, Entropic, Sinkhorn, assign};

/// The plan, where its masses are right to 10⁻¹² and it is aᵢ bⱼ exp((fᵢ + gⱼ − cᵢⱼ) / ε).
#[track_caller]
fn proven(costs: &Costs, epsilon: f64, a: &[f64], b: &[f64]) -> Entropic {
    let solver = Sinkhorn { epsilon, tolerance: 1e-12, max_iterations: 100_000 };
    let found = solver.solve(costs, a, b).unwrap();
    let whole: f64 = a.iter().sum();
    for (found, expected) in
        found.plan.row_masses().iter().zip(a).chain(found.plan.column_masses().iter().zip(b))
    {
        assert!((found - expected).abs() <= 2e-12 * whole, "{found}, not {expected}");
    }
    let size = (0..costs.rows()).flat_map(|row| costs.row(row)).map(|cost| cost.abs()).sum::<f64>();
    let epsilon = epsilon * size / (costs.rows() * costs.columns()) as f64;
    for (row, f) in found.row_potentials.iter().enumerate() {
        for (column, g) in found.column_potentials.iter().enumerate() {
            let expected = a[row] * b[column] * ((f + g - costs.at(row, column)) / epsilon).exp();
            close("a mass from its potentials", expected / whole, found.plan.at(row, column) / whole, 1e-10);
        }
    }
    found
}

#[test]
fn masses_are_right_and_follow_from_the_potentials() {
    for (n, m) in [(1, 1), (1, 5), (2, 3), (7, 8), (9, 33), (300, 5)] {
        proven(&uniform(n, m, 1), 0.1, &masses(n, 2), &masses(m, 3));
    }
    let doubled: Vec<f64> = masses(6, 2).iter().map(|mass| 2.0 * mass).collect();
    proven(&uniform(6, 6, 1), 0.1, &doubled, &doubled);
}

#[test]
fn two_by_two_is_as_the_formula_says() {
    // π₀₀ π₁₁ / (π₀₁ π₁₀) = exp(−Δ / ε) with Δ = c₀₀ + c₁₁ − c₀₁ − c₁₀, and all masses are ½.
    let (costs, delta) = (Costs::new(2, 2, vec![1.0, 3.0, 2.0, 2.5]).unwrap(), 1.0 + 2.5 - 3.0 - 2.0_f64);
    for epsilon in [0.05, 0.5, 5.0] {
        let ratio = (-0.5 * delta / (epsilon * 8.5 / 4.0)).exp();
        let found = proven(&costs, epsilon, &[0.5; 2], &[0.5; 2]).plan;
        close("π₀₀", 0.5 * ratio / (1.0 + ratio), found.at(0, 0), 1e-12);
    }
}

#[test]
fn the_cost_falls_to_that_of_the_assignment_with_epsilon() {
    let n = 40;
    let (x, y) = normal_and_eight_gaussians(n, 1);
    let costs = Costs::squared_distances(&x, &y).unwrap();
    let (exact, mut before) = (assign(&costs).unwrap().cost / n as f64, costs.mean());
    for epsilon in [1.0, 0.3, 0.1, 0.03, 0.01] {
        let solver = Sinkhorn { epsilon, tolerance: 1e-7, max_iterations: 100_000 };
        let cost = solver.solve(&costs, &even(n), &even(n)).unwrap().plan.cost(&costs).unwrap();
        // The entropy of the assignment relative to a ⊗ b is ln n, so the blurred plan cannot cost more than ε ln n
        // more.
        let most = exact + epsilon * costs.mean() * (n as f64).ln();
        assert!(
            exact - 1e-6 <= cost && cost <= most && cost <= before,
            "{epsilon}: {cost} in {exact} .. {most}"
        );
        before = cost;
    }
    assert!(before < 1.01 * exact, "{before}, exactly {exact}");
}

#[test]
fn a_large_epsilon_makes_the_product_of_the_masses() {
    let (a, b) = (masses(5, 1), masses(4, 2));
    let plan = proven(&uniform(5, 4, 3), 1e6, &a, &b).plan;
    for (row, a) in a.iter().enumerate() {
        for (column, b) in b.iter().enumerate() {
            close("a ⊗ b", a * b, plan.at(row, column), 1e-6);
        }
    }
}

#[test]
fn an_epsilon_far_below_what_plain_scalings_bear_is_no_trouble() {
    // exp(−c / ε) is below the least f64 for most pairs, and u grows beyond the largest.
    let n = 12;
    let costs = matrix(n, n, |i, j| (i as f64 - j as f64 - 0.25).powi(2));
    let ramp: Vec<f64> = (0..n).map(|k| (1 + k) as f64 / (n * (n + 1) / 2) as f64).collect();
    let fall: Vec<f64> = ramp.iter().rev().copied().collect();
    let solver = Sinkhorn { epsilon: 2e-4, tolerance: 1e-9, max_iterations: 1_000_000 };
    let found = solver.solve(&costs, &ramp, &fall).unwrap();
    let exact = pushforward::ot_coupling::transport(&costs, &ramp, &fall).unwrap().plan.cost(&costs).unwrap();
    close("the cost", exact, found.plan.cost(&costs).unwrap(), 1e-3);
    let spread = found.row_potentials.iter().copied().fold(0.0_f64, |most, f| most.max(f.abs()));
    assert!(spread > 800.0 * 2e-4 * costs.mean(), "exp(f / ε) is beyond f64: {spread}");
}

#[test]
fn the_scale_of_the_costs_changes_nothing_and_zero_costs_are_allowed() {
    let expected = proven(&uniform(6, 6, 4), 0.2, &even(6), &masses(6, 5)).plan;
    for scale in [1e-30, 1e30, 1e149] {
        let mut values = (0..6).flat_map(|row| uniform(6, 6, 4).row(row).to_vec()).map(|cost| cost * scale);
        let costs = matrix(6, 6, |_, _| values.next().unwrap());
        let plan = Sinkhorn { epsilon: 0.2, tolerance: 1e-12, ..Sinkhorn::default() };
        let plan = plan.solve(&costs, &even(6), &masses(6, 5)).unwrap().plan;
        (0..36).for_each(|k| close("a mass", expected.at(k / 6, k % 6), plan.at(k / 6, k % 6), 1e-11));
    }
    let zero = Sinkhorn::default().solve(&matrix(3, 3, |_, _| 0.0), &even(3), &even(3)).unwrap();
    close("a ⊗ b", 1.0 / 9.0, zero.plan.at(0, 1), 1e-14);
}

#[test]
fn rows_and_columns_without_mass_get_none() {
    let found = proven(&uniform(3, 4, 6), 0.1, &[0.5, 0.0, 0.5], &[0.0, 0.25, 0.25, 0.5]);
    assert!(found.plan.row(1).iter().all(|mass| *mass == 0.0));
    assert!((0..3).all(|row| found.plan.at(row, 0) == 0.0));
    assert!(
        found.row_potentials.iter().chain(&found.column_potentials).all(|potential| potential.is_finite())
    );
}

/// The kernel of these costs is nearly a permutation: its rows have the sum 1 before any mass has been looked at.
#[test]
fn the_unit_of_mass_does_not_matter() {
    let costs = matrix(4, 4, |i, j| if i == j { 0.0 } else { 1.0 });
    let (a, b) = ([2.5, 0.5, 0.5, 0.5], [1.0; 4]);
    let solver = Sinkhorn { max_iterations: 100_000, ..Sinkhorn::default() };
    let whole = |unit: f64| {
        let found = solver.solve(&costs, &a.map(|mass| mass * unit), &b.map(|mass| mass * unit)).unwrap();
        let (row, column) = (found.row_potentials[0], found.column_potentials[1]);
        let expected = a[0] * b[1] * unit * unit * ((row + column - 1.0) / (0.05 * 0.75)).exp();
        close("a mass from its potentials", 1.0, found.plan.at(0, 1) / expected, 1e-9);
        found.plan.cost(&costs).unwrap() / unit
    };
    // The first row has 1.5 too much: all of that goes to other columns, whatever ε is.
    for unit in [0.25, 1.0, 3.0, 1e-100, 1e100] {
        close("the cost for each unit", 1.5, whole(unit), 1e-6);
    }
    for unit in [1e-300, 1e300] {
        let found = solver.solve(&costs, &a.map(|mass| mass * unit), &b.map(|mass| mass * unit)).unwrap();
        close("the cost for each unit", 1.5, found.plan.cost(&costs).unwrap() / unit, 1e-6);
    }
}

/// Entries of the kernel go up to 1 / aᵢ, and scalings as far: beyond f32, in which it is kept at first.
#[test]
fn masses_and_epsilons_over_many_decades_are_no_trouble() {
    let solver = Sinkhorn { max_iterations: 20_000, ..Sinkhorn::default() };
    for seed in 0..400 {
        let (n, m) = (2 + seed as usize % 4, 2 + seed as usize / 4 % 5);
        let spread = [5.0, 100.0][seed as usize % 2];
        let (a, b) = (decades(n, spread, 2 * seed), decades(m, spread, 2 * seed + 1));
        let epsilon = 10_f64.powf(-0.5 - 0.5 * (seed % 6) as f64);
        let found = Sinkhorn { epsilon, ..solver }.solve(&uniform(n, m, seed), &a, &b).unwrap().plan;
        for (found, expected) in found.row_masses().iter().zip(&a) {
            assert!((found - expected).abs() <= 1e-9, "seed {seed}: a row of {found}, not {expected}");
        }
        for (found, expected) in found.column_masses().iter().zip(&b) {
            close("a column relative to its mass", 1.0, found / expected, 1e-12);
        }
    }
}

/// Masses with the sum 1 that are spread over so many powers of ten.
fn decades(n: usize, decades: f64, seed: u64) -> Vec<f64> {
    let masses: Vec<f64> = draws(seed, n).iter().map(|x| 10_f64.powf(-decades * x)).collect();
    let whole: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / whole).collect()
}

#[test]
fn an_iteration_that_is_cut_short_is_an_error() {
    let costs = uniform(20, 20, 7);
    let cut = Sinkhorn { epsilon: 0.01, tolerance: 1e-9, max_iterations: 3 };
    let found = cut.solve(&costs, &even(20), &even(20));
    assert!(
        matches!(found, Err(Error::NotConverged { steps: 3, residual, .. }) if residual > 1e-9),
        "{found:?}"
    );
    let hopeless = Sinkhorn { epsilon: 1e-300, ..cut };
    assert!(matches!(hopeless.solve(&costs, &even(20), &even(20)), Err(Error::NotConverged { .. })));
}

#[test]
fn settings_and_masses_out_of_range_are_errors() {
    let costs = uniform(2, 2, 0);
    let right = Sinkhorn::default();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for solver in [Sinkhorn { epsilon: bad, ..right }, Sinkhorn { tolerance: bad, ..right }] {
            assert!(
                matches!(solver.solve(&costs, &even(2), &even(2)), Err(Error::OutOfDomain { .. })),
                "{bad}"
            );
        }
    }
    let never = Sinkhorn { max_iterations: 0, ..right };
    assert!(matches!(never.solve(&costs, &even(2), &even(2)), Err(Error::OutOfDomain { .. })));
    assert!(matches!(right.solve(&costs, &[0.5, 0.6], &even(2)), Err(Error::UnequalMasses { .. })));
    assert!(matches!(right.solve(&costs, &[1.0], &even(2)), Err(Error::BatchMismatch { .. })));
    assert!(matches!(right.solve(&costs, &[1.5, -0.5], &even(2)), Err(Error::OutOfDomain { .. })));
}
