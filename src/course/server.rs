//! The private JupyterLab: started, asked whether it is ready, and stopped.

use super::child::{self, interrupted};
use super::home::Home;
use super::problem::Problem;
use super::step;
use rand::{Rng, rngs::OsRng};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// A JupyterLab that serves one folder on this computer only.
pub(crate) struct Server {
    process: Child,
    port: u16,
    token: String,
    log: PathBuf,
}

impl Server {
    /// Starts JupyterLab and waits until it answers.
    pub(crate) fn start(home: &Home, folder: &Path, port: u16) -> Result<Self, Problem> {
        let log = home.log("jupyterlab");
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(Problem::io(folder))?;
        }
        let out = File::create(&log).map_err(Problem::io(&log))?;
        let err = out.try_clone().map_err(Problem::io(&log))?;
        let token: String = (0..24).map(|_| format!("{:02x}", OsRng.r#gen::<u8>())).collect();
        let mut command = child::python(home);
        command
            .args(["-m", "jupyterlab", "--no-browser", "--ServerApp.answer_yes=True"])
            .args(["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"])
            .arg(format!("--ServerApp.port={port}"))
            .arg(format!("--ServerApp.root_dir={}", folder.display()))
            .args([
                "--KernelSpecManager.ensure_native_kernel=False",
                "--KernelSpecManager.allowed_kernelspecs=rust",
            ])
            .args(["--MultiKernelManager.default_kernel_name=rust", "--LabApp.extension_manager=readonly"])
            // In a container the learner may be root.
            .arg("--allow-root")
            // In the environment, where other users of this computer cannot see it.
            .env("JUPYTER_TOKEN", &token)
            .current_dir(folder);
        child::shield_from_interrupt(&mut command);
        let process = child::spawn(command.stdin(Stdio::null()).stdout(out).stderr(err))?;
        let mut server = Self { process, port, token, log };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), Problem> {
        let start = Instant::now();
        while self.request("GET", "/api/status") != Some(200) {
            let log = self.log.display().to_string();
            if interrupted() {
                self.stop();
                return Err(Problem::Interrupted);
            }
            if self.ended().is_some() {
                return Err(Problem::ServerStopped { tail: step::tail(&self.log, 15), log });
            }
            if start.elapsed() > PATIENCE {
                self.stop();
                return Err(Problem::ServerSlow {
                    seconds: PATIENCE.as_secs(),
                    tail: step::tail(&self.log, 15),
                    log,
                });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The address that shows a notebook.
    pub(crate) fn address(&self, stem: &str) -> String {
        format!("http://127.0.0.1:{}/lab/tree/{stem}.ipynb?token={}", self.port, self.token)
    }

    /// How the server ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends the server and its kernels.
    pub(crate) fn stop(&mut self) {
        self.request("POST", "/api/shutdown");
        let start = Instant::now();
        while self.ended().is_none() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        if self.ended().is_none() {
            // Nothing is left to do about a process that cannot be ended.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn request(&self, method: &str, path: &str) -> Option<u16> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&here, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let about = format!("Host: 127.0.0.1:{}\r\nAuthorization: token {}\r\n", self.port, self.token);
        let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        write!(stream, "{method} {path} HTTP/1.1\r\n{about}{end}").ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).ok()?;
        std::str::from_utf8(&answer).ok()?.split(' ').nth(1)?.parse().ok()
    }
}

/// The port that was asked for, which must be free; or the first free one from 8888 on.
pub(crate) fn choose_port(asked: Option<u16>) -> Result<u16, Problem> {
    const DEFAULT: u16 = 8888;
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match asked {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => Err(Problem::PortTaken(port)),
        None => (DEFAULT..DEFAULT + 200).find(|port| is_free(*port)).ok_or(Problem::NoPort(DEFAULT)),
    }
}
