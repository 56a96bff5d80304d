//! The notebooks' library, built once: every kernel starts from a copy of it.
//!
//! The folder is a cargo workspace of two packages. `cells` belongs to the kernel, which rewrites it for each cell.
//! `keep` only depends on the library: it holds the versions in Cargo.lock, which the kernel's first build, before
//! any dependency is known, would otherwise empty. The profile of a workspace also wins over the kernel's own.

use super::check::{self, Cell, Job};
use super::check_report as report;
use super::child;
use super::home::{self, Home};
use super::problem::Problem;
use super::step::Step;
use super::tools::EVCXR;
use super::{kernel, notebook};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The kernel's own package in the warm folder.
pub(crate) const CELLS: &str = "cells";
/// The name of the notebook that tests the kernel.
pub(crate) const SELF_TEST: &str = "the kernel itself";
/// The name of the stamp that says that the warm folder is complete.
pub(crate) const STAMP: &str = "kernel";

/// Cells are compiled without optimisation, which halves the time until they answer; the library is optimised.
const WORKSPACE: &str = r#"# Written by `course`.
[workspace]
resolver = "3"
members = ["cells", "keep"]

[profile.dev]
opt-level = 0
debug = false
strip = "debuginfo"
rpath = true
codegen-units = 16
incremental = true
debug-assertions = false
overflow-checks = false

[profile.dev.package."*"]
opt-level = 3
"#;

/// What a cell needs once so that it is quick ever after; panics are told in one line, without a backtrace.
const PRELUDE: &str = r#"std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
let warm_up: usize = 0;
"#;

/// Builds the library for the notebooks where it is missing, half built, or older than the sources.
pub(crate) fn ready(home: &Home) -> Result<(), Problem> {
    let stamp = home.stamp(STAMP);
    let fingerprint = fingerprint(home)?;
    if home::is_stamped(&stamp, &fingerprint) && home.warm().join(CELLS).join("target").is_dir() {
        return Ok(());
    }
    home::remove(&stamp)?;
    home::need_space(&home.root, 1.0)?;
    let step = Step::start(
        "Building the library for the notebooks",
        "2 to 6 minutes the first time, then less than one",
    );
    clear_old(home)?;
    write_workspace(home)?;
    if let Err(first) = build(home) {
        if child::interrupted() || !home.warm().join(CELLS).join("target").is_dir() {
            return Err(first);
        }
        // What an interrupted build left may be of no use.
        home::remove(&home.warm())?;
        write_workspace(home)?;
        build(home)?;
    }
    // No kernel builds the library again.
    forget_steps(home, |package| package.starts_with("pushforward-"))?;
    home::write(&stamp, &fingerprint)?;
    step.done();
    Ok(())
}

/// Cargo never removes what it built before, and every kernel copies it: all goes when the libraries that the course
/// depends on or the compiler have changed, else what the compiler keeps for the next time.
fn clear_old(home: &Home) -> Result<(), Problem> {
    let warm = home.warm();
    let built_with = warm.join("built-with.txt");
    let mut tools = compiler(home)?;
    let lock = home.repo.join("Cargo.lock");
    tools.push_str(&fs::read_to_string(&lock).map_err(Problem::io(&lock))?);
    tools.push_str(WORKSPACE);
    if !home::is_stamped(&built_with, &tools) {
        home::remove(&warm)?;
        return home::write(&built_with, &tools);
    }
    forget_steps(home, |_| true)
}

/// Removes what the compiler keeps of some packages to build them faster the next time.
fn forget_steps(home: &Home, of: impl Fn(&str) -> bool) -> Result<(), Problem> {
    // For this machine in the folder itself, for the target that the kernel names in one of its own.
    let target = home.warm().join(CELLS).join("target");
    let named = fs::read_dir(&target).into_iter().flatten().flatten().map(|entry| entry.path());
    for folder in named.chain([target.clone()]) {
        for package in fs::read_dir(folder.join("debug/incremental")).into_iter().flatten().flatten() {
            if of(&package.file_name().to_string_lossy()) {
                home::remove(&package.path())?;
            }
        }
    }
    Ok(())
}

