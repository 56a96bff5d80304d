//! Which points are paired, and what becomes of their distributions.

use super::common::laws::close;
use super::common::mixtures::{mean_and_error, no_points};
use pushforward::Error;
use pushforward::data::{EightGaussians, Sample, TwoMoons};
use pushforward::ot_coupling::{
    ClassAware, Costs, Coupling, ExactOt, Independent, Pairs, SchrodingerBridge, Sinkhorn, SinkhornOt,
    assign, transport,
};
use pushforward::tensor::{Points, Real, Source, rows};

const SINKHORN: SinkhornOt = SinkhornOt(Sinkhorn { epsilon: 0.05, tolerance: 1e-6, max_iterations: 10_000 });
const BRIDGE: SchrodingerBridge = SchrodingerBridge { sigma: 1.0 };

fn all() -> [&'static dyn Coupling<2>; 4] {
    [&Independent, &ExactOt, &SINKHORN, &BRIDGE]
}

fn batches(n: usize, source: &mut Source) -> (Points<2>, Points<2>) {
    let moons = TwoMoons::default().sample(n, source).unwrap();
    (EightGaussians::default().sample(n, source).unwrap(), moons)
}

fn sorted(x: &Points<2>) -> Vec<[Real; 2]> {
    let mut rows = rows(x);
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    rows
}

/// How many of the rows are in no pair.
fn lost(all: &Points<2>, paired: &Points<2>) -> usize {
    let mut paired = sorted(paired);
    paired.dedup();
    rows(all).len() - paired.len()
}

#[test]
fn independent_and_exact_pairs_have_every_point_once() {
    let mut source = Source::new(1);
    let (x_0, x_1) = batches(200, &mut source);
    for coupling in [&Independent as &dyn Coupling<2>, &ExactOt] {
        let pairs = coupling.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
        assert_eq!(sorted(&pairs.x_0), sorted(&x_0));
        assert_eq!(sorted(&pairs.x_1), sorted(&x_1));
    }
}

#[test]
fn entropic_pairs_have_every_x_0_once_and_every_x_1_once_on_average() {
    let mut source = Source::new(2);
    let (x_0, x_1) = batches(40, &mut source);
    for coupling in [&SINKHORN as &dyn Coupling<2>, &BRIDGE] {
        let rounds = 500;
        let mut counts = vec![0.0; 40];
        for _ in 0..rounds {
            let pairs = coupling.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
            assert_eq!(rows(&pairs.x_0), rows(&x_0));
            for found in rows(&pairs.x_1) {
                let place = rows(&x_1).iter().position(|x| *x == found).unwrap();
                counts[place] += 1.0 / f64::from(rounds);
            }
        }
        // The count of a point in a batch is a sum of draws with mean 1: its variance is at most 1.
        let error = 1.0 / f64::from(rounds).sqrt();
        assert!(counts.iter().all(|count| (count - 1.0).abs() < 4.5 * error), "{counts:?}");
        assert!(counts.iter().any(|count| (count - 1.0).abs() > 0.01 * error), "they are drawn");
    }
}

#[test]
fn draws_with_replacement_lose_a_third_of_the_points_and_ours_lose_none() {
    let mut source = Source::new(3);
    let n = 256;
    let mut shares = [vec![], vec![], vec![]];
    for _ in 0..40 {
        let (x_0, x_1) = batches(n, &mut source);
        let masses = vec![1.0 / n as f64; n];
        let plan = transport(&Costs::squared_distances(&x_0, &x_1).unwrap(), &masses, &masses).unwrap().plan;
        let drawn = Pairs::select(&x_0, &x_1, &plan.pairs(n, &mut source).unwrap()).unwrap();
        let ours = ExactOt.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
        let share = |lost: usize| lost as f64 / n as f64;
        shares[0].push(share(lost(&x_0, &drawn.x_0)));
        shares[1].push(share(lost(&x_1, &drawn.x_1)));
        shares[2].push(share(lost(&x_0, &ours.x_0) + lost(&x_1, &ours.x_1)));
    }
    let expected = (1.0 - 1.0 / n as f64).powi(n as i32);
    let [of_x_0, of_x_1, of_ours] = shares.map(|shares| mean_and_error(&shares));
    println!("lost: expected {expected:.4}, x₀ {of_x_0:.4?}, x₁ {of_x_1:.4?}, ours {of_ours:?}");
    assert!((of_x_0.0 - expected).abs() < 4.0 * of_x_0.1 && expected > 0.36);
    assert!((of_x_1.0 - expected).abs() < 4.0 * of_x_1.1);
    assert_eq!(of_ours, (0.0, 0.0));
}

