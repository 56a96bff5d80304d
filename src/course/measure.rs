//! Times the course's computations, under the names and in the units that the book and the README quote.

use super::problem::Problem;
use pushforward::Result;
use pushforward::flow_matching::{ProbabilityPath, StraightPath, flow_matching_loss};
use pushforward::nn::{Activation, Mlp, Selu, Silu};
use pushforward::tensor::{Real, Source};
use pushforward::train::{Progress, Training, train};
use rand::Rng;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The beginnings of the cases to run; with none, all.
    cases: Vec<String>,
    /// One line of JSON per figure.
    #[arg(long)]
    json: bool,
    /// How many threads compute; with nothing, one per core.
    #[arg(long)]
    threads: Option<usize>,
    /// The seed of data and parameters.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// A number with its name and unit.
struct Figure {
    metric: &'static str,
    value: f64,
    unit: &'static str,
}

/// A computation that is timed.
struct Case {
    name: &'static str,
    run: fn(u64) -> Result<Vec<Figure>>,
}

const CASES: &[Case] = &[
    Case { name: "cfm_train/w64_selu/b256", run: |seed| cfm_train::<64, Selu>(seed, 256) },
    Case { name: "cfm_train/w64_selu/b2048", run: |seed| cfm_train::<64, Selu>(seed, 2048) },
    Case { name: "cfm_train/w256_silu/b256", run: |seed| cfm_train::<256, Silu>(seed, 256) },
    Case { name: "cfm_train/w256_silu/b2048", run: |seed| cfm_train::<256, Silu>(seed, 2048) },
];

/// Runs the cases that begin with one of the given words.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    let wanted = |case: &&Case| {
        options.cases.is_empty() || options.cases.iter().any(|begin| case.name.starts_with(begin))
    };
    let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
    if cases.is_empty() {
        let known = CASES.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
        return Err(Problem::NoCase { asked: options.cases.join(", "), known });
    }
    if let Some(threads) = options.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| Problem::Threads(error.to_string()))?;
    }
    for case in cases {
        for figure in (case.run)(options.seed)? {
            print(case.name, &figure, options.json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(case: &str, figure: &Figure, json: bool) {
    let Figure { metric, value, unit } = figure;
    if json {
        println!("{}", serde_json::json!({ "case": case, "metric": metric, "value": value, "unit": unit }));
    } else {
        println!("{case:<32} {metric:<14} {value:>14.4} {unit}");
    }
}

/// Steps per second of flow matching from N(0, I) to two moons: a network of 3 hidden layers, Adam, and the path
/// x_t = (1 − t) x₀ + t x₁ + 0.1 ε.
fn cfm_train<const H: usize, A: Activation>(seed: u64, batch: usize) -> Result<Vec<Figure>> {
    let mut source = Source::new(seed);
    let mut field = Mlp::<3, H, 2, 2, A>::new(&source)?;
    let pool = moons(16384, &mut source);
    let mut steps = |steps: usize| -> Result<Duration> {
        let start = Instant::now();
        let training = Training { steps, progress: Progress::Silent, ..Training::default() };
        train(&mut field, &training, |field, gradients| {
            let x_1: Vec<[Real; 2]> = (0..batch).map(|_| pool[source.gen_range(0..pool.len())]).collect();
            let (x_0, x_1) = (source.normal::<2>(batch)?, source.points(&x_1)?);
            let t = source.uniform(batch)?;
            let mut sample = StraightPath::default().sample(x_0, x_1, t)?;
            sample.x_t = sample.x_t + source.normal::<2>(batch)? * 0.1;
            flow_matching_loss(field, sample, gradients)
        })?;
        Ok(start.elapsed())
    };
    let rate = median_rate(&mut steps)?;
    let mut figures = vec![Figure { metric: "steps_per_s", value: rate, unit: "1/s" }];
    figures.extend(peak_memory().map(|value| Figure { metric: "peak_rss", value, unit: "MiB" }));
    Ok(figures)
}

/// The median over blocks of about half a second, after a warm-up.
fn median_rate(steps: &mut impl FnMut(usize) -> Result<Duration>) -> Result<f64> {
    const BLOCKS: usize = 7;
    steps(20)?;
    let per_step = steps(20)?.as_secs_f64() / 20.0;
    let block = ((0.5 / per_step) as usize).max(5);
    let mut rates = Vec::new();
    for _ in 0..BLOCKS {
        rates.push(block as f64 / steps(block)?.as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[BLOCKS / 2])
}

/// Two moons as torchcfm draws them: evenly spaced angles, the same uniform noise on both coordinates, times 3 minus 1.
fn moons(n: usize, source: &mut Source) -> Vec<[Real; 2]> {
    let half = n / 2;
    let point = |i: usize| {
        let angle = std::f64::consts::PI * (i % half) as f64 / (half - 1) as f64;
        if i < half { [angle.cos(), angle.sin()] } else { [1.0 - angle.cos(), 0.5 - angle.sin()] }
    };
    let noisy = |i| {
        let noise = 0.2 * source.r#gen::<f64>();
        point(i).map(|x| (3.0 * (x + noise) - 1.0) as Real)
    };
    (0..2 * half).map(noisy).collect()
}

/// The most memory that this process ever held, where the system tells (Linux).
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}
