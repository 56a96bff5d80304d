//! Continuous flows with the exact divergence: the log-likelihood of 1000 points under a network whose parameters
//! every program can compute, and training through eight steps of a solver. As in the program beside which they are
//! timed, the data are at t = 0 and the noise at t = 1.

use super::sampling::{fixed_network, initial_points};
use super::training::median_rate;
use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::change_of_variables::{Bijection, Density, StandardNormal};
use pushforward::cnf::{Cnf, DOPRI5, ErrorNorm, OdeSolver, RK38};
use pushforward::data::{Sample, TwoMoons};
use pushforward::dfdx::prelude::{MeanTo, Trace, TryAdd};
use pushforward::nn::{Mlp, Tanh};
use pushforward::tensor::{Real, Source, rows, values};
use pushforward::train::{Progress, Training, train};
use rand::Rng;
use std::time::Instant;

pub(super) const CASES: &[Case] = &[
    Case { name: "cnf_loglik/dopri5_1e-5/gain1/n1000", run: |_| log_likelihood(1.0) },
    Case { name: "cnf_loglik/dopri5_1e-5/gain2/n1000", run: |_| log_likelihood(2.0) },
    Case { name: "cnf_train/rk4_8/b256", run: training },
];

const BATCH: usize = 256;

/// Adaptive steps that all points share, as torchdiffeq takes them.
fn log_likelihood(gain: f64) -> Result<Vec<Figure>> {
    const REPETITIONS: usize = 9;
    let solver = OdeSolver::adaptive(DOPRI5, 1e-5).with_norm(ErrorNorm::Largest);
    let cnf = Cnf::new(fixed_network::<64, Tanh>(11, gain)?, solver);
    let x = initial_points(1000)?;
    let (mut times, mut log_p, mut evaluations) = (Vec::new(), Vec::new(), 0);
    for repetition in 0..REPETITIONS + 2 {
        let start = Instant::now();
        let solution = cnf.solve(x.clone(), 0.0, 1.0)?;
        evaluations = solution.nfe();
        let (z, log_det) = solution.end;
        log_p = values(&StandardNormal.log_prob(z)?.try_add(log_det)?);
        if repetition >= 2 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let mean = log_p.iter().map(|log_p| f64::from(*log_p)).sum::<f64>() / log_p.len() as f64;
    Ok(vec![
        Figure { metric: "time", value: median(times), unit: "ms" },
        Figure { metric: "nfe", value: evaluations as f64, unit: "-" },
        Figure { metric: "mean_loglik", value: mean, unit: "nat" },
    ])
}

/// Maximum likelihood on two moons, differentiated through the solver.
fn training(seed: u64) -> Result<Vec<Figure>> {
    let mut source = Source::new(seed);
    let pool = rows(&TwoMoons::default().sample(65_536, &mut Source::new(1234))?);
    let mut cnf = Cnf::new(Mlp::<3, 64, 2, 2, Tanh>::new(&source)?, OdeSolver::fixed(RK38, 8));
    let rate = median_rate(|steps| {
        let start = Instant::now();
        let training = Training { steps, progress: Progress::Silent, ..Training::default() };
        train(&mut cnf, &training, |cnf, gradients| {
            let x: Vec<[Real; 2]> = (0..BATCH).map(|_| pool[source.gen_range(0..pool.len())]).collect();
            let (z, log_det) = cnf.inverse(source.points(&x)?.traced(gradients))?;
            Ok(StandardNormal.log_prob(z)?.try_add(log_det)?.try_mean()?.try_negate()?)
        })?;
        Ok(start.elapsed())
    })?;
    Ok(vec![Figure { metric: "steps_per_s", value: rate, unit: "1/s" }])
}
