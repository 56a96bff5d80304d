//! Forward mode: derivatives of networks against finite differences, and their gradients, which reverse mode runs over.
#![allow(clippy::unwrap_used, clippy::useless_conversion, clippy::unnecessary_cast)]

mod common;

use common::laws::{DIFFERENCE, ROUNDING, close, parameter_gradients};
use dfdx::prelude::{AsArray, Backward, MeanTo, Rank0, SumTo, Tape, Trace, TryAdd, TryMul};
use pushforward::dfdx;
use pushforward::nn::{
    Activation, ConcatSquash, DualPoints, Elu, Gelu, Identity, LipSwish, Mlp, Pushforward, Relu, ResidualMlp,
    Selu, Silu, Sine, Softplus, Tanh, exact_trace, hutchinson_trace, jacobian_columns,
    jacobian_vector_product, power_series,
};
use pushforward::tensor::{Dev, Points, Real, Recording, Source, rows, values};
use pushforward::{Error, Result};

/// x, v and the network, all from one seed.
fn points(n: usize) -> (Source, Points<3>, Points<3>) {
    let mut source = Source::new(11);
    let (x, v) = (source.normal(n).unwrap(), source.normal(n).unwrap());
    (source, x, v)
}

/// Every column of the Jacobian is the central difference of the map along that axis, and its values are the map's.
fn jacobian_is_numeric<const I: usize, const O: usize>(
    name: &str,
    f: &impl Pushforward<I, O>,
    apply: impl Fn(Points<I>) -> Result<Points<O>>,
    x: Points<I>,
) {
    let dual = jacobian_columns(f, x.clone()).unwrap();
    let direct = apply(x.clone()).unwrap();
    for (expected, found) in rows(&direct).as_flattened().iter().zip(rows(dual.value()).as_flattened()) {
        close(&format!("{name}: value"), (*expected).into(), (*found).into(), 10.0 * ROUNDING);
    }
    let source = Source::new(0);
    let step = Real::EPSILON.cbrt();
    for (column, tangent) in dual.tangents().iter().enumerate() {
        let moved = |by: Real| {
            let rows: Vec<[Real; I]> = rows(&x)
                .into_iter()
                .map(|mut row| {
                    row[column] += by;
                    row
                })
                .collect();
            rows_of(&apply(source.points(&rows).unwrap()).unwrap())
        };
        for ((above, below), found) in
            moved(step).into_iter().zip(moved(-step)).zip(rows(tangent).as_flattened())
        {
            let numeric = (above - below) / (2.0 * f64::from(step));
            close(&format!("{name}: column {column}"), numeric, (*found).into(), DIFFERENCE);
        }
    }
}

fn rows_of<const D: usize>(points: &Points<D>) -> Vec<f64> {
    rows(points).as_flattened().iter().map(|x| f64::from(*x)).collect()
}

fn for_each_activation(test: impl Fn(&str, &dyn ActivationTest)) {
    test("identity", &Of::<Identity>::default());
    test("tanh", &Of::<Tanh>::default());
    test("silu", &Of::<Silu>::default());
    test("selu", &Of::<Selu>::default());
    test("sine", &Of::<Sine<2>>::default());
    test("elu", &Of::<Elu>::default());
    test("relu", &Of::<Relu>::default());
    test("softplus", &Of::<Softplus>::default());
    test("lipswish", &Of::<LipSwish>::default());
    test("gelu", &Of::<Gelu>::default());
}

/// In f32 a difference needs steps so long that some unit passes 0, where the slope of these jumps, or its own slope.
fn no_step_crosses_the_kink(activation: &str) -> bool {
    size_of::<Real>() == 8 || !["relu", "selu", "elu"].contains(&activation)
}

#[derive(Default)]
struct Of<A>(std::marker::PhantomData<A>);

/// What is tested of networks with each activation.
trait ActivationTest {
    fn jacobians(&self, name: &str);
    fn gradients(&self, name: &str);
    fn derivatives(&self, name: &str);
}

