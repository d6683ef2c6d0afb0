//! A folder per test process that is removed, and whose database servers are stopped, when the process ends.
//!
//! A destructor would not run when a test aborts or is killed. So a small shell process waits for the end of a pipe that
//! only this process holds open: the kernel closes it whatever the manner of death.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use tempfile::TempDir;

/// `$1` is the folder; each `*/data/postmaster.pid` in it names a running server.
const SWEEPER: &str = r#"
cat >/dev/null
for file in "$1"/*/data/postmaster.pid; do
    pid=$(head -n 1 "$file" 2>/dev/null) || continue
    kill -QUIT "$pid" 2>/dev/null
    for round in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
done
rm -rf "$1"
"#;

struct Scratch {
    root: PathBuf,
    /// Its standard input, held here, is the pipe.
    _sweeper: Child,
}

/// The folder of this process.
pub(crate) fn root() -> &'static Path {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    &SCRATCH.get_or_init(Scratch::create).root
}

/// A new folder, removed when the value is dropped (or, at the latest, with the process).
#[must_use]
pub fn tempdir() -> TempDir {
    tempfile::tempdir_in(root()).unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

impl Scratch {
    fn create() -> Self {
        // Short, because the path of a Unix socket may have 107 bytes only; open, because the database server runs as
        // another user when the tests run as root.
        let folder = tempfile::Builder::new()
            .prefix("lt-test-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let root = folder.keep();
        let sweeper = Command::new("sh")
            .args(["-c", SWEEPER, "sweeper"])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group, so that Ctrl-C reaches the tests and not the one who cleans up after them.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("sh cannot be started: {error}"));
        Self { root, _sweeper: sweeper }
    }
}
