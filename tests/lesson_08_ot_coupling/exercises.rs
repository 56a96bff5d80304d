//! The checks of lesson 08's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::{accepted, rejected};
use pushforward::exercises::Verdict;
use pushforward::exercises::ot_coupling::{
    OnBridge, OneRow, bridge_velocity, normalized_path_energy, pairing_cost, partners, proof, sinkhorn_step,
};

/// A mean over the pairs, divided by their number or not.
fn mean(x: &[[f64; 2]], y: &[[f64; 2]], columns: &[usize], term: fn(f64, f64) -> f64) -> f64 {
    let terms = x.iter().zip(columns).map(|(x, j)| term(x[0] - y[*j][0], x[1] - y[*j][1]));
    terms.sum::<f64>() / x.len() as f64
}

#[test]
fn the_cost_check_rejects_sums_distances_and_other_partners() {
    let square: fn(f64, f64) -> f64 = |a, b| a * a + b * b;
    accepted(&pairing_cost(|x, y, columns| mean(x, y, columns, square)));
    rejected(&pairing_cost(|x, y, columns| mean(x, y, columns, square) * x.len() as f64), "divide by");
    rejected(&pairing_cost(|x, y, columns| mean(x, y, columns, f64::hypot)), "square it first");
    rejected(&pairing_cost(|x, y, columns| 0.5 * mean(x, y, columns, square)), "counts once");
    let backwards = |x: &[[f64; 2]], y: &[[f64; 2]], columns: &[usize]| mean(y, x, columns, square);
    rejected(&pairing_cost(backwards), "backwards");
    let in_order = |x: &[[f64; 2]], y: &[[f64; 2]], _: &[usize]| mean(x, y, &[0, 1, 2, 3], square);
    rejected(&pairing_cost(in_order), "in the list");
    rejected(&pairing_cost(|_, _, _| 2.0), "found 2");
    rejected(&pairing_cost(|_, _, _| f64::NAN), "NaN");
}

#[test]
fn the_cost_check_tells_roots_from_distances_and_names_several_mistakes_at_once() {
    let square: fn(f64, f64) -> f64 = |a, b| a * a + b * b;
    rejected(&pairing_cost(|x, y, columns| mean(x, y, columns, square).sqrt()), "root of the mean");
    rejected(
        &pairing_cost(|x, y, columns| (mean(x, y, columns, square) * x.len() as f64).sqrt()),
        "root of the sum",
    );
    rejected(&pairing_cost(|x, y, columns| mean(x, y, columns, |a, b| (a + b).powi(2))), "only then add");
    rejected(&pairing_cost(|x, y, columns| mean(x, y, columns, |a, b| a.abs() + b.abs())), "absolute");
    let stub = pairing_cost(|x, y, _| mean(x, y, &[0, 1, 2, 3], f64::hypot) * x.len() as f64);
    rejected(&stub, "in the list");
    rejected(&stub, "square it first");
    rejected(&stub, "divide by");
}

fn bounded(costs: &[Vec<f64>], u: &[f64], v: &[f64]) -> bool {
    costs.iter().zip(u).all(|(row, u)| row.iter().zip(v).all(|(cost, v)| u + v <= *cost))
}

fn tight(costs: &[Vec<f64>], columns: &[usize], u: &[f64], v: &[f64]) -> bool {
    columns.iter().enumerate().all(|(i, j)| u[i] + v[*j] == costs[i][*j])
}

#[test]
fn the_proof_check_rejects_half_of_the_conditions_and_answers_that_do_not_look() {
    accepted(&proof(|costs, columns, u, v| bounded(costs, u, v) && tight(costs, columns, u, v)));
    let by_sums = |costs: &[Vec<f64>], columns: &[usize], u: &[f64], v: &[f64]| {
        let cost: f64 = columns.iter().enumerate().map(|(i, j)| costs[i][*j]).sum();
        u.iter().chain(v).sum::<f64>() == cost
    };
    accepted(&proof(|costs, columns, u, v| bounded(costs, u, v) && by_sums(costs, columns, u, v)));
    rejected(&proof(tight), "above the cost 1");
    rejected(&proof(|costs, _, u, v| bounded(costs, u, v)), "does not reach");
    rejected(&proof(by_sums), "above the cost 1");
    let positive = |costs: &[Vec<f64>], columns: &[usize], u: &[f64], v: &[f64]| {
        bounded(costs, u, v) && tight(costs, columns, u, v) && v.iter().all(|v| *v >= 0.0)
    };
    rejected(&proof(positive), "may be negative");
    rejected(&proof(|_, _, _, _| true), "expected false");
    rejected(&proof(|_, _, _, _| false), "expected true");
}

