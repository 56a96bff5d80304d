//! Lesson 02: coupling layers.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;
#[path = "lesson_02_coupling/exercises.rs"]
mod exercises;

use common::laws::{DIFFERENCE, close};
use common::stirred;
use pushforward::Error;
use pushforward::change_of_variables::{
    Bijection, Density, Flow, StandardNormal, log_abs_det, negative_log_likelihood,
};
use pushforward::coupling::{
    ActNorm, Additive, BoundedAffine, ConditionalBijection, Coupling, FlowPlusPlus, Glow, InvertibleLinear,
    LogisticMixture, Nice, Permutation, RealNvp, Spline, SplineFlow, Transformer, UnboundedAffine,
    alternating_mask, given, half_mask, invert, transform,
};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{Axis, Backward, MeanTo, SumTo, TensorCollection, Trace, TryAdd, TryMul};
use pushforward::nn::{Relu, parameters, set_parameters};
use pushforward::tensor::{Dev, Gradients, Points, Real, Recording, Source, rows, values};
use pushforward::train::{Progress, Training, load, save, train};

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

/// Random points of the size of the data times `far`.
fn points(far: Real) -> Points<2> {
    Source::new(8).normal::<2>(300).unwrap().try_mul(far).unwrap()
}

/// Point after point, near the data and far away: the inverse finds the point, or it is refused; near the data few may be.
fn round_trips<B: Bijection<2>>(name: &str, f: &B, data: &Points<2>) {
    for far in [1.0, 3.0, 10.0, 100.0, 1e3, 1e6] {
        let (source, mut refused) = (Source::new(0), 0);
        let points = rows(&data.clone().try_mul(far as Real).unwrap());
        for x in &points {
            let there_and_back = f
                .forward(source.points(&[*x]).unwrap())
                .and_then(|(z, _)| f.inverse(z))
                .map(|(x, _)| rows(&x)[0]);
            match there_and_back {
                Ok(back) => {
                    for (x, back) in x.iter().zip(back) {
                        close(&format!("{name}, {far} times the data"), (*x).into(), back.into(), ROUND_TRIP);
                    }
                }
                Err(Error::Saturated { .. }) => refused += 1,
                Err(other) => panic!("{name}: {other}"),
            }
        }
        println!("{name}: {refused} of {} points at {far} times the data are refused", points.len());
        assert!(far > 1.0 || refused <= points.len() / 20, "{name}: {refused} of the data are refused");
    }
}

#[test]
fn every_model_undoes_itself_near_the_data_and_far_away_or_says_that_it_cannot() {
    let mut source = Source::new(5);
    round_trips("NICE", &stirred(Nice::<2, 2, 16, 8>::new(&source).unwrap(), 0.2), &points(1.0));
    round_trips("RealNVP", &stirred(RealNvp::<2, 2, 16, 4, 8>::new(&source).unwrap(), 0.2), &points(1.0));
    round_trips(
        "a spline flow",
        &stirred(SplineFlow::<2, 2, 16, 46, 8>::new(&source).unwrap(), 0.1),
        &points(1.0),
    );
    round_trips("Glow", &stirred(Glow::<2, 2, 16, 4, 8>::new(&mut source).unwrap(), 0.1), &points(1.0));
    round_trips(
        "Flow++",
        &stirred(FlowPlusPlus::<2, 2, 16, 28, 8>::new(&mut source).unwrap(), 0.1),
        &points(1.0),
    );
}

