//! Times the course's computations, under the names and in the units that the book and the README quote.

mod autoregressive;
mod checkerboard;
mod cnf;
mod coupling;
mod likelihood;
mod nfe;
mod quality;
mod residual;
mod sampling;
mod score;
mod training;
mod transport;

use super::problem::Problem;
use pushforward::Result;
use std::process::ExitCode;

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
    /// The cases of quality as long as they were published, which takes hours; otherwise a minute each.
    #[arg(long)]
    full: bool,
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

/// All cases, family by family.
fn cases(full: bool) -> impl Iterator<Item = &'static Case> {
    let families = [
        training::CASES,
        sampling::CASES,
        coupling::CASES,
        autoregressive::CASES,
        residual::CASES,
        cnf::CASES,
        score::CASES,
        if full { quality::FULL } else { quality::CASES },
        transport::CASES,
        checkerboard::CASES,
        nfe::CASES,
    ];
    families.into_iter().flatten()
}

/// Runs the cases that begin with one of the given words.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    let wanted = |case: &&Case| {
        options.cases.is_empty() || options.cases.iter().any(|begin| case.name.starts_with(begin))
    };
    let chosen: Vec<&Case> = cases(options.full).filter(wanted).collect();
    if chosen.is_empty() {
        let known = cases(options.full).map(|case| case.name).collect::<Vec<_>>().join(", ");
        return Err(Problem::NoCase { asked: options.cases.join(", "), known });
    }
    if let Some(threads) = options.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
        pool.map_err(|error| Problem::Threads(error.to_string()))?;
    }
    for case in chosen {
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

/// The one in the middle; of an even number, the upper one of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The mean, and the deviation with n − 1 in the denominator.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
