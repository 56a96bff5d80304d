//! Solvers: orders, tolerances, costs, and what stops them.

use super::tableaus::METHODS;
use pushforward::cnf::{
    BOSH3, DOPRI5, EULER, ErrorNorm, HEUN, OdeSolver, Solution, TSIT5, Tableau, VectorField,
};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};
use pushforward::{Error, Obstacle, Result};

pub(super) const IS_SINGLE: bool = size_of::<Real>() == 4;

/// A velocity of each point by itself.
pub(super) struct Each<F>(pub(super) F);

impl<const D: usize, F: Fn(f64, [f64; D]) -> [f64; D]> VectorField<D> for Each<F> {
    fn velocity(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        let at = |(t, x): (Real, [Real; D])| (self.0)(t.into(), x.map(f64::from)).map(|v| v as Real);
        Source::new(0).points(&values(&t).into_iter().zip(rows(&x)).map(at).collect::<Vec<_>>())
    }
}

/// x' = −2 t x², whose solution is 1 / (1 / x₀ + t²).
fn hill(t: f64, [x]: [f64; 1]) -> [f64; 1] {
    [-2.0 * t * x * x]
}

/// A turn about 0 with the angular speed |x|²: far points are harder.
pub(super) fn whirl(_: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    let speed = x * x + y * y;
    [-speed * y, speed * x]
}

fn whirl_exact(t: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = (t * (x * x + y * y)).sin_cos();
    [cos * x - sin * y, sin * x + cos * y]
}

pub(super) fn points<const D: usize>(rows: &[[f64; D]]) -> Points<D> {
    Source::new(0).points(&rows.iter().map(|row| row.map(|x| x as Real)).collect::<Vec<_>>()).unwrap()
}

/// The largest |x − expected| / (1 + |expected|).
pub(super) fn worst<const D: usize>(
    found: &Points<D>,
    start: &Points<D>,
    exact: impl Fn([f64; D]) -> [f64; D],
) -> f64 {
    let apart = |(x, start): (&[Real; D], &[Real; D])| {
        let pairs = x.map(f64::from).into_iter().zip(exact(start.map(f64::from)));
        pairs.map(|(x, expected)| (x - expected).abs() / (1.0 + expected.abs())).fold(0.0, f64::max)
    };
    rows(found).iter().zip(&rows(start)).map(apart).fold(0.0, f64::max)
}

/// A turn about 0 by 2 radians in a unit of time.
pub(super) fn turn(_: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    [-2.0 * y, 2.0 * x]
}

pub(super) fn turned(t: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = (2.0 * t).sin_cos();
    [cos * x - sin * y, sin * x + cos * y]
}

/// The order that two errors show: steps of half the length divide the error by 2ᵖ.
///
/// Single precision does not hold errors that are small enough to be 2ᵖ apart where the order is high: there it only
/// must not be lower.
pub(super) fn check_order(method: &Tableau, error: impl Fn(usize) -> f64) {
    let steps = match (method.order, IS_SINGLE) {
        (1, _) => 200,
        (2, _) => 60,
        (_, false) => 48,
        (3, true) => 12,
        (4, true) => 6,
        (_, true) => 2,
    };
    let [long, short] = [error(steps), error(2 * steps)];
    let (order, expected) = ((long / short).log2(), f64::from(method.order));
    println!("{}: order {order:.2} from {long:.1e}, {short:.1e}", method.name);
    assert!(order > expected - 0.2, "{}: found the order {order}", method.name);
    assert!(
        IS_SINGLE && method.order > 3 || order < expected + 0.2,
        "{}: found the order {order}",
        method.name
    );
}

#[test]
fn each_method_has_its_order() {
    let start = points(&[[1.0, 0.0], [0.5, -2.0]]);
    for method in METHODS {
        check_order(&method, |steps| {
            let found = OdeSolver::fixed(method, steps).solve(&Each(turn), start.clone(), 0.0, 1.0).unwrap();
            worst(&found.end, &start, |x| turned(1.0, x))
        });
    }
}

