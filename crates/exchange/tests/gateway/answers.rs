//! A hostile provider before our consumer: every way an answer can lie, break or stall, and what the information system is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use exchange::gateway::tls;
use exchange::model::error::Fault;
use exchange::model::header_part::{request_hash, sha512};
use exchange::wire::fault;
use exchange::wire::inbound::part;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use trust::key::KeyKind;
use trust::pki::Profile;

use crate::forge::{CONTENT_TYPE, Message, UNPROVEN, builder, ocsp_about, sign};
use crate::nation::{Nation, Options, PROVIDER, certified};

/// Name and value of header lines.
type Lines = Vec<(String, String)>;
/// What a lie changes in the header lines of an answer.
type Change = fn(&mut Lines);
/// How the false provider answers.
type Answerer = Box<dyn Fn(&Got) -> Reply + Send + Sync>;

/// What the false provider does with a request.
pub enum Reply {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Never answers.
    Hang,
}

/// A request as the false provider received it.
pub struct Got {
    header_part: Vec<u8>,
    body: Option<Vec<u8>>,
}

impl Got {
    fn read(head: &str, bytes: &[u8]) -> Self {
        let boundary = head.split("boundary=").nth(1).unwrap().lines().next().unwrap();
        let delimiter = format!("\r\n--{boundary}");
        let whole = [b"\r\n", bytes].concat();
        let mut got = Self { header_part: Vec::new(), body: None };
        let starts: Vec<usize> = memmem(&whole, delimiter.as_bytes());
        for pair in starts.windows(2) {
            let piece = &whole[pair[0] + delimiter.len() + 2..pair[1]];
            let end = memmem(piece, b"\r\n\r\n")[0];
            let (kind, content) = (String::from_utf8_lossy(&piece[..end]), piece[end + 4..].to_vec());
            if kind.ends_with(part::REST_REQUEST) {
                got.header_part = content;
            } else if kind.ends_with(part::REST_BODY) {
                got.body = Some(content);
            }
        }
        got
    }

    fn header(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.header_part).into_owned();
        let mut found =
            text.lines().filter_map(|line| line.split_once(':')).filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next_back().map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    /// The header lines an honest provider writes.
    fn own_headers(&self) -> Lines {
        let hash = request_hash(&sha512(&self.header_part), self.body.as_deref().map(sha512).as_ref());
        let service = format!("{}/tracuu", crate::nation::client(PROVIDER).encoded());
        [
            ("content-type", "text/plain".to_owned()),
            ("x-road-id", self.header("x-road-id")),
            ("x-road-client", self.header("x-road-client")),
            ("x-road-service", service),
            ("x-road-request-id", self.header("x-road-request-id")),
            ("x-road-request-hash", hash),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn memmem(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    (0..haystack.len().saturating_sub(needle.len() - 1)).filter(|at| haystack[*at..].starts_with(needle)).collect()
}

fn header_part(first: &str, headers: &[(String, String)]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
    format!("{first}\r\n{lines}").into_bytes()
}

fn http(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A gateway that answers as it is told, at the provider's address in the consumer's eyes.
pub struct FalseProvider {
    pub nation: Nation,
    reply: Arc<ArcSwap<Answerer>>,
    pub asked: Arc<AtomicU64>,
}

pub async fn false_provider(nation: Nation) -> FalseProvider {
    let mut key = nation.provider.auth_tls.clone();
    key.ocsp = Some(ocsp_about(&nation, &nation.provider.auth));
    let mut this = FalseProvider {
        nation,
        reply: Arc::new(ArcSwap::from_pointee(Box::new(|_: &Got| Reply::Hang) as Answerer)),
        asked: Arc::default(),
    };
    let address = this.listen(key).await;
    this.nation.shared.servers[1].address = Some(address.to_string());
    this.nation.tell();
    this
}

impl FalseProvider {
    async fn listen(&self, key: CertifiedKey) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = Arc::new(ArcSwap::from_pointee(key));
        let config = Arc::new(tls::peer_listener(own, self.nation.provider.gateway.peer_trust()).unwrap());
        let (reply, asked) = (self.reply.clone(), self.asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, reply, asked) = (TlsAcceptor::from(config.clone()), reply.clone(), asked.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Some(got) = take(&mut stream).await else { return };
                    asked.fetch_add(1, Ordering::SeqCst);
                    let answer = (reply.load())(&got);
                    match answer {
                        Reply::Bytes(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.shutdown().await;
                        }
                        Reply::Hang => std::future::pending().await,
                    }
                });
            }
        });
        address
    }

    pub fn answer_with(&self, reply: impl Fn(&Got) -> Reply + Send + Sync + 'static) {
        self.reply.store(Arc::new(Box::new(reply)));
    }

    /// One call; whatever is answered, nothing of it may have come from the false provider.
    async fn refused(&self, expected: &[&str], what: &str) {
        let before = self.asked.load(Ordering::SeqCst);
        let answer = self
            .nation
            .call("POST", &Nation::path("tracuu", "/x"), &[("x-road-id", "hoi-1")], Some("hỏi".into()))
            .await;
        let kind = answer.error();
        assert!(expected.iter().any(|code| kind.ends_with(&format!(".{code}"))), "{what}: {kind}: {:?}", answer.json());
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("BÍ MẬT"),
            "{what}: an unverified answer was delivered"
        );
        assert_eq!(self.asked.load(Ordering::SeqCst), before + 1, "{what}: asked exactly once");
    }
}

