//! Slow clients harm only themselves; the number of connections has a bound.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::forge::{Asked, CONTENT_TYPE, parse_raw, post_bytes, request, tls_as};
use crate::nation::{CONSUMER, Nation, Options, client};

fn quick() -> Options {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.header_timeout = 1;
    options.settings.idle_timeout = 1;
    options
}

async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut out = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut out)).await;
    assert!(ended.is_ok(), "the gateway holds on to a connection that says nothing");
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_headers_and_bodies_are_given_up_on_while_others_are_served() {
    let nation = Nation::start(quick()).await;
    let path = Nation::path("tracuu", "/echo");
    let id = client(CONSUMER).encoded();
    let mut silent = Vec::new();
    for opening in [
        String::new(),
        format!("POST {path} HTT"),
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-road-cl"),
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-road-client: {id}\r\ncontent-length: 10\r\n\r\nonly"),
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-road-client: {id}\r\ntransfer-encoding: chunked\r\n\r\n4\r\nonly\r\n"
        ),
    ] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(nation.consumer.http).await.unwrap();
            stream.write_all(opening.as_bytes()).await.unwrap();
            silent.push((opening.contains("only"), stream));
        }
    }
    nation.alive().await;
    let before = nation.calls();
    for (has_body, stream) in &mut silent {
        let said = rest(stream).await;
        let answer = parse_raw(&said);
        if *has_body {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 400, "{answer:?}");
            assert!(answer.head.contains("Client.IOError"), "{}", answer.head);
        } else {
            assert!(answer.is_none_or(|answer| answer.status >= 400));
        }
    }
    assert_eq!(nation.calls(), before, "no unfinished body was delivered");
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stalls_in_the_middle_of_a_message_is_given_up_on() {
    let nation = Nation::start(quick()).await;
    let whole = post_bytes(CONTENT_TYPE, "", &request(&nation, &Asked::post("thân bài")).bytes());
    for keep in [5, 50, 90, 99] {
        let stream = TcpStream::connect(nation.provider.peer).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("gateway.example.vn").unwrap();
        let connector = tokio_rustls::TlsConnector::from(tls_as(&nation.consumer.auth_tls));
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(&whole[..whole.len() * keep / 100]).await.unwrap();
        stream.flush().await.unwrap();
        let said = rest(&mut stream).await;
        let answer = parse_raw(&said).unwrap();
        assert_eq!(answer.code(), "IOError", "{keep} %");
    }
    // One that never begins TLS.
    let mut mute = TcpStream::connect(nation.provider.peer).await.unwrap();
    mute.write_all(b"\x16\x03\x01").await.unwrap();
    assert_eq!(nation.calls(), 0);
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_trickle_of_a_body_arrives_whole() {
    let nation = Nation::start(quick()).await;
    let mut stream = TcpStream::connect(nation.consumer.http).await.unwrap();
    let id = client(CONSUMER).encoded();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-road-client: {id}\r\ncontent-length: 8\r\n\r\n",
        Nation::path("tracuu", "/echo")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for byte in b"chamchap" {
        // The pace is the subject of the test: slower than a burst, faster than the idle timeout.
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let said = rest(&mut stream).await;
    assert!(said.ends_with(b"chamchap"), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_bound_wait_and_are_served_later() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.max_connections = 8;
    options.settings.header_timeout = 2;
    let nation = Nation::start(options).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(TcpStream::connect(nation.consumer.http).await.unwrap());
    }
    // Waits in the queue of the listener until the idle ones are given up on.
    nation.alive().await;
    drop(held);
    nation.alive().await;
}

/// A caller that asks for much and reads nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_does_not_read_its_answer_blocks_nobody() {
    let nation = Nation::start(Options { synced: false, ..Options::default() }).await;
    nation.offer("to", &format!("http://{}", nation.service), 60);
    let id = client(CONSUMER).encoded();
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(nation.consumer.http).await.unwrap();
        let head = format!("GET {} HTTP/1.1\r\nhost: x\r\nx-road-client: {id}\r\n\r\n", Nation::path("to", "/100mb"));
        stream.write_all(head.as_bytes()).await.unwrap();
        deaf.push(stream);
    }
    let mut first = [0; 15];
    for stream in &mut deaf {
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
    }
    nation.alive().await;
}

/// A caller that never reads keeps neither its connection nor the answer held for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_never_reads_is_given_up_on() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.max_connections = 2;
    options.settings.idle_timeout = 2;
    let nation = Nation::start(options).await;
    nation.offer("to", &format!("http://{}", nation.service), 60);
    let id = client(CONSUMER).encoded();
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(nation.consumer.http).await.unwrap();
        let path = Nation::path("to", "/100mb");
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-road-client: {id}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        deaf.push(stream);
    }
    // Both places are taken until the deaf ones are given up on.
    let path = Nation::path("tracuu", "/x");
    let served = tokio::time::timeout(Duration::from_secs(60), nation.call("GET", &path, &[], None)).await;
    assert!(
        served.is_ok_and(|answer| answer.status == 200),
        "a caller that does not read holds its connection for ever"
    );
    drop(deaf);
}
