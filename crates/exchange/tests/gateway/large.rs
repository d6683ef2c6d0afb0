//! A body far larger than memory crosses in both directions, in bounded memory. Measured in a process of its own.

use std::convert::Infallible;
use std::process::Command;

use aws_lc_rs::digest;
use bytes::Bytes;
use exchange::log::MessageQuery;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use trust::verify::{Check, Outcome, Verdict, verify_container};

use crate::evidence::{Trust, exported};
use crate::nation::{CONSUMER, Nation, Options, PROVIDER, client};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 4800;
const LENGTH: u64 = (CHUNK * CHUNKS) as u64;
/// What the whole process may need beyond what it had before: two gateways, the caller and the service.
const ALLOWED_KIB: u64 = 100 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_megabytes_cross_both_ways_in_bounded_memory() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "large::child_with_a_large_body", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// The most memory this process has ever held, KiB.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A service that sends back what it is sent while it is sent.
async fn mirror() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let service = service_fn(async |request: Request<Incoming>| {
                    Ok::<_, Infallible>(Response::new(request.into_body()))
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn chunk(number: usize) -> Bytes {
    let mut bytes = vec![u8::try_from(number % 251).unwrap_or_default(); CHUNK];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    bytes.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child process of another test"]
async fn child_with_a_large_body() {
    let nation = Nation::start(Options { synced: false, ..Options::default() }).await;
    nation.offer("guong", &format!("http://{}", mirror().await), 120);
    nation.alive().await;
    let before = high_water();
    let chunks = futures_util::stream::iter((0..CHUNKS).map(|number| Ok::<_, Infallible>(Frame::data(chunk(number)))));
    let request = Request::post(Nation::path("guong", "/"))
        .header("host", "x")
        .header("x-road-client", client(CONSUMER).encoded())
        .header("x-road-id", "lon-1")
        .body(StreamBody::new(chunks))
        .unwrap();
    let stream = tokio::net::TcpStream::connect(nation.consumer.http).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut hash, mut length) = (digest::Context::new(&digest::SHA512), 0);
    while let Some(frame) = response.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        length += data.len() as u64;
        hash.update(&data);
    }
    let mut expected = digest::Context::new(&digest::SHA512);
    (0..CHUNKS).for_each(|number| expected.update(&chunk(number)));
    let expected = expected.finish();
    assert_eq!((length, hash.finish().as_ref()), (LENGTH, expected.as_ref()));
    let grown = high_water() - before;
    println!("grown by {grown} KiB");
    assert!(grown < ALLOWED_KIB, "memory grew by {grown} KiB");
    let trust = Trust::of(&nation);
    for (node, party) in [(&nation.consumer, client(CONSUMER)), (&nation.provider, client(PROVIDER))] {
        let query = MessageQuery { message_id: Some("lon-1".into()), ..MessageQuery::default() };
        let found = node.gateway.log.search(&query).await.unwrap().items;
        assert_eq!(found.iter().map(|message| message.body_length).collect::<Vec<_>>(), [LENGTH.cast_signed(); 2]);
        for (name, bytes) in exported(node, &party, "lon-1").await {
            assert!(bytes.len() < 100_000, "{name}: only the digest is kept");
            let report = verify_container(&bytes, &trust);
            assert_eq!(report.verdict, Verdict::Partial, "{name}: {:#?}", report.checks);
            assert!(
                matches!(report.outcome(Check::Content), Some(Outcome::Absent(words)) if words.en.contains("attachment1"))
            );
            assert_eq!(report.outcome(Check::SignatureValue), Some(&Outcome::Pass));
            let told = report.parts.iter().find_map(|part| part.digest.clone()).unwrap();
            assert_eq!(
                told.to_ascii_lowercase(),
                hex::encode(expected.as_ref()),
                "{name}: the digest of the very body"
            );
        }
    }
}
