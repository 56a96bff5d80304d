//! Why the command could not do what was asked: one sentence each, that says what to do.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "this is not the course's repository ({0}); go to the folder that holds its Cargo.toml and run `cargo run --release` there"
    )]
    NoRepository(String),
    #[error(
        "no Python was found; install Python {needed} or newer (python.org, or your system's package manager) and run this again"
    )]
    NoPython { needed: &'static str },
    #[error("Python {found} is too old for JupyterLab; install Python {needed} or newer and run this again")]
    PythonTooOld { found: String, needed: &'static str },
    #[error(
        "{python} cannot make private environments (its modules venv and ensurepip are missing); install them (on Debian and Ubuntu: `sudo apt install python3-venv`) and run this again"
    )]
    NoVenv { python: String },
    #[error("`{0}` was not found; install Rust from rustup.rs and run this again")]
    NoCargo(String),
    #[error(
        "port {0} is taken by another program; choose another with `--port`, or leave `--port` out and a free one is found"
    )]
    PortTaken(u16),
    #[error("no free port was found from {0} on; name one with `--port`")]
    NoPort(u16),
    #[error(
        "{path} has {free} free, but the installation needs about {needed}; make room, or name a folder on another disk with the environment variable COURSE_HOME"
    )]
    NoSpace { path: String, free: String, needed: String },
    #[error(
        "{what} failed ({status}); if the lines above speak of a connection, check the network; then run this again: what is done already is kept (the whole log: {log})"
    )]
    StepFailed { what: String, status: String, log: String, tail: String },
    #[error("stopped; run this again to go on where it stopped")]
    Interrupted,
    #[error(
        "there are no notebooks in {0}; run `cargo run --release -- notebooks` to write them from the book's chapters"
    )]
    NoNotebooks(String),
    #[error("there is no lesson `{asked}`; the nearest is `{nearest}`")]
    NoLesson { asked: String, nearest: String },
    #[error("`{asked}` is part of several lessons: {found}; name one of them")]
    ManyLessons { asked: String, found: String },
    #[error("{path} is not a notebook: {reason}")]
    BadNotebook { path: String, reason: String },
    #[error("JupyterLab stopped before it was ready; its log is {log}")]
    ServerStopped { log: String, tail: String },
    #[error("JupyterLab was not ready after {seconds} seconds; its log is {log}")]
    ServerSlow { seconds: u64, log: String, tail: String },
    #[error("the notebooks' kernel could not be prepared: {0}")]
    Warm(String),
    #[error("{0} is missing; run `cargo run --release -- lab` once to set it up")]
    NotSetUp(String),
    #[error("there is no book in {0}")]
    NoBook(String),
    #[error("{what} ended with {status}")]
    Failed { what: String, status: String },
    #[error("{path}: {problem}")]
    BadChapter { path: String, problem: String },
    #[error(
        "these notebooks are not what their chapters say: {0}; run `cargo run --release -- notebooks` to write them again"
    )]
    OldNotebooks(String),
    #[error("these notebooks have no chapter: {0}; move them out of the folder `notebooks`")]
    StrayNotebooks(String),
    #[error("there is no case that begins with `{asked}`; there are {known}")]
    NoCase { asked: String, known: String },
    #[error("the threads could not be started: {0}")]
    Threads(String),
    #[error(
        "NVIDIA's packages are for Linux on x86-64; elsewhere install the CUDA toolkit from developer.nvidia.com and set CUDA_PATH to its folder"
    )]
    NoCudaPackages,
    #[error("{0} is not a compute capability; give it as NVIDIA writes it, 8.0 or 9.0 for example")]
    BadCapability(String),
    #[error(transparent)]
    Course(#[from] pushforward::Error),
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("the keyboard's interrupt cannot be caught: {0}")]
    Signal(#[from] ctrlc::Error),
}

impl Problem {
    /// Names the file or folder that an input or output error is about.
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path: PathBuf = path.as_ref().to_owned();
        move |source| Self::Io { path: path.display().to_string(), source }
    }

    /// The last lines of the program that failed, to be shown above the sentence.
    pub(crate) fn tail(&self) -> Option<&str> {
        match self {
            Self::StepFailed { tail, .. }
            | Self::ServerStopped { tail, .. }
            | Self::ServerSlow { tail, .. } => Some(tail),
            _ => None,
        }
    }
}
