//! Lesson 03: the masks, the passes, and the traps.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{ROUNDING, close};
use pushforward::autoregressive::{
    AutoregressiveFlow, Halves, Iaf, Made, Maf, MaskedAutoregressive, Natural, Order, Reversed, Shuffled,
    SplineAutoregressive,
};
use pushforward::change_of_variables::{Bijection, Density, Flow, StandardNormal, negative_log_likelihood};
use pushforward::coupling::{
    BoundedAffine, ConditionalBijection, Coupling, UnboundedAffine, half_mask, invert,
};
use pushforward::data::{Table, iris};
use pushforward::dfdx::prelude::{Backward, SumTo, TensorCollection, ToDtype, Trace};
use pushforward::exercises::autoregressive as exercises;
use pushforward::nn::{Activation, Relu, Silu, Tanh, parameters, set_parameters};
use pushforward::tensor::{Dev, Points, Real, Recording, Source, rows, values};
use pushforward::train::{Progress, Training, load, save, train};
use pushforward::{Error, dfdx, rand};
use rand::Rng;
use std::f64::consts::PI;

/// |∂outₒ/∂xⱼ| summed over a few random points, by the backward pass: exactly 0 where the network has no connection.
fn connections<const D: usize, const I: usize, const H: usize, const O: usize, const L: usize, A, R>(
    made: &Made<D, I, H, O, L, A, R>,
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
    A: Activation,
    R: Order,
>() {
    let name = format!("D {D}, I {I}, H {H}, O {O}, L {L}, {:?}", R::default());
    let made = Made::<D, I, H, O, L, A, R>::new(&Source::new(2)).unwrap();
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
    sees_what_comes_before::<4, 4, 16, 4, 0, Tanh, Natural>();
    sees_what_comes_before::<4, 4, 16, 8, 1, Silu, Natural>();
    sees_what_comes_before::<4, 4, 16, 8, 3, Tanh, Reversed>();
    sees_what_comes_before::<7, 7, 33, 21, 1, Tanh, Shuffled<3>>();
    sees_what_comes_before::<5, 5, 16, 10, 1, Silu, Halves>();
    sees_what_comes_before::<2, 2, 8, 46, 1, Silu, Natural>();
    sees_what_comes_before::<1, 1, 8, 2, 1, Silu, Natural>();
}

/// With one hidden unit per degree each connection hangs on one path.
#[test]
fn as_few_hidden_units_as_degrees_lose_no_connection() {
    sees_what_comes_before::<6, 6, 5, 12, 0, Tanh, Natural>();
    sees_what_comes_before::<6, 6, 5, 12, 3, Tanh, Reversed>();
    sees_what_comes_before::<6, 8, 6, 12, 3, Tanh, Shuffled<1>>();
    sees_what_comes_before::<2, 2, 1, 2, 1, Tanh, Natural>();
}

/// Where every hidden unit sees a feature, the first feature's outputs could not see the context at all.
#[test]
fn every_output_sees_the_whole_context_also_those_of_the_first_feature() {
    sees_what_comes_before::<3, 5, 12, 6, 1, Silu, Natural>();
    sees_what_comes_before::<1, 3, 8, 2, 0, Silu, Natural>();
    sees_what_comes_before::<4, 5, 12, 8, 2, Silu, Halves>();
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
    type Layer = MaskedAutoregressive<5, 5, 24, 10, 1, Tanh, BoundedAffine, Shuffled<4>>;
    let layer = scaled(Layer::new(&Source::new(3)).unwrap(), 4.0);
    let ranks = Shuffled::<4>::ranks(5);
    let x = Source::new(4).normal::<5>(30).unwrap();
    let (z, _) = layer.forward(x.clone()).unwrap();
    let mut guess = z.clone();
    for pass in 1..=5 {
        let h = layer.conditioner.apply(guess).unwrap();
        guess = invert(BoundedAffine::<2>, [true; 5], z.clone(), h).unwrap().0;
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
    let source = Source::new(3);
    let mut coupling =
        Coupling::<5, 5, 8, 10, 1, Tanh, BoundedAffine>::random(&source, half_mask(0)).unwrap();
    let mut numbers = parameters(&coupling).unwrap();
    numbers.iter_mut().skip(5).for_each(|weight| *weight *= 2.0);
    set_parameters(&mut coupling, &numbers).unwrap();
    let mut layer =
        MaskedAutoregressive::<5, 5, 8, 10, 1, Tanh, BoundedAffine, Halves>::new(&source).unwrap();
    // The first five numbers of the coupling layer are its mask, the last ten the biases of the outputs.
    let mut numbers = numbers.split_off(5);
    let biases = numbers.len() - 10;
    numbers[biases..biases + 2 * 3].fill(0.0);
    set_parameters(&mut layer, &numbers).unwrap();
    let x = Source::new(4).normal::<5>(30).unwrap();
    for forward in [true, false] {
        let go = |f: &dyn Bijection<5>| if forward { f.forward(x.clone()) } else { f.inverse(x.clone()) };
        let ((expected, log_det), (found, found_log_det)) = (go(&coupling).unwrap(), go(&layer).unwrap());
        for (expected, found) in rows(&expected).as_flattened().iter().zip(rows(&found).as_flattened()) {
            close("a feature", (*expected).into(), (*found).into(), ROUNDING);
        }
        for (expected, found) in values(&log_det).into_iter().zip(values(&found_log_det)) {
            close("log|det|", expected.into(), found.into(), ROUNDING);
        }
    }
}

/// In one layer the first feature is told of no other. The second takes them in the reverse order.
#[test]
fn in_two_layers_every_feature_is_told_of_every_other() {
    let sees = |f: &dyn Bijection<4>, i: usize, j: usize| {
        let x = [0.3, -0.8, 0.5, 1.1];
        let mut moved = x;
        moved[j] += 0.5;
        let z = rows(&f.forward(Source::new(0).points(&[x, moved]).unwrap()).unwrap().0);
        z[0][i] != z[1][i]
    };
    let source = Source::new(3);
    let one = scaled(Maf::<4, 4, 16, 8, 1>::new(&source).unwrap(), 2.0);
    let two = scaled(Maf::<4, 4, 16, 8, 2>::new(&source).unwrap(), 2.0);
    for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
        assert_eq!(sees(&one, i, j), j <= i, "one layer, z{i} and x{j}");
        assert!(sees(&two, i, j), "two layers, z{i} and x{j}");
    }
}

/// A batch has a context for each point: it gives what each point gives alone.
#[test]
fn every_point_is_told_its_own_context_in_both_directions() {
    let mut source = Source::new(3);
    let maf = scaled(Maf::<3, 5, 16, 6, 2>::new(&source).unwrap(), 2.0);
    let (x, context) = (source.normal::<3>(5).unwrap(), source.normal::<2>(5).unwrap());
    for forward in [true, false] {
        let f = |x: &Points<3>, context: &Points<2>| {
            let (x, f) = (x.clone(), &maf);
            let (z, log_det) =
                if forward { f.forward_given(x, context) } else { f.inverse_given(x, context) }.unwrap();
            (rows(&z), values(&log_det))
        };
        let (z, log_det) = f(&x, &context);
        for (n, (x, c)) in rows(&x).into_iter().zip(rows(&context)).enumerate() {
            let (alone, alone_log_det) = f(&source.points(&[x]).unwrap(), &source.points(&[c]).unwrap());
            for i in 0..3 {
                close(&format!("point {n}"), alone[0][i].into(), z[n][i].into(), ROUNDING);
            }
            close(&format!("log|det| of point {n}"), alone_log_det[0].into(), log_det[n].into(), ROUNDING);
        }
    }
}

/// How many of a hundred far points come back; an error is allowed, a wrong answer is not.
fn far_points_come_back_or_are_refused<const D: usize>(name: &str, f: &dyn Bijection<D>) -> usize {
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
            Err(Error::Saturated { .. } | Error::NotFinite { .. }) => continue,
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
    type Growing<A, F> = AutoregressiveFlow<3, 3, 32, 6, 1, 2, A, F>;
    for (seed, factor) in (0..5).flat_map(|seed| [(seed, 1.0), (seed, 3.0), (seed, 8.0)]) {
        let source = Source::new(seed);
        let share = |model: &str, f: &dyn Bijection<3>| {
            far_points_come_back_or_are_refused(
                &format!("{model}, seed {seed}, parameters times {factor}"),
                f,
            )
        };
        let maf = share("MAF", &scaled(Maf::<3, 3, 32, 6, 4>::new(&source).unwrap(), factor));
        let iaf = share("IAF", &scaled(Iaf::<3, 3, 32, 6, 4>::new(&source).unwrap(), factor));
        if factor < 2.0 {
            assert!(maf.min(iaf) >= 90, "seed {seed}: {maf} and {iaf} of 100 come back");
        }
        if factor < 5.0 {
            let splines = scaled(SplineAutoregressive::<3, 3, 32, 69, 4>::new(&source).unwrap(), factor);
            share("splines", &splines);
        }
        // Networks whose outputs grow with x, and a scale that nothing bounds.
        share("ReLU", &scaled(Growing::<Relu, BoundedAffine>::new(&source).unwrap(), factor));
        share("unbounded", &scaled(Growing::<Silu, UnboundedAffine>::new(&source).unwrap(), factor));
    }
}

#[test]
fn masks_survive_files_and_other_number_types() {
    let mut source = Source::new(1);
    let model = scaled(
        MaskedAutoregressive::<4, 4, 9, 8, 1, Tanh, BoundedAffine, Shuffled<5>>::new(&source).unwrap(),
        2.0,
    );
    let x = source.normal::<4>(10).unwrap();
    let expected = rows(&model.forward(x.clone()).unwrap().0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&model, &path).unwrap();
    let mut read =
        MaskedAutoregressive::<4, 4, 9, 8, 1, Tanh, BoundedAffine, Shuffled<5>>::new(&source).unwrap();
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
    let maf = Maf::<2, 2, 8, 4, 2>::new(&source).unwrap();
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
    let steep =
        scaled(AutoregressiveFlow::<2, 2, 8, 4, 0, 2, Silu, UnboundedAffine>::new(&source).unwrap(), 1e4);
    let x = source.points(&[[3.0, -3.0]]).unwrap();
    assert!(matches!(steep.forward(x), Err(Error::Saturated { .. })));
}

/// Three layers whose networks have one hidden layer of 16 units.
type Small = AutoregressiveFlow<4, 4, 16, 8, 0, 3>;
type Normal<B> = Flow<B, StandardNormal>;

/// The flow with the least mean −log p on the rows of a table. They were rounded to a precision, and a flow would learn that;
/// each step draws from what they may have been.
fn fit<B>(mut bijection: B, rows: &Table, precision: &[f64], training: &Training) -> Normal<B>
where
    B: TensorCollection<Real, Dev> + Bijection<4, Recording> + Clone,
{
    let mut source = Source::new(0);
    train(&mut bijection, training, |bijection, gradients| {
        let flow = Flow { bijection: bijection.clone(), base: StandardNormal };
        let within = |x: &Vec<f64>, source: &mut Source| {
            std::array::from_fn(|i| (x[i] + precision[i] * source.gen_range(-0.5..0.5)) as Real)
        };
        let x: Vec<[Real; 4]> = rows.rows().iter().map(|x| within(x, &mut source)).collect();
        negative_log_likelihood(&flow, source.points(&x)?, gradients)
    })
    .unwrap();
    Flow { bijection, base: StandardNormal }
}

fn mean_log_p<B: Bijection<4>>(flow: &Normal<B>, rows: &Table) -> f64 {
    let log_p = values(&flow.log_prob(rows.points(&Source::new(0)).unwrap()).unwrap());
    log_p.iter().map(|log_p| f64::from(*log_p)).sum::<f64>() / log_p.len() as f64
}

/// log p of the Gaussian with the mean and covariance of `rows`, at `held_out`, by elimination.
fn mean_log_p_of_gaussian(rows: &Table, held_out: &Table) -> f64 {
    let n = rows.rows().len() as f64;
    let mean: [f64; 4] = std::array::from_fn(|i| rows.rows().iter().map(|x| x[i]).sum::<f64>() / n);
    let product =
        |i: usize, j: usize| rows.rows().iter().map(|x| (x[i] - mean[i]) * (x[j] - mean[j])).sum::<f64>() / n;
    let mut l = [[0.0f64; 4]; 4];
    for i in 0..4 {
        for j in 0..=i {
            let rest = product(i, j) - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
        }
    }
    let log_p = |x: &Vec<f64>| {
        let mut z = [0.0; 4];
        for i in 0..4 {
            z[i] = (x[i] - mean[i] - (0..i).map(|k| l[i][k] * z[k]).sum::<f64>()) / l[i][i];
        }
        (0..4).map(|i| -0.5 * (z[i] * z[i] + (2.0 * PI).ln()) - l[i][i].ln()).sum::<f64>()
    };
    held_out.rows().iter().map(log_p).sum::<f64>() / held_out.rows().len() as f64
}

fn quietly(steps: usize, weight_decay: f64) -> Training {
    Training { steps, learning_rate: 5e-3, weight_decay, progress: Progress::Silent, ..Training::default() }
}

/// A MAF of the irises; its weight decay is the one that does best, on average, on quarters of these rows which it was not
/// trained on.
fn maf_of_irises(rows: &Table, precision: &[f64]) -> Normal<Small> {
    let fitted = |rows: &Table, decay: f64| {
        fit(Small::new(&Source::new(1)).unwrap(), rows, precision, &quietly(300, decay))
    };
    let quarters = rows.folds(4, 7).unwrap();
    let score = |decay: f64| {
        quarters.iter().map(|(others, quarter)| mean_log_p(&fitted(others, decay), quarter)).sum::<f64>()
    };
    let scores = [0.1, 0.3, 1.0, 3.0].map(|decay| (score(decay), decay));
    let (_, best) = scores.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    fitted(rows, best)
}

/// Both in nats per flower, in centimetres: what one unit of the training rows' spread is worth is the same for both.
#[test]
fn on_held_out_irises_a_maf_beats_the_full_gaussian_by_a_third_of_a_nat() {
    let mut sums = [0.0; 2];
    for (rows, held_out) in iris().unwrap().measurements.folds(5, 0).unwrap() {
        let scaling = rows.scaling().unwrap();
        let (units, held_out_units) = (scaling.apply(&rows).unwrap(), scaling.apply(&held_out).unwrap());
        let log_det = -scaling.std.iter().map(|std| std.ln()).sum::<f64>();
        // The file has millimetres.
        let precision: Vec<f64> = scaling.std.iter().map(|std| 0.1 / std).collect();
        let maf = mean_log_p(&maf_of_irises(&units, &precision), &held_out_units) + log_det;
        let gaussian = mean_log_p_of_gaussian(&rows, &held_out);
        println!("MAF {maf:.3}, Gaussian {gaussian:.3}");
        sums = [sums[0] + maf / 5.0, sums[1] + gaussian / 5.0];
    }
    println!("mean: MAF {:.3}, Gaussian {:.3}", sums[0], sums[1]);
    assert!(sums[0] > sums[1] + 0.33, "MAF {}, Gaussian {}", sums[0], sums[1]);
}

#[test]
fn the_check_of_the_masks_rejects_an_output_that_sees_itself_and_a_lost_connection() {
    assert!(
        exercises::masks(|below, above, last| if last { below < above } else { below <= above }).is_solved()
    );
    let itself = exercises::masks(|below, above, _| below <= above);
    assert!(!itself.is_solved() && itself.to_string().contains("itself"), "{itself}");
    let strict = exercises::masks(|below, above, _| below < above);
    assert!(!strict.is_solved() && strict.to_string().contains("lost"), "{strict}");
    assert!(!exercises::masks(|_, _, _| true).is_solved());
    let few = exercises::masks(|below, above, last| if last { below < above } else { below == above });
    assert!(!few.is_solved() && few.to_string().contains("could stay"), "{few}");
    let next = exercises::masks(|below, above, last| if last { below + 1 == above } else { below <= above });
    assert!(!next.is_solved() && next.to_string().contains("could stay"), "{next}");
    assert!(
        !exercises::masks(|below, above, last| if last { below > above } else { below >= above }).is_solved()
    );
}

type Conditioner<'a> = &'a dyn Fn(&[f64]) -> Vec<(f64, f64)>;

#[test]
fn the_check_of_sampling_rejects_one_pass_and_the_inverse_autoregressive_flow() {
    let right = |z: &[f64], conditioner: Conditioner<'_>| {
        let mut x = z.to_vec();
        for i in 0..z.len() {
            let (s, t) = conditioner(&x)[i];
            x[i] = (z[i] - t) / s.exp();
        }
        x
    };
    assert!(exercises::sampling(right).is_solved());
    let one_pass = exercises::sampling(|z: &[f64], conditioner: Conditioner<'_>| {
        conditioner(z).iter().zip(z).map(|((s, t), z)| (z - t) / s.exp()).collect()
    });
    assert!(!one_pass.is_solved() && one_pass.to_string().contains("from z"), "{one_pass}");
    let forward = exercises::sampling(|z: &[f64], conditioner: Conditioner<'_>| {
        let mut x = z.to_vec();
        for i in 0..z.len() {
            let (s, t) = conditioner(&x)[i];
            x[i] = z[i] * s.exp() + t;
        }
        x
    });
    assert!(!forward.is_solved() && forward.to_string().contains("undo"), "{forward}");
    let undone = |undo: fn(f64, f64, f64) -> f64| {
        exercises::sampling(move |z: &[f64], conditioner: Conditioner<'_>| {
            let mut x = z.to_vec();
            for i in 0..z.len() {
                let (s, b) = conditioner(&x)[i];
                x[i] = undo(z[i], s, b);
            }
            x
        })
        .to_string()
    };
    let stretched = undone(|z, s, b| (z - b) * s.exp());
    assert!(stretched.contains("divides by exp(s)"), "{stretched}");
    let late = undone(|z, s, b| z * (-s).exp() - b);
    assert!(late.contains("shift away first"), "{late}");
    assert!(!exercises::sampling(|z, _| z.to_vec()).is_solved());
    assert!(!exercises::sampling(|_, _| Vec::new()).is_solved());
}