#[test]
fn each_method_has_its_order_where_the_field_bends_and_changes_in_time() {
    let start = points(&[[0.5], [1.0], [2.0]]);
    for method in METHODS {
        check_order(&method, |steps| {
            let found = OdeSolver::fixed(method, steps).solve(&Each(hill), start.clone(), 0.0, 1.0).unwrap();
            worst(&found.end, &start, |[x]| [1.0 / (1.0 / x + 1.0)])
        });
    }
}

fn tolerances() -> &'static [f64] {
    if IS_SINGLE { &[1e-3, 1e-4, 1e-5] } else { &[1e-3, 1e-5, 1e-7, 1e-9, 1e-11] }
}

/// The error of each point at the end is below the tolerance for methods of order 5, and below what the steps may add
/// up to for the other.
fn check_tolerance<const D: usize>(
    name: &str,
    field: impl Fn(f64, [f64; D]) -> [f64; D] + Copy,
    exact: impl Fn(f64, [f64; D]) -> [f64; D],
    start: &[[f64; D]],
) {
    let start = points(start);
    for (method, tolerance) in
        [BOSH3, DOPRI5, TSIT5].iter().flat_map(|m| tolerances().iter().map(move |t| (m, t)))
    {
        if method.order == 3 && *tolerance < 1e-7 {
            continue;
        }
        let solver = OdeSolver::adaptive(*method, *tolerance as Real);
        let found = solver.solve(&Each(field), start.clone(), 0.0, 1.0).unwrap();
        let error = worst(&found.end, &start, |x| exact(1.0, x));
        let steps = found.accepted.iter().max().unwrap();
        println!("{name}, {}, {tolerance:.0e}: {:.2}, steps {steps}", method.name, error / tolerance);
        let times = if method.order == 5 { 1.0 } else { *steps as f64 };
        assert!(error < times * tolerance, "{name}, {}, {tolerance}: {error}", method.name);
        let mut counts = found.rejected.iter().zip(&found.accepted);
        assert!(counts.all(|(rejected, accepted)| 2 * rejected <= *accepted), "{name}, {}", method.name);
    }
}

#[test]
fn the_error_of_each_point_is_below_the_tolerance_on_a_linear_field() {
    let start = [[1.0, 0.0], [0.3, -2.0], [-4.0, 5.0]];
    let exact = |t: f64, [x, y]: [f64; 2]| {
        let (sin, cos) = (3.0 * t).sin_cos();
        [cos * x - sin * y, sin * x + cos * y].map(|x| x * (-t).exp())
    };
    check_tolerance("linear", |_, [x, y]| [-x - 3.0 * y, 3.0 * x - y], exact, &start);
}

#[test]
fn the_error_of_each_point_is_below_the_tolerance_on_a_nonlinear_field() {
    let logistic = |t: f64, [x]: [f64; 1]| [1.0 / (1.0 + (1.0 / x - 1.0) * (-2.0 * t).exp())];
    check_tolerance("logistic", |_, [x]| [2.0 * x * (1.0 - x)], logistic, &[[0.01], [0.3], [1.5]]);
}

#[test]
fn the_error_of_each_point_is_below_the_tolerance_on_a_rather_stiff_field() {
    let rate = 100.0;
    // The path comes to cos t + sin t / λ … at the rate λ.
    let slow = move |t: f64| (rate * rate * t.cos() + rate * t.sin()) / (rate * rate + 1.0);
    let exact = move |t: f64, [x]: [f64; 1]| [slow(t) + (x - slow(0.0)) * (-rate * t).exp()];
    check_tolerance("stiff", move |t, [x]| [-rate * (x - t.cos())], exact, &[[1.0], [0.0], [-3.0]]);
}

/// A turn that is sudden at t = 1/2, and more so for far points.
fn gust(t: f64, [x, y]: [f64; 2]) -> [f64; 2] {
    let speed = (x * x + y * y) * (1.0 + 10.0 * (-(20.0 * t - 10.0).powi(2)).exp());
    [-speed * y, speed * x]
}

