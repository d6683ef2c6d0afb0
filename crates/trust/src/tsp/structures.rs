//! ASN.1 of RFC 3161. The time in a stamp may have a fraction of a second, which the general GeneralizedTime types refuse,
//! so it is kept as it stands and read here.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef, BitString, GeneralizedTime, Int, OctetString};
use der::{Decode, Sequence, Tag, Tagged};
use jiff::Timestamp;
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;

use super::{Imprint, TspError};
use crate::asn1;
use crate::key::DigestKind;

#[derive(Clone, Debug, Sequence)]
pub(super) struct MessageImprint {
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) value: OctetString,
}

impl MessageImprint {
    pub(super) fn of(imprint: &Imprint) -> Result<Self, TspError> {
        let value = OctetString::new(imprint.value.as_slice()).map_err(|_| TspError::Malformed("imprint"))?;
        Ok(Self { algorithm: imprint.kind.identifier(), value })
    }

    /// The imprint, if its digest is one we accept and its length fits.
    pub(super) fn read(&self) -> Option<Imprint> {
        let kind = DigestKind::from_oid(self.algorithm.oid)?;
        let value = self.value.as_bytes().to_vec();
        (value.len() == kind.len()).then_some(Imprint { kind, value })
    }
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct TimeStampReq {
    pub(super) version: u8,
    pub(super) imprint: MessageImprint,
    #[asn1(optional = "true")]
    pub(super) policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(default = "Default::default")]
    pub(super) certificate_wanted: bool,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct StatusInfo {
    pub(super) status: u32,
    /// `PKIFreeText`: kept as it is, shown to nobody.
    #[asn1(optional = "true")]
    pub(super) text: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    pub(super) failure: Option<BitString>,
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct TimeStampResp<'a> {
    pub(super) status: StatusInfo,
    #[asn1(optional = "true")]
    pub(super) token: Option<ContentInfo<'a>>,
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct ContentInfo<'a> {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: AnyRef<'a>,
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct Accuracy {
    #[asn1(optional = "true")]
    pub(super) seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) micros: Option<u16>,
}

#[derive(Clone, Debug, Sequence)]
pub(super) struct TstInfo {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint: MessageImprint,
    pub(super) serial: Int,
    pub(super) time: Any,
    #[asn1(optional = "true")]
    pub(super) accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub(super) ordering: bool,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) authority: Option<GeneralName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

/// Reads a GeneralizedTime in UTC with an optional fraction of a second: `20261130235959.25Z` (RFC 3161 §2.4.2).
pub(super) fn read_time(value: &Any) -> Result<Timestamp, TspError> {
    let malformed = TspError::Malformed("time");
    if value.tag() != Tag::GeneralizedTime {
        return Err(malformed);
    }
    let text = std::str::from_utf8(value.value()).map_err(|_| malformed.clone())?;
    let text = text.strip_suffix('Z').ok_or(malformed.clone())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // The strict decoder checks the calendar; the header is two bytes because the value is 15 bytes long.
    let mut der = vec![0x18, 15];
    der.extend_from_slice(whole.as_bytes());
    der.push(b'Z');
    let time = GeneralizedTime::from_der(&der).map_err(|_| malformed.clone())?;
    let start = asn1::timestamp(time.to_date_time()).map_err(|_| malformed.clone())?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (fraction.is_empty() && text.contains('.')) {
        return Err(malformed);
    }
    // Nanoseconds: nine digits, shorter fractions padded, longer ones cut.
    let nanos: i64 =
        format!("{fraction:0<9}").get(..9).and_then(|digits| digits.parse().ok()).ok_or(malformed.clone())?;
    start.checked_add(jiff::SignedDuration::from_nanos(nanos)).map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Timestamp, TspError> {
        read_time(&Any::new(Tag::GeneralizedTime, text.as_bytes()).unwrap())
    }

    #[test]
    fn times_with_and_without_a_fraction_are_read() {
        assert_eq!(read("20261130235959Z").unwrap().to_string(), "2026-11-30T23:59:59Z");
        assert_eq!(read("20261130235959.25Z").unwrap().to_string(), "2026-11-30T23:59:59.25Z");
        assert_eq!(read("20261130235959.1234567891Z").unwrap().subsec_nanosecond(), 123_456_789);
        for wrong in
            ["20261130235959", "20261330235959Z", "20261130235959.Z", "20261130235959.x1Z", "Z", "2026113023595é"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
