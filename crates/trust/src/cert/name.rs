//! Distinguished names: written with the attributes of the certificate profiles, and shown as one line of text.

use std::fmt;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;
use der::asn1::{Any, BmpString, Ia5StringRef, PrintableStringRef, SetOfVec, TeletexStringRef, Utf8StringRef};
use der::{Encode, Tag, Tagged};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// Attributes known by name. The first column is what a caller writes and what is shown.
const ATTRIBUTES: [(&str, ObjectIdentifier); 17] = [
    ("CN", rfc4519::COMMON_NAME),
    ("SN", rfc4519::SURNAME),
    ("serialNumber", rfc4519::SERIAL_NUMBER),
    ("C", rfc4519::COUNTRY_NAME),
    ("L", rfc4519::L),
    ("ST", rfc4519::ST),
    ("STREET", rfc4519::STREET),
    ("O", rfc4519::ORGANIZATION_NAME),
    ("OU", rfc4519::ORGANIZATIONAL_UNIT_NAME),
    ("title", rfc4519::TITLE),
    ("businessCategory", rfc4519::BUSINESS_CATEGORY),
    ("givenName", rfc4519::GIVEN_NAME),
    ("UID", rfc4519::UID),
    ("DC", rfc4519::DOMAIN_COMPONENT),
    ("dnQualifier", rfc4519::DN_QUALIFIER),
    ("organizationIdentifier", ObjectIdentifier::new_unwrap("2.5.4.97")),
    ("emailAddress", ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1")),
];

/// The object identifier of an attribute given by name (`CN`, `serialNumber`, any letter case) or in dotted form.
pub(super) fn attribute_oid(name: &str) -> Option<ObjectIdentifier> {
    let known = ATTRIBUTES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map(|(_, oid)| *oid);
    known.or_else(|| ObjectIdentifier::new(name).ok())
}

/// A distinguished name being written, in the order its attributes are added (C first by custom).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DistinguishedName(Vec<(ObjectIdentifier, String)>);

impl DistinguishedName {
    /// An empty name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute by name (`CN`, `O`, `C`, `serialNumber`, `businessCategory`, …) or dotted object identifier.
    /// An empty value adds nothing. An attribute we do not know is ignored by design of the profiles, which name only known ones.
    #[must_use]
    pub fn with(mut self, attribute: &str, value: &str) -> Self {
        if let Some(oid) = attribute_oid(attribute).filter(|_| !value.is_empty()) {
            self.0.push((oid, value.to_owned()));
        }
        self
    }

    /// The attributes of a name as text; values that are not text are left out.
    pub(super) fn from_name(name: &Name) -> Self {
        let pairs = name.0.iter().flat_map(|part| part.0.iter());
        Self(pairs.filter_map(|pair| text_of(&pair.value).map(|text| (pair.oid, text))).collect())
    }

    pub(super) fn to_name(&self) -> der::Result<Name> {
        let mut parts = Vec::with_capacity(self.0.len());
        for (oid, value) in &self.0 {
            let value = encode_value(*oid, value)?;
            let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid: *oid, value }])?;
            parts.push(RelativeDistinguishedName(set));
        }
        Ok(RdnSequence(parts))
    }
}

/// Shows how many attributes there are, not what they say: subjects may be people.
impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({} attributes)", self.0.len())
    }
}

/// Country and serial number are PrintableString, e-mail and domain parts IA5String, the rest UTF8String (RFC 5280 §4.1.2.4, appendix A).
fn encode_value(oid: ObjectIdentifier, value: &str) -> der::Result<Any> {
    let email = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
    if oid == rfc4519::COUNTRY_NAME {
        return Any::encode_from(&PrintableStringRef::new(value)?);
    }
    // Member codes may hold characters PrintableString lacks (`_`, `@`); a readable name beats a refused request.
    if let (rfc4519::SERIAL_NUMBER, Ok(printable)) = (oid, PrintableStringRef::new(value)) {
        return Any::encode_from(&printable);
    }
    if oid == rfc4519::DOMAIN_COMPONENT || oid == email {
        return Any::encode_from(&Ia5StringRef::new(value)?);
    }
    Any::encode_from(&Utf8StringRef::new(value)?)
}

/// The text of an attribute value, whichever string type it has.
fn text_of(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|text| text.to_string()),
        _ => None,
    }
}

/// The first value of an attribute in a name.
pub(super) fn attribute_of(name: &Name, attribute: &str) -> Option<String> {
    let oid = attribute_oid(attribute)?;
    let mut pairs = name.0.iter().flat_map(|part| part.0.iter());
    pairs.find(|pair| pair.oid == oid).and_then(|pair| text_of(&pair.value))
}

/// A name as one line, most specific part first (RFC 4514 order and escapes); attributes outside the RFC's short list keep
/// their X.520 keyword, unknown ones are dotted with a hexadecimal value.
pub(super) fn to_text(name: &Name) -> String {
    let parts = name.0.iter().rev().map(|part| {
        let pairs: Vec<String> = part.0.iter().map(pair_text).collect();
        pairs.join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

fn pair_text(pair: &AttributeTypeAndValue) -> String {
    let keyword = ATTRIBUTES.iter().find(|(_, oid)| *oid == pair.oid).map(|(short, _)| *short);
    match (keyword, text_of(&pair.value)) {
        (Some(keyword), Some(text)) => format!("{keyword}={}", escape(&text)),
        _ => format!("{}=#{}", pair.oid, hex::encode(pair.value.to_der().unwrap_or_default())),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, character) in text.chars().enumerate() {
        let edge_space = character == ' ' && (at == 0 || at == last);
        let first_hash = character == '#' && at == 0;
        match character {
            '\0' => out.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', character]),
            _ if edge_space || first_hash => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}
