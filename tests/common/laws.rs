//! What is true of every bijection, density, field and path.

use super::{gradients, trained};
use dfdx::prelude::{Backward, MeanTo, SumTo, TensorCollection, Trace, TryAdd, TryMul, ZeroGrads};
use pushforward::Result;
use pushforward::change_of_variables::{Bijection, Density, log_abs_det, numeric_jacobian};
use pushforward::dfdx;
use pushforward::nn::{parameters, set_parameters};
use pushforward::tensor::{Loss, PerPoint, Points, Real, Recording, Source, rows};

/// How far computed numbers of size 1 may be apart after some tens of roundings.
pub const ROUNDING: f64 = if size_of::<Real>() == 4 { 2e-5 } else { 1e-11 };

/// How far a central difference may be off, relative to 1 plus the size of the derivative.
pub const DIFFERENCE: f64 = if size_of::<Real>() == 4 { 3e-3 } else { 1e-7 };

/// `found` is `expected` up to `tolerance` (1 + |expected|).
#[track_caller]
pub fn close(what: &str, expected: f64, found: f64, tolerance: f64) {
    let error = (expected - found).abs();
    assert!(error <= tolerance * (1.0 + expected.abs()), "{what}: expected {expected}, found {found}");
}

/// f′(t), to about 10⁻²⁰ of the seventh derivative, which is h⁶/140, and to rounding.
pub fn derivative(f: impl Fn(f64) -> f64, t: f64) -> f64 {
    let h = 1e-3;
    let sides = |step: f64| (f(t + step * h) - f(t - step * h)) / h;
    (45.0 * sides(1.0) - 9.0 * sides(2.0) + sides(3.0)) / 60.0
}

fn all_close<const D: usize>(what: &str, expected: &Points<D>, found: &Points<D>, tolerance: f64) {
    for (n, (expected, found)) in rows(expected).iter().zip(rows(found)).enumerate() {
        for i in 0..D {
            close(
                &format!("{what}, point {n}, coordinate {i}"),
                expected[i].into(),
                found[i].into(),
                tolerance,
            );
        }
    }
}

fn numbers(per_point: &PerPoint) -> Vec<f64> {
    per_point.as_vec().into_iter().map(f64::from).collect()
}

/// Inverse undoes forward and forward undoes inverse; log |det| is the numeric Jacobian's; the inverse's log |det| is
/// its negative; a point's values do not depend on the batch it is in.
pub fn bijection<const D: usize>(name: &str, f: &impl Bijection<D>, x: Points<D>) {
    let (z, log_det) = f.forward(x.clone()).unwrap();
    let (back, inverse_log_det) = f.inverse(z.clone()).unwrap();
    all_close(&format!("{name}: the inverse undoes forward"), &x, &back, 10.0 * ROUNDING);
    all_close(
        &format!("{name}: forward undoes the inverse"),
        &z,
        &f.forward(back).unwrap().0,
        10.0 * ROUNDING,
    );
    let numeric = numeric_jacobian(f, &x).unwrap();
    for (n, (log_det, inverse)) in numbers(&log_det).into_iter().zip(numbers(&inverse_log_det)).enumerate() {
        let numeric = log_abs_det(numeric[n]);
        close(&format!("{name}: log|det| at point {n} is the numeric one"), numeric, log_det, DIFFERENCE);
        close(&format!("{name}: the inverse's log|det| at point {n}"), -log_det, inverse, 10.0 * ROUNDING);
    }
    alone(name, f, &x, &z, &numbers(&log_det));
}

fn alone<const D: usize>(name: &str, f: &impl Bijection<D>, x: &Points<D>, z: &Points<D>, log_det: &[f64]) {
    let source = Source::new(0);
    for (n, point) in rows(x).into_iter().enumerate() {
        let (one, one_log_det) = f.forward(source.points(&[point]).unwrap()).unwrap();
        let expected = source.points(&[rows(z)[n]]).unwrap();
        all_close(&format!("{name}: point {n} alone"), &expected, &one, ROUNDING);
        close(
            &format!("{name}: log|det| of point {n} alone"),
            log_det[n],
            numbers(&one_log_det)[0],
            ROUNDING,
        );
    }
}

/// Every parameter's gradient of `loss` is finite, not always zero, and the central difference's.
pub fn parameter_gradients<M: TensorCollection<Real, dfdx::prelude::AutoDevice>>(
    name: &str,
    mut model: M,
    loss: impl Fn(&M, pushforward::tensor::Gradients) -> Result<Loss>,
) {
    let found = gradients(&model, &loss(&model, model.alloc_grads()).unwrap().backward());
    assert!(found.iter().all(|g| g.is_finite()), "{name}: gradients are finite");
    assert!(found.iter().any(|g| *g != 0.0), "{name}: some gradient is not zero");
    let start = parameters(&model).unwrap();
    let trained = trained(&model);
    for (i, found) in found.into_iter().enumerate().filter(|(i, _)| trained[*i]) {
        let step = Real::EPSILON.cbrt() * start[i].abs().max(1.0);
        let [above, below] = [step, -step].map(|step| {
            let mut moved = start.clone();
            moved[i] += step;
            set_parameters(&mut model, &moved).unwrap();
            let value = loss(&model, model.alloc_grads()).unwrap();
            f64::from(dfdx::prelude::AsArray::array(&value))
        });
        let numeric = (above - below) / (2.0 * f64::from(step));
        close(&format!("{name}: gradient of parameter {i}"), numeric, found.into(), 5.0 * DIFFERENCE);
    }
}

/// A number that depends on everything that a bijection computes, in both directions.
pub fn everything<const D: usize, B: Bijection<D, Recording>>(
    f: &B,
    x: Points<D>,
    forward: bool,
    grads: pushforward::tensor::Gradients,
) -> Result<Loss> {
    let x = x.traced(grads);
    let (y, log_det) = if forward { f.forward(x)? } else { f.inverse(x)? };
    let squares = y.try_square()?.try_sum::<(usize,), dfdx::prelude::Axis<1>>()?;
    Ok(squares.try_add(log_det.try_mul(0.7)?)?.try_mean()?)
}

/// The density integrates to 1 over the square from `low` to `high`, by the midpoint rule on n × n cells.
pub fn integrates_to_one(
    name: &str,
    density: &impl Density<2>,
    (low, high): (f64, f64),
    n: usize,
    tolerance: f64,
) {
    let source = Source::new(0);
    let width = (high - low) / n as f64;
    let centre = |i: usize| (low + (i as f64 + 0.5) * width) as Real;
    let cells: Vec<[Real; 2]> = (0..n * n).map(|i| [centre(i % n), centre(i / n)]).collect();
    let log_p = density.log_prob(source.points(&cells).unwrap()).unwrap();
    let total: f64 = numbers(&log_p).iter().map(|log_p| log_p.exp() * width * width).sum();
    close(&format!("{name} integrates to 1"), 1.0, total, tolerance);
}
