//! Fused layers: activations against double precision, and layers against the same composed of dfdx's operations.
#![allow(clippy::unwrap_used, clippy::useless_conversion, clippy::unnecessary_cast)]

use pushforward::Result;
use pushforward::dfdx::nn::modules::Linear;
use pushforward::dfdx::optim::{Optimizer, Sgd, SgdConfig};
use pushforward::dfdx::prelude::{
    Backward, BuildModule, Module, PutTape, Rank0, Shape, SplitTape, SumTo, Tape, Tensor, Trace, TryAdd,
    TryMul, ZeroGrads,
};
use pushforward::nn::{
    Activation, DualPoints, Gelu, Identity, LipSwish, Mlp, Pushforward, Relu, Selu, Silu, Sine, Softplus,
    Tanh, layer, parameters,
};
use pushforward::tensor::{Dev, Points, Real, Source};

/// Rounding of one number of size 1; an activation may be off by 2e-7 in f32.
const ACTIVATION: f64 = if size_of::<Real>() == 4 { 2e-7 } else { 1e-14 };

/// f(x) and f′(x) at every x, through a layer with W = 1 and b = 0.
fn value_and_slope<A: Activation>(xs: &[Real]) -> (Vec<f64>, Vec<f64>) {
    let source = Source::new(0);
    let mut linear: Linear<1, 1, Real, Dev> = BuildModule::build(source.device());
    linear.weight.copy_from(&[1.0]);
    linear.bias.copy_from(&[0.0]);
    let points: Vec<[Real; 1]> = xs.iter().map(|x| [*x]).collect();
    let x = source.points(&points).unwrap();
    let y = layer::<A, 1, 1, _>(&linear, x.leaky_trace()).unwrap();
    let untraced = layer::<A, 1, 1, _>(&linear, x.clone()).unwrap().as_vec();
    let values = y.as_vec();
    let same =
        values.iter().zip(&untraced).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
    assert!(same, "values do not depend on whether a tape records");
    let slopes = y.try_sum::<Rank0, _>().unwrap().backward().get(&x).as_vec();
    (values.into_iter().map(f64::from).collect(), slopes.into_iter().map(f64::from).collect())
}

/// The same, composed of dfdx's operations: f by [`Activation::apply`] and f′ by [`Activation::derivative`].
fn composed<A: Activation>(xs: &[Real]) -> (Vec<f64>, Vec<f64>) {
    let x = Source::new(0).per_point(xs).unwrap();
    let wide = |y: Vec<Real>| y.into_iter().map(f64::from).collect();
    (wide(A::apply(x.clone()).unwrap().as_vec()), wide(A::derivative(x).unwrap().as_vec()))
}

/// A dense grid, and numbers of all sizes, up to `largest`.
fn grid(largest: f64) -> Vec<Real> {
    let even = (-40_000..=40_000).map(|i| f64::from(i) / 40_000.0);
    let even: Vec<f64> = even.flat_map(|x| [2.0, 30.0, largest].map(|scale| scale * x)).collect();
    let sizes = (-300..=300).map(|i| 1.1f64.powi(i)).filter(|x| *x <= largest);
    even.into_iter().chain(sizes.flat_map(|x| [x, -x])).map(|x| x as Real).collect()
}

/// Each value within `tolerance` of the true one, relative or absolute, the more lenient.
fn agrees<A: Activation>(xs: &[Real], f: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64, tolerance: f64) {
    agree(A::default(), value_and_slope::<A>(xs), xs, &f, &slope, tolerance);
    // dfdx's functions, and several operations one after the other, round more often.
    agree(A::default(), composed::<A>(xs), xs, &f, &slope, 4.0 * tolerance);
}

fn agree(
    activation: impl std::fmt::Debug,
    (values, slopes): (Vec<f64>, Vec<f64>),
    xs: &[Real],
    f: impl Fn(f64) -> f64,
    slope: impl Fn(f64) -> f64,
    tolerance: f64,
) {
    for (n, x) in xs.iter().enumerate() {
        let x = f64::from(*x);
        for (what, expected, found) in [("value", f(x), values[n]), ("slope", slope(x), slopes[n])] {
            let error = (expected - found).abs();
            let near = error <= tolerance * expected.abs().max(1.0);
            assert!(near, "{activation:?}: {what} at {x:e}: {expected:e}, found {found:e}");
        }
    }
}

