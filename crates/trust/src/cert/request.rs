//! Certificate requests (PKCS#10, RFC 2986): made from any key, read only with a good proof of possession.

use std::fmt;

use const_oid::db::rfc5912::ID_EXTENSION_REQ;
use der::asn1::{Any, SetOfVec};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::name::{attribute_of, to_text};
use super::{CertError, DistinguishedName, SignedParts, issue, raw};
use crate::key::{PublicKey, SigningKey};

/// A request whose signature has been checked: whoever made it holds the private key.
#[derive(Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    parsed: CertReq,
    spki: Vec<u8>,
}

impl CertificateRequest {
    /// Makes a request for `key`, with DNS names (or IP addresses) asked for as subject alternative names.
    ///
    /// # Errors
    /// [`CertError::Unwritable`] for values X.509 cannot hold; [`CertError::Key`] if signing fails.
    pub fn create(key: &dyn SigningKey, subject: &DistinguishedName, dns_names: &[String]) -> Result<Self, CertError> {
        let spki = SubjectPublicKeyInfoOwned::from_der(key.public_key_der());
        let info = CertReqInfo {
            version: Version::V1,
            subject: subject.to_name().map_err(|_| CertError::Unwritable("the subject name"))?,
            public_key: spki.map_err(|_| CertError::Malformed("public key"))?,
            attributes: requested(dns_names).map_err(|_| CertError::Unwritable("a DNS name"))?,
        };
        let body = info.to_der().map_err(|_| CertError::Unwritable("the request"))?;
        Self::from_der(&raw::sign_der(&body, key, &[])?)
    }

    /// Reads a DER request and checks that it was signed with the key it asks to certify.
    ///
    /// # Errors
    /// [`CertError::Malformed`]; [`CertError::Key`] with `BadSignature` when the proof of possession fails.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let malformed = |_| CertError::Malformed("certificate request");
        let parsed = CertReq::from_der(der).map_err(malformed)?;
        let spki = parsed.info.public_key.to_der().map_err(malformed)?;
        let parts = SignedParts::parse(der).map_err(malformed)?;
        parts.verify(&PublicKey::from_spki_der(&spki)?)?;
        Ok(Self { der: der.to_vec(), parsed, spki })
    }

    /// Reads PEM (`CERTIFICATE REQUEST` or `NEW CERTIFICATE REQUEST`) or DER.
    ///
    /// # Errors
    /// As [`CertificateRequest::from_der`], and [`CertError::Pem`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, CertError> {
        if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Self::from_der(bytes);
        }
        let (label, der) =
            der::pem::decode_vec(bytes.trim_ascii()).map_err(|_| CertError::Pem("certificate request"))?;
        if label != "CERTIFICATE REQUEST" && label != "NEW CERTIFICATE REQUEST" {
            return Err(CertError::Pem("certificate request"));
        }
        Self::from_der(&der)
    }

    /// The request as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        super::pem("CERTIFICATE REQUEST", &self.der)
    }

    /// The subject on one line, as [`super::Certificate::subject`] writes it.
    #[must_use]
    pub fn subject(&self) -> String {
        to_text(&self.parsed.info.subject)
    }

    /// The subject as a name that can be changed or certified.
    #[must_use]
    pub fn subject_name(&self) -> DistinguishedName {
        DistinguishedName::from_name(&self.parsed.info.subject)
    }

    /// The first value of a subject attribute.
    #[must_use]
    pub fn subject_attribute(&self, attribute: &str) -> Option<String> {
        attribute_of(&self.parsed.info.subject, attribute)
    }

    /// The public key to certify (DER `SubjectPublicKeyInfo`).
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.spki
    }

    /// DNS names and IP addresses asked for.
    #[must_use]
    pub fn dns_names(&self) -> Vec<String> {
        let requests = self.parsed.info.attributes.iter().filter(|attribute| attribute.oid == ID_EXTENSION_REQ);
        let lists = requests.flat_map(|attribute| attribute.values.iter());
        let extensions = lists.filter_map(|value| value.decode_as::<Vec<Extension>>().ok()).flatten();
        let names = extensions.filter_map(|extension| {
            let is_names = extension.extn_id == <SubjectAltName as const_oid::AssociatedOid>::OID;
            is_names.then(|| SubjectAltName::from_der(extension.extn_value.as_bytes()).ok()).flatten()
        });
        names.flat_map(|names| names.0).filter_map(|name| host_of(&name)).collect()
    }
}

fn requested(dns_names: &[String]) -> der::Result<Attributes> {
    let mut attributes = Attributes::new();
    if !dns_names.is_empty() {
        let extensions = vec![issue::subject_names(dns_names)?];
        let values = SetOfVec::try_from(vec![Any::encode_from(&extensions)?])?;
        attributes.insert(Attribute { oid: ID_EXTENSION_REQ, values })?;
    }
    Ok(attributes)
}

/// A DNS name, or an IP address in text.
fn host_of(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(dns) => Some(dns.to_string()),
        GeneralName::IpAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest").finish_non_exhaustive()
    }
}
