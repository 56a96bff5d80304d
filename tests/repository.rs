//! The rules of the house, held by tests.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a folder, without their endings.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let names = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| Some(name.to_str()?.strip_suffix(ending)?.to_owned())).collect()
}

fn numbered(stems: BTreeSet<String>) -> BTreeSet<String> {
    stems.into_iter().filter(|stem| stem.starts_with(|c: char| c.is_ascii_digit())).collect()
}

/// All Rust files below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found
}

/// The stem of each lesson module, such as `01_change_of_variables`.
fn modules() -> BTreeSet<String> {
    let names = stems("src", "").into_iter();
    names.filter_map(|name| Some(name.strip_prefix("lesson_")?.trim_end_matches(".rs").to_owned())).collect()
}

#[test]
fn every_lesson_has_a_module_a_chapter_a_notebook_a_test_and_a_place_in_the_summary() {
    let chapters = numbered(stems("book/src", ".md"));
    let introduction = BTreeSet::from(["00_tensors_and_tapes".to_owned()]);
    let lessons: BTreeSet<String> = modules().union(&introduction).cloned().collect();
    assert_eq!(chapters, lessons, "chapters in book/src, and modules src/lesson_NN_name");
    assert_eq!(
        numbered(stems("notebooks", ".ipynb")),
        chapters,
        "notebooks; `cargo run -- notebooks` writes them"
    );
    let tests: BTreeSet<String> = stems("tests", ".rs")
        .iter()
        .filter_map(|stem| Some(stem.strip_prefix("lesson_")?.to_owned()))
        .collect();
    assert_eq!(tests, chapters, "tests/lesson_NN_name.rs");
    let summary = read("book/src/SUMMARY.md");
    let missing: Vec<_> = chapters.iter().filter(|stem| !summary.contains(&format!("({stem}.md)"))).collect();
    assert!(missing.is_empty(), "not in book/src/SUMMARY.md: {missing:?}");
}

#[test]
fn lesson_order_is_dependency_order() {
    for (path, text) in sources("src") {
        let own = path.iter().nth(1).and_then(|name| name.to_str()).unwrap_or_default();
        if ["lib.rs", "main.rs", "course", "exercises"].contains(&own) {
            continue;
        }
        let own = own.strip_prefix("lesson_").unwrap_or("");
        for lesson in modules() {
            let name = &lesson[3..];
            let uses =
                text.contains(&format!("crate::lesson_{lesson}")) || text.contains(&format!("crate::{name}"));
            let allowed = !own.is_empty() && lesson.as_str() <= own;
            assert!(!uses || allowed, "{} may not use lesson {lesson}", path.display());
        }
    }
}

#[test]
fn every_figure_of_a_chapter_is_drawn_for_white_and_for_dark_pages_and_no_other() {
    let mut named = BTreeSet::new();
    for chapter in numbered(stems("book/src", ".md")) {
        let text = read(format!("book/src/{chapter}.md"));
        for part in text.split("](figures/").skip(1) {
            let (stem, ending) = part.split_once(')').unwrap().0.rsplit_once('.').unwrap();
            assert!(
                stem.starts_with(&chapter[..2]),
                "{chapter}: the figure {stem} begins with the chapter's number"
            );
            named.extend([format!("{stem}.{ending}"), format!("{stem}-dark.{ending}")]);
        }
    }
    assert_eq!(
        stems("book/src/figures", ""),
        named,
        "`cargo run --release -- book --figures` draws the figures"
    );
}

/// A tilde is set as the letter ~, and text between two of them is struck through.
#[test]
fn no_formula_of_a_chapter_has_a_tilde() {
    for stem in stems("book/src", ".md") {
        assert!(!read(format!("book/src/{stem}.md")).contains("\\tilde"), "{stem}: name it in another way");
    }
}

/// Jupyter would show the loop's value, `()`.
#[test]
fn no_cell_of_a_chapter_ends_in_a_loop_without_a_semicolon() {
    let loops = ["for ", "while ", "loop ", "if ", "match "];
    for chapter in numbered(stems("book/src", ".md")) {
        let text = read(format!("book/src/{chapter}.md"));
        for fence in text.split("```rust\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            let shown = || fence.lines().rev().filter(|line| !line.is_empty() && !line.starts_with('#'));
            let begins = shown().find(|line| !line.starts_with([' ', '}', ')', ']'])).unwrap_or_default();
            let is_open = shown().next() == Some("}") && loops.iter().any(|word| begins.starts_with(word));
            assert!(!is_open, "{chapter}: the cell that ends in `{begins}`: end it with `}};`");
        }
    }
}

#[test]
fn every_notebook_is_what_its_chapter_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_course")).args(["notebooks", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_example_of_the_library_runs() {
    for (path, text) in sources("src") {
        for word in ["ignore", "no_run", "text,"] {
            let fence = text.lines().find(|line| {
                line.trim_start().starts_with("//") && line.contains("```") && line.contains(word)
            });
            assert!(fence.is_none(), "{}: {}", path.display(), fence.unwrap_or_default());
        }
    }
}

#[test]
fn only_notebook_output_and_progress_are_printed_by_the_library() {
    let prints = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.contains("println!(") || code.contains("print!(")
    };
    for (path, text) in sources("src") {
        let allowed = path.starts_with("src/course") || path.starts_with("src/book.rs");
        let shows = text.contains("fn evcxr_display");
        assert!(allowed || shows || !text.lines().any(prints), "{} prints", path.display());
    }
}

#[test]
fn the_changelog_has_an_entry_for_this_version() {
    let heading = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(
        read("CHANGELOG.md").lines().any(|line| line.starts_with(&heading)),
        "CHANGELOG.md has no `{heading}`"
    );
}
