//! One step of the set-up: what it does, how long it may take, and the program that does it.

use super::child::{self, interrupted};
use super::home::Home;
use super::problem::Problem;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{self, File};
use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A step that is under way.
pub(crate) struct Step {
    what: String,
    bar: Option<ProgressBar>,
    start: Instant,
}

impl Step {
    /// Says what is done and how long it may take: a spinner on a terminal, else a plain line.
    pub(crate) fn start(what: &str, how_long: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| spinner(&format!("{what} ({how_long})")));
        if bar.is_none() {
            eprintln!("{what} ({how_long}) ...");
        }
        Self { what: what.to_owned(), bar, start: Instant::now() }
    }

    /// Says that the step is done, and how long it took.
    pub(crate) fn done(self) {
        let line = format!("{}: done in {:.0} s", self.what, self.start.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.finish_with_message(line),
            None => eprintln!("{line}"),
        }
    }

    /// Runs a program to its end; all that it says goes to the log `name`.
    pub(crate) fn run(&self, home: &Home, name: &str, command: &mut Command) -> Result<(), Problem> {
        child::go_on()?;
        let log = home.log(name);
        if self.bar.is_none() {
            eprintln!("  (what it says is in {})", log.display());
        }
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(Problem::io(folder))?;
        }
        let out = File::create(&log).map_err(Problem::io(&log))?;
        let err = out.try_clone().map_err(Problem::io(&log))?;
        let child = child::spawn(command.stdin(Stdio::null()).stdout(out).stderr(err))?;
        self.wait(child, &log)
    }

    fn wait(&self, mut child: Child, log: &Path) -> Result<(), Problem> {
        let status = loop {
            if let Some(status) = child.try_wait().map_err(Problem::io(log))? {
                break status;
            }
            if interrupted() {
                // Ctrl-C has reached the program too, a signal sent to this one alone has not.
                let _ = child.kill();
            }
            if let Some(bar) = &self.bar {
                bar.set_prefix(last_line(log));
            }
            std::thread::sleep(Duration::from_millis(150));
        };
        if interrupted() {
            return Err(Problem::Interrupted);
        }
        if status.success() {
            return Ok(());
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        Err(Problem::StepFailed {
            what: self.what.clone(),
            status: status.to_string(),
            log: log.display().to_string(),
            tail: tail(log, 15),
        })
    }
}

fn spinner(message: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}] {prefix:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = last_bytes(log, 8000);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn last_line(log: &Path) -> String {
    tail(log, 1).trim().chars().take(60).collect()
}

fn last_bytes(log: &Path, count: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(count)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
