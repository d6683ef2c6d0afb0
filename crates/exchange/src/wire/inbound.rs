//! Reads a message from another gateway part by part (exchange-protocol §2.4): the order is fixed, each part is bounded, and the body may be
//! far larger than memory. What is read here is not yet believed: the caller verifies before anything is delivered.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use super::fault;
use super::multipart::{self, Event, MultipartError, Parser};
use super::payload::{Payload, PayloadBuilder, PayloadError, SpoolSettings};
use crate::model::error::Fault;
use crate::model::header_part::MAX_HEADER_PART;

/// Content types of the parts.
pub mod part {
    /// OCSP response for a certificate of the sender.
    pub const OCSP: &str = "application/ocsp-response";
    /// REST header part of a request.
    pub const REST_REQUEST: &str = "application/x-road-rest-request";
    /// REST header part of a response.
    pub const REST_RESPONSE: &str = "application/x-road-rest-response";
    /// REST body.
    pub const REST_BODY: &str = "application/x-road-rest-body";
    /// Result of the hash chain.
    pub const HASH_CHAIN_RESULT: &str = "application/hash-chain-result";
    /// Hash chain of this message.
    pub const HASH_CHAIN: &str = "application/hash-chain";
    /// XAdES signature.
    pub const SIGNATURE: &str = "signature/bdoc-1.0/ts";
    /// A fault.
    pub const FAULT: &str = "text/xml";
}

/// Most OCSP responses one message may carry, and the longest of each, bytes.
const MAX_OCSP_PARTS: usize = 8;
const MAX_OCSP: usize = 64 * 1024;
/// Longest signature, hash chain and hash chain result, bytes.
const MAX_EVIDENCE: usize = 1024 * 1024;

/// Most bytes of a refused body that are read to its end.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;

/// Why a message from another gateway is refused.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// The multipart framing is broken.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    /// A part stands where it must not, or twice.
    #[error("the part '{0}' is out of order")]
    Order(String),
    /// A part is longer than allowed.
    #[error("the part '{0}' is too long")]
    TooLong(&'static str),
    /// A part that every message needs is absent.
    #[error("the part '{0}' is missing")]
    Missing(&'static str),
    /// The connection broke or stalled.
    #[error("the message could not be read: {0}")]
    Network(String),
    /// The body is too large or could not be kept.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The other gateway reports a fault instead.
    #[error("the other gateway answered with a fault: {}", .0.message)]
    Fault(Box<Fault>),
}

/// What comes before the body.
#[derive(Debug)]
pub struct Head {
    /// OCSP responses for the sender's authentication certificate.
    pub ocsp: Vec<Bytes>,
    /// The REST header part.
    pub header_part: Bytes,
}

/// What follows the header part.
#[derive(Debug)]
pub struct Tail {
    /// The body.
    pub payload: Payload,
    /// Hash chain result and hash chain, when signed as a batch.
    pub hash_chain: Option<(Bytes, Bytes)>,
    /// The signature.
    pub signature: Bytes,
}

/// Which half of the exchange is read; it decides the header part's content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// A request, with OCSP responses in front.
    Request,
    /// A response.
    Response,
}

/// Reads one message.
#[derive(Debug)]
pub struct MessageReader<B> {
    body: B,
    parser: Parser,
    half: Half,
    idle: Duration,
}