fn write_workspace(home: &Home) -> Result<(), Problem> {
    let warm = home.warm();
    home::write(&warm.join("Cargo.toml"), WORKSPACE)?;
    home::write(&warm.join("keep/src/lib.rs"), "")?;
    let keep = "[package]\nname = \"keep\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n";
    home::write(
        &warm.join("keep/Cargo.toml"),
        &format!("{keep}{}\n", notebook::dependency(&home.repo.display().to_string())),
    )?;
    let (from, to) = (home.repo.join("Cargo.lock"), warm.join("Cargo.lock"));
    fs::copy(&from, &to).map_err(Problem::io(&from))?;
    home::write(&home.kernels().join("config/evcxr.toml"), &config(home))
}

/// The kernel's configuration; its dependency is what the notebooks' first cell asks for, with an absolute path.
fn config(home: &Home) -> String {
    format!(
        "[evcxr]\nprelude = '''\n:dep {}\n{PRELUDE}'''\n",
        notebook::dependency(&home.repo.display().to_string())
    )
}

/// One run of the kernel in the warm folder itself, with cells that work and cells that do not compile.
fn build(home: &Home) -> Result<(), Problem> {
    let mut job = self_test(home);
    job.env.push((kernel::IN_PLACE, "1"));
    let runs = check::drive(home, &[job], 1800, &mut |_| ())?;
    match runs.first().and_then(self_test_trouble) {
        Some(text) => Err(Problem::Warm(text)),
        None => Ok(()),
    }
}

const FIRST: &str = "use pushforward::dfdx::prelude::{Cpu, Rank1, Tensor, ZerosTensor};";

/// A notebook that the kernel must pass: three tensors of three cells have three ids, and errors are told.
pub(crate) fn self_test(home: &Home) -> Job {
    let tensor = |name| {
        let shown = format!("format!(\"{{{name}:?}}\").split(',').next().unwrap_or_default().to_owned()");
        format!("let {name}: Tensor<Rank1<3>, f32, Cpu> = device.zeros();\n{shown}")
    };
    let sources = [
        format!("{}\n{FIRST}", notebook::setup(notebook::REPOSITORY)),
        "let device: Cpu = Cpu::default();".to_owned(),
        tensor("a"),
        tensor("b"),
        tensor("c"),
        "let wrong: i32 = \"text\";".to_owned(),
        "let wrong = no_such_function(3);".to_owned(),
        "1 + 1".to_owned(),
    ];
    Job::new(SELF_TEST, home, sources.into_iter().map(Cell::plain).collect())
}

/// What the self-test found wrong.
pub(crate) fn self_test_trouble(run: &check::Run) -> Option<String> {
    if let Some(text) = &run.failed {
        return Some(text.clone());
    }
    let ids: BTreeSet<String> = run.cells.iter().skip(2).take(3).filter_map(report::result).collect();
    let failing = |index: usize| run.cells.get(index).is_some_and(|cell| report::trouble(cell).is_some());
    if let Some(index) = [0, 1, 2, 3, 4, 7].into_iter().find(|index| failing(*index)) {
        return run.cells.get(index).and_then(report::trouble);
    }
    if ids.len() != 3 {
        return Some(format!(
            "tensors of three cells need three ids, but have {ids:?}: the cells link several copies of dfdx"
        ));
    }
    (!failing(5) || !failing(6)).then(|| "a cell that does not compile was not reported".to_owned())
}

/// All that decides whether what was built is still right.
fn fingerprint(home: &Home) -> Result<String, Problem> {
    let mut files = Vec::new();
    for name in ["src", "build.rs", "Cargo.toml", "Cargo.lock", "book/src"] {
        list(&home.repo.join(name), &mut files);
    }
    // The command's own sources are no part of the library.
    let command = [home.repo.join("src/course"), home.repo.join("src/main.rs")];
    files.retain(|path| !command.iter().any(|own| path.starts_with(own)));
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        hash.update(format!("{}\n", path.display()));
        hash.update(fs::read(&path).map_err(Problem::io(&path))?);
    }
    hash.update(compiler(home)?);
    for text in [WORKSPACE, &config(home), EVCXR.version] {
        hash.update(text);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn compiler(home: &Home) -> Result<String, Problem> {
    let asked = std::process::Command::new("rustc").arg("-vV").current_dir(&home.repo).output();
    Ok(String::from_utf8_lossy(&asked.map_err(Problem::io("rustc"))?.stdout).into_owned())
}

fn list(path: &Path, files: &mut Vec<PathBuf>) {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| list(&entry.path(), files)),
        Err(_) if path.is_file() => files.push(path.to_owned()),
        Err(_) => {}
    }
}
