//! Lesson 02: coupling layers.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{DIFFERENCE, close};
use pushforward::Error;
use pushforward::coupling::{
    Additive, BoundedAffine, LogisticMixture, Spline, Transformer, UnboundedAffine, invert, transform,
};
use pushforward::dfdx::prelude::{Axis, Backward, MeanTo, SumTo, Trace, TryAdd, TryMul};
use pushforward::tensor::{Gradients, Points, Real, Source, rows, values};

/// How far a round trip may be off, relative to 1 + |x|.
const ROUND_TRIP: f64 = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };

/// A number that depends on both results, for chosen features 0 and 2.
fn score<F: Transformer, const O: usize>(x: &Points<3>, h: &Points<O>, forward: bool) -> f64 {
    let go = if forward { transform::<F, 3, O, _> } else { invert::<F, 3, O, _> };
    let (y, log_det) = go(F::default(), [true, false, true], x.clone(), h.clone()).unwrap();
    let squares = rows(&y).iter().flatten().map(|y| f64::from(*y).powi(2)).sum::<f64>();
    squares + 0.7 * values(&log_det).iter().map(|l| f64::from(*l)).sum::<f64>()
}

/// The gradients with respect to x and h on the tape.
fn gradients<F: Transformer, const O: usize>(x: &Points<3>, h: &Points<O>, forward: bool) -> Vec<Vec<Real>> {
    let (x, h) = (x.clone(), h.clone());
    let go = if forward { transform::<F, 3, O, _> } else { invert::<F, 3, O, _> };
    let (taped_x, taped_h) = (x.clone().traced(Gradients::leaky()), h.clone().traced(Gradients::leaky()));
    let (y, log_det) = go(F::default(), [true, false, true], taped_x, taped_h).unwrap();
    let n = log_det.as_vec().len() as Real;
    let squares = y.square().sum::<(usize,), Axis<1>>();
    let gradients = squares.try_add(log_det.try_mul(0.7).unwrap()).unwrap().mean().backward();
    let scaled = |g: Vec<Real>| g.into_iter().map(|g| g * n).collect();
    vec![scaled(gradients.get(&x).as_vec()), scaled(gradients.get(&h).as_vec())]
}

/// Points of all kinds, and parameters as training makes them.
fn samples<const O: usize>(seed: u64, spread: Real) -> (Points<3>, Points<O>) {
    let mut source = Source::new(seed);
    let x = source.normal::<3>(40).unwrap();
    let h = source.normal::<O>(40).unwrap().try_mul(spread).unwrap();
    (x, h)
}

/// Differences in f32 need maps that hardly bend.
const SPREAD: Real = if size_of::<Real>() == 4 { 0.3 } else { 0.8 };

fn every_gradient<F: Transformer, const O: usize>() {
    for forward in [true, false] {
        let (x, h) = samples::<O>(1, SPREAD);
        let x =
            if forward { x } else { transform(F::default(), [true, false, true], x, h.clone()).unwrap().0 };
        let found = gradients::<F, O>(&x, &h, forward);
        let source = Source::new(0);
        let (x, h) = (x.as_vec(), h.as_vec());
        let value = |x: &[Real], h: &[Real]| {
            let x = source.points(x.as_chunks::<3>().0).unwrap();
            let h = source.points(h.as_chunks::<O>().0).unwrap();
            score::<F, O>(&x, &h, forward)
        };
        for (kind, list) in [&x, &h].into_iter().enumerate() {
            for i in 0..list.len().min(60) {
                let step = Real::EPSILON.cbrt() * list[i].abs().max(1.0);
                let difference = |step: Real| {
                    let [above, below] = [step, -step].map(|step| {
                        let (mut x, mut h) = (x.clone(), h.clone());
                        [&mut x, &mut h][kind][i] += step;
                        value(&x, &h)
                    });
                    (above - below) / (2.0 * f64::from(step))
                };
                // Two steps remove the largest part of the error (Richardson).
                let numeric = (4.0 * difference(0.5 * step) - difference(step)) / 3.0;
                let tolerance = if size_of::<Real>() == 4 { 20.0 * DIFFERENCE } else { DIFFERENCE };
                close(
                    &format!("{:?}, forward {forward}, kind {kind}, number {i}", F::default()),
                    numeric,
                    found[kind][i].into(),
                    tolerance,
                );
            }
        }
    }
}

#[test]
fn the_gradients_of_every_transformer_and_of_its_inverse_are_the_differences() {
    every_gradient::<Additive, 3>();
    every_gradient::<UnboundedAffine, 6>();
    every_gradient::<BoundedAffine, 6>();
    every_gradient::<LogisticMixture<1>, 15>();
    every_gradient::<LogisticMixture<3>, 33>();
    // The slope of a spline has kinks at the knots: steps of f32 reach across them.
    if size_of::<Real>() == 8 {
        every_gradient::<Spline<1, 2>, 6>();
        every_gradient::<Spline<3, 2>, 24>();
        every_gradient::<Spline<8, 5>, 69>();
    }
}

/// Point after point, so that one that is refused does not hide the others. A point may be refused where its map is too
/// flat to be undone; a wrong answer is never given.
fn undoes<F: Transformer, const O: usize>(spread: Real) {
    let (chosen, mut refused) = ([true, false, true], 0);
    for seed in 0..20 {
        let (x, h) = samples::<O>(seed, spread);
        let source = Source::new(0);
        for (x, h) in rows(&x).into_iter().zip(rows(&h)) {
            let one = |h| source.points(&[h]).unwrap();
            let (y, log_det) = transform(F::default(), chosen, source.points(&[x]).unwrap(), one(h)).unwrap();
            let (back, inverse_log_det) = match invert(F::default(), chosen, y, one(h)) {
                Ok(result) => result,
                Err(Error::Saturated { .. }) => {
                    refused += 1;
                    continue;
                }
                Err(other) => panic!("{other}"),
            };
            for (x, back) in x.into_iter().zip(rows(&back)[0]) {
                close(&format!("{:?}", F::default()), f64::from(x), f64::from(back), ROUND_TRIP);
            }
            let (l, inverse) = (values(&log_det)[0], values(&inverse_log_det)[0]);
            close(
                &format!("{:?}, log|det|", F::default()),
                -f64::from(l),
                inverse.into(),
                200.0 * ROUND_TRIP,
            );
        }
    }
    assert!(refused <= 800 / 50, "{:?}: {refused} of 800 points are refused", F::default());
}

#[test]
fn the_inverse_of_every_transformer_undoes_it() {
    undoes::<Additive, 3>(5.0);
    undoes::<UnboundedAffine, 6>(1.2);
    undoes::<BoundedAffine, 6>(5.0);
    undoes::<Spline<3, 2>, 24>(1.0);
    undoes::<Spline<8, 5>, 69>(1.0);
    undoes::<Spline<1, 2>, 6>(1.0);
    undoes::<LogisticMixture<1>, 15>(2.0);
    undoes::<LogisticMixture<3>, 33>(2.0);
}