/// Each value within `tolerance` of the true one, relative to it.
fn agrees_relatively<A: Activation>(xs: &[Real], f: impl Fn(f64) -> f64, tolerance: f64) {
    for (x, found) in xs.iter().zip(value_and_slope::<A>(xs).0) {
        let expected = f(f64::from(*x));
        let near = (expected - found).abs() <= tolerance * expected.abs();
        assert!(near, "{:?} at {x:e}: {expected:e}, found {found:e}", A::default());
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// x and its gate's logit, 2 √(2/π) (x + 0.044715 x³).
fn gelu_logit(x: f64) -> f64 {
    (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))
}

fn gelu_slope(x: f64) -> f64 {
    let (s, closed) = (sigmoid(gelu_logit(x)), sigmoid(-gelu_logit(x)));
    // Where the gate is open or closed to the last digit, the square of x must not overflow.
    let steepness = if x.abs() > 30.0 { 0.0 } else { 1.0 + 3.0 * 0.044_715 * x * x };
    s + x * s * closed * (8.0 / std::f64::consts::PI).sqrt() * steepness
}

fn selu(x: f64) -> f64 {
    1.050_700_987_355_480_5 * if x > 0.0 { x } else { 1.673_263_242_354_377_2 * x.exp_m1() }
}

fn selu_slope(x: f64) -> f64 {
    1.050_700_987_355_480_5 * if x > 0.0 { 1.0 } else { 1.673_263_242_354_377_2 * x.exp() }
}

#[test]
fn every_activation_and_its_derivative_are_those_of_double_precision() {
    let xs = grid(1e12);
    agrees::<Identity>(&xs, |x| x, |_| 1.0, ACTIVATION);
    agrees::<Tanh>(&xs, f64::tanh, |x| x.cosh().powi(-2), ACTIVATION);
    agrees::<Silu>(&xs, |x| x * sigmoid(x), |x| sigmoid(x) * (1.0 + x * sigmoid(-x)), ACTIVATION);
    agrees::<Selu>(&xs, selu, selu_slope, ACTIVATION);
    agrees::<Relu>(&xs, |x| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }, ACTIVATION);
    agrees::<Softplus>(&xs, softplus, sigmoid, ACTIVATION);
    let slope = |x: f64| sigmoid(x) * (1.0 + x * sigmoid(-x)) / 1.1;
    // One more rounding than SiLU, by the division.
    agrees::<LipSwish>(&xs, |x| x * sigmoid(x) / 1.1, slope, 1.5 * ACTIVATION);
    // The cube of x is rounded before the exponential.
    agrees::<Gelu>(&xs, |x| x * sigmoid(gelu_logit(x)), gelu_slope, 2.0 * ACTIVATION);
    agrees::<Sine<1>>(&grid(1.2e4), f64::sin, f64::cos, ACTIVATION);
}

#[test]
fn small_numbers_keep_their_digits() {
    if size_of::<Real>() == 8 {
        return; // dfdx's SELU is eˣ − 1, which loses them.
    }
    let small: Vec<Real> = grid(80.0).into_iter().filter(|x| x.abs() > 1e-30).collect();
    agrees_relatively::<Tanh>(&small, f64::tanh, 3e-7);
    agrees_relatively::<Selu>(&small, selu, 3e-7);
    agrees_relatively::<Silu>(&small, |x| x * sigmoid(x), 5e-7);
    agrees_relatively::<LipSwish>(&small, |x| x * sigmoid(x) / 1.1, 5e-7);
    agrees_relatively::<Softplus>(&small, softplus, 5e-7);
    let unsaturated: Vec<Real> = small.iter().copied().filter(|x| *x > -3.0).collect();
    agrees_relatively::<Gelu>(&unsaturated, |x| x * sigmoid(gelu_logit(x)), 2e-6);
    let angles: Vec<Real> = small.into_iter().filter(|x| x.abs() < 3.0).collect();
    agrees_relatively::<Sine<1>>(&angles, f64::sin, 3e-7);
}

