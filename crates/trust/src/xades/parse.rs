//! From the bytes of `META-INF/signatures.xml` to what has to be checked.
//!
//! Parsing already settles everything that can be known from the bytes alone: there is exactly one signature, every
//! identifier is unique, each element stands where the schema puts it, the reference to the signed properties leads to the
//! properties inside this signature and their digest is right, and the certificate is the one named there. Nothing is looked
//! up by identifier: elements are found by their place, and identifiers are then compared. That is what defeats signature
//! wrapping.

use super::covers::Covers;
use super::dom::{
    base64_content, digest_of, elements, is_ds, is_xades, malformed, reject_repeated_ids, shorten, xades_child,
};
use super::likeness::Layout;
use super::{ASIC_NAMESPACE, SIGNED_PROPERTIES_TYPE, SignatureError};
use crate::c14n::{Limits, Method, canonicalize, parse_secure_with};
use crate::cert::{CertError, Certificate};
use crate::hashchain::{ATTACHMENT_URI_PREFIX, DigestValue, MESSAGE_URI, SIGNATURE_RESULT_URI};
use crate::key::{KeyKind, SignatureAlgorithm, ecdsa_fixed_to_der};
use jiff::Timestamp;
use roxmltree::Node;

/// Signatures carry certificates and OCSP answers, not payload.
const LIMITS: Limits = Limits { bytes: 2 << 20, nodes: 100_000, depth: 32 };
const MAX_REFERENCES: usize = 20_000;
/// Values of each kind read from the unsigned properties; more are ignored, they would only cost time to judge.
const MAX_ENCLOSED: usize = 16;

/// A well-formed signature whose value and signer are still to be checked. Owns everything it needs.
#[derive(Debug, Clone)]
pub struct ParsedSignature {
    /// Certificate of the signer, equal to the one named in the signed properties.
    pub signer: Certificate,
    /// Algorithm of the signature value.
    pub algorithm: SignatureAlgorithm,
    /// Raw signature value as in the XML: RSA as it is, ECDSA `r || s`.
    pub value: Vec<u8>,
    /// What the signature covers outside itself.
    pub covers: Covers,
    /// Signing time claimed by the signer.
    pub signing_time: Option<Timestamp>,
    /// Identifier of the signature policy.
    pub policy: Option<String>,
    /// Enclosed certificates (DER), unread and untrusted.
    pub certificates: Vec<Vec<u8>>,
    /// Enclosed OCSP responses (DER), unchecked.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// Enclosed time-stamp tokens over the signature value (DER), unchecked.
    pub time_stamps: Vec<Vec<u8>>,
    /// Canonical `ds:SignedInfo`: the bytes under the signature value.
    signed_info: Vec<u8>,
    /// Where what changes from one signature to the next stands, when it is written canonically.
    pub(super) layout: Option<Layout>,
}

impl ParsedSignature {
    /// Reads a signature document.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`], [`SignatureError::Reference`] or [`SignatureError::OtherCertificate`].
    pub fn parse(xml: &[u8]) -> Result<Self, SignatureError> {
        Self::parse_with(xml, Certificate::from_der)
    }

    /// As [`ParsedSignature::parse`], with another way to read the signer's certificate: the same few signers come again and again.
    pub(super) fn parse_with(
        xml: &[u8],
        read_certificate: impl Fn(&[u8]) -> Result<Certificate, CertError>,
    ) -> Result<Self, SignatureError> {
        let document = parse_secure_with(xml, LIMITS).map_err(|error| malformed(error.to_string()))?;
        let parts = Parts::find(document.root_element())?;
        let info = SignedInfo::read(parts.signed_info)?;
        let canonical_properties = info.check_properties(&parts)?;
        let covers = covers(&info.external)?;
        let properties = xades_child(parts.signed_properties, "SignedSignatureProperties")?
            .ok_or_else(|| malformed("no SignedSignatureProperties"))?;
        let signer = read_certificate(&signer_der(parts.key_info)?).map_err(|error| malformed(error.to_string()))?;
        check_signing_certificate(properties, &signer)?;
        let unsigned = Unsigned::read(parts.qualifying)?;
        let signed_info = canonicalize(parts.signed_info, &info.canonicalization, None);
        Ok(Self {
            signer,
            algorithm: info.algorithm,
            value: base64_content(parts.value)?,
            covers,
            signing_time: signing_time(properties)?,
            policy: policy(properties),
            certificates: unsigned.certificates,
            ocsp_responses: unsigned.ocsp_responses,
            time_stamps: unsigned.time_stamps,
            layout: Layout::of(xml, &parts, &signed_info, &canonical_properties),
            signed_info,
        })
    }