async fn take<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<Got> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = memmem(&bytes, b"\r\n\r\n").first().copied() {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length: usize =
                head.to_ascii_lowercase().split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                return Some(Got::read(&head, &bytes[end + 4..]));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

const SECRET: &[u8] = "BÍ MẬT".as_bytes();

fn quick() -> Options {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.answer_timeout = 2;
    options.settings.idle_timeout = 2;
    options
}

/// A well-signed answer of the provider, its header lines changed by `change`.
fn signed_answer(nation: &Nation, first: &'static str, change: fn(&mut Lines)) -> impl Fn(&Got) -> Message + use<> {
    let signer = builder(nation, &nation.provider.sign);
    let clock = nation.clock.clone();
    move |got| {
        let mut headers = got.own_headers();
        change(&mut headers);
        let header = header_part(first, &headers);
        let mut parts =
            vec![(part::REST_RESPONSE.to_owned(), header.clone()), (part::REST_BODY.to_owned(), SECRET.to_vec())];
        parts.extend(sign(&signer, &header, Some(SECRET), clock.now()));
        Message(parts)
    }
}

fn set(headers: &mut [(String, String)], name: &str, value: &str) {
    headers.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_another_question_is_not_delivered() {
    let provider = false_provider(Nation::start(quick()).await).await;
    let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
    provider.answer_with(move |got| Reply::Bytes(http(CONTENT_TYPE, &honest(got).bytes())));
    let answer = provider.nation.call("POST", &Nation::path("tracuu", "/x"), &[], Some("hỏi".into())).await;
    assert_eq!((answer.status, &answer.body[..]), (200, SECRET), "the false provider can answer honestly: {answer:?}");
    let changes: [(&str, Change); 12] = [
        ("another id", |h| set(h, "x-road-id", "hoi-2")),
        ("another client", |h| set(h, "x-road-client", "VN/GOV/H26/khac")),
        ("another service", |h| set(h, "x-road-service", "VN/GOV/G01/dancu/khac")),
        ("another provider", |h| set(h, "x-road-service", "VN/GOV/G02/dancu/tracuu")),
        ("another request id", |h| set(h, "x-road-request-id", "00000000-0000-4000-8000-000000000002")),
        ("another hash", |h| set(h, "x-road-request-hash", "AAAA")),
        ("no id", |h| h.retain(|(name, _)| name != "x-road-id")),
        ("no client", |h| h.retain(|(name, _)| name != "x-road-client")),
        ("no service", |h| h.retain(|(name, _)| name != "x-road-service")),
        ("no request id", |h| h.retain(|(name, _)| name != "x-road-request-id")),
        ("no hash", |h| h.retain(|(name, _)| name != "x-road-request-hash")),
        ("a header that is none", |h| h.push(("a b".into(), "c".into()))),
    ];
    for (what, change) in changes {
        let lie = signed_answer(&provider.nation, "200\r\nOK", change);
        provider.answer_with(move |got| Reply::Bytes(http(CONTENT_TYPE, &lie(got).bytes())));
        provider.refused(&["InconsistentResponse"], what).await;
    }
    for first in ["GET\r\n/r1/x", "99\r\nOK", "101\r\nSwitching Protocols", "100\r\nContinue", "abc\r\nOK", "\r\n"] {
        let lie = signed_answer(&provider.nation, first, |_| {});
        provider.answer_with(move |got| Reply::Bytes(http(CONTENT_TYPE, &lie(got).bytes())));
        provider.refused(&["InconsistentResponse"], first).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_proven_is_not_delivered() {
    let provider = false_provider(Nation::start(quick()).await).await;
    type Spoil = Box<dyn Fn(&mut Message) + Send + Sync>;
    let stranger = builder(&provider.nation, &provider.nation.consumer.sign);
    let clock = provider.nation.clock.clone();
    let changes: Vec<(&str, &[&str], Spoil)> = vec![
        ("changed body", UNPROVEN, Box::new(|m| m.get(part::REST_BODY).push(b'!'))),
        ("no body", UNPROVEN, Box::new(|m| m.0.retain(|(kind, _)| kind != part::REST_BODY))),
        ("changed header", UNPROVEN, Box::new(|m| m.get(part::REST_RESPONSE).extend_from_slice(b"a:b\r\n"))),
        ("changed chain", UNPROVEN, Box::new(|m| m.get(part::HASH_CHAIN)[200] ^= 1)),
        ("changed result", UNPROVEN, Box::new(|m| m.get(part::HASH_CHAIN_RESULT)[200] ^= 1)),
        ("changed signature", UNPROVEN, Box::new(|m| m.get(part::SIGNATURE)[900] ^= 1)),
        ("no signature", &["MissingSignature"], Box::new(|m| m.0.truncate(4))),
        ("no chain", &["MimeParsingFailed"], Box::new(|m| m.0.retain(|(kind, _)| kind != part::HASH_CHAIN))),
        ("nothing but a header", &["MissingSignature"], Box::new(|m| m.0.truncate(1))),
        ("a request", &["MimeParsingFailed"], Box::new(|m| m.0[0].0 = part::REST_REQUEST.into())),
        ("nothing", &["MimeParsingFailed", "MissingRest"], Box::new(|m| m.0.clear())),
        ("body first", &["MimeParsingFailed"], Box::new(|m| m.0.swap(0, 1))),
        (
            "signed by the consumer itself",
            &["SignatureVerification"],
            Box::new(move |m| {
                let header = m.get(part::REST_RESPONSE).clone();
                m.0.truncate(2);
                m.0.extend(sign(&stranger, &header, Some(SECRET), clock.now()));
            }),
        ),
    ];
    for (what, expected, change) in changes {
        let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
        provider.answer_with(move |got| {
            let mut message = honest(got);
            change(&mut message);
            Reply::Bytes(http(CONTENT_TYPE, &message.bytes()))
        });
        provider.refused(expected, what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_break_stall_or_are_no_messages() {
    let provider = false_provider(Nation::start(quick()).await).await;
    for (what, bytes, expected) in [
        ("closes at once", Vec::new(), &["NetworkError"][..]),
        ("no HTTP", b"SSH-2.0-OpenSSH\r\n".to_vec(), &["NetworkError"]),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-".to_vec(), &["NetworkError"]),
        ("a web page", http("text/html", b"<html>B\xc3\x8d M\xe1\xba\xacT</html>"), &["HttpError"]),
        ("an empty body", http("text/plain", b""), &["HttpError"]),
        ("an endless page", http("text/html", &vec![b'x'; 3_000_000]), &["HttpError"]),
        ("no boundary", http("multipart/mixed", b"x"), &["MimeParsingFailed"]),
        ("another boundary", http("multipart/mixed; boundary=other", b"--x--"), &["MimeParsingFailed"]),
        ("XML that is no fault", http("text/xml", b"<a/>"), &["HttpError"]),
        ("a deep fault", http("text/xml", "<a>".repeat(20_000).as_bytes()), &["HttpError"]),
        ("a bomb", http("text/xml", b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), &["HttpError"]),
    ] {
        provider.answer_with(move |_| Reply::Bytes(bytes.clone()));
        provider.refused(expected, what).await;
    }
    for keep in [3, 10, 40, 60, 99] {
        let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
        provider.answer_with(move |got| {
            let whole = http(CONTENT_TYPE, &honest(got).bytes());
            let kept = whole.len() * keep / 100;
            Reply::Bytes(whole[..kept].to_vec())
        });
        provider.refused(&["NetworkError"], &format!("{keep} % of an answer")).await;
    }
    let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
    provider.answer_with(move |got| Reply::Bytes(http(CONTENT_TYPE, &honest(got).open_bytes())));
    provider.refused(&["MimeParsingFailed"], "no closing boundary").await;
    provider.answer_with(|_| Reply::Hang);
    provider.refused(&["NetworkError"], "never answers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_passed_on_bare_or_in_place_of_the_evidence() {
    let provider = false_provider(Nation::start(quick()).await).await;
    let told =
        Fault { kind: "Server.ServerProxy.ServiceDisabled".into(), message: "nghỉ".into(), detail: "d-1".into() };
    let xml = fault::write(&told);
    let bare = xml.clone();
    provider.answer_with(move |_| Reply::Bytes(http("text/xml;charset=UTF-8", bare.as_bytes())));
    let path = Nation::path("tracuu", "/x");
    let answer = provider.nation.call("GET", &path, &[], None).await;
    assert_eq!((answer.error(), answer.json()["detail"].clone()), (told.kind.clone(), "d-1".into()));
    let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
    provider.answer_with(move |got| {
        let mut message = honest(got);
        message.0.truncate(2);
        message.0.push(("text/xml; charset=UTF-8".into(), xml.clone().into_bytes()));
        Reply::Bytes(http(CONTENT_TYPE, &message.bytes()))
    });
    provider.refused(&["ServiceDisabled"], "a fault in place of the evidence").await;
    // Whatever a fault says, it stays an error and cannot write headers or bodies of its own.
    let evil =
        fault::write(&Fault { kind: "200 OK\r\nx-evil: 1".into(), message: "<b>&".into(), detail: String::new() });
    provider.answer_with(move |_| Reply::Bytes(http("text/xml", evil.as_bytes())));
    let answer = provider.nation.call("GET", &path, &[], None).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.headers.get("x-evil").is_none());
    assert!(answer.json()["type"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_at_the_providers_address_is_refused_before_anything_is_sent() {
    let mut provider = false_provider(Nation::start(quick()).await).await;
    let honest = signed_answer(&provider.nation, "200\r\nOK", |_| {});
    provider.answer_with(move |got| Reply::Bytes(http(CONTENT_TYPE, &honest(got).bytes())));
    let nation = &provider.nation;
    let mut consumer = nation.consumer.auth_tls.clone();
    consumer.ocsp = Some(ocsp_about(nation, &nation.consumer.auth));
    let (unregistered, mut unregistered_tls) = certified(&nation.authority, KeyKind::EcP256, Profile::Auth, PROVIDER.0);
    unregistered_tls.ocsp = Some(ocsp_about(nation, &unregistered));
    let mut unstapled = nation.provider.auth_tls.clone();
    unstapled.ocsp = None;
    let mut wrongly = nation.provider.auth_tls.clone();
    wrongly.ocsp = Some(ocsp_about(nation, &nation.consumer.auth));
    nation.authority.revoke(&nation.provider.auth.certificate.serial_hex(), nation.clock.now()).unwrap();
    let mut revoked = nation.provider.auth_tls.clone();
    revoked.ocsp = Some(ocsp_about(nation, &nation.provider.auth));
    for (what, key) in [
        ("another registered gateway", consumer),
        ("an unregistered certificate", unregistered_tls),
        ("no OCSP answer", unstapled),
        ("an OCSP answer about another", wrongly),
        ("a revoked certificate", revoked),
    ] {
        let address = provider.listen(key).await;
        provider.nation.shared.servers[1].address = Some(address.to_string());
        provider.nation.tell();
        let answer = provider.nation.call("GET", &Nation::path("tracuu", "/x"), &[], None).await;
        assert_eq!(answer.error(), "Server.ClientProxy.SslAuthenticationFailed", "{what}: {answer:?}");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 0, "{what}: the question was sent");
    }
}
