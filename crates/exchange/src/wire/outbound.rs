//! Writes a message to another gateway (exchange-protocol §2.4): all parts in their order, small messages as one piece of memory.

use bytes::{Bytes, BytesMut};

use super::body::Body;
use super::inbound::{Half, part};
use super::payload::Payload;

/// Bodies up to this many bytes are copied beside the other parts, so that a small message is one write and one TLS record.
const COPY_LIMIT: usize = 32 * 1024;

/// A message ready to be written.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Request or response.
    pub half: Half,
    /// OCSP responses for our authentication certificate; requests only.
    pub ocsp: &'a [Bytes],
    /// The REST header part.
    pub header_part: &'a [u8],
    /// The body.
    pub payload: &'a Payload,
    /// Hash chain result and hash chain, when signed as a batch.
    pub hash_chain: Option<(&'a [u8], &'a [u8])>,
    /// The signature.
    pub signature: &'a [u8],
}

/// A boundary no part contains, but for chances no one will live to see: 122 random bits.
#[must_use]
pub fn new_boundary() -> String {
    format!("xtop{}", kit::id::random().simple())
}

/// The `Content-Type` of a message with this boundary.
#[must_use]
pub fn content_type(boundary: &str) -> String {
    format!("multipart/mixed; charset=UTF-8; boundary={boundary}")
}

/// The message as a body of known length.
#[must_use]
pub fn body(boundary: &str, message: &Outgoing<'_>) -> Body {
    let header_kind = match message.half {
        Half::Request => part::REST_REQUEST,
        Half::Response => part::REST_RESPONSE,
    };
    let small = match message.payload {
        Payload::Memory { bytes, .. } if bytes.len() <= COPY_LIMIT => Some(bytes),
        _ => None,
    };
    let chain_length = message.hash_chain.map_or(0, |(result, chain)| result.len() + chain.len());
    let capacity = message.ocsp.iter().map(Bytes::len).sum::<usize>()
        + message.header_part.len()
        + small.map_or(0, Bytes::len)
        + chain_length
        + message.signature.len()
        + (message.ocsp.len() + 5) * (boundary.len() + 64);
    let mut head = BytesMut::with_capacity(capacity);
    for response in message.ocsp {
        open(&mut head, boundary, part::OCSP);
        head.extend_from_slice(response);
    }
    open(&mut head, boundary, header_kind);
    head.extend_from_slice(message.header_part);
    if !matches!(message.payload, Payload::None) {
        open(&mut head, boundary, part::REST_BODY);
    }
    if let Some(bytes) = small {
        head.extend_from_slice(bytes);
    }
    let in_one_piece = small.is_some() || matches!(message.payload, Payload::None);
    if in_one_piece {
        tail(&mut head, boundary, message);
        return Body::empty().with(head.freeze());
    }
    let mut end = BytesMut::with_capacity(chain_length + message.signature.len() + 512);
    tail(&mut end, boundary, message);
    Body::empty().with(head.freeze()).with_payload(message.payload).with(end.freeze())
}

fn tail(out: &mut BytesMut, boundary: &str, message: &Outgoing<'_>) {
    if let Some((result, chain)) = message.hash_chain {
        open(out, boundary, part::HASH_CHAIN_RESULT);
        out.extend_from_slice(result);
        open(out, boundary, part::HASH_CHAIN);
        out.extend_from_slice(chain);
    }
    open(out, boundary, part::SIGNATURE);
    out.extend_from_slice(message.signature);
    for piece in ["\r\n--", boundary, "--\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn open(out: &mut BytesMut, boundary: &str, kind: &str) {
    // The first boundary has no line before it.
    let start = if out.is_empty() && kind_is_first(kind) { "--" } else { "\r\n--" };
    for piece in [start, boundary, "\r\ncontent-type:", kind, "\r\n\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Only these may be the first part of a message.
fn kind_is_first(kind: &str) -> bool {
    matches!(kind, part::OCSP | part::REST_REQUEST | part::REST_RESPONSE)
}
