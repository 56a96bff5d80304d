//! Steps on the tape.

use super::common::laws::{ROUNDING, close, parameter_gradients};
use super::solvers::{points, worst};
use super::tableaus::METHODS;
use pushforward::cnf::{DOPRI5, EULER, OdeSolver, RK4, VectorField, solve_fixed};
use pushforward::dfdx::prelude::{
    Axis, Backward, MeanTo, NoneTape, PutTape, SplitTape, SumTo, Tape, Trace, TryAdd, TryMul,
};
use pushforward::nn::{Mlp, Tanh};
use pushforward::tensor::{Dev, Gradients, PerPoint, Points, Real, Recording, Source, rows, values};
use pushforward::{Error, Obstacle, Result};

/// (v, Σ v²) of a network.
fn rates<T: Tape<Real, Dev>>(
    field: &Mlp<3, 5, 2, 1, Tanh>,
    t: PerPoint,
    x: Points<2, T>,
) -> Result<(Points<2, T>, PerPoint<T>)> {
    let (v, tape) = field.velocity(t, x)?.split_tape();
    let traced = v.clone().put_tape(tape);
    let (r, tape) = traced.try_square()?.try_sum::<(usize,), Axis<1>>()?.split_tape();
    Ok((v.put_tape(tape), r.put_tape(T::default())))
}

#[test]
fn the_recorded_solve_computes_what_the_solver_computes() {
    let field = Mlp::<3, 5, 2, 1, Tanh>::new(&Source::new(3)).unwrap();
    let x = points(&[[1.0, 0.5], [-2.0, 1.0], [0.1, 0.0]]);
    for (method, (from, to)) in METHODS.iter().flat_map(|m| [(0.0, 1.0), (1.0, 0.25)].map(|ends| (m, ends))) {
        let (end, l) =
            solve_fixed(method, 7, |t, x| rates::<NoneTape>(&field, t, x), x.clone(), from, to).unwrap();
        let zeros = Source::new(0).per_point(&[0.0; 3]).unwrap();
        let state = |t, (x, _): (Points<2>, PerPoint), _: &[usize]| rates(&field, t, x);
        let found =
            OdeSolver::fixed(*method, 7).solve_state(state, (x.clone(), zeros), from, to).unwrap().end;
        for (recorded, found) in rows(&end).as_flattened().iter().zip(rows(&found.0).as_flattened()) {
            close(method.name, (*found).into(), (*recorded).into(), ROUNDING);
        }
        for (recorded, found) in values(&l).into_iter().zip(values(&found.1)) {
            close(method.name, found.into(), recorded.into(), ROUNDING);
            assert!(found * (to - from) > 0.0, "the number moves");
        }
    }
}

#[test]
fn gradients_through_the_solver_are_those_of_its_numbers() {
    let x = points(&[[1.0, 0.5], [-2.0, 1.0], [0.1, 0.0]]);
    for method in METHODS {
        let field = Mlp::<3, 5, 2, 1, Tanh>::new(&Source::new(3)).unwrap();
        parameter_gradients(method.name, field, |field, gradients| {
            let x = x.clone().traced(gradients);
            let (end, l) = solve_fixed(&method, 3, |t, x| rates(field, t, x), x, 0.0, 1.0)?;
            let l = l.try_mean::<(), _>()?;
            Ok(end.try_square()?.try_mean::<(), _>()?.try_add(l)?)
        });
    }
}

#[test]
fn the_gradient_of_the_start_goes_through_every_step() {
    // x' = −x with r = x: RK4 multiplies x by m = 1 − h + h²/2 − h³/6 + h⁴/24 in each step.
    let x = points(&[[1.0], [3.0]]);
    let field = |_, x: Points<1, Recording>| {
        let (x, tape) = x.split_tape();
        let v = x.clone().put_tape(tape).try_mul(-1.0)?;
        let r = x.put_tape(Recording::default()).try_sum::<(usize,), Axis<1>>()?;
        Ok((v, r))
    };
    let (end, l) = solve_fixed(&RK4, 5, field, x.clone().traced(Gradients::leaky()), 0.0, 1.0).unwrap();
    let loss =
        end.try_sum::<(), _>().unwrap().try_add(l.try_sum::<(), _>().unwrap().try_mul(2.0).unwrap()).unwrap();
    let gradient = loss.try_backward().unwrap().get(&x);
    let h = 0.2f64;
    let m = (1.0 - h + h * h / 2.0 - h.powi(3) / 6.0 + h.powi(4) / 24.0).powi(5);
    // l = −(x(1) − x(0)), exactly for every Runge-Kutta method: d(x(1) + 2 l) = m − 2 (m − 1).
    for d in rows(&gradient) {
        close("dx(1) + 2 dl", 2.0 - m, d[0].into(), ROUNDING);
    }
}

/// v = x itself: the same tensor is the point and its velocity.
#[test]
fn a_field_may_give_back_what_it_was_given() {
    let x = points(&[[1.0], [3.0]]);
    let field = |t, x: Points<1, Recording>| {
        let t: PerPoint = t;
        Ok((x, t.put_tape(Recording::default())))
    };
    for method in METHODS {
        let start = x.clone().traced(Gradients::leaky());
        let (end, _) = solve_fixed(&method, 40, field, start, 0.0, 1.0).unwrap();
        let growth = f64::from(rows(&end)[0][0]);
        let gradient = end.try_sum::<(), _>().unwrap().try_backward().unwrap().get(&x);
        close(method.name, growth, rows(&gradient)[0][0].into(), ROUNDING);
        assert!(worst(&points(&[[growth]]), &points(&[[1.0]]), |[x]| [x.exp()]) < 0.02, "{growth}");
    }
}

#[test]
fn what_cannot_be_recorded_is_an_error() {
    let x = points(&[[1.0], [3.0]]);
    let growth = |t, x: Points<1>| Ok((x.clone().try_mul(x)?, t));
    let solve = |steps, x: &Points<1>, to| solve_fixed(&EULER, steps, growth, x.clone(), 0.0, to).map(|_| ());
    assert!(matches!(solve(0, &x, 1.0), Err(Error::OutOfDomain { .. })));
    assert!(matches!(solve(3, &x, Real::NAN), Err(Error::OutOfDomain { .. })));
    assert!(matches!(solve(3, &points(&[[f64::NAN]]), 1.0), Err(Error::NotFinite { .. })));
    let refused = solve(400, &points(&[[0.0], [5.0]]), 5.0).unwrap_err();
    assert!(
        matches!(refused, Error::Unsolved { cause: Obstacle::NotFinite, point: 1, t } if t > 0.2 && t < 2.0),
        "{refused}"
    );
    let endless = |_, x: Points<1>| Ok((x, Source::new(0).per_point(&[1.0, Real::INFINITY])?));
    let refused = solve_fixed(&DOPRI5, 3, endless, x.clone(), 0.0, 1.0).map(|_| ());
    assert!(matches!(refused, Err(Error::Unsolved { cause: Obstacle::NotFinite, point: 1, .. })));
    let short = |t, _: Points<1>| Ok((Source::new(0).normal(1)?, t));
    let refused = solve_fixed(&DOPRI5, 3, short, x.clone(), 0.0, 1.0).map(|_| ());
    assert!(matches!(refused, Err(Error::BatchMismatch { expected: 2, found: 1, .. })));
    let (end, l) = solve_fixed(&DOPRI5, 3, growth, x.clone(), 0.5, 0.5).unwrap();
    assert_eq!((rows(&end), values(&l)), (rows(&x), vec![0.0, 0.0]));
}
