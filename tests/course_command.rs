//! The `course` command says in one sentence what is wrong and what to do, and never panics.
//!
//! These tests need no network and no Jupyter: they see what stops the command before it installs anything.
#![cfg(feature = "course")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A home for the command, and a PATH with nothing on it but what a test puts there.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> std::io::Result<Self> {
        let folder = TempDir::new()?;
        for name in ["home", "bin"] {
            fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn course(&self, arguments: &[&str]) -> std::io::Result<Output> {
        Command::new(env!("CARGO_BIN_EXE_course"))
            .args(arguments)
            .env("COURSE_HOME", self.path("home"))
            .env("HOME", self.path("home"))
            .env("PATH", self.path("bin"))
            .env_remove("CARGO")
            .output()
    }

    /// Puts a program on PATH that is this shell script.
    #[cfg(unix)]
    fn program(&self, name: &str, script: &str) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    }
}

fn fixtures() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/notebooks").display().to_string()
}

/// It failed with exit code 1, and the last line of stderr is its one sentence.
fn sentence(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "stderr: {stderr}");
    assert!(!stderr.contains("panicked at") && !stderr.contains("backtrace"), "stderr: {stderr}");
    stderr.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn help_names_every_command_and_hides_the_kernel() -> Outcome {
    let output = Place::new()?.course(&["--help"])?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success());
    for command in ["lab", "check", "book", "measure", "notebooks", "cuda"] {
        assert!(text.contains(&format!("\n  {command} ")), "{text}");
    }
    assert!(!text.contains("\n  kernel"), "{text}");
    Ok(())
}

#[test]
fn without_python_it_says_to_install_it() -> Outcome {
    let output = Place::new()?.course(&["check", "--notebooks", &fixtures()])?;
    assert!(sentence(&output).starts_with("course: no Python was found; install Python 3.10 or newer"));
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_python_that_is_too_old_is_named_with_its_version() -> Outcome {
    let place = Place::new()?;
    place.program("python3", "echo 3.8; echo venv")?;
    let output = place.course(&["check", "--notebooks", &fixtures()])?;
    assert!(sentence(&output).starts_with("course: Python 3.8 is too old for JupyterLab"));
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_python_without_venv_is_refused_with_what_to_install() -> Outcome {
    let place = Place::new()?;
    place.program("python3", "echo 3.12; echo none")?;
    let output = place.course(&["check", "--notebooks", &fixtures()])?;
    assert!(sentence(&output).starts_with("course: python3 cannot make private environments"));
    Ok(())
}

/// The fake Python makes an environment whose pip finds no network.
#[cfg(unix)]
const NO_NETWORK: &str = r#"case "$2" in
  venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  pip) echo "ERROR: Could not find a version that satisfies the requirement anyio" >&2; exit 1 ;;
  *) echo 3.12; echo venv ;;
esac"#;

#[cfg(unix)]
#[test]
fn without_a_network_the_installers_last_lines_are_shown() -> Outcome {
    let place = Place::new()?;
    place.program("python3", NO_NETWORK)?;
    link_tools(&place)?;
    let output = place.course(&["check", "--notebooks", &fixtures()])?;
    let last = sentence(&output);
    assert!(last.contains("check the network; then run this again"), "{last}");
    assert!(String::from_utf8(output.stderr)?.contains("ERROR: Could not find a version"));
    assert!(!place.path("home/python.stamp").exists(), "a failed installation must not be stamped");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_half_made_environment_is_made_anew() -> Outcome {
    let place = Place::new()?;
    place.program("python3", NO_NETWORK)?;
    link_tools(&place)?;
    fs::create_dir_all(place.path("home/python/bin"))?;
    fs::write(place.path("home/python/left-over"), "")?;
    let output = place.course(&["check", "--notebooks", &fixtures()])?;
    assert!(String::from_utf8(output.stderr)?.contains("it is made anew"));
    assert!(!place.path("home/python/left-over").exists());
    Ok(())
}

/// The programs that the fake Python needs.
#[cfg(unix)]
fn link_tools(place: &Place) -> std::io::Result<()> {
    for name in ["mkdir", "cp"] {
        place.program(name, &format!("PATH=/bin:/usr/bin exec {name} \"$@\""))?;
    }
    Ok(())
}

#[test]
fn a_lesson_that_does_not_exist_is_answered_with_the_nearest_name() -> Outcome {
    let output = Place::new()?.course(&["check", "--notebooks", &fixtures(), "flow_matchnig"])?;
    assert_eq!(
        sentence(&output),
        "course: there is no lesson `flow_matchnig`; the nearest is `07_flow_matching`"
    );
    Ok(())
}

#[test]
fn a_lesson_is_found_by_number_stem_or_part() -> Outcome {
    for asked in ["7", "07", "07_flow_matching", "07_flow_matching.ipynb", "matching", "Flow Matching"] {
        // Past the choice of the lesson, the command finds no Python.
        let output = Place::new()?.course(&["check", "--notebooks", &fixtures(), asked])?;
        assert!(sentence(&output).contains("no Python was found"), "{asked}");
    }
    Ok(())
}

#[test]
fn a_part_of_several_names_is_refused_with_all_of_them() -> Outcome {
    let output = Place::new()?.course(&["check", "--notebooks", &fixtures(), "an"])?;
    let both = "00_tensors_and_tapes, 01_change_of_variables";
    assert_eq!(
        sentence(&output),
        format!("course: `an` is part of several lessons: {both}; name one of them")
    );
    Ok(())
}

#[test]
fn a_folder_without_notebooks_is_named() -> Outcome {
    let place = Place::new()?;
    let empty = place.path("home").display().to_string();
    let output = place.course(&["check", "--notebooks", &empty])?;
    assert!(sentence(&output).starts_with(&format!("course: there are no notebooks in {empty}")));
    Ok(())
}

#[test]
fn a_file_that_is_not_a_notebook_is_named() -> Outcome {
    let place = Place::new()?;
    fs::write(place.path("home/03_bad.ipynb"), "{\"cells\": 3}")?;
    let output = place.course(&["check", "--notebooks", &place.path("home").display().to_string()])?;
    assert!(sentence(&output).contains("03_bad.ipynb is not a notebook: it has no list of cells"));
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_an_error_when_it_was_asked_for() -> Outcome {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port().to_string();
    let place = Place::new()?;
    let output = place.course(&["lab", "--no-browser", "--port", &port, "--notebooks", &fixtures()])?;
    assert!(sentence(&output).starts_with(&format!("course: port {port} is taken by another program")));
    Ok(())
}

#[test]
fn a_build_script_names_what_it_reads() -> Outcome {
    // Else cargo rebuilds the library under running kernels whenever a notebook is saved.
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs"))?;
    assert!(script.contains("rerun-if-changed"));
    Ok(())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_gpu_that_is_no_compute_capability_is_refused_with_an_example() -> Outcome {
    for wrong in ["90", "nine", "9.", ""] {
        let output = Place::new()?.course(&["cuda", "--gpu", wrong])?;
        assert!(!output.status.success());
        assert!(sentence(&output).contains("9.0 for example"), "{}", sentence(&output));
        assert!(output.stdout.is_empty(), "nothing that a shell would take for settings");
    }
    Ok(())
}
