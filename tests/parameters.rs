//! A model's parameters as one list.
#![allow(clippy::unwrap_used)]

use pushforward::Error;
use pushforward::nn::{Mlp, Tanh, parameters, set_parameters};
use pushforward::tensor::{Real, Source};

type Network = Mlp<2, 3, 1, 1, Tanh>;

fn network(seed: u64) -> Network {
    Network::new(&Source::new(seed)).unwrap()
}

#[test]
fn a_network_with_the_parameters_of_another_computes_the_same() {
    let (from, mut to) = (network(0), network(1));
    assert_eq!(parameters(&from).unwrap().len(), from.parameters());
    set_parameters(&mut to, &parameters(&from).unwrap()).unwrap();
    let x = Source::new(2).normal::<2>(5).unwrap();
    assert_eq!(from.apply(x.clone()).unwrap().as_vec(), to.apply(x).unwrap().as_vec());
}

#[test]
fn weights_come_row_after_row_before_the_biases() {
    let mut network = Mlp::<2, 2, 1, 0, pushforward::nn::Identity>::new(&Source::new(0)).unwrap();
    set_parameters(&mut network, &[1.0, 2.0, 3.0, 4.0, 0.5, 0.25, 10.0, 1.0, 0.125]).unwrap();
    let y = network.apply(Source::new(0).points(&[[1.0, -1.0]]).unwrap()).unwrap();
    assert_eq!(y.as_vec(), [10.0 * (1.0 - 2.0 + 0.5) + (3.0 - 4.0 + 0.25) + 0.125]);
}

#[test]
fn lists_that_do_not_fit_are_refused_and_change_nothing() {
    let mut network = network(0);
    let before = parameters(&network).unwrap();
    let mut infinite: Vec<Real> = before.iter().map(|x| x + 1.0).collect();
    infinite[4] = Real::INFINITY;
    for list in [&before[1..], &[&before[..], &[0.0]].concat(), &[]] {
        assert!(matches!(set_parameters(&mut network, list), Err(Error::WrongLength { .. })));
    }
    let refused = set_parameters(&mut network, &infinite);
    assert!(matches!(refused, Err(Error::NotFinite { index: 4, .. })));
    assert_eq!(parameters(&network).unwrap(), before);
}
