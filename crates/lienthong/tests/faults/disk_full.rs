//! The disk is full: that of the message log alone, or the one that everything is on.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use exchange::log::Role;

use super::evidence::{Logged, now};
use super::load::{CALLERS, Load, until_served};
use super::nation::nation;
use super::place::Place;
use super::process::Program;

/// Bytes the small disk has room for beyond what is on it already.
const ROOM: u64 = 1024 * 1024;
/// Puts a disk of `$3` bytes, first made at `$2`, over `$1`, and stays until the pipe to it is closed: at the latest with the test program.
const KEEPER: &str = r#"
mkdir -p "$2"
mount -t tmpfs -o size="$3" none "$2"
cp -a "$1/." "$2"
mount --bind "$2" "$1"
echo ready
exec cat
"#;

/// A small disk over a folder, seen only by those who enter: the kernel removes it when its keeper ends.
struct SmallDisk {
    keeper: Child,
    folder: PathBuf,
    small: PathBuf,
    is_root: bool,
}

impl SmallDisk {
    /// Puts a small disk with a copy of its content over `folder`.
    fn over(folder: &Path) -> Self {
        let is_root = output(Command::new("id").arg("-u")).trim() == "0";
        let used = output(Command::new("du").args(["-sb"]).arg(folder));
        let used: u64 = used.split_whitespace().next().unwrap().parse().unwrap();
        let mut unshare = Command::new("unshare");
        unshare.arg("--mount");
        if !is_root {
            unshare.args(["--user", "--map-root-user"]);
        }
        let small = PathBuf::from(format!("{}.small", folder.display()));
        unshare.args(["sh", "-ec", KEEPER, "keeper"]).arg(folder).arg(&small).arg((used + ROOM).to_string());
        let mut keeper = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "no small disk: mounting in a namespace of one's own must be allowed");
        Self { keeper, folder: folder.to_owned(), small, is_root }
    }

    /// A command for those who shall see the small disk.
    fn enter(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.keeper.id().to_string()).arg("--mount");
        if !self.is_root {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Makes room.
    fn grow(&self) {
        output(self.enter("mount").args(["-o", "remount,size=256m"]).arg(&self.small));
    }

    /// Brings what is on the small disk back to the folder under it.
    fn leave(mut self) {
        let seen = PathBuf::from(format!("/proc/{}/root{}", self.keeper.id(), self.small.display()));
        output(Command::new("cp").arg("-a").arg(seen.join(".")).arg(&self.folder));
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
    }
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Fills the disk that `folder` of the consumer is on, and makes room again.
async fn filled_and_freed(folder: impl Fn(&Place) -> PathBuf) {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    let since = now();
    let _service = nation.provider_service().await;
    let place = &nation.consumer;
    // Begun once before, so that there is a journal to put the disk over.
    place.start().await.stop().await;
    let disk = SmallDisk::over(&folder(place));
    let mut command = disk.enter(env!("CARGO_BIN_EXE_lienthong"));
    command.arg("--config").arg(&place.config).args(["serve", "--roles", "gateway"]);
    let mut gateway = Program::start(command, place.config.with_extension("small.log"));
    place.listening(&mut gateway).await;
    let provider = nation.provider.start().await;
    until_served(nation.route()).await;
    let load = Load::start(nation.route(), CALLERS);
    load.until("messages are refused", |tally| tally.refused_with("LoggingFailed") >= 2 * CALLERS).await;
    assert!(gateway.is_running(), "{}", gateway.said());
    disk.grow();
    load.until_more(100).await;
    let tally = load.finish().await;
    gateway.stop().await;
    provider.stop().await;
    disk.leave();
    let other: Vec<&String> = tally.refused.keys().filter(|code| !code.contains("LoggingFailed")).collect();
    assert!(other.is_empty(), "another reason than the log was given: {other:?}");
    assert_eq!(tally.unanswered, 0, "every call is answered, if only by an error");
    Logged::read(place, since).await.holds(Role::Consumer, &tally.answered);
    Logged::read(&nation.provider, since).await.holds(Role::Producer, &tally.answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_log_refuses_messages_until_there_is_room() {
    filled_and_freed(|place| place.home.join("journal")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_everything_refuses_messages_until_there_is_room() {
    filled_and_freed(|place| place.home.clone()).await;
}