impl<B> MessageReader<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// Starts reading a body with this content type. A sender silent for `idle` is given up on.
    ///
    /// # Errors
    /// When the content type is not multipart.
    pub fn new(content_type: &str, body: B, half: Half, idle: Duration) -> Result<Self, InboundError> {
        let parser = Parser::new(multipart::boundary(content_type)?);
        Ok(Self { body, parser, half, idle })
    }

    /// Reads up to the end of the header part.
    ///
    /// # Errors
    /// When the message is broken or the other gateway reports a fault.
    pub async fn head(&mut self) -> Result<Head, InboundError> {
        let wanted = match self.half {
            Half::Request => part::REST_REQUEST,
            Half::Response => part::REST_RESPONSE,
        };
        let mut ocsp = Vec::new();
        loop {
            let kind = self.begin_part().await?.ok_or(InboundError::Missing(wanted))?;
            match kind.as_str() {
                part::OCSP if self.half == Half::Request && ocsp.len() < MAX_OCSP_PARTS => {
                    ocsp.push(self.small_part(part::OCSP, MAX_OCSP).await?);
                }
                kind if kind == wanted => {
                    return Ok(Head { ocsp, header_part: self.small_part(wanted, MAX_HEADER_PART).await? });
                }
                part::FAULT => return Err(self.fault().await),
                _ => return Err(InboundError::Order(kind)),
            }
        }
    }

    /// Reads the body and the evidence to the end of the message.
    ///
    /// # Errors
    /// As [`MessageReader::head`].
    pub async fn tail(mut self, spool: &SpoolSettings) -> Result<Tail, InboundError> {
        let mut payload = Payload::None;
        let mut result = None;
        let mut chain = None;
        let mut kind = self.begin_part().await?;
        if kind.as_deref() == Some(part::REST_BODY) {
            payload = self.large_part(spool).await?;
            kind = self.begin_part().await?;
        }
        if kind.as_deref() == Some(part::HASH_CHAIN_RESULT) {
            result = Some(self.small_part(part::HASH_CHAIN_RESULT, MAX_EVIDENCE).await?);
            kind = self.begin_part().await?;
            if kind.as_deref() == Some(part::HASH_CHAIN) {
                chain = Some(self.small_part(part::HASH_CHAIN, MAX_EVIDENCE).await?);
                kind = self.begin_part().await?;
            }
        }
        let signature = match kind.as_deref() {
            Some(part::SIGNATURE) => self.small_part(part::SIGNATURE, MAX_EVIDENCE).await?,
            Some(part::FAULT) => return Err(self.fault().await),
            Some(other) => return Err(InboundError::Order(other.to_owned())),
            None => return Err(InboundError::Missing(part::SIGNATURE)),
        };
        match self.begin_part().await? {
            Some(other) => return Err(InboundError::Order(other)),
            None => self.drain().await?,
        }
        let hash_chain = match (result, chain) {
            (Some(result), Some(chain)) => Some((result, chain)),
            (None, None) => None,
            _ => return Err(InboundError::Missing(part::HASH_CHAIN)),
        };
        Ok(Tail { payload, hash_chain, signature })
    }

    async fn begin_part(&mut self) -> Result<Option<String>, InboundError> {
        match self.event().await? {
            Event::Part(kind) => Ok(Some(kind)),
            Event::End => Ok(None),
            // The parser gives data and ends only inside parts, which are read to their end before the next is begun.
            Event::Data(_) | Event::EndPart => Err(InboundError::Order(String::new())),
        }
    }

    async fn small_part(&mut self, name: &'static str, limit: usize) -> Result<Bytes, InboundError> {
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        loop {
            match self.event().await? {
                Event::Data(data) => {
                    if first.len() + joined.len() + data.len() > limit {
                        return Err(InboundError::TooLong(name));
                    }
                    if first.is_empty() && joined.is_empty() {
                        first = data;
                    } else {
                        joined.extend_from_slice(&std::mem::take(&mut first));
                        joined.extend_from_slice(&data);
                    }
                }
                Event::EndPart => return Ok(if joined.is_empty() { first } else { joined.freeze() }),
                Event::Part(_) | Event::End => return Err(InboundError::Order(name.to_owned())),
            }
        }
    }

    async fn large_part(&mut self, spool: &SpoolSettings) -> Result<Payload, InboundError> {
        let mut builder = PayloadBuilder::new(spool);
        loop {
            match self.event().await? {
                Event::Data(data) if data.is_empty() => {}
                Event::Data(data) => builder.push(data).await?,
                Event::EndPart => return Ok(builder.finish().await?),
                Event::Part(_) | Event::End => return Err(InboundError::Order(part::REST_BODY.to_owned())),
            }
        }
    }

    async fn fault(&mut self) -> InboundError {
        match self.small_part(part::FAULT, fault::MAX_FAULT).await {
            Ok(bytes) => match fault::read(&bytes) {
                Some(fault) => InboundError::Fault(Box::new(fault)),
                None => InboundError::Order(part::FAULT.to_owned()),
            },
            Err(error) => error,
        }
    }

    async fn event(&mut self) -> Result<Event, InboundError> {
        loop {
            if let Some(event) = self.parser.next_event()? {
                return Ok(event);
            }
            match next_chunk(&mut self.body, self.idle).await? {
                Some(chunk) => self.parser.push(&chunk),
                None => {
                    self.parser.finish()?;
                    return Err(MultipartError::Truncated.into());
                }
            }
        }
    }

    /// After the closing boundary nothing may follow; reading to the end lets the connection be used again.
    async fn drain(&mut self) -> Result<(), InboundError> {
        while let Some(chunk) = next_chunk(&mut self.body, self.idle).await? {
            self.parser.push(&chunk);
            self.parser.next_event()?;
        }
        self.parser.next_event()?;
        Ok(())
    }
}

