//! The binary form of the log's records, version 1.
//!
//! Two kinds of record. A *signature* record holds the bytes that all messages signed together share; a *message* record names its
//! signature by the SHA-256 of that record's content, so that it can be decoded wherever and however often the signature was written.
//!
//! ```text
//! signature: version u8 | at i64 | signatures.xml bytes | has result u8 | sig-hashchainresult.xml bytes, when has result = 1
//! message:   version u8 | flags u8 | shape u8 | at i64 | request id 16 | signature reference 32 | header digest 64
//!            | message id text | client parts | service parts | header part bytes
//!            | body: nothing, or digest 64 + bytes, or digest 64 + length number | sig-hashchain.xml bytes, when flagged
//! flags:     bit 0 producer, bit 1 response, bits 2-3 body (0 none, 1 inline, 2 digest), bit 4 hash chain,
//!            bit 5 header part reduced to metadata; the others are zero
//! shape:     bit 0 client is a subsystem, bit 1 provider is a subsystem, bit 2 service has a version; the others are zero
//! ```
//! Integers are little-endian; `bytes` and `text` have a LEB128 length before them; unknown versions are refused.

use std::sync::Arc;

use bytes::Bytes;
use directory::{ClientId, ServiceId};
use uuid::Uuid;

pub use super::cursor::DecodeError;
use super::cursor::{Reader, put_bytes, put_number};
use super::record::{Body, Digest, Direction, MessageRecord, Role};

/// Journal kind of a signature record.
pub const KIND_SIGNATURE: u8 = 1;
/// Journal kind of a message record.
pub const KIND_MESSAGE: u8 = 2;
/// Journal kind of an empty record: it tells that the journal can be written, and that all before it is.
pub const KIND_PROBE: u8 = 3;

const VERSION: u8 = 1;
const PRODUCER: u8 = 1;
const RESPONSE: u8 = 1 << 1;
const BODY_SHIFT: u8 = 2;
const BODY_MASK: u8 = 0b11;
const HASH_CHAIN: u8 = 1 << 4;
const REDUCED: u8 = 1 << 5;
const KNOWN_FLAGS: u8 = PRODUCER | RESPONSE | BODY_MASK << BODY_SHIFT | HASH_CHAIN | REDUCED;
const CLIENT_SUBSYSTEM: u8 = 1;
const PROVIDER_SUBSYSTEM: u8 = 1 << 1;
const SERVICE_VERSION: u8 = 1 << 2;
const KNOWN_SHAPE: u8 = CLIENT_SUBSYSTEM | PROVIDER_SUBSYSTEM | SERVICE_VERSION;

/// Names a signature record: SHA-256 of its signature and hash chain result.
pub type SignatureRef = [u8; 32];

/// What messages signed in one batch share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureRecord {
    /// When it was written, microseconds since the Unix epoch.
    pub at: i64,
    /// `META-INF/signatures.xml`.
    pub signature: Bytes,
    /// `sig-hashchainresult.xml`, when signed as a batch.
    pub hash_chain_result: Option<Bytes>,
}

/// A message as the journal holds it: everything but the shared signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// When it was signed or verified, microseconds since the Unix epoch.
    pub at: i64,
    /// Side of the exchange.
    pub role: Role,
    /// Half of the exchange.
    pub direction: Direction,
    /// `X-Road-Id`.
    pub message_id: String,
    /// `X-Road-Request-Id`.
    pub request_id: Uuid,
    /// Who asked.
    pub client: ClientId,
    /// Which service was asked.
    pub service: ServiceId,
    /// The signed header part, or what metadata logging left of it.
    pub header_part: Bytes,
    /// Whether `header_part` was reduced, so that `header_digest` is of bytes that were not kept.
    pub header_reduced: bool,
    /// SHA-512 of the header part as signed.
    pub header_digest: Digest,
    /// The body.
    pub body: Body,
    /// Which signature covers the message.
    pub signature: SignatureRef,
    /// `sig-hashchain.xml`, when signed as a batch.
    pub hash_chain: Option<Bytes>,
}

impl StoredMessage {
    /// The local party: the caller on the consumer's side, the subsystem that offers the service on the producer's.
    #[must_use]
    pub fn party(&self) -> &ClientId {
        match self.role {
            Role::Consumer => &self.client,
            Role::Producer => &self.service.provider,
        }
    }
}