#[test]
fn sine_scales_its_argument_and_goes_on_beyond_the_quick_reduction() {
    // The argument 30 x is rounded before the sine.
    let angle = |x: f64| f64::from(30.0 * x as Real);
    agrees::<Sine<30>>(&grid(400.0), |x| angle(x).sin(), |x| 30.0 * angle(x).cos(), ACTIVATION);
    for largest in [2e4, 1e7, 1e30] {
        agrees::<Sine<1>>(&grid(largest), f64::sin, f64::cos, ACTIVATION);
    }
}

#[test]
fn composed_activations_keep_nan() {
    fn of_nan<A: Activation>() -> bool {
        composed::<A>(&[Real::NAN]).0[0].is_nan()
    }
    assert!(of_nan::<Tanh>() && of_nan::<Silu>() && of_nan::<Selu>() && of_nan::<Relu>());
    assert!(of_nan::<Softplus>() && of_nan::<LipSwish>() && of_nan::<Gelu>() && of_nan::<Sine<1>>());
}

#[test]
fn limits_are_reached_and_nan_stays() {
    if size_of::<Real>() == 8 {
        return; // dfdx gives NaN for SiLU(−∞).
    }
    let xs = [Real::NEG_INFINITY, Real::MIN, -0.0, 0.0, Real::MAX, Real::INFINITY, Real::NAN, 1.0];
    let max = f64::from(Real::MAX);
    let check = |name: &str, found: (Vec<f64>, Vec<f64>), values: [f64; 6], slopes: [f64; 6]| {
        for (found, expected) in [(&found.0, values), (&found.1, slopes)] {
            for (found, expected) in found.iter().zip(expected) {
                let near =
                    *found == expected || (found - expected).abs() <= ACTIVATION * expected.abs().max(1.0);
                assert!(near, "{name}: expected {expected}, found {found}");
            }
        }
        assert!(found.0[6].is_nan() && found.1[6].is_nan(), "{name} of NaN");
        assert!(found.0[7].is_finite() && found.1[7].is_finite(), "{name}: NaN spoils nothing beside it");
    };
    let up = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0];
    let inf = f64::INFINITY;
    check(
        "tanh",
        value_and_slope::<Tanh>(&xs),
        [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
    );
    check("silu", value_and_slope::<Silu>(&xs), [0.0, 0.0, 0.0, 0.0, max, inf], up);
    check("softplus", value_and_slope::<Softplus>(&xs), [0.0, 0.0, 2f64.ln(), 2f64.ln(), max, inf], up);
    let up = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0];
    check("gelu", value_and_slope::<Gelu>(&xs), [0.0, 0.0, 0.0, 0.0, max, inf], up);
    let steps = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
    check("relu", value_and_slope::<Relu>(&xs), [0.0, 0.0, 0.0, 0.0, max, inf], steps);
    let (lambda, below) = (selu_slope(1.0), selu_slope(0.0));
    let slopes = [0.0, 0.0, below, below, lambda, lambda];
    let huge = value_and_slope::<Selu>(&[Real::MAX]).0[0];
    check("selu", value_and_slope::<Selu>(&xs), [-below, -below, 0.0, 0.0, huge, inf], slopes);
    let (sines, cosines) = value_and_slope::<Sine<1>>(&xs);
    for infinite in [0, 5, 6] {
        assert!(sines[infinite].is_nan() && cosines[infinite].is_nan(), "the sine has no limit");
    }
    assert!(
        (sines[1] - f64::from(Real::MIN).sin()).abs() < ACTIVATION
            && (sines[7] - 1f64.sin()).abs() < ACTIVATION
    );
}

