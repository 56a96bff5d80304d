//! Reads a chapter: Markdown whose `rust` fences are one program, cut into pieces.
//!
//! The chapter is the only source of three things: the doctest (made by `build.rs`, which includes this file), the
//! notebook (made by `course notebooks`) and the book. The notation is described in `book/src/authors.md`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What a piece of code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Part of the chapter's one program.
    Program,
    /// A learner's starting point: ends in a call of a check that it does not pass yet.
    Exercise,
    /// An answer, folded away in the book: ends in a call of the same check, which it passes.
    Solution,
}

/// A file that the last expression of a piece of code draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The text under the picture.
    pub(crate) caption: String,
    /// The file's path, relative to the folder of the chapter.
    pub(crate) file: String,
    /// The line of the chapter (from 0) that shows it.
    pub(crate) line: usize,
}

/// A `rust` fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// What it is for.
    pub(crate) role: Role,
    /// The lines between the fences, counted from 0.
    pub(crate) lines: Range<usize>,
    /// What its last expression draws.
    pub(crate) picture: Option<Picture>,
}

/// A chapter, read.
#[derive(Clone, Debug)]
pub(crate) struct Chapter {
    /// The lines of the file.
    pub(crate) lines: Vec<String>,
    /// Its `rust` fences in order.
    pub(crate) codes: Vec<Code>,
}

impl Chapter {
    /// Reads the text of a chapter; the error names the line (from 1) and says how to mend it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut codes = Vec::new();
        let mut next = 0;
        while next < lines.len() {
            let Some(fence) = Fence::open(&lines[next]) else {
                next += 1;
                continue;
            };
            let start = next + 1;
            let end = (start..lines.len())
                .find(|&line| fence.is_closed_by(&lines[line]))
                .ok_or(format!("line {start}: this fence is never closed"))?;
            if let Some(role) = fence.role().map_err(|problem| format!("line {start}: {problem}"))? {
                codes.push(Code { role, lines: start..end, picture: picture_after(&lines, end) });
            }
            next = end + 1;
        }
        Ok(Self { lines, codes })
    }

    /// The text of a piece of code as a reader sees it: without its hidden lines.
    pub(crate) fn visible(&self, code: &Code) -> Vec<&str> {
        self.lines[code.lines.clone()]
            .iter()
            .map(String::as_str)
            .filter(|line| hidden(line).is_none())
            .collect()
    }
}

/// The chapters in a folder, in order: the files whose names begin with the number of a lesson.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(".md") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The code of a hidden line (`# let x = 1;`), which `cargo test` runs and no reader sees.
pub(crate) fn hidden(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    if trimmed == "#" { Some("") } else { trimmed.strip_prefix("# ") }
}

/// A picture stands in the first line after a fence that is not blank.
fn picture_after(lines: &[String], fence: usize) -> Option<Picture> {
    let line = (fence + 1..lines.len()).find(|&line| !lines[line].trim().is_empty())?;
    let (caption, rest) = lines[line].strip_prefix("![")?.split_once("](figures/")?;
    let file = rest.strip_suffix(')')?;
    Some(Picture { caption: caption.to_owned(), file: file.to_owned(), line })
}

/// The opening line of a fence.
struct Fence<'a> {
    ticks: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn open(line: &'a str) -> Option<Self> {
        let info = line.trim_start_matches('`');
        let ticks = line.len() - info.len();
        (ticks >= 3).then_some(Self { ticks, info: info.trim() })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim_end();
        line.len() >= self.ticks && line.chars().all(|c| c == '`')
    }

    /// `None` for a fence in another language; an error for a `rust` fence that would not run.
    fn role(&self) -> Result<Option<Role>, String> {
        match self.info {
            "rust" => Ok(Some(Role::Program)),
            "rust,exercise" => Ok(Some(Role::Exercise)),
            "rust,solution" => Ok(Some(Role::Solution)),
            info if info.starts_with("rust") => Err(format!(
                "the fence `{info}` is unknown: write `rust`, `rust,exercise` or `rust,solution`; every line of a chapter runs"
            )),
            _ => Ok(None),
        }
    }
}