/// What an answer to the exercise of proofs sees.
#[derive(Clone, Copy)]
struct Shown<'a> {
    costs: &'a [Vec<f64>],
    columns: &'a [usize],
    u: &'a [f64],
    v: &'a [f64],
}

impl Shown<'_> {
    fn bound(&self, i: usize, k: usize) -> bool {
        self.u[i] + self.v[k] <= self.costs[i][k]
    }

    fn tight(&self, i: usize) -> bool {
        self.u[i] + self.v[self.columns[i]] == self.costs[i][self.columns[i]]
    }

    /// Whether the sums of these rows and columns are bounded, and those of these pairs tight.
    fn holds(&self, bounded: impl Fn(usize, usize) -> bool, tight: impl Fn(usize) -> bool) -> bool {
        let row = |i| (0..3).all(|k| !bounded(i, k) || self.bound(i, k)) && (!tight(i) || self.tight(i));
        (0..3).all(row)
    }

    /// The cost of the pairs (i, `columns[i]`).
    fn cost(&self, columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(i, j)| self.costs[i][*j]).sum()
    }

    /// Whether no exchange of two partners is cheaper.
    fn no_exchange(&self) -> bool {
        [[0, 1], [0, 2], [1, 2]].into_iter().all(|[i, k]| {
            let mut columns = self.columns.to_vec();
            columns.swap(i, k);
            self.cost(self.columns) <= self.cost(&columns)
        })
    }

    fn cheapest(&self) -> bool {
        let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        all.iter().all(|columns| self.cost(self.columns) <= self.cost(columns))
    }
}

fn shown(answer: impl Fn(Shown) -> bool) -> Verdict {
    proof(|costs, columns, u, v| answer(Shown { costs, columns, u, v }))
}

#[test]
fn the_proof_check_accepts_other_forms_of_the_proof() {
    accepted(&shown(|s| s.holds(|_, _| true, |_| true)));
    let near =
        |s: Shown| (0..3).all(|i| (s.u[i] + s.v[s.columns[i]] - s.costs[i][s.columns[i]]).abs() < 1e-9);
    accepted(&shown(|s| near(s) && (0..9).all(|n| s.u[n / 3] + s.v[n % 3] < s.costs[n / 3][n % 3] + 1e-9)));
    let total = |s: Shown| s.u.iter().chain(s.v).sum::<f64>();
    accepted(&shown(|s| s.holds(|_, _| true, |_| false) && total(s) >= s.cost(s.columns)));
}

#[test]
fn the_proof_check_names_the_rows_and_columns_that_a_loop_leaves_out() {
    rejected(&shown(|s| s.holds(|i, _| i == 0, |i| i == 0)), "row 0 only. Does a `return`");
    rejected(&shown(|s| s.bound(0, 0)), "end the inner loop");
    rejected(&shown(|s| s.bound(0, 0) && s.holds(|_, _| false, |_| true)), "end the inner loop");
    rejected(&shown(|s| s.holds(|i, _| i == 2, |i| i == 2)), "forget the one before");
    rejected(&shown(|s| s.holds(|i, _| i == 0, |_| true)), "costs in row 0 only");
    rejected(&shown(|s| s.holds(|i, _| i == 2, |_| true)), "in the last row only");
    rejected(&shown(|s| s.holds(|_, _| true, |i| i == 0)), "only the pair of row 0");
    rejected(&shown(|s| s.holds(|_, _| true, |i| i == 2)), "only the pair of the last row");
    rejected(&shown(|s| s.holds(|i, k| k >= i, |_| true)), "leave out the columns below the diagonal");
    rejected(&shown(|s| s.holds(|i, k| k <= i, |_| true)), "leave out the columns above the diagonal");
    rejected(&shown(|s| s.holds(|i, k| k > i, |_| true)), "above the diagonal only");
    rejected(&shown(|s| s.holds(|i, k| k < i, |_| true)), "below the diagonal only");
    rejected(&shown(|s| s.holds(|i, _| i > 0, |i| i > 0)), "leave out the first row");
    rejected(&shown(|s| s.holds(|i, _| i < 2, |i| i < 2)), "leave out the last row");
    rejected(&shown(|s| s.holds(|i, _| i < 2, |_| true)), "all rows but the last");
    rejected(&shown(|s| s.holds(|_, k| k > 0, |_| true)), "leave out the first column");
    rejected(&shown(|s| s.holds(|_, k| k < 2, |_| true)), "leave out the last column");
}