/// y, dx, dW and db of Σ y c for fixed numbers c.
fn everything<A: Activation, const I: usize, const O: usize>(n: usize, fused: bool) -> [Vec<Real>; 4] {
    let mut source = Source::new(n as u64);
    let linear: Linear<I, O, Real, Dev> = BuildModule::build(source.device());
    let (x, c): (Points<I>, Points<O>) = (source.normal(n).unwrap(), source.normal(n).unwrap());
    let traced = x.trace(linear.alloc_grads());
    let y =
        if fused { layer::<A, I, O, _>(&linear, traced) } else { A::apply(linear.forward(traced)) }.unwrap();
    let value = y.as_vec();
    let loss = y.try_mul(c).unwrap().try_sum::<Rank0, _>().unwrap();
    // Gradients are kept only of parameters: the one of x is read in a second run without them.
    let gradients = loss.backward();
    let (dw, db) = (gradients.get(&linear.weight).as_vec(), gradients.get(&linear.bias).as_vec());
    let y = if fused {
        layer::<A, I, O, _>(&linear, x.leaky_trace())
    } else {
        A::apply(linear.forward(x.leaky_trace()))
    };
    let mut source = Source::new(n as u64);
    let c: Points<O> = (source.normal::<I>(n).unwrap(), source.normal(n).unwrap()).1;
    let loss = y.unwrap().try_mul(c).unwrap().try_sum::<Rank0, _>().unwrap();
    [value, loss.backward().get(&x).as_vec(), dw, db]
}

/// The largest difference, relative to the largest entry.
fn difference(a: &[Real], b: &[Real]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().map(|a| f64::from(a.abs())).fold(1e-3, f64::max);
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max) / largest
}

fn same<A: Activation, const I: usize, const O: usize>(n: usize) {
    let tolerance = if size_of::<Real>() == 4 { 1e-5 } else { 1e-13 };
    let (fused, composed) = (everything::<A, I, O>(n, true), everything::<A, I, O>(n, false));
    for (what, (fused, composed)) in ["y", "dx", "dW", "db"].iter().zip(fused.iter().zip(&composed)) {
        let found = difference(composed, fused);
        assert!(found < tolerance, "{:?} {I} to {O}, batch {n}: {what} is off by {found:e}", A::default());
    }
}

/// The same function, which a network cannot compute together with its layers.
#[derive(Clone, Copy, Debug, Default)]
struct Apart<A>(A);

impl<A: Activation> Activation for Apart<A> {
    fn apply<S: Shape, T: Tape<Real, Dev>>(x: Tensor<S, Real, Dev, T>) -> Result<Tensor<S, Real, Dev, T>> {
        A::apply(x)
    }

    fn derivative<S: Shape, T: Tape<Real, Dev>>(
        x: Tensor<S, Real, Dev, T>,
    ) -> Result<Tensor<S, Real, Dev, T>> {
        A::derivative(x)
    }
}

/// y with and without a tape, and of Σ y c, for fixed numbers c, the gradients of x and of all parameters.
fn of_network<A: Activation, const H: usize>(n: usize) -> [Vec<Real>; 4] {
    let mut source = Source::new(n as u64);
    let mut network = Mlp::<3, H, 2, 2, A>::new(&source).unwrap();
    let (x, c): (Points<3>, Points<2>) = (source.normal(n).unwrap(), source.normal(n).unwrap());
    let untraced = network.apply(x.clone()).unwrap().as_vec();
    let y = network.apply(x.leaky_trace()).unwrap();
    let value = y.as_vec();
    let gradients = y.try_mul(c).unwrap().try_sum::<Rank0, _>().unwrap().backward();
    let before = parameters(&network).unwrap();
    Sgd::new(&network, SgdConfig { lr: 1.0, ..SgdConfig::default() })
        .update(&mut network, &gradients)
        .unwrap();
    let steps =
        parameters(&network).unwrap().iter().zip(before).map(|(after, before)| before - after).collect();
    [untraced, value, gradients.get(&x).as_vec(), steps]
}

fn same_network<A: Activation, const H: usize>(n: usize) {
    // The gradients are read off a step of the parameters, which rounds them.
    let tolerance = if size_of::<Real>() == 4 { 1e-5 } else { 1e-13 };
    let (at_once, apart) = (of_network::<A, H>(n), of_network::<Apart<A>, H>(n));
    let names = ["y without a tape", "y", "dx", "the parameters' gradient"];
    for (what, (at_once, apart)) in names.iter().zip(at_once.iter().zip(&apart)) {
        let found = difference(apart, at_once);
        assert!(found < tolerance, "{:?}, width {H}, batch {n}: {what} is off by {found:e}", A::default());
    }
}

#[test]
fn a_network_at_once_is_its_layers_one_after_the_other() {
    for n in [1, 3, 64, 255, 257, 1000, 4097] {
        // Smooth activations only: at a kink, rounding chooses the slope.
        same_network::<Tanh, 1>(n);
        same_network::<Softplus, 17>(n);
        same_network::<Gelu, 64>(n);
        same_network::<Silu, 256>(n);
    }
}

