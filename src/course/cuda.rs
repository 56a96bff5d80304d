//! `course cuda`: the CUDA toolkit that a build for the GPU needs, from Python packages and without root.
//!
//! dfdx compiles its kernels with nvcc and links NVIDIA's libraries. The packages hold all of it; what they lack is
//! made here: names without a version for the linker, and, on a machine without a GPU, a stand-in for the driver's
//! library to link against and for `nvidia-smi`, which dfdx's build asks for the kind of GPU.

use super::child;
use super::home::{self, Home};
use super::problem::Problem;
use super::python;
use super::step::Step;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The compute capability of the GPU that will run the program, where this machine has none: 8.0 is an A100, 9.0 an
    /// H100 or H200.
    #[arg(long, default_value = "9.0")]
    gpu: String,
}

/// Programs compiled by CUDA 13.0 run on drivers from 580 on.
const PACKAGES: &[&str] = &[
    "nvidia-cublas==13.0.2.14",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-nvrtc==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-nvvm==13.0.88",
];

/// Makes the toolkit where it is missing, and prints what the shell must know of it.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    child::catch_interrupt()?;
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Problem::NoCudaPackages);
    }
    if !is_capability(&options.gpu) {
        return Err(Problem::BadCapability(options.gpu.clone()));
    }
    let home = Home::open()?;
    let _only_one = home.lock()?;
    let (stamp, wanted) = (home.stamp("cuda"), PACKAGES.join("\n"));
    let folder = home.root.join("cuda");
    if !(home::is_stamped(&stamp, &wanted) && folder.is_dir()) {
        home::remove(&stamp)?;
        home::remove(&folder)?;
        install(&home, &folder)?;
        home::write(&stamp, &wanted)?;
    }
    let toolkit = folder.join("nvidia/cu13");
    let stand_ins = stand_ins(&home, &toolkit, &options.gpu)?;
    println!("export CUDA_PATH='{}'", toolkit.display());
    println!("export PATH='{}:{}':\"$PATH\"", toolkit.join("bin").display(), stand_ins.display());
    println!(
        "export LD_LIBRARY_PATH='{}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
        toolkit.join("lib").display()
    );
    Ok(ExitCode::SUCCESS)
}

fn is_capability(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}

fn install(home: &Home, folder: &Path) -> Result<(), Problem> {
    const GIGABYTES: f64 = 3.0;
    python::ready(home, GIGABYTES)?;
    home::need_space(&home.root, GIGABYTES)?;
    let step = Step::start("Installing the CUDA toolkit", "600 MB to load, once");
    let mut pip = child::python(home);
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-cache-dir",
    ]);
    pip.arg("--target").arg(folder).args(PACKAGES);
    step.run(home, "cuda", &mut pip)?;
    let toolkit = folder.join("nvidia/cu13");
    for programs in ["bin", "nvvm/bin"] {
        make_executable(&toolkit.join(programs))?;
    }
    link_without_version(&toolkit.join("lib"))?;
    step.done();
    Ok(())
}

/// libX.so for every libX.so.N.
fn link_without_version(libraries: &Path) -> Result<(), Problem> {
    for entry in fs::read_dir(libraries).map_err(Problem::io(libraries))?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some((stem, _)) = file.split_once(".so.") else { continue };
        let link = libraries.join(format!("{stem}.so"));
        if !link.exists() {
            symlink(&file, &link)?;
        }
    }
    Ok(())
}

/// What only a machine with a GPU has; a folder for the search path of programs.
fn stand_ins(home: &Home, toolkit: &Path, gpu: &str) -> Result<PathBuf, Problem> {
    let folder = toolkit.join("stand-ins");
    let nvidia_smi = folder.join("nvidia-smi");
    if has_driver() {
        home::remove(&nvidia_smi)?;
    } else {
        eprintln!("This machine has no NVIDIA driver: what is built here is for a GPU of capability {gpu}.");
        home::write(
            &nvidia_smi,
            &format!("#!/bin/sh\n# Answers for a GPU that is not here.\nprintf 'compute_cap\\n{gpu}\\n'\n"),
        )?;
        make_executable(&folder)?;
    }
    let library = toolkit.join("lib64/stubs/libcuda.so");
    if !library.exists() {
        stub_driver(home, &library)?;
    }
    Ok(folder)
}

fn has_driver() -> bool {
    let mut command = Command::new("nvidia-smi");
    command.arg("--list-gpus").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A library with the names of the driver's functions: programs are linked against it, and run with the real one.
fn stub_driver(home: &Home, library: &Path) -> Result<(), Problem> {
    let source = library.with_extension("c");
    let functions: Vec<String> =
        driver_functions(home)?.into_iter().map(|name| format!("void {name}(void) {{}}\n")).collect();
    home::write(&source, &functions.concat())?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-Wl,-soname,libcuda.so.1", "-o"]).arg(library).arg(&source);
    let step = Step::start("Making a stand-in for the GPU's driver", "a second, once");
    step.run(home, "cuda-stub", &mut cc)?;
    step.done();
    Ok(())
}

/// The functions of the driver that dfdx's bindings, the crate cudarc, declare.
fn driver_functions(home: &Home) -> Result<BTreeSet<String>, Problem> {
    let mut ask = child::cargo();
    ask.args(["metadata", "--format-version", "1", "--locked", "--features", "cuda"]).current_dir(&home.repo);
    let output = ask.output().map_err(|_| Problem::NoCargo("cargo".to_owned()))?;
    let about: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let packages = about["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let manifest = packages.iter().find(|package| package["name"] == "cudarc");
    let manifest = manifest.and_then(|package| package["manifest_path"].as_str()).unwrap_or_default();
    let bindings = Path::new(manifest).with_file_name("src/driver/sys.rs");
    let text = fs::read_to_string(&bindings).map_err(Problem::io(&bindings))?;
    let declared = text.split("pub fn ").skip(1).filter_map(|after| after.split('(').next());
    Ok(declared.map(str::trim).filter(|name| name.starts_with("cu")).map(str::to_owned).collect())
}

#[cfg(unix)]
fn make_executable(folder: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt;
    for path in fs::read_dir(folder).map_err(Problem::io(folder))?.flatten().map(|entry| entry.path()) {
        if path.is_file() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(Problem::io(&path))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(to: &str, link: &Path) -> Result<(), Problem> {
    std::os::unix::fs::symlink(to, link).map_err(Problem::io(link))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<(), Problem> {
    Err(Problem::NoCudaPackages)
}

#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) -> Result<(), Problem> {
    Err(Problem::NoCudaPackages)
}
