//! Child processes that a test may kill, and that never outlive it.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

/// A child process, killed (signal 9) when dropped.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Child {
    /// Starts a command with its standard output on a pipe, to be read with [`Child::line`].
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Self { child, lines }
    }

    /// Starts this test program again to run one of its tests, an `#[ignore]`d one that plays the child's part and
    /// takes its orders from environment variables.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn of_this_test(test: &str, environment: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|error| panic!("where am I: {error}"));
        let mut command = Command::new(program);
        command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
        Self::start(command.envs(environment.iter().copied()))
    }

    /// The next line of output; `None` when the child has closed it.
    pub fn line(&mut self) -> Option<String> {
        self.lines.as_mut()?.next()?.ok()
    }

    /// Kills the child at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // Fails only when the child has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the end of the child; whether it ended well.
    pub fn wait(&mut self) -> bool {
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// The process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
