//! Every implementation, listed once, and put through all the laws that apply to it.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::laws::{bijection, everything, integrates_to_one, parameter_gradients};
use common::stirred;
use pushforward::Error;
use pushforward::autoregressive::{
    Halves, Iaf, Maf, MaskedAutoregressive, Reversed, Shuffled, SplineAutoregressive,
};
use pushforward::change_of_variables::{
    Affine, Bijection, Density, Exponential, Flow, GaussianMixture, Inverted, StandardNormal, Uniform,
    negative_log_likelihood,
};
use pushforward::cnf::{Cnf, DOPRI5, OdeSolver, RK4};
use pushforward::coupling::{
    ActNorm, Additive, BoundedAffine, ConditionalBijection, Coupling, FlowPlusPlus, Glow, InvertibleLinear,
    LogisticMixture, Nice, Permutation, RealNvp, Spline, SplineFlow, Transformer, UnboundedAffine,
    alternating_mask, given, half_mask,
};
use pushforward::dfdx::prelude::{Const, TensorCollection, TensorFromVec};
use pushforward::nn::{ConcatSquash, Elu, LipSwish, Mlp, Silu, Softplus, Tanh, parameters, set_parameters};
use pushforward::residual::{IResNet, InvertibleResidual, NonExpansive, Planar, ResidualFlow};
use pushforward::tensor::{Dev, PerPoint, Points, Real, Recording, Source, rows};

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

/// A full lower triangle.
fn affine<const D: usize>() -> Affine<D> {
    let entry = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.6 + 0.1 * i as Real,
        std::cmp::Ordering::Greater => 0.3 - 0.1 * ((i + 2 * j) % 6) as Real,
    };
    let matrix = std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)));
    Affine::new(&Source::new(0), matrix, [0.5; D]).unwrap()
}

fn mixture() -> GaussianMixture<2, 3> {
    let (means, std) = ([[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]], [0.5, 0.8, 0.6]);
    let mut mixture = GaussianMixture::new(&Source::new(0), means, std).unwrap();
    mixture.logits.copy_from(&[0.0, 1.0, -0.5]);
    mixture
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
    bijection("affine, 5 coordinates", &affine::<5>(), normal_points());
    bijection("affine, 9 coordinates", &affine::<9>(), normal_points());
    let identity = Affine::identity(&Source::new(0)).unwrap();
    bijection(
        "a list, of layers that do not commute",
        &[affine2(), affine::<2>(), identity],
        normal_points(),
    );
}

/// A coupling layer of three features with a smooth conditioner.
fn coupling<F: Transformer, const O: usize>() -> Coupling<3, 3, 6, O, 0, Tanh, F> {
    stirred(Coupling::new(&Source::new(0), alternating_mask(0)).unwrap(), 0.3)
}

fn linear() -> InvertibleLinear<3> {
    stirred(InvertibleLinear::rotation(&mut Source::new(2)).unwrap(), 0.2)
}

fn norm() -> ActNorm<3> {
    stirred(ActNorm::new(&Source::new(0)).unwrap(), 0.5)
}

#[test]
fn coupling_layers_keep_the_laws_of_bijections() {
    bijection("additive coupling", &coupling::<Additive, 3>(), normal_points());
    bijection("affine coupling", &coupling::<BoundedAffine, 6>(), normal_points());
    bijection("affine coupling without bound", &coupling::<UnboundedAffine, 6>(), normal_points());
    bijection("spline coupling", &coupling::<Spline<4, 3>, 33>(), normal_points());
    bijection("mixture coupling", &coupling::<LogisticMixture<3>, 33>(), normal_points());
    let conditional: Coupling<3, 5, 6, 6, 0, Tanh, BoundedAffine> =
        stirred(Coupling::new(&Source::new(0), half_mask(1)).unwrap(), 0.3);
    // The same context for each point: the laws take points out of the batch.
    let x = Source::new(4).points(&[[0.3, -1.0, 0.7]]).unwrap();
    let context = Source::new(4).points(&[[0.5, -2.0]]).unwrap();
    bijection("affine coupling with a context", &given(&conditional, context), x);
    bijection("normalization", &norm(), normal_points());
    bijection("linear", &linear(), normal_points());
    bijection("permutation", &Permutation::<5>::shuffle(&mut Source::new(1)).unwrap(), normal_points());
    bijection("reversed", &Permutation::<4>::reverse(&Source::new(1)).unwrap(), normal_points());
}

