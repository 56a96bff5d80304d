//! What dfdx lacks: values to the last digits and sound gradients at the edges; networks against their formulas.
#![allow(clippy::unwrap_used, clippy::useless_conversion, clippy::unnecessary_cast)]

mod common;

use common::laws::{ROUNDING, close};
use dfdx::prelude::{Backward, Rank0, SumTo, Trace, TrySub, ZeroGrads};
use pushforward::dfdx;
use pushforward::nn::{
    Activation, ConcatSquash, Elu, Gelu, Mlp, Relu, ResidualMlp, Selu, Silu, Tanh, parameters,
    sinusoidal_features,
};
use pushforward::tensor::{
    PerPoint, Points, Real, Recording, Source, append, join, log_sum_exp, log1p, rows, softplus, sqrt,
};
use pushforward::{Error, Result};

const INF: Real = Real::INFINITY;

/// Values and derivatives of a function of one number.
fn both(f: impl Fn(PerPoint<Recording>) -> Result<PerPoint<Recording>>, xs: &[Real]) -> (Vec<f64>, Vec<f64>) {
    let x = Source::new(0).per_point(xs).unwrap();
    let y = f(x.leaky_trace()).unwrap();
    let found = y.as_vec();
    let slopes = y.try_sum::<Rank0, _>().unwrap().backward().get(&x).as_vec();
    let wide = |list: Vec<Real>| list.into_iter().map(f64::from).collect();
    (wide(found), wide(slopes))
}

/// Each number relative to its own size, as rounding is.
fn same_digits(what: &str, expected: &[f64], found: &[f64]) {
    let tolerance = 4.0 * f64::from(Real::EPSILON);
    for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
        let near = expected == found || (expected - found).abs() <= tolerance * expected.abs();
        assert!(near, "{what}, entry {n}: expected {expected:e}, found {found:e}");
    }
}

#[test]
fn softplus_keeps_its_digits_and_its_slope_is_the_sigmoid() {
    let xs = [-80.0, -20.0, -1.0, 0.0, 1e-3, 1.0, 30.0, 1e5];
    let (y, slope) = both(softplus, &xs);
    let x = xs.map(f64::from);
    same_digits("softplus", &x.map(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()), &y);
    same_digits("its slope", &x.map(|x| 1.0 / (1.0 + (-x).exp())), &slope);
    assert_eq!(both(softplus, &[-INF, INF]), (vec![0.0, f64::INFINITY], vec![0.0, 1.0]));
    assert!(both(softplus, &[Real::NAN]).0[0].is_nan());
}

#[test]
fn log1p_keeps_its_digits() {
    let xs: [Real; 6] = [1e-20, -1e-10, 1e-4, -0.5, 1.0, 1e6];
    let (y, slope) = both(log1p, &xs);
    same_digits("log1p", &xs.map(|x| f64::from(x).ln_1p()), &y);
    same_digits("its slope", &xs.map(|x| 1.0 / (1.0 + f64::from(x))), &slope);
    let (edges, _) = both(log1p, &[-1.0, -2.0]);
    assert!(edges[0] == f64::NEG_INFINITY && edges[1].is_nan(), "{edges:?}");
}

#[test]
fn the_root_of_zero_has_the_gradient_zero() {
    let (y, slope) = both(sqrt, &[0.0, 4.0, 1e-30]);
    same_digits("√", &[0.0, 2.0, 1e-15], &y);
    same_digits("its slope", &[0.0, 0.25, 0.5e15], &slope);
    assert!(both(sqrt, &[-1.0]).0[0].is_nan());
    // The length of a vector of zeros, of which dfdx's square root makes NaN.
    let x = Source::new(0).points(&[[0.0, 0.0], [3.0, 4.0]]).unwrap();
    let squares = x.leaky_trace().try_square().unwrap().try_sum::<(usize,), _>().unwrap();
    let lengths = sqrt(squares).unwrap();
    let gradient = lengths.try_sum::<Rank0, _>().unwrap().backward().get(&x).as_vec();
    same_digits("∇ |x|", &[0.0, 0.0, 0.6, 0.8], &gradient.into_iter().map(f64::from).collect::<Vec<_>>());
}

