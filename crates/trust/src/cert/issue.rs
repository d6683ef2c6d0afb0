//! Issuing certificates: a template says what is certified, a key (in memory or in a device) signs it.

use const_oid::db::{rfc5280, rfc6960};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{Ia5String, Null, OctetString};
use der::flagset::FlagSet;
use der::{Decode, Encode};
use jiff::Timestamp;
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
    KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use super::{CertError, Certificate, DistinguishedName, raw};
use crate::asn1;
use crate::key::{KeyKind, PublicKey, SigningKey};

/// What a certificate is for; decides its key usage, extended key usage and basic constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateUsage {
    /// An authority that may have `below` further authorities under it (`None`: any number).
    Authority {
        /// Path length constraint.
        below: Option<u8>,
    },
    /// TLS on both ends: authentication of gateways, and the internal TLS certificate.
    Authentication,
    /// Signing messages (non-repudiation).
    Signing,
    /// Answering OCSP requests for the authority that issued it (RFC 6960 §4.2.2.2).
    OcspResponder,
    /// Time-stamping (RFC 3161 §2.3).
    TimeStamping,
}

/// What to certify. The public key comes from the request or key at hand.
#[derive(Clone, Debug)]
pub struct CertificateTemplate {
    /// The holder.
    pub subject: DistinguishedName,
    /// What for.
    pub usage: CertificateUsage,
    /// Serial number: 1 to 20 bytes, big-endian, positive.
    pub serial: Vec<u8>,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
    /// DNS names (or IP addresses, recognised as such) of the holder.
    pub dns_names: Vec<String>,
    /// Address of the OCSP responder to name in the certificate.
    pub ocsp_url: Option<String>,
}

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// The authority's certificate.
    pub certificate: &'a Certificate,
    /// The authority's key.
    pub key: &'a dyn SigningKey,
}

/// Issues a certificate for the public key `spki` (DER).
///
/// # Errors
/// [`CertError::Key`] if the key is of an unknown kind or signing fails; [`CertError::Unwritable`] for values X.509 cannot hold.
pub fn issue(template: &CertificateTemplate, spki: &[u8], issuer: Issuer<'_>) -> Result<Certificate, CertError> {
    let name = &issuer.certificate.parsed().tbs_certificate.subject;
    let authority_key = key_identifier(issuer.certificate);
    build(template, spki, Some(name.clone()), authority_key, issuer.key)
}

/// Issues a certificate signed by its own key: a root authority, or an internal TLS certificate.
///
/// # Errors
/// As [`issue`].
pub fn self_signed(template: &CertificateTemplate, key: &dyn SigningKey) -> Result<Certificate, CertError> {
    build(template, key.public_key_der(), None, None, key)
}

fn build(
    template: &CertificateTemplate,
    spki: &[u8],
    issuer: Option<x509_cert::name::Name>,
    authority_key: Option<OctetString>,
    key: &dyn SigningKey,
) -> Result<Certificate, CertError> {
    let public_key = PublicKey::from_spki_der(spki)?;
    let spki = SubjectPublicKeyInfoOwned::from_der(spki).map_err(|_| CertError::Malformed("public key"))?;
    let subject = template.subject.to_name().map_err(|_| CertError::Unwritable("the subject name"))?;
    let time = |at| asn1::certificate_time(at).map_err(|_| CertError::Unwritable("the validity period"));
    let algorithm = key.kind().certificate_algorithm().identifier();
    let own_key = OctetString::new(super::certificate::sha1(spki.subject_public_key.raw_bytes()));
    let subject_key = own_key.map_err(|_| CertError::Unwritable("the key identifier"))?;
    let extensions = extensions(template, public_key.kind(), subject_key, authority_key);
    let body = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&template.serial).map_err(|_| CertError::Unwritable("the serial number"))?,
        signature: algorithm.map_err(|_| CertError::Malformed("algorithm"))?,
        issuer: issuer.unwrap_or_else(|| subject.clone()),
        validity: Validity { not_before: time(template.not_before)?, not_after: time(template.not_after)? },
        subject,
        subject_public_key_info: spki,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions.map_err(|_| CertError::Unwritable("an extension"))?),
    };
    let body = body.to_der().map_err(|_| CertError::Unwritable("the certificate"))?;
    Certificate::from_der(&raw::sign_der(&body, key, &[])?)
}

