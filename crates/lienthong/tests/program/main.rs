//! The program itself, started as a person starts it: the demo, the set-up from nothing, and what it says to wrong input.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops")]

mod demo;
mod first_message;
mod rotation;
mod wrong_input;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_lienthong");

/// The program with these arguments, in `folder`, speaking English.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .env_remove("LIENTHONG_PIN")
        .env("LIENTHONG_LOG", "off")
        .args(["--lang", "en"])
        .args(arguments);
    command
}

/// Runs it to the end.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A multiple of 100 from which 100 ports are free. Tests of other programs begin elsewhere.
fn free_hundred(start: u16) -> u16 {
    let is_free = |base: u16| (base..base + 100).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    (start..32_000).step_by(100).find(|base| is_free(*base)).expect("no hundred free ports")
}

/// Head and body of the answer to `GET path` on a port of this machine; `None` while nobody listens.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(text(&answer))
}