#[test]
fn the_check_of_the_gaussian_rejects_the_generating_direction_and_a_scale_without_its_logarithm() {
    let right = |rho: f64, x: f64| {
        let width = (1.0 - rho * rho).sqrt();
        (-width.ln(), -rho * x / width)
    };
    assert!(exercises::gaussian(right).is_solved());
    let generating = exercises::gaussian(|rho, x| (0.5 * (1.0 - rho * rho).ln(), rho * x));
    assert!(!generating.is_solved() && generating.to_string().contains("base to data"), "{generating}");
    let scale = exercises::gaussian(|rho, x| (1.0 / (1.0 - rho * rho).sqrt(), right(rho, x).1));
    assert!(!scale.is_solved() && scale.to_string().contains("logarithm"), "{scale}");
    assert!(!exercises::gaussian(|rho, x| (right(rho, x).0, -rho * x)).is_solved());
    let variance = exercises::gaussian(|rho, x| (2.0 * right(rho, x).0, right(rho, x).1)).to_string();
    assert!(variance.contains("variance for the width"), "{variance}");
    let divided = exercises::gaussian(|rho, x| (right(rho, x).0, -rho * x / (1.0 - rho * rho))).to_string();
    assert!(divided.contains("divides the mean by the variance"), "{divided}");
    let nothing = exercises::gaussian(|_, _| (0.0, 0.0)).to_string();
    assert!(nothing.contains("must be stretched"), "{nothing}");
}

