//! `course check`: every lesson's notebook on the real kernel, without a browser.

use super::check_report as report;
use super::child::{self, interrupted};
use super::home::{self, Home};
use super::problem::Problem;
use super::{kernel, lesson, setup, step, warm};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

const SCRIPT: &str = include_str!("check.py");
const CELL_TIMEOUT: u64 = 180;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The lessons to check: numbers, names or parts of names [default: all, and the kernel itself].
    lessons: Vec<String>,
    /// Print one JSON object for each notebook in place of the table.
    #[arg(long)]
    json: bool,
    /// Check the notebooks of another folder.
    #[arg(long, value_name = "FOLDER", hide = true)]
    notebooks: Option<PathBuf>,
}

/// A notebook's code cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) source: String,
    /// It must show a picture.
    pub(crate) shows_figure: bool,
}

impl Cell {
    pub(crate) fn plain(source: String) -> Self {
        Self { source, shows_figure: false }
    }
}

/// Cells to be run in one kernel.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) env: Vec<(&'static str, &'static str)>,
    cwd: PathBuf,
    cells: Vec<Cell>,
}

impl Job {
    /// Cells see the repository as their folder's parent, as notebooks do.
    pub(crate) fn new(name: &str, home: &Home, cells: Vec<Cell>) -> Self {
        let notebooks = home.notebooks();
        let cwd = if notebooks.is_dir() { notebooks } else { home.repo.join("src") };
        Self { name: name.to_owned(), env: Vec::new(), cwd, cells }
    }
}

/// What came of a cell.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) cell: Cell,
    pub(crate) number: usize,
    pub(crate) status: String,
    pub(crate) seconds: f64,
    /// Seconds from the kernel's start to the cell's end.
    pub(crate) at: f64,
    pub(crate) outputs: Vec<(String, String)>,
}

/// What came of a notebook.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) ready: Option<f64>,
    pub(crate) cells: Vec<Ran>,
    pub(crate) failed: Option<String>,
}

/// One line of the script.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Ready { seconds: f64 },
    Cell { number: usize, status: String, seconds: f64, at: f64, outputs: Vec<(String, String)> },
    Late { number: usize, outputs: Vec<(String, String)> },
    Failed { text: String },
    End,
}

