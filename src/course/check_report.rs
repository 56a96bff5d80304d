//! Whether a cell did what it should, and how a notebook's run is told.

use super::check::{Ran, Run};
use serde_json::json;

/// What went wrong in a notebook, and where.
#[derive(Debug)]
pub(crate) struct Trouble {
    cell: Option<(usize, String)>,
    text: String,
}

impl Trouble {
    /// Trouble of the notebook as a whole.
    pub(crate) fn whole(text: String) -> Self {
        Self { cell: None, text }
    }
}

/// The first cell that fails.
pub(crate) fn first_trouble(run: &Run) -> Option<Trouble> {
    if let Some(text) = &run.failed {
        return Some(Trouble::whole(format!("the kernel did not start: {text}")));
    }
    run.cells.iter().find_map(|ran| {
        let first_line = ran.cell.source.lines().next().unwrap_or_default().to_owned();
        trouble(ran).map(|text| Trouble { cell: Some((ran.number, first_line)), text })
    })
}

/// Why a cell fails, if it does. The kernel tells of panics and of a failing `?` on stderr only, as if all were well:
/// so whatever stands there, but for news of compiling, is an error.
pub(crate) fn trouble(ran: &Ran) -> Option<String> {
    let of_kind = |kind: &str| -> String {
        ran.outputs.iter().filter(|(found, _)| found == kind).map(|(_, text)| text.as_str()).collect()
    };
    let (errors, stderr) = (without_colours(&of_kind("error")), without_news(&of_kind("stderr")));
    let said = [errors.trim(), stderr.trim()].join("\n").trim().to_owned();
    match ran.status.as_str() {
        "ok" if !said.is_empty() => Some(said),
        "ok" if ran.cell.shows_figure && !of_kind("html").contains_image() => {
            Some("it should show a figure, but no image came out".to_owned())
        }
        "ok" => None,
        "timeout" => Some(format!("it was not done after {:.0} s\n{said}", ran.seconds)),
        _ => Some(format!("the kernel died\n{said}")),
    }
}

trait Html {
    fn contains_image(&self) -> bool;
}

impl Html for String {
    fn contains_image(&self) -> bool {
        self.split("<img")
            .skip(1)
            .any(|rest| rest.split('>').next().is_some_and(|tag| tag.contains("src=\"data:image/")))
    }
}

/// The text that a cell gave as its result.
pub(crate) fn result(ran: &Ran) -> Option<String> {
    ran.outputs.iter().find(|(kind, _)| kind == "text").map(|(_, text)| text.clone())
}

fn without_news(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| !line.trim_start().starts_with("Compiling "));
    lines.collect::<Vec<_>>().join("\n")
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// One line of the table; below it the trouble, if any.
pub(crate) fn row(run: &Run, trouble: Option<&Trouble>) -> String {
    let slowest =
        slowest(run).map_or_else(String::new, |ran| format!("{:.1} s (cell {})", ran.seconds, ran.number));
    let verdict = if trouble.is_none() { "ok" } else { "FAILED" };
    let line = format!(
        "{:<28} {:>3} cells  ready {:>5.1} s  first result {:>5.1} s  slowest {slowest:<16} median {:.2} s  {verdict}",
        run.name,
        run.cells.len(),
        run.ready.unwrap_or(f64::NAN),
        first_result(run).unwrap_or(f64::NAN),
        median(run).unwrap_or(f64::NAN),
    );
    match trouble {
        None => line,
        Some(trouble) => format!("{line}\n{}", describe(&run.name, trouble)),
    }
}

fn describe(name: &str, trouble: &Trouble) -> String {
    let place = match &trouble.cell {
        Some((number, first_line)) => format!("  {name}, cell {number}: `{first_line}`"),
        None => format!("  {name}"),
    };
    let text: Vec<String> = trouble.text.lines().take(25).map(|line| format!("    {line}")).collect();
    format!("{place}\n{}", text.join("\n"))
}

/// The same for programs.
pub(crate) fn json(run: &Run, trouble: Option<&Trouble>) -> String {
    let trouble = trouble.map(|trouble| {
        let (number, first_line) = trouble.cell.clone().unzip();
        json!({ "cell": number, "first_line": first_line, "text": trouble.text })
    });
    let cells: Vec<f64> = run.cells.iter().map(|ran| ran.seconds).collect();
    json!({
        "notebook": run.name,
        "cells": run.cells.len(),
        "ready_seconds": run.ready,
        "first_result_seconds": first_result(run),
        "slowest": slowest(run).map(|ran| json!({ "cell": ran.number, "seconds": ran.seconds })),
        "median_seconds": median(run),
        "cell_seconds": cells,
        "trouble": trouble,
    })
    .to_string()
}

fn first_result(run: &Run) -> Option<f64> {
    run.cells.iter().find(|ran| !ran.outputs.is_empty()).or(run.cells.first()).map(|ran| ran.at)
}

fn slowest(run: &Run) -> Option<&Ran> {
    run.cells.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn median(run: &Run) -> Option<f64> {
    let mut seconds: Vec<f64> = run.cells.iter().map(|ran| ran.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::trouble;
    use crate::course::check::{Cell, Ran};

    fn ran(status: &str, shows_figure: bool, outputs: &[(&str, &str)]) -> Ran {
        let outputs = outputs.iter().map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned())).collect();
        let cell = Cell { source: "draw()".to_owned(), shows_figure };
        Ran { cell, number: 1, status: status.to_owned(), seconds: 180.0, at: 180.0, outputs }
    }

    #[test]
    fn a_panic_and_a_failing_question_mark_are_trouble_though_the_kernel_calls_them_success() {
        let panic =
            ran("ok", false, &[("stderr", "panicked at cells/src/lib.rs:1:1:\n"), ("stderr", "planted\n")]);
        assert!(trouble(&panic).is_some_and(|text| text.ends_with("planted")));
        assert!(trouble(&ran("ok", false, &[("stderr", "No such file or directory\n")])).is_some());
    }

    #[test]
    fn news_of_compiling_and_plain_output_are_no_trouble() {
        let outputs =
            [("stderr", "   Compiling pushforward v0.1.0\n"), ("stdout", "step 1\n"), ("text", "2")];
        assert!(trouble(&ran("ok", false, &outputs)).is_none());
    }

    #[test]
    fn a_figure_cell_needs_an_image_with_its_data_in_it() {
        assert!(
            trouble(&ran("ok", true, &[("html", "<img alt=\"a\" src=\"data:image/png;base64,AA\">")]))
                .is_none()
        );
        for html in ["<img src=\"figure.png\">", "<p>data:image/png</p><img src=\"x\"> src=\"data:image/", ""]
        {
            assert!(trouble(&ran("ok", true, &[("html", html)])).is_some(), "{html}");
        }
    }

    #[test]
    fn a_cell_that_hangs_and_a_kernel_that_dies_are_trouble() {
        assert!(
            trouble(&ran("timeout", false, &[])).is_some_and(|text| text.contains("not done after 180 s"))
        );
        assert!(trouble(&ran("died", false, &[])).is_some_and(|text| text.contains("the kernel died")));
    }

    #[test]
    fn a_compile_error_is_told_without_its_colours() {
        let error = ran("ok", false, &[("error", "\u{1b}[31m[E0308] Error:\u{1b}[0m mismatched types")]);
        assert_eq!(trouble(&error).as_deref(), Some("[E0308] Error: mismatched types"));
    }
}