#[test]
fn log_sum_exp_neither_overflows_nor_makes_nan_of_terms_that_are_nothing() {
    let x = Source::new(0)
        .points(&[[0.0, 1.0, 2.0], [1e4, 1e4, -1e4], [-INF, -INF, -INF], [-INF, -3.0, -INF]])
        .unwrap();
    let y = log_sum_exp(x.leaky_trace()).unwrap();
    let found: Vec<f64> = y.as_vec().into_iter().map(f64::from).collect();
    let e = std::f64::consts::E;
    let expected = [(1.0 + e + e * e).ln(), 1e4 + 2f64.ln(), f64::NEG_INFINITY, -3.0];
    same_digits("log Σ exp", &expected, &found);
    let gradients = y.try_sum::<Rank0, _>().unwrap().backward().get(&x).as_vec();
    let total = 1.0 + e + e * e;
    let expected = [1.0 / total, e / total, e * e / total, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    for (expected, found) in expected.into_iter().zip(gradients) {
        close("softmax", expected, found.into(), ROUNDING);
    }
    let edges =
        Source::new(0).points(&[[Real::NAN, -INF], [Real::NAN, Real::NAN], [0.0, Real::NAN], [INF, 0.0]]);
    let found = log_sum_exp(edges.unwrap()).unwrap().as_vec();
    assert!(found[..3].iter().all(|x| x.is_nan()) && found[3] == INF, "{found:?}");
}

#[test]
fn batches_without_points_are_refused_or_stay_empty() {
    use dfdx::prelude::{Const, TensorFromVec};
    let device = Source::new(0).device().clone();
    let none: PerPoint = device.tensor_from_vec(Vec::new(), (0,));
    let no_points: Points<2> = device.tensor_from_vec(Vec::new(), (0, Const));
    let activations = [Relu::apply, Relu::derivative, Selu::apply, Selu::derivative, Elu::apply, Gelu::apply];
    for f in [softplus, log1p, sqrt].into_iter().chain(activations) {
        let empty: PerPoint = f(none.clone()).unwrap();
        assert_eq!(dfdx::prelude::HasShape::shape(&empty).0, 0);
    }
    assert!(matches!(log_sum_exp(no_points), Err(Error::Empty { .. })));
    assert!(matches!(sinusoidal_features::<2>(none), Err(Error::Empty { .. })));
}

#[test]
fn joined_points_have_the_coordinates_of_both_and_gradients_flow_to_the_first() {
    let source = Source::new(0);
    let (x, c) = (source.points(&[[1.0, 2.0], [3.0, 4.0]]).unwrap(), source.points(&[[5.0], [6.0]]).unwrap());
    let both: Points<3> = join(x.clone(), c.clone()).unwrap();
    assert_eq!(rows(&both), [[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]);
    let traced: Points<3, Recording> =
        append(x.leaky_trace(), source.per_point(&[5.0, 6.0]).unwrap()).unwrap();
    let loss = traced.try_square().unwrap().try_sum::<Rank0, _>().unwrap();
    assert_eq!(loss.backward().get(&x).as_vec(), [2.0, 4.0, 6.0, 8.0]);
    let one = source.points(&[[1.0]]).unwrap();
    assert!(matches!(join::<2, 1, 3, _>(x, one), Err(Error::BatchMismatch { expected: 2, found: 1, .. })));
}

#[test]
fn sinusoidal_features_turn_at_geometric_frequencies() {
    let t = Source::new(0).per_point(&[0.5, 700.0]).unwrap();
    let features = rows(&sinusoidal_features::<6>(t).unwrap());
    for (features, t) in features.into_iter().zip([0.5, 700.0]) {
        for k in 0..3 {
            let angle: f64 = t / 10_000f64.powf(k as f64 / 3.0);
            close("sine", angle.sin(), features[k].into(), ROUNDING);
            close("cosine", angle.cos(), features[3 + k].into(), ROUNDING);
        }
    }
    let t = Source::new(0).per_point(&[0.0, INF]).unwrap();
    assert!(matches!(sinusoidal_features::<2>(t), Err(Error::NotFinite { index: 1, .. })));
}

/// Reads a network's parameters one matrix after the other, in the order of its tensors.
struct Reader(std::vec::IntoIter<Real>);

impl Reader {
    /// W x + b; with b = 0 where `bias` says so.
    fn linear(&mut self, x: &[f64], outputs: usize, bias: bool) -> Vec<f64> {
        let mut next = |n: usize| (0..n).map(|_| f64::from(self.0.next().unwrap())).collect::<Vec<_>>();
        let weight = next(outputs * x.len());
        let b = if bias { next(outputs) } else { vec![0.0; outputs] };
        let row = |o: usize| weight[o * x.len()..][..x.len()].iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        (0..outputs).map(|o| row(o) + b[o]).collect()
    }
}

fn each(x: Vec<f64>, f: impl Fn(f64) -> f64) -> Vec<f64> {
    x.into_iter().map(f).collect()
}

#[test]
fn networks_compute_their_formulas() {
    let mut source = Source::new(4);
    let (x, c) = (source.normal::<2>(1).unwrap(), source.normal::<3>(1).unwrap());
    let (x0, c0) = (rows(&x)[0].map(f64::from), rows(&c)[0].map(f64::from));
    let reader = |list: Vec<Real>| Reader(list.into_iter());

    let mlp = Mlp::<2, 4, 3, 1, Tanh>::new(&source).unwrap();
    let mut r = reader(parameters(&mlp).unwrap());
    let h = each(r.linear(&x0, 4, true), f64::tanh);
    let h = each(r.linear(&h, 4, true), f64::tanh);
    let expected = r.linear(&h, 3, true);
    compare("mlp", &expected, rows(&mlp.apply(x.clone()).unwrap())[0]);

    let residual = ResidualMlp::<2, 4, 3, 1, Silu>::new(&source).unwrap();
    let mut r = reader(parameters(&residual).unwrap());
    let h = r.linear(&x0, 4, true);
    let inside = each(r.linear(&h, 4, true), |x| x / (1.0 + (-x).exp()));
    let step = r.linear(&inside, 4, true);
    let h: Vec<f64> = h.iter().zip(step).map(|(h, step)| h + step).collect();
    let expected = r.linear(&h, 3, true);
    compare("residual", &expected, rows(&residual.apply(x.clone()).unwrap())[0]);

    let squash = ConcatSquash::<2, 3, 4, 3, 0, Tanh>::new(&source).unwrap();
    let mut r = reader(parameters(&squash).unwrap());
    let mut squashed = |x: &[f64], outputs: usize| -> Vec<f64> {
        let z = r.linear(x, outputs, true);
        let gate = each(r.linear(&c0, outputs, true), |u| 1.0 / (1.0 + (-u).exp()));
        let shift = r.linear(&c0, outputs, false);
        (0..outputs).map(|o| z[o] * gate[o] + shift[o]).collect()
    };
    let h = each(squashed(&x0, 4), f64::tanh);
    let expected = squashed(&h, 3);
    compare("concatsquash", &expected, rows(&squash.apply(x, c).unwrap())[0]);
}

fn compare(name: &str, expected: &[f64], found: [Real; 3]) {
    for (expected, found) in expected.iter().zip(found) {
        close(name, *expected, found.into(), ROUNDING);
    }
}

#[test]
fn every_parameter_of_every_network_learns() {
    let mut source = Source::new(9);
    let (x, c) = (source.normal::<2>(50).unwrap(), source.normal::<3>(50).unwrap());
    let residual = ResidualMlp::<2, 4, 2, 2, Silu>::new(&source).unwrap();
    let y = residual.apply(x.clone().traced(residual.alloc_grads())).unwrap();
    let loss = y.try_sub(x.clone()).unwrap().try_square().unwrap().try_sum::<Rank0, _>().unwrap();
    let gradients = common::gradients(&residual, &loss.backward());
    assert_eq!(gradients.len(), residual.parameters());
    assert!(gradients.iter().all(|g| *g != 0.0), "residual: {gradients:?}");
    let squash = ConcatSquash::<2, 3, 4, 2, 1, Tanh>::new(&source).unwrap();
    let y = squash.apply(x.clone().traced(squash.alloc_grads()), c).unwrap();
    let loss = y.try_sub(x).unwrap().try_square().unwrap().try_sum::<Rank0, _>().unwrap();
    let gradients = common::gradients(&squash, &loss.backward());
    assert_eq!(gradients.len(), squash.parameters());
    assert!(gradients.iter().all(|g| *g != 0.0), "concatsquash: {gradients:?}");
}