/// Names the signature record of `signature` and `hash_chain_result`.
#[must_use]
pub fn signature_ref(signature: &[u8], hash_chain_result: Option<&[u8]>) -> SignatureRef {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    // The length keeps the two parts apart: moving bytes from one to the other changes the name.
    context.update(&(signature.len() as u64).to_le_bytes());
    context.update(signature);
    context.update(&[u8::from(hash_chain_result.is_some())]);
    context.update(hash_chain_result.unwrap_or_default());
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The binary form of a signature record.
#[must_use]
pub fn encode_signature(at: i64, signature: &[u8], hash_chain_result: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + signature.len() + hash_chain_result.map_or(0, <[u8]>::len));
    out.push(VERSION);
    out.extend_from_slice(&at.to_le_bytes());
    put_bytes(&mut out, signature);
    out.push(u8::from(hash_chain_result.is_some()));
    if let Some(result) = hash_chain_result {
        put_bytes(&mut out, result);
    }
    out
}

/// Reads a signature record. Its byte strings share the memory of `payload`.
///
/// # Errors
/// When the bytes are not a signature record of a known version.
pub fn decode_signature(payload: &Bytes) -> Result<SignatureRecord, DecodeError> {
    let mut reader = Reader::new(payload);
    version(&mut reader)?;
    let at = reader.i64()?;
    let signature = shared(payload, &mut reader)?;
    let hash_chain_result = match reader.byte()? {
        0 => None,
        1 => Some(shared(payload, &mut reader)?),
        _ => return Err(DecodeError::Field("hash chain result")),
    };
    reader.end()?;
    Ok(SignatureRecord { at, signature, hash_chain_result })
}

/// What of a message is written, chosen by the body mode.
pub struct Kept<'a> {
    /// The header part, whole or reduced.
    pub header_part: &'a [u8],
    /// Whether it was reduced.
    pub header_reduced: bool,
    /// The body, possibly without its bytes.
    pub body: KeptBody<'a>,
}

/// What of a body is written.
#[derive(Clone, Copy, Debug)]
pub enum KeptBody<'a> {
    /// There is none.
    None,
    /// Its bytes and digest.
    Inline(&'a [u8], &'a Digest),
    /// Its digest and length.
    Digest(&'a Digest, u64),
}

/// The binary form of a message record, in pieces, so that large parts are copied once only: into the journal.
pub struct EncodedMessage<'a> {
    fixed: Vec<u8>,
    header_part: &'a [u8],
    body_head: Vec<u8>,
    body: &'a [u8],
    chain_head: Vec<u8>,
    chain: &'a [u8],
}

impl EncodedMessage<'_> {
    /// The pieces in order.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 6] {
        [&self.fixed, self.header_part, &self.body_head, self.body, &self.chain_head, self.chain]
    }
}

/// The binary form of a message record.
#[must_use]
pub fn encode_message<'a>(record: &'a MessageRecord, kept: &Kept<'a>, signature: &SignatureRef) -> EncodedMessage<'a> {
    let mut fixed = Vec::with_capacity(384);
    fixed.push(VERSION);
    fixed.push(flags(record, kept));
    fixed.push(shape(record));
    fixed.extend_from_slice(&record.at.to_le_bytes());
    fixed.extend_from_slice(record.request_id.as_bytes());
    fixed.extend_from_slice(signature);
    fixed.extend_from_slice(&record.header_digest);
    put_bytes(&mut fixed, record.message_id.as_bytes());
    for part in record.client.parts().chain(record.service.parts()) {
        put_bytes(&mut fixed, part.as_bytes());
    }
    put_number(&mut fixed, kept.header_part.len() as u64);
    let mut body_head = Vec::new();
    let mut body: &[u8] = &[];
    match kept.body {
        KeptBody::None => {}
        KeptBody::Inline(bytes, digest) => {
            body_head.extend_from_slice(digest);
            put_number(&mut body_head, bytes.len() as u64);
            body = bytes;
        }
        KeptBody::Digest(digest, length) => {
            body_head.extend_from_slice(digest);
            put_number(&mut body_head, length);
        }
    }
    let mut chain_head = Vec::new();
    let chain = record.hash_chain.as_deref().unwrap_or_default();
    if record.hash_chain.is_some() {
        put_number(&mut chain_head, chain.len() as u64);
    }
    EncodedMessage { fixed, header_part: kept.header_part, body_head, body, chain_head, chain }
}