#[test]
fn exact_pairs_have_the_least_energy_and_more_noise_has_more() {
    let mut source = Source::new(4);
    for _ in 0..5 {
        let (x_0, x_1) = batches(100, &mut source);
        let mut of = |coupling: &dyn Coupling<2>| {
            let pairs = coupling.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
            pairs.mean_squared_distance().unwrap()
        };
        let exact = of(&ExactOt);
        let best = assign(&Costs::squared_distances(&x_0, &x_1).unwrap()).unwrap();
        close("the assignment's cost", best.cost / 100.0, exact, 1e-12);
        let others = [of(&Independent), of(&SINKHORN), of(&BRIDGE), of(&SchrodingerBridge { sigma: 5.0 })];
        assert!(exact < others[0], "{exact} and {others:?}");
        // One x₁ may be drawn often, so that entropic pairs are no permutation: they still cost more here.
        assert!(exact < others[2] && others[2] < others[3], "{exact} and {others:?}");
    }
}

#[test]
fn a_bridge_with_little_noise_has_the_least_energy_and_one_with_much_that_of_any_pairs() {
    let mut source = Source::new(5);
    let (x_0, x_1) = batches(64, &mut source);
    let mut of = |coupling: &dyn Coupling<2>| {
        let energy = |_| {
            let pairs = coupling.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
            pairs.mean_squared_distance().unwrap()
        };
        mean_and_error(&(0..50).map(energy).collect::<Vec<_>>())
    };
    let least = of(&ExactOt).0;
    let (found, error) = of(&SchrodingerBridge { sigma: 0.1 });
    // An entropic plan costs at most ε times the largest entropy more, with ε = 2 · 0.1².
    let more = 0.02 * 64f64.ln();
    assert!(found > least - 4.0 * error - 0.01 && found < least + more + 4.0 * error, "{found} and {least}");
    let (found, error) = of(&SchrodingerBridge { sigma: 1e3 });
    let any = Costs::squared_distances(&x_0, &x_1).unwrap().mean();
    assert!((found - any).abs() < 4.0 * error, "{found} ± {error}, not {any}");
}

#[test]
fn the_energy_of_exact_pairs_falls_with_the_batch() {
    // Between two samples of one distribution the best plan of the distributions costs nothing: all is bias.
    let mut source = Source::new(6);
    let mut of = |n: usize| {
        let energy = |_| {
            let moons = TwoMoons::default();
            let (x_0, x_1) = (moons.sample(n, &mut source).unwrap(), moons.sample(n, &mut source).unwrap());
            ExactOt.pair(x_0, x_1, &mut source).unwrap().mean_squared_distance().unwrap()
        };
        mean_and_error(&(0..30).map(energy).collect::<Vec<_>>())
    };
    let sizes = [1, 4, 16, 64, 256];
    let found = sizes.map(&mut of);
    println!("energy by batch: {:?}", sizes.iter().zip(&found).collect::<Vec<_>>());
    for pair in found.windows(2) {
        assert!(pair[1].0 + 2.0 * pair[1].1 < pair[0].0 - 2.0 * pair[0].1, "{found:?}");
    }
}

/// Left moons are class 0, right ones 1; x₀ ~ N(0, I).
fn classes(n: usize, source: &mut Source) -> (Points<2>, Points<2>, Vec<usize>) {
    let x_1 = TwoMoons::default().sample(n, source).unwrap();
    let classes = rows(&x_1).iter().map(|[a, _]| usize::from(*a > 0.5)).collect();
    (source.normal(n).unwrap(), x_1, classes)
}