#[test]
fn flows_of_coupling_layers_keep_the_laws_of_bijections() {
    let mut source = Source::new(5);
    bijection("NICE", &stirred(Nice::<2, 2, 6, 3>::new(&source).unwrap(), 0.3), normal_points());
    bijection("RealNVP", &stirred(RealNvp::<2, 2, 6, 4, 3>::new(&source).unwrap(), 0.3), normal_points());
    bijection(
        "spline flow",
        &stirred(SplineFlow::<2, 2, 6, 46, 2>::new(&source).unwrap(), 0.2),
        normal_points(),
    );
    bijection("Glow", &stirred(Glow::<3, 3, 6, 6, 2>::new(&mut source).unwrap(), 0.2), normal_points());
    let flow = FlowPlusPlus::<2, 2, 6, 28, 2>::new(&mut source).unwrap();
    bijection("Flow++", &stirred(flow, 0.2), normal_points());
}

#[test]
fn every_parameter_of_a_coupling_layer_has_its_gradient() {
    fn law<M>(name: &str, model: M)
    where
        M: Bijection<3, Recording> + TensorCollection<Real, Dev> + Clone,
    {
        for forward in [true, false] {
            let x = normal_points::<3>();
            let name = format!("{name}, forward {forward}");
            parameter_gradients(&name, model.clone(), |f, grads| everything(f, x.clone(), forward, grads));
        }
    }
    law("additive", coupling::<Additive, 3>());
    law("affine", coupling::<BoundedAffine, 6>());
    law("affine without bound", coupling::<UnboundedAffine, 6>());
    law("mixture", coupling::<LogisticMixture<2>, 24>());
    law("linear", linear());
    law("normalization", norm());
    // Kinks of ReLU and of a spline's log-slope lie within the steps of f32.
    if size_of::<Real>() == 8 {
        let mut source = Source::new(5);
        law("spline", coupling::<Spline<4, 3>, 33>());
        law("NICE", stirred(Nice::<3, 3, 4, 2>::new(&source).unwrap(), 0.3));
        law("RealNVP", stirred(RealNvp::<3, 3, 4, 6, 2>::new(&source).unwrap(), 0.3));
        law("Glow", stirred(Glow::<3, 3, 4, 6, 2>::new(&mut source).unwrap(), 0.2));
        law("Flow++", stirred(FlowPlusPlus::<3, 3, 4, 42, 2>::new(&mut source).unwrap(), 0.2));
    }
}

#[test]
fn flows_of_coupling_layers_integrate_to_one() {
    let mut source = Source::new(5);
    // Kinks of ReLU cost the midpoint rule some of its accuracy.
    fn law<B: Bijection<2>>(name: &str, bijection: B) {
        let flow = Flow { bijection, base: StandardNormal };
        integrates_to_one(name, &flow, (-30.0, 30.0), 800, 1e-3);
    }
    law("NICE", stirred(Nice::<2, 2, 6, 3>::new(&source).unwrap(), 0.3));
    law("RealNVP", stirred(RealNvp::<2, 2, 6, 4, 3>::new(&source).unwrap(), 0.3));
    law("a spline flow", stirred(SplineFlow::<2, 2, 6, 46, 2>::new(&source).unwrap(), 0.3));
    law("Glow", stirred(Glow::<2, 2, 6, 4, 2>::new(&mut source).unwrap(), 0.15));
    law("Flow++", stirred(FlowPlusPlus::<2, 2, 6, 28, 2>::new(&mut source).unwrap(), 0.15));
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
    // The midpoints of cells of width 1/50 cut the edges of the unit square exactly.
    integrates_to_one("the uniform density", &Uniform, (-1.0, 3.0), 200, 1e-5);
    let flow = Flow {
        bijection: Affine::new(&Source::new(0), [[0.5, 0.0], [0.0, 2.0]], [0.0; 2]).unwrap(),
        base: Uniform,
    };
    integrates_to_one("a stretched uniform density", &flow, (-1.0, 3.0), 200, 1e-5);
    integrates_to_one("a mixture of Gaussians", &mixture(), (-8.0, 8.0), 300, 1e-5);
    let flow = Flow { bijection: affine2(), base: StandardNormal };
    integrates_to_one("an affine flow", &flow, (-25.0, 25.0), 700, 1e-4);
}