fn flags(record: &MessageRecord, kept: &Kept<'_>) -> u8 {
    let body = match kept.body {
        KeptBody::None => 0,
        KeptBody::Inline(..) => 1,
        KeptBody::Digest(..) => 2,
    };
    (body << BODY_SHIFT)
        | bit(record.role == Role::Producer, PRODUCER)
        | bit(record.direction == Direction::Response, RESPONSE)
        | bit(record.hash_chain.is_some(), HASH_CHAIN)
        | bit(kept.header_reduced, REDUCED)
}

fn shape(record: &MessageRecord) -> u8 {
    bit(record.client.subsystem.is_some(), CLIENT_SUBSYSTEM)
        | bit(record.service.provider.subsystem.is_some(), PROVIDER_SUBSYSTEM)
        | bit(record.service.version.is_some(), SERVICE_VERSION)
}

fn bit(condition: bool, flag: u8) -> u8 {
    if condition { flag } else { 0 }
}

/// Reads a message record. Its byte strings share the memory of `payload`.
///
/// # Errors
/// When the bytes are not a message record of a known version.
pub fn decode_message(payload: &Bytes) -> Result<StoredMessage, DecodeError> {
    let mut reader = Reader::new(payload);
    version(&mut reader)?;
    let flags = known(reader.byte()?, KNOWN_FLAGS, "flags")?;
    let shape = known(reader.byte()?, KNOWN_SHAPE, "shape")?;
    let at = reader.i64()?;
    let request_id = Uuid::from_bytes(reader.array()?);
    let signature = reader.array()?;
    let header_digest = reader.array()?;
    let message_id = reader.text("message id")?.to_owned();
    let client = client(&mut reader, shape & CLIENT_SUBSYSTEM != 0)?;
    let service = service(&mut reader, shape)?;
    let header_part = shared(payload, &mut reader)?;
    let body = body(payload, &mut reader, (flags >> BODY_SHIFT) & BODY_MASK)?;
    let hash_chain = if flags & HASH_CHAIN == 0 { None } else { Some(shared(payload, &mut reader)?) };
    reader.end()?;
    Ok(StoredMessage {
        at,
        role: if flags & PRODUCER == 0 { Role::Consumer } else { Role::Producer },
        direction: if flags & RESPONSE == 0 { Direction::Request } else { Direction::Response },
        message_id,
        request_id,
        client,
        service,
        header_part,
        header_reduced: flags & REDUCED != 0,
        header_digest,
        body,
        signature,
        hash_chain,
    })
}

fn body(payload: &Bytes, reader: &mut Reader<'_>, kind: u8) -> Result<Body, DecodeError> {
    match kind {
        0 => Ok(Body::None),
        1 => {
            let digest = reader.array()?;
            Ok(Body::Inline { digest, bytes: shared(payload, reader)? })
        }
        2 => Ok(Body::Digest { digest: reader.array()?, length: reader.number()? }),
        _ => Err(DecodeError::Field("body")),
    }
}

fn client(reader: &mut Reader<'_>, subsystem: bool) -> Result<ClientId, DecodeError> {
    Ok(ClientId {
        instance: part(reader)?,
        class: part(reader)?,
        member: part(reader)?,
        subsystem: if subsystem { Some(part(reader)?) } else { None },
    })
}

fn service(reader: &mut Reader<'_>, shape: u8) -> Result<ServiceId, DecodeError> {
    Ok(ServiceId {
        provider: client(reader, shape & PROVIDER_SUBSYSTEM != 0)?,
        code: part(reader)?,
        version: if shape & SERVICE_VERSION != 0 { Some(part(reader)?) } else { None },
    })
}

fn part(reader: &mut Reader<'_>) -> Result<Arc<str>, DecodeError> {
    reader.text("identifier").map(Into::into)
}

/// A bit that this version does not know may change the meaning of what follows: refuse rather than guess.
fn known(bits: u8, mask: u8, field: &'static str) -> Result<u8, DecodeError> {
    if bits & !mask == 0 { Ok(bits) } else { Err(DecodeError::Field(field)) }
}

fn version(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match reader.byte()? {
        VERSION => Ok(()),
        other => Err(DecodeError::Version(other)),
    }
}

