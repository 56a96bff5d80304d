//! Where only a part of the mass moves.

use super::common::laws::close;
use super::instances::{even, masses, matrix, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Costs, Transport, partial_transport, transport};

/// The transport, where it moves the mass, stays within the masses, and its prices prove it.
#[track_caller]
fn proven(costs: &Costs, a: &[f64], b: &[f64], mass: f64) -> Transport {
    let found = partial_transport(costs, a, b, mass).unwrap();
    close("the mass that moves", mass, found.plan.mass(), 1e-13);
    for (moved, most) in found.plan.row_masses().iter().zip(a).chain(found.plan.column_masses().iter().zip(b))
    {
        assert!(*moved <= most + 1e-13, "{moved} of {most}");
    }
    let (u, v) = (&found.row_prices, &found.column_prices);
    let lambda = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(u.iter().all(|u| *u <= 1e-12), "a row is not paid to stay: {u:?}");
    for (row, u) in u.iter().enumerate() {
        for (column, v) in v.iter().enumerate() {
            assert!(u + v <= costs.at(row, column) + 1e-12, "{row}, {column}");
        }
    }
    let rows: f64 = u.iter().zip(a).map(|(u, a)| u * a).sum();
    let columns: f64 = v.iter().zip(b).map(|(v, b)| (v - lambda) * b).sum();
    close("what the prices prove", found.plan.cost(costs).unwrap(), lambda * mass + rows + columns, 1e-11);
    found
}

/// The least sum of costs of `count` pairs, no row or column twice.
fn least_of_all(costs: &Costs, row: usize, is_taken: &mut [bool], count: usize) -> f64 {
    if count == 0 {
        return 0.0;
    }
    if row == costs.rows() {
        return f64::INFINITY;
    }
    let mut least = least_of_all(costs, row + 1, is_taken, count);
    for column in 0..costs.columns() {
        if !std::mem::replace(&mut is_taken[column], true) {
            least = least.min(costs.at(row, column) + least_of_all(costs, row + 1, is_taken, count - 1));
            is_taken[column] = false;
        }
    }
    least
}

#[test]
fn no_choice_of_pairs_is_cheaper() {
    for (n, m) in [(4, 4), (3, 5), (5, 3)] {
        for seed in 0..4 {
            let costs = uniform(n, m, seed);
            for count in 1..=n.min(m) {
                let found = proven(&costs, &vec![1.0; n], &vec![1.0; m], count as f64);
                let least = least_of_all(&costs, 0, &mut vec![false; m], count);
                close(&format!("{count} of {n} × {m}"), least, found.plan.cost(&costs).unwrap(), 1e-12);
            }
        }
    }
}

#[test]
fn the_mass_moved_is_the_mass_asked_and_more_of_it_costs_more_for_each_unit() {
    let costs = uniform(20, 30, 7);
    let (a, b) = (masses(20, 3), masses(30, 4));
    let mut before = 0.0;
    for part in [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0] {
        let cost = proven(&costs, &a, &b, part).plan.cost(&costs).unwrap() / part;
        assert!(cost >= before, "{part} costs {cost} for each unit, less of it {before}");
        before = cost;
    }
    close("all of it", transport(&costs, &a, &b).unwrap().plan.cost(&costs).unwrap(), before, 1e-12);
}

#[test]
fn costs_of_any_sign_scale_and_offset_are_right() {
    let some = |i: usize, j: usize| ((i * 31 + j * 17) % 101) as f64;
    let cheapest = proven(&matrix(6, 6, some), &even(6), &even(6), 0.5);
    for (scale, offset) in [(1.0, -1e4), (1e-3, 0.0), (1e-30, 0.0), (-1.0, 3.0)] {
        let costs = matrix(6, 6, |i, j| scale * some(i, j) + offset);
        let found = proven(&costs, &even(6), &even(6), 0.5);
        if scale > 0.0 {
            let expected = scale * cheapest.plan.cost(&matrix(6, 6, some)).unwrap() + 0.5 * offset;
            close("the cost", expected / scale, found.plan.cost(&costs).unwrap() / scale, 1e-11);
        }
    }
    proven(&matrix(6, 6, |i, j| ((i + j) % 3) as f64), &even(6), &even(6), 0.25);
    proven(&matrix(3, 4, |_, _| 0.0), &even(3), &even(4), 0.25);
}

#[test]
fn an_outlier_stays() {
    let costs = matrix(3, 3, |i, j| if i == 2 { 100.0 } else { (i as f64 - j as f64).abs() });
    let moved = proven(&costs, &even(3), &even(3), 2.0 / 3.0).plan.row_masses();
    close("the far row", 0.0, moved[2], 1e-14);
}

#[test]
fn more_than_there_is_and_nothing_are_errors() {
    let costs = uniform(2, 2, 0);
    // 10⁻¹⁰ could not be told from the roundings of what stays.
    for bad in [0.0, -1.0, 1e-10, 0.75, f64::NAN, f64::INFINITY] {
        let found = partial_transport(&costs, &[0.5, 0.5], &[0.25, 0.25], bad);
        assert!(matches!(found, Err(Error::OutOfDomain { what: "the mass that moves", .. })), "{bad}");
    }
    assert!(partial_transport(&costs, &[0.5, 0.5], &[0.25, 0.25], 0.5).is_ok());
    assert!(matches!(partial_transport(&costs, &[1.0], &[0.5, 0.5], 0.5), Err(Error::BatchMismatch { .. })));
    assert!(matches!(
        partial_transport(&costs, &[1.0, -1.0], &[0.5, 0.5], 0.5),
        Err(Error::OutOfDomain { .. })
    ));
}

#[test]
fn the_largest_costs_are_not_too_large() {
    let costs = Costs::new(2, 2, vec![1e150, 0.0, 1.0, 1.0]).unwrap();
    let moved = partial_transport(&costs, &[0.5; 2], &[0.5; 2], 0.5).unwrap().plan;
    close("the pair that costs nothing", 0.5, moved.at(0, 1), 1e-14);
}