#[test]
fn a_point_alone_takes_the_steps_that_it_takes_in_a_batch() {
    let start: Vec<[f64; 2]> = (0..12).map(|n| [0.3 * f64::from(n), 0.1]).collect();
    for method in [HEUN, BOSH3, DOPRI5, TSIT5] {
        let solve = |start: &[[f64; 2]]| {
            OdeSolver::adaptive(method, 1e-4).solve(&Each(gust), points(start), 0.0, 1.0).unwrap()
        };
        let together = solve(&start);
        assert!(together.accepted[11] > together.accepted[1] + 3, "{:?}", together.accepted);
        assert!(together.rejected.iter().any(|rejected| *rejected > 0), "some steps are tried again");
        for (n, start) in start.iter().enumerate() {
            let alone = solve(&[*start]);
            let counts = |solution: &Solution<_>, n: usize| {
                [solution.evaluations[n], solution.accepted[n], solution.rejected[n]]
            };
            assert_eq!(counts(&alone, 0), counts(&together, n), "{}, point {n}", method.name);
            assert_eq!(rows(&alone.end)[0], rows(&together.end)[n], "{}, point {n}", method.name);
        }
    }
}

#[test]
fn a_solve_back_in_time_undoes_one_forward() {
    let start = points(&[[1.0, 0.5], [-1.0, 1.0], [0.1, 0.0]]);
    let tolerance = 1e-5;
    for solver in [OdeSolver::adaptive(DOPRI5, tolerance as Real), OdeSolver::fixed(DOPRI5, 60)] {
        let there = solver.solve(&Each(whirl), start.clone(), 0.0, 1.0).unwrap();
        let error = worst(&there.end, &start, |x| whirl_exact(1.0, x));
        assert!(error < 10.0 * tolerance, "{error}");
        assert!(worst(&there.end, &start, |x| x) > 0.1, "they have moved");
        let back = solver.solve(&Each(whirl), there.end, 1.0, 0.0).unwrap();
        assert!(
            worst(&back.end, &start, |x| x) < 10.0 * tolerance,
            "{:?}, {:?}",
            rows(&back.end),
            rows(&start)
        );
    }
}

#[test]
fn the_first_step_is_that_of_hairers_rule() {
    // For x' = −5 x at x = 1: d₀ = 1 / s, d₁ = 5 / s and d₂ = 25 / s with s = 2 · tolerance: the length is (s /
    // 2500)^(1/5).
    let mut lengths = Vec::new();
    let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
    let observe = |step: &pushforward::cnf::Step<Points<1>>| {
        lengths.extend_from_slice(step.size());
        Ok(())
    };
    let found = solver.solve_observed(|_, x, _| Ok(x * -5.0), points(&[[1.0]]), 0.0, 1.0, observe).unwrap();
    assert_eq!(found.rejected, [0]);
    let expected = (2e-4f64 / 2500.0).powf(0.2);
    let rounding = if IS_SINGLE { 1e-3 } else { 1e-10 };
    assert!((f64::from(lengths[0]) / expected - 1.0).abs() < rounding, "{lengths:?}, {expected}");
}

/// The first length where the speed grows and where nothing moves: two that tell the parts of the rule apart.
#[test]
fn the_first_step_depends_on_how_the_speed_changes_and_is_at_most_a_hundred_probes() {
    let first = |start: f64, growth: f64| {
        let mut lengths = Vec::new();
        let observe = |step: &pushforward::cnf::Step<Points<1>>| {
            lengths.extend_from_slice(step.size());
            Ok(())
        };
        let field = |t: PerPoint, _: Points<1>, _: &[usize]| {
            let v: Vec<[Real; 1]> = values(&t).iter().map(|t| [1.0 + growth as Real * t]).collect();
            Source::new(0).points(&v)
        };
        let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
        solver.solve_observed(field, points(&[[start]]), 0.0, 1.0, observe).unwrap();
        f64::from(lengths[0])
    };
    // d₁ = 1 / s and d₂ = 10 / s with s = 2 · tolerance: the length is (s / 1000)^(1/5).
    assert!((first(1.0, 10.0) / (2e-4f64 / 1000.0).powf(0.2) - 1.0).abs() < 1e-3, "{}", first(1.0, 10.0));
    // At x = 0 the probe is 10⁻⁶.
    assert!((first(0.0, 1.0) / 1e-4 - 1.0).abs() < 1e-3, "{}", first(0.0, 1.0));
}

