//! The continuity equation.

use super::common::stirred;
use super::fields::{Swelling, linear, no_points};
use pushforward::change_of_variables::{Density, StandardNormal};
use pushforward::cnf::{Cnf, DOPRI5, OdeSolver, continuity_residual};
use pushforward::dfdx::prelude::TryMul;
use pushforward::nn::{Mlp, Tanh};
use pushforward::tensor::{PerPoint, Points, Real, Source};
use pushforward::{Error, Result};

/// Differences with steps of ε^(1/5), relative to densities up to 0.2 and fields up to 5.
const SMALL: f64 = if size_of::<Real>() == 4 { 1e-5 } else { 1e-9 };

fn grid() -> Points<2> {
    let cells: Vec<[Real; 2]> =
        (0..49).map(|k| [(k % 7) as Real * 0.5 - 1.5, (k / 7) as Real * 0.5 - 1.5]).collect();
    Source::new(0).points(&cells).unwrap()
}

fn largest(residual: &[f64]) -> f64 {
    residual.iter().fold(0.0, |largest, r| largest.max(r.abs()))
}

/// N(0, e^{2k t²} I), which [`Swelling`] moves.
fn swollen(t: Real, x: Points<2>) -> Result<PerPoint> {
    let k: Real = 0.8;
    let z = x.try_mul((-k * t * t).exp())?;
    Ok(StandardNormal.log_prob(z)? - 2.0 * k * t * t)
}

#[test]
fn a_density_that_moves_with_its_field_has_no_residual() {
    let residual = continuity_residual(swollen, &Swelling(0.8), 0.6, &grid()).unwrap();
    assert_eq!(residual.len(), 49);
    println!("residual {:.1e}", largest(&residual));
    assert!(largest(&residual) < SMALL, "{}", largest(&residual));
}

#[test]
fn another_field_has_the_residual_that_is_missing() {
    // ∂p/∂t + ∇·(p v) for the field of k′ is (k′ − k) times ∇·(p 2 t x) = p 2 t (2 − |z|²), z = x / scale.
    let (t, k, other): (f64, f64, f64) = (0.6, 0.8, 0.5);
    let residual = continuity_residual(swollen, &Swelling(other as Real), t as Real, &grid()).unwrap();
    for (x, found) in pushforward::tensor::rows(&grid()).into_iter().zip(residual) {
        let scale: f64 = (-k * t * t).exp();
        let square: f64 = x.iter().map(|x| (scale * f64::from(*x)).powi(2)).sum();
        let p = scale * scale * (-0.5 * square).exp() / (2.0 * std::f64::consts::PI);
        let expected = (other - k) * p * 2.0 * t * (2.0 - square);
        assert!((found - expected).abs() < SMALL, "at {x:?}: {expected}, found {found}");
    }
}

/// The density that the flow itself states, solved to 10⁻⁶ at each time.
#[test]
fn the_density_of_a_flow_moves_with_its_field() {
    let field = stirred(Mlp::<3, 8, 2, 1, Tanh>::new(&Source::new(5)).unwrap(), 0.3);
    let cnf = Cnf::new(field, OdeSolver::adaptive(DOPRI5, if size_of::<Real>() == 4 { 1e-6 } else { 1e-10 }));
    let residual = continuity_residual(|t, x| cnf.log_prob_at(t, x), &cnf.field, 0.5, &grid()).unwrap();
    let still = linear([[0.0; 2]; 2], [0.0; 2], [0.0; 2]);
    let wrong = continuity_residual(|t, x| cnf.log_prob_at(t, x), &still, 0.5, &grid()).unwrap();
    println!("residual {:.1e}, without a field {:.1e}", largest(&residual), largest(&wrong));
    assert!(largest(&residual) < 2.0 * SMALL, "{}", largest(&residual));
    assert!(largest(&wrong) > 1e-2, "the density moves");
}

#[test]
fn what_is_not_finite_or_does_not_fit_is_an_error() {
    let ask = |t, x: &Points<2>| continuity_residual(swollen, &Swelling(0.8), t, x).err();
    assert!(matches!(ask(Real::NAN, &grid()), Some(Error::NotFinite { .. })));
    assert!(matches!(ask(0.5, &no_points()), Some(Error::Empty { .. })));
    let bad = Source::new(0).points(&[[0.0, Real::NAN]]).unwrap();
    assert!(matches!(ask(0.5, &bad), Some(Error::NotFinite { index: 1, .. })));
    let few = |_, _| Source::new(0).per_point(&[0.0]);
    let found = continuity_residual(few, &Swelling(0.8), 0.5, &grid()).err();
    assert!(matches!(found, Some(Error::BatchMismatch { expected: 49, found: 1, .. })), "{found:?}");
    let infinite = |_, x: Points<2>| Source::new(0).per_point(&vec![Real::INFINITY; x.as_vec().len() / 2]);
    let found = continuity_residual(infinite, &Swelling(0.8), 0.5, &grid()).err();
    assert!(matches!(found, Some(Error::NotFinite { .. })), "{found:?}");
    let nothing = |_, x: Points<2>| Source::new(0).per_point(&vec![-Real::INFINITY; x.as_vec().len() / 2]);
    let residual = continuity_residual(nothing, &Swelling(0.8), 0.5, &grid()).unwrap();
    assert_eq!(largest(&residual), 0.0, "where there is no density, nothing moves");
}