impl<A: Activation> ActivationTest for Of<A> {
    fn jacobians(&self, name: &str) {
        let (source, x, _) = points(5);
        let mlp = Mlp::<3, 8, 2, 1, A>::new(&source).unwrap();
        jacobian_is_numeric(&format!("mlp, {name}"), &mlp, |x| mlp.apply(x), x.clone());
        let residual = ResidualMlp::<3, 8, 2, 2, A>::new(&source).unwrap();
        jacobian_is_numeric(&format!("residual, {name}"), &residual, |x| residual.apply(x), x.clone());
        let context = source.clone().normal::<2>(5).unwrap();
        let squash = InContext(ConcatSquash::<3, 2, 8, 2, 1, A>::new(&source).unwrap(), context.clone());
        let apply = |x| squash.0.apply(x, context.clone());
        jacobian_is_numeric(&format!("concatsquash, {name}"), &squash, apply, x);
    }

    fn gradients(&self, name: &str) {
        let (source, x, _) = points(4);
        let mlp = Mlp::<3, 5, 3, 1, A>::new(&source).unwrap();
        trace_gradients(&format!("mlp, {name}"), mlp, &x);
        let residual = ResidualMlp::<3, 5, 3, 1, A>::new(&source).unwrap();
        trace_gradients(&format!("residual, {name}"), residual, &x);
        let squash = ConcatSquash::<3, 2, 5, 3, 1, A>::new(&source).unwrap();
        let context = source.clone().normal::<2>(4).unwrap();
        parameter_gradients(&format!("concatsquash, {name}"), squash, |f, gradients| {
            let dual = DualPoints::new(x.clone().traced(gradients), vec![x.clone()])?;
            let (value, tangents, tape) = f.pushforward(dual, context.clone())?.into_parts();
            let moved = dfdx::prelude::PutTape::put_tape(tangents[0].clone(), tape);
            Ok(moved.try_add(value)?.try_square()?.try_mean()?)
        });
    }

    /// f′ is the central difference of f, and the gradient of f′, which reverse mode gives, that of f′.
    fn derivatives(&self, name: &str) {
        let source = Source::new(3);
        let xs: Vec<Real> = [-30.0, -9.0, -2.5, -1.0, -0.3, -0.01, 0.02, 0.4, 1.3, 3.0, 9.5, 40.0].into();
        let at = |by: Real| source.per_point(&xs.iter().map(|x| x + by).collect::<Vec<_>>()).unwrap();
        let step = Real::EPSILON.cbrt();
        let central = |f: &dyn Fn(Real) -> Vec<Real>, i: usize| {
            f64::from(f(step)[i] - f(-step)[i]) / (2.0 * f64::from(step))
        };
        let value = |by| values(&A::apply(at(by)).unwrap());
        let slope = |by| values(&A::derivative(at(by)).unwrap());
        let x = at(0.0);
        // x itself is added, so that it has a gradient also where f′ is a constant.
        let slopes_and_x = A::derivative(x.leaky_trace()).unwrap().try_add(x.clone()).unwrap();
        let second = slopes_and_x.try_sum::<Rank0, _>().unwrap().backward().get(&x).as_vec();
        let (first, second) = (slope(0.0), second.into_iter().map(|g| g - 1.0).collect::<Vec<_>>());
        // f32 rounds values of size 40 to 4e-6, and a difference divides by 1e-2.
        for i in 0..xs.len() {
            let what = format!("{name} at {}", xs[i]);
            close(&format!("{what}: f′"), central(&value, i), first[i].into(), DIFFERENCE);
            close(&format!("{what}: f″"), central(&slope, i), second[i].into(), DIFFERENCE);
        }
    }
}

/// A network in a fixed context.
struct InContext<N, const C: usize>(N, Points<C>);

impl<const I: usize, const C: usize, const H: usize, const O: usize, const L: usize, A: Activation>
    Pushforward<I, O> for InContext<ConcatSquash<I, C, H, O, L, A>, C>
{
    fn pushforward(&self, x: DualPoints<I>) -> Result<DualPoints<O>> {
        self.0.pushforward(x, self.1.clone())
    }
}

