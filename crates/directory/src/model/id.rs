//! Identifiers of the exchange: members, subsystems, services, servers and groups (exchange-protocol §2.0).
//!
//! Three written forms: `INST/CLASS/CODE` with each part percent-encoded (URLs and headers), `SUBSYSTEM:INST/CLASS/…` (logs and
//! error texts) and `INST:CLASS:…` (admin API). Comparison is case-sensitive. Parts are cheap to clone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// The longest identifier part that is stored or reported (§2.0), in characters.
pub const MAX_PART_CHARS: usize = 255;

/// What stays as it is in a percent-encoded part: the unreserved characters of RFC 3986.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The number of parts is wrong.
    #[error("expected {expected} parts, found {found}")]
    PartCount {
        /// What the identifier needs.
        expected: &'static str,
        /// What was there.
        found: usize,
    },
    /// A part is empty.
    #[error("part {0} is empty")]
    EmptyPart(usize),
    /// A part is longer than [`MAX_PART_CHARS`].
    #[error("part {0} is longer than {MAX_PART_CHARS} characters")]
    LongPart(usize),
    /// A percent escape is broken or does not spell UTF-8.
    #[error("part {0} is not percent-encoded UTF-8")]
    Encoding(usize),
}

/// A member (legal entity) or one of its subsystems: who speaks and who is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId {
    /// Instance (ecosystem), e.g. `VN`.
    pub instance: Arc<str>,
    /// Member class, e.g. `GOV`.
    pub class: Arc<str>,
    /// Member code, unique within its class, e.g. `G01`.
    pub member: Arc<str>,
    /// Subsystem code; absent for the member itself.
    pub subsystem: Option<Arc<str>>,
}

/// A service of a subsystem.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId {
    /// The subsystem that offers it.
    pub provider: ClientId,
    /// Service code.
    pub code: Arc<str>,
    /// Service version; only SOAP services have one.
    pub version: Option<Arc<str>>,
}

/// A gateway (security server), owned by a member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId {
    /// The owner: a member, never a subsystem.
    pub owner: ClientId,
    /// Server code, unique for its owner.
    pub code: Arc<str>,
}

/// A group of clients kept by the central authority of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GlobalGroupId {
    /// Instance that keeps the group.
    pub instance: Arc<str>,
    /// Group code.
    pub code: Arc<str>,
}

impl ClientId {
    /// A member.
    pub fn member(instance: &str, class: &str, member: &str) -> Self {
        Self { instance: instance.into(), class: class.into(), member: member.into(), subsystem: None }
    }

    /// A subsystem.
    pub fn subsystem(instance: &str, class: &str, member: &str, subsystem: &str) -> Self {
        Self { subsystem: Some(subsystem.into()), ..Self::member(instance, class, member) }
    }

    /// The member this client is or belongs to.
    #[must_use]
    pub fn owner(&self) -> Self {
        Self { subsystem: None, ..self.clone() }
    }

    /// Whether `self` and `other` belong to the same member.
    #[must_use]
    pub fn same_member(&self, other: &Self) -> bool {
        self.member == other.member && self.class == other.class && self.instance == other.instance
    }

    /// `MEMBER` or `SUBSYSTEM`.
    #[must_use]
    pub fn object_type(&self) -> &'static str {
        if self.subsystem.is_some() { "SUBSYSTEM" } else { "MEMBER" }
    }

    /// From the percent-encoded form: `INST/CLASS/CODE` or `INST/CLASS/CODE/SUBSYSTEM`.
    ///
    /// # Errors
    /// When the number of parts, an escape or a length is wrong.
    pub fn from_encoded(text: &str) -> Result<Self, IdError> {
        Self::from_decoded_parts(&split_encoded(text)?)
    }

    /// From the admin form `INST:CLASS:CODE[:SUBSYSTEM]`, parts percent-encoded.
    ///
    /// # Errors
    /// As [`ClientId::from_encoded`].
    pub fn from_colon(text: &str) -> Result<Self, IdError> {
        Self::from_decoded_parts(&decode_parts(text.split(':'))?)
    }

    /// From parts that are already decoded.
    ///
    /// # Errors
    /// When there are not three or four parts.
    pub fn from_decoded_parts(parts: &[Arc<str>]) -> Result<Self, IdError> {
        let (instance, class, member, subsystem) = match parts {
            [instance, class, member] => (instance, class, member, None),
            [instance, class, member, subsystem] => (instance, class, member, Some(subsystem.clone())),
            _ => return Err(IdError::PartCount { expected: "3 or 4", found: parts.len() }),
        };
        Ok(Self { instance: instance.clone(), class: class.clone(), member: member.clone(), subsystem })
    }

    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        [&*self.instance, &*self.class, &*self.member].into_iter().chain(self.subsystem.as_deref())
    }

    /// Percent-encoded, `/`-joined: the form of URLs and headers.
    #[must_use]
    pub fn encoded(&self) -> String {
        join_encoded(self.parts(), '/')
    }

    /// Percent-encoded, `:`-joined: the form of the admin API.
    #[must_use]
    pub fn colon(&self) -> String {
        join_encoded(self.parts(), ':')
    }
}

