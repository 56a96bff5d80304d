//! Programs that cargo installs for the course, each in one pinned version.

use super::child;
use super::home::{self, Home};
use super::problem::Problem;
use super::step::Step;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A program, its version, how it is built, and how long that takes.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    flags: &'static [&'static str],
    how_long: &'static str,
    gigabytes: f64,
}

/// The Rust kernel.
pub(crate) const EVCXR: Tool = Tool {
    name: "evcxr_jupyter",
    version: "0.22.0",
    flags: &[],
    how_long: "5 to 15 minutes, once",
    gigabytes: 4.0,
};
/// What turns the book's chapters into pages.
pub(crate) const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    flags: &["--no-default-features", "--features", "search"],
    how_long: "1 to 3 minutes, once",
    gigabytes: 1.5,
};
/// What sets the book's formulas.
pub(crate) const KATEX: Tool = Tool {
    name: "mdbook-katex",
    version: "0.10.0",
    flags: &[],
    how_long: "1 to 3 minutes, once",
    gigabytes: 1.5,
};

/// The space that is needed for a program and for what comes with it.
pub(crate) fn gigabytes(home: &Home, tool: &Tool) -> f64 {
    if is_installed(home, tool) { 1.0 } else { tool.gigabytes }
}

/// Installs a program where it is missing; an interrupted build goes on where it stopped.
pub(crate) fn ready(home: &Home, tool: &Tool) -> Result<(), Problem> {
    if is_installed(home, tool) {
        return Ok(());
    }
    home::need_space(&home.root, tool.gigabytes)?;
    let build = home.root.join("build");
    let step = Step::start(&format!("Building {} {}", tool.name, tool.version), tool.how_long);
    let mut command = child::cargo();
    command
        .args(["install", "--locked", "--root"])
        .arg(home.tools())
        .arg(format!("{}@{}", tool.name, tool.version))
        .args(tool.flags)
        .current_dir(&home.root)
        .env("CARGO_TARGET_DIR", &build);
    step.run(home, tool.name, &mut command)?;
    step.done();
    home::remove(&build)
}

/// The kernel finds out the types of variables from the sources of Rust's own library, which rustup adds on request.
pub(crate) fn rust_source_ready(home: &Home) -> Result<(), Problem> {
    let asked = Command::new("rustc").args(["--print", "sysroot"]).current_dir(&home.repo).output();
    let output = asked.map_err(|_| Problem::NoCargo("rustc".to_owned()))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if sysroot.join("lib/rustlib/src/rust/library/Cargo.toml").is_file() {
        return Ok(());
    }
    let step = Step::start("Adding the sources of Rust's library", "less than a minute, once");
    let mut command = Command::new("rustup");
    step.run(home, "rustup", command.args(["component", "add", "rust-src"]).current_dir(&home.repo))?;
    step.done();
    Ok(())
}

/// Cargo writes the list of what it installed after the program itself.
fn is_installed(home: &Home, tool: &Tool) -> bool {
    let line = format!("\"{} {} (", tool.name, tool.version);
    let list = fs::read_to_string(home.tools().join(".crates.toml")).unwrap_or_default();
    home.tool(tool.name).exists() && list.contains(&line)
}
