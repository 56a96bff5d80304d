//! Programs that the command starts, and the keyboard's interrupt.

use super::home::Home;
use super::problem::Problem;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C ends the programs that were started, and lets this one clean up after them.
pub(crate) fn catch_interrupt() -> Result<(), Problem> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))?;
    Ok(())
}

/// Whether Ctrl-C was pressed.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// An error if Ctrl-C was pressed: asked before each step and while waiting.
pub(crate) fn go_on() -> Result<(), Problem> {
    if interrupted() { Err(Problem::Interrupted) } else { Ok(()) }
}

/// Starts a program; one that is not installed gives an error that names it.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Problem> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if name.ends_with("cargo") => Problem::NoCargo(name),
        _ => Problem::Io { path: name, source: error },
    })
}

/// Keeps the keyboard's Ctrl-C from a program that this one ends by other means.
#[cfg(unix)]
pub(crate) fn shield_from_interrupt(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Keeps the keyboard's Ctrl-C from a program that this one ends by other means.
#[cfg(windows)]
pub(crate) fn shield_from_interrupt(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
}

/// The cargo that runs this, or the one on PATH.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The private Python, with Jupyter's folders all inside of the course's own.
pub(crate) fn python(home: &Home) -> Command {
    let jupyter = home.jupyter();
    let mut command = Command::new(home.python());
    command
        .env("JUPYTER_CONFIG_DIR", jupyter.join("config"))
        .env("JUPYTER_DATA_DIR", jupyter.join("data"))
        .env("JUPYTER_RUNTIME_DIR", jupyter.join("runtime"))
        .env("JUPYTERLAB_SETTINGS_DIR", jupyter.join("settings"))
        .env("JUPYTERLAB_WORKSPACES_DIR", jupyter.join("workspaces"))
        .env("IPYTHONDIR", jupyter.join("ipython"))
        .env("PYTHONNOUSERSITE", "1")
        .env("PYTHONUNBUFFERED", "1");
    for foreign in ["JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JUPYTERLAB_DIR", "PYTHONPATH", "PYTHONHOME"] {
        command.env_remove(foreign);
    }
    without_own_libraries(&mut command);
    command
}

/// `cargo run` puts its build folder, which holds the library too, before the paths that cells link by:
/// a cell would load that copy in place of its own.
fn without_own_libraries(command: &mut Command) {
    let Some(folder) = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)) else {
        return;
    };
    for name in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH"] {
        let Some(old) = std::env::var_os(name) else { continue };
        let kept: Vec<_> = std::env::split_paths(&old).filter(|path| !path.starts_with(&folder)).collect();
        match std::env::join_paths(kept) {
            Ok(kept) if !kept.is_empty() => command.env(name, kept),
            _ => command.env_remove(name),
        };
    }
}

/// Opens an address or a file in the default browser; false where no program for it was found.
pub(crate) fn open_in_browser(address: &str) -> bool {
    let candidates: &[&[&str]] = if cfg!(target_os = "macos") {
        &[&["open"]]
    } else if cfg!(windows) {
        &[&["rundll32", "url.dll,FileProtocolHandler"]]
    } else {
        &[&["xdg-open"], &["wslview"], &["gio", "open"]]
    };
    candidates.iter().any(|words| start_quietly(words, address))
}

fn start_quietly(words: &[&str], address: &str) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let quiet = std::process::Stdio::null;
    let started = Command::new(program)
        .args(arguments)
        .arg(address)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    started.is_ok()
}