/// x(t + h) and the estimate of its error, for x' = −5 x with DOPRI5.
fn decay_step(x: f64, h: f64) -> (f64, f64) {
    let mut k: Vec<f64> = Vec::new();
    let sum = |weights: &[f64], k: &[f64]| h * weights.iter().zip(k).map(|(w, k)| w * k).sum::<f64>();
    for row in DOPRI5.a {
        k.push(-5.0 * (x + sum(row, &k)));
    }
    (x + sum(DOPRI5.b, &k), sum(DOPRI5.error, &k).abs())
}

#[test]
fn later_steps_are_those_of_the_pi_controller() {
    let mut lengths = Vec::new();
    let observe = |step: &pushforward::cnf::Step<Points<1>>| {
        lengths.push(f64::from(step.size()[0]));
        Ok(())
    };
    let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
    let found = solver.solve_observed(|_, x, _| Ok(x * -5.0), points(&[[1.0]]), 0.0, 1.0, observe).unwrap();
    assert_eq!(found.rejected, [0]);
    let (mut x, mut before) = (1.0, 1e-4f64);
    // The last step is cut.
    for pair in lengths[..lengths.len() - 1].windows(2) {
        let (next, error) = decay_step(x, pair[0]);
        let error = error / (1e-4 + 1e-4 * x);
        let expected = pair[0] * 0.9 * before.powf(0.04) / error.powf(0.17);
        assert!((pair[1] / expected - 1.0).abs() < 2e-3, "{lengths:?}: {expected}");
        (x, before) = (next, error.max(1e-4));
    }
    assert!(lengths.len() > 5);
}

#[test]
fn a_step_does_not_grow_at_once_after_one_that_was_rejected() {
    // The times of each try: the second stage is at t + h/5, the last at t + h.
    let mut times = Vec::new();
    let ask = |t: PerPoint, x: Points<2>, _: &[usize]| {
        times.push(f64::from(values(&t)[0]));
        Each(gust).velocity(t, x)
    };
    let found = OdeSolver::adaptive(DOPRI5, 1e-4).solve_state(ask, points(&[[1.0, 0.5]]), 0.0, 1.0).unwrap();
    assert!(found.rejected[0] > 0);
    let tries: Vec<[f64; 2]> = times[2..].chunks(6).map(|t| [t[5] - (t[5] - t[0]) / 0.8, t[5]]).collect();
    let was_rejected = |n: usize| tries[n + 1][0] < 0.5 * (tries[n][0] + tries[n][1]);
    for n in (0..tries.len() - 2).filter(|n| was_rejected(*n) && !was_rejected(n + 1)) {
        let length = |n: usize| tries[n][1] - tries[n][0];
        assert!(length(n + 1) < length(n), "a step is tried again with a shorter one");
        assert!(length(n + 2) < 1.001 * length(n + 1), "{}, then {}", length(n + 1), length(n + 2));
    }
}

#[test]
fn evaluations_are_counted_as_they_are_asked() {
    let start = points(&[[0.1, 0.0], [1.0, 0.5], [3.0, 1.0]]);
    for (method, per_step) in [(DOPRI5, 6), (TSIT5, 6), (BOSH3, 3), (HEUN, 2)] {
        let mut asked = vec![0; 3];
        let mut calls = 0;
        let count = |t: PerPoint, x: Points<2>, which: &[usize]| {
            which.iter().for_each(|point| asked[*point] += 1);
            calls += 1;
            Each(whirl).velocity(t, x)
        };
        let found = OdeSolver::adaptive(method, 1e-4).solve_state(count, start.clone(), 0.0, 1.0).unwrap();
        assert_eq!(found.evaluations, asked, "{}", method.name);
        assert_eq!(found.nfe(), calls);
        for (asked, (accepted, rejected)) in asked.iter().zip(found.accepted.iter().zip(&found.rejected)) {
            let tried = accepted + rejected;
            // The first velocity, one for the length of the first step; HEUN asks its first stage anew in each later
            // step.
            let expected =
                if method.first_same_as_last() { 2 + per_step * tried } else { 1 + per_step * tried };
            assert_eq!(*asked, expected, "{}", method.name);
        }
    }
    let fixed = OdeSolver::fixed(DOPRI5, 10).solve(&Each(whirl), start, 0.0, 1.0).unwrap();
    assert_eq!((fixed.evaluations, fixed.accepted, fixed.rejected), (vec![61; 3], vec![10; 3], vec![0; 3]));
}