/// The mean first coordinate of the x₀ of class 1, and the mean squared distance.
fn skew(pairs: &Pairs<2>, classes: &[usize]) -> (f64, f64) {
    let x_0 = rows(&pairs.x_0);
    let of_class = x_0.iter().zip(classes).filter(|(_, class)| **class == 1);
    let firsts: Vec<f64> = of_class.map(|([a, _], _)| f64::from(*a)).collect();
    (mean_and_error(&firsts).0, pairs.mean_squared_distance().unwrap())
}

#[test]
fn pairs_across_classes_skew_the_noise_of_a_class_and_pairs_within_do_not() {
    let mut source = Source::new(7);
    let (mut across, mut within, mut gained) = (vec![], vec![], vec![]);
    for _ in 0..60 {
        let (x_0, x_1, labels) = classes(128, &mut source);
        // The published way: the labels go with x₁.
        let best = assign(&Costs::squared_distances(&x_0, &x_1).unwrap()).unwrap().columns;
        let taken: Vec<usize> = best.iter().map(|column| labels[*column]).collect();
        let list: Vec<(usize, usize)> = best.into_iter().enumerate().collect();
        across.push(skew(&Pairs::select(&x_0, &x_1, &list).unwrap(), &taken).0);
        let apart = skew(&Pairs { x_0: x_0.clone(), x_1: x_1.clone() }, &labels).1;
        let pairs = ClassAware(ExactOt).pair(x_0, x_1, &labels, &mut source).unwrap();
        let (mean, energy) = skew(&pairs, &labels);
        within.push(mean);
        gained.push(apart - energy);
    }
    let [across, within, gained] = [across, within, gained].map(|values| mean_and_error(&values));
    println!("E[x₀ | class 1]: {across:.4?} across, {within:.4?} within; energy gained {gained:.4?}");
    assert!(across.0 > 0.5 && across.0 > 20.0 * across.1, "of p(x₀) it is 0: {across:?}");
    assert!(within.0.abs() < 4.0 * within.1, "{within:?}");
    assert!(gained.0 > 10.0 * gained.1, "within the classes the pairs are still the best ones: {gained:?}");
}

#[test]
fn pairs_within_classes_keep_every_point_and_its_class() {
    let mut source = Source::new(8);
    let (x_0, x_1, labels) = classes(101, &mut source);
    let pairs = ClassAware(ExactOt).pair(x_0.clone(), x_1.clone(), &labels, &mut source).unwrap();
    assert_eq!((sorted(&pairs.x_0), sorted(&pairs.x_1)), (sorted(&x_0), sorted(&x_1)));
    for ([a, _], class) in rows(&pairs.x_1).into_iter().zip(&labels) {
        assert_eq!(usize::from(a > 0.5), *class);
    }
    // With x₀ in the order of the classes, the shares are drawn all the same.
    let ordered: Vec<[Real; 2]> = labels.iter().map(|class| [*class as Real, 0.0]).collect();
    let ordered = source.points(&ordered).unwrap();
    let pairs = ClassAware(Independent).pair(ordered, x_1, &labels, &mut source).unwrap();
    let stays = rows(&pairs.x_0).iter().zip(&labels).filter(|([x, _], class)| *x == **class as Real).count();
    assert!((30..71).contains(&stays), "half of 101 within four standard errors of 5: {stays}");
}