/// The ranks 0, STEP, 2 STEP and so on, of N features whatever they are asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Mistaken<const N: usize, const STEP: usize>;

impl<const N: usize, const STEP: usize> Order for Mistaken<N, STEP> {
    fn ranks(_: usize) -> Vec<usize> {
        (0..N).map(|i| STEP.wrapping_mul(i)).collect()
    }
}

#[test]
fn an_order_of_another_length_or_with_a_gap_is_refused_where_a_layer_is_made() {
    fn new<R: Order>() -> Result<(), Error> {
        MaskedAutoregressive::<3, 3, 8, 6, 1, Tanh, BoundedAffine, R>::new(&Source::new(0))?;
        Made::<3, 3, 8, 6, 1, Tanh, R>::new(&Source::new(0)).map(drop)
    }
    new::<Mistaken<3, 1>>().unwrap();
    new::<Mistaken<3, 0>>().unwrap();
    assert!(matches!(new::<Mistaken<2, 1>>(), Err(Error::WrongLength { expected: 3, found: 2, .. })));
    assert!(matches!(new::<Mistaken<4, 1>>(), Err(Error::WrongLength { expected: 3, found: 4, .. })));
    assert!(matches!(new::<Mistaken<3, 2>>(), Err(Error::OutOfDomain { .. })), "nothing has rank 1");
    assert!(matches!(new::<Mistaken<3, { usize::MAX }>>(), Err(Error::OutOfDomain { .. })));
}