/// Gradients of parameters of losses made of the exact trace, of Hutchinson's and of a power series, each with values.
fn trace_gradients<M>(name: &str, model: M, x: &Points<3>)
where
    M: Pushforward<3, 3, Recording> + dfdx::prelude::TensorCollection<Real, Dev> + Clone,
{
    let v = Source::new(5).normal::<3>(4).unwrap();
    parameter_gradients(&format!("{name}, exact trace"), model.clone(), |f, gradients| {
        let (value, trace) = exact_trace(f, x.clone().traced(gradients))?;
        let size = value.try_square()?.try_sum::<(usize,), _>()?;
        Ok(trace.try_square()?.try_add(size)?.try_mean()?)
    });
    parameter_gradients(&format!("{name}, Hutchinson"), model.clone(), |f, gradients| {
        let (_, trace) = hutchinson_trace(f, x.clone().traced(gradients), v.clone())?;
        Ok(trace.try_square()?.try_mean()?)
    });
    parameter_gradients(&format!("{name}, power series"), model, |f, gradients| {
        let sum = power_series(f, x.clone().traced(gradients), v.clone(), &[1.0, -0.5, 0.25])?;
        Ok(sum.try_mul(0.3)?.try_mean()?)
    });
}

#[test]
fn columns_of_the_jacobian_are_central_differences_for_every_network_and_activation() {
    for_each_activation(|name, test| {
        if no_step_crosses_the_kink(name) {
            test.jacobians(name)
        }
    });
}

#[test]
fn gradients_of_losses_made_of_derivatives_are_central_differences() {
    for_each_activation(|name, test| {
        if no_step_crosses_the_kink(name) {
            test.gradients(name)
        }
    });
}

#[test]
fn first_and_second_derivatives_of_activations_are_central_differences() {
    for_each_activation(|name, test| test.derivatives(name));
}

#[test]
fn products_traces_and_powers_are_those_of_the_jacobian() {
    let (source, x, v) = points(6);
    let f = Mlp::<3, 8, 3, 1, Softplus>::new(&source).unwrap();
    let dual = jacobian_columns(&f, x.clone()).unwrap();
    let columns: Vec<Vec<[Real; 3]>> = dual.tangents().iter().map(rows).collect();
    let product = rows(&jacobian_vector_product(&f, x.clone(), v.clone()).unwrap().1);
    let trace = values(&exact_trace(&f, x.clone()).unwrap().1);
    let estimate = values(&hutchinson_trace(&f, x.clone(), v.clone()).unwrap().1);
    let coefficients = [0.5, -0.25, 2.0];
    let series = values(&power_series(&f, x.clone(), v.clone(), &coefficients).unwrap());
    for (n, v) in rows(&v).into_iter().enumerate() {
        let j = |i: usize, k: usize| f64::from(columns[k][n][i]);
        let times = |w: [f64; 3]| [0, 1, 2].map(|i| (0..3).map(|k| j(i, k) * w[k]).sum::<f64>());
        let v = v.map(f64::from);
        let dot = |a: [f64; 3]| (0..3).map(|i| a[i] * v[i]).sum::<f64>();
        let mut powers = Vec::new();
        let mut w = v;
        for _ in 0..3 {
            w = times(w);
            powers.push(dot(w));
        }
        for (expected, found) in times(v).into_iter().zip(product[n]) {
            close("J v", expected, found.into(), 10.0 * ROUNDING);
        }
        close("tr J", (0..3).map(|i| j(i, i)).sum(), trace[n].into(), 10.0 * ROUNDING);
        close("vᵀ J v", powers[0], estimate[n].into(), 10.0 * ROUNDING);
        let expected = powers.iter().zip(coefficients).map(|(power, c)| power * f64::from(c)).sum();
        close("Σ cₖ vᵀ Jᵏ v", expected, series[n].into(), 10.0 * ROUNDING);
    }
    assert_eq!(values(&power_series(&f, x, v, &[]).unwrap()), [0.0; 6], "no coefficient, no term");
}

/// x itself: a map that gives back the tensors that it was given.
struct Same;

impl<T: Tape<Real, Dev>> Pushforward<3, 3, T> for Same {
    fn pushforward(&self, x: DualPoints<3, T>) -> Result<DualPoints<3, T>> {
        Ok(x)
    }
}

/// A map that forgets its tangents.
struct Forgetful;

impl Pushforward<3, 3> for Forgetful {
    fn pushforward(&self, x: DualPoints<3>) -> Result<DualPoints<3>> {
        DualPoints::new(x.into_parts().0, Vec::new())
    }
}

