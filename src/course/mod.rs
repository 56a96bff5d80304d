//! The `course` command: what can be asked of it, and who answers.

mod book;
mod chapter;
mod check;
mod check_report;
mod child;
mod copies;
mod cuda;
mod home;
mod kernel;
mod lab;
mod lesson;
mod measure;
mod notebook;
mod problem;
mod python;
mod server;
mod setup;
mod step;
mod tools;
mod warm;

use clap::{Parser, Subcommand};
use problem::Problem;
use std::process::ExitCode;

/// A course in flow-based generative models that runs.
#[derive(Debug, Parser)]
#[command(name = "course", version, about, disable_help_subcommand = true)]
struct Cli {
    /// What to do; with nothing, `lab`.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the lessons in JupyterLab (the first time this installs what it needs, in .course/).
    Lab(lab::Options),
    /// Run the lessons' notebooks on the real kernel, without a browser, and say which cells fail.
    Check(check::Options),
    /// Build the book.
    Book(book::Options),
    /// Write the notebooks from the book's chapters.
    Notebooks(notebook::Options),
    /// Time the course's computations: the numbers that the book and the README quote.
    Measure(measure::Options),
    /// Make the CUDA toolkit that a build with `--features cuda` needs, and print what the shell must know of it.
    Cuda(cuda::Options),
    /// What Jupyter starts for a notebook.
    #[command(hide = true)]
    Kernel(kernel::Options),
}

/// Reads the command line and does what it asks.
pub(crate) fn run() -> ExitCode {
    let command = Cli::parse().command;
    match dispatch(command.unwrap_or_else(|| Command::Lab(lab::Options::default()))) {
        Ok(code) => code,
        Err(problem) => {
            if let Some(tail) = problem.tail() {
                eprintln!("{tail}");
            }
            eprintln!("course: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Lab(options) => lab::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Book(options) => book::run(&options),
        Command::Notebooks(options) => notebook::run(&options),
        Command::Measure(options) => measure::run(&options),
        Command::Cuda(options) => cuda::run(&options),
        Command::Kernel(options) => kernel::run(&options),
    }
}