#[test]
fn pairs_are_selected_by_their_rows() {
    let source = Source::new(0);
    let x = source.points(&[[0.0, 1.0], [2.0, 3.0]]).unwrap();
    let pairs = Pairs::select(&x, &x, &[(1, 0), (1, 1), (0, 0)]).unwrap();
    assert_eq!(rows(&pairs.x_0), [[2.0, 3.0], [2.0, 3.0], [0.0, 1.0]]);
    assert_eq!(rows(&pairs.x_1), [[0.0, 1.0], [2.0, 3.0], [0.0, 1.0]]);
    close("the mean of 8, 0 and 0", 8.0 / 3.0, pairs.mean_squared_distance().unwrap(), 1e-15);
    assert!(matches!(Pairs::select(&x, &x, &[(0, 2)]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(Pairs::select(&x, &x, &[(usize::MAX, 0)]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(Pairs::select(&x, &x, &[]), Err(Error::Empty { .. })));
}

#[test]
fn entropic_pairs_of_batches_of_different_sizes_are_possible_and_others_are_not() {
    let mut source = Source::new(9);
    let (x_0, x_1) = (batches(30, &mut source).0, batches(20, &mut source).1);
    for coupling in [&Independent as &dyn Coupling<2>, &ExactOt] {
        let found = coupling.pair(x_0.clone(), x_1.clone(), &mut source);
        assert!(matches!(found, Err(Error::BatchMismatch { .. })), "{found:?}");
    }
    for coupling in [&SINKHORN as &dyn Coupling<2>, &BRIDGE] {
        let pairs = coupling.pair(x_0.clone(), x_1.clone(), &mut source).unwrap();
        assert_eq!(rows(&pairs.x_1).len(), 30);
    }
}

#[test]
fn a_bridge_whose_sigma_is_too_small_says_so() {
    let mut source = Source::new(1);
    let (x_0, x_1) = (source.normal::<2>(64).unwrap(), source.normal::<2>(64).unwrap());
    for sigma in [1e-3, 1e-20] {
        let found = SchrodingerBridge { sigma }.pair(x_0.clone(), x_1.clone(), &mut source);
        assert!(matches!(found, Err(Error::OutOfDomain { what: "sigma of a bridge", .. })), "{found:?}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_never_a_panic() {
    let mut source = Source::new(0);
    let (x_0, x_1) = batches(5, &mut source);
    for coupling in all() {
        let mut pair = |x_0: Points<2>, x_1: Points<2>| coupling.pair(x_0, x_1, &mut source).map(|_| ());
        assert!(matches!(pair(no_points(), no_points()), Err(Error::Empty { .. })));
        assert!(pair(x_0.clone(), no_points()).is_err() && pair(no_points(), x_1.clone()).is_err());
        assert!(matches!(pair(x_0.clone() * Real::NAN, x_1.clone()), Err(Error::NotFinite { .. })));
        assert!(matches!(pair(x_0.clone(), x_1.clone() * Real::INFINITY), Err(Error::NotFinite { .. })));
        assert!(pair(x_0.clone() * 0.0, x_1.clone() * 0.0).is_ok(), "points that are all one");
        let one = source.points(&[[1.0, 2.0]]).unwrap();
        assert!(coupling.pair(one.clone(), one, &mut source).is_ok());
    }
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200, 1e200] {
        let found = SchrodingerBridge { sigma }.pair(x_0.clone(), x_1.clone(), &mut source);
        assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{sigma}: {found:?}");
    }
    let impatient = SinkhornOt(Sinkhorn { epsilon: 1e-3, tolerance: 1e-12, max_iterations: 1 });
    assert!(matches!(impatient.pair(x_0.clone(), x_1.clone(), &mut source), Err(Error::NotConverged { .. })));
    let mut within = |x_0: Points<2>, x_1: Points<2>, classes: &[usize]| {
        ClassAware(ExactOt).pair(x_0, x_1, classes, &mut source).map(|_| ())
    };
    assert!(matches!(within(x_0.clone(), x_1.clone(), &[0; 4]), Err(Error::BatchMismatch { .. })));
    assert!(matches!(within(no_points(), no_points(), &[]), Err(Error::Empty { .. })));
    assert!(within(x_0.clone() * Real::NAN, x_1.clone(), &[0; 5]).is_err());
    assert!(within(x_0, x_1, &[usize::MAX, 0, 7, 0, usize::MAX]).is_ok(), "a class is only a name");
}