/// y and J ẋ for T tangents, without and with a tape, and of Σ (y c₀ + J ẋ₁ c₁ + …) the gradients of x, of the tangents, and
/// of all parameters. With `shared`, the first tangent is the very tensor x.
fn of_tangents<A: Activation, const H: usize>(n: usize, tangents: usize, shared: bool) -> Vec<Vec<Real>> {
    let mut source = Source::new(n as u64);
    let mut network = Mlp::<3, H, 2, 2, A>::new(&source).unwrap();
    let x: Points<3> = source.normal(n).unwrap();
    let mut moves: Vec<Points<3>> = (0..tangents).map(|_| source.normal(n).unwrap()).collect();
    if shared {
        moves[0] = x.clone();
    }
    let weights: Vec<Points<2>> = (0..=tangents).map(|_| source.normal(n).unwrap()).collect();
    let untraced = network.pushforward(DualPoints::new(x.clone(), moves.clone()).unwrap()).unwrap();
    let traced = DualPoints::new(x.leaky_trace(), moves.clone()).unwrap();
    let (y, moved, tape) = network.pushforward(traced).unwrap().into_parts();
    let mut found = vec![untraced.value().as_vec(), y.as_vec()];
    found.extend(untraced.tangents().iter().chain(&moved).map(|tangent| tangent.as_vec()));
    let mut loss = y.put_tape(tape).try_mul(weights[0].clone()).unwrap();
    for (moved, weight) in moved.into_iter().zip(&weights[1..]) {
        let (sum, tape) = loss.split_tape();
        loss = moved.put_tape(tape).try_mul(weight.clone()).unwrap().try_add(sum).unwrap();
    }
    let gradients = loss.try_sum::<Rank0, _>().unwrap().backward();
    found.push(gradients.get(&x).as_vec());
    found.extend(moves.iter().map(|tangent| gradients.get(tangent).as_vec()));
    let before = parameters(&network).unwrap();
    Sgd::new(&network, SgdConfig { lr: 1.0, ..SgdConfig::default() })
        .update(&mut network, &gradients)
        .unwrap();
    found.push(
        parameters(&network).unwrap().iter().zip(before).map(|(after, before)| before - after).collect(),
    );
    found
}

#[test]
fn tangents_go_through_a_network_at_once_as_layer_by_layer() {
    fn same<A: Activation, const H: usize>(n: usize, tangents: usize, shared: bool) {
        let tolerance = if size_of::<Real>() == 4 { 3e-5 } else { 1e-13 };
        let at_once = of_tangents::<A, H>(n, tangents, shared);
        let apart = of_tangents::<Apart<A>, H>(n, tangents, shared);
        assert_eq!(at_once.len(), apart.len());
        for (k, (at_once, apart)) in at_once.iter().zip(&apart).enumerate() {
            let off = difference(apart, at_once);
            let name = format!("{:?}, width {H}, batch {n}, {tangents} tangents", A::default());
            assert!(off < tolerance, "{name}: list {k} is off by {off:e}");
        }
    }
    for n in [1, 3, 85, 257, 1000] {
        same::<Tanh, 1>(n, 1, false);
        same::<Silu, 64>(n, 2, false);
        same::<LipSwish, 64>(n, 1, true);
        same::<Softplus, 17>(n, 3, false);
        same::<Gelu, 33>(n, 2, true);
        same::<Sine<2>, 16>(n, 2, false);
        same::<Tanh, 256>(n, 0, false);
    }
}

#[test]
fn a_layer_and_its_gradients_are_those_of_the_composed_one() {
    for n in [1, 2, 3, 7, 64, 255, 256, 1000, 4096] {
        same::<Tanh, 1, 1>(n);
        same::<Silu, 1, 64>(n);
        same::<Silu, 2, 3>(n);
        same::<Tanh, 3, 17>(n);
        same::<Selu, 17, 2>(n);
        same::<Silu, 64, 64>(n);
        same::<Sine<3>, 64, 65>(n);
        same::<Selu, 65, 64>(n);
        same::<Relu, 3, 17>(n);
        same::<Softplus, 64, 65>(n);
        same::<LipSwish, 2, 64>(n);
        same::<Gelu, 17, 64>(n);
        same::<Identity, 65, 1>(n);
        same::<Identity, 64, 2>(n);
    }
}

