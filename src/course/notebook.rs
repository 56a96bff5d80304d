//! Makes the notebooks: each chapter's prose and code as cells, without outputs.

use super::chapter::{self, Chapter, Code, Picture, Role};
use super::home::{self, Home};
use super::problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a notebook is not what its chapter says.
    #[arg(long)]
    check: bool,
}

/// The headings of every chapter: the name of its file, then the book's address of each heading and its text.
type Headings = BTreeMap<String, HashMap<String, String>>;

/// Writes every notebook, or says which ones are not what their chapters say.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    let home = Home::open()?;
    let chapters = read(&home.repo.join("book/src"))?;
    let headings = chapters.iter().map(|(stem, chapter)| (format!("{stem}.md"), headings(chapter))).collect();
    let mut old = Vec::new();
    for (stem, chapter) in &chapters {
        let path = home.notebooks().join(format!("{stem}.ipynb"));
        let text = text(&notebook(chapter, &headings));
        if home::is_stamped(&path, &text) {
            continue;
        }
        old.push(stem.clone());
        if !options.check {
            home::write(&path, &text)?;
        }
    }
    report(options, &old, &strays(&home.notebooks(), &chapters))
}

fn report(options: &Options, old: &[String], strays: &[String]) -> Result<ExitCode, Problem> {
    if options.check && !old.is_empty() {
        return Err(Problem::OldNotebooks(old.join(", ")));
    }
    match old {
        [] => println!("Every notebook is what its chapter says."),
        _ => println!("Written: {}", old.join(", ")),
    }
    match strays {
        [] => Ok(ExitCode::SUCCESS),
        _ => Err(Problem::StrayNotebooks(strays.join(", "))),
    }
}

/// The chapters by stem.
fn read(folder: &Path) -> Result<BTreeMap<String, Chapter>, Problem> {
    let mut chapters = BTreeMap::new();
    for path in chapter::files(folder).map_err(Problem::io(folder))? {
        let text = fs::read_to_string(&path).map_err(Problem::io(&path))?;
        let chapter = Chapter::parse(&text)
            .map_err(|problem| Problem::BadChapter { path: path.display().to_string(), problem })?;
        chapters.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), chapter);
    }
    Ok(chapters)
}

/// Notebooks without a chapter.
fn strays(folder: &Path, chapters: &BTreeMap<String, Chapter>) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let notebooks = files.filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    let stems = notebooks.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    stems.filter(|stem| !chapters.contains_key(stem)).collect()
}

/// The notebook as Jupyter itself writes it: indented by one space.
fn text(notebook: &Value) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // Writing plain values into memory does not fail.
    let _ = notebook.serialize(&mut writer);
    String::from_utf8_lossy(&text).into_owned() + "\n"
}

fn headings(chapter: &Chapter) -> HashMap<String, String> {
    let mut fenced = false;
    let mut found = HashMap::new();
    for line in &chapter.lines {
        fenced ^= line.starts_with("```");
        if let Some(title) = heading(line).filter(|_| !fenced) {
            found.insert(address(title), title.to_owned());
        }
    }
    found
}

/// The first cell of code, with the repository as seen from the notebook: evcxr has this library ready, so it takes no time.
pub(crate) fn setup(repository: &str) -> String {
    format!(":dep {}", dependency(repository))
}

/// The library as a dependency of something that sees the repository at this path.
pub(crate) fn dependency(repository: &str) -> String {
    let path = repository.replace('\\', "\\\\").replace('"', "\\\"");
    format!("pushforward = {{ path = \"{path}\", default-features = false }}")
}

/// From the folder `notebooks` of the repository.
pub(crate) const REPOSITORY: &str = "..";

