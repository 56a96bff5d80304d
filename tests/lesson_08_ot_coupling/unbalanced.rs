//! Plans that may bend the masses.

use super::common::laws::close;
use super::instances::{even, masses, matrix, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Costs, Entropic, Sinkhorn, UnbalancedSinkhorn};

fn solve(costs: &Costs, a: &[f64], b: &[f64], epsilon: f64, marginal_weight: f64) -> Entropic {
    let sinkhorn = Sinkhorn { epsilon, tolerance: 1e-11, max_iterations: 100_000 };
    UnbalancedSinkhorn { sinkhorn, marginal_weight }.solve(costs, a, b).unwrap()
}

#[test]
fn one_row_and_one_column_are_as_the_formula_says() {
    // c + ε ln(π / ab) + ρ ln(π / a) + ρ ln(π / b) = 0, with ε = 0.3 c and ρ = 0.7 c.
    let (a, b, c) = (2.0_f64, 0.5_f64, 3.0);
    let found = solve(&matrix(1, 1, |_, _| c), &[a], &[b], 0.3, 0.7).plan.mass();
    let expected = (((0.3 + 0.7) * (a * b).ln() - 1.0) / (0.3 + 2.0 * 0.7)).exp();
    close("the mass", expected, found, 1e-10);
}

#[test]
fn it_is_where_the_gradient_of_what_it_minimises_is_zero() {
    let (costs, a, b) = (uniform(6, 9, 1), masses(6, 2), masses(9, 3));
    let (epsilon, rho) = (0.2 * costs.mean(), 0.5 * costs.mean());
    let plan = solve(&costs, &a, &b, 0.2, 0.5).plan;
    let (rows, columns) = (plan.row_masses(), plan.column_masses());
    for i in 0..6 {
        for j in 0..9 {
            let entropy = epsilon * (plan.at(i, j) / (a[i] * b[j])).ln();
            let marginals = rho * ((rows[i] / a[i]).ln() + (columns[j] / b[j]).ln());
            close("the derivative by a mass", 0.0, costs.at(i, j) + entropy + marginals, 1e-9);
        }
    }
}

#[test]
fn a_large_weight_of_the_marginals_makes_the_balanced_plan() {
    let (costs, a, b) = (uniform(8, 8, 4), masses(8, 5), even(8));
    let balanced = Sinkhorn { epsilon: 0.2, tolerance: 1e-12, max_iterations: 10_000 };
    let balanced = balanced.solve(&costs, &a, &b).unwrap().plan;
    let apart = |weight| {
        let plan = solve(&costs, &a, &b, 0.2, weight).plan;
        (0..64).map(|k| (plan.at(k / 8, k % 8) - balanced.at(k / 8, k % 8)).abs()).sum::<f64>()
    };
    let (light, middle, heavy) = (apart(1.0), apart(100.0), apart(1e4));
    assert!(light > 0.05 && middle < 0.05 * light && heavy < 0.05 * middle, "{light}, {middle}, {heavy}");
}

/// There a potential is so large, or ε so small, that a change of the tolerance cannot be seen in f64.
#[test]
fn what_rounding_hides_is_not_taken_for_the_end() {
    let (costs, a, b) = (uniform(3, 3, 2), [2.0 / 3.0; 3], [1.0 / 3.0; 3]);
    for (epsilon, marginal_weight) in [(0.05, 1e12), (0.05, 1e16), (1e-16, 1.0), (1e-18, 1.0)] {
        let sinkhorn = Sinkhorn { epsilon, tolerance: 1e-9, max_iterations: 1000 };
        let found = UnbalancedSinkhorn { sinkhorn, marginal_weight }.solve(&costs, &a, &b);
        let what = "the weight of the marginals over epsilon";
        assert!(
            matches!(found, Err(Error::OutOfDomain { what: of, .. }) if of == what),
            "{epsilon}, {marginal_weight}: {found:?}"
        );
    }
}

#[test]
fn an_outlier_loses_its_mass_and_others_keep_theirs() {
    let costs = matrix(4, 3, |i, j| if i == 3 { 200.0 } else { (i as f64 - j as f64).powi(2) });
    let masses = solve(&costs, &even(4), &even(3), 0.01, 0.05).plan.row_masses();
    assert!(masses[3] < 1e-6 && masses[..3].iter().all(|mass| *mass > 0.2), "{masses:?}");
}

#[test]
fn sums_may_differ_and_zeros_stay_zero() {
    let found = solve(&uniform(3, 3, 6), &[0.5, 0.0, 1.5], &[0.25, 0.75, 0.0], 0.1, 0.5).plan;
    assert!(found.row(1).iter().all(|mass| *mass == 0.0) && (0..3).all(|row| found.at(row, 2) == 0.0));
    assert!(found.mass() > 0.5 && found.mass() < 2.0, "between the two sums or so: {}", found.mass());
}

#[test]
fn settings_out_of_range_and_an_iteration_that_is_cut_short_are_errors() {
    let costs = uniform(5, 5, 0);
    let ask = |sinkhorn, marginal_weight| {
        UnbalancedSinkhorn { sinkhorn, marginal_weight }.solve(&costs, &even(5), &even(5)).map(|_| ())
    };
    let right = Sinkhorn::default();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(ask(right, bad), Err(Error::OutOfDomain { .. })), "{bad}");
        assert!(
            matches!(ask(Sinkhorn { epsilon: bad, ..right }, 1.0), Err(Error::OutOfDomain { .. })),
            "{bad}"
        );
    }
    assert!(matches!(
        ask(Sinkhorn { max_iterations: 2, ..right }, 1.0),
        Err(Error::NotConverged { steps: 2, .. })
    ));
    let solver = UnbalancedSinkhorn { sinkhorn: right, marginal_weight: 1.0 };
    assert!(matches!(solver.solve(&costs, &even(4), &even(5)), Err(Error::BatchMismatch { .. })));
    assert!(matches!(solver.solve(&costs, &[0.0; 5], &even(5)), Err(Error::OutOfDomain { .. })));
}
