//! One very large body through a pair of gateways, in each direction: how long, and how much memory at most.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

const BLOCK: usize = 256 * 1024;

/// What a request needs.
#[derive(Clone, Debug)]
pub struct Call {
    /// The gateway.
    pub to: SocketAddr,
    /// Path and query.
    pub target: String,
    /// The calling subsystem.
    pub caller: String,
}

/// Posts `length` zero bytes; how long until the answer was complete, and the answer.
pub fn send(call: &Call, length: u64) -> anyhow::Result<(Duration, Vec<u8>)> {
    let begin = Instant::now();
    let mut stream = connect(call, "POST", length)?;
    let block = vec![0; BLOCK];
    let mut left = length;
    while left > 0 {
        let now = usize::try_from(left)?.min(BLOCK);
        stream.write_all(block.get(..now).unwrap_or_default())?;
        left -= now as u64;
    }
    let mut answer = Vec::new();
    let told = read(stream, |bytes| answer.extend_from_slice(bytes))?;
    ensure!(told == answer.len() as u64, "the answer is cut short");
    Ok((begin.elapsed(), answer))
}

/// Asks for an answer and throws it away; how long that took, and its length.
pub fn receive(call: &Call) -> anyhow::Result<(Duration, u64)> {
    let begin = Instant::now();
    let stream = connect(call, "GET", 0)?;
    let mut length = 0;
    let told = read(stream, |bytes| length += bytes.len() as u64)?;
    ensure!(told == length, "the answer is cut short: {length} of {told} bytes");
    Ok((begin.elapsed(), length))
}

fn connect(call: &Call, method: &str, length: u64) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(call.to)?;
    // A gateway reads and checks the whole body before it answers.
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let Call { target, caller, .. } = call;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nx-road-client: {caller}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )?;
    Ok(stream)
}

/// Reads an answer of known length; gives that length.
fn read(stream: TcpStream, mut take: impl FnMut(&[u8])) -> anyhow::Result<u64> {
    let mut reader = BufReader::with_capacity(BLOCK, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<u64>()?);
        }
    }
    let length = length.context("the answer does not tell its length")?;
    let mut left = reader.take(length);
    let mut first = Vec::new();
    loop {
        let bytes = left.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        if status != "200" {
            first.extend_from_slice(bytes);
        }
        take(bytes);
        let used = bytes.len();
        left.consume(used);
    }
    ensure!(status == "200", "answered with {status}: {}", String::from_utf8_lossy(&first));
    Ok(length)
}
