//! Verifying the next signature of a signer by its likeness to the last one.
//!
//! Under load one signer's signatures come by the thousand and differ in four places only: the digest of what is signed, the digest of the
//! signed properties, the signature value and the signing time. Once one of them has been read and verified in full, another with the same
//! bytes everywhere else has the same structure, the same certificate and the same enclosed evidence, so reading it as XML would
//! tell nothing new. What must still be checked is checked: the digest of its signed properties and its signature value.
//!
//! This is sound because the four places may hold only characters that cannot change the structure (base64, and digits with `-:.TZ`), and
//! because a likeness is taken only of signatures whose signed elements are written canonically, byte for byte.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use roxmltree::Node;

use super::covers::Covers;
use super::parse::Parts;
use super::{DS_NAMESPACE, ParsedSignature, XADES_NAMESPACE};
use crate::cert::Certificate;
use crate::hashchain::{Digest, DigestValue};
use crate::key::DigestKind;

/// Where the changing places and the signed elements stand in the bytes of a signature.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    signed_info: Range<usize>,
    signed_properties: Range<usize>,
    object_digest: Range<usize>,
    properties_digest: Range<usize>,
    value: Range<usize>,
    time: Range<usize>,
}

impl Layout {
    /// The layout of a signature that is written canonically and has a single reference beside its properties.
    pub(super) fn of(xml: &[u8], parts: &Parts<'_, '_>, info: &[u8], properties: &[u8]) -> Option<Self> {
        let (signed_info, signed_properties) = (parts.signed_info.range(), parts.signed_properties.range());
        let is_canonical = xml.get(signed_info.clone())? == info && xml.get(signed_properties.clone())? == properties;
        let digests: Vec<Node<'_, '_>> =
            parts.signed_info.descendants().filter(|node| node.has_tag_name((DS_NAMESPACE, "DigestValue"))).collect();
        let [object, of_properties] = digests.as_slice() else { return None };
        let mut times =
            parts.signed_properties.descendants().filter(|n| n.has_tag_name((XADES_NAMESPACE, "SigningTime")));
        let (Some(time), None) = (times.next(), times.next()) else { return None };
        let layout = Self {
            object_digest: text_range(*object)?,
            properties_digest: text_range(*of_properties)?,
            value: text_range(parts.value)?,
            time: text_range(time)?,
            signed_info,
            signed_properties,
        };
        (is_canonical && layout.is_ordered() && layout.has_safe_places(xml)).then_some(layout)
    }

    /// The changing places in the order in which they stand.
    fn places(&self) -> [&Range<usize>; 4] {
        [&self.object_digest, &self.properties_digest, &self.value, &self.time]
    }

    fn is_ordered(&self) -> bool {
        self.places().windows(2).all(|pair| matches!(pair, [before, after] if before.end < after.start))
    }

    /// Nothing in the changing places can open, close or name anything.
    fn has_safe_places(&self, xml: &[u8]) -> bool {
        let [.., time] = self.places();
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        let is_time = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z');
        let texts = self.places().into_iter().take(3);
        texts.clone().count() == 3
            && texts.into_iter().all(|place| xml.get(place.clone()).is_some_and(|text| text.iter().all(is_base64)))
            && xml.get(time.clone()).is_some_and(|text| text.iter().all(is_time))
    }

    /// Whether two signatures of this layout have the same bytes outside the changing places.
    fn alike(&self, one: &[u8], other: &[u8]) -> bool {
        let mut from = 0;
        for place in self.places() {
            if one.get(from..place.start) != other.get(from..place.start) {
                return false;
            }
            from = place.end;
        }
        one.len() == other.len() && one.get(from..) == other.get(from..)
    }
}

/// The range of the only text of an element.
fn text_range(element: Node<'_, '_>) -> Option<Range<usize>> {
    let mut children = element.children();
    let (Some(text), None) = (children.next(), children.next()) else { return None };
    text.is_text().then(|| text.range())
}

/// A signature that was verified in full.
#[derive(Debug)]
pub(super) struct Likeness {
    xml: Box<[u8]>,
    layout: Layout,
    verified: ParsedSignature,
}

/// What changed from the likeness to another signature; verified.
pub(super) struct Changed {
    pub(super) covers: Covers,
    pub(super) signing_time: Option<Timestamp>,
    pub(super) value: Vec<u8>,
}

impl Likeness {
    /// Takes the likeness of `verified`, if its layout allows that. The caller has verified it in full.
    pub(super) fn of(xml: &[u8], verified: &ParsedSignature) -> Option<Self> {
        let layout = verified.layout.clone()?;
        let digest_is_sha512 = match &verified.covers {
            Covers::HashChainResult(digest) => digest.kind() == DigestKind::Sha512,
            Covers::Parts(parts) => matches!(parts.as_slice(), [(_, digest)] if digest.kind() == DigestKind::Sha512),
        };
        digest_is_sha512.then(|| Self { xml: xml.into(), layout, verified: verified.clone() })
    }