    /// Checks the signature value with the signer's key.
    ///
    /// ECDSA values are `r || s` of fixed width (RFC 6931). Java signers that pass on what their crypto provider returns write
    /// DER instead, and some evidence was made that way, so a value of another length is tried as DER; the two cannot be
    /// confused because the width is fixed by the key.
    ///
    /// # Errors
    /// [`SignatureError::Value`].
    pub fn check_value(&self) -> Result<(), SignatureError> {
        self.verify_value(&self.signed_info, &self.value)
    }

    /// As [`ParsedSignature::check_value`], for other signed bytes and another value under the same key and algorithm.
    pub(super) fn verify_value(&self, signed_info: &[u8], value: &[u8]) -> Result<(), SignatureError> {
        let fixed_width = match self.signer.key_kind() {
            Some(KeyKind::EcP256) => Some(64),
            Some(KeyKind::EcP384) => Some(96),
            _ => None,
        };
        let is_fixed = fixed_width == Some(value.len());
        let converted = is_fixed.then(|| ecdsa_fixed_to_der(value)).transpose().map_err(SignatureError::Value)?;
        let value = converted.as_deref().unwrap_or(value);
        self.signer.verify(self.algorithm, signed_info, value).map_err(SignatureError::Value)
    }

    /// The enclosed certificates that can be read. One that cannot is no reason to refuse: others may complete the path.
    pub fn enclosed_certificates(&self) -> Vec<Certificate> {
        self.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    }

    /// Checks that the certificate may sign messages.
    ///
    /// # Errors
    /// [`SignatureError::Usage`].
    pub fn check_usage(&self) -> Result<(), SignatureError> {
        if self.signer.is_for_signing() { Ok(()) } else { Err(SignatureError::Usage) }
    }
}

/// The elements of a signature document, found by their place.
pub(super) struct Parts<'a, 'd> {
    signature: Node<'a, 'd>,
    pub(super) signed_info: Node<'a, 'd>,
    pub(super) value: Node<'a, 'd>,
    key_info: Node<'a, 'd>,
    qualifying: Node<'a, 'd>,
    pub(super) signed_properties: Node<'a, 'd>,
}

impl<'a, 'd> Parts<'a, 'd> {
    fn find(root: Node<'a, 'd>) -> Result<Self, SignatureError> {
        if !root.has_tag_name((ASIC_NAMESPACE, "XAdESSignatures")) {
            return Err(malformed("the root element is not XAdESSignatures"));
        }
        if root.descendants().filter(|node| is_ds(*node, "Signature")).count() != 1 {
            return Err(malformed("there must be exactly one Signature"));
        }
        reject_repeated_ids(root)?;
        let [signature] = *elements(root)? else { return Err(malformed("XAdESSignatures has other children")) };
        let [signed_info, value, key_info, object] = *elements(signature)? else {
            return Err(malformed("Signature does not have its four children"));
        };
        let names = [
            (signature, "Signature"),
            (signed_info, "SignedInfo"),
            (value, "SignatureValue"),
            (key_info, "KeyInfo"),
            (object, "Object"),
        ];
        if let Some((node, _)) = names.into_iter().find(|(node, name)| !is_ds(*node, name)) {
            return Err(malformed(format!("{} is not expected here", shorten(node.tag_name().name()))));
        }
        let [qualifying] = *elements(object)? else { return Err(malformed("Object has other children")) };
        let signed_properties = elements(qualifying)?.into_iter().next();
        let signed_properties = signed_properties.ok_or_else(|| malformed("no SignedProperties"))?;
        if !is_xades(qualifying, "QualifyingProperties") || !is_xades(signed_properties, "SignedProperties") {
            return Err(malformed("Object does not hold XAdES properties"));
        }
        let target = qualifying.attribute("Target").and_then(|target| target.strip_prefix('#'));
        if target.is_none() || target != signature.attribute("Id") {
            return Err(malformed("the properties belong to another signature"));
        }
        Ok(Self { signature, signed_info, value, key_info, qualifying, signed_properties })
    }
}