/// One of each kind, of points of two coordinates.
fn one_of_each() -> Vec<(&'static str, Box<dyn Bijection<2>>)> {
    let mut source = Source::new(0);
    let kept = Coupling::<2, 2, 4, 4, 0, Tanh, BoundedAffine>::new(&source, [true; 2]).unwrap();
    let source = &mut source;
    vec![
        ("affine", Box::new(affine2())),
        ("exponential", Box::new(Exponential)),
        ("exponential, inverted", Box::new(Inverted(Exponential))),
        ("a pair", Box::new((affine2(), affine2()))),
        ("a list", Box::new([affine2()])),
        ("NICE", Box::new(Nice::<2, 2, 4, 2>::new(source).unwrap())),
        ("RealNVP", Box::new(RealNvp::<2, 2, 4, 4, 2>::new(source).unwrap())),
        ("a spline flow", Box::new(SplineFlow::<2, 2, 4, 46, 2>::new(source).unwrap())),
        ("Glow", Box::new(Glow::<2, 2, 4, 4, 2>::new(source).unwrap())),
        ("Flow++", Box::new(FlowPlusPlus::<2, 2, 4, 28, 2>::new(source).unwrap())),
        ("a coupling layer that keeps all", Box::new(kept)),
        ("normalization", Box::new(ActNorm::new(source).unwrap())),
        ("linear", Box::new(InvertibleLinear::rotation(source).unwrap())),
        ("permutation", Box::new(Permutation::reverse(source).unwrap())),
        ("autoregressive", Box::new(MaskedAutoregressive::<2, 2, 8, 4, 1>::new(source).unwrap())),
        ("MAF", Box::new(Maf::<2, 2, 8, 4, 2>::new(source).unwrap())),
        ("IAF", Box::new(Iaf::<2, 2, 8, 4, 2>::new(source).unwrap())),
        ("residual", Box::new(residual::<2, Tanh>(0.9))),
        ("i-ResNet", Box::new(IResNet::<2, 4, 0, 2>::new(source, 0.9).unwrap())),
        ("Residual Flow", Box::new(ResidualFlow::<2, 4, 0, 2>::new(source, 0.9).unwrap())),
        ("planar", Box::new(Planar::new(source).unwrap())),
        ("continuous", Box::new(continuous::<2>())),
    ]
}

#[test]
fn an_empty_batch_is_an_error_everywhere() {
    let none = || -> Points<2> { Source::new(0).device().tensor_from_vec(Vec::new(), (0, Const::<2>)) };
    let refused = |name: &str, found: Option<Error>| {
        assert!(matches!(found, Some(Error::Empty { .. })), "{name}: {found:?}");
    };
    for (name, f) in one_of_each() {
        refused(name, f.forward(none()).err());
        refused(name, f.inverse(none()).err());
    }
    refused("normal", StandardNormal.log_prob(none()).err());
    refused("uniform", Uniform.log_prob(none()).err());
    refused("mixture", mixture().log_prob(none()).err());
    refused("flow", Flow { bijection: affine2(), base: StandardNormal }.log_prob(none()).err());
    assert!(rows(&none()).is_empty());
}

