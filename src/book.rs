//! The chapters of the book, each one doctest, and what they need to run. Not part of the library's interface.

use crate::Result;
use crate::figure::Picture;
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::OnceLock;

include!(concat!(env!("OUT_DIR"), "/chapters.rs"));

/// The chapter that runs in this process, and how many lines it counts too few.
static CHAPTER: OnceLock<(&str, i64)> = OnceLock::new();

/// Called in the first line of a chapter, which is line `line` and counts as line `counted`: from here on a panic
/// names the chapter's own file and line.
pub fn begin(chapter: &'static str, counted: u32, line: u32) {
    CHAPTER.get_or_init(|| (chapter, i64::from(line) - i64::from(counted)));
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location().filter(|place| place.file().ends_with(".md")) {
            eprintln!("{}: this line of the chapter panicked", name(place));
        }
        report(panic);
    }));
}

/// A place in a chapter as its author knows it.
fn name(place: &Location<'_>) -> String {
    let (chapter, offset) = CHAPTER.get().copied().unwrap_or_default();
    format!("{chapter}:{}", i64::from(place.line()) + offset)
}

/// An error in a line of a chapter.
pub struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self(format!("{}: {error}", name(Location::caller())))
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
            None => self.dry_run(),
        }
    }
}