/// What `ds:SignedInfo` says.
struct SignedInfo {
    canonicalization: Method,
    algorithm: SignatureAlgorithm,
    /// The reference to the signed properties: fragment, canonicalization and digest.
    properties: (String, Method, DigestValue),
    /// References to parts of the message: URI and digest.
    external: Vec<(String, DigestValue)>,
}

impl SignedInfo {
    fn read(element: Node<'_, '_>) -> Result<Self, SignatureError> {
        let children = elements(element)?;
        let [canonicalization, method, references @ ..] = children.as_slice() else {
            return Err(malformed("SignedInfo is incomplete"));
        };
        if !is_ds(*canonicalization, "CanonicalizationMethod") || !is_ds(*method, "SignatureMethod") {
            return Err(malformed("SignedInfo is incomplete"));
        }
        if references.len() > MAX_REFERENCES {
            return Err(malformed("too many references"));
        }
        let algorithm = method.attribute("Algorithm").unwrap_or_default();
        let mut properties = None;
        let mut external = Vec::with_capacity(references.len());
        for reference in references {
            let (uri, transform, digest) = read_reference(*reference)?;
            let is_properties = reference.attribute("Type") == Some(SIGNED_PROPERTIES_TYPE);
            match (is_properties, uri.strip_prefix('#')) {
                (true, Some(id)) if properties.is_none() => {
                    properties = Some((id.to_owned(), transform.unwrap_or(Method::INCLUSIVE), digest));
                }
                (false, None) if transform.is_none() => external.push((uri.to_owned(), digest)),
                _ => return Err(SignatureError::Reference(shorten(uri))),
            }
        }
        Ok(Self {
            canonicalization: Method::from_element(*canonicalization)
                .ok_or_else(|| malformed("the canonicalization method is not accepted"))?,
            algorithm: SignatureAlgorithm::from_xml_uri(algorithm)
                .map_err(|_| malformed(format!("signature algorithm {} is not accepted", shorten(algorithm))))?,
            properties: properties
                .ok_or_else(|| SignatureError::Reference("the signed properties are not referred to".into()))?,
            external,
        })
    }

    /// Answers the canonical form of the signed properties.
    fn check_properties(&self, parts: &Parts<'_, '_>) -> Result<Vec<u8>, SignatureError> {
        let (id, method, digest) = &self.properties;
        if parts.signed_properties.attribute("Id") != Some(id.as_str()) || parts.signature.attribute("Id") == Some(id) {
            return Err(SignatureError::Reference(format!("#{} does not lead to the signed properties", shorten(id))));
        }
        let canonical = canonicalize(parts.signed_properties, method, None);
        if DigestValue::of(digest.kind(), &canonical) != *digest {
            return Err(SignatureError::Reference("the signed properties have been changed".into()));
        }
        Ok(canonical)
    }
}

/// URI, the one canonicalization transform if there is one, and the digest.
fn read_reference<'a>(reference: Node<'a, '_>) -> Result<(&'a str, Option<Method>, DigestValue), SignatureError> {
    if !is_ds(reference, "Reference") {
        return Err(malformed("SignedInfo has other children"));
    }
    let uri = reference.attribute("URI").ok_or_else(|| malformed("a reference has no URI"))?;
    let refuse = || SignatureError::Reference(format!("{} is transformed in a way that is not accepted", shorten(uri)));
    let children = elements(reference)?;
    let (transform, digest) = match children.as_slice() {
        [transforms, digest @ ..] if is_ds(*transforms, "Transforms") => {
            let [transform] = *elements(*transforms)? else { return Err(refuse()) };
            (
                Some(Method::from_element(transform).filter(|_| is_ds(transform, "Transform")).ok_or_else(refuse)?),
                digest,
            )
        }
        digest => (None, digest),
    };
    Ok((uri, transform, digest_of(digest)?))
}

