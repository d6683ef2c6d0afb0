//! Services that misbehave, and answers that are easily spoilt on the way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::nation::{Nation, Options};

async fn nation() -> Nation {
    Nation::start(Options { synced: false, ..Options::default() }).await
}

/// A service that answers every request with these bytes; then closes, or holds the connection open.
async fn raw_service(bytes: Vec<u8>, hold: bool) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (bytes, counted) = (bytes.clone(), counted.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                let _ = stream.write_all(&bytes).await;
                if hold {
                    std::future::pending::<()>().await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    (address, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_die_stall_or_do_not_speak_http() {
    let nation = nation().await;
    let path = Nation::path("hong", "/x");
    for (what, bytes, hold, expected) in [
        ("closes at once", &b""[..], false, "HttpError"),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-ty", false, "HttpError"),
        ("no HTTP", b"220 smtp.example ESMTP\r\n", false, "HttpError"),
        ("half a body", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", false, "HttpError"),
        (
            "half a chunked body",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            false,
            "HttpError",
        ),
        (
            "a broken chunk",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            false,
            "HttpError",
        ),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", false, "HttpError"),
        ("only an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n", false, "HttpError"),
        (
            "another protocol",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            false,
            "HttpError",
        ),
        ("never answers", b"", true, "NetworkError"),
        ("stops in the middle", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", true, "NetworkError HttpError"),
    ] {
        let (address, calls) = raw_service(bytes.to_vec(), hold).await;
        nation.offer("hong", &format!("http://{address}"), 1);
        let answer = nation.call("GET", &path, &[], None).await;
        let kind = answer.error();
        let told = kind.strip_prefix("Server.ServerProxy.ServiceFailed.").unwrap_or(&kind);
        assert!(expected.split(' ').any(|code| code == told), "{what}: {:?}", answer.json());
        assert!(!answer.body.windows(4).any(|four| four == b"half"), "{what}: part of an answer was delivered");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{what}: the service is asked once");
    }
    let unknown = "http://khong-co.invalid";
    nation.offer("hong", unknown, 5);
    let answer = nation.call("GET", &path, &[], None).await;
    assert_eq!(answer.error(), "Server.ServerProxy.ServiceFailed.UnknownHost");
    let (plain, _) = raw_service(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), false).await;
    nation.offer("hong", &format!("https://{plain}"), 5);
    let answer = nation.call("GET", &path, &[], None).await;
    assert_eq!(answer.error(), "Server.ServerProxy.ServiceFailed.SslAuthenticationFailed");
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_keep_their_status_headers_and_encoding() {
    let nation = nation().await;
    let get = async |rest: &str| nation.call("GET", &Nation::path("tracuu", rest), &[], None).await;
    let redirect = get("/redirect").await;
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, "http://127.0.0.1:1/elsewhere"),
        "returned, not followed"
    );
    let none = get("/204").await;
    assert_eq!((none.status, none.body.len()), (204, 0));
    let unchanged = get("/304").await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, "\"a\""));
    let zipped = get("/gzip").await;
    assert_eq!(
        (zipped.header("content-encoding"), &zipped.body[..3]),
        ("gzip", &[0x1f, 0x8b, 8][..]),
        "passed on as it is"
    );
    let cookies = get("/cookies").await;
    let all: Vec<_> = cookies.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(all, ["a=1; Path=/", "b=2"], "a repeated header stays repeated");
    let head = nation.call("HEAD", &Nation::path("tracuu", "/x"), &[], None).await;
    assert_eq!((head.status, head.body.len(), head.header("content-type")), (200, 0, "application/json"));
    assert_eq!(nation.calls(), 6);
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_larger_than_allowed_is_refused_and_a_large_one_comes_whole() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.max_body = 101 * 1024 * 1024;
    let nation = Nation::start(options.clone()).await;
    nation.offer("to", &format!("http://{}", nation.service), 60);
    let answer = nation.call("GET", &Nation::path("to", "/100mb"), &[], None).await;
    assert_eq!((answer.status, answer.body.len()), (200, 100 * 1024 * 1024));
    assert!(answer.body.iter().all(|byte| *byte == 0x5a));
    options.settings.max_body = 10 * 1024 * 1024;
    let nation = Nation::start(options).await;
    nation.offer("to", &format!("http://{}", nation.service), 60);
    let answer = nation.call("GET", &Nation::path("to", "/100mb"), &[], None).await;
    assert_eq!(answer.error(), "Server.ServerProxy.ServiceFailed.HttpError", "{:?}", answer.json());
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_absurd_headers_is_cut_off() {
    let nation = nation().await;
    let many: String = (0..500).map(|n| format!("h{n}: x\r\n")).collect();
    let large = format!("h: {}\r\n", "x".repeat(600_000));
    for headers in [many, large, "a b: c\r\n".to_owned(), "no colon\r\n".to_owned()] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
        let (address, _) = raw_service(bytes.into_bytes(), false).await;
        nation.offer("hong", &format!("http://{address}"), 5);
        let answer = nation.call("GET", &Nation::path("hong", "/x"), &[], None).await;
        assert_eq!(answer.error(), "Server.ServerProxy.ServiceFailed.HttpError", "{:.60}", headers);
    }
    nation.alive().await;
}
