//! A real PostgreSQL server, private to the test process, started on first use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{ports, scratch};

/// Role that owns everything in the cluster; connections from this machine need no password.
const ROLE: &str = "lienthong";

/// Why no server could be started.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No PostgreSQL on this machine.
    #[error("PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin): `make setup` installs it")]
    Missing,
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Its name.
        program: String,
        /// What it wrote.
        output: String,
    },
    /// The server refused an order.
    #[error("PostgreSQL: {0}")]
    Server(#[from] ::postgres::Error),
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, then the server writes everything down and ends.
    Fast,
    /// As after a power failure, but for the disk: nothing is written down, recovery runs at the next start.
    Immediate,
}

/// A running server in a folder of its own.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    fsync: bool,
    databases: AtomicU32,
}

/// The server that the tests of this process share. It never waits for the disk: tests kill processes, not power.
///
/// # Panics
/// When PostgreSQL is missing or does not start; the message says what to do.
#[must_use]
pub fn postgres() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(false).unwrap_or_else(|error| panic!("{error}")))
}

impl Cluster {
    /// Starts a server of the test's own, for tests that stop it. `fsync`: whether commits wait for the disk.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn start(fsync: bool) -> Result<Self, ClusterError> {
        let programs = programs().ok_or(ClusterError::Missing)?;
        let folder = tempfile::Builder::new()
            .prefix("pg-")
            .tempdir_in(scratch::root())
            .map_err(|error| ClusterError::Failed { program: "mkdir".to_owned(), output: error.to_string() })?
            .keep();
        let cluster = Self { programs, folder, port: ports::free(), fsync, databases: AtomicU32::new(0) };
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres:").arg(&cluster.folder))?;
        }
        let mut initdb = cluster.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username", ROLE, "-D"]);
        run(initdb.arg(cluster.data()))?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// Creates an empty database and returns its address.
    ///
    /// # Errors
    /// [`ClusterError::Server`].
    pub fn create_database(&self) -> Result<String, ClusterError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.order(&format!("CREATE DATABASE {name}"))?;
        Ok(self.url(self.port, &name))
    }

    /// The address of a database of this server through another port, that of a [`Proxy`](crate::fault::Proxy).
    #[must_use]
    pub fn url_through(&self, port: u16, url: &str) -> String {
        self.url(port, url.rsplit('/').next().unwrap_or("postgres"))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server and waits until it is down.
    ///
    /// # Errors
    /// [`ClusterError::Failed`].
    pub fn stop(&self, how: Stop) -> Result<(), ClusterError> {
        let mode = if how == Stop::Fast { "fast" } else { "immediate" };
        run(self.command("pg_ctl").args(["stop", "-w", "-m", mode, "-D"]).arg(self.data()))
    }

    /// Starts the stopped server on the same port and waits until it answers.
    ///
    /// # Errors
    /// [`ClusterError::Failed`].
    pub fn resume(&self) -> Result<(), ClusterError> {
        let fsync = if self.fsync { "on" } else { "off" };
        let settings = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=32MB -c fsync={fsync} \
             -c full_page_writes={fsync} -c timezone=UTC",
            self.port,
            self.folder.display()
        );
        let mut start = self.command("pg_ctl");
        start.args(["start", "-w", "-o", &settings, "-l"]).arg(self.folder.join("server.log"));
        run(start.arg("-D").arg(self.data()))
    }

    /// Stops and starts the server.
    ///
    /// # Errors
    /// [`ClusterError::Failed`].
    pub fn restart(&self, how: Stop) -> Result<(), ClusterError> {
        self.stop(how)?;
        self.resume()
    }

    /// Runs one statement outside of any transaction.
    ///
    /// # Errors
    /// [`ClusterError::Server`].
    pub fn order(&self, sql: &str) -> Result<(), ClusterError> {
        let url = self.url(self.port, "postgres");
        let order = || ::postgres::Client::connect(&url, ::postgres::NoTls)?.batch_execute(sql);
        // On a thread of its own, because the client refuses to block inside an asynchronous test.
        let outcome = std::thread::scope(|scope| scope.spawn(order).join());
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(ClusterError::from)
    }

    fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{port}/{database}")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of PostgreSQL, which refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // May be down already; the sweeper of the process removes what is left.
        let _ = self.stop(Stop::Immediate);
    }
}

/// The folder with the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists());
    folders.max_by_key(|path| version(path)).map(|path| path.join("bin"))
}

fn run(command: &mut Command) -> Result<(), ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |output: String| ClusterError::Failed { program: program.clone(), output };
    // A file, not a pipe: the server inherits it, and a pipe would be read until the server ends.
    let log = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let copies = (log.try_clone(), log.try_clone());
    let (Ok(stdout), Ok(stderr)) = copies else { return Err(failed("no file for its output".to_owned())) };
    let status = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("{status}: {}", contents(log)))),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn contents(mut log: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    let _ = log.rewind().and_then(|()| log.read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}
