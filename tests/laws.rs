//! Every implementation, listed once, and put through all the laws that apply to it.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{bijection, everything, integrates_to_one, parameter_gradients};
use pushforward::change_of_variables::{
    Affine, Bijection, Exponential, Flow, GaussianMixture, Inverted, StandardNormal, negative_log_likelihood,
};
use pushforward::tensor::{Points, Recording, Source};

fn normal_points<const D: usize>() -> Points<D> {
    Source::new(3).normal::<D>(7).unwrap()
}

fn positive_points() -> Points<2> {
    Source::new(3).points(&[[0.3, 2.0], [1.0, 0.2], [5.0, 0.9]]).unwrap()
}

fn affine2() -> Affine<2> {
    Affine::new(&Source::new(0), [[1.5, 0.0], [-0.8, 0.4]], [0.3, -1.0]).unwrap()
}

fn affine4() -> Affine<4> {
    let matrix = [[1.2, 0.0, 0.0, 0.0], [0.5, 0.7, 0.0, 0.0], [-1.0, 0.3, 2.0, 0.0], [0.2, -0.6, 0.9, 0.5]];
    Affine::new(&Source::new(0), matrix, [0.1, -0.2, 0.3, 0.0]).unwrap()
}

fn mixture() -> GaussianMixture<2, 3> {
    GaussianMixture::new(&Source::new(0), [[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]], [0.5, 0.8, 0.6]).unwrap()
}

#[test]
fn bijections_keep_their_laws() {
    bijection("affine, 2 coordinates", &affine2(), normal_points());
    bijection("affine, 4 coordinates", &affine4(), normal_points());
    bijection(
        "affine, 1 coordinate",
        &Affine::new(&Source::new(0), [[2.0]], [1.0]).unwrap(),
        normal_points(),
    );
    bijection("identity", &Affine::<3>::identity(&Source::new(0)).unwrap(), normal_points());
    bijection("exponential", &Exponential, positive_points());
    bijection("exponential, inverted", &Inverted(Exponential), normal_points::<2>());
    bijection("a pair", &(Inverted(Exponential), Exponential), normal_points::<2>());
    bijection("affine after exponential", &(Exponential, affine2()), positive_points());
    bijection("a list", &[affine2(), Affine::identity(&Source::new(0)).unwrap(), affine2()], normal_points());
}

#[test]
fn every_parameter_of_a_bijection_has_its_gradient() {
    let law = |name: &str, forward: bool| {
        let x = normal_points::<4>();
        parameter_gradients(name, affine4(), |f, grads| everything(f, x.clone(), forward, grads));
    };
    law("affine, forward", true);
    law("affine, inverse", false);
}

#[test]
fn every_parameter_of_a_density_has_its_gradient() {
    let x = normal_points::<2>();
    parameter_gradients("mixture", mixture(), |p, grads| negative_log_likelihood(p, x.clone(), grads));
}

#[test]
fn densities_integrate_to_one() {
    // Smooth densities that are small at the edge: the midpoint rule is exact to rounding, and f32 sums to 1e-5.
    integrates_to_one("the standard normal density", &StandardNormal, (-7.0, 7.0), 200, 1e-5);
    integrates_to_one("a mixture of Gaussians", &mixture(), (-8.0, 8.0), 300, 1e-5);
    let flow = Flow { bijection: affine2(), base: StandardNormal };
    integrates_to_one("an affine flow", &flow, (-25.0, 25.0), 700, 1e-4);
}

#[test]
fn a_bijection_works_with_and_without_a_tape() {
    fn takes<B: Bijection<2> + Bijection<2, Recording>>(_: &B) {}
    takes(&affine2());
    takes(&Exponential);
    takes(&(affine2(), Inverted(Exponential)));
    takes(&[affine2(), affine2()]);
}
