//! States of several parts, and the paths between the steps.

use super::common::laws::{ROUNDING, close};
use super::solvers::{Each, check_order, points, turn, turned, whirl, worst};
use super::tableaus::METHODS;
use pushforward::Error;
use pushforward::cnf::{DOPRI5, EULER, OdeSolver, Step, TSIT5};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows, values};

#[test]
fn the_path_between_the_steps_is_of_the_order_of_the_method() {
    let start = points(&[[1.0, 0.0], [0.5, -2.0]]);
    for method in METHODS {
        check_order(&method, |steps| {
            let solver = OdeSolver::fixed(method, steps);
            let path = solver.solve_dense(&Each(turn), start.clone(), 0.0, 1.0).unwrap();
            let times = (0..=997).map(|n| n as Real / 997.0);
            times.map(|t| worst(&path.at(t).unwrap(), &start, |x| turned(t.into(), x))).fold(0.0, f64::max)
        });
    }
}

#[test]
fn the_path_of_an_adaptive_solve_is_as_good_as_its_end_in_both_directions() {
    let start = points(&[[0.1, 0.0], [1.0, 0.5], [-2.0, 1.0]]);
    let exact = |t: f64, [x, y]: [f64; 2]| {
        let (sin, cos) = (t * (x * x + y * y)).sin_cos();
        [cos * x - sin * y, sin * x + cos * y]
    };
    let tolerance = 1e-5;
    for (method, to) in [(DOPRI5, 1.0), (TSIT5, 1.0), (DOPRI5, -1.0)] {
        let solver = OdeSolver::adaptive(method, tolerance as Real);
        let path = solver.solve_dense(&Each(whirl), start.clone(), 0.0, to).unwrap();
        assert_eq!(rows(&path.at(0.0).unwrap()), rows(&start));
        let end = rows(&path.solution.end);
        let at_end = worst(&path.at(to).unwrap(), &start, |x| {
            let n = rows(&start).iter().position(|row| row.map(f64::from) == x).unwrap();
            end[n].map(f64::from)
        });
        assert!(at_end < 10.0 * f64::from(Real::EPSILON), "{at_end}");
        let times: Vec<Real> = (0..=60).map(|n| to * n as Real / 60.0).collect();
        for (t, found) in times.iter().zip(path.trajectory(&times).unwrap()) {
            let error = worst(&found, &start, |x| exact((*t).into(), x));
            assert!(error < 4.0 * tolerance, "{}, t = {t}: {error}", method.name);
        }
        for outside in [-0.01 * to, 1.01 * to, Real::NAN] {
            assert!(matches!(path.at(outside), Err(Error::OutOfDomain { .. })), "{outside}");
        }
    }
}

#[test]
fn a_path_of_no_length_has_its_start() {
    let start = points(&[[1.0, 2.0]]);
    let path = OdeSolver::fixed(EULER, 3).solve_dense(&Each(turn), start.clone(), 0.3, 0.3).unwrap();
    assert_eq!(rows(&path.at(0.3).unwrap()), rows(&start));
}

#[test]
fn parts_of_a_state_keep_their_places() {
    let n = 4;
    let x = points(&[[1.0, 0.0], [0.5, -2.0], [0.0, 1.0], [3.0, 3.0]]);
    let number = |value: Real| Source::new(0).per_point(&vec![value; n]).unwrap();
    let state = ((x.clone(), number(10.0)), points(&[[7.0], [8.0], [9.0], [-1.0]]), number(-5.0));
    let field = |t: PerPoint, ((x, a), y, b): ((Points<2>, PerPoint), Points<1>, PerPoint), _: &[usize]| {
        let v = pushforward::cnf::VectorField::velocity(&Each(turn), t.clone(), x)?;
        Ok(((v, a * 0.0 + 3.0), y * -1.0, b * 0.0 + t * 2.0))
    };
    for solver in [OdeSolver::fixed(DOPRI5, 30), OdeSolver::adaptive(DOPRI5, 1e-6)] {
        let ((end, a), y, b) = solver.solve_state(field, state.clone(), 0.0, 1.0).unwrap().end;
        assert!(worst(&end, &x, |x| turned(1.0, x)) < 1e-5);
        assert!(worst(&y, &state.1, |[y]| [y * (-1f64).exp()]) < 1e-5);
        for (a, b) in values(&a).into_iter().zip(values(&b)) {
            close("10 + 3", 13.0, a.into(), ROUNDING);
            close("−5 + 1", -4.0, b.into(), ROUNDING);
        }
    }
}

/// Rates that are known by the place of a point in the batch, as the noise of an estimate is.
#[test]
fn a_field_is_told_which_points_it_is_given() {
    let rates: Vec<Real> = (0..20).map(|n| 0.5 * n as Real).collect();
    let field = |_: PerPoint, x: PerPoint, which: &[usize]| {
        let rates: Vec<Real> = which.iter().map(|point| -rates[*point]).collect();
        Ok(x * Source::new(0).per_point(&rates)?)
    };
    let ones = Source::new(0).per_point(&[1.0; 20]).unwrap();
    let found = OdeSolver::adaptive(DOPRI5, 1e-5).solve_state(field, ones, 0.0, 1.0).unwrap();
    assert!(found.accepted[19] > found.accepted[1], "points leave the batch at different steps");
    for (n, (found, rate)) in values(&found.end).into_iter().zip(&rates).enumerate() {
        assert!(f64::from(found - (-rate).exp()).abs() < 1e-5, "point {n}: {found}");
    }
}

#[test]
fn observed_steps_follow_each_other_and_carry_the_path() {
    let start = points(&[[0.1, 0.0], [1.0, 0.5], [-2.0, 1.0]]);
    for to in [1.0, -1.0] {
        // What each point was at last: its time and its state.
        let mut last: Vec<_> = rows(&start).into_iter().map(|x| (0.0, x)).collect();
        let mut steps = [0; 3];
        let observe = |step: &Step<Points<2>>| {
            let (begin, end) = (rows(&step.at(0.0)?), rows(&step.at(1.0)?));
            let within = rows(&step.at(0.4)?);
            for (row, point) in step.which().iter().enumerate() {
                let (t, x) = last[*point];
                let rounding = 10.0 * Real::EPSILON;
                assert!((step.start()[row] - t).abs() < rounding && step.size()[row] * to > 0.0);
                assert!((begin[row][0] - x[0]).abs() < rounding * 4.0, "{:?}, {x:?}", begin[row]);
                let [x, y] = rows(&start)[*point].map(f64::from);
                let angle = (x * x + y * y) * f64::from(step.start()[row] + 0.4 * step.size()[row]);
                let expected = x * angle.cos() - y * angle.sin();
                assert!((f64::from(within[row][0]) - expected).abs() < 1e-4, "{within:?}, {expected}");
                last[*point] = (step.start()[row] + step.size()[row], end[row]);
                steps[*point] += 1;
            }
            assert!(matches!(step.at(1.1), Err(Error::OutOfDomain { .. })));
            Ok(())
        };
        let field = |t, x, _: &[usize]| pushforward::cnf::VectorField::velocity(&Each(whirl), t, x);
        let solver = OdeSolver::adaptive(DOPRI5, 1e-5);
        let found = solver.solve_observed(field, start.clone(), 0.0, to, observe).unwrap();
        assert_eq!(found.accepted, steps);
        for ((t, x), end) in last.into_iter().zip(rows(&found.end)) {
            assert!((t - to).abs() < 100.0 * Real::EPSILON && (x[1] - end[1]).abs() < 100.0 * Real::EPSILON);
        }
    }
}