/// The model, trained on two moons for a while.
fn fitted<M>(mut model: M) -> M
where
    M: Bijection<2> + Bijection<2, Recording> + TensorCollection<Real, Dev> + Clone,
{
    let mut source = Source::new(6);
    let training =
        Training { steps: 200, learning_rate: 5e-3, progress: Progress::Silent, ..Training::default() };
    train(&mut model, &training, |model, gradients| {
        let flow = Flow { bijection: model.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
    })
    .unwrap();
    model
}

#[test]
fn every_trained_model_undoes_itself_or_says_that_it_cannot() {
    let mut source = Source::new(5);
    let data = TwoMoons::default().sample(300, &mut source).unwrap();
    round_trips("NICE", &fitted(Nice::<2, 2, 16, 6>::new(&source).unwrap()), &data);
    round_trips("RealNVP", &fitted(RealNvp::<2, 2, 16, 4, 6>::new(&source).unwrap()), &data);
    round_trips("a spline flow", &fitted(SplineFlow::<2, 2, 16, 46, 6>::new(&source).unwrap()), &data);
    let mut glow = Glow::<2, 2, 16, 4, 6>::new(&mut source).unwrap();
    glow.initialize(&data).unwrap();
    round_trips("Glow", &fitted(glow), &data);
    let mut mixtures = FlowPlusPlus::<2, 2, 16, 28, 4>::new(&mut source).unwrap();
    mixtures.initialize(&data).unwrap();
    round_trips("Flow++", &fitted(mixtures), &data);
}

#[test]
fn a_discriminant_that_is_rounded_below_zero_still_has_a_root() {
    // A steep first bin with a flat end: K = 2 on [−1, 1].
    let h: [Real; 5] = [-3.0, 3.0, 3.0, -3.0, -10.0];
    let part = |logit: f64| 2.0 * (1e-3 + 0.998 / (1.0 + (-2.0 * logit).exp()));
    let (width, height) = (part(-3.0), part(3.0));
    let slope = 1e-3 + (-10.0 + 0.999f64.exp_m1().ln()).exp().ln_1p();
    let (mut negative, spline) = (0, Spline::<2, 1>);
    for k in 0..1000 {
        let above = height * (1.0 - f64::from(k) * 1e-9);
        // The formula of the paper in f32, as it is published.
        let [s, left, right, v, w] = [height / width, 1.0, slope, above, height].map(|number| number as f32);
        let a = w * (s - left) + v * (left + right - 2.0 * s);
        let b = w * left - v * (left + right - 2.0 * s);
        let c = -s * v;
        negative += i32::from(b * b - 4.0 * a * c < 0.0);
        let x = spline.inverse((above - 1.0) as Real, &h).unwrap();
        close("x at the upper end of the bin", width - 1.0, x.into(), 1e-3);
    }
    assert!(negative > 0, "the published formula has a negative discriminant for some of these points");
}

/// Rounding puts the end of bin 4 just above 0, the place of knot 5. The bin begins so steep that rounding is all that is left of
/// the discriminant at its end, in double precision too.
#[test]
fn a_bin_that_begins_beyond_measure_has_a_root_at_its_end() {
    let (spline, mut h) = (Spline::<10, 3>, [0.0; 29]);
    h[24] = -1000.0;
    for slope in [1e9, 1e10, 1e11, 1e12, 1e13] {
        h[23] = slope;
        let x = spline.inverse(0.0, &h).unwrap();
        assert!((-0.6001..=1e-6).contains(&x), "x = {x} is in the bin, for the slope {slope}");
        close("y", 0.0, spline.forward(x, &h).0.into(), 1e-6);
    }
}

#[test]
fn a_batch_in_the_tails_alone_is_kept_and_has_gradients() {
    let mut source = Source::new(0);
    let x = source.points(&[[7.0, -5.0], [-100.0, 5.0]]).unwrap();
    let h = source.normal::<46>(2).unwrap();
    let (y, log_det) = transform(Spline::<8, 5>, [true; 2], x.clone(), h.clone()).unwrap();
    assert_eq!((rows(&y), values(&log_det)), (rows(&x), vec![0.0; 2]));
    let (back, _) = invert(Spline::<8, 5>, [true; 2], y, h.clone()).unwrap();
    assert_eq!(rows(&back), rows(&x));
    let taped = h.clone().traced(Gradients::leaky());
    let traced = x.clone().traced(Gradients::leaky());
    let (y, log_det) = transform(Spline::<8, 5>, [true; 2], traced, taped).unwrap();
    let loss = y.sum::<(usize,), Axis<1>>().try_add(log_det).unwrap().sum();
    let gradients = loss.backward();
    assert_eq!(gradients.get(&x).as_vec(), [1.0; 4]);
    assert_eq!(gradients.get(&h).as_vec(), [0.0; 92]);
}

#[test]
fn points_on_knots_and_on_the_bounds_belong_to_a_bin() {
    // With h = 0 the knots are −5, −3.75, …, 5.
    let near = |x: Real| [x, x * (1.0 + Real::EPSILON), x * (1.0 - Real::EPSILON)];
    let knots: Vec<Real> = (0..9).flat_map(|k| near(-5.0 + 1.25 * k as Real)).collect();
    let mut h = [0.0; 23];
    for x in &knots {
        let (y, log_slope) = Spline::<8, 5>.forward(*x, &h);
        close("with h = 0 a spline is y = x", f64::from(*x), y.into(), 4e-7);
        close("with the slope 1", 0.0, log_slope.into(), 1e-6);
    }
    h.iter_mut().enumerate().for_each(|(i, h)| *h = (i as Real * 1.7).sin());
    for x in &knots {
        let (y, log_slope) = Spline::<8, 5>.forward(*x, &h);
        let back = Spline::<8, 5>.inverse(y, &h).unwrap();
        close("the inverse at a knot", f64::from(*x), back.into(), ROUND_TRIP);
        assert!(log_slope.is_finite() && y.abs() <= 5.01, "{x}: {y}, {log_slope}");
    }
    assert_eq!([-5.0, 5.0].map(|x| Spline::<8, 5>.forward(x, &h)), [(-5.0, 0.0), (5.0, 0.0)]);
}

#[test]
fn what_is_masked_cannot_make_a_gradient_that_is_not_a_number() {
    let source = Source::new(0);
    let x = source.points(&[[1.0, 0.5]]).unwrap();
    let h = source.points(&[[Real::NAN, Real::INFINITY, 0.5, 0.1]]).unwrap();
    let taped = h.clone().traced(Gradients::leaky());
    let (y, log_det) =
        transform(UnboundedAffine, [false, true], x.clone().traced(Gradients::leaky()), taped).unwrap();
    let gradients = y.sum::<(usize,), Axis<1>>().try_add(log_det).unwrap().sum().backward();
    let dh = gradients.get(&h).as_vec();
    assert_eq!([dh[0], dh[1], dh[3]], [0.0, 0.0, 1.0]);
    assert!(dh[2].is_finite() && gradients.get(&x).as_vec().iter().all(|dx| dx.is_finite()));
}

#[test]
fn a_bounded_scale_expands_as_much_as_it_shrinks() {
    for a in [0.1, 1.0, 10.0, 1e30] {
        let [(_, up), (_, down)] = [a, -a].map(|a| BoundedAffine::<3>.forward(1.0, &[a, 0.0]));
        assert_eq!(up, -down);
        assert!(0.0 < up && f64::from(up) <= 3.0 + 1e-6, "log-scale {up} for {a}, to rounding");
    }
    assert!(BoundedAffine::<3>.forward(1.0, &[9.0, 0.0]).1 > 2.2, "a narrow feature can be stretched");
}

#[test]
fn data_wider_than_a_spline_has_a_density() {
    let source = Source::new(0);
    let bijection = stirred(SplineFlow::<2, 2, 8, 46, 4>::new(&source).unwrap(), 0.3);
    let flow = Flow { bijection, base: StandardNormal };
    let x = source.points(&[[6.0, -7.0], [40.0, 0.1]]).unwrap();
    assert!(values(&flow.log_prob(x).unwrap()).iter().all(|log_p| log_p.is_finite()));
}

#[test]
fn normalization_is_set_once_also_after_it_was_loaded() {
    let mut source = Source::new(0);
    let batch =
        |mean: Real, source: &mut Source| source.normal::<2>(100).unwrap().try_mul(2.0).unwrap() + mean;
    let mut norm = ActNorm::<2>::new(&source).unwrap();
    let first = batch(5.0, &mut source);
    norm.initialize(&first).unwrap();
    for feature in 0..2 {
        let y: Vec<f64> =
            rows(&norm.forward(first.clone()).unwrap().0).iter().map(|y| y[feature].into()).collect();
        close("the mean", 0.0, y.iter().sum::<f64>() / 100.0, 1e-5);
        close("the variance", 1.0, y.iter().map(|y| y * y).sum::<f64>() / 100.0, 1e-5);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("norm.safetensors");
    save(&norm, &path).unwrap();
    let mut again = ActNorm::<2>::new(&source).unwrap();
    load(&mut again, &path).unwrap();
    assert!(again.is_initialized());
    again.initialize(&batch(-3.0, &mut source)).unwrap();
    let x = batch(1.0, &mut source);
    assert_eq!(rows(&again.forward(x.clone()).unwrap().0), rows(&norm.forward(x).unwrap().0));
}

#[test]
fn a_constant_feature_is_refused_and_changes_nothing() {
    let source = Source::new(0);
    let mut norm = ActNorm::<2>::new(&source).unwrap();
    let x = source.points(&[[0.1, 1.0], [0.1, 2.0], [0.1, 5.0]]).unwrap();
    assert!(matches!(norm.initialize(&x), Err(Error::OutOfDomain { .. })));
    assert!(!norm.is_initialized());
    assert_eq!(rows(&norm.forward(x.clone()).unwrap().0), rows(&x));
}

#[test]
fn the_inverse_of_a_mixture_finds_points_far_from_its_components() {
    let mut source = Source::new(3);
    for h in rows(&source.normal::<14>(50).unwrap()) {
        let h = h.map(|h| 2.0 * h);
        for x in [-1e6, -1e3, -30.0, 0.0, 30.0, 1e3, 1e6] {
            let (y, log_slope) = LogisticMixture::<4>.forward(x, &h);
            assert!(y.is_finite() && log_slope.is_finite(), "x = {x}");
            let back = LogisticMixture::<4>.inverse(y, &h).unwrap();
            // Where the slope is smaller than 1, rounding y is worth more of x.
            let lost = f64::from(Real::EPSILON * y.abs()) / f64::from(log_slope).exp();
            let error = (f64::from(back) - f64::from(x)).abs();
            assert!(error <= ROUND_TRIP * (1.0 + f64::from(x.abs())) + lost, "x = {x}, found {back}");
        }
    }
}

#[test]
fn a_log_scale_that_overflows_is_an_error_that_names_the_place() {
    let source = Source::new(0);
    let x = source.points(&[[1.0, 1.0], [1.0, 2.5]]).unwrap();
    let h = source.points(&[[0.0; 4], [0.0, 0.0, 1000.0, 0.0]]).unwrap();
    let error = transform(UnboundedAffine, [true; 2], x, h).unwrap_err();
    assert!(matches!(error, Error::Saturated { point: 1, feature: 1, value: 2.5, .. }), "{error}");
}

#[test]
fn a_map_that_is_too_flat_to_be_undone_is_refused() {
    let source = Source::new(0);
    let flat = || source.points(&[[-40.0, 5.0]]).unwrap();
    let (y, log_det) = transform(UnboundedAffine, [true], source.points(&[[3.0]]).unwrap(), flat()).unwrap();
    assert_eq!(values(&log_det), [-40.0], "forward is right");
    let error = invert(UnboundedAffine, [true], y, flat()).unwrap_err();
    assert!(matches!(error, Error::Saturated { point: 0, feature: 0, .. }), "{error}");
}

#[test]
fn a_coupling_layer_keeps_what_its_mask_keeps_and_looks_at_nothing_else() {
    let source = Source::new(0);
    let layer: Coupling<3, 3, 8, 6, 1, Relu, BoundedAffine> =
        stirred(Coupling::new(&source, [false, true, false]).unwrap(), 0.3);
    let x = source.points(&[[0.5, -1.0, 2.0], [0.9, -1.0, 2.0]]).unwrap();
    let y = rows(&layer.forward(x).unwrap().0);
    assert_eq!([y[0][1], y[1][1]], [-1.0; 2], "kept");
    assert_eq!(y[0][2], y[1][2], "feature 2 does not depend on feature 0");
    assert_ne!(y[0][2], 2.0);
    assert_eq!(alternating_mask::<3>(1), [false, true, false]);
    assert_eq!(half_mask::<3>(0), [true, true, false]);
}

#[test]
fn a_context_changes_the_density_and_must_be_given_for_each_point() {
    let source = Source::new(0);
    let model = stirred(RealNvp::<2, 3, 8, 4, 2>::new(&source).unwrap(), 0.3);
    let x = || source.points(&[[0.5, -1.0], [0.5, -1.0]]).unwrap();
    let context = source.points(&[[0.0], [1.0]]).unwrap();
    let flow = Flow { bijection: given(&model, context), base: StandardNormal };
    let log_p = values(&flow.log_prob(x()).unwrap());
    assert!((log_p[0] - log_p[1]).abs() > 1e-3, "{log_p:?}");
    let one = Flow { bijection: given(&model, source.points(&[[0.0]]).unwrap()), base: StandardNormal };
    assert!(matches!(one.log_prob(x()), Err(Error::BatchMismatch { .. })));
    let norm = ActNorm::<2>::new(&source).unwrap();
    let ignored = given(&norm, source.points(&[[3.0], [4.0]]).unwrap());
    assert_eq!(rows(&ignored.forward(x()).unwrap().0), rows(&x()));
}

#[test]
fn orders_and_matrices_that_cannot_be_undone_are_refused() {
    let source = Source::new(0);
    assert!(matches!(Permutation::new(&source, [0, 2, 2]), Err(Error::OutOfDomain { .. })));
    assert!(matches!(Permutation::new(&source, [0, 3, 1]), Err(Error::OutOfDomain { .. })));
    let mut permutation = Permutation::<3>::reverse(&source).unwrap();
    set_parameters(&mut permutation, &[0.0, -7.0, 1.0]).unwrap();
    let x = source.points(&[[1.0, 2.0, 3.0]]).unwrap();
    assert!(matches!(permutation.forward(x), Err(Error::OutOfDomain { .. })), "as a file may hold it");
    let singular = InvertibleLinear::new(&source, [[1.0, 2.0], [2.0, 4.0]]);
    assert!(matches!(singular, Err(Error::OutOfDomain { .. })));
}

#[test]
fn a_linear_map_is_its_matrix_and_a_rotation_keeps_lengths() {
    let mut source = Source::new(1);
    let matrix = [[0.0, 2.0, 1.0], [-3.0, 1.0, 0.5], [1.0, 1.0, -2.0]];
    let linear = InvertibleLinear::new(&source, matrix).unwrap();
    let x: Points<3> = source.normal(4).unwrap();
    let (y, log_det) = linear.forward(x.clone()).unwrap();
    for (x, y) in rows(&x).into_iter().zip(rows(&y)) {
        for i in 0..3 {
            let expected: Real = (0..3).map(|j| matrix[i][j] * x[j]).sum();
            close("W x", expected.into(), y[i].into(), 1e-5);
        }
    }
    let expected = log_abs_det(matrix.map(|row| row.map(f64::from)));
    close("log |det W|", expected, values(&log_det)[0].into(), 1e-5);
    let rotation = InvertibleLinear::<3>::rotation(&mut source).unwrap();
    let (y, log_det) = rotation.forward(x.clone()).unwrap();
    close("a volume", 0.0, values(&log_det)[0].into(), 1e-5);
    let length = |x: [Real; 3]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    for (x, y) in rows(&x).into_iter().zip(rows(&y)) {
        close("a length", length(x), length(y), 1e-5);
    }
}

#[test]
fn a_model_that_was_saved_gives_the_same_bits() {
    let mut source = Source::new(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glow.safetensors");
    let mut glow = Glow::<2, 2, 8, 4, 3>::new(&mut source).unwrap();
    let x = TwoMoons::default().sample(100, &mut source).unwrap();
    glow.initialize(&x).unwrap();
    let glow = stirred(glow, 0.2);
    save(&glow, &path).unwrap();
    let mut again = Glow::<2, 2, 8, 4, 3>::new(&mut Source::new(99)).unwrap();
    load(&mut again, &path).unwrap();
    again.initialize(&points(3.0)).unwrap();
    assert_eq!(rows(&again.forward(x.clone()).unwrap().0), rows(&glow.forward(x).unwrap().0));
}

#[test]
fn training_makes_a_mixture_flow_fit_and_its_components_differ() {
    let mut source = Source::new(1);
    let mut model = FlowPlusPlus::<2, 2, 16, 28, 2>::new(&mut source).unwrap();
    let data = TwoMoons::default().sample(2000, &mut source).unwrap();
    model.initialize(&data).unwrap();
    let training =
        Training { steps: 150, learning_rate: 5e-3, progress: Progress::Silent, ..Training::default() };
    let losses = train(&mut model, &training, |model, gradients| {
        let flow = Flow { bijection: model.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
    })
    .unwrap()
    .losses;
    let last = losses[130..].iter().map(|loss| f64::from(*loss)).sum::<f64>() / 20.0;
    assert!(last < 1.5, "the best Gaussian has 1.9 nats, the moons 1.0: found {last}");
}

#[test]
fn a_near_point_is_not_refused_because_another_one_is_far() {
    let source = Source::new(13);
    let model = stirred(RealNvp::<2, 2, 16, 4, 8>::new(&source).unwrap(), 0.3);
    let far = [100.0, 100.0];
    let far_z = rows(&model.forward(source.points(&[far]).unwrap()).unwrap().0)[0];
    for x in rows(&Source::new(113).normal::<2>(200).unwrap()) {
        let (z, _) = model.forward(source.points(&[x]).unwrap()).unwrap();
        let alone = model.inverse(z.clone());
        let both = model.inverse(source.points(&[rows(&z)[0], far_z]).unwrap());
        assert_eq!(alone.is_ok(), both.is_ok(), "{x:?}: {:?}", both.err());
        assert!(model.forward(source.points(&[x, far]).unwrap()).is_ok(), "{x:?}");
    }
}

#[test]
fn an_inverse_that_overflows_is_refused() {
    let source = Source::new(0);
    let large = Real::MAX.sqrt();
    let linear = InvertibleLinear::new(&source, [[1.0 / large, 0.0], [0.0, 1.0]]).unwrap();
    let z = source.points(&[[4.0 * large, 1.0]]).unwrap();
    assert!(matches!(linear.inverse(z), Err(Error::Saturated { feature: 0, .. })));
    let mut norm = ActNorm::<1>::new(&source).unwrap();
    set_parameters(&mut norm, &[-large.ln(), 0.0]).unwrap();
    let error = norm.inverse(source.points(&[[4.0 * large]]).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Saturated { feature: 0, .. }), "{error}");
}

#[test]
fn a_tensor_that_is_both_points_and_parameters_has_both_gradients() {
    let x = Source::new(0).points(&[[1.0, 2.0]]).unwrap();
    let traced = || x.clone().traced(Gradients::leaky());
    let (y, _) = transform(Additive, [true, false], traced(), traced()).unwrap();
    assert_eq!(rows(&y), [[2.0, 2.0]]);
    let gradients = y.sum::<(usize,), Axis<1>>().sum().backward();
    assert_eq!(gradients.get(&x).as_vec(), [2.0, 1.0]);
}

#[test]
fn a_mask_of_other_numbers_than_0_and_1_still_keeps_or_transforms() {
    let source = Source::new(0);
    let mut layer: Coupling<2, 2, 8, 4, 1, Relu, BoundedAffine> =
        stirred(Coupling::new(&source, [true, false]).unwrap(), 0.5);
    let mut numbers = parameters(&layer).unwrap();
    numbers[..2].copy_from_slice(&[0.7, 0.4]);
    set_parameters(&mut layer, &numbers).unwrap();
    let x = source.points(&[[1.0, 2.0]]).unwrap();
    let (back, _) = layer.inverse(layer.forward(x).unwrap().0).unwrap();
    close("the transformed feature", 2.0, rows(&back)[0][1].into(), ROUND_TRIP);
}

/// With parameters of this size a bin is a step: nearly flat, and then steep.
#[test]
fn a_map_with_steps_is_undone_or_refused() {
    let mut source = Source::new(0);
    for h in rows(&source.normal::<23>(2000).unwrap()) {
        let h = h.map(|h| 300.0 * h);
        let x = source.normal::<1>(1).unwrap().try_mul(2.0).unwrap();
        let h = || source.points(&[h]).unwrap();
        let (y, _) = transform(Spline::<8, 5>, [true], x.clone(), h()).unwrap();
        if let Ok((back, _)) = invert(Spline::<8, 5>, [true], y, h()) {
            close("x", rows(&x)[0][0].into(), rows(&back)[0][0].into(), 2.0 * ROUND_TRIP);
        }
    }
}

#[test]
fn a_linear_map_and_a_normalization_that_lose_x_are_refused() {
    let source = Source::new(0);
    let linear = InvertibleLinear::new(&source, [[1.0, 1.0], [1.0, 1.0 + 8.0 * Real::EPSILON]]).unwrap();
    let error = linear.inverse(source.points(&[[1.0, 2.0]]).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Saturated { point: 0, .. }), "{error}");
    let mut norm = ActNorm::<1>::new(&source).unwrap();
    set_parameters(&mut norm, &[-30.0, 5.0]).unwrap();
    let error = norm.inverse(source.points(&[[5.0]]).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Saturated { point: 0, feature: 0, .. }), "{error}");
}

/// Which features move when the biases at the end of a layer's conditioner, which are its last numbers, do.
fn transformed<const O: usize, M>(layer: &M) -> [bool; 3]
where
    M: Bijection<3> + TensorCollection<Real, Dev> + Clone,
{
    let x = Source::new(0).points(&[[0.3, -0.7, 1.1]]).unwrap();
    let mut other = layer.clone();
    let mut numbers = parameters(&other).unwrap();
    let biases = numbers.len() - O;
    numbers[biases..].iter_mut().for_each(|bias| *bias += 1.0);
    set_parameters(&mut other, &numbers).unwrap();
    let [before, after] = [layer, &other].map(|layer| rows(&layer.forward(x.clone()).unwrap().0)[0]);
    std::array::from_fn(|i| before[i] != after[i])
}

#[test]
fn what_a_layer_keeps_the_next_one_transforms() {
    let mut source = Source::new(0);
    let real_nvp = RealNvp::<3, 3, 8, 6, 3>::new(&source).unwrap();
    let found: Vec<_> = real_nvp.layers().iter().map(transformed::<6, _>).collect();
    assert_eq!(found, [[false, true, false], [true, false, true], [false, true, false]]);
    let glow = Glow::<3, 3, 8, 6, 3>::new(&mut source).unwrap();
    let found: Vec<_> = glow.layers().iter().map(transformed::<6, _>).collect();
    assert_eq!(found, [[false, false, true], [true, true, false], [false, false, true]]);
}

/// An exchange of two rows undoes itself; rows that go round do not.
#[test]
fn a_linear_map_whose_pivots_go_round_is_its_matrix() {
    let source = Source::new(0);
    let matrix = [[0.0, 2.0, 0.5], [0.5, 0.0, 3.0], [4.0, 1.0, 0.0]];
    let linear = InvertibleLinear::new(&source, matrix).unwrap();
    let units = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let columns = rows(&linear.forward(source.points(&units).unwrap()).unwrap().0);
    for i in 0..3 {
        for j in 0..3 {
            close("an entry", f64::from(matrix[i][j]), columns[j][i].into(), 1e-6);
        }
    }
}

#[test]
fn a_batch_whose_scale_overflows_is_refused_and_changes_nothing() {
    let source = Source::new(0);
    let batch = |deviation: Real| source.points(&[[deviation, 1.0], [-deviation, -1.0]]).unwrap();
    let mut norm = ActNorm::<2>::new(&source).unwrap();
    let before = parameters(&norm).unwrap();
    for deviation in [0.01 * Real::MIN_POSITIVE, 0.9 * Real::MAX] {
        let error = norm.initialize(&batch(deviation)).unwrap_err();
        assert!(matches!(error, Error::OutOfDomain { .. }), "{error}");
        assert!(error.to_string().contains("overflow"), "{error}");
        assert_eq!((norm.is_initialized(), parameters(&norm).unwrap()), (false, before.clone()));
    }
    for deviation in [100.0 * Real::MIN_POSITIVE, 0.001 * Real::MAX] {
        let mut norm = ActNorm::<2>::new(&source).unwrap();
        norm.initialize(&batch(deviation)).unwrap();
        let y = rows(&norm.forward(batch(deviation)).unwrap().0);
        close("a normalized point", 1.0, y[0][0].into(), 1e-4);
        close("its mirror image", -1.0, y[1][0].into(), 1e-4);
    }
}

#[test]
fn the_signs_of_a_linear_map_are_signs_whatever_a_file_holds() {
    let source = Source::new(0);
    let mut linear = InvertibleLinear::new(&source, [[2.0, 0.0], [0.5, -3.0]]).unwrap();
    let x = source.points(&[[1.0, -2.0], [0.3, 0.4]]).unwrap();
    let expected = rows(&linear.forward(x.clone()).unwrap().0);
    let mut numbers = parameters(&linear).unwrap();
    let signs = numbers.len() - 2;
    numbers[signs..].copy_from_slice(&[0.5, -7.0]);
    set_parameters(&mut linear, &numbers).unwrap();
    assert_eq!(rows(&linear.forward(x).unwrap().0), expected);
}

#[test]
fn an_initialization_that_fails_on_the_way_changes_nothing() {
    let mut source = Source::new(0);
    let mut glow = Glow::<2, 3, 8, 4, 3>::new(&mut source).unwrap();
    let before = parameters(&glow).unwrap();
    let (x, context) = (points(2.0), source.normal::<1>(299).unwrap());
    assert!(matches!(glow.initialize_given(&x, &context), Err(Error::BatchMismatch { .. })));
    assert_eq!(parameters(&glow).unwrap(), before);
    glow.initialize_given(&x, &source.normal::<1>(300).unwrap()).unwrap();
    assert_ne!(parameters(&glow).unwrap(), before);
}

/// Far apart and narrow, the components leave flats where rounding decides what Newton's method does.
#[test]
fn the_inverse_of_a_mixture_gives_a_number_in_its_flattest_parts() {
    let (mut source, mut none) = (Source::new(4), 0);
    for h in rows(&source.normal::<14>(2000).unwrap()) {
        for spread in [1.0, 5.0, 20.0, 100.0] {
            let h = h.map(|h| spread * h);
            for k in -20i8..=20 {
                let x = spread * Real::from(k) / 10.0;
                let y = LogisticMixture::<4>.forward(x, &h).0;
                let Some(back) = LogisticMixture::<4>.inverse(y, &h) else {
                    none += 1;
                    continue;
                };
                // No slope is above e⁸, and x is rounded.
                let rounding = f64::from(Real::EPSILON * back.abs()) * 8f64.exp();
                let y_back = LogisticMixture::<4>.forward(back, &h).0;
                close("y", y.into(), y_back.into(), ROUND_TRIP + rounding);
            }
        }
    }
    assert_eq!(none, 0);
}

#[test]
fn every_point_is_told_its_own_context_in_both_directions() {
    fn law<M: ConditionalBijection<2, 1>>(name: &str, model: &M) {
        let mut source = Source::new(3);
        let (x, context) = (source.normal::<2>(5).unwrap(), source.normal::<1>(5).unwrap());
        for forward in [true, false] {
            let go = |x: &Points<2>, context: &Points<1>| {
                let told = given(model, context.clone());
                let (y, log_det) =
                    if forward { told.forward(x.clone()) } else { told.inverse(x.clone()) }.unwrap();
                (rows(&y), values(&log_det))
            };
            let (y, log_det) = go(&x, &context);
            for (n, (x, c)) in rows(&x).into_iter().zip(rows(&context)).enumerate() {
                let (alone, alone_log_det) = go(&source.points(&[x]).unwrap(), &source.points(&[c]).unwrap());
                for (alone, y) in alone[0].into_iter().zip(y[n]) {
                    close(&format!("{name}, point {n}"), alone.into(), y.into(), ROUND_TRIP);
                }
                close(
                    &format!("{name}, log|det| of point {n}"),
                    alone_log_det[0].into(),
                    log_det[n].into(),
                    ROUND_TRIP,
                );
            }
        }
    }
    let mut source = Source::new(0);
    law("NICE", &stirred(Nice::<2, 3, 8, 3>::new(&source).unwrap(), 0.3));
    law("RealNVP", &stirred(RealNvp::<2, 3, 8, 4, 3>::new(&source).unwrap(), 0.3));
    law("Glow", &stirred(Glow::<2, 3, 8, 4, 3>::new(&mut source).unwrap(), 0.2));
}