impl ServiceId {
    /// A service without a version.
    #[must_use]
    pub fn new(provider: ClientId, code: &str) -> Self {
        Self { provider, code: code.into(), version: None }
    }

    /// From the percent-encoded form `INST/CLASS/CODE/SUBSYSTEM/SERVICE`.
    ///
    /// # Errors
    /// When there are not five parts or one is malformed.
    pub fn from_encoded(text: &str) -> Result<Self, IdError> {
        let parts = split_encoded(text)?;
        match parts.as_slice() {
            [client @ .., code] if parts.len() == 5 => {
                Ok(Self { provider: ClientId::from_decoded_parts(client)?, code: code.clone(), version: None })
            }
            _ => Err(IdError::PartCount { expected: "5", found: parts.len() }),
        }
    }

    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.provider.parts().chain([&*self.code]).chain(self.version.as_deref())
    }

    /// Percent-encoded, `/`-joined.
    #[must_use]
    pub fn encoded(&self) -> String {
        join_encoded(self.parts(), '/')
    }

    /// Percent-encoded, `:`-joined.
    #[must_use]
    pub fn colon(&self) -> String {
        join_encoded(self.parts(), ':')
    }
}

impl ServerId {
    /// A gateway of `owner`.
    #[must_use]
    pub fn new(owner: ClientId, code: &str) -> Self {
        Self { owner, code: code.into() }
    }

    /// From the percent-encoded form `INST/CLASS/CODE/SERVER`.
    ///
    /// # Errors
    /// When there are not four parts or one is malformed.
    pub fn from_encoded(text: &str) -> Result<Self, IdError> {
        let parts = split_encoded(text)?;
        match parts.as_slice() {
            [owner @ .., code] if parts.len() == 4 => {
                Ok(Self { owner: ClientId::from_decoded_parts(owner)?, code: code.clone() })
            }
            _ => Err(IdError::PartCount { expected: "4", found: parts.len() }),
        }
    }

    /// From the admin form `INST:CLASS:CODE:SERVER`.
    ///
    /// # Errors
    /// As [`ServerId::from_encoded`].
    pub fn from_colon(text: &str) -> Result<Self, IdError> {
        Self::from_encoded(&text.replace(':', "/"))
    }

    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.owner.parts().chain([&*self.code])
    }

    /// Percent-encoded, `/`-joined.
    #[must_use]
    pub fn encoded(&self) -> String {
        join_encoded(self.parts(), '/')
    }

    /// Percent-encoded, `:`-joined.
    #[must_use]
    pub fn colon(&self) -> String {
        join_encoded(self.parts(), ':')
    }
}

impl GlobalGroupId {
    /// A group of `instance`.
    #[must_use]
    pub fn new(instance: &str, code: &str) -> Self {
        Self { instance: instance.into(), code: code.into() }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text_form(f, self.object_type(), self.parts())
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text_form(f, "SERVICE", self.parts())
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text_form(f, "SERVER", self.parts())
    }
}

impl fmt::Display for GlobalGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GLOBALGROUP:{}/{}", self.instance, self.code)
    }
}

