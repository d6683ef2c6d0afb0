//! The part of CMS (RFC 5652) a time-stamp token uses: one signer, signed attributes, content inside.
//!
//! Read by hand over the original bytes, because the signature and the digest are over exactly those.

use const_oid::ObjectIdentifier;
use der::asn1::OctetStringRef;
use der::{Decode, Encode, Header, Reader, SliceReader, Tag, TagNumber};
use spki::AlgorithmIdentifierOwned;

use crate::Certificate;

/// `id-signedData`.
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `contentType` attribute.
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// `messageDigest` attribute.
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `signingCertificate` attribute (SHA-1 hash, RFC 2634).
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// `signingCertificateV2` attribute (RFC 5035).
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// More certificates than this in one token are not honest.
const MAX_CERTIFICATES: usize = 16;

/// A `SignedData` with its one signer.
pub(super) struct SignedData<'a> {
    pub(super) content_type: ObjectIdentifier,
    /// The content octets under the digest.
    pub(super) content: &'a [u8],
    pub(super) certificates: Vec<Certificate>,
    pub(super) signer: SignerInfo<'a>,
}

/// How the signer names its certificate.
pub(super) enum SignerId<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyIdentifier(&'a [u8]),
}

/// The one signer.
pub(super) struct SignerInfo<'a> {
    pub(super) id: SignerId<'a>,
    pub(super) digest: AlgorithmIdentifierOwned,
    /// The attributes as a `SET OF` with its universal tag: the bytes that were signed (RFC 5652 §5.4).
    pub(super) signed_attributes: Vec<u8>,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads the DER of a `ContentInfo` holding a `SignedData`.
    pub(super) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut outer = enter(der, Tag::Sequence)?;
        let kind = ObjectIdentifier::decode(&mut outer)?;
        if kind != SIGNED_DATA {
            return Err(der::ErrorKind::OidUnknown { oid: kind }.into());
        }
        let explicit = outer.tlv_bytes()?;
        let mut body = enter(enter_bytes(explicit, context(TagNumber::N0))?, Tag::Sequence)?;
        let _version = body.tlv_bytes()?;
        let _digests = body.tlv_bytes()?;
        let mut encapsulated = enter(body.tlv_bytes()?, Tag::Sequence)?;
        let content_type = ObjectIdentifier::decode(&mut encapsulated)?;
        let content = OctetStringRef::from_der(enter_bytes(encapsulated.tlv_bytes()?, context(TagNumber::N0))?)?;

        let mut certificates = Vec::new();
        let mut next = body.tlv_bytes()?;
        if next.first() == Some(&0xa0) {
            certificates = read_certificates(enter_bytes(next, context(TagNumber::N0))?)?;
            next = body.tlv_bytes()?;
        }
        if next.first() == Some(&0xa1) {
            next = body.tlv_bytes()?;
        }
        let mut signers = enter(next, Tag::Set)?;
        let signer = SignerInfo::parse(signers.tlv_bytes()?)?;
        if !signers.is_finished() {
            // RFC 3161 §2.4.2: the token must not contain any signature but the authority's.
            return Err(der::ErrorKind::Failed.into());
        }
        Ok(Self { content_type, content: content.as_bytes(), certificates, signer })
    }
}

impl<'a> SignerInfo<'a> {
    fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = enter(der, Tag::Sequence)?;
        let _version = reader.tlv_bytes()?;
        let id = SignerId::parse(reader.tlv_bytes()?)?;
        let digest = AlgorithmIdentifierOwned::decode(&mut reader)?;
        let attributes = reader.tlv_bytes()?;
        enter_bytes(attributes, context(TagNumber::N0))?;
        let mut signed_attributes = attributes.to_vec();
        if let Some(tag) = signed_attributes.first_mut() {
            *tag = 0x31;
        }
        let algorithm = AlgorithmIdentifierOwned::decode(&mut reader)?;
        let signature = OctetStringRef::decode(&mut reader)?.as_bytes();
        Ok(Self { id, digest, signed_attributes, algorithm, signature })
    }

    /// The single value of a signed attribute (DER), or `None` if it is missing or not single.
    pub(super) fn attribute(&self, wanted: ObjectIdentifier) -> Option<&[u8]> {
        let mut set = enter(&self.signed_attributes, Tag::Set).ok()?;
        let mut found = None;
        while !set.is_finished() {
            let mut attribute = enter(set.tlv_bytes().ok()?, Tag::Sequence).ok()?;
            if ObjectIdentifier::decode(&mut attribute).ok()? != wanted {
                continue;
            }
            let values = enter_bytes(attribute.tlv_bytes().ok()?, Tag::Set).ok()?;
            let mut reader = SliceReader::new(values).ok()?;
            let value = reader.tlv_bytes().ok()?;
            if found.replace(value).is_some() || !reader.is_finished() {
                return None;
            }
        }
        found
    }
}

impl<'a> SignerId<'a> {
    fn parse(der: &'a [u8]) -> der::Result<Self> {
        if der.first() == Some(&0x80) {
            let mut reader = SliceReader::new(der)?;
            let header = Header::decode(&mut reader)?;
            return Ok(Self::KeyIdentifier(reader.read_slice(header.length)?));
        }
        let mut reader = enter(der, Tag::Sequence)?;
        let issuer = reader.tlv_bytes()?;
        let serial = reader.tlv_bytes()?;
        Ok(Self::IssuerAndSerial { issuer, serial })
    }

    /// Whether this names `certificate`.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        let body = &certificate.parsed().tbs_certificate;
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                *issuer == certificate.issuer_der() && body.serial_number.to_der().is_ok_and(|own| own == *serial)
            }
            Self::KeyIdentifier(identifier) => body
                .get::<x509_cert::ext::pkix::SubjectKeyIdentifier>()
                .is_ok_and(|own| own.is_some_and(|(_, own)| own.0.as_bytes() == *identifier)),
        }
    }
}

fn context(number: TagNumber) -> Tag {
    Tag::ContextSpecific { constructed: true, number }
}

/// The content of `der`, which must be one element with `tag` and nothing after it.
fn enter_bytes(der: &[u8], tag: Tag) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let header = Header::decode(&mut reader)?;
    header.tag.assert_eq(tag)?;
    let content = reader.read_slice(header.length)?;
    reader.finish(content)
}

fn enter(der: &[u8], tag: Tag) -> der::Result<SliceReader<'_>> {
    SliceReader::new(enter_bytes(der, tag)?)
}

/// The X.509 certificates of a `CertificateSet`; other kinds of certificate are passed over.
fn read_certificates(set: &[u8]) -> der::Result<Vec<Certificate>> {
    let mut list = Vec::new();
    let mut reader = SliceReader::new(set)?;
    while !reader.is_finished() && list.len() < MAX_CERTIFICATES {
        let der = reader.tlv_bytes()?;
        list.extend(Certificate::from_der(der));
    }
    Ok(list)
}
