//! The cheapest pairing, and its proof.

use super::common::laws::close;
use super::instances::{matrix, normal_and_eight_gaussians, uniform};
use pushforward::Error;
use pushforward::ot_coupling::{Assignment, Costs, assign};
use pushforward::tensor::{Real, Source};
use rand::Rng;

/// The assignment, where its prices prove it to the rounding of numbers as large as the costs: Σ u + Σ v is its cost,
/// and nothing is cheaper.
#[track_caller]
fn proven(what: &str, costs: &Costs) -> Assignment {
    let found = assign(costs).unwrap();
    let n = costs.rows();
    let size = (0..n).flat_map(|row| costs.row(row)).fold(0.0_f64, |size, cost| size.max(cost.abs()));
    let violation = found.violation(costs).unwrap();
    assert!(violation <= 1e-13 * size, "{what}, n = {n}: the prices are off by {violation}");
    let sum: f64 = (0..n).map(|row| costs.at(row, found.columns[row])).sum();
    assert!((sum - found.cost).abs() <= 1e-13 * size * n as f64, "{what}: {sum}, not {}", found.cost);
    found
}

/// The least sum of costs over all permutations, column after column.
fn least_of_all(costs: &Costs, row: usize, is_taken: &mut [bool]) -> f64 {
    if row == costs.rows() {
        return 0.0;
    }
    let mut least = f64::INFINITY;
    for column in 0..costs.columns() {
        if !std::mem::replace(&mut is_taken[column], true) {
            least = least.min(costs.at(row, column) + least_of_all(costs, row + 1, is_taken));
            is_taken[column] = false;
        }
    }
    least
}

#[test]
fn no_permutation_is_cheaper_than_the_assignment() {
    for n in 1..=8 {
        for seed in 0..if n < 7 { 40 } else { 4 } {
            let mut source = Source::new(seed);
            let spread = matrix(n, n, |_, _| source.gen_range(-1.0..1.0));
            let with_ties = matrix(n, n, |_, _| f64::from(source.gen_range(0..3)));
            for (what, costs) in [("spread", spread), ("with ties", with_ties)] {
                let least = least_of_all(&costs, 0, &mut vec![false; n]);
                close(&format!("{what}, n = {n}, seed {seed}"), least, proven(what, &costs).cost, 1e-14);
            }
        }
    }
}