/// Reads what is left of a refused body and throws it away, beside the answer: a connection closed on a sender that is still writing is
/// reset, and the refusal lost with it. Bodies beyond 64 MiB are cut off all the same.
pub fn discard<B>(mut body: B, idle: Duration)
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::fmt::Display,
{
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let mut left = MAX_DISCARDED;
        while let Ok(Some(chunk)) = next_chunk(&mut body, idle).await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    });
}

/// The next data of a body; `None` at its end. A sender silent for `idle` is given up on.
///
/// # Errors
/// When the connection breaks or stalls.
pub async fn next_chunk<B>(body: &mut B, idle: Duration) -> Result<Option<Bytes>, InboundError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    loop {
        let frame = tokio::time::timeout(idle, body.frame())
            .await
            .map_err(|_| InboundError::Network(format!("silent for {} s", idle.as_secs())))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(InboundError::Network(error.to_string())),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;
    use crate::wire::outbound::{self, Outgoing};

    fn spool() -> SpoolSettings {
        SpoolSettings { memory_limit: 1 << 20, directory: std::env::temp_dir().into(), max_body: 1 << 30 }
    }

    fn payload(bytes: &'static [u8]) -> Payload {
        Payload::Memory { bytes: Bytes::from_static(bytes), digest: crate::model::header_part::sha512(bytes) }
    }

    async fn read(bytes: Vec<u8>, half: Half) -> Result<(Head, Tail), InboundError> {
        let mut reader = MessageReader::new(
            "multipart/mixed; boundary=xtopb",
            Full::new(Bytes::from(bytes)),
            half,
            Duration::from_secs(5),
        )?;
        let head = reader.head().await?;
        Ok((head, reader.tail(&spool()).await?))
    }

    async fn message() -> Vec<u8> {
        let outgoing = Outgoing {
            half: Half::Request,
            ocsp: &[Bytes::from_static(b"ocsp")],
            header_part: b"GET\r\n/r1\r\n",
            payload: &payload(b"body"),
            hash_chain: Some((b"<result/>", b"<chain/>")),
            signature: b"<signature/>",
        };
        outbound::body("xtopb", &outgoing).collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn what_one_gateway_writes_another_reads() {
        let (head, tail) = read(message().await, Half::Request).await.unwrap();
        assert_eq!((&head.ocsp[0][..], &head.header_part[..]), (&b"ocsp"[..], &b"GET\r\n/r1\r\n"[..]));
        assert_eq!(tail.payload.to_bytes().unwrap(), "body");
        let (result, chain) = tail.hash_chain.unwrap();
        assert_eq!((&result[..], &chain[..]), (&b"<result/>"[..], &b"<chain/>"[..]));
        assert_eq!(&tail.signature[..], b"<signature/>");
    }

    #[tokio::test]
    async fn truncation_at_any_byte_is_refused() {
        let whole = message().await;
        for end in 0..whole.len() - 2 {
            assert!(read(whole[..end].to_vec(), Half::Request).await.is_err(), "cut at {end}");
        }
    }

    #[tokio::test]
    async fn parts_out_of_order_or_of_the_other_half_are_refused() {
        assert!(matches!(read(message().await, Half::Response).await, Err(InboundError::Order(_))));
        let text = String::from_utf8(message().await).unwrap();
        let swapped = text.replace(part::REST_BODY, "application/x").replace(part::HASH_CHAIN_RESULT, part::REST_BODY);
        assert!(matches!(read(swapped.into_bytes(), Half::Request).await, Err(InboundError::Order(_))));
        let no_signature = text.replace(part::SIGNATURE, part::HASH_CHAIN);
        assert!(matches!(read(no_signature.into_bytes(), Half::Request).await, Err(InboundError::Order(_))));
    }

    #[tokio::test]
    async fn a_fault_in_place_of_the_evidence_is_reported_as_that_fault() {
        let fault = Fault { kind: "Server.ServerProxy.IOError".into(), message: "gone".into(), detail: "1".into() };
        let text = String::from_utf8(message().await).unwrap();
        let broken = text
            .replace("application/hash-chain-result", "text/xml; charset=UTF-8")
            .replace("<result/>", &super::fault::write(&fault));
        match read(broken.into_bytes(), Half::Request).await {
            Err(InboundError::Fault(read)) => assert_eq!(*read, fault),
            other => panic!("{other:?}"),
        }
    }
}
