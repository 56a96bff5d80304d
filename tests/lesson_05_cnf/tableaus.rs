//! The coefficients of the methods.

use pushforward::Error;
use pushforward::cnf::{
    BOSH3, DOPRI5, EULER, HEUN, MIDPOINT, OdeSolver, RK4, RK38, TSIT5, Tableau, solve_fixed,
};
use pushforward::tensor::{Points, Source};

pub(super) const METHODS: [Tableau; 8] = [EULER, MIDPOINT, HEUN, RK4, RK38, BOSH3, DOPRI5, TSIT5];

/// The largest |Σ aᵢⱼ| is 40: rounding of its coefficients and of the sums.
const ROUNDING: f64 = 2e-14;

/// Σ wᵢ φᵢ(tree) for each rooted tree with at most 5 nodes: (order of the tree, φ, 1/γ).
fn trees(method: &Tableau) -> Vec<(u32, Vec<f64>, f64)> {
    let c = method.c.to_vec();
    let through = |values: &[f64]| -> Vec<f64> {
        method.a.iter().map(|row| row.iter().zip(values).map(|(a, v)| a * v).sum()).collect()
    };
    let times = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let c2 = times(&c, &c);
    let c3 = times(&c2, &c);
    let (ac, ac2) = (through(&c), through(&c2));
    let aac = through(&ac);
    vec![
        (1, vec![1.0; c.len()], 1.0),
        (2, c.clone(), 1.0 / 2.0),
        (3, c2.clone(), 1.0 / 3.0),
        (3, ac.clone(), 1.0 / 6.0),
        (4, c3.clone(), 1.0 / 4.0),
        (4, times(&c, &ac), 1.0 / 8.0),
        (4, ac2.clone(), 1.0 / 12.0),
        (4, aac.clone(), 1.0 / 24.0),
        (5, times(&c2, &c2), 1.0 / 5.0),
        (5, times(&c2, &ac), 1.0 / 10.0),
        (5, times(&ac, &ac), 1.0 / 20.0),
        (5, times(&c, &ac2), 1.0 / 15.0),
        (5, times(&c, &aac), 1.0 / 30.0),
        (5, through(&c3), 1.0 / 20.0),
        (5, through(&times(&c, &ac)), 1.0 / 40.0),
        (5, through(&ac2), 1.0 / 60.0),
        (5, through(&aac), 1.0 / 120.0),
    ]
}

fn sum(weights: &[f64], values: &[f64]) -> f64 {
    weights.iter().zip(values).map(|(w, v)| w * v).sum()
}

#[test]
fn each_time_is_the_sum_of_its_row() {
    for method in METHODS {
        for (stage, (row, c)) in method.a.iter().zip(method.c).enumerate() {
            let sum: f64 = row.iter().sum();
            assert!((sum - c).abs() < ROUNDING, "{}, stage {stage}: {sum}, {c}", method.name);
        }
    }
}

#[test]
fn weights_fulfil_the_conditions_of_their_order_and_not_of_the_next() {
    for method in METHODS {
        let miss = |order: u32| {
            let trees = trees(&method).into_iter().filter(|(of, ..)| *of == order);
            trees.map(|(_, phi, gamma)| (sum(method.b, &phi) - gamma).abs()).fold(0.0, f64::max)
        };
        for order in 1..=method.order {
            assert!(miss(order) < ROUNDING, "{}, order {order}: {}", method.name, miss(order));
        }
        if method.order < 5 {
            assert!(miss(method.order + 1) > 1e-3, "{} is of higher order than it says", method.name);
        }
    }
}

#[test]
fn error_weights_vanish_to_one_order_less_and_not_to_the_same() {
    for method in METHODS.iter().filter(|method| !method.error.is_empty()) {
        for (order, phi, _) in trees(method) {
            let found = sum(method.error, &phi).abs();
            if order < method.order {
                assert!(found < ROUNDING, "{}, order {order}: {found}", method.name);
            } else if order == method.order {
                assert!(found > 1e-5, "{}, order {order}: blind to {phi:?}", method.name);
            }
        }
    }
}

