//! Networks that bring points together.

use super::common::laws::parameter_gradients;
use super::common::stirred;
use pushforward::Error;
use pushforward::dfdx::prelude::{SumTo, Trace};
use pushforward::nn::{Elu, Identity, LipSwish, Relu, Softplus, Tanh, parameters, set_parameters};
use pushforward::residual::{Contraction, NonExpansive, lipschitz_bound, local_lipschitz};
use pushforward::tensor::{Real, Source, rows};

/// Some roundings of a number that is about 1.
const SLACK: f64 = if size_of::<Real>() == 4 { 1e-5 } else { 1e-12 };

fn contracts<A: NonExpansive, const L: usize>(name: &str, c: f64) {
    let mut source = Source::new(8);
    let u = stirred(Contraction::<3, 24, L, A>::new(&source, c).unwrap(), 1.0);
    assert!(lipschitz_bound(u.network()).unwrap() > 2.0, "{name}: the network itself may expand");
    let certificate = u.lipschitz_bound().unwrap();
    assert!(certificate <= c * (1.0 + SLACK), "{name}: the certificate is {certificate}");
    assert!(certificate > 0.99 * c, "{name}: the certificate is {certificate}");
    let x = source.normal::<3>(2000).unwrap();
    for (far, spread) in [("far", 5.0), ("near", 0.05)] {
        let y = x.clone() + source.normal::<3>(2000).unwrap() * spread;
        let (u_x, u_y) = (rows(&u.apply(x.clone()).unwrap()), rows(&u.apply(y.clone()).unwrap()));
        for (i, (x, y)) in rows(&x).into_iter().zip(rows(&y)).enumerate() {
            let (apart, after) = (distance(x, y), distance(u_x[i], u_y[i]));
            // The values of u are rounded.
            assert!(after <= c * apart + SLACK, "{name}, {far}: {apart} became {after}");
        }
    }
    let most = local_lipschitz(&u, x).unwrap().into_iter().fold(0.0, f64::max);
    assert!(most <= certificate * (1.0 + SLACK), "{name}: a Jacobian has the norm {most}");
    assert!(most > 0.02 * c, "{name}: it is not almost constant: {most}");
}

fn distance(x: [Real; 3], y: [Real; 3]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_contraction_contracts_whatever_its_weights_are() {
    contracts::<Tanh, 0>("tanh, 1 hidden layer", 0.5);
    contracts::<Tanh, 2>("tanh, 3 hidden layers", 0.98);
    contracts::<LipSwish, 1>("LipSwish", 0.9);
    contracts::<Elu, 1>("ELU", 0.9);
    contracts::<Softplus, 1>("softplus", 0.9);
    contracts::<Relu, 1>("ReLU", 0.9);
    contracts::<Identity, 1>("identity", 0.98);
}

#[test]
fn the_constant_is_reached() {
    let u = super::steep::<2>(0.98);
    let stretch = local_lipschitz(&u, super::copies([0.0; 2], 1)).unwrap()[0];
    assert!(stretch > 0.97 && stretch <= 0.98 * (1.0 + SLACK), "the bound is at most 1 % above: {stretch}");
}

/// The gradient goes through the norms of all weights, and not only where the last one is larger than it may be.
#[test]
fn the_gradient_of_a_contraction_is_its_central_difference() {
    for (name, larger) in [("divided", 1.5), ("not divided", 0.1)] {
        let u = Contraction::<2, 5, 1, Tanh>::new(&Source::new(4), 0.9).unwrap();
        let mut model = u.clone();
        let values: Vec<Real> = parameters(&u).unwrap().iter().map(|p| larger * p).collect();
        set_parameters(&mut model, &values).unwrap();
        let is_divided = lipschitz_bound(model.network()).unwrap() > 0.9;
        assert_eq!(is_divided, name == "divided", "the bound of the network decides");
        let x = Source::new(5).normal::<2>(6).unwrap();
        parameter_gradients(name, model, |u, gradients| {
            Ok(u.apply(x.clone().traced(gradients))?.try_square()?.try_sum()?)
        });
    }
}

#[test]
fn small_weights_are_not_divided() {
    let mut source = Source::new(8);
    let u = Contraction::<2, 4, 0, Tanh>::new(&source, 0.999).unwrap();
    let mut smaller = u.clone();
    let half: Vec<Real> = parameters(&u).unwrap().iter().map(|p| 0.2 * p).collect();
    set_parameters(&mut smaller, &half).unwrap();
    let x = source.normal::<2>(5).unwrap();
    assert_eq!(rows(&smaller.apply(x.clone()).unwrap()), rows(&smaller.network().apply(x).unwrap()));
    assert!(smaller.lipschitz_bound().unwrap() < 0.5);
}

#[test]
fn the_measured_stretch_is_the_largest_singular_value() {
    let matrix = super::turned(0.7);
    let stretch = local_lipschitz(&super::Linear::new(matrix), super::copies([0.3; 3], 2)).unwrap();
    assert!(stretch.iter().all(|s| (s - 0.7).abs() < SLACK), "{stretch:?}");
    let stretch = local_lipschitz(&super::Linear::new([[3.0, 4.0], [0.0, 0.0]]), super::copies([0.3; 2], 1));
    assert!((stretch.unwrap()[0] - 5.0).abs() < 5.0 * SLACK, "of rank one");
}

#[test]
fn a_constant_that_does_not_contract_is_refused() {
    for c in [0.0, 1.0, 0.9999, -0.5, f64::NAN, f64::INFINITY] {
        let refused = Contraction::<2, 4, 0, Tanh>::new(&Source::new(0), c).unwrap_err();
        assert!(matches!(refused, Error::OutOfDomain { .. }), "{c}: {refused}");
    }
}
