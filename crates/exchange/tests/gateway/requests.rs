//! Bad requests of information systems: headers, identifiers, paths, methods and framing. Each gets the protocol's own error.

use std::net::SocketAddr;

use bytes::Bytes;
use exchange::model::access::{Endpoint, LocalGroups, Rights, Subject};
use std::sync::Arc;
use tokio::net::TcpStream;

use crate::forge::{Raw, parse_raw, talk};
use crate::nation::{CONSUMER, Nation, Options, PROVIDER, client, server_conf, services};

async fn nation() -> Nation {
    Nation::start(Options { synced: false, ..Options::default() }).await
}

async fn raw(to: SocketAddr, request: &str) -> Option<Raw> {
    talk(TcpStream::connect(to).await.unwrap(), request.as_bytes()).await
}

fn head(path: &str, headers: &str) -> String {
    let client = client(CONSUMER).encoded();
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-road-client: {client}\r\n{headers}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_wrong_missing_doubled_or_oversized() {
    let nation = nation().await;
    let path = Nation::path("tracuu", "/x");
    let long = "a".repeat(256);
    let longest = "a".repeat(255);
    for (headers, expected) in [
        (vec![("x-road-client", "")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN/GOV")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN/GOV/H26/motcua/x")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN//H26/motcua")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN/GOV/H26/%zz")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN/GOV/H26/%ff")], "Server.ClientProxy.InvalidClientIdentifier"),
        (vec![("x-road-client", "VN/GOV/H26/Motcua")], "Server.ClientProxy.UnknownMember"),
        (vec![("x-road-id", long.as_str())], "Client.BadRequest"),
        (vec![("x-road-userid", long.as_str())], "Client.BadRequest"),
        (vec![("x-road-issue", long.as_str())], "Client.BadRequest"),
        (vec![("x-road-issue", "a\tb")], "Client.BadRequest"),
        (vec![("x-road-represented-party", "a/b/c")], "Client.BadRequest"),
        (vec![("x-road-represented-party", "/")], "Client.BadRequest"),
        (vec![("x-road-security-server", "VN/GOV")], "Client.BadRequest"),
        (vec![("x-road-security-server", "VN/GOV/H26/gw1")], "Server.ClientProxy.InvalidSecurityServer"),
    ] {
        let answer = nation.call("GET", &path, &headers, None).await;
        assert_eq!(answer.error(), expected, "{headers:?}: {:?}", answer.json());
    }
    let bare = raw(nation.consumer.http, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    let bare = bare.unwrap();
    assert_eq!(bare.status, 500);
    assert!(bare.head.contains("Server.ClientProxy.InvalidClientIdentifier"), "{}", bare.head);
    assert_eq!(nation.calls(), 0);
    for (name, value) in
        [("x-road-id", longest.as_str()), ("x-road-id", "hồ-sơ/số 1"), ("x-road-issue", "việc: 1/2026")]
    {
        let answer = nation.call("GET", &path, &[(name, value)], None).await;
        assert_eq!(answer.status, 200, "{name}: {value}: {:?}", answer.json());
    }
    assert_eq!(nation.calls(), 3);
    nation.alive().await;
}

/// Source: exchange-protocol §2.1.2: the last `X-Road-Client` counts. A service must not be able to read another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubled_client_header_cannot_tell_the_service_another_caller() {
    let nation = nation().await;
    let own = client(CONSUMER).encoded();
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-road-client: VN/GOV/G99/sep\r\nX-ROAD-CLIENT: {own}\r\n\r\n",
        Nation::path("tracuu", "/")
    );
    let answer = raw(nation.consumer.http, &request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let told: Vec<&str> = told["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p[0] == "x-road-client")
        .map(|p| p[1].as_str().unwrap())
        .collect();
    assert_eq!(told, [own.as_str()], "the service reads the caller that was authenticated, and no other");
    let reversed = request
        .replace(&format!("X-ROAD-CLIENT: {own}"), "a: b")
        .replace("connection: close\r\n", &format!("connection: close\r\nx-road-client: {own}\r\n"));
    assert_eq!(raw(nation.consumer.http, &reversed).await.unwrap().status, 500, "the last one counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_identifiers_that_are_malformed() {
    let nation = nation().await;
    let id = client(PROVIDER).encoded();
    for (path, expected) in [
        ("/r1/".to_owned(), "Client.BadRequest"),
        ("/r1".to_owned(), "Client.BadRequest"),
        ("/r2/VN/GOV/G01/dancu/tracuu".to_owned(), "Client.BadRequest"),
        ("/R1/VN/GOV/G01/dancu/tracuu".to_owned(), "Client.BadRequest"),
        (format!("/r1/{id}"), "Client.BadRequest"),
        (format!("/r1/{id}/"), "Client.BadRequest"),
        ("/r1/VN//G01/dancu/tracuu".to_owned(), "Client.BadRequest"),
        (format!("/r1/{id}/%"), "Client.BadRequest"),
        (format!("/r1/{id}/%4"), "Client.BadRequest"),
        (format!("/r1/{id}/%c3%28"), "Client.BadRequest"),
        ("/r1/VN/GOV/G01/dancu%2Ftracuu/x".to_owned(), "Server.ClientProxy.UnknownMember"),
        ("/r1/vn/GOV/G01/dancu/tracuu".to_owned(), "Server.ClientProxy.UnknownMember"),
        ("/r1/XX/GOV/G01/dancu/tracuu".to_owned(), "Server.ClientProxy.UnknownMember"),
        (format!("/r1/{id}/tracuu%00"), "Server.ServerProxy.UnknownService"),
        (format!("/r1/{id}/../dancu/tracuu"), "Server.ServerProxy.UnknownService"),
        ("/r1/../r1/VN/GOV/G01/dancu/tracuu".to_owned(), "Server.ClientProxy.UnknownMember"),
        ("/".to_owned(), "Client.BadRequest"),
        ("/favicon.ico".to_owned(), "Client.BadRequest"),
    ] {
        let answer = nation.call("GET", &path, &[], None).await;
        assert_eq!(answer.error(), expected, "{path}: {:?}", answer.json());
    }
    for target in ["*", "x"] {
        let answer = raw(nation.consumer.http, &head(target, "").replacen("GET", "OPTIONS", 1)).await.unwrap();
        assert_eq!(answer.status, 400, "{target}: {answer:?}");
    }
    let long = nation.call("GET", &Nation::path("tracuu", &format!("/{}", "a".repeat(40_000))), &[], None).await;
    assert_eq!(long.status, 200, "a long path is still a path");
    assert_eq!(nation.calls(), 1);
    let absolute =
        raw(nation.consumer.http, &head(&format!("http://x{}", Nation::path("tracuu", "/a?b")), "")).await.unwrap();
    assert_eq!(absolute.status, 200, "{absolute:?}");
    nation.alive().await;
}

/// Source: exchange-protocol §2.14: a right on some paths of a service is a right on no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_leaves_the_endpoints_that_were_granted() {
    let nation = nation().await;
    let mut all = services(nation.service, false);
    let endpoint = Arc::new(Endpoint::new(7, "GET", "/cong-khai/*", true).unwrap());
    let id = all[0].id.clone();
    all[0].endpoints.push(endpoint.clone());
    let right = [(Subject::Client(client(CONSUMER)), endpoint)];
    all[0].rights = Rights::new(id, Arc::new(LocalGroups::new([])), right);
    nation.provider.conf.replace(server_conf(PROVIDER, all));
    assert_eq!(nation.call("GET", &Nation::path("tracuu", "/cong-khai/a"), &[], None).await.status, 200);
    assert_eq!(nation.calls(), 1);
    for rest in [
        "",
        "/",
        "/mat",
        "/cong-khai",
        "/cong-khai/a/b",
        "/cong-khai/../mat",
        "/cong-khai/..",
        "/cong-khai/%2e%2e/mat",
        "/cong-khai/%2E%2E%2Fmat",
        "/cong-khai/..%2Fmat",
        "/cong-khai/%252e%252e%252fmat",
        "/cong-khai/..%5cmat",
        "/cong-khai/..\\mat",
        "/cong-khai/%2e./mat",
        "/cong-khai/.%2e/mat",
        "/cong-khai/..;/mat",
        "/cong-khai/..%3B/mat",
        "/cong-khai/%c0%ae%c0%ae/mat",
        "/cong-khai/a%2Fb",
        "/cong-khai/a%5Cb",
        "/cong-khai/a%00",
        "/CONG-KHAI/a",
        "//mat",
        "/%2Fmat",
        "/cong-khai%2Fa",
        "/cong-khai/..%20/mat",
        "/cong-khai/a%0d%0ax",
    ] {
        let answer = nation.call("GET", &Nation::path("tracuu", rest), &[], None).await;
        assert_eq!(answer.error(), "Server.ServerProxy.AccessDenied", "{rest}: {:?}", answer.json());
    }
    for method in ["POST", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
        let answer = nation.call(method, &Nation::path("tracuu", "/cong-khai/a"), &[], None).await;
        assert_eq!(answer.status, 500, "{method}");
    }
    assert_eq!(nation.calls(), 1, "nothing but the granted path reached the service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_beyond_the_protocols_are_refused() {
    let nation = nation().await;
    let path = Nation::path("tracuu", "/x");
    for method in ["BREW", "PROPFIND", "get", "LINK"] {
        let answer = raw(nation.consumer.http, &head(&path, "").replacen("GET", method, 1)).await.unwrap();
        assert!(answer.head.contains("Client.InvalidHttpMethod"), "{method}: {answer:?}");
        assert_eq!(answer.status, 400);
    }
    let connect = raw(nation.consumer.http, "CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(connect.is_none_or(|answer| answer.status >= 400));
    assert_eq!(nation.calls(), 0);
    for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] {
        assert_eq!(nation.call(method, &path, &[], None).await.json()["method"], method);
    }
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn framing_that_is_old_odd_or_absurd() {
    let nation = nation().await;
    let path = Nation::path("tracuu", "/x");
    let old = raw(nation.consumer.http, &head(&path, "").replacen("HTTP/1.1", "HTTP/1.0", 1)).await.unwrap();
    assert!(old.status == 200 || old.head.contains("Client.BadRequest"), "{old:?}");
    let many: String = (0..300).map(|n| format!("h{n}: x\r\n")).collect();
    let answer = raw(nation.consumer.http, &head(&path, &many)).await.unwrap();
    assert!(matches!(answer.status, 400 | 431), "{answer:?}");
    let large = format!("h: {}\r\n", "x".repeat(1_000_000));
    let answer = raw(nation.consumer.http, &head(&path, &large)).await;
    assert!(answer.as_ref().is_none_or(|answer| matches!(answer.status, 400 | 431)), "{answer:?}");
    for broken in [
        "GET\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        head(&path, "no colon\r\n"),
        head(&path, "a b: c\r\n"),
        head(&path, "content-length: x\r\n"),
        head(&path, "content-length: 1\r\ncontent-length: 2\r\n"),
        head(&path, "transfer-encoding: gzip\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n".to_owned(),
    ] {
        let answer = raw(nation.consumer.http, &broken).await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{broken:?}: {answer:?}");
    }
    let before = nation.calls();
    assert!(before <= 1);
    nation.alive().await;
}

/// A request that two servers could cut at different places must not carry a second one past the gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_smuggled_behind_a_request() {
    let nation = nation().await;
    let hidden = head(&Nation::path("tracuu", "/lau"), "");
    let post = head(&Nation::path("tracuu", "/echo"), "").replacen("GET", "POST", 1);
    let both = post.replacen(
        "\r\n\r\n",
        &format!("\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", hidden.len() + 5),
        1,
    );
    let answer = raw(nation.consumer.http, &both).await;
    assert!(answer.is_none_or(|answer| answer.status == 400 || answer.body.is_empty() || answer.status == 200));
    assert!(nation.calls() <= 1, "one request at most came through");
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_answered_in_order() {
    let nation = nation().await;
    let one = |name: &str, close: &str| {
        head(&Nation::path("tracuu", &format!("/{name}")), &format!("x-road-id: {name}\r\n")).replacen(
            "connection: close",
            close,
            1,
        )
    };
    let three = [one("a", "a: b"), one("b", "a: b"), one("c", "connection: close")].concat();
    let stream = TcpStream::connect(nation.consumer.http).await.unwrap();
    let all = whole(stream, three.as_bytes()).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    let at = |name: &str| text.find(&format!("x-road-id: {name}\r\n")).unwrap();
    assert!(at("a") < at("b") && at("b") < at("c"), "{text}");
    assert_eq!(nation.calls(), 3);
}

async fn whole(mut stream: TcpStream, request: &[u8]) -> Vec<u8> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(request).await.unwrap();
    let mut out = Vec::new();
    stream.read_to_end(&mut out).await.unwrap();
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_chunked_expected_too_large_or_cut() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.max_body = 200_000;
    options.settings.memory_limit = 50_000;
    let nation = Nation::start(options).await;
    let post = |rest: &str, headers: &str| head(&Nation::path("tracuu", rest), headers).replacen("GET", "POST", 1);
    let chunked =
        post("/echo", "transfer-encoding: chunked\r\n") + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\ntrailer: t\r\n\r\n";
    let answer = raw(nation.consumer.http, &chunked).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello world"[..]));
    let expected = post("/echo", "expect: 100-continue\r\ncontent-length: 3\r\n") + "abc";
    let answer = whole(TcpStream::connect(nation.consumer.http).await.unwrap(), expected.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK") && answer.ends_with(b"abc"));
    assert_eq!(nation.calls(), 2);
    for length in [200_001, 5_000_000] {
        let answer =
            nation.call("POST", &Nation::path("tracuu", "/echo"), &[], Some(Bytes::from(vec![1; length]))).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "Client.BadRequest"), "{length}");
        assert!(answer.json()["message"].as_str().unwrap().contains("200000"), "{:?}", answer.json());
    }
    let broken = post("/echo", "transfer-encoding: chunked\r\n") + "zz\r\nhello\r\n0\r\n\r\n";
    assert!(raw(nation.consumer.http, &broken).await.is_none_or(|answer| answer.status == 400));
    let mut cut = TcpStream::connect(nation.consumer.http).await.unwrap();
    let part = post("/echo", "content-length: 100\r\n") + "only this";
    tokio::io::AsyncWriteExt::write_all(&mut cut, part.as_bytes()).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut cut).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut cut, &mut rest).await;
    assert!(parse_raw(&rest).is_none_or(|answer| answer.status == 400), "{:?}", String::from_utf8_lossy(&rest));
    assert_eq!(nation.calls(), 2, "no part of a body was delivered");
    nation.alive().await;
}

/// A refusal that comes before the body was read must reach a caller that is still writing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_reaches_a_caller_with_a_large_body() {
    let nation = nation().await;
    let body = Bytes::from(vec![7; 12_000_000]);
    for (path, expected) in [
        ("/r1/VN/GOV/G99/x/y".to_owned(), "Server.ClientProxy.UnknownMember"),
        (Nation::path("kin", "/"), "Server.ServerProxy.AccessDenied"),
        (Nation::path("khongco", "/"), "Server.ServerProxy.UnknownService"),
    ] {
        for _ in 0..3 {
            let answer = nation.call("POST", &path, &[], Some(body.clone())).await;
            assert_eq!(answer.error(), expected, "{path}: {:?}", answer.json());
        }
    }
    assert_eq!(nation.calls(), 0);
    nation.alive().await;
}
