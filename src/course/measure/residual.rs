//! Residual flows by maximum likelihood. What is timed has 8 blocks whose contractions have two hidden layers of 64 units, and
//! batches of 256; what is compared by its likelihood has 16 blocks with 32 units, and sees as many points as the coupling
//! flows do.

use super::likelihood::{Data, Run, fit, fit_exactly};
use super::{Case, Figure};
use pushforward::Result;
use pushforward::change_of_variables::{Flow, StandardNormal, negative_log_likelihood};
use pushforward::data::{Pinwheel, Sample, TwoMoons};
use pushforward::rand::RngCore;
use pushforward::residual::{Estimated, Estimator, Length, ResidualFlow};
use pushforward::tensor::Source;

pub(super) const CASES: &[Case] = &[
    Case { name: "residual_train/roulette/b256", run: roulette },
    Case { name: "residual_train/exact2d/b256", run: exact },
    Case { name: "residual_train/moons", run: |seed| deep(&TwoMoons::default(), seed) },
    Case { name: "residual_train/pinwheel", run: |seed| deep(&Pinwheel::default(), seed) },
];

type Wide = ResidualFlow<2, 64, 1, 8>;
type Deep = ResidualFlow<2, 32, 1, 16>;

const TIMED: Run = Run { steps: 2000, batch: 256, learning_rate: 1e-3, seed: 0, metric: "test_nll" };
const COMPARED: Run = Run { batch: 512, learning_rate: 5e-3, ..TIMED };

/// A model whose blocks have the Lipschitz constant 0.9.
fn wide(data: &Data, seed: u64) -> Result<Wide> {
    let source = Source::new(seed);
    let mut model = Wide::new(&source, 0.9)?;
    model.initialize(&data.first(&source)?)?;
    Ok(model)
}

/// Two exact terms and a geometric number of others, with the mean 2; one vector for each point.
fn roulette(seed: u64) -> Result<Vec<Figure>> {
    let data = Data::of(&TwoMoons::default())?;
    let estimator = Estimator::roulette(2, Length::Geometric { p: 0.5 });
    fit(wide(&data, seed)?, &data, Run { seed, ..TIMED }, |model, x, source, gradients| {
        let bijection = Estimated { bijection: model.clone(), estimator, seed: source.next_u64() };
        negative_log_likelihood(&Flow { bijection, base: StandardNormal }, x, gradients)
    })
}

/// The determinant of each 2 × 2 matrix.
fn exact(seed: u64) -> Result<Vec<Figure>> {
    let data = Data::of(&TwoMoons::default())?;
    fit_exactly(wide(&data, seed)?, &data, Run { seed, ..TIMED })
}

/// Blocks with the Lipschitz constant 0.98.
fn deep(distribution: &impl Sample<2>, seed: u64) -> Result<Vec<Figure>> {
    let data = Data::of(distribution)?;
    let source = Source::new(seed);
    let mut model = Deep::new(&source, 0.98)?;
    model.initialize(&data.first(&source)?)?;
    fit_exactly(model, &data, Run { seed, ..COMPARED })
}