#[test]
fn forbidden_pairs_take_no_digits_from_others() {
    let costs = Costs::new(3, 3, vec![3.0, 7.0, 4.0, 4.0, 8.0, 1e20, 8.0, 4.0, 8.0]).unwrap();
    let found = assign(&costs).unwrap();
    assert_eq!((found.columns, found.cost), (vec![2, 0, 1], 12.0));
    for forbidden in [1e8, 1e16, 1e20, 1e100, 1e150] {
        for seed in 0..20 {
            let (n, mut source) = (2 + seed as usize % 7, Source::new(seed));
            let costs = matrix(n, n, |_, _| if source.gen_bool(0.5) { forbidden } else { source.r#gen() });
            let (least, found) = (least_of_all(&costs, 0, &mut vec![false; n]), assign(&costs).unwrap());
            let what = format!("{forbidden}, n = {n}, seed {seed}");
            close(&what, 1.0, found.cost / least, 1e-14);
            let dearest = (0..n).map(|row| costs.at(row, found.columns[row])).fold(0.0, f64::max);
            assert!(found.violation(&costs).unwrap() <= 1e-13 * dearest, "{what}: the prices prove it");
        }
    }
}

/// The mean cost of an optimal pairing by `ot.emd2` of POT 0.9.7.post1, weights 1/n: `costs(n, 0)` of
/// `benches/peers/transport.py`.
const EMD: [(usize, f64); 5] = [
    (128, 14.979335865749823),
    (256, 14.784165619606888),
    (512, 14.568209362745746),
    (1024, 14.510533887927185),
    (2048, 14.379518749334977),
];

#[test]
fn the_assignment_costs_what_pots_network_simplex_finds() {
    for (n, expected) in EMD {
        let (x, y) = normal_and_eight_gaussians(n, 0);
        let costs = Costs::squared_distances(&x, &y).unwrap();
        let found = proven("eight Gaussians", &costs).cost / n as f64;
        assert!((found / expected - 1.0).abs() < 1e-9, "n = {n}: {found}, not {expected}");
    }
}

#[test]
fn prices_prove_assignments_of_all_sizes() {
    for n in (1..40).chain([63, 64, 65, 127, 128, 129, 200, 257]) {
        proven("uniform", &uniform(n, n, n as u64));
    }
}

#[test]
fn prices_prove_assignments_of_hard_matrices() {
    let mut source = Source::new(5);
    for n in [1, 2, 17, 150] {
        let some = |place: usize| ((place * 7919 + 13) % 1009) as f64 / 1009.0;
        let line: Vec<f64> = (0..2 * n).map(|_| source.r#gen()).collect();
        proven("all the same", &matrix(n, n, |_, _| 0.1));
        proven("all zero", &matrix(n, n, |_, _| 0.0));
        proven("products", &matrix(n, n, |i, j| ((i + 1) * (j + 1)) as f64));
        proven("sums", &matrix(n, n, |i, j| some(i) + some(j + n)));
        proven("distances on a line", &matrix(n, n, |i, j| (line[i] - line[n + j]).abs()));
        proven("every point twice", &matrix(n, n, |i, j| (line[i / 2] - line[n + j / 2]).powi(2)));
        proven("two good columns", &matrix(n, n, |i, j| if j < 2 { some(i) } else { 1e6 + some(i + j) }));
        proven("a cheap diagonal", &matrix(n, n, |i, j| if i == j { 0.0 } else { 1.0 }));
        proven("few values", &matrix(n, n, |_, _| f64::from(source.gen_range(0..4))));
        proven("a wide range", &matrix(n, n, |_, _| 10_f64.powf(source.gen_range(-12.0..12.0))));
        proven("negative", &matrix(n, n, |i, j| -some(i * n + j)));
        for scale in [1e-300, 1e-30, 1e30, 1e149] {
            proven("of another scale", &matrix(n, n, |i, j| scale * some(i * n + j)));
        }
        // The scale is that of some rows. Three others fight for two columns till ε is lost beside the price in f32.
        let dear = |i: usize, j: usize| if (1..4).contains(&i) && j > 1 { 1e6 } else { 0.0 };
        proven("a price war", &matrix(n, n, |i, j| dear(i, j) + some(i * n + j)));
        proven("far from zero", &matrix(n, n, |i, j| 1e9 + some(i * n + j)));
        proven("one far row", &matrix(n, n, |i, j| some(i * n + j) + if i == 0 { 1e12 } else { 0.0 }));
    }
}

#[test]
fn what_proves_nothing_is_seen() {
    let costs = uniform(20, 20, 3);
    let right = proven("uniform", &costs);
    let mut swapped = right.clone();
    swapped.columns.swap(0, 1);
    let worse: f64 = (0..20).map(|row| costs.at(row, swapped.columns[row])).sum();
    assert!(worse > right.cost + 1e-3 && swapped.violation(&costs).unwrap() > 1e-4, "another pairing");
    let mut dear = right.clone();
    dear.row_prices[7] += 0.1;
    assert!(dear.violation(&costs).unwrap() > 0.09, "a price above what the costs allow");
    let mut large = swapped.clone();
    large.column_prices.fill(-1e20);
    large.row_prices.fill(1e20);
    assert!(large.violation(&costs).unwrap() > 0.1, "c − u would lose the digits of c");
    large.row_prices.fill(f64::NAN);
    assert!(matches!(large.violation(&costs), Err(Error::OutOfDomain { what: "a price", .. })));
    let mut twice = right.clone();
    twice.columns[0] = twice.columns[1];
    assert!(matches!(twice.violation(&costs), Err(Error::OutOfDomain { .. })));
    twice.columns[0] = usize::MAX;
    assert!(matches!(twice.violation(&costs), Err(Error::OutOfDomain { .. })));
    assert!(matches!(right.violation(&uniform(19, 20, 3)), Err(Error::BatchMismatch { .. })));
    dear.column_prices.pop();
    assert!(matches!(dear.violation(&costs), Err(Error::BatchMismatch { .. })));
}

#[test]
fn costs_that_are_none_and_matrices_that_are_not_square_are_errors() {
    let of = |values: &[f64]| Costs::new(2, 2, values.to_vec());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(of(&[0.0, 0.0, bad, 0.0]), Err(Error::NotFinite { index: 2, .. })), "{bad}");
    }
    assert!(matches!(of(&[0.0, 1e151, 0.0, 0.0]), Err(Error::OutOfDomain { what: "a cost", .. })));
    assert!(matches!(of(&[0.0; 3]), Err(Error::WrongLength { expected: 4, found: 3, .. })));
    assert!(matches!(Costs::new(0, 2, Vec::new()), Err(Error::Empty { .. })));
    assert!(matches!(Costs::new(2, 0, Vec::new()), Err(Error::Empty { .. })));
    assert!(matches!(Costs::new(usize::MAX, usize::MAX, vec![0.0]), Err(Error::WrongLength { .. })));
    assert!(matches!(assign(&uniform(2, 3, 0)), Err(Error::NotSquare { rows: 2, columns: 3 })));
    let source = Source::new(0);
    let (x, bad) = (source.points(&[[0.0; 2]]).unwrap(), source.points(&[[Real::NAN, 0.0]]).unwrap());
    assert!(matches!(Costs::squared_distances(&x, &bad), Err(Error::NotFinite { what: "y", .. })));
    assert!(matches!(Costs::between(&x, &x, |_, _| f64::NAN), Err(Error::NotFinite { .. })));
    let costs = uniform(2, 3, 0);
    assert!(costs.at(2, 0).is_nan() && costs.at(0, usize::MAX).is_nan() && costs.row(usize::MAX).is_empty());
}