/// Sorts the external references into one of the two shapes a message signature may have.
fn covers(external: &[(String, DigestValue)]) -> Result<Covers, SignatureError> {
    if let [(uri, digest)] = external
        && uri == SIGNATURE_RESULT_URI
    {
        return Ok(Covers::HashChainResult(*digest));
    }
    let mut seen = std::collections::HashSet::new();
    for (uri, _) in external {
        let number = uri.strip_prefix(ATTACHMENT_URI_PREFIX).unwrap_or_default();
        let is_attachment =
            !number.is_empty() && !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
        if !(is_attachment || uri == MESSAGE_URI) || !seen.insert(uri) {
            return Err(SignatureError::Reference(shorten(uri)));
        }
    }
    if !seen.iter().any(|uri| *uri == MESSAGE_URI) {
        return Err(SignatureError::Reference(format!("{MESSAGE_URI} is not referred to")));
    }
    Ok(Covers::Parts(external.to_vec()))
}

fn signer_der(key_info: Node<'_, '_>) -> Result<Vec<u8>, SignatureError> {
    let mut certificates = key_info.descendants().filter(|node| is_ds(*node, "X509Certificate"));
    let (Some(only), None) = (certificates.next(), certificates.next()) else {
        return Err(malformed("KeyInfo must hold exactly one certificate"));
    };
    base64_content(only)
}

/// `SigningCertificate` (or its second version) must name the certificate first; otherwise a certificate for the same key could
/// be put in its place after signing.
fn check_signing_certificate(properties: Node<'_, '_>, signer: &Certificate) -> Result<(), SignatureError> {
    let named = match xades_child(properties, "SigningCertificate")? {
        Some(named) => Some(named),
        None => xades_child(properties, "SigningCertificateV2")?,
    };
    let named = named.ok_or_else(|| malformed("no SigningCertificate"))?;
    let first = elements(named)?.into_iter().next().filter(|cert| is_xades(*cert, "Cert"));
    let digest = first.map(|cert| xades_child(cert, "CertDigest")).transpose()?.flatten();
    let digest = digest_of(&elements(digest.ok_or_else(|| malformed("SigningCertificate has no digest"))?)?)?;
    if DigestValue::of(digest.kind(), signer.der()) != digest {
        return Err(SignatureError::OtherCertificate);
    }
    Ok(())
}

fn signing_time(properties: Node<'_, '_>) -> Result<Option<Timestamp>, SignatureError> {
    let Some(element) = xades_child(properties, "SigningTime")? else { return Ok(None) };
    let text = element.text().unwrap_or_default().trim();
    let zoned = text.parse::<Timestamp>().ok();
    // xs:dateTime may lack a zone; the exchange writes UTC.
    let plain = || jiff::tz::Offset::UTC.to_timestamp(text.parse().ok()?).ok();
    match zoned.or_else(plain) {
        Some(time) => Ok(Some(time)),
        None => Err(malformed("SigningTime is not a time")),
    }
}

fn policy(properties: Node<'_, '_>) -> Option<String> {
    let identifier = properties.descendants().find(|node| is_xades(*node, "SigPolicyId"))?;
    let identifier = identifier.children().find(|node| is_xades(*node, "Identifier"))?;
    identifier.text().map(|text| shorten(text.trim()))
}

/// Evidence beside the signature; unsigned, so believed only after its own checks.
#[derive(Default)]
struct Unsigned {
    certificates: Vec<Vec<u8>>,
    ocsp_responses: Vec<Vec<u8>>,
    time_stamps: Vec<Vec<u8>>,
}

impl Unsigned {
    fn read(qualifying: Node<'_, '_>) -> Result<Self, SignatureError> {
        let mut found = Self::default();
        let Some(unsigned) = xades_child(qualifying, "UnsignedProperties")? else { return Ok(found) };
        let Some(properties) = xades_child(unsigned, "UnsignedSignatureProperties")? else { return Ok(found) };
        for property in elements(properties)? {
            let values = |name| property.descendants().filter(move |node| is_xades(*node, name)).take(MAX_ENCLOSED);
            match property.tag_name().name() {
                "CertificateValues" => {
                    for value in values("EncapsulatedX509Certificate") {
                        found.certificates.push(base64_content(value)?);
                    }
                }
                "RevocationValues" => {
                    for value in values("EncapsulatedOCSPValue") {
                        found.ocsp_responses.push(base64_content(value)?);
                    }
                }
                "SignatureTimeStamp" => {
                    for value in values("EncapsulatedTimeStamp") {
                        found.time_stamps.push(base64_content(value)?);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}