#[test]
fn the_proof_check_rejects_whoever_leaves_out_a_single_entry() {
    for (i, k) in (0..9).map(|n| (n / 3, n % 3)) {
        let verdict =
            shown(|s| s.holds(|row, column| (row, column) != (i, k), |row| row != i || s.columns[i] != k));
        rejected(&verdict, &format!("row {i} and column {k}"));
    }
}

#[test]
fn the_proof_check_rejects_searches_for_a_cheaper_pairing() {
    rejected(&shown(|s| s.no_exchange() && s.holds(|_, _| false, |_| true)), "no exchange of two");
    rejected(&shown(|s| s.no_exchange()), "no exchange of two");
    rejected(&shown(|s| s.cheapest() && s.holds(|_, _| false, |_| true)), "these prices do not prove it");
    rejected(&shown(|s| s.cheapest()), "these prices do not prove it");
    rejected(&shown(|s| s.cheapest() && s.holds(|_, _| true, |_| false)), "does not reach");
}

#[test]
fn the_proof_check_rejects_strict_bounds_wide_tolerances_and_exchanged_indices() {
    let strict = |s: Shown| {
        let below = |i: usize, k: usize| s.u[i] + s.v[k] < s.costs[i][k];
        (0..9).all(|n| s.columns[n / 3] == n % 3 || below(n / 3, n % 3))
    };
    rejected(&shown(|s| strict(s) && s.holds(|_, _| false, |_| true)), "equal is not above");
    let within =
        |s: Shown, slack: f64| (0..9).all(|n| s.u[n / 3] + s.v[n % 3] <= s.costs[n / 3][n % 3] + slack);
    rejected(&shown(|s| within(s, -1e-9) && s.holds(|_, _| false, |_| true)), "each pair's sum is its cost");
    rejected(&shown(|s| within(s, 1.0) && s.holds(|_, _| false, |_| true)), "more than rounding");
    let one_sided = |s: Shown| (0..3).all(|i| s.u[i] + s.v[s.columns[i]] - s.costs[i][s.columns[i]] < 1e-9);
    rejected(&shown(|s| within(s, 1e-9) && one_sided(s)), "does not reach");
    let some_tight = |s: Shown| (0..3).any(|i| s.tight(i));
    rejected(&shown(|s| within(s, 0.0) && some_tight(s)), "does not reach");
    let any_column = |s: Shown| (0..3).all(|i| (0..3).any(|k| s.u[i] + s.v[k] == s.costs[i][k]));
    rejected(&shown(|s| within(s, 0.0) && any_column(s)), "another pairing");
    let backwards = |s: Shown| (0..3).all(|i| s.u[s.columns[i]] + s.v[i] == s.costs[s.columns[i]][i]);
    rejected(&shown(|s| within(s, 0.0) && backwards(s)), "another pairing");
    let diagonal = |s: Shown| (0..3).all(|i| s.u[i] + s.v[i] == s.costs[i][i]);
    rejected(&shown(|s| within(s, 0.0) && diagonal(s)), "each pair's sum is its cost");
    rejected(&shown(|s| Shown { u: s.v, v: s.u, ..s }.holds(|_, _| true, |_| true)), "expected true");
    let u_positive = |s: Shown| s.u.iter().all(|u| *u >= 0.0);
    rejected(&shown(|s| s.holds(|_, _| true, |_| true) && u_positive(s)), "may be negative");
    rejected(&shown(|s| (0..3).any(|i| s.tight(i) && (0..3).all(|k| s.bound(i, k)))), "above the cost 1");
    rejected(&shown(|s| (0..3).all(|i| s.tight(i) && (0..3).any(|k| s.bound(i, k)))), "above the cost 1");
}