#[test]
fn numbers_depend_neither_on_the_number_of_threads_nor_on_the_run() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| everything::<Silu, 65, 64>(4096, true))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
    assert_eq!(one, everything::<Silu, 65, 64>(4096, true));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| of_network::<Selu, 64>(1000))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
    assert_eq!(everything::<Tanh, 17, 3>(7, true), everything::<Tanh, 17, 3>(7, true));
}

#[test]
fn a_point_alone_has_the_value_that_it_has_among_many() {
    let mut source = Source::new(5);
    let linear: Linear<17, 65, Real, Dev> = BuildModule::build(source.device());
    let many: Points<17> = source.normal(4096).unwrap();
    let among = layer::<Silu, 17, 65, _>(&linear, many.clone()).unwrap().as_vec();
    for n in [0, 1, 511, 512, 2047, 4095] {
        let row: Vec<Real> = many.as_vec()[n * 17..][..17].to_vec();
        let alone: Points<17> = source.points(&[row.try_into().unwrap()]).unwrap();
        let alone = layer::<Silu, 17, 65, _>(&linear, alone).unwrap().as_vec();
        assert!(difference(&alone, &among[n * 65..][..65]) < 1e-6, "point {n}");
    }
}

#[test]
fn gradients_add_up_where_a_layer_is_used_twice() {
    let mut source = Source::new(6);
    let linear: Linear<3, 3, Real, Dev> = BuildModule::build(source.device());
    let x: Points<3> = source.normal(10).unwrap();
    let run = |fused: bool| {
        let step =
            |x| if fused { layer::<Tanh, 3, 3, _>(&linear, x) } else { Tanh::apply(linear.forward(x)) };
        let y = step(step(x.leaky_trace()).unwrap()).unwrap();
        let gradients = y.try_sum::<Rank0, _>().unwrap().backward();
        [
            gradients.get(&linear.weight).as_vec(),
            gradients.get(&linear.bias).as_vec(),
            gradients.get(&x).as_vec(),
        ]
    };
    for (fused, composed) in run(true).iter().zip(run(false).iter()) {
        assert!(difference(composed, fused) < 1e-5);
    }
}

#[test]
fn points_need_not_lie_in_order() {
    use pushforward::dfdx::prelude::{Axes2, Axis, BroadcastTo, Const, PermuteTo, TensorFromVec};
    let mut source = Source::new(7);
    let linear: Linear<3, 5, Real, Dev> = BuildModule::build(source.device());
    let numbers = source.normal::<3>(4).unwrap().as_vec();
    let row: Tensor<(Const<3>,), Real, Dev> =
        source.device().tensor_from_vec(numbers[..3].to_vec(), (Const::<3>,));
    let columns: Tensor<(Const<3>, usize), Real, Dev> =
        source.device().tensor_from_vec(numbers, (Const::<3>, 4));
    let run = |fused: bool| {
        let step =
            |x| if fused { layer::<Tanh, 3, 5, _>(&linear, x) } else { Tanh::apply(linear.forward(x)) };
        let same: Points<3, _> = row.leaky_trace().broadcast_like::<_, Axis<0>>(&(6, Const::<3>));
        let turned: Points<3, _> = columns.leaky_trace().permute::<_, Axes2<1, 0>>();
        let (same, turned) = (step(same).unwrap(), step(turned).unwrap());
        let values = [same.as_vec(), turned.as_vec()];
        let sum = |y: Points<5, _>| y.try_sum::<Rank0, _>().unwrap().backward();
        (values, sum(same).get(&row).as_vec(), sum(turned).get(&columns).as_vec())
    };
    let (fused, composed) = (run(true), run(false));
    for n in [0, 1] {
        assert!(difference(&composed.0[n], &fused.0[n]) < 1e-5, "values");
    }
    assert!(
        difference(&composed.1, &fused.1) < 1e-5 && difference(&composed.2, &fused.2) < 1e-5,
        "gradients"
    );
}
