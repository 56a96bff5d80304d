//! What a plan holds, and pairs drawn from it.

use super::common::laws::close;
use super::instances::{even, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Plan, Sinkhorn};
use pushforward::tensor::Source;

fn plan() -> Plan {
    Plan::new(2, 3, vec![0.1, 0.0, 0.3, 0.0, 0.6, 0.0]).unwrap()
}

#[test]
fn a_plan_knows_its_masses_and_its_cost() {
    let plan = plan();
    assert_eq!((plan.rows(), plan.columns()), (2, 3));
    assert_eq!((plan.at(0, 2), plan.row(1)), (0.3, &[0.0, 0.6, 0.0][..]));
    assert_eq!((plan.at(2, 0), plan.at(0, 3), plan.at(usize::MAX, 1)), (0.0, 0.0, 0.0));
    close("the mass", 1.0, plan.mass(), 1e-15);
    for (found, expected) in plan.row_masses().iter().zip([0.4, 0.6]) {
        close("a row", expected, *found, 1e-15);
    }
    for (found, expected) in plan.column_masses().iter().zip([0.1, 0.6, 0.3]) {
        close("a column", expected, *found, 1e-15);
    }
    let costs = super::instances::matrix(2, 3, |i, j| (3 * i + j) as f64);
    close("0.3 · 2 + 0.6 · 4", 3.0, plan.cost(&costs).unwrap(), 1e-15);
    assert!(matches!(plan.cost(&uniform(2, 2, 0)), Err(Error::BatchMismatch { .. })));
    assert!(matches!(plan.cost(&uniform(3, 3, 0)), Err(Error::BatchMismatch { .. })));
}

#[test]
fn partners_lose_no_row_and_have_the_shares_of_the_row() {
    let (plan, mut source) = (plan(), Source::new(1));
    let mut counts = [0_usize; 3];
    const DRAWS: usize = 10_000;
    for _ in 0..DRAWS {
        let partners = plan.partners(&mut source).unwrap();
        assert_eq!((partners.len(), partners[1]), (2, 1), "row 1 has one column");
        counts[partners[0]] += 1;
    }
    assert_eq!(counts[1], 0, "row 0 gives nothing to column 1");
    assert!(counts[0].abs_diff(DRAWS / 4) < 174, "four standard deviations of a quarter: {counts:?}");
}

#[test]
fn partners_keep_the_column_masses_on_average() {
    let costs = uniform(16, 16, 1);
    let plan =
        Sinkhorn { epsilon: 0.3, ..Sinkhorn::default() }.solve(&costs, &even(16), &even(16)).unwrap().plan;
    let mut source = Source::new(2);
    let mut counts = [0_usize; 16];
    for _ in 0..2000 {
        plan.partners(&mut source).unwrap().into_iter().for_each(|column| counts[column] += 1);
    }
    // The variance of a count is at most that of 2000 draws for each row, Σ p (1 − p) ≤ 1.
    assert!(counts.iter().all(|count| count.abs_diff(2000) < 180), "four standard deviations: {counts:?}");
}

#[test]
fn pairs_have_the_shares_of_the_plan() {
    let pairs = plan().pairs(20_000, &mut Source::new(3)).unwrap();
    let share = |pair| pairs.iter().filter(|found| **found == pair).count() as f64 / 20_000.0;
    for (pair, expected) in [((0, 0), 0.1), ((0, 2), 0.3), ((1, 1), 0.6)] {
        assert!(
            (share(pair) - expected).abs() < 0.014,
            "four standard deviations: {pair:?}, {}",
            share(pair)
        );
    }
    assert_eq!(share((0, 0)) + share((0, 2)) + share((1, 1)), 1.0, "nothing is drawn that has no mass");
}

#[test]
fn pairs_drawn_with_replacement_lose_a_third_of_the_rows_and_partners_none() {
    let n = 1000;
    let identity = (0..n * n).map(|place| if place / n == place % n { 1.0 } else { 0.0 }).collect();
    let plan = Plan::new(n, n, identity).unwrap();
    let mut rows: Vec<usize> =
        plan.pairs(n, &mut Source::new(4)).unwrap().into_iter().map(|(row, _)| row).collect();
    rows.sort_unstable();
    rows.dedup();
    let lost = 1.0 - rows.len() as f64 / n as f64;
    assert!((lost - (-1.0_f64).exp()).abs() < 0.04, "1/e, within four standard deviations: {lost}");
    assert_eq!(plan.partners(&mut Source::new(4)).unwrap(), (0..n).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_draws_the_same() {
    let draw = |seed| (plan().partners(&mut Source::new(seed)), plan().pairs(50, &mut Source::new(seed)));
    let ((partners, pairs), (again, pairs_again)) = (draw(5), draw(5));
    assert_eq!(partners.unwrap(), again.unwrap());
    assert_eq!(pairs.unwrap(), pairs_again.unwrap());
}

#[test]
fn what_is_no_plan_is_an_error() {
    let of = |masses: &[f64]| Plan::new(2, 2, masses.to_vec());
    for bad in [-1e-300, f64::NAN, f64::INFINITY] {
        assert!(matches!(of(&[0.0, bad, 0.0, 1.0]), Err(Error::OutOfDomain { what: "a mass", .. })), "{bad}");
    }
    assert!(matches!(of(&[0.0; 5]), Err(Error::WrongLength { .. })));
    assert!(matches!(Plan::new(0, 2, Vec::new()), Err(Error::Empty { .. })));
    assert!(matches!(Plan::new(2, 0, Vec::new()), Err(Error::Empty { .. })));
    let source = &mut Source::new(0);
    let none = of(&[0.0; 4]).unwrap();
    assert!(matches!(none.pairs(1, source), Err(Error::OutOfDomain { .. })));
    assert!(matches!(none.partners(source), Err(Error::OutOfDomain { .. })));
    let one_row = of(&[1.0, 0.0, 0.0, 0.0]).unwrap();
    assert!(matches!(one_row.partners(source), Err(Error::OutOfDomain { what: "the mass of a row", .. })));
    assert!(one_row.pairs(0, source).unwrap().is_empty());
    assert!(one_row.pairs(usize::MAX, source).is_err(), "there is no memory for so many");
    let endless = of(&[f64::MAX, f64::MAX, 0.0, 0.0]).unwrap();
    assert!(endless.pairs(1, source).is_err() && endless.partners(source).is_err(), "the sum overflows");
}

/// Half of the least positive number is rounded to nothing or to the whole.
#[test]
fn the_least_mass_there_is_draws_a_place_that_has_it() {
    let plan = Plan::new(1, 2, vec![5e-324, 0.0]).unwrap();
    let source = &mut Source::new(6);
    assert_eq!(plan.pairs(100, source).unwrap(), vec![(0, 0); 100]);
    assert!((0..100).all(|_| plan.partners(source).unwrap() == [0]));
}
