//! The chapters of the book, each one doctest, and what they need to run. Not part of the library's interface.

use crate::Result;
use crate::figure::Picture;
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

include!(concat!(env!("OUT_DIR"), "/chapters.rs"));

/// How many lines a running chapter counts too few.
static OFFSET: AtomicI64 = AtomicI64::new(0);

/// Called in the first line of a chapter, which thinks that it is line `counted`: from here on a panic names the
/// chapter's own file and line.
pub fn begin(chapter: &'static str, counted: u32, line: u32) {
    OFFSET.store(i64::from(line) - i64::from(counted), Ordering::Relaxed);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location() {
            let line = i64::from(place.line()) + OFFSET.load(Ordering::Relaxed);
            eprintln!(
                "{chapter}:{line}: a line of this chapter panicked (if the place below lies in a chapter):"
            );
        }
        report(panic);
    }));
}

/// An error of a chapter's line.
pub struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let line = i64::from(Location::caller().line()) + OFFSET.load(Ordering::Relaxed);
        Self(format!("line {line} of the chapter: {error}"))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a chapter does with the value that ends a piece of its code.
pub trait Shown {
    /// Draws the picture, and writes it for the book where the environment variable `COURSE_FIGURES` names a folder.
    fn shown(&self, file: &str) -> Result<()>;
}

impl<P: Picture> Shown for P {
    fn shown(&self, file: &str) -> Result<()> {
        match std::env::var_os("COURSE_FIGURES") {
            Some(folder) => self.save(&PathBuf::from(folder).join(file)),
            None => self.check(),
        }
    }
}
