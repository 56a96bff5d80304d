//! i-ResNet and Residual Flow.

use super::common::stirred;
use pushforward::change_of_variables::{Bijection, Flow, StandardNormal, negative_log_likelihood};
use pushforward::data::{Sample, TwoMoons};
use pushforward::nn::{parameters, set_parameters};
use pushforward::rand::RngCore;
use pushforward::residual::{
    Estimated, Estimator, IResNet, Length, ResidualFlow, local_lipschitz, published_fixed_point,
};
use pushforward::tensor::{Points, Real, Source, rows, values};
use pushforward::train::{Progress, Training, load, save, train};

/// Trained on two moons for some steps, with parameters that begin large, so that every weight is divided.
fn trained() -> ResidualFlow<2, 16, 1, 3> {
    let mut source = Source::new(1);
    let mut model = stirred(ResidualFlow::new(&source, 0.98).unwrap(), 0.4);
    model.initialize(&TwoMoons::default().sample(500, &mut source).unwrap()).unwrap();
    let training =
        Training { steps: 80, learning_rate: 5e-3, progress: Progress::Silent, ..Training::default() };
    let estimator = Estimator::roulette(4, Length::Geometric { p: 0.3 });
    let losses = train(&mut model, &training, |model, gradients| {
        let bijection = Estimated { bijection: model.clone(), estimator, seed: source.next_u64() };
        let flow = Flow { bijection, base: StandardNormal };
        negative_log_likelihood(&flow, TwoMoons::default().sample(256, &mut source)?, gradients)
    })
    .unwrap()
    .losses;
    let mean = |losses: &[Real]| losses.iter().sum::<Real>() / losses.len() as Real;
    assert!(mean(&losses[70..]) < mean(&losses[..10]) - 0.1, "{losses:?}");
    model
}

#[test]
fn a_trained_model_contracts_and_is_inverted_at_every_one_of_ten_thousand_points() {
    let model = trained();
    let mut x: Points<2> = TwoMoons::default().sample(10_000, &mut Source::new(2)).unwrap();
    let data = rows(&x);
    for (layer, (norm, block)) in model.layers().iter().enumerate() {
        (x, _) = norm.forward(x).unwrap();
        let certificate = block.contraction.lipschitz_bound().unwrap();
        assert!(certificate <= 0.98 + 1e-5, "layer {layer}: {certificate}");
        let most = local_lipschitz(&block.contraction, x.clone()).unwrap().into_iter().fold(0.0, f64::max);
        assert!(most <= 0.98 + 1e-5, "layer {layer}: a Jacobian has the norm {most}");
        let (z, _) = block.forward(x).unwrap();
        let found = block.solve(&z).unwrap();
        let published = published_fixed_point(|x| block.contraction.apply(x), &z).unwrap();
        let worst = |residuals: &[f64]| residuals.iter().fold(0.0f64, |worst, r| worst.max(*r));
        println!(
            "layer {layer}: Lipschitz {most:.3} to {certificate:.3}, worst residual {:.1e} after {} steps, {:.1e} after {} as published",
            worst(&found.residuals),
            found.steps.iter().max().unwrap(),
            worst(&published.residuals),
            published.steps[0]
        );
        assert!(worst(&found.residuals) < 1e-5, "layer {layer}: {}", worst(&found.residuals));
        x = z;
    }
    let (back, _) = model.inverse(x).unwrap();
    for (n, (x, back)) in data.into_iter().zip(rows(&back)).enumerate() {
        let error = f64::from((x[0] - back[0]).hypot(x[1] - back[1]));
        assert!(error < if size_of::<Real>() == 4 { 1e-4 } else { 1e-11 }, "point {n}: {error}");
    }
}

#[test]
fn an_i_resnet_learns_with_a_truncated_series() {
    let mut source = Source::new(1);
    let mut model = IResNet::<2, 16, 1, 3>::new(&source, 0.9).unwrap();
    let training =
        Training { steps: 60, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
    let estimator = Estimator::truncated(5);
    let losses = train(&mut model, &training, |model, gradients| {
        let bijection = Estimated { bijection: model.clone(), estimator, seed: source.next_u64() };
        let flow = Flow { bijection, base: StandardNormal };
        negative_log_likelihood(&flow, TwoMoons::default().sample(128, &mut source)?, gradients)
    })
    .unwrap()
    .losses;
    assert!(losses[59] < losses[0] - 0.2, "{} to {}", losses[0], losses[59]);
}

#[test]
fn normalizations_are_set_by_the_first_batch_alone() {
    let source = Source::new(1);
    let mut model = IResNet::<2, 8, 0, 2>::new(&source, 0.9).unwrap();
    let x = source.points(&[[10.0, 1.0], [14.0, 2.0], [12.0, 6.0]]).unwrap();
    model.initialize(&x).unwrap();
    let set = parameters(&model).unwrap();
    let (z, _) = model.layers()[0].0.forward(x).unwrap();
    assert!(rows(&z).iter().map(|z| z[0]).sum::<Real>().abs() < 1e-4, "the mean is 0");
    model.initialize(&source.points(&[[0.0, 5.0], [1.0, 9.0]]).unwrap()).unwrap();
    assert_eq!(parameters(&model).unwrap(), set);
}

#[test]
fn a_saved_model_is_the_same_model_with_its_constant() {
    let mut source = Source::new(1);
    let model = stirred(ResidualFlow::<2, 8, 1, 2>::new(&source, 0.37).unwrap(), 1.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.safetensors");
    save(&model, &path).unwrap();
    let mut other = ResidualFlow::<2, 8, 1, 2>::new(&Source::new(2), 0.9).unwrap();
    load(&mut other, &path).unwrap();
    assert_eq!(other.layers()[1].1.contraction.coefficient(), 0.37);
    let x = source.normal::<2>(10).unwrap();
    let [one, two] = [&model, &other].map(|model| model.forward(x.clone()).unwrap());
    assert_eq!(rows(&one.0), rows(&two.0));
    assert_eq!(values(&one.1), values(&two.1));
    let mut changed = parameters(&other).unwrap();
    changed[0] += 1.0;
    set_parameters(&mut other, &changed).unwrap();
    assert_ne!(rows(&other.forward(x).unwrap().0), rows(&two.0), "the parameters are used");
}
