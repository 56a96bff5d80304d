//! Turns each chapter of the book into one cumulative doctest.
//!
//! The prose becomes blank lines, and each line of code stays on its own line, so that the compiler's messages name
//! the chapter's line and column. A running chapter that fails names its line too: see `src/book.rs`.

#[path = "src/course/chapter.rs"]
#[allow(dead_code)]
mod chapter;

use chapter::{Chapter, Code, Role};
use std::path::{Path, PathBuf};
use std::{env, fs};
use syn::spanned::Spanned;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = Path::new("book/src");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=book/src");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/course/chapter.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_some() && env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        // NVIDIA's libraries need the driver's, which may be on another machine than this one.
        println!("cargo:rustc-link-arg=-Wl,--allow-shlib-undefined");
    }
    let mut modules = String::new();
    for path in chapter::files(sources)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let doctest = fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| doctest(&Chapter::parse(&text)?, &format!("book/src/{stem}.md")))
            .map_err(|problem| format!("{}: {problem}", path.display()))?;
        fs::write(out.join(format!("{stem}.md")), doctest)?;
        modules += &format!(
            "#[cfg(doctest)] #[doc = include_str!(concat!(env!(\"OUT_DIR\"), \"/{stem}.md\"))] mod chapter_{stem} {{}}\n"
        );
    }
    fs::write(out.join("chapters.rs"), modules)?;
    Ok(())
}

/// One fence around the whole program. rustdoc counts the lines of a fence that brings its own `main` one too high,
/// so line k of the doctest is line k + 1 of the chapter, and the compiler's messages are right.
fn doctest(chapter: &Chapter, path: &str) -> Result<String, String> {
    let first = chapter.codes.first().ok_or("has no `rust` fence")?.lines.start;
    if first < 4 {
        return Err("begin with a title and an introduction: the first fence stands before line 4".into());
    }
    let mut lines = vec![String::new(); chapter.lines.len() + 2];
    for code in &chapter.codes {
        translate(chapter, code, &mut lines)?;
    }
    let last = chapter.codes.last().map_or(0, |code| code.lines.end);
    lines.truncate(last + 1);
    lines.remove(0);
    lines[0] = "A chapter of the book, as one program.".into();
    lines[first - 3] = "```rust,standalone_crate".into();
    // The calibration tells the running program how far its own line numbers are off.
    lines[first - 2] = format!(
        "fn main() -> ::std::result::Result<(), ::pushforward::book::Failure> {{ \
         use ::pushforward::book::Shown as _; ::pushforward::book::begin(\"{path}\", line!(), {first});"
    );
    lines.push("Ok(()) }".into());
    lines.push("```".into());
    Ok(lines.join("\n") + "\n")
}

/// Writes a piece of code at its own lines, and what the book does with its value behind its last expression.
fn translate(chapter: &Chapter, code: &Code, lines: &mut [String]) -> Result<(), String> {
    let range = code.lines.clone();
    for line in range.clone() {
        let text = &chapter.lines[line];
        lines[line] = match chapter::hidden(text) {
            Some(code) => format!("{}{code}", " ".repeat(text.len() - code.len())),
            None => text.clone(),
        };
    }
    let value = value(&lines[range.clone()]).map_err(|problem| format!("line {}: {problem}", range.end))?;
    let Some((line, column)) = value else {
        let missing = match (&code.picture, code.role) {
            (Some(_), _) => "a picture follows this code, which must end in the expression that draws it",
            (None, Role::Exercise | Role::Solution) => {
                "an exercise or a solution ends in the call of its check"
            }
            (None, Role::Program) => return Ok(()),
        };
        return Err(format!("line {}: {missing}", range.end));
    };
    let line = &mut lines[range.start + line];
    line.insert_str(byte_of(line, column), &use_of_value(code));
    if code.role != Role::Program {
        // A scope of its own: the exercise and the solution may define the same names.
        lines[range.start - 1] = "{".into();
        lines[range.end] = "}".into();
    }
    Ok(())
}

fn use_of_value(code: &Code) -> String {
    match (code.role, &code.picture) {
        (Role::Exercise, _) => ".must_be_open()?;".into(),
        (Role::Solution, _) => ".must_be_solved()?;".into(),
        (Role::Program, Some(picture)) => format!(".shown(\"{}\")?;", picture.file),
        (Role::Program, None) => ";".into(),
    }
}

/// Where the last expression of a block ends: its line and column, from 0. Code that does not parse is left to the
/// compiler, whose message is better.
fn value(code: &[String]) -> Result<Option<(usize, usize)>, String> {
    let Ok(block) = syn::parse_str::<syn::Block>(&format!("{{\n{}\n}}", code.join("\n"))) else {
        return Ok(None);
    };
    let Some(syn::Stmt::Expr(value, None)) = block.stmts.last() else {
        return Ok(None);
    };
    use syn::Expr::{Block, Call, ForLoop, If, Macro, Match, MethodCall, Path, Try, While};
    match value {
        Block(_) | ForLoop(_) | If(_) | Match(_) | While(_) => Ok(None),
        Call(_) | Macro(_) | MethodCall(_) | Path(_) | Try(_) => {
            let end = value.span().end();
            Ok(Some((end.line - 2, end.column)))
        }
        _ => Err("the expression that ends this code must be a name or a call".into()),
    }
}

/// The byte of a line's column, which syn counts in characters.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte)
}
