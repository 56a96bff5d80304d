//! `course lab`: the lessons in JupyterLab.

use super::child::{self, interrupted};
use super::home::Home;
use super::problem::Problem;
use super::server::{self, Server};
use super::step::Step;
use super::{copies, kernel, lesson, setup};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// The lesson to open: its number, its name or a part of the name [default: 1].
    lesson: Option<String>,
    /// Print the address and keep serving; open no browser.
    #[arg(long)]
    no_browser: bool,
    /// Serve on this port [default: 8888, or the next free one].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Serve the notebooks of another folder.
    #[arg(long, value_name = "FOLDER", hide = true)]
    notebooks: Option<PathBuf>,
}

/// Sets up what is missing and serves the notebooks until Ctrl-C.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    child::catch_interrupt()?;
    let home = Home::open()?;
    let lessons = options.notebooks.clone().unwrap_or_else(|| home.notebooks());
    let stem = choose_lesson(&lessons, options.lesson.as_deref())?;
    server::choose_port(options.port)?;
    setup::ready(&home)?;
    let folder = if options.notebooks.is_some() { lessons } else { copies::ready(&home)? };
    let step = Step::start("Starting JupyterLab", "5 to 10 seconds");
    let mut server = Server::start(&home, &folder, server::choose_port(options.port)?)?;
    step.done();
    let address = server.address(&stem);
    println!("\nJupyterLab is ready at\n\n    {address}\n");
    println!("Your notebooks are in {}. Press Ctrl-C to stop.", folder.display());
    if !options.no_browser && !child::open_in_browser(&address) {
        println!("No browser could be opened: open this address yourself.");
    }
    serve(&home, &mut server)
}

fn choose_lesson(folder: &Path, asked: Option<&str>) -> Result<String, Problem> {
    let stems = lesson::all(folder)?;
    match asked {
        Some(asked) => lesson::find(&stems, asked),
        None => lesson::find(&stems, "1").or_else(|_| Ok(stems.first().cloned().unwrap_or_default())),
    }
}

fn serve(home: &Home, server: &mut Server) -> Result<ExitCode, Problem> {
    let ended = loop {
        if interrupted() {
            break None;
        }
        if let Some(status) = server.ended() {
            break Some(status);
        }
        std::thread::sleep(Duration::from_millis(150));
    };
    if ended.is_none() {
        println!("\nStopping JupyterLab and its kernels ...");
        server.stop();
    }
    kernel::sweep_after_the_end(home)?;
    match ended {
        Some(status) if !status.success() => {
            Err(Problem::Failed { what: "JupyterLab".to_owned(), status: status.to_string() })
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