/// JSON, configuration and the command line use the admin form.
macro_rules! colon_text_form {
    ($type:ty) => {
        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::from_colon(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.colon())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_colon(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

colon_text_form!(ClientId);
colon_text_form!(ServerId);

/// Whether every character of a *new* identifier part is permitted (§2.0, strict identifier checks).
#[must_use]
pub fn is_strict_part(part: &str) -> bool {
    !part.is_empty()
        && part.chars().count() <= MAX_PART_CHARS
        && part.chars().all(|c| c.is_alphanumeric() || "'()+,-.=?_".contains(c))
}

fn split_encoded(text: &str) -> Result<Vec<Arc<str>>, IdError> {
    decode_parts(text.split('/'))
}

fn decode_parts<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Vec<Arc<str>>, IdError> {
    // Six parts are already one too many: the rest is not even looked at.
    parts.take(6).enumerate().map(|(index, part)| decode_part(part, index + 1)).collect()
}

fn decode_part(part: &str, number: usize) -> Result<Arc<str>, IdError> {
    if part.is_empty() {
        return Err(IdError::EmptyPart(number));
    }
    if !well_formed_escapes(part) {
        return Err(IdError::Encoding(number));
    }
    let decoded = percent_decode_str(part).decode_utf8().map_err(|_| IdError::Encoding(number))?;
    if decoded.chars().count() > MAX_PART_CHARS {
        return Err(IdError::LongPart(number));
    }
    Ok(decoded.as_ref().into())
}

/// Every `%` is followed by two hexadecimal digits.
fn well_formed_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn join_encoded<'a>(parts: impl Iterator<Item = &'a str>, separator: char) -> String {
    let mut out = String::with_capacity(48);
    for (index, part) in parts.enumerate() {
        if index > 0 {
            out.push(separator);
        }
        out.extend(utf8_percent_encode(part, PART));
    }
    out
}

fn write_text_form<'a>(f: &mut fmt::Formatter<'_>, kind: &str, parts: impl Iterator<Item = &'a str>) -> fmt::Result {
    f.write_str(kind)?;
    for (index, part) in parts.enumerate() {
        f.write_str(if index == 0 { ":" } else { "/" })?;
        f.write_str(part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slash_inside_a_part_travels_as_an_escape() {
        let id = ClientId::from_encoded("VN/GOV/G01/d%C3%A2n%2Fc%C6%B0").unwrap();
        assert_eq!(id.subsystem.as_deref(), Some("dân/cư"));
        assert_eq!(id.to_string(), "SUBSYSTEM:VN/GOV/G01/dân/cư");
        assert_eq!(id.encoded(), "VN/GOV/G01/d%C3%A2n%2Fc%C6%B0");
        assert_eq!(id.colon().parse::<ClientId>().unwrap(), id);
    }

    #[test]
    fn malformed_identifiers_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", IdError::EmptyPart(1)),
            ("VN/GOV", IdError::PartCount { expected: "3 or 4", found: 2 }),
            ("VN/GOV/G01/a/b", IdError::PartCount { expected: "3 or 4", found: 5 }),
            ("VN//G01", IdError::EmptyPart(2)),
            ("VN/GOV/%zz", IdError::Encoding(3)),
            ("VN/GOV/%F", IdError::Encoding(3)),
            ("VN/GOV/%FF", IdError::Encoding(3)),
        ] {
            assert_eq!(ClientId::from_encoded(text), Err(reason), "{text}");
        }
        assert_eq!(ClientId::from_encoded(&format!("VN/GOV/{}", "a".repeat(256))), Err(IdError::LongPart(3)));
    }

    #[test]
    fn a_service_needs_all_five_parts() {
        assert!(ServiceId::from_encoded("VN/GOV/G01/dancu/tracuu").is_ok());
        assert_eq!(ServiceId::from_encoded("VN/GOV/G01/dancu"), Err(IdError::PartCount { expected: "5", found: 4 }));
    }

    #[test]
    fn comparison_is_case_sensitive() {
        assert_ne!(ClientId::member("VN", "GOV", "G01"), ClientId::member("vn", "GOV", "G01"));
    }

    proptest! {
        #[test]
        fn every_identifier_survives_both_written_forms(parts in proptest::collection::vec("\\PC{1,20}", 4)) {
            let parts: Vec<Arc<str>> = parts.iter().map(|p| p.as_str().into()).collect();
            let id = ClientId::from_decoded_parts(&parts).unwrap();
            prop_assert_eq!(&ClientId::from_encoded(&id.encoded()).unwrap(), &id);
            prop_assert_eq!(&ClientId::from_colon(&id.colon()).unwrap(), &id);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = ClientId::from_encoded(&text);
            let _ = ServiceId::from_encoded(&text);
            let _ = ServerId::from_encoded(&text);
        }
    }
}