#[test]
fn a_hard_point_hides_in_a_shared_step_and_not_in_its_own() {
    let mut start = vec![[0.1, 0.0]; 200];
    start[57] = [1.5, 1.0];
    let start = points(&start);
    let tolerance = 1e-4;
    let solve = |norm| {
        let solver = OdeSolver::adaptive(DOPRI5, tolerance as Real).with_norm(norm);
        let found = solver.solve(&Each(whirl), start.clone(), 0.0, 1.0).unwrap();
        (worst(&found.end, &start, |x| whirl_exact(1.0, x)), found)
    };
    let (own_error, own) = solve(ErrorNorm::PerPoint);
    let (shared_error, shared) = solve(ErrorNorm::Shared);
    println!(
        "own steps: error {own_error:.1e}, {} and {} steps; shared: error {shared_error:.1e}, {} steps",
        own.accepted[57], own.accepted[0], shared.accepted[0]
    );
    assert!(own_error < 5.0 * tolerance, "{own_error}");
    assert!(shared_error > 5.0 * own_error, "an error of one among 400 numbers counts as 1/20");
    assert!(own.accepted[57] > shared.accepted[57] && own.accepted[0] < shared.accepted[0]);
    assert!(shared.accepted.iter().all(|steps| *steps == shared.accepted[0]), "one step for all");
    let total = |found: &Solution<Points<2>>| found.evaluations.iter().sum::<usize>();
    assert!(3 * total(&own) < 2 * total(&shared), "easy points are asked less often");
}

#[test]
fn the_largest_norm_does_not_dilute_a_part_of_a_state() {
    // Points that stay, and a number that moves as the hill does.
    let solve = |norm| {
        let field = |t: PerPoint, (x, l): (Points<2>, PerPoint), _: &[usize]| {
            let v =
                values(&t).into_iter().zip(values(&l)).map(|(t, l)| hill(t.into(), [l.into()])[0] as Real);
            Ok((x * 0.0, Source::new(0).per_point(&v.collect::<Vec<_>>())?))
        };
        let state = (points(&[[5.0, 5.0]; 3]), Source::new(0).per_point(&[2.0; 3]).unwrap());
        OdeSolver::adaptive(BOSH3, 1e-5).with_norm(norm).solve_state(field, state, 0.0, 1.0).unwrap()
    };
    let [own, shared, largest] = [ErrorNorm::PerPoint, ErrorNorm::Shared, ErrorNorm::Largest].map(solve);
    // Equal points: the largest part is the same for one and for all. Shared divides the squares by 3 numbers.
    assert_eq!(own.accepted, largest.accepted);
    assert_eq!(values(&own.end.1), values(&largest.end.1));
    let ratio = largest.accepted[0] as f64 / shared.accepted[0] as f64;
    assert!((ratio - 3f64.powf(1.0 / 6.0)).abs() < 0.05, "steps are shorter by (√3)^(1/3): {ratio}");
}

#[test]
fn a_constant_field_is_solved_exactly_in_few_steps() {
    let start = points(&[[1.0, -2.0], [0.0, 0.0]]);
    for velocity in [[3.0, 0.5], [0.0, 0.0]] {
        let solver = OdeSolver::adaptive(DOPRI5, 1e-6);
        let found = solver.solve(&Each(move |_, _| velocity), start.clone(), 0.0, 2.0).unwrap();
        let error = worst(&found.end, &start, |[x, y]| [x + 2.0 * velocity[0], y + 2.0 * velocity[1]]);
        assert!(error < 10.0 * f64::from(Real::EPSILON), "{error}");
        assert!(found.accepted.iter().all(|steps| *steps <= 10), "{:?}", found.accepted);
        assert_eq!(found.rejected, [0, 0]);
    }
}