/// A byte string as a slice of the shared buffer.
fn shared(payload: &Bytes, reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    let length = reader.bytes()?.len();
    let end = reader.position();
    Ok(payload.slice(end - length..end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
    }

    fn client_id() -> impl Strategy<Value = ClientId> {
        (proptest::collection::vec("\\PC{1,12}", 3), proptest::option::of("\\PC{1,12}")).prop_map(
            |(parts, subsystem)| ClientId {
                subsystem: subsystem.map(Into::into),
                ..ClientId::member(&parts[0], &parts[1], &parts[2])
            },
        )
    }

    fn service_id() -> impl Strategy<Value = ServiceId> {
        (client_id(), "\\PC{1,12}", proptest::option::of("\\PC{1,5}")).prop_map(|(provider, code, version)| ServiceId {
            version: version.map(Into::into),
            ..ServiceId::new(provider, &code)
        })
    }

    fn record_body() -> impl Strategy<Value = Body> {
        let digest =
            || proptest::array::uniform32(any::<u8>()).prop_map(|half| [half, half].concat().try_into().unwrap());
        prop_oneof![
            Just(Body::None),
            (bytes(), digest()).prop_map(|(bytes, digest)| Body::Inline { bytes, digest }),
            (digest(), any::<u64>()).prop_map(|(digest, length)| Body::Digest { digest, length }),
        ]
    }

    prop_compose! {
        fn message()(
            (at, producer, response, request) in any::<(i64, bool, bool, u128)>(),
            message_id in "\\PC{0,40}", client in client_id(), service in service_id(),
            header_part in bytes(), body in record_body(), signature in bytes(),
            hash_chain_result in proptest::option::of(bytes()), hash_chain in proptest::option::of(bytes()),
        ) -> MessageRecord {
            MessageRecord {
                at,
                role: if producer { Role::Producer } else { Role::Consumer },
                direction: if response { Direction::Response } else { Direction::Request },
                message_id,
                request_id: Uuid::from_u128(request),
                client,
                service,
                header_digest: [7; 64],
                header_part,
                body,
                signature,
                hash_chain_result,
                hash_chain,
            }
        }
    }

    fn whole(record: &MessageRecord) -> Kept<'_> {
        let body = match &record.body {
            Body::None => KeptBody::None,
            Body::Inline { bytes, digest } => KeptBody::Inline(bytes, digest),
            Body::Digest { digest, length } => KeptBody::Digest(digest, *length),
        };
        Kept { header_part: &record.header_part, header_reduced: false, body }
    }

    proptest! {
        #[test]
        fn a_message_survives(record in message(), reduced: bool) {
            let kept = Kept { header_reduced: reduced, ..whole(&record) };
            let reference = signature_ref(&record.signature, record.hash_chain_result.as_deref());
            let stored = decode_message(&encode_message(&record, &kept, &reference).parts().concat().into()).unwrap();
            prop_assert_eq!(stored, StoredMessage {
                at: record.at, role: record.role, direction: record.direction, message_id: record.message_id,
                request_id: record.request_id, client: record.client, service: record.service,
                header_part: record.header_part, header_reduced: reduced, header_digest: record.header_digest,
                body: record.body, signature: reference, hash_chain: record.hash_chain,
            });
        }

        #[test]
        fn a_signature_survives(at: i64, signature in bytes(), result in proptest::option::of(bytes())) {
            let encoded = Bytes::from(encode_signature(at, &signature, result.as_deref()));
            prop_assert_eq!(decode_signature(&encoded), Ok(SignatureRecord { at, signature, hash_chain_result: result }));
        }

        #[test]
        fn a_cut_or_lengthened_message_is_refused(record in message(), cut in any::<proptest::sample::Index>()) {
            let encoded = encode_message(&record, &whole(&record), &[0; 32]).parts().concat();
            prop_assert!(decode_message(&Bytes::copy_from_slice(&encoded[..cut.index(encoded.len())])).is_err());
            let longer = [encoded, vec![0]].concat();
            prop_assert_eq!(decode_message(&longer.into()), Err(DecodeError::Trailing(1)));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(mut noise in proptest::collection::vec(any::<u8>(), 0..400), known_version: bool) {
            if known_version && let Some(first) = noise.first_mut() {
                *first = VERSION;
            }
            let noise = Bytes::from(noise);
            let _ = decode_message(&noise);
            let _ = decode_signature(&noise);
        }
    }

    #[test]
    fn the_name_of_a_signature_depends_on_where_its_parts_meet() {
        assert_ne!(signature_ref(b"ab", Some(b"c")), signature_ref(b"a", Some(b"bc")));
        assert_ne!(signature_ref(b"ab", None), signature_ref(b"ab", Some(b"")));
    }
}
