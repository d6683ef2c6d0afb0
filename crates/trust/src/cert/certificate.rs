//! A certificate: parsed once, cheap to clone, ready to verify.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::{Decode, Reader, SliceReader};
use jiff::Timestamp;

use super::extensions::{Facts, KeyUsage};
use super::name;
use super::raw::SignedParts;
use crate::asn1;
use crate::key::{KeyError, KeyKind, PublicKey, SignatureAlgorithm};

/// Why bytes are not a usable certificate or certificate request.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertError {
    /// The PEM armour is broken or holds something else.
    #[error("not a PEM {0}")]
    Pem(&'static str),
    /// The DER structure is broken.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A field could not be written into the certificate (a character its type cannot hold, a time out of range).
    #[error("{0} cannot be written into a certificate")]
    Unwritable(&'static str),
    /// The key of the certificate or the signing key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// An X.509 certificate. Clones share one parsed value; equality is equality of the DER bytes.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    sha1: [u8; 20],
    sha256: [u8; 32],
    parsed: x509_cert::Certificate,
    subject: String,
    issuer: String,
    subject_der: Vec<u8>,
    issuer_der: Vec<u8>,
    spki_der: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: Result<PublicKey, KeyError>,
    facts: Facts,
}

impl Certificate {
    /// Reads a DER certificate. A key of a kind we do not know is not an error here, only when it is used.
    ///
    /// # Errors
    /// [`CertError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let malformed = |_| CertError::Malformed("certificate");
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let parts = SignedParts::parse(der).map_err(malformed)?;
        let fields = RawFields::parse(parts.signed).map_err(malformed)?;
        let tbs = &parsed.tbs_certificate;
        let facts = Facts::read(tbs).map_err(|_| CertError::Malformed("certificate extension"))?;
        Ok(Self(Arc::new(Inner {
            sha1: sha1(der),
            sha256: sha256(der),
            subject: name::to_text(&tbs.subject),
            issuer: name::to_text(&tbs.issuer),
            subject_der: fields.subject.to_vec(),
            issuer_der: fields.issuer.to_vec(),
            spki_der: fields.spki.to_vec(),
            not_before: asn1::timestamp(tbs.validity.not_before.to_date_time()).map_err(malformed)?,
            not_after: asn1::timestamp(tbs.validity.not_after.to_date_time()).map_err(malformed)?,
            public_key: PublicKey::from_spki_der(fields.spki),
            facts,
            der: der.to_vec(),
            parsed,
        })))
    }

    /// Reads one certificate in PEM; text around it is not accepted.
    ///
    /// # Errors
    /// [`CertError::Pem`] or [`CertError::Malformed`].
    pub fn from_pem(pem: &str) -> Result<Self, CertError> {
        let (label, der) = der::pem::decode_vec(pem.trim().as_bytes()).map_err(|_| CertError::Pem("certificate"))?;
        if label != "CERTIFICATE" && label != "X509 CERTIFICATE" {
            return Err(CertError::Pem("certificate"));
        }
        Self::from_der(&der)
    }

    /// Reads what a person uploads: PEM if it looks like PEM, else DER.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`] and [`Certificate::from_der`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, CertError> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.contains("-----BEGIN") => {
                let start = text.find("-----BEGIN").unwrap_or_default();
                Self::from_pem(&text[start..])
            }
            _ => Self::from_der(bytes),
        }
    }

    /// The certificate in PEM with `\n` line ends.
    #[must_use]
    pub fn to_pem(&self) -> String {
        super::pem("CERTIFICATE", self.der())
    }

    /// The DER bytes as they were read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the DER bytes: how the exchange names a certificate.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// SHA-1 of the DER bytes: how the OCSP exchange between gateways names a certificate (exchange protocol §2.4).
    #[must_use]
    pub fn sha1(&self) -> &[u8; 20] {
        &self.0.sha1
    }

    /// The subject on one line, most specific part first, as RFC 2253 orders it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The issuer on one line, in the same form as [`Certificate::subject`].
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The subject name as DER, exactly as written.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.0.subject_der
    }

    /// The issuer name as DER, exactly as written.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.0.issuer_der
    }

    /// The serial number: big-endian bytes, a leading zero kept if the DER integer has one.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.0.parsed.tbs_certificate.serial_number.as_bytes()
    }

    /// The serial number in decimal, as XAdES writes it.
    #[must_use]
    pub fn serial_decimal(&self) -> String {
        super::decimal(self.serial())
    }

    /// The serial number in lower-case hexadecimal without leading zero bytes: the key of revocation records.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        super::serial_hex(self.serial())
    }

    /// The first instant of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The last instant of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether `at` lies within the validity period, both ends included.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.0.not_before <= at && at <= self.0.not_after
    }

    /// The first value of a subject attribute: `CN`, `O`, `C`, `serialNumber`, `businessCategory` … or a dotted identifier.
    #[must_use]
    pub fn subject_attribute(&self, attribute: &str) -> Option<String> {
        name::attribute_of(&self.0.parsed.tbs_certificate.subject, attribute)
    }

    /// The key usage extension, if there is one.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.facts.key_usage
    }

    /// Whether messages may be signed with this key: the non-repudiation bit is set.
    #[must_use]
    pub fn is_for_signing(&self) -> bool {
        self.0.facts.key_usage.is_some_and(|usage| usage.non_repudiation)
    }

    /// Whether the key may authenticate a gateway: a usage for TLS is set, and the extended usage (if any) names client authentication.
    #[must_use]
    pub fn is_for_authentication(&self) -> bool {
        let allowed = &self.0.facts.extended_key_usage;
        let tls = allowed.is_empty() || allowed.contains(&rfc5280::ID_KP_CLIENT_AUTH);
        let usage = self.0.facts.key_usage.unwrap_or_default();
        tls && (usage.digital_signature || usage.key_encipherment || usage.key_agreement) && !usage.non_repudiation
    }

    /// Whether the extended key usage lists `purpose`.
    pub(crate) fn has_extended_usage(&self, purpose: ObjectIdentifier) -> bool {
        self.0.facts.extended_key_usage.contains(&purpose)
    }

    /// Whether basic constraints say this is a certificate authority.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.0.facts.constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// How many further authorities may stand below this one.
    pub(crate) fn path_length(&self) -> Option<u8> {
        self.0.facts.constraints.as_ref().and_then(|constraints| constraints.path_len_constraint)
    }

    /// Whether an extension we do not understand is marked critical.
    pub(crate) fn has_unknown_critical_extension(&self) -> bool {
        self.0.facts.unknown_critical
    }

    /// The public key as DER `SubjectPublicKeyInfo`, exactly as written.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    /// The bits of the public key alone: what OCSP hashes as the issuer key.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        self.0.parsed.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes()
    }

    /// The parsed public key.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is of a kind we do not know.
    pub fn public_key(&self) -> Result<&PublicKey, KeyError> {
        self.0.public_key.as_ref().map_err(Clone::clone)
    }

    /// The kind of key, if it is one the exchange makes itself.
    #[must_use]
    pub fn key_kind(&self) -> Option<KeyKind> {
        self.0.public_key.as_ref().ok().and_then(PublicKey::kind)
    }

    /// Addresses of OCSP responders named in the certificate.
    #[must_use]
    pub fn ocsp_urls(&self) -> &[String] {
        &self.0.facts.ocsp_urls
    }

    /// DNS names of the subject alternative name extension.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.0.facts.dns_names
    }

    /// Whether issuer and subject are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.0.issuer_der == self.0.subject_der
    }

    /// Whether `issuer` carries the issuer's name of this certificate and its key made the signature. Validity, usage and
    /// authority are for [`super::verify_chain`] to judge.
    #[must_use]
    pub fn issued_by(&self, issuer: &Certificate) -> bool {
        self.0.issuer_der == issuer.0.subject_der && self.verify_issued_with(issuer).is_ok()
    }

    /// Checks the signature under this certificate with the key of `issuer`.
    pub(crate) fn verify_issued_with(&self, issuer: &Certificate) -> Result<(), KeyError> {
        let parts = SignedParts::parse(&self.0.der).map_err(|_| KeyError::Malformed("certificate"))?;
        // RFC 5280 §4.1.1.2: the algorithm inside the signed part must be the same; otherwise it could be swapped outside.
        if parts.algorithm != self.0.parsed.tbs_certificate.signature {
            return Err(KeyError::BadSignature);
        }
        parts.verify(issuer.public_key()?)
    }

    /// Checks that this certificate's key signed `message`: raw RSA, or ECDSA as ASN.1 DER.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`], [`KeyError::Unsupported`] or [`KeyError::Malformed`].
    pub fn verify(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        self.public_key()?.verify(algorithm, message, signature)
    }

    /// The parsed structure, for the encoders of this crate.
    pub(crate) fn parsed(&self) -> &x509_cert::Certificate {
        &self.0.parsed
    }
}

/// Parts of the signed body whose exact bytes matter.
struct RawFields<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
}

impl<'a> RawFields<'a> {
    fn parse(tbs: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(tbs)?;
        der::Header::decode(&mut reader)?;
        if reader.peek_byte() == Some(0xa0) {
            reader.tlv_bytes()?;
        }
        let _serial = reader.tlv_bytes()?;
        let _algorithm = reader.tlv_bytes()?;
        let issuer = reader.tlv_bytes()?;
        let _validity = reader.tlv_bytes()?;
        let subject = reader.tlv_bytes()?;
        let spki = reader.tlv_bytes()?;
        Ok(Self { issuer, subject, spki })
    }
}

pub(super) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.sha256.hash(state);
    }
}

/// Shows the fingerprint only: subjects may be people.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", hex::encode(&self.0.sha256[..8]))
    }
}