#[test]
fn a_coordinate_that_is_not_finite_is_refused_by_every_bijection() {
    for bad in [Real::NAN, Real::INFINITY, -Real::INFINITY] {
        for point in [[bad, 0.5], [0.5, bad]] {
            let x = Source::new(0).points(&[[0.5, 0.2], point]).unwrap();
            let index = 2 + point.iter().position(|x| !x.is_finite()).unwrap();
            for (name, f) in one_of_each() {
                for found in [f.forward(x.clone()), f.inverse(x.clone())].map(Result::err) {
                    let right = matches!(&found, Some(Error::NotFinite { index: at, .. }) if *at == index);
                    assert!(right, "{name}, {point:?}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn a_bijection_works_with_and_without_a_tape() {
    fn takes<B: Bijection<2> + Bijection<2, Recording>>(_: &B) {}
    takes(&affine2());
    takes(&Exponential);
    takes(&(affine2(), Inverted(Exponential)));
    takes(&[affine2(), affine2()]);
    takes(&RealNvp::<2, 2, 4, 4, 2>::new(&Source::new(0)).unwrap());
    takes(&Glow::<2, 2, 4, 4, 2>::new(&mut Source::new(0)).unwrap());
    takes(&continuous::<2>());
    takes(&continuous::<2>().with_adjoint(accurate()));
}

/// Parameters that are larger than at the start of training, so that the maps bend.
fn bent<M: TensorCollection<Real, Dev>>(mut model: M) -> M {
    let larger: Vec<Real> = parameters(&model).unwrap().into_iter().map(|p| 1.5 * p).collect();
    set_parameters(&mut model, &larger).unwrap();
    model
}

#[test]
fn autoregressive_bijections_keep_their_laws() {
    let source = Source::new(4);
    let layer = MaskedAutoregressive::<4, 4, 16, 8, 1>::new(&source).unwrap();
    bijection("autoregressive, bounded affine", &bent(layer), normal_points());
    let layer =
        MaskedAutoregressive::<3, 3, 16, 6, 0, Silu, UnboundedAffine, Shuffled<1>>::new(&source).unwrap();
    bijection("autoregressive, affine, shuffled", &bent(layer), normal_points());
    let layer = MaskedAutoregressive::<3, 3, 16, 3, 1, Tanh, Additive, Reversed>::new(&source).unwrap();
    bijection("autoregressive, additive, reversed", &bent(layer), normal_points());
    let layer = MaskedAutoregressive::<5, 5, 16, 10, 1, Tanh, BoundedAffine, Halves>::new(&source).unwrap();
    bijection("autoregressive, in halves", &bent(layer), normal_points());
    let layer = MaskedAutoregressive::<1, 1, 4, 2, 0>::new(&source).unwrap();
    bijection("autoregressive, 1 coordinate", &bent(layer), normal_points());
    bijection("MAF, 1 layer", &bent(Maf::<2, 2, 16, 4, 1>::new(&source).unwrap()), normal_points());
    bijection("MAF", &bent(Maf::<6, 6, 16, 12, 3>::new(&source).unwrap()), normal_points());
    bijection("autoregressive spline", &spline_autoregressive(), normal_points());
    let layer = MaskedAutoregressive::<3, 3, 8, 42, 1, Tanh, LogisticMixture<4>>::new(&source).unwrap();
    bijection("autoregressive mixture", &layer, normal_points());
    bijection("IAF", &bent(Iaf::<4, 4, 16, 8, 3>::new(&source).unwrap()), normal_points());
}

fn spline_autoregressive() -> SplineAutoregressive<2, 2, 16, 46, 2> {
    let model = SplineAutoregressive::<2, 2, 16, 46, 2>::new(&Source::new(4)).unwrap();
    bent(model)
}

/// All points have one context: the laws look at points alone and move them.
#[test]
fn a_conditional_autoregressive_flow_is_a_bijection_for_each_context() {
    fn law<M>(name: &str, model: &M)
    where
        M: ConditionalBijection<3, 2> + ConditionalBijection<3, 2, Recording> + TensorCollection<Real, Dev>,
        M: Clone,
    {
        let source = Source::new(0);
        let (x, context) = (normal_points::<3>(), source.points(&[[0.4, -1.1]; 7]).unwrap());
        bijection(name, &EqualContexts(model), x.clone());
        let other = source.points(&[[0.4, 1.1]; 7]).unwrap();
        let [here, there] = [context.clone(), other].map(|c| given(model, c).forward(x.clone()).unwrap().0);
        for (here, there) in rows(&here).iter().zip(rows(&there)) {
            assert!((0..3).all(|i| here[i] != there[i]), "{name}: every coordinate depends on the context");
        }
        for forward in [true, false] {
            parameter_gradients(&format!("{name}, forward {forward}"), model.clone(), |model, grads| {
                everything(&given(model, context.clone()), x.clone(), forward, grads)
            });
        }
    }
    let source = Source::new(4);
    law("conditional MAF", &bent(Maf::<3, 5, 6, 6, 2>::new(&source).unwrap()));
    law("conditional IAF", &bent(Iaf::<3, 5, 6, 6, 2>::new(&source).unwrap()));
    type Layer = MaskedAutoregressive<3, 5, 6, 6, 0, Silu, BoundedAffine, Shuffled<2>>;
    law("conditional autoregressive layer", &bent(Layer::new(&source).unwrap()));
}

/// The same context for every point of a batch of any size.
struct EqualContexts<'a, M>(&'a M);

impl<M: ConditionalBijection<3, 2>> Bijection<3> for EqualContexts<'_, M> {
    fn forward(&self, x: Points<3>) -> pushforward::Result<(Points<3>, PerPoint)> {
        let context = Source::new(0).points(&vec![[0.4, -1.1]; rows(&x).len()])?;
        given(self.0, context).forward(x)
    }

    fn inverse(&self, z: Points<3>) -> pushforward::Result<(Points<3>, PerPoint)> {
        let context = Source::new(0).points(&vec![[0.4, -1.1]; rows(&z).len()])?;
        given(self.0, context).inverse(z)
    }
}

fn both_gradients<const D: usize, M>(name: &str, model: &M)
where
    M: TensorCollection<Real, Dev> + Bijection<D, Recording> + Clone,
{
    let x = normal_points::<D>();
    for forward in [true, false] {
        let name = format!("{name}, forward {forward}");
        parameter_gradients(&name, model.clone(), |f, grads| everything(f, x.clone(), forward, grads));
    }
}

#[test]
fn every_parameter_of_an_autoregressive_flow_has_its_gradient() {
    let source = Source::new(4);
    both_gradients("MAF", &bent(Maf::<3, 3, 5, 6, 2>::new(&source).unwrap()));
    both_gradients("IAF", &bent(Iaf::<3, 3, 5, 6, 2>::new(&source).unwrap()));
    let layer =
        MaskedAutoregressive::<3, 3, 5, 6, 1, Silu, UnboundedAffine, Shuffled<2>>::new(&source).unwrap();
    both_gradients("autoregressive layer", &bent(layer));
}

#[test]
fn autoregressive_densities_integrate_to_one() {
    let source = Source::new(4);
    let flow = Flow { bijection: bent(Maf::<2, 2, 16, 4, 3>::new(&source).unwrap()), base: StandardNormal };
    integrates_to_one("a MAF", &flow, (-15.0, 15.0), 500, 1e-4);
    let flow = Flow { bijection: bent(Iaf::<2, 2, 16, 4, 3>::new(&source).unwrap()), base: StandardNormal };
    integrates_to_one("an IAF", &flow, (-15.0, 15.0), 500, 1e-4);
    let flow = Flow { bijection: spline_autoregressive(), base: StandardNormal };
    integrates_to_one("an autoregressive spline flow", &flow, (-8.0, 8.0), 500, 1e-4);
}

/// A residual block whose weights are large, so that all of them are divided.
fn residual<const D: usize, A: NonExpansive>(c: f64) -> InvertibleResidual<D, 8, 1, A> {
    stirred(InvertibleResidual::new(&Source::new(6), c).unwrap(), 0.8)
}

#[test]
fn residual_blocks_keep_the_laws_of_bijections() {
    bijection("residual, tanh", &residual::<3, Tanh>(0.9), normal_points());
    bijection("residual, ELU", &residual::<2, Elu>(0.5), normal_points());
    bijection("residual, softplus", &residual::<4, Softplus>(0.7), normal_points());
    bijection("residual, LipSwish, almost not invertible", &residual::<2, LipSwish>(0.98), normal_points());
    bijection("residual, 1 coordinate", &residual::<1, Tanh>(0.9), normal_points());
    let source = Source::new(6);
    let model = stirred(IResNet::<2, 8, 1, 3>::new(&source, 0.9).unwrap(), 0.3);
    bijection("i-ResNet", &model, normal_points());
    let model = stirred(ResidualFlow::<3, 8, 1, 3>::new(&source, 0.9).unwrap(), 0.3);
    bijection("Residual Flow", &model, normal_points());
    bijection("planar", &stirred(Planar::<2>::new(&mut Source::new(6)).unwrap(), 0.7), normal_points());
    bijection("planar, inverted", &Inverted(Planar::<3>::new(&mut Source::new(6)).unwrap()), normal_points());
}

#[test]
fn every_parameter_of_a_residual_flow_has_its_gradient() {
    both_gradients("planar", &stirred(Planar::<3>::new(&mut Source::new(6)).unwrap(), 0.3));
    both_gradients("residual, tanh", &residual::<3, Tanh>(0.6));
    // The kink of ELU's slope lies within the steps of f32, and many layers add their roundings.
    if size_of::<Real>() == 8 {
        both_gradients("residual, LipSwish", &residual::<3, LipSwish>(0.9));
        let source = Source::new(6);
        let model = IResNet::<2, 5, 1, 2>::new(&source, 0.9).unwrap();
        both_gradients("i-ResNet", &stirred(model, 0.3));
        let model = ResidualFlow::<2, 5, 0, 3>::new(&source, 0.9).unwrap();
        both_gradients("Residual Flow", &stirred(model, 0.3));
    }
}

#[test]
fn residual_densities_integrate_to_one() {
    fn law<B: Bijection<2>>(name: &str, bijection: B) {
        integrates_to_one(name, &Flow { bijection, base: StandardNormal }, (-15.0, 15.0), 400, 1e-4);
    }
    let source = Source::new(6);
    law("a Residual Flow", stirred(ResidualFlow::<2, 8, 1, 3>::new(&source, 0.9).unwrap(), 0.3));
    law("an i-ResNet", stirred(IResNet::<2, 8, 1, 3>::new(&source, 0.9).unwrap(), 0.3));
    law("a planar flow", stirred(Planar::new(&mut Source::new(6)).unwrap(), 0.7));
}

/// Steps so small that both directions are exact to rounding.
fn accurate() -> OdeSolver {
    OdeSolver::adaptive(DOPRI5, if size_of::<Real>() == 4 { 1e-6 } else { 1e-12 })
}

fn continuous<const D: usize>() -> Cnf<ConcatSquash<D, 1, 6, D, 0, Tanh>> {
    Cnf::new(stirred(ConcatSquash::new(&Source::new(7)).unwrap(), 0.4), accurate())
}

fn perceptron_flow() -> Cnf<Mlp<3, 6, 2, 1, Tanh>> {
    Cnf::new(stirred(Mlp::new(&Source::new(7)).unwrap(), 0.4), accurate())
}

#[test]
fn continuous_flows_keep_the_laws_of_bijections() {
    bijection("continuous, concatsquash", &continuous::<3>(), normal_points());
    bijection("continuous, 1 coordinate", &continuous::<1>(), normal_points());
    bijection("continuous, perceptron", &perceptron_flow(), normal_points());
    bijection("continuous, inverted", &Inverted(perceptron_flow()), normal_points());
}

#[test]
fn every_parameter_of_a_continuous_flow_has_its_gradient() {
    let steps = OdeSolver::fixed(RK4, 4);
    both_gradients("continuous, perceptron", &perceptron_flow().with_solver(steps));
    both_gradients("continuous, concatsquash", &continuous::<2>().with_solver(steps));
    both_gradients("continuous, by the adjoint", &continuous::<2>().with_adjoint(accurate()));
}

#[test]
fn continuous_densities_integrate_to_one() {
    let loose = OdeSolver::adaptive(DOPRI5, 1e-5);
    integrates_to_one("a Cnf", &continuous::<2>().with_solver(loose), (-12.0, 12.0), 200, 1e-4);
    let flow = Flow { bijection: perceptron_flow().with_solver(loose), base: StandardNormal };
    integrates_to_one("a Cnf in a Flow", &flow, (-12.0, 12.0), 200, 1e-4);
}
