//! The authority over HTTP with the real clients: asking, enrolling, and what happens when it is away or misbehaves.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use jiff::SignedDuration;
use support::Nation;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trust::cert::CertificateRequest;
use trust::ocsp::{self, FetchError, FetchLimits, OcspError, OcspPolicy, OcspQuery, OcspStatus};
use trust::pki::{Authority, AuthorityOptions, CertificateStatus, Enrolment, PkiError, Profile, Server};
use trust::tsp::{self, Imprint, TspError};
use trust::{Certificate, KeyKind, SoftwareKey};

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn quick() -> FetchLimits {
    FetchLimits { connect: Duration::from_secs(5), read: Duration::from_millis(300), max_bytes: 64 * 1024 }
}

/// Sends a request as text and returns the whole answer.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn enrolment(path: &str, authorization: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn status_and_time_are_fetched_and_an_absent_service_is_told() {
    let nation = Nation::new(KeyKind::EcP256, true);
    let authority = &nation.authority;
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    let issuer = authority.issuing_certificate();
    let query = OcspQuery { certificate: &leaf, issuer, responders: &[], policy: OcspPolicy::default() };
    let server = Server::start(anywhere(), authority.router(Enrolment::Closed)).await.unwrap();
    let (address, ocsp_url, tsa_url) = (server.address(), server.url("/ocsp"), server.url("/tsa"));

    let answer = ocsp::fetch(&ocsp_url, &query, nation.now(), FetchLimits::default()).await.unwrap();
    assert_eq!(answer.status, OcspStatus::Good);
    let trusted = [authority.tsa_certificate().clone()];
    let stamp = tsp::fetch(&tsa_url, Imprint::sha512_of(b"x"), &trusted, FetchLimits::default()).await.unwrap();
    assert_eq!(stamp.time.as_second(), nation.now().as_second());

    server.stop().await;
    let away = ocsp::fetch(&ocsp_url, &query, nation.now(), quick()).await.unwrap_err();
    assert!(matches!(away, OcspError::Fetch(FetchError::Connect(_))), "{away:?}");
    let away = tsp::fetch(&tsa_url, Imprint::sha512_of(b"x"), &trusted, quick()).await.unwrap_err();
    assert!(matches!(away, TspError::Fetch(FetchError::Connect(_))), "{away:?}");

    // Back on the same address; the status changed meanwhile.
    authority.revoke(&leaf.serial_hex(), nation.now()).unwrap();
    let server = Server::start(address, authority.ocsp_router()).await.unwrap();
    let answer = ocsp::fetch(&ocsp_url, &query, nation.now(), quick()).await.unwrap();
    assert_eq!(answer.require_good(), Err(OcspError::Revoked));
    let gone = tsp::fetch(&tsa_url, Imprint::sha512_of(b"x"), &trusted, quick()).await.unwrap_err();
    assert_eq!(gone, TspError::Fetch(FetchError::Status(404)));
    server.stop().await;
}

#[tokio::test]
async fn answers_that_are_slow_huge_or_not_answers_are_refused() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    let root = nation.authority.root();
    let query = OcspQuery { certificate: &leaf, issuer: root, responders: &[], policy: OcspPolicy::default() };
    let router = Router::new()
        .route("/slow", post(|| async { tokio::time::sleep(Duration::from_secs(30)).await }))
        .route("/huge", post(|| async { vec![0_u8; 100_000] }))
        .route("/junk", post(|| async { "<html>proxy login</html>" }));
    let server = Server::start(anywhere(), router).await.unwrap();
    let ask = async |path: &str| ocsp::fetch(&server.url(path), &query, nation.now(), quick()).await.unwrap_err();
    assert_eq!(ask("/slow").await, OcspError::Fetch(FetchError::Timeout));
    assert_eq!(ask("/huge").await, OcspError::Fetch(FetchError::TooLarge));
    assert_eq!(ask("/junk").await, OcspError::Malformed);
    for url in ["https://127.0.0.1/ocsp", "ldap://x", "not a url", ""] {
        let refused = ocsp::fetch(url, &query, nation.now(), quick()).await.unwrap_err();
        assert_eq!(refused, OcspError::Fetch(FetchError::BadUrl), "{url}");
    }
}