#[test]
fn nothing_is_asked_where_the_ends_are_one_time() {
    let never = |_: PerPoint, _: Points<2>, _: &[usize]| -> Result<Points<2>> { panic!("asked") };
    let start = points(&[[1.0, -2.0], [0.5, 3.0]]);
    for solver in [OdeSolver::adaptive(TSIT5, 1e-5), OdeSolver::fixed(TSIT5, 4)] {
        let found = solver.solve_state(never, start.clone(), 0.7, 0.7).unwrap();
        assert_eq!(rows(&found.end), rows(&start));
        assert_eq!((found.evaluations, found.accepted, found.rejected), (vec![0; 2], vec![0; 2], vec![0; 2]));
    }
}

#[test]
fn a_stiff_field_ends_in_an_error_and_not_in_a_hang() {
    let stiff = |t: f64, [x]: [f64; 1]| [-1e6 * (x - t.cos())];
    let solver = OdeSolver::adaptive(DOPRI5, 1e-4).with_max_steps(300);
    let refused = solver.solve(&Each(stiff), points(&[[1.0], [2.0]]), 0.0, 1.0).unwrap_err();
    let Error::Unsolved { cause: Obstacle::TooManySteps { steps: 300 }, t, .. } = refused else {
        panic!("{refused}")
    };
    assert!(0.0 < t && t < 0.01, "steps of some 3e-6: {t}");
}

fn square(_: f64, [x]: [f64; 1]) -> [f64; 1] {
    [x * x]
}

#[test]
fn a_path_that_reaches_infinity_ends_in_an_error_at_its_time() {
    // x' = x² from 1/2 and from 2: the second is 1 / (1/2 − t).
    let start = points(&[[0.5], [2.0]]);
    let refused =
        OdeSolver::adaptive(DOPRI5, 1e-4).solve(&Each(square), start.clone(), 0.0, 1.0).unwrap_err();
    let Error::Unsolved { cause: Obstacle::StepUnderflow, point: 1, t } = refused else {
        panic!("{refused}")
    };
    assert!((t - 0.5).abs() < 1e-3, "{t}");
    let fixed = OdeSolver::fixed(DOPRI5, 100).solve(&Each(square), start, 0.0, 1.0).unwrap_err();
    let Error::Unsolved { cause: Obstacle::NotFinite, point: 1, t } = fixed else { panic!("{fixed}") };
    assert!((0.49..0.7).contains(&t), "{t}");
}

#[test]
fn a_velocity_that_is_not_finite_is_an_error_with_its_point_and_time() {
    // It moves with speed 1, and from x = 1 on the velocity is bad.
    for bad in [f64::NAN, f64::INFINITY] {
        let field = move |_: f64, [x]: [f64; 1]| [if x < 1.0 { 1.0 } else { bad }];
        let refused = |start: &[[f64; 1]], solver: OdeSolver| {
            let refused = solver.solve(&Each(field), points(start), 0.0, 1.0).unwrap_err();
            let Error::Unsolved { cause: Obstacle::NotFinite, point, t } = refused else {
                panic!("{refused}")
            };
            (point, t)
        };
        let own = OdeSolver::adaptive(DOPRI5, 1e-4);
        assert_eq!(refused(&[[-9.0], [2.0]], own), (1, 0.0));
        let (point, t) = refused(&[[-9.0], [-9.0], [0.5]], own);
        assert!(point == 2 && (t - 0.5).abs() < 1e-5, "{point}, {t}");
        let (point, t) = refused(&[[-9.0], [-9.0], [0.5]], OdeSolver::fixed(DOPRI5, 10));
        assert!(point == 2 && (0.39..0.51).contains(&t), "{point}, {t}");
    }
}

#[test]
fn a_point_that_leaves_the_range_of_the_numbers_is_an_error() {
    let fast = |_: PerPoint, _: Points<1>, which: &[usize]| {
        Source::new(0).points(&vec![[0.01 * Real::MAX]; which.len()])
    };
    let start = Source::new(0).points(&[[0.0], [0.999 * Real::MAX]]).unwrap();
    for solver in [OdeSolver::adaptive(DOPRI5, 1e-4).with_max_steps(300), OdeSolver::fixed(EULER, 4)] {
        let refused = solver.solve_state(fast, start.clone(), 0.0, 1.0).unwrap_err();
        let Error::Unsolved { point: 1, t, .. } = refused else { panic!("{refused}") };
        assert!((0.0..=0.2).contains(&t), "{t}");
    }
}