#[test]
fn a_map_that_gives_back_what_it_was_given_has_the_identity_as_jacobian() {
    let (_, x, v) = points(4);
    let squares: Vec<Real> = rows(&v).iter().map(|[a, b, c]| a * a + b * b + c * c).collect();
    let (_, trace) = exact_trace(&Same, x.leaky_trace()).unwrap();
    assert_eq!(trace.as_vec(), [3.0; 4]);
    let (_, estimate) = hutchinson_trace(&Same, x.leaky_trace(), v.clone()).unwrap();
    let series = power_series(&Same, x.leaky_trace(), v, &[1.0, 1.0]).unwrap();
    for (n, square) in squares.into_iter().enumerate() {
        close("vᵀ v", square.into(), estimate.as_vec()[n].into(), ROUNDING);
        close("2 vᵀ v", (2.0 * square).into(), series.as_vec()[n].into(), ROUNDING);
    }
    // None of these may fail: a product of a tensor with itself would.
    estimate.try_sum::<Rank0, _>().unwrap().backward();
    series.try_sum::<Rank0, _>().unwrap().backward();
    trace.try_sum::<Rank0, _>().unwrap().backward();
}

#[test]
fn a_map_that_forgets_its_tangents_is_refused() {
    let (_, x, v) = points(4);
    let forgotten = |result: Result<()>| {
        assert!(matches!(result, Err(Error::WrongLength { found: 0, .. })), "{result:?}");
    };
    forgotten(jacobian_vector_product(&Forgetful, x.clone(), v.clone()).map(drop));
    forgotten(exact_trace(&Forgetful, x.clone()).map(drop));
    forgotten(power_series(&Forgetful, x, v, &[1.0]).map(drop));
}

#[test]
fn context_does_not_move() {
    let (mut source, x, v) = points(5);
    let context = source.normal::<2>(5).unwrap();
    let t = source.uniform(5).unwrap();
    let dual = DualPoints::new(x.clone(), vec![v.clone()]).unwrap();
    let joined: DualPoints<5> = dual.clone().join(context.clone()).unwrap();
    let timed: DualPoints<4> = dual.append(t.clone()).unwrap();
    for n in 0..5 {
        let ([a, b, c], [d, e]) = (rows(&x)[n], rows(&context)[n]);
        assert_eq!(rows(joined.value())[n], [a, b, c, d, e]);
        assert_eq!(rows(timed.value())[n], [a, b, c, values(&t)[n]]);
        let [a, b, c] = rows(&v)[n];
        assert_eq!(rows(&joined.tangents()[0])[n], [a, b, c, 0.0, 0.0]);
        assert_eq!(rows(&timed.tangents()[0])[n], [a, b, c, 0.0]);
    }
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let (source, x, v) = points(4);
    let short = source.points(&rows(&v)[..3]).unwrap();
    let f = Mlp::<3, 4, 3, 0, Tanh>::new(&source).unwrap();
    let mismatch =
        |result: Result<()>| assert!(matches!(result, Err(Error::BatchMismatch { .. })), "{result:?}");
    mismatch(DualPoints::new(x.clone(), vec![v, short.clone()]).map(drop));
    mismatch(jacobian_vector_product(&f, x.clone(), short.clone()).map(drop));
    mismatch(hutchinson_trace(&f, x.clone(), short.clone()).map(drop));
    mismatch(power_series(&f, x.clone(), short.clone(), &[1.0]).map(drop));
    mismatch(power_series(&f, x.clone(), short.clone(), &[]).map(drop));
    let squash = ConcatSquash::<3, 3, 4, 3, 0, Tanh>::new(&source).unwrap();
    mismatch(squash.apply(x.clone(), short.clone()).map(drop));
    let dual = DualPoints::new(x, Vec::new()).unwrap();
    mismatch(squash.pushforward(dual.clone(), short.clone()).map(drop));
    mismatch(dual.join::<3, 6>(short).map(drop));
}

#[test]
fn a_loss_of_the_trace_alone_also_sees_what_the_values_were_made_of() {
    // tr J = Σ wᵢ f′(zᵢ) uᵢ depends on the biases of the first layer through z alone.
    let (source, x, _) = points(4);
    let f = Mlp::<3, 5, 3, 0, Tanh>::new(&source).unwrap();
    let (_, trace) = exact_trace(&f, x.traced(dfdx::prelude::ZeroGrads::alloc_grads(&f))).unwrap();
    let loss = trace.try_mean::<Rank0, _>().unwrap();
    assert!(loss.array().is_finite());
    let found = common::gradients(&f, &loss.backward());
    // The parameters are W₀ (15), b₀ (5), then the last layer's.
    assert!(found[15..20].iter().all(|g| *g != 0.0), "{found:?}");
}
