//! Where things are: the repository, and the private folder that holds all that is installed.

use super::child;
use super::problem::Problem;
use fs4::FileExt;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The repository and the course's own folder.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) repo: PathBuf,
    pub(crate) root: PathBuf,
}

impl Home {
    /// Finds the repository, and makes the course's folder: `COURSE_HOME`, or `.course` in the repository.
    pub(crate) fn open() -> Result<Self, Problem> {
        let here = std::env::current_dir().map_err(Problem::io("."))?;
        let repo = find_repository(Path::new(env!("CARGO_MANIFEST_DIR")), &here)?;
        let root = match std::env::var_os("COURSE_HOME") {
            Some(folder) if !folder.is_empty() => here.join(folder),
            _ => repo.join(".course"),
        };
        fs::create_dir_all(&root).map_err(Problem::io(&root))?;
        let root = fs::canonicalize(&root).map_err(Problem::io(&root))?;
        Ok(Self { repo, root })
    }

    pub(crate) fn notebooks(&self) -> PathBuf {
        self.repo.join("notebooks")
    }

    pub(crate) fn venv(&self) -> PathBuf {
        self.root.join("python")
    }

    pub(crate) fn python(&self) -> PathBuf {
        let in_venv = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        self.venv().join(in_venv)
    }

    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// The path of an installed tool.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools().join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    pub(crate) fn jupyter(&self) -> PathBuf {
        self.root.join("jupyter")
    }

    pub(crate) fn kernels(&self) -> PathBuf {
        self.root.join("kernel")
    }

    /// The built copy of the notebooks' library that each kernel starts from.
    pub(crate) fn warm(&self) -> PathBuf {
        self.kernels().join("warm")
    }

    pub(crate) fn stamp(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.stamp"))
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join("log").join(format!("{name}.log"))
    }

    /// Holds off a second `course` that would install into the same folder at the same time.
    pub(crate) fn lock(&self) -> Result<File, Problem> {
        let path = self.root.join("setup.lock");
        let file = File::create(&path).map_err(Problem::io(&path))?;
        if FileExt::try_lock(&file).is_ok() {
            return Ok(file);
        }
        eprintln!(
            "Another `course` is setting things up in {}; waiting for it (Ctrl-C stops).",
            self.root.display()
        );
        while FileExt::try_lock(&file).is_err() {
            child::go_on()?;
            std::thread::sleep(Duration::from_millis(150));
        }
        Ok(file)
    }
}

/// The folder that the command was built in if it is still there, else the nearest one upward from here.
pub(crate) fn find_repository(built_in: &Path, here: &Path) -> Result<PathBuf, Problem> {
    std::iter::once(built_in)
        .chain(here.ancestors())
        .find(|folder| is_repository(folder))
        .map(|folder| fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()))
        .ok_or_else(|| Problem::NoRepository(here.display().to_string()))
}

fn is_repository(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "name = \"pushforward\""))
}

/// Whether the stamp says exactly this.
pub(crate) fn is_stamped(stamp: &Path, text: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == text)
}

/// Writes a file's whole text, and its folder where missing; a file that says so already is left alone.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Problem> {
    if is_stamped(path, text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Problem::io(folder))?;
    }
    fs::write(path, text).map_err(Problem::io(path))
}

/// Removes a folder or a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Problem> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Problem::io(path)(error)),
        _ => Ok(()),
    }
}

/// A variable such as `PATH` with one folder put before the others.
pub(crate) fn path_with(first: &Path) -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(first.to_owned()).chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

/// Refuses an installation that would fill the disk.
pub(crate) fn need_space(folder: &Path, gigabytes: f64) -> Result<(), Problem> {
    match fs4::available_space(folder) {
        Ok(free) => enough_space(folder, free, gigabytes),
        Err(_) => Ok(()),
    }
}

fn enough_space(folder: &Path, free: u64, gigabytes: f64) -> Result<(), Problem> {
    let free = free as f64 / 1e9;
    if free >= gigabytes {
        return Ok(());
    }
    Err(Problem::NoSpace {
        path: folder.display().to_string(),
        free: format!("{free:.1} GB"),
        needed: format!("{gigabytes:.1} GB"),
    })
}

#[cfg(test)]
mod tests {
    use super::{enough_space, find_repository};
    use std::path::Path;

    #[test]
    fn a_full_disk_is_refused_with_both_sizes() {
        let message =
            enough_space(Path::new("/data"), 1_200_000_000, 4.0).map_err(|problem| problem.to_string());
        let message = message.err().unwrap_or_default();
        assert!(
            message.starts_with("/data has 1.2 GB free, but the installation needs about 4.0 GB"),
            "{message}"
        );
        assert!(enough_space(Path::new("/data"), 4_000_000_000, 4.0).is_ok());
    }

    #[test]
    fn the_repository_is_found_upward_when_the_folder_of_the_build_is_gone() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = find_repository(Path::new("/gone"), &root.join("src/course")).ok();
        assert_eq!(found, root.canonicalize().ok());
    }

    #[test]
    fn a_folder_outside_of_the_repository_is_refused() {
        let message =
            find_repository(Path::new("/gone"), Path::new("/")).map_err(|problem| problem.to_string());
        assert!(message.err().is_some_and(|text| text.contains("not the course's repository (/)")));
    }
}
