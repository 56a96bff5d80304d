//! Discrete flows on two moons by maximum likelihood: 8 coupling layers with conditioners of two hidden layers of 64 units,
//! 2000 steps of Adam on batches of 512 out of 65,536 points, then the likelihood of 10,000 others.

use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::change_of_variables::{Bijection, Density, Flow, StandardNormal, negative_log_likelihood};
use pushforward::coupling::{RealNvp, SplineFlow};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{AutoDevice, NumParams, TensorCollection};
use pushforward::tensor::{Points, Real, Recording, Source, rows, values};
use pushforward::train::{Progress, Training, train};
use rand::Rng;
use std::time::Instant;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "realnvp_train/affine",
        run: |seed| realnvp_train(RealNvp::<2, 2, 64, 4, 8>::new(&Source::new(seed))?, seed),
    },
    Case {
        name: "realnvp_train/spline",
        run: |seed| realnvp_train(SplineFlow::<2, 2, 64, 46, 8>::new(&Source::new(seed))?, seed),
    },
];

const STEPS: usize = 2000;
const BATCH: usize = 512;
/// The run is timed in blocks of this many steps; the first is a warm-up.
const BLOCK: usize = 100;

/// The likelihood is that of the average of the parameters over about the last 100 steps, and also of the last ones, which
/// the noise of the batches moves about.
const DECAY: f64 = 0.99;

/// The points are the same for every seed; parameters and batches are not.
fn realnvp_train<M>(mut model: M, seed: u64) -> Result<Vec<Figure>>
where
    M: Bijection<2> + Bijection<2, Recording> + TensorCollection<Real, AutoDevice> + Clone,
{
    let mut data = Source::new(1234);
    let pool = rows(&TwoMoons::default().sample(65536, &mut data)?);
    let test: Points<2> = TwoMoons::default().sample(10_000, &mut data)?;
    let mut source = Source::new(seed);
    let training =
        Training { steps: STEPS, ema_decay: Some(DECAY), progress: Progress::Silent, ..Training::default() };
    let (mut rates, mut step, mut start) = (Vec::new(), 0, Instant::now());
    let trained = train(&mut model, &training, |model, gradients| {
        if step > 0 && step % BLOCK == 0 {
            rates.push(BLOCK as f64 / start.elapsed().as_secs_f64());
            start = Instant::now();
        }
        step += 1;
        let x: Vec<[Real; 2]> = (0..BATCH).map(|_| pool[source.gen_range(0..pool.len())]).collect();
        let flow = Flow { bijection: model.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, source.points(&x)?, gradients)
    })?;
    let parameters = model.num_trainable_params() as f64;
    let nll = |bijection| -> Result<f64> {
        let log_p = values(&Flow { bijection, base: StandardNormal }.log_prob(test.clone())?);
        Ok(-log_p.iter().map(|log_p| f64::from(*log_p)).sum::<f64>() / log_p.len() as f64)
    };
    Ok(vec![
        Figure { metric: "steps_per_s", value: median(rates.split_off(1)), unit: "1/s" },
        Figure { metric: "test_nll_2000", value: nll(trained.average)?, unit: "nat" },
        Figure { metric: "test_nll_last", value: nll(model)?, unit: "nat" },
        Figure { metric: "params", value: parameters, unit: "-" },
    ])
}
