//! Training by maximum likelihood, timed, and the likelihood of points that were not seen.

use super::{Figure, median};
use pushforward::Result;
use pushforward::change_of_variables::{Bijection, Density, Flow, StandardNormal, negative_log_likelihood};
use pushforward::data::Sample;
use pushforward::dfdx::prelude::{AutoDevice, NumParams, TensorCollection};
use pushforward::tensor::{Gradients, Loss, Points, Real, Recording, Source, rows, values};
use pushforward::train::{Progress, Training, train};
use rand::Rng;
use std::time::Instant;

/// How a model is trained.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) steps: usize,
    pub(super) batch: usize,
    pub(super) learning_rate: f64,
    pub(super) seed: u64,
    /// The name of the likelihood that is measured.
    pub(super) metric: &'static str,
}

/// The run is timed in blocks of this many steps; the first is a warm-up.
const BLOCK: usize = 100;

/// The likelihood is that of the average of the parameters over about the last 100 steps, and also of the last ones, which
/// the noise of the batches moves about.
const DECAY: f64 = 0.99;

/// Batches are drawn out of this many points.
const POOL: usize = 65_536;

/// The points, drawn with a seed of their own: the same for every run.
pub(super) struct Data {
    pool: Vec<[Real; 2]>,
    test: Points<2>,
}

impl Data {
    pub(super) fn of(distribution: &impl Sample<2>) -> Result<Self> {
        let mut source = Source::new(1234);
        let pool = rows(&distribution.sample(POOL, &mut source)?);
        Ok(Self { pool, test: distribution.sample(10_000, &mut source)? })
    }

    /// Some points of the pool, for what is set by a first batch.
    pub(super) fn first(&self, source: &Source) -> Result<Points<2>> {
        source.points(&self.pool[..1000])
    }
}

/// Trains the model by its own log-determinant, and measures it.
pub(super) fn fit_exactly<M>(model: M, data: &Data, run: Run) -> Result<Vec<Figure>>
where
    M: Bijection<2> + Bijection<2, Recording> + TensorCollection<Real, AutoDevice> + Clone,
{
    fit(model, data, run, |model, x, _, gradients| {
        let flow = Flow { bijection: model.clone(), base: StandardNormal };
        negative_log_likelihood(&flow, x, gradients)
    })
}

/// Trains the model by a loss, and measures it, the density exact.
pub(super) fn fit<M>(
    mut model: M,
    data: &Data,
    run: Run,
    loss: impl Fn(&M, Points<2>, &mut Source, Gradients) -> Result<Loss>,
) -> Result<Vec<Figure>>
where
    M: Bijection<2> + TensorCollection<Real, AutoDevice> + Clone,
{
    let mut source = Source::new(run.seed);
    let training = Training {
        steps: run.steps,
        learning_rate: run.learning_rate,
        ema_decay: Some(DECAY),
        progress: Progress::Silent,
        ..Training::default()
    };
    let (mut rates, mut step, mut start) = (Vec::new(), 0, Instant::now());
    let trained = train(&mut model, &training, |model, gradients| {
        if step > 0 && step % BLOCK == 0 {
            rates.push(BLOCK as f64 / start.elapsed().as_secs_f64());
            start = Instant::now();
        }
        step += 1;
        let row = |_| data.pool[source.gen_range(0..data.pool.len())];
        let x: Vec<[Real; 2]> = (0..run.batch).map(row).collect();
        loss(model, source.points(&x)?, &mut source, gradients)
    })?;
    let parameters = model.num_trainable_params() as f64;
    let nll = |bijection| -> Result<f64> {
        let log_p = values(&Flow { bijection, base: StandardNormal }.log_prob(data.test.clone())?);
        Ok(-log_p.iter().map(|log_p| f64::from(*log_p)).sum::<f64>() / log_p.len() as f64)
    };
    Ok(vec![
        Figure { metric: "steps_per_s", value: median(rates.split_off(1)), unit: "1/s" },
        Figure { metric: run.metric, value: nll(trained.average)?, unit: "nat" },
        Figure { metric: "test_nll_last", value: nll(model)?, unit: "nat" },
        Figure { metric: "params", value: parameters, unit: "-" },
    ])
}