/// Sets up what is missing, runs the notebooks and says which cells fail.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    child::catch_interrupt()?;
    let home = Home::open()?;
    let folder = options.notebooks.clone().unwrap_or_else(|| home.notebooks());
    let jobs = choose(&home, &folder, &options.lessons)?;
    setup::ready(&home)?;
    let mut all_good = true;
    let runs = drive(&home, &jobs, CELL_TIMEOUT, &mut |run| {
        let trouble = find_trouble(run);
        all_good &= trouble.is_none();
        let text = if options.json {
            report::json(run, trouble.as_ref())
        } else {
            report::row(run, trouble.as_ref())
        };
        println!("{text}");
    })?;
    kernel::sweep_after_the_end(&home)?;
    let complete = runs.len() == jobs.len();
    Ok(if all_good && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(home: &Home, folder: &Path, lessons: &[String]) -> Result<Vec<Job>, Problem> {
    let stems = lesson::all(folder)?;
    let chosen = match lessons {
        [] => stems,
        asked => asked.iter().map(|asked| lesson::find(&stems, asked)).collect::<Result<_, _>>()?,
    };
    let mut jobs = Vec::new();
    if lessons.is_empty() {
        jobs.push(warm::self_test(home));
    }
    for stem in chosen {
        let cells = read(&folder.join(format!("{stem}.ipynb")))?;
        jobs.push(Job::new(&stem, home, cells));
    }
    Ok(jobs)
}

fn find_trouble(run: &Run) -> Option<report::Trouble> {
    if run.name == warm::SELF_TEST {
        return warm::self_test_trouble(run).map(report::Trouble::whole);
    }
    report::first_trouble(run)
}

/// The code cells of a notebook.
fn read(path: &Path) -> Result<Vec<Cell>, Problem> {
    let bad = |reason: String| Problem::BadNotebook { path: path.display().to_string(), reason };
    let text = fs::read_to_string(path).map_err(Problem::io(path))?;
    let notebook: Value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let cells = notebook["cells"].as_array().ok_or_else(|| bad("it has no list of cells".to_owned()))?;
    Ok(cells.iter().filter(|cell| cell["cell_type"] == "code").map(read_cell).collect())
}

fn read_cell(cell: &Value) -> Cell {
    let source = match &cell["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    Cell { source, shows_figure: cell["metadata"]["pushforward"]["shows"] == "figure" }
}

/// Runs jobs on the kernel; `finished` hears of each notebook as soon as it is done.
pub(crate) fn drive(
    home: &Home,
    jobs: &[Job],
    timeout: u64,
    finished: &mut dyn FnMut(&Run),
) -> Result<Vec<Run>, Problem> {
    let script = home.root.join("check.py");
    let list = home.root.join(format!("check-{}.json", std::process::id()));
    home::write(&script, SCRIPT)?;
    home::write(&list, &work(jobs, timeout).to_string())?;
    let log = home.log("check");
    home::write(&log, "")?;
    let err = File::create(&log).map_err(Problem::io(&log))?;
    let mut command = child::python(home);
    command.arg(&script).arg(&list).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err);
    let mut process = child::spawn(&mut command)?;
    let lines = process.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let runs = collect(jobs, lines.map_while(Result::ok), finished);
    let status = process.wait().map_err(Problem::io(&script))?;
    home::remove(&list)?;
    if interrupted() {
        return Err(Problem::Interrupted);
    }
    if status.success() {
        return Ok(runs);
    }
    Err(Problem::StepFailed {
        what: "Running the notebooks".to_owned(),
        status: status.to_string(),
        tail: step::tail(&log, 15),
        log: log.display().to_string(),
    })
}

fn work(jobs: &[Job], timeout: u64) -> Value {
    // A kernel and its compiler keep four cores busy.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs: Vec<Value> = jobs.iter().map(describe).collect();
    json!({ "timeout": timeout, "parallel": (cores / 4).max(1), "jobs": jobs })
}

fn describe(job: &Job) -> Value {
    let env: serde_json::Map<String, Value> =
        job.env.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let cells: Vec<&str> = job.cells.iter().map(|cell| cell.source.as_str()).collect();
    json!({ "name": job.name, "cwd": job.cwd, "env": env, "cells": cells })
}

fn collect(jobs: &[Job], lines: impl Iterator<Item = String>, finished: &mut dyn FnMut(&Run)) -> Vec<Run> {
    let mut runs: Vec<Run> =
        jobs.iter().map(|job| Run { name: job.name.clone(), ..Run::default() }).collect();
    let mut done = Vec::new();
    for line in lines {
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        let Some(index) = jobs.iter().position(|job| value["notebook"] == job.name.as_str()) else {
            continue;
        };
        let Ok(event) = serde_json::from_value(value) else { continue };
        if matches!(event, Event::End) {
            finished(&runs[index]);
            done.push(std::mem::take(&mut runs[index]));
        } else {
            take(&jobs[index], &mut runs[index], event);
        }
    }
    done
}

fn take(job: &Job, run: &mut Run, event: Event) {
    match event {
        Event::Ready { seconds } => run.ready = Some(seconds),
        Event::Failed { text } => run.failed = Some(text),
        Event::Cell { number, status, seconds, at, outputs } => {
            let cell = job.cells.get(number - 1).cloned().unwrap_or_else(|| Cell::plain(String::new()));
            run.cells.push(Ran { cell, number, status, seconds, at, outputs });
        }
        Event::Late { number, outputs } => {
            if let Some(ran) = run.cells.iter_mut().find(|ran| ran.number == number) {
                ran.outputs.extend(outputs);
            }
        }
        Event::End => {}
    }
}