/// BOSH3 asks at the end of its last step, and nothing but the path between the steps depends on the answer.
#[test]
fn a_velocity_at_the_very_end_that_is_not_finite_spoils_the_path_and_not_the_end() {
    let field = |t: PerPoint, _: Points<1>, _: &[usize]| {
        let v: Vec<[Real; 1]> = values(&t).iter().map(|t| [if *t < 1.0 { 1.0 } else { Real::NAN }]).collect();
        Source::new(0).points(&v)
    };
    let (solver, start) = (OdeSolver::fixed(BOSH3, 3), points(&[[0.5]]));
    let found = rows(&solver.solve_state(field, start.clone(), 0.0, 1.0).unwrap().end)[0][0];
    assert!((found - 1.5).abs() < 1e-6, "a constant speed: {found}");
    let refused = solver.solve_state_dense(field, start, 0.0, 1.0).err();
    assert!(matches!(refused, Some(Error::Unsolved { cause: Obstacle::NotFinite, .. })), "{refused:?}");
}

#[test]
fn bad_input_is_an_error_and_never_a_panic() {
    let start = points(&[[1.0], [2.0]]);
    let solve = |solver: OdeSolver, from: Real, to: Real| {
        solver.solve(&Each(hill), start.clone(), from, to).map(|found| found.accepted)
    };
    let own = OdeSolver::adaptive(DOPRI5, 1e-4);
    for (what, refused) in [
        ("no steps", solve(OdeSolver::fixed(DOPRI5, 0), 0.0, 1.0)),
        ("tolerance 0", solve(OdeSolver::adaptive(DOPRI5, 0.0), 0.0, 1.0)),
        ("tolerance < 0", solve(OdeSolver::adaptive(DOPRI5, -1.0), 0.0, 1.0)),
        ("tolerance NaN", solve(OdeSolver::adaptive(DOPRI5, Real::NAN), 0.0, 1.0)),
        ("relative tolerance < 0", solve(own.with_tolerances(1e-4, -1e-4), 0.0, 1.0)),
        ("from NaN", solve(own, Real::NAN, 1.0)),
        ("to infinite", solve(own, 0.0, Real::INFINITY)),
        ("to infinite, fixed", solve(OdeSolver::fixed(DOPRI5, 3), 0.0, Real::INFINITY)),
    ] {
        assert!(matches!(refused, Err(Error::OutOfDomain { .. })), "{what}: {refused:?}");
    }
    let none = solve(own.with_max_steps(0), 0.0, 1.0);
    assert!(matches!(none, Err(Error::Unsolved { cause: Obstacle::TooManySteps { steps: 0 }, .. })));
    let nan = own.solve(&Each(hill), points(&[[1.0], [f64::NAN]]), 0.0, 1.0);
    assert!(matches!(nan, Err(Error::NotFinite { index: 1, .. })));
    let short = |_: PerPoint, _: Points<1>, _: &[usize]| Source::new(0).normal(1);
    for solver in [own, OdeSolver::fixed(DOPRI5, 3)] {
        let refused = solver.solve_state(short, start.clone(), 0.0, 1.0);
        assert!(matches!(refused, Err(Error::BatchMismatch { expected: 2, found: 1, .. })));
    }
    let empty =
        (Source::new(0).points(&[[0.0; 0]; 2]).unwrap(), Source::new(0).per_point(&[1.0, 2.0]).unwrap());
    let refused = own.solve_state(|_, state: (Points<0>, PerPoint), _| Ok(state), empty, 0.0, 1.0);
    assert!(matches!(refused, Err(Error::Empty { .. })));
    let uneven = (start, Source::new(0).per_point(&[1.0]).unwrap());
    let refused = own.solve_state(|_, state: (Points<1>, PerPoint), _| Ok(state), uneven, 0.0, 1.0);
    assert!(matches!(refused, Err(Error::BatchMismatch { expected: 2, found: 1, .. })));
}