/// A multiple of the error weights vanishes to the same orders: the scale is that of the papers' second weights b̂.
#[test]
fn error_weights_are_the_difference_from_the_second_weights_of_the_papers() {
    for (method, place, second) in [
        (BOSH3, 0, 7.0 / 24.0),
        (BOSH3, 3, 1.0 / 8.0),
        (DOPRI5, 0, 5179.0 / 57600.0),
        (DOPRI5, 6, 1.0 / 40.0),
        (TSIT5, 6, 1.0 / 66.0),
    ] {
        let found = method.b[place] - method.error[place];
        assert!((found - second).abs() < ROUNDING, "{}, weight {place}: {found}", method.name);
    }
}

/// The weights between are those of a method for each part θ of the step: Σ bᵢ(θ) φᵢ = θᵖ / γ.
#[test]
fn dense_weights_end_at_the_weights_and_are_at_most_one_order_below() {
    for method in METHODS {
        for (row, b) in method.dense.iter().zip(method.b) {
            assert!((row.iter().sum::<f64>() - b).abs() < ROUNDING, "{}: {row:?}, {b}", method.name);
        }
        let order = if method.order > 3 { method.order - 1 } else { method.order };
        for theta in [0.1f64, 0.5, 0.9] {
            let power = |row: &&[f64]| row.iter().rev().fold(0.0, |sum, w| (sum + w) * theta);
            let weights: Vec<f64> = method.dense.iter().map(power).collect();
            for (of, phi, gamma) in trees(&method).into_iter().filter(|(of, ..)| *of <= order) {
                let miss = (sum(&weights, &phi) - gamma * theta.powi(of as i32)).abs();
                assert!(miss < ROUNDING, "{}, order {of}, θ = {theta}: {miss}", method.name);
            }
        }
    }
}

#[test]
fn the_last_stage_is_the_next_first_where_the_papers_say_so() {
    let reused = METHODS.iter().filter(|method| method.first_same_as_last()).map(|method| method.name);
    assert_eq!(reused.collect::<Vec<_>>(), [BOSH3.name, DOPRI5.name, TSIT5.name]);
}

#[test]
fn a_table_whose_lists_do_not_fit_is_refused() {
    let bad = [
        Tableau { a: &[&[], &[0.5], &[0.0, 0.5]], ..RK4 },
        Tableau { a: &[&[], &[], &[0.0, 0.5], &[0.0, 0.0, 1.0]], ..RK4 },
        Tableau { c: &[0.0, 0.5], ..RK4 },
        Tableau { dense: &[&[1.0]], ..RK4 },
        Tableau { dense: &[&[], &[], &[], &[]], ..RK4 },
        Tableau { error: &[1.0], ..RK4 },
        Tableau { b: &[], ..RK4 },
        Tableau { order: 0, ..RK4 },
    ];
    let x = Source::new(0).normal::<2>(3).unwrap();
    for table in bad {
        let solved = OdeSolver::fixed(table, 3).solve_state(|_, x, _| Ok(x), x.clone(), 0.0, 1.0).err();
        let field = |t, x: Points<2>| Ok((x, t));
        let recorded = solve_fixed(&table, 3, field, x.clone(), 0.0, 1.0).err();
        for refused in [solved, recorded] {
            assert!(
                matches!(
                    refused,
                    Some(Error::WrongLength { .. } | Error::Empty { .. } | Error::OutOfDomain { .. })
                ),
                "{table:?}: {refused:?}"
            );
        }
    }
    let blind = OdeSolver::adaptive(RK4, 1e-3).solve_state(|_, x, _| Ok(x), x, 0.0, 1.0);
    assert!(matches!(blind, Err(Error::Empty { .. })), "RK4 has no estimate of its error");
}