/// The notebook (nbformat 4.5) of a chapter.
fn notebook(chapter: &Chapter, headings: &Headings) -> Value {
    let mut cells = Cells::default();
    let mut next = 0;
    let mut first = true;
    for code in chapter.codes.iter().filter(|code| code.role != Role::Solution) {
        cells.prose(&chapter.lines[next..code.lines.start - 1], headings);
        if std::mem::take(&mut first) {
            cells.push("code", vec![&setup(REPOSITORY)], json!({}));
        }
        cells.push("code", chapter.visible(code), purpose(code));
        next = code.lines.end + 1;
        if let Some(picture) = &code.picture {
            cells.caption(picture);
            next = picture.line + 1;
        }
    }
    cells.prose(&chapter.lines[next..], headings);
    json!({
        "cells": cells.cells,
        "metadata": {
            "kernelspec": { "display_name": "Rust", "language": "rust", "name": "rust" },
            "language_info": {
                "codemirror_mode": "rust",
                "file_extension": ".rs",
                "mimetype": "text/rust",
                "name": "Rust",
                "pygment_lexer": "rust",
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    })
}

/// What `course check` expects of a cell.
fn purpose(code: &Code) -> Value {
    match (code.role, &code.picture) {
        (Role::Exercise, _) => json!({ "pushforward": { "role": "exercise" } }),
        (_, Some(_)) => json!({ "pushforward": { "shows": "figure" } }),
        _ => json!({}),
    }
}

/// The cells so far. An identifier is made of the section's heading and a count within it, so that a change in one
/// section leaves the identifiers of the others alone.
#[derive(Default)]
struct Cells {
    cells: Vec<Value>,
    section: String,
    count: HashMap<String, usize>,
}

impl Cells {
    fn push(&mut self, kind: &str, mut lines: Vec<&str>, metadata: Value) {
        let blank = |line: &&str| line.trim().is_empty();
        lines.truncate(lines.len() - lines.iter().rev().take_while(|line| blank(line)).count());
        lines.drain(..lines.iter().take_while(|line| blank(line)).count());
        if lines.is_empty() {
            return;
        }
        let count = self.count.entry(self.section.clone()).or_default();
        *count += 1;
        let id = format!("{}-{count}", self.section);
        let last = lines.len() - 1;
        let source: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(i, line)| format!("{line}{}", if i < last { "\n" } else { "" }))
            .collect();
        self.cells.push(match kind {
            "code" => json!({
                "cell_type": kind, "execution_count": null, "id": id, "metadata": metadata, "outputs": [], "source": source,
            }),
            _ => json!({ "cell_type": kind, "id": id, "metadata": metadata, "source": source }),
        });
    }

    /// One cell for each section of the text.
    fn prose(&mut self, lines: &[String], headings: &Headings) {
        let mut section: Vec<String> = Vec::new();
        let mut fenced = false;
        for line in lines {
            fenced ^= line.starts_with("```");
            if let Some(title) = heading(line).filter(|_| !fenced) {
                self.text(&std::mem::take(&mut section));
                self.section = address(title).chars().take(50).collect();
            }
            let line = if fenced { line.clone() } else { relink(line, headings) };
            section.push(line.replace("```rust,solution", "```rust"));
        }
        self.text(&section);
    }

    fn text(&mut self, lines: &[String]) {
        // The lines of a solution that the book hides too.
        let mut solution = false;
        let visible = lines.iter().filter(|line| {
            solution =
                if line.starts_with("```") { !solution && line.starts_with("```rust") } else { solution };
            !(solution && chapter::hidden(line).is_some())
        });
        self.push("markdown", visible.map(String::as_str).collect(), json!({}));
    }

    /// The picture itself is the output of the cell above.
    fn caption(&mut self, picture: &Picture) {
        self.push("markdown", vec![&format!("*{}*", picture.caption)], json!({}));
    }
}

/// The text of a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then_some(text.strip_prefix(' ')?.trim())
}

/// The address that mdbook gives to a heading: small letters, digits and hyphens.
fn address(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// A link to another chapter becomes a link to its notebook.
fn relink(line: &str, headings: &Headings) -> String {
    let mut parts = line.split("](");
    let mut new = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (target, rest) = part.split_once(')').unwrap_or((part, ""));
        let close = if part.contains(')') { ")" } else { "" };
        new += &format!("]({}{close}{rest}", notebook_target(target, headings));
    }
    new
}

fn notebook_target(target: &str, headings: &Headings) -> String {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let is_chapter = file.ends_with(".md") && file.starts_with(|c: char| c.is_ascii_digit());
    if !(is_chapter || file.is_empty()) || target.contains("://") {
        return target.to_owned();
    }
    let (chapter, file) = (file, file.replace(".md", ".ipynb"));
    match headings.get(chapter).and_then(|headings| headings.get(anchor)) {
        // JupyterLab's address of a heading is its text with hyphens for spaces.
        Some(title) => format!("{file}#{}", title.replace(' ', "-")),
        None if file.is_empty() => target.to_owned(),
        None => file,
    }
}
