//! Bytes of a segment file. All integers are little-endian.
//!
//! ```text
//! segment  = header (40), groups
//! header   = magic "LTJRNL\0\1", first u64, previous u64, salt u64, crc u32, zero u32
//! group    = marker (40), records
//! marker   = magic FF "LTBATCH", first u64, length u64, synced u64, crc u32, count u32
//! record   = length u32, crc u32, number u64, kind u8, payload
//! ```
//! `previous` is the first number of the segment before, so that a missing segment is noticed. `length` of a marker is
//! that of its records. `synced` is how much of the segment was durable when the group was written: damage below it is
//! damage to acknowledged records, damage above it the usual end of a crash. The `salt` is random and goes into the
//! marker's checksum, so that no payload can pass for a marker. Checksums are CRC-32C.

use super::super::{MAX_PAYLOAD, Seq};

pub(super) const HEADER: usize = 40;
pub(super) const MARKER: usize = 40;
pub(super) const RECORD: usize = 17;

const HEADER_MAGIC: [u8; 8] = *b"LTJRNL\0\x01";
/// As a record's length this would be above [`MAX_PAYLOAD`], so the two are never mistaken.
pub(super) const MARKER_MAGIC: [u8; 8] = *b"\xFFLTBATCH";

/// Begin of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub first: Seq,
    pub previous: Seq,
    pub salt: u64,
}

/// Begin of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    pub first: Seq,
    pub length: u64,
    pub synced: u64,
    pub count: u32,
}

/// A record without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub length: usize,
    pub crc: u32,
    pub seq: Seq,
    pub kind: u8,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        put(&mut bytes, 0, &HEADER_MAGIC);
        put(&mut bytes, 8, &self.first.to_le_bytes());
        put(&mut bytes, 16, &self.previous.to_le_bytes());
        put(&mut bytes, 24, &self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        put(&mut bytes, 32, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let header = Self { first: u64_at(bytes, 8)?, previous: u64_at(bytes, 16)?, salt: u64_at(bytes, 24)? };
        (bytes.get(..HEADER)? == header.encode()).then_some(header)
    }
}

impl Marker {
    pub(super) fn encode(&self, salt: u64) -> [u8; MARKER] {
        let mut bytes = [0; MARKER];
        put(&mut bytes, 0, &MARKER_MAGIC);
        put(&mut bytes, 8, &self.first.to_le_bytes());
        put(&mut bytes, 16, &self.length.to_le_bytes());
        put(&mut bytes, 24, &self.synced.to_le_bytes());
        put(&mut bytes, 36, &self.count.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &bytes);
        put(&mut bytes, 32, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let marker = Self {
            first: u64_at(bytes, 8)?,
            length: u64_at(bytes, 16)?,
            synced: u64_at(bytes, 24)?,
            count: u32_at(bytes, 36)?,
        };
        (bytes.get(..MARKER)? == marker.encode(salt)).then_some(marker)
    }
}

impl RecordHead {
    /// `payload_crc` is [`payload_crc`] of the payload.
    pub(super) fn new(seq: Seq, kind: u8, length: usize, payload_crc: u32) -> Self {
        let mut head = Self { length, crc: 0, seq, kind };
        head.crc = crc32c::crc32c_append(payload_crc, &head.encode());
        head
    }

    pub(super) fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        // The queue admits no payload above MAX_PAYLOAD, which is far below u32::MAX.
        put(&mut bytes, 0, &u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes());
        put(&mut bytes, 4, &self.crc.to_le_bytes());
        put(&mut bytes, 8, &self.seq.to_le_bytes());
        bytes[16] = self.kind;
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok().filter(|length| *length <= MAX_PAYLOAD)?;
        Some(Self { length, crc: u32_at(bytes, 4)?, seq: u64_at(bytes, 8)?, kind: *bytes.get(16)? })
    }

    /// Whether `payload` and this head are what was written.
    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length
            && Self::new(self.seq, self.kind, self.length, payload_crc(&[payload])).crc == self.crc
    }
}

/// Checksum of a payload given in pieces; the head is added to it once the number is known.
pub(super) fn payload_crc(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(first: u64, other: u64, synced: u64, count: u32, salt: u64) {
            let header = Header { first, previous: other, salt };
            prop_assert_eq!(Header::decode(&header.encode()), Some(header));
            let marker = Marker { first, length: other, synced, count };
            prop_assert_eq!(Marker::decode(&marker.encode(salt), salt), Some(marker));
            prop_assert_eq!(Marker::decode(&marker.encode(salt), salt ^ 1), None, "a marker of another segment");
        }

        #[test]
        fn any_changed_byte_is_noticed(seq: u64, kind: u8, payload: Vec<u8>, position: prop::sample::Index, flip in 1..=255_u8) {
            let head = RecordHead::new(seq, kind, payload.len(), payload_crc(&[&payload]));
            let mut bytes = [head.encode().as_slice(), &payload].concat();
            prop_assert!(RecordHead::decode(&bytes).unwrap().fits(&payload));
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            let accepted = RecordHead::decode(&bytes).is_some_and(|head| head.fits(&bytes[RECORD..]));
            prop_assert!(!accepted);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, salt: u64) {
            let _ = (Header::decode(&bytes), Marker::decode(&bytes, salt), RecordHead::decode(&bytes));
        }
    }
}
