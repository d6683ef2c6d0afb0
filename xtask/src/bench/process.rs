//! Processes started for a measurement: stopped when dropped, their cost read from `/proc`.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Clock ticks per second in `/proc/PID/stat`; Linux shows 100 to programs on every architecture we run on.
const TICKS: f64 = 100.0;
/// How long a process may take to answer its first question.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running process.
pub struct Process {
    /// What it is called in the report.
    pub label: String,
    child: Child,
}

/// Processor time, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In the program.
    pub user: f64,
    /// In the kernel on its behalf.
    pub system: f64,
}

impl Process {
    /// Starts `command`; what it says goes to `LABEL.log` in `folder`.
    pub fn start(label: &str, mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = File::create(folder.join(format!("{label}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {label}: {command:?}"))?;
        Ok(Self { label: label.to_owned(), child })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `address` accepts connections.
    pub fn wait_listening(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        self.wait_until(|| TcpStream::connect(address).is_ok())
    }

    /// Waits until `work` succeeds; how long that took from now.
    pub fn wait_for(&mut self, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let mut last = Ok(());
        let waited = self.wait_until(|| {
            last = work();
            last.is_ok()
        });
        waited.with_context(|| format!("the last attempt: {:?}", last.err()))?;
        Ok(begin.elapsed())
    }

    fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}; see its log", self.label);
            }
            ensure!(Instant::now() < end, "{} is not ready after {PATIENCE:?}; see its log", self.label);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Asks it to stop and waits; kills it when it does not.
    pub fn stop(&mut self) {
        // SIGTERM through kill(1): no dependency for one signal.
        let _ = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Runs a command to its end and gives what it printed.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    ensure!(
        done.status.success(),
        "{command:?} failed with {}:\n{said}{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(said)
}

/// Processor time of a process and of its children that still run.
pub fn cpu(pid: u32) -> Cpu {
    let mut sum = cpu_of(pid).unwrap_or_default();
    for child in children(pid) {
        let own = cpu(child);
        sum.user += own.user;
        sum.system += own.system;
    }
    sum
}

fn cpu_of(pid: u32) -> Option<Cpu> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything: count the fields after it. utime and stime are the 14th and 15th of all.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS);
    Some(Cpu { user: seconds()?, system: seconds()? })
}

fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Resident memory now and at its highest since [`forget_peak`], MiB.
pub fn memory(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
    };
    (mib("VmRSS:").unwrap_or(0.0), mib("VmHWM:").unwrap_or(0.0))
}

/// Begins a new count of the highest resident memory.
pub fn forget_peak(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}
