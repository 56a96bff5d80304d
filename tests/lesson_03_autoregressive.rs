//! Lesson 03: the masks, the passes, and the traps.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{ROUNDING, close};
use pushforward::autoregressive::{
    Halves, Iaf, Made, Maf, MaskedAutoregressive, Natural, Order, Reversed, Shuffled,
};
use pushforward::change_of_variables::Bijection;
use pushforward::coupling::{BoundedAffine, UnboundedAffine, invert, transform};
use pushforward::dfdx::prelude::{Backward, SumTo, TensorCollection, ToDtype, Trace};
use pushforward::nn::{Activation, Relu, Silu, Tanh, parameters, set_parameters};
use pushforward::tensor::{Dev, Points, Real, Source, rows, values};
use pushforward::train::{load, save};
use pushforward::{Error, dfdx};

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

/// The parameters, multiplied.
fn scaled<M: TensorCollection<Real, Dev>>(mut model: M, factor: Real) -> M {
    let larger: Vec<Real> = parameters(&model).unwrap().into_iter().map(|p| factor * p).collect();
    set_parameters(&mut model, &larger).unwrap();
    model
}

/// Solving for all features at once, again and again, has the first k features of the order right after k passes: fewer
/// passes than features leave a wrong x, and passes in another order would too.
#[test]
fn after_k_passes_the_first_k_features_of_the_order_are_right() {
    type Layer = MaskedAutoregressive<5, 5, 24, 10, 1, BoundedAffine, Shuffled<4>>;
    let layer = scaled(Layer::new(&Source::new(3)).unwrap(), 4.0);
    let ranks = Shuffled::<4>::ranks(5);
    let x = Source::new(4).normal::<5>(30).unwrap();
    let (z, _) = layer.forward(x.clone()).unwrap();
    let mut guess = z.clone();
    for pass in 1..=5 {
        let h = layer.conditioner.apply(guess).unwrap();
        guess = invert(BoundedAffine::<3>, [true; 5], z.clone(), h).unwrap().0;
        let mut furthest = [0.0f64; 5];
        for (x, guess) in rows(&x).into_iter().zip(rows(&guess)) {
            for i in 0..5 {
                furthest[ranks[i]] = furthest[ranks[i]].max(f64::from((x[i] - guess[i]).abs()));
            }
        }
        for (rank, error) in furthest.into_iter().enumerate() {
            assert_eq!(error < 10.0 * ROUNDING, rank < pass, "pass {pass}, rank {rank}: {furthest:?}");
        }
    }
}

/// A coupling layer reads half of the features and transforms the others; here the autoregressive layer's network has the
/// same weights, and biases that leave the first half alone.
#[test]
fn a_coupling_layer_is_an_autoregressive_layer_of_two_ranks() {
    type Layer = MaskedAutoregressive<4, 4, 8, 8, 1, BoundedAffine, Halves>;
    let mut layer = scaled(Layer::new(&Source::new(3)).unwrap(), 2.0);
    layer.conditioner.network = {
        let mut numbers = parameters(&layer.conditioner.network).unwrap();
        let biases = numbers.len() - 8;
        numbers[biases..biases + 4].fill(0.0);
        let mut network = layer.conditioner.network.clone();
        set_parameters(&mut network, &numbers).unwrap();
        network
    };
    let x = Source::new(4).normal::<4>(30).unwrap();
    let kept: Vec<[Real; 4]> = rows(&x).into_iter().map(|[a, b, _, _]| [a, b, 0.0, 0.0]).collect();
    let h = layer.conditioner.network.apply(Source::new(0).points(&kept).unwrap()).unwrap();
    let (expected, log_det) =
        transform(BoundedAffine::<3>, [false, false, true, true], x.clone(), h).unwrap();
    let (found, found_log_det) = layer.forward(x).unwrap();
    for (expected, found) in rows(&expected).into_iter().zip(rows(&found)) {
        for i in 0..4 {
            close("a feature", expected[i].into(), found[i].into(), ROUNDING);
        }
    }
    for (expected, found) in values(&log_det).into_iter().zip(values(&found_log_det)) {
        close("log|det|", expected.into(), found.into(), ROUNDING);
    }
}