    /// The signer.
    pub(super) fn signer(&self) -> &Certificate {
        &self.verified.signer
    }

    /// A quick look: the same length and the same end, where the OCSP answer stands. Most signatures of others differ there.
    pub(super) fn may_be_like(&self, xml: &[u8]) -> bool {
        const END: usize = 512;
        xml.len() == self.xml.len()
            && xml.get(xml.len().saturating_sub(END)..) == self.xml.get(self.xml.len().saturating_sub(END)..)
    }

    /// Verifies `xml` by likeness. `None` when it is not alike or not right: it must then be read in full, which also finds the reason.
    pub(super) fn verify(&self, xml: &[u8]) -> Option<Changed> {
        if !self.layout.alike(&self.xml, xml) || !self.layout.has_safe_places(xml) {
            return None;
        }
        let place = |range: &Range<usize>| xml.get(range.clone());
        let properties = DigestKind::Sha512.digest(place(&self.layout.signed_properties)?);
        if properties.as_ref() != digest(place(&self.layout.properties_digest)?)? {
            return None;
        }
        let value = STANDARD.decode(place(&self.layout.value)?).ok()?;
        self.verified.verify_value(place(&self.layout.signed_info)?, &value).ok()?;
        let object = DigestValue::sha512(digest(place(&self.layout.object_digest)?)?);
        let covers = match &self.verified.covers {
            Covers::HashChainResult(_) => Covers::HashChainResult(object),
            Covers::Parts(parts) => Covers::Parts(parts.iter().map(|(uri, _)| (uri.clone(), object)).collect()),
        };
        let time = std::str::from_utf8(place(&self.layout.time)?).ok()?.parse().ok()?;
        Some(Changed { covers, signing_time: Some(time), value })
    }
}

fn digest(text: &[u8]) -> Option<Digest> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyKind, SigningKey, SoftwareKey};
    use crate::xades::{SignatureBuilder, SignedObject};
    use std::sync::Arc;

    fn builder() -> SignatureBuilder {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let template = crate::cert::CertificateTemplate {
            subject: crate::cert::DistinguishedName::new().with("CN", "G01"),
            usage: crate::cert::CertificateUsage::Signing,
            serial: vec![1],
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
            dns_names: Vec::new(),
            ocsp_url: None,
        };
        let certificate = crate::cert::self_signed(&template, &key).unwrap();
        let key: Arc<dyn SigningKey> = Arc::new(key);
        SignatureBuilder::new(key, &certificate, std::slice::from_ref(&certificate), b"answer").unwrap()
    }

    fn sign(builder: &SignatureBuilder, byte: u8) -> Vec<u8> {
        let at = "2026-11-23T08:00:00.123Z".parse().unwrap();
        builder.sign(SignedObject::HashChainResult([byte; 64]), at).unwrap().xml.into_bytes()
    }

    #[test]
    fn the_next_signature_of_a_signer_is_verified_by_likeness() {
        let builder = builder();
        let first = sign(&builder, 1);
        let likeness = Likeness::of(&first, &ParsedSignature::parse(&first).unwrap()).unwrap();
        let second = sign(&builder, 2);
        assert!(likeness.may_be_like(&second));
        let changed = likeness.verify(&second).unwrap();
        let read = ParsedSignature::parse(&second).unwrap();
        assert_eq!((changed.covers, changed.signing_time, changed.value), (read.covers, read.signing_time, read.value));
    }

    /// Whatever byte is changed, likeness never accepts what reading in full would refuse.
    #[test]
    fn a_change_at_any_byte_is_never_accepted() {
        let builder = builder();
        let first = sign(&builder, 1);
        let likeness = Likeness::of(&first, &ParsedSignature::parse(&first).unwrap()).unwrap();
        let second = sign(&builder, 2);
        for at in 0..second.len() {
            let mut changed = second.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            if likeness.verify(&changed).is_some() {
                let read = ParsedSignature::parse(&changed).unwrap();
                read.check_value().unwrap();
            }
        }
    }

    #[test]
    fn signatures_of_others_and_other_shapes_are_not_alike() {
        let (one, other) = (builder(), builder());
        let first = sign(&one, 1);
        let likeness = Likeness::of(&first, &ParsedSignature::parse(&first).unwrap()).unwrap();
        assert!(likeness.verify(&sign(&other, 1)).is_none());
        let at = "2026-11-23T08:00:00.123Z".parse().unwrap();
        let message = one.sign(SignedObject::Message([1; 64]), at).unwrap().xml;
        assert!(likeness.verify(message.as_bytes()).is_none());
    }

    #[test]
    fn a_signature_that_is_not_written_canonically_gives_no_likeness() {
        let first = String::from_utf8(sign(&builder(), 1)).unwrap();
        let spaced = first.replace("<ds:SignatureMethod Algorithm=", "<ds:SignatureMethod  Algorithm=");
        let parsed = ParsedSignature::parse(spaced.as_bytes()).unwrap();
        assert!(Likeness::of(spaced.as_bytes(), &parsed).is_none());
    }
}
