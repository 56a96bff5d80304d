//! Lesson 03: the masks, the passes, and the traps.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use pushforward::autoregressive::{Halves, Made, Natural, Order, Reversed, Shuffled};
use pushforward::dfdx::prelude::{Backward, SumTo, Trace};
use pushforward::nn::{Activation, Silu, Tanh};
use pushforward::tensor::{Points, Real, Source, rows};

/// |∂outₒ/∂xⱼ| summed over a few random points, by the backward pass: exactly 0 where the network has no connection.
fn connections<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, R, A>(
    made: &Made<D, I, H, O, L, R, A>,
) -> Vec<Vec<Real>>
where
    R: Order,
    A: Activation,
{
    let x = Source::new(5).normal::<I>(20).unwrap();
    let row = |o: usize| {
        let y = made.apply(x.clone().leaky_traced()).unwrap();
        let mut pick = [[0.0; O]; 20];
        pick.iter_mut().for_each(|row| row[o] = 1.0);
        let pick: Points<O> = Source::new(0).points(&pick).unwrap();
        let total = (y * pick).sum();
        let gradients = total.backward();
        let dx = rows(&gradients.get(&x));
        (0..I).map(|j| dx.iter().map(|dx| dx[j].abs()).sum()).collect()
    };
    (0..O).map(row).collect()
}

/// Output o belongs to feature o / (O / D), and sees input j exactly if that is a context or a feature before it.
fn sees_what_comes_before<
    const D: usize,
    const I: usize,
    const H: usize,
    const O: usize,
    const L: usize,
    R: Order,
    A: Activation,
>() {
    let name = format!("D {D}, I {I}, H {H}, O {O}, L {L}, {:?}", R::default());
    let made = Made::<D, I, H, O, L, R, A>::new(&Source::new(2)).unwrap();
    let ranks = R::ranks(D);
    for (o, row) in connections(&made).into_iter().enumerate() {
        for (j, size) in row.into_iter().enumerate() {
            let before = j >= D || ranks[j] < ranks[o / (O / D)];
            assert_eq!(size != 0.0, before, "{name}: ∂out{o}/∂x{j} has the size {size}");
        }
    }
}

#[test]
fn every_output_sees_every_feature_before_it_and_no_other() {
    sees_what_comes_before::<4, 4, 16, 4, 0, Natural, Tanh>();
    sees_what_comes_before::<4, 4, 16, 8, 1, Natural, Silu>();
    sees_what_comes_before::<4, 4, 16, 8, 3, Reversed, Tanh>();
    sees_what_comes_before::<7, 7, 33, 21, 1, Shuffled<3>, Tanh>();
    sees_what_comes_before::<5, 5, 16, 10, 1, Halves, Silu>();
    sees_what_comes_before::<2, 2, 8, 46, 1, Natural, Silu>();
    sees_what_comes_before::<1, 1, 8, 2, 1, Natural, Silu>();
}

/// With one hidden unit per degree each connection hangs on one path.
#[test]
fn as_few_hidden_units_as_degrees_lose_no_connection() {
    sees_what_comes_before::<6, 6, 5, 12, 0, Natural, Tanh>();
    sees_what_comes_before::<6, 6, 5, 12, 3, Reversed, Tanh>();
    sees_what_comes_before::<6, 8, 6, 12, 3, Shuffled<1>, Tanh>();
    sees_what_comes_before::<2, 2, 1, 2, 1, Natural, Tanh>();
}

/// Where every hidden unit sees a feature, the first feature's outputs could not see the context at all.
#[test]
fn every_output_sees_the_whole_context_also_those_of_the_first_feature() {
    sees_what_comes_before::<3, 5, 12, 6, 1, Natural, Silu>();
    sees_what_comes_before::<1, 3, 8, 2, 0, Natural, Silu>();
    sees_what_comes_before::<4, 5, 12, 8, 2, Halves, Silu>();
}

#[test]
fn the_outputs_of_a_single_feature_are_constants() {
    let made = Made::<1, 1, 8, 2, 1>::new(&Source::new(0)).unwrap();
    let y = rows(&made.apply(Source::new(1).normal(10).unwrap()).unwrap());
    assert!(y.iter().all(|row| row == &y[0]));
}
