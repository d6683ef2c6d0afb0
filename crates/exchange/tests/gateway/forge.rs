//! A hostile gateway's workshop: messages made by hand, sent over TLS as any other gateway would, and taken apart again.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use exchange::gateway::identity::KeyPair;
use exchange::gateway::tls;
use exchange::model::header_part::sha512;
use exchange::wire::fault;
use exchange::wire::inbound::part;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use trust::hashchain::{MessageParts, build_batch};
use trust::ocsp;
use trust::xades::{SignatureBuilder, SignedObject};

use crate::nation::{CONSUMER, Nation, client};

pub const BOUNDARY: &str = "xtopforged";
pub const CONTENT_TYPE: &str = "multipart/mixed; charset=UTF-8; boundary=xtopforged";

/// Codes that mean: the signature does not prove this message.
pub const UNPROVEN: &[&str] = &[
    "SignatureVerification",
    "InvalidSignatureValue",
    "MalformedSignature",
    "InvalidReference",
    "MalformedHashChain",
    "InvalidHashChain",
    "HashchainUnusedInputs",
    "InvalidHashChainRef",
    "MissingSignature",
    "CertValidation",
];

/// The OCSP answer of the nation's authority about a certificate, as of now.
pub fn ocsp_about(nation: &Nation, pair: &KeyPair) -> Vec<u8> {
    let question = ocsp::request(&pair.certificate, nation.authority.issuing_certificate()).unwrap();
    nation.authority.ocsp_answer(&question)
}

/// Signs with one of the nation's keys.
pub fn builder(nation: &Nation, pair: &KeyPair) -> SignatureBuilder {
    let issuers = [nation.authority.issuing_certificate().clone(), nation.authority.ocsp_certificate().clone()];
    SignatureBuilder::new(pair.key.clone(), &pair.certificate, &issuers, &ocsp_about(nation, pair)).unwrap()
}

/// A message as its parts, each a content type and bytes.
#[derive(Clone, Debug)]
pub struct Message(pub Vec<(String, Vec<u8>)>);

impl Message {
    pub fn get(&mut self, kind: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(name, _)| name == kind).unwrap().1
    }

    pub fn without(mut self, kind: &str) -> Self {
        self.0.retain(|(name, _)| name != kind);
        self
    }

    /// Everything up to but without the closing boundary.
    pub fn open_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, bytes) in &self.0 {
            let start = if out.is_empty() { "--" } else { "\r\n--" };
            out.extend_from_slice(format!("{start}{BOUNDARY}\r\ncontent-type:{kind}\r\n\r\n").as_bytes());
            out.extend_from_slice(bytes);
        }
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let start = if self.0.is_empty() { "--" } else { "\r\n--" };
        [self.open_bytes(), format!("{start}{BOUNDARY}--\r\n").into_bytes()].concat()
    }
}

/// What a forged request says.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl Asked {
    /// An ordinary request with a fresh id.
    pub fn post(body: &str) -> Self {
        Self {
            method: "POST".into(),
            target: Nation::path("tracuu", "/nguoi/1"),
            headers: vec![
                ("x-road-client".into(), client(CONSUMER).encoded()),
                ("x-road-id".into(), "gia-1".into()),
                ("x-road-request-id".into(), uuid::Uuid::new_v4().to_string()),
            ],
            body: Some(body.as_bytes().to_vec()),
        }
    }

    pub fn get() -> Self {
        Self { method: "GET".into(), body: None, ..Self::post("") }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn target(mut self, target: String) -> Self {
        self.target = target;
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    pub fn header_part(&self) -> Vec<u8> {
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
        format!("{}\r\n{}\r\n{lines}", self.method, self.target).into_bytes()
    }
}

/// Signs two parts as a gateway does: directly when there is no body, by a hash chain otherwise.
pub fn sign(
    builder: &SignatureBuilder,
    header: &[u8],
    body: Option<&[u8]>,
    at: jiff::Timestamp,
) -> Vec<(String, Vec<u8>)> {
    let header = sha512(header);
    let Some(body) = body else {
        let xml = builder.sign(SignedObject::Message(header), at).unwrap().xml;
        return vec![(part::SIGNATURE.into(), xml.into_bytes())];
    };
    let attachments = [sha512(body)];
    let mut batch = build_batch(&[MessageParts { message: header, attachments: &attachments }]).unwrap();
    let xml = builder.sign(SignedObject::HashChainResult(batch.result_digest), at).unwrap().xml;
    vec![
        (part::HASH_CHAIN_RESULT.into(), batch.result_xml.into_bytes()),
        (part::HASH_CHAIN.into(), batch.chains.swap_remove(0).into_bytes()),
        (part::SIGNATURE.into(), xml.into_bytes()),
    ]
}

/// A whole request of the consumer's gateway, signed with `signer`, at `at`.
pub fn request_by(nation: &Nation, asked: &Asked, signer: &KeyPair, at: jiff::Timestamp) -> Message {
    let header = asked.header_part();
    let mut parts = vec![
        (part::OCSP.to_owned(), ocsp_about(nation, &nation.consumer.auth)),
        (part::REST_REQUEST.to_owned(), header.clone()),
    ];
    parts.extend(asked.body.iter().map(|body| (part::REST_BODY.to_owned(), body.clone())));
    parts.extend(sign(&builder(nation, signer), &header, asked.body.as_deref(), at));
    Message(parts)
}

/// A whole and honest request of the consumer's gateway.
pub fn request(nation: &Nation, asked: &Asked) -> Message {
    request_by(nation, asked, &nation.consumer.sign, nation.clock.now())
}

/// TLS as a client with this certificate that trusts any server.
pub fn tls_as(key: &CertifiedKey) -> Arc<ClientConfig> {
    Arc::new(tls::service_caller(Arc::new(ArcSwap::from_pointee(key.clone())), None).unwrap())
}

/// An answer as raw HTTP.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    /// The code of the fault, without its place.
    pub fn code(&self) -> String {
        let fault =
            fault::read(&self.body).unwrap_or_else(|| panic!("no fault: {}", String::from_utf8_lossy(&self.body)));
        assert!(self.head.to_ascii_lowercase().contains("content-type: text/xml"), "{}", self.head);
        fault.kind.rsplit('.').next().unwrap().to_owned()
    }
}

/// Writes `request` as it is, stops writing, and reads to the end. `None` when the other end gives no HTTP answer at all.
pub async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &[u8]) -> Option<Raw> {
    // The other end may refuse and close before it has read everything: what it said still counts.
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    parse_raw(&bytes)
}

pub fn parse_raw(bytes: &[u8]) -> Option<Raw> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Raw { status, head, body: bytes[end + 4..].to_vec() })
}

pub async fn talk_tls(to: SocketAddr, config: Arc<ClientConfig>, request: &[u8]) -> Option<Raw> {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let name = ServerName::try_from("gateway.example.vn").unwrap();
    let stream = TlsConnector::from(config).connect(name, stream).await.ok()?;
    talk(stream, request).await
}

/// The bytes of a POST between gateways.
pub fn post_bytes(content_type: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-type: {content_type}\r\n{extra}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends a message to the provider's gateway as the consumer's gateway would.
pub async fn send(nation: &Nation, message: &Message) -> Raw {
    send_bytes(nation, &message.bytes()).await
}

pub async fn send_bytes(nation: &Nation, bytes: &[u8]) -> Raw {
    let config = tls_as(&nation.consumer.auth_tls);
    talk_tls(nation.provider.peer, config, &post_bytes(CONTENT_TYPE, "", bytes)).await.unwrap()
}