/// How many of a hundred far points come back; an error is allowed, a wrong answer is not.
fn far_points_come_back_or_are_refused<const D: usize>(name: &str, f: &impl Bijection<D>) -> usize {
    let tolerance = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };
    let mut source = Source::new(8);
    let mut came_back = 0;
    for (n, direction) in rows(&source.normal::<D>(100).unwrap()).into_iter().enumerate() {
        let size = if n % 2 == 0 { 1e3 } else { 1e6 };
        // All coordinates are far, or only one.
        let x = std::array::from_fn(|i| direction[i] * if n % 3 == 0 || i == n % D { size } else { 1.0 });
        let round_trip = f.forward(source.points(&[x]).unwrap()).and_then(|(z, _)| f.inverse(z));
        let back = match round_trip {
            Ok((back, _)) => rows(&back)[0],
            Err(Error::Saturated { .. }) => continue,
            Err(other) => panic!("{name}: {other}"),
        };
        came_back += 1;
        for i in 0..D {
            close(&format!("{name}, point {x:?}"), x[i].into(), back[i].into(), tolerance);
        }
    }
    came_back
}

#[test]
fn far_points_come_back_or_are_refused_and_are_never_wrong() {
    let source = Source::new(6);
    for factor in [1.0, 3.0, 8.0] {
        let maf = scaled(Maf::<3, 32, 6, 1, 4>::new(&source).unwrap(), factor);
        let share = far_points_come_back_or_are_refused(&format!("MAF, parameters times {factor}"), &maf);
        println!("{factor} {share}");
        let iaf = scaled(Iaf::<3, 32, 6, 1, 4>::new(&source).unwrap(), factor);
        let share = far_points_come_back_or_are_refused(&format!("IAF, parameters times {factor}"), &iaf);
        println!("{factor} {share}");
        // Networks whose outputs grow with x, and a scale that nothing bounds.
        let maf = scaled(Maf::<3, 32, 6, 1, 2, BoundedAffine, Relu>::new(&source).unwrap(), factor);
        let share =
            far_points_come_back_or_are_refused(&format!("MAF, ReLU, parameters times {factor}"), &maf);
        println!("{factor} {share}");
        let maf = scaled(Maf::<3, 32, 6, 1, 2, UnboundedAffine, Silu>::new(&source).unwrap(), factor);
        let share =
            far_points_come_back_or_are_refused(&format!("MAF, SiLU, parameters times {factor}"), &maf);
        println!("{factor} {share}");
    }
}

#[test]
fn masks_survive_files_and_other_number_types() {
    let mut source = Source::new(1);
    let model =
        scaled(MaskedAutoregressive::<4, 4, 9, 8, 1, BoundedAffine, Shuffled<5>>::new(&source).unwrap(), 2.0);
    let x = source.normal::<4>(10).unwrap();
    let expected = rows(&model.forward(x.clone()).unwrap().0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&model, &path).unwrap();
    let mut read = MaskedAutoregressive::<4, 4, 9, 8, 1, BoundedAffine, Shuffled<5>>::new(&source).unwrap();
    load(&mut read, &path).unwrap();
    assert_eq!(rows(&read.forward(x.clone()).unwrap().0), expected, "every bit is kept");
    let back = model.to_dtype::<f64>().to_dtype::<Real>();
    for (expected, found) in expected.iter().flatten().zip(rows(&back.forward(x).unwrap().0).as_flattened()) {
        close("a coordinate", (*expected).into(), (*found).into(), 1e-4);
    }
}

#[test]
fn bad_points_are_errors_and_never_panics() {
    let source = Source::new(0);
    let maf = Maf::<2, 8, 4, 0, 2>::new(&source).unwrap();
    for bad in [Real::NAN, Real::INFINITY] {
        let x = source.points(&[[0.0, 1.0], [0.5, bad]]).unwrap();
        assert!(matches!(maf.forward(x.clone()), Err(Error::NotFinite { .. })));
        assert!(matches!(maf.inverse(x), Err(Error::NotFinite { .. })));
    }
    let none = || -> Points<2> {
        dfdx::prelude::TensorFromVec::tensor_from_vec(
            source.device(),
            Vec::new(),
            (0, dfdx::prelude::Const::<2>),
        )
    };
    assert!(matches!(maf.forward(none()), Err(Error::Empty { .. })));
    assert!(matches!(maf.inverse(none()), Err(Error::Empty { .. })));
    let steep = scaled(Maf::<2, 8, 4, 0, 2, UnboundedAffine, Silu>::new(&source).unwrap(), 1e4);
    let x = source.points(&[[3.0, -3.0]]).unwrap();
    assert!(matches!(steep.forward(x), Err(Error::Saturated { .. })));
}
