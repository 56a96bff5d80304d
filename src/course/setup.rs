//! All that must be there before a notebook can run.

use super::home::{self, Home};
use super::problem::Problem;
use super::{child, kernel, python, tools, warm};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// Installs what is missing, and nothing else; a set-up that is complete takes about a second.
pub(crate) fn ready(home: &Home) -> Result<(), Problem> {
    {
        let _only_one = home.lock()?;
        python::ready(home, tools::gigabytes(home, &tools::EVCXR))?;
        child::go_on()?;
        tools::rust_source_ready(home)?;
        child::go_on()?;
        tools::ready(home, &tools::EVCXR)?;
        child::go_on()?;
        register(home)?;
        warm::ready(home)?;
        child::go_on()?;
    }
    kernel::sweep(home)?;
    Ok(())
}

/// Tells the private Jupyter of the Rust kernel.
fn register(home: &Home) -> Result<(), Problem> {
    let about = json!({
        "argv": [copy_of_this_program(home)?, "kernel", "{connection_file}"],
        "display_name": "Rust",
        "language": "rust",
        "interrupt_mode": "message",
        "env": { "COURSE_HOME": home.root },
    });
    home::write(&home.jupyter().join("data/kernels/rust/kernel.json"), &format!("{about:#}\n"))
}

/// The kernel starts a copy, so that cleaning or rebuilding the repository does not end it.
fn copy_of_this_program(home: &Home) -> Result<PathBuf, Problem> {
    let program = std::env::current_exe().map_err(Problem::io("the course command"))?;
    let copy = home.kernels().join(format!("course{}", std::env::consts::EXE_SUFFIX));
    let about = fs::metadata(&program).map_err(Problem::io(&program))?;
    let stamp = home.stamp("command");
    let version = format!("{} {:?}", about.len(), about.modified().ok());
    if copy.exists() && home::is_stamped(&stamp, &version) {
        return Ok(copy);
    }
    fs::create_dir_all(home.kernels()).map_err(Problem::io(home.kernels()))?;
    let fresh = copy.with_extension("new");
    fs::copy(&program, &fresh).map_err(Problem::io(&program))?;
    fs::rename(&fresh, &copy).map_err(Problem::io(&copy))?;
    home::write(&stamp, &version)?;
    Ok(copy)
}