/// log ∑ b exp((s g − c) / ε), in the log domain.
fn log_sum(row: OneRow, masses: &[f64], sign: f64) -> f64 {
    let exponents = row.costs.iter().zip(row.potentials).map(|(c, g)| (sign * g - c) / row.epsilon);
    let largest = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + exponents.zip(masses).map(|(e, b)| b * (e - largest).exp()).sum::<f64>().ln()
}

#[test]
fn the_sinkhorn_check_rejects_the_plain_domain_and_forgotten_factors() {
    accepted(&sinkhorn_step(|row| -row.epsilon * log_sum(row, row.masses, 1.0)));
    let plain = |row: OneRow| {
        let exponents = row.costs.iter().zip(row.potentials).map(|(c, g)| (g - c) / row.epsilon);
        -row.epsilon * exponents.zip(row.masses).map(|(e, b)| b * e.exp()).sum::<f64>().ln()
    };
    rejected(&sinkhorn_step(plain), "largest exponent");
    rejected(&sinkhorn_step(|row| -row.epsilon * log_sum(row, &[1.0; 3], 1.0)), "masses of the columns");
    rejected(&sinkhorn_step(|row| -row.epsilon * log_sum(row, row.masses, -1.0)), "costs subtracted");
    rejected(&sinkhorn_step(|row| -log_sum(row, row.masses, 1.0)), "multiply by ε");
    rejected(&sinkhorn_step(|row| row.epsilon * log_sum(row, row.masses, 1.0)), "sign is wrong");
    rejected(&sinkhorn_step(|row| (-log_sum(row, row.masses, 1.0)).exp()), "plain iteration");
    rejected(&sinkhorn_step(|_| 0.0), "found 0");
    rejected(&sinkhorn_step(|_| f64::NAN), "found NaN");
}

#[test]
fn the_sinkhorn_check_names_what_became_of_the_largest_exponent() {
    let parts = |row: OneRow| {
        let exponents = row.costs.iter().zip(row.potentials).map(|(c, g)| (g - c) / row.epsilon);
        let largest = exponents.fold(f64::NEG_INFINITY, f64::max);
        (largest, log_sum(row, row.masses, 1.0) - largest)
    };
    accepted(&sinkhorn_step(|row| -row.epsilon * parts(row).0 - row.epsilon * parts(row).1));
    rejected(&sinkhorn_step(|row| -row.epsilon * parts(row).1), "add it to the logarithm again");
    rejected(&sinkhorn_step(|row| row.epsilon * (parts(row).0 - parts(row).1)), "do not subtract it");
    rejected(&sinkhorn_step(|row| -row.epsilon * parts(row).1 - parts(row).0), "multiply both by ε");
    rejected(&sinkhorn_step(|row| -parts(row).1), "ε is missing");
    let undivided = |row: OneRow| -row.epsilon * log_sum(OneRow { epsilon: 1.0, ..row }, row.masses, 1.0);
    rejected(&sinkhorn_step(undivided), "divided by ε");
    let from_zero = |row: OneRow| {
        let exponents = row.costs.iter().zip(row.potentials).map(|(c, g)| (g - c) / row.epsilon);
        let largest = exponents.clone().fold(0.0, f64::max);
        let sum: f64 = exponents.zip(row.masses).map(|(e, b)| b * (e - largest).exp()).sum();
        -row.epsilon * (largest + sum.ln())
    };
    rejected(&sinkhorn_step(from_zero), "far below 0");
}

#[test]
fn the_bridge_check_rejects_other_rates_other_means_and_exchanged_ends() {
    let with = |rate: fn(f64) -> f64, off: fn(OnBridge) -> f64, way: f64| {
        bridge_velocity(move |at| rate(at.t) * off(at) + way * (at.x_1 - at.x_0))
    };
    let rate: fn(f64) -> f64 = |t| (1.0 - 2.0 * t) / (2.0 * t * (1.0 - t));
    let off: fn(OnBridge) -> f64 = |at| at.x - (1.0 - at.t) * at.x_0 - at.t * at.x_1;
    accepted(&with(rate, off, 1.0));
    rejected(&with(|_| 0.0, off, 1.0), "velocity of the mean");
    rejected(&with(rate, off, -1.0), "From x₀ to x₁");
    rejected(&with(|t| (1.0 - 2.0 * t) / (t * (1.0 - t)), off, 1.0), "half is missing");
    rejected(&with(|t| (2.0 * t - 1.0) / (2.0 * t * (1.0 - t)), off, 1.0), "widens until");
    rejected(&with(rate, |at| at.x, 1.0), "not x");
    rejected(&with(rate, |at| at.x - at.t * at.x_0 - (1.0 - at.t) * at.x_1, 1.0), "ends are exchanged");
    rejected(&bridge_velocity(|_| 2.0), "found 2");
    rejected(&bridge_velocity(|_| f64::NAN), "NaN");
}