#[tokio::test]
async fn the_ocsp_request_may_come_in_the_address() {
    use base64::Engine;
    let nation = Nation::new(KeyKind::EcP256, false);
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    let server = Server::start(anywhere(), nation.authority.ocsp_router()).await.unwrap();
    let request = ocsp::request(&leaf, nation.authority.root()).unwrap();
    let request = base64::engine::general_purpose::STANDARD.encode(request);
    let escaped = request.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let answer = raw(&server, &format!("GET /ocsp/{escaped} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/ocsp-response"), "{answer}");
    assert!(answer.len() > 300, "a signed answer, not a refusal");
}

#[tokio::test]
async fn certificates_are_issued_only_to_whoever_knows_the_token() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let subject = Profile::Sign.subject(&support::holder());
    let request = CertificateRequest::create(&key, &subject, &[]).unwrap().to_pem();
    let open = Enrolment::Token("s3cret".into());
    assert!(!format!("{open:?}").contains("s3cret"));
    let server = Server::start(anywhere(), nation.authority.router(open)).await.unwrap();
    for wrong in ["", "authorization: Bearer s3cre\r\n", "authorization: Basic s3cret\r\n"] {
        assert!(raw(&server, &enrolment("/sign/sign", wrong, &request)).await.starts_with("HTTP/1.1 401"), "{wrong}");
    }
    let right = "authorization: Bearer s3cret\r\n";
    let answer = raw(&server, &enrolment("/sign/sign", right, &request)).await;
    let pem = &answer[answer.find("-----BEGIN").unwrap()..];
    let certificate = Certificate::from_pem(pem).unwrap();
    assert!(certificate.issued_by(nation.authority.root()) && certificate.is_for_signing());
    assert_eq!(nation.authority.status(&certificate.serial_hex()), Some(CertificateStatus::Good));

    assert!(raw(&server, &enrolment("/sign/other", right, &request)).await.starts_with("HTTP/1.1 404"));
    assert!(raw(&server, &enrolment("/sign/sign", right, "junk")).await.starts_with("HTTP/1.1 422"));
    let nameless = CertificateRequest::create(&key, &support::name("only a name"), &[]).unwrap().to_pem();
    let answer = raw(&server, &enrolment("/sign/sign", right, &nameless)).await;
    assert!(answer.starts_with("HTTP/1.1 422") && answer.contains("businessCategory"), "{answer}");
    let fetched = raw(&server, "GET /ca.pem HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(fetched.contains(nation.authority.root().to_pem().as_str()));
    server.stop().await;

    let closed = Server::start(anywhere(), nation.authority.router(Enrolment::Closed)).await.unwrap();
    assert!(raw(&closed, &enrolment("/sign/sign", right, &request)).await.starts_with("HTTP/1.1 401"));
}

#[test]
fn an_authority_survives_being_closed_and_opened() {
    let dir = TempDir::new().unwrap();
    let clock = kit::Clock::manual("2026-11-01T00:00:00Z".parse().unwrap());
    let options = AuthorityOptions {
        intermediate: true,
        ocsp_url: Some("http://ocsp.example.vn/ocsp".into()),
        ..AuthorityOptions::new("Thử", KeyKind::EcP256)
    };
    let authority = Authority::create_with(dir.path(), &options, clock.clone()).unwrap();
    assert!(matches!(Authority::create(dir.path(), "x", KeyKind::EcP256, clock.clone()), Err(PkiError::Exists)));
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let subject = Profile::Auth.subject(&support::holder());
    let request = CertificateRequest::create(&key, &subject, &support::dns_names()).unwrap();
    let certificate = authority.sign_csr(&request, Profile::Auth, subject).unwrap();
    assert_eq!(certificate.ocsp_urls(), ["http://ocsp.example.vn/ocsp"]);
    clock.advance(SignedDuration::from_hours(1));
    authority.revoke(&certificate.serial_hex(), clock.now()).unwrap();
    drop(authority);

    let again = Authority::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(again.status(&certificate.serial_hex()), Some(CertificateStatus::Revoked { at: clock.now() }));
    assert!(certificate.issued_by(again.issuing_certificate()));
    assert!(again.issuing_certificate().issued_by(again.root()));
    std::fs::write(dir.path().join("register.json"), "{ torn").unwrap();
    assert!(matches!(Authority::open(dir.path(), clock), Err(PkiError::Damaged("register.json"))));
}
