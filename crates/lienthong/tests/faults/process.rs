//! Processes of the program: started, killed, stopped in order, and never left behind.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

/// The longest any condition is waited for. Generous: it only bounds how long a broken program can hold the tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Kills every process it was told of once the test program is gone, however it went.
const REAPER: &str = r#"
pids=
while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
"#;

/// A running `lienthong`.
#[derive(Debug)]
pub struct Program {
    child: Child,
    said: PathBuf,
}

impl Program {
    /// Starts `serve` with these roles of `config`; what it says goes to a file beside the configuration.
    pub fn serve(config: &Path, roles: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lienthong"));
        command.arg("--config").arg(config).args(["serve", "--roles", roles]);
        Self::start(command, config.with_extension(format!("{roles}.log")))
    }

    /// Starts any command as a process of the tests, its output appended to `said`.
    pub fn start(mut command: Command, said: PathBuf) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(&said).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap();
        watch_over(child.id());
        Self { child, said }
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, without waiting.
    pub fn ask_to_stop(&self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success(), "the process is gone already: {}", self.said());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the process does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it in order; it must say that all went well.
    pub async fn stop(mut self) {
        self.ask_to_stop();
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.said).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has the process killed when the test program ends without doing so itself.
fn watch_over(pid: u32) {
    static REAPER_AT_WORK: OnceLock<Mutex<Child>> = OnceLock::new();
    let reaper = REAPER_AT_WORK
        .get_or_init(|| Mutex::new(Command::new("sh").args(["-c", REAPER]).stdin(Stdio::piped()).spawn().unwrap()));
    writeln!(reaper.lock().unwrap().stdin.as_mut().unwrap(), "{pid}").unwrap();
}

/// Runs a command of the program to its end; what it said on standard output.
pub fn run(config: &Path, words: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_lienthong")).arg("--config").arg(config).args(words).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "lienthong {}: {}\n{out}{err}", words.join(" "), done.status);
    out.into_owned()
}

/// Waits until `probe` has something to say.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Listens at an address that the test before may not quite have left.
pub async fn listen(address: SocketAddr) -> TcpListener {
    eventually("a free address", || async move { TcpListener::bind(address).await.ok() }).await
}