#[test]
fn the_bridge_check_tells_drifts_and_forgotten_parts_of_the_rate_apart() {
    let forward = |at: OnBridge| (at.x_1 - at.x) / (1.0 - at.t);
    let backward = |at: OnBridge| (at.x - at.x_0) / at.t;
    accepted(&bridge_velocity(|at| 0.5 * (forward(at) + backward(at))));
    rejected(&bridge_velocity(forward), "drift of the random equation, whose noise");
    rejected(&bridge_velocity(backward), "random equation back");
    let gamma = |t: f64| (t * (1.0 - t)).sqrt();
    let gamma_rate = move |t: f64| (1.0 - 2.0 * t) / (2.0 * gamma(t));
    let straight = |at: OnBridge| at.x_1 - at.x_0;
    let off = |at: OnBridge| at.x - (1.0 - at.t) * at.x_0 - at.t * at.x_1;
    accepted(&bridge_velocity(|at| gamma_rate(at.t) / gamma(at.t) * off(at) + straight(at)));
    rejected(&bridge_velocity(|at| gamma_rate(at.t) * off(at) + straight(at)), "divide by γ");
    rejected(&bridge_velocity(|at| gamma_rate(at.t) + straight(at)), "multiply γ̇ by z");
    rejected(&bridge_velocity(|at| gamma_rate(at.t) / gamma(at.t) + straight(at)), "multiply γ̇ by z");
    rejected(&bridge_velocity(|at| (1.0 - 2.0 * at.t) * off(at) + straight(at)), "derivative of γ²");
    rejected(&bridge_velocity(|at| off(at) / gamma(at.t) + straight(at)), "take the derivative");
    rejected(&bridge_velocity(|at| gamma_rate(at.t) / gamma(at.t) * off(at)), "mean moves too");
}

/// The first column whose running sum is `above`, or the last.
fn drawn(plan: &[Vec<f64>], u: &[f64], above: fn(f64, f64, f64) -> bool) -> Vec<usize> {
    let of_row = |(row, u): (&Vec<f64>, &f64)| {
        let (mass, mut sum) = (row.iter().sum(), 0.0);
        let found = row.iter().position(|entry| {
            sum += entry;
            above(sum, *u, mass)
        });
        found.unwrap_or(row.len() - 1)
    };
    plan.iter().zip(u).map(of_row).collect()
}

#[test]
fn the_partners_check_rejects_forgotten_masses_lost_rows_and_columns_without_mass() {
    accepted(&partners(|plan, u| drawn(plan, u, |sum, u, mass| sum > u * mass)));
    rejected(&partners(|plan, u| drawn(plan, u, |sum, u, _| sum > u)), "not to 1");
    rejected(&partners(|plan, u| drawn(plan, u, |sum, u, mass| sum >= u * mass)), "above, not equal");
    let heaviest = |row: &Vec<f64>| (0..row.len()).max_by(|j, k| row[*j].total_cmp(&row[*k])).unwrap();
    rejected(&partners(|plan, _| plan.iter().map(heaviest).collect()), "as often as its share");
    rejected(&partners(|_, _| Vec::new()), "no row is left out");
    rejected(&partners(|_, _| vec![7, usize::MAX, 0]), "found [7");
}

/// The partners of the rows, each read from its last column.
fn from_the_right(plan: &[Vec<f64>], u: &[f64]) -> Vec<usize> {
    let turned: Vec<Vec<f64>> = plan.iter().map(|row| row.iter().rev().copied().collect()).collect();
    drawn(&turned, u, |sum, u, mass| sum > u * mass).into_iter().map(|j| 2 - j).collect()
}

