//! Digest values of any accepted algorithm, and the digest of one step.

use super::{Digest, HashChainError};
use crate::key::DigestKind;
use std::fmt;

/// The `Algorithm` attribute value of a digest in XML signatures (RFC 9231).
pub fn digest_uri(kind: DigestKind) -> &'static str {
    match kind {
        DigestKind::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        DigestKind::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
        DigestKind::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
    }
}

/// The digest named by an `Algorithm` attribute; `None` when it is unknown or too weak (SHA-1, MD5).
pub fn digest_from_uri(uri: &str) -> Option<DigestKind> {
    [DigestKind::Sha512, DigestKind::Sha256, DigestKind::Sha384].into_iter().find(|kind| digest_uri(*kind) == uri)
}

/// A digest together with its algorithm, without allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestValue {
    kind: DigestKind,
    bytes: [u8; 64],
}

impl DigestValue {
    /// Wraps a SHA-512 digest.
    pub fn sha512(bytes: Digest) -> Self {
        Self { kind: DigestKind::Sha512, bytes }
    }

    /// Takes the bytes of a digest; `None` when their number is not that of the algorithm.
    pub fn new(kind: DigestKind, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == kind.len()).then(|| Self::from_slice(kind, bytes))
    }

    /// Digest of `data`.
    pub fn of(kind: DigestKind, data: &[u8]) -> Self {
        Self::from_slice(kind, kind.digest(data).as_ref())
    }

    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.kind.len()).unwrap_or(&self.bytes)
    }

    /// The algorithm that made it.
    pub fn kind(&self) -> DigestKind {
        self.kind
    }

    /// The digest as an array, when it is SHA-512.
    pub fn as_sha512(&self) -> Option<&Digest> {
        (self.kind == DigestKind::Sha512).then_some(&self.bytes)
    }

    fn from_slice(kind: DigestKind, source: &[u8]) -> Self {
        let mut bytes = [0; 64];
        for (target, byte) in bytes.iter_mut().zip(source) {
            *target = *byte;
        }
        Self { kind, bytes }
    }
}

impl fmt::Debug for DigestValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}:{}", self.kind, hex::encode(self.as_bytes()))
    }
}

/// SHA-512 of `data` as a plain array.
pub(super) fn sha512(data: &[u8]) -> Digest {
    DigestValue::of(DigestKind::Sha512, data).bytes
}

/// The bytes a step is digested over, `SEQUENCE OF SEQUENCE { OCTET STRING, UTF8String, SEQUENCE {} }` in DER.
///
/// The empty inner sequence is the place of transforms, which the exchange does not use. Written by hand because the
/// lengths are known and this runs for every message; a test compares it with a DER library.
pub(super) struct StepEncoder {
    content: Vec<u8>,
}

const TAG_OCTET_STRING: u8 = 0x04;
const TAG_UTF8_STRING: u8 = 0x0C;
const TAG_SEQUENCE: u8 = 0x30;

impl StepEncoder {
    /// An empty step; the memory serves many steps.
    pub fn new() -> Self {
        Self { content: Vec::with_capacity(256) }
    }

    /// Adds one input of the step.
    pub fn push(&mut self, value: &DigestValue) {
        let uri = digest_uri(value.kind()).as_bytes();
        let digest = value.as_bytes();
        // Every length here is below 128, the short form: a digest ≤ 64, a URI ≤ 45, together ≤ 115 bytes.
        self.push_header(TAG_SEQUENCE, digest.len() + uri.len() + 6);
        self.push_header(TAG_OCTET_STRING, digest.len());
        self.content.extend_from_slice(digest);
        self.push_header(TAG_UTF8_STRING, uri.len());
        self.content.extend_from_slice(uri);
        self.push_header(TAG_SEQUENCE, 0);
    }

    /// Digest of the inputs pushed since the last call; the encoder is empty again afterwards.
    pub fn finish(&mut self, kind: DigestKind) -> DigestValue {
        let mut encoded = Vec::with_capacity(self.content.len() + 6);
        push_sequence_header(self.content.len(), &mut encoded);
        encoded.append(&mut self.content);
        DigestValue::of(kind, &encoded)
    }

    fn push_header(&mut self, tag: u8, length: usize) {
        self.content.push(tag);
        self.content.push(u8::try_from(length).unwrap_or(u8::MAX));
    }
}

fn push_sequence_header(length: usize, out: &mut Vec<u8>) {
    out.push(TAG_SEQUENCE);
    let bytes = length.to_be_bytes();
    let significant =
        bytes.iter().position(|&byte| byte != 0).map_or(&[][..], |at| bytes.get(at..).unwrap_or_default());
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(0x7F));
            out.extend_from_slice(long);
        }
    }
}

/// Reads an algorithm URI under the rule whether digests below SHA-512 are accepted.
pub(super) fn accepted(uri: &str, weaker_digests: bool) -> Result<DigestKind, HashChainError> {
    digest_from_uri(uri)
        .filter(|kind| weaker_digests || *kind == DigestKind::Sha512)
        .ok_or_else(|| HashChainError::Algorithm(uri.chars().take(100).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::asn1::{OctetString, Utf8StringRef};
    use der::{Encode, Sequence};

    #[derive(Sequence)]
    struct SingleDigest<'a> {
        digest: OctetString,
        method: Utf8StringRef<'a>,
        transforms: Vec<OctetString>,
    }

    #[test]
    fn step_encoding_agrees_with_a_der_library() {
        for (count, kind) in
            [(1, DigestKind::Sha512), (2, DigestKind::Sha512), (3, DigestKind::Sha256), (700, DigestKind::Sha384)]
        {
            let values: Vec<DigestValue> = (0..count).map(|at: u32| DigestValue::of(kind, &at.to_be_bytes())).collect();
            let reference: Vec<SingleDigest<'_>> = values
                .iter()
                .map(|value| SingleDigest {
                    digest: OctetString::new(value.as_bytes()).unwrap(),
                    method: Utf8StringRef::new(digest_uri(kind)).unwrap(),
                    transforms: Vec::new(),
                })
                .collect();
            let mut encoder = StepEncoder::new();
            values.iter().for_each(|value| encoder.push(value));
            assert_eq!(
                encoder.finish(DigestKind::Sha512),
                DigestValue::of(DigestKind::Sha512, &reference.to_der().unwrap())
            );
        }
    }
}