fn extensions(
    template: &CertificateTemplate,
    kind: Option<KeyKind>,
    subject_key: OctetString,
    authority_key: Option<OctetString>,
) -> der::Result<Vec<Extension>> {
    let usage = template.usage;
    let mut list = Vec::with_capacity(8);
    if let CertificateUsage::Authority { below } = usage {
        list.push(extension(true, &BasicConstraints { ca: true, path_len_constraint: below })?);
    } else {
        list.push(extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?);
    }
    list.push(extension(true, &KeyUsage(key_usages(usage, kind)))?);
    if let Some(purposes) = purposes(usage) {
        // RFC 3161 §2.3 demands that the time-stamping purpose stand alone and be critical.
        let critical = usage == CertificateUsage::TimeStamping;
        list.push(extension(critical, &ExtendedKeyUsage(purposes))?);
    }
    list.push(extension(false, &SubjectKeyIdentifier(subject_key))?);
    if authority_key.is_some() {
        let identifier = AuthorityKeyIdentifier { key_identifier: authority_key, ..AuthorityKeyIdentifier::default() };
        list.push(extension(false, &identifier)?);
    }
    if !template.dns_names.is_empty() {
        list.push(subject_names(&template.dns_names)?);
    }
    if let Some(url) = &template.ocsp_url {
        let entry = AccessDescription {
            access_method: rfc6960::ID_PKIX_OCSP,
            access_location: GeneralName::UniformResourceIdentifier(Ia5String::new(url)?),
        };
        list.push(extension(false, &AuthorityInfoAccessSyntax(vec![entry]))?);
    }
    if usage == CertificateUsage::OcspResponder {
        // A responder's own status is not asked for: that would be a circle (RFC 6960 §4.2.2.2.1).
        list.push(Extension {
            extn_id: rfc6960::ID_PKIX_OCSP_NOCHECK,
            critical: false,
            extn_value: OctetString::new(Null.to_der()?)?,
        });
    }
    Ok(list)
}

fn key_usages(usage: CertificateUsage, kind: Option<KeyKind>) -> FlagSet<KeyUsages> {
    let transport = if kind.is_some_and(KeyKind::is_ec) { KeyUsages::KeyAgreement } else { KeyUsages::KeyEncipherment };
    match usage {
        CertificateUsage::Authority { .. } => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        CertificateUsage::Authentication => KeyUsages::DigitalSignature | transport,
        CertificateUsage::Signing => KeyUsages::NonRepudiation.into(),
        CertificateUsage::OcspResponder => KeyUsages::DigitalSignature.into(),
        CertificateUsage::TimeStamping => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
    }
}

fn purposes(usage: CertificateUsage) -> Option<Vec<ObjectIdentifier>> {
    match usage {
        CertificateUsage::Authority { .. } | CertificateUsage::Signing => None,
        CertificateUsage::Authentication => Some(vec![rfc5280::ID_KP_SERVER_AUTH, rfc5280::ID_KP_CLIENT_AUTH]),
        CertificateUsage::OcspResponder => Some(vec![rfc5280::ID_KP_OCSP_SIGNING]),
        CertificateUsage::TimeStamping => Some(vec![rfc5280::ID_KP_TIME_STAMPING]),
    }
}

/// The subject alternative names of a certificate or a request.
pub(super) fn subject_names(names: &[String]) -> der::Result<Extension> {
    let names = names.iter().map(|name| match name.parse::<std::net::IpAddr>() {
        Ok(address) => Ok(GeneralName::from(address)),
        Err(_) => Ia5String::new(name).map(GeneralName::DnsName),
    });
    extension(false, &SubjectAltName(names.collect::<der::Result<Vec<_>>>()?))
}

fn extension<E: Encode + AssociatedOid>(critical: bool, value: &E) -> der::Result<Extension> {
    Ok(Extension { extn_id: E::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// The identifier of the issuer's key: as its own certificate states it, else computed the usual way.
fn key_identifier(issuer: &Certificate) -> Option<OctetString> {
    let stated = issuer.parsed().tbs_certificate.get::<SubjectKeyIdentifier>().ok().flatten();
    let stated = stated.map(|(_, identifier)| identifier.0);
    stated.or_else(|| OctetString::new(super::certificate::sha1(issuer.public_key_bits())).ok())
}