#[test]
fn the_partners_check_tells_the_heaviest_entry_from_other_sums_and_other_orders() {
    let right = |plan: &[Vec<f64>], u: &[f64]| drawn(plan, u, |sum, u, mass| sum > u * mass);
    accepted(&partners(|plan, u| drawn(plan, u, |sum, u, mass| sum / mass > u)));
    rejected(&partners(|plan, u| drawn(plan, u, |sum, u, _| sum > u / 3.0)), "mean mass");
    rejected(&partners(from_the_right), "from its last column");
    let turned_u = |plan: &[Vec<f64>], u: &[f64]| drawn(plan, u, |sum, u, mass| sum > (1.0 - u) * mass);
    rejected(&partners(turned_u), "1 − u");
    let single = |(row, u): (&Vec<f64>, &f64)| {
        row.iter().position(|entry| *entry > u * row.iter().sum::<f64>()).unwrap_or(0)
    };
    rejected(&partners(|plan, u| plan.iter().zip(u).map(single).collect()), "single entries");
    rejected(&partners(|plan, u| right(plan, u).iter().map(|j| j + 1).collect()), "column after");
    let before = |plan: &[Vec<f64>], u: &[f64]| right(plan, u).iter().map(|j| j.saturating_sub(1)).collect();
    rejected(&partners(before), "column before");
    let stub = |plan: &[Vec<f64>], u: &[f64]| {
        let found = plan.iter().zip(u).filter_map(|(row, u)| {
            let mut sum = 0.0;
            row.iter().position(|entry| {
                sum += entry;
                sum > *u
            })
        });
        found.collect()
    };
    rejected(&partners(stub), "not to 1");
}

fn trapezoid(speeds: &[f64]) -> f64 {
    speeds.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).sum::<f64>() / (speeds.len() - 1) as f64
}

#[test]
fn the_path_energy_check_rejects_other_rules_and_other_units() {
    let npe = |energy: fn(&[f64]) -> f64, w_2: fn(f64) -> f64| {
        normalized_path_energy(move |speeds, w| (energy(speeds) - w_2(w)).abs() / w_2(w))
    };
    let squared: fn(f64) -> f64 = |w| w * w;
    accepted(&npe(trapezoid, squared));
    rejected(&npe(trapezoid, |w| w), "not W₂");
    rejected(&npe(|speeds| speeds.iter().sum::<f64>() / speeds.len() as f64, squared), "count half");
    rejected(&npe(|s| s[1..].iter().sum::<f64>() / (s.len() - 1) as f64, squared), "not one of them");
    rejected(
        &npe(|s| s[..s.len() - 1].iter().sum::<f64>() / (s.len() - 1) as f64, squared),
        "not one of them",
    );
    rejected(&normalized_path_energy(|speeds, _| trapezoid(speeds)), "energy itself");
    rejected(&normalized_path_energy(|speeds, w| (trapezoid(speeds) - w * w).abs()), "Divide by W₂²");
    rejected(&normalized_path_energy(|speeds, w| (trapezoid(speeds) - w * w) / (w * w)), "absolute value");
    rejected(&normalized_path_energy(|_, _| 0.3), "found 0.3");
    rejected(&normalized_path_energy(|_, _| f64::NAN), "NaN");
}

#[test]
fn the_path_energy_check_tells_forgotten_steps_from_ratios() {
    let npe = |energy: fn(&[f64]) -> f64| {
        normalized_path_energy(move |speeds, w| (energy(speeds) - w * w).abs() / (w * w))
    };
    accepted(&normalized_path_energy(|speeds, w| (trapezoid(speeds) / w.powi(2) - 1.0).abs()));
    rejected(&npe(|speeds| trapezoid(speeds) * (speeds.len() - 1) as f64), "without their distance");
    rejected(&npe(|speeds| speeds.iter().sum()), "without their distance");
    rejected(&npe(|s| trapezoid(s) * (s.len() - 1) as f64 / s.len() as f64), "one step fewer");
    rejected(&npe(|speeds| 2.0 * trapezoid(speeds)), "half of their sum");
    rejected(&normalized_path_energy(|speeds, w| trapezoid(speeds) / (w * w)), "E / W₂²: take");
    rejected(&normalized_path_energy(|speeds, w| 1.0 - trapezoid(speeds) / (w * w)), "W₂² − E");
    let by_energy = |speeds: &[f64], w: f64| (trapezoid(speeds) - w * w).abs() / trapezoid(speeds);
    rejected(&normalized_path_energy(by_energy), "not by E");
    let roots = |speeds: &[f64], w: f64| (trapezoid(speeds).sqrt() - w).abs() / w;
    rejected(&normalized_path_energy(roots), "no roots");
}
