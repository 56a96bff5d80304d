//! Residual flows by maximum likelihood: 8 blocks whose contractions have two hidden layers of 64 units, 4000 steps of Adam
//! on batches of 256.

use super::likelihood::{Data, Run, fit};
use super::{Case, Figure};
use pushforward::Result;
use pushforward::change_of_variables::{Flow, StandardNormal, negative_log_likelihood};
use pushforward::data::{Pinwheel, Sample, TwoMoons};
use pushforward::rand::RngCore;
use pushforward::residual::{Estimated, Estimator, Length, ResidualFlow};
use pushforward::tensor::Source;

pub(super) const CASES: &[Case] = &[
    Case { name: "residual_train/roulette/b256", run: roulette },
    Case { name: "residual_train/exact2d/b256", run: |seed| exact(&TwoMoons::default(), seed) },
    Case { name: "residual_train/pinwheel", run: |seed| exact(&Pinwheel::default(), seed) },
];

type Model = ResidualFlow<2, 64, 1, 8>;

/// The Lipschitz constant of each block.
const COEFFICIENT: f64 = 0.9;

fn started(data: &Data, seed: u64) -> Result<(Model, Run)> {
    let source = Source::new(seed);
    let mut model = Model::new(&source, COEFFICIENT)?;
    model.initialize(&data.first(&source)?)?;
    Ok((model, Run { steps: 4000, batch: 256, seed, metric: "test_nll" }))
}

/// Two exact terms and a geometric number of others, with the mean 2; one vector for each point.
fn roulette(seed: u64) -> Result<Vec<Figure>> {
    let data = Data::of(&TwoMoons::default())?;
    let (model, run) = started(&data, seed)?;
    let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
    fit(model, &data, run, |model, x, source, gradients| {
        let bijection = Estimated { bijection: model.clone(), estimator, seed: source.next_u64() };
        negative_log_likelihood(&Flow { bijection, base: StandardNormal }, x, gradients)
    })
}

/// The determinant of each 2 × 2 matrix.
fn exact(distribution: &impl Sample<2>, seed: u64) -> Result<Vec<Figure>> {
    let data = Data::of(distribution)?;
    let (model, run) = started(&data, seed)?;
    fit(model, &data, run, |model, x, _, gradients| {
        let flow = Flow { bijection: model.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, x, gradients)
    })
}
