//! What Jupyter starts for a notebook: the Rust kernel in a warmed folder of its own.
//!
//! Two kernels in one folder break each other, and so do hard links: each gets a real copy, with the times of the
//! files kept, so that cargo finds everything built.

use super::child;
use super::home::{self, Home};
use super::problem::Problem;
use super::tools::EVCXR;
use super::warm;
use fs4::FileExt;
use std::ffi::OsString;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Set while the warm folder itself is being built.
pub(crate) const IN_PLACE: &str = "COURSE_KERNEL_IN_PLACE";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Jupyter's file with the kernel's ports.
    connection: PathBuf,
}

/// Runs the kernel until Jupyter ends it, or is gone itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    let home = Home::open()?;
    let status = if std::env::var_os(IN_PLACE).is_some() {
        serve(&home, options, &home.warm())?
    } else {
        let copy = Copy::new(&home)?;
        serve(&home, options, &copy.folder)?
    };
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(home: &Home, options: &Options, folder: &Path) -> Result<ExitStatus, Problem> {
    let program = home.tool(EVCXR.name);
    let mut command = Command::new(&program);
    command
        .arg("--control_file")
        .arg(&options.connection)
        .stdin(Stdio::null())
        .env("EVCXR_TMPDIR", folder.join(warm::CELLS))
        .env("EVCXR_CONFIG_DIR", home.kernels().join("config"))
        // The kernel would otherwise rewrite its own entry among the user's kernels.
        .env("JUPYTER_PATH", home.jupyter().join("none"));
    let libraries = libraries(folder)?;
    for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        command.env(name, &libraries);
    }
    let mut kernel = child::spawn(&mut command)?;
    wait(&mut kernel).map_err(Problem::io(program))
}

/// Where a cell finds the library and Rust's own: the search path that is built into it is off by one folder.
fn libraries(folder: &Path) -> Result<OsString, Problem> {
    let asked = Command::new("rustc").args(["--print", "target-libdir"]).current_dir(folder).output();
    let output = asked.map_err(Problem::io("rustc"))?;
    let rust = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let target = rust.parent().and_then(Path::file_name).unwrap_or_default();
    let built = folder.join(warm::CELLS).join("target").join(target).join("debug/deps");
    let old = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let all = [built, rust].into_iter().chain(std::env::split_paths(&old));
    Ok(std::env::join_paths(all).unwrap_or(old))
}

fn wait(kernel: &mut Child) -> std::io::Result<ExitStatus> {
    let parent = parent();
    loop {
        if let Some(status) = kernel.try_wait()? {
            return Ok(status);
        }
        if self::parent() != parent {
            kernel.kill()?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The process that started this one; it changes when that process dies.
#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent() -> u32 {
    0
}

/// A kernel's own copy of the warm folder, removed at the end. As long as its process lives, so does its lock.
struct Copy {
    folder: PathBuf,
    lock_path: PathBuf,
    lock: Option<File>,
}

impl Copy {
    fn new(home: &Home) -> Result<Self, Problem> {
        let _nobody_else_warms_or_sweeps = home.lock()?;
        sweep_locked(home)?;
        if !home.stamp(warm::STAMP).exists() {
            return Err(Problem::NotSetUp("the notebooks' warmed library".to_owned()));
        }
        let folder = home.kernels().join(format!("run-{}", std::process::id()));
        let lock_path = folder.with_extension("lock");
        let lock = File::create(&lock_path).map_err(Problem::io(&lock_path))?;
        FileExt::lock(&lock).map_err(Problem::io(&lock_path))?;
        let copy = Self { folder, lock_path, lock: Some(lock) };
        copy_folder(&home.warm(), &copy.folder)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next kernel.
        let _ = home::remove(&self.folder);
        self.lock.take();
        let _ = home::remove(&self.lock_path);
    }
}

/// Removes the copies of kernels that were killed; says how many live on.
pub(crate) fn sweep(home: &Home) -> Result<usize, Problem> {
    let _nobody_else_warms_or_sweeps = home.lock()?;
    sweep_locked(home)
}

/// The same when the server has just ended: its kernels need a moment to end too.
pub(crate) fn sweep_after_the_end(home: &Home) -> Result<(), Problem> {
    let start = Instant::now();
    while sweep(home)? > 0 && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn sweep_locked(home: &Home) -> Result<usize, Problem> {
    let Ok(entries) = fs::read_dir(home.kernels()) else { return Ok(0) };
    let mut alive = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let lock = path.with_extension("lock");
        if !name.starts_with("run-") || name.ends_with(".lock") && lock_is_of_a_folder(&lock) {
            continue;
        }
        if is_locked(&lock) {
            alive += 1;
            continue;
        }
        home::remove(&path)?;
        home::remove(&lock)?;
    }
    Ok(alive)
}

fn lock_is_of_a_folder(lock: &Path) -> bool {
    lock.with_extension("").is_dir()
}

fn is_locked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| FileExt::try_lock(&file).is_err())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Problem> {
    fs::create_dir_all(to).map_err(Problem::io(to))?;
    for entry in fs::read_dir(from).map_err(Problem::io(from))?.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            copy_file(&source, &target).map_err(Problem::io(&source))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to)?;
    let times = FileTimes::new().set_modified(fs::metadata(from)?.modified()?);
    File::options().write(true).open(to)?.set_times(times)
}
