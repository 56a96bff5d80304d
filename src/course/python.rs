//! A private Python environment with JupyterLab in it, every version pinned.

use super::child::{self, interrupted};
use super::home::{self, Home};
use super::problem::Problem;
use super::step::Step;
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = include_str!("requirements.txt");
const NEEDED: &str = "3.10";
const NEEDED_MINOR: u32 = 10;

/// What a Python says about itself: its version, and whether it can make environments.
const ASK: &str = "import sys
print('%d.%d' % sys.version_info[:2])
try:
    import venv, ensurepip
    print('venv')
except ImportError:
    print('none')
";

/// Makes the environment where it is missing, half made, broken or of another version of the course;
/// the first thing to be installed, it also asks for the space that all the rest needs.
pub(crate) fn ready(home: &Home, gigabytes: f64) -> Result<(), Problem> {
    let stamp = home.stamp("python");
    if home::is_stamped(&stamp, REQUIREMENTS) && works(home) {
        return Ok(());
    }
    if home.venv().exists() {
        eprintln!("The Python environment is incomplete or out of date; it is made anew.");
    }
    home::remove(&stamp)?;
    home::remove(&home.venv())?;
    let python = find()?;
    home::need_space(&home.root, gigabytes)?;
    install(home, &python)?;
    home::write(&stamp, REQUIREMENTS)
}

/// Whether the environment's Python starts and finds JupyterLab.
fn works(home: &Home) -> bool {
    let mut command = child::python(home);
    command.args(["-c", "import jupyterlab.labapp, jupyter_client"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    home.python().exists() && command.status().is_ok_and(|status| status.success())
}

fn install(home: &Home, python: &str) -> Result<(), Problem> {
    let list = home.root.join("requirements.txt");
    home::write(&list, REQUIREMENTS)?;
    let step = Step::start("Installing JupyterLab in a private environment", "1 to 3 minutes, once");
    step.run(
        home,
        "venv",
        Command::new(python).args(["-m", "venv"]).arg(home.venv()).env_remove("PYTHONHOME"),
    )?;
    let mut pip = child::python(home);
    pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--requirement"])
        .arg(&list);
    for own in ["PIP_USER", "PIP_TARGET", "PIP_PREFIX"] {
        pip.env_remove(own);
    }
    step.run(home, "pip", &mut pip)?;
    home::write(
        &home.venv().join("share/jupyter/lab/settings/overrides.json"),
        include_str!("overrides.json"),
    )?;
    step.done();
    Ok(())
}

/// What was found out about one name of Python.
enum Answer {
    Missing,
    Old(String),
    WithoutVenv,
    Good,
}

/// The first Python on PATH that can make the environment.
fn find() -> Result<String, Problem> {
    let versions = (NEEDED_MINOR..=14).rev().map(|minor| format!("python3.{minor}"));
    let names = ["python3", "python", "py"].map(str::to_owned).into_iter().chain(versions);
    let mut problem = Problem::NoPython { needed: NEEDED };
    for name in names {
        match ask(&name) {
            Answer::Good => return Ok(name),
            Answer::WithoutVenv => problem = Problem::NoVenv { python: name },
            Answer::Old(found) if matches!(problem, Problem::NoPython { .. }) => {
                problem = Problem::PythonTooOld { found, needed: NEEDED };
            }
            Answer::Old(_) | Answer::Missing => {}
        }
        if interrupted() {
            return Err(Problem::Interrupted);
        }
    }
    Err(problem)
}

fn ask(name: &str) -> Answer {
    let Ok(output) = Command::new(name).args(["-c", ASK]).stdin(Stdio::null()).output() else {
        return Answer::Missing;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(str::trim);
    let version = lines.next().unwrap_or_default();
    let Some((major, minor)) = parse_version(version) else { return Answer::Missing };
    if (major, minor) < (3, NEEDED_MINOR) {
        return Answer::Old(version.to_owned());
    }
    if lines.next() == Some("venv") { Answer::Good } else { Answer::WithoutVenv }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
