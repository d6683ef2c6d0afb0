//! How OCSP names a certificate: hashes of the issuer's name and key, and the serial number.

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::Encode;
use der::asn1::{Any, Null, OctetString};
use spki::AlgorithmIdentifierOwned;
use x509_cert::serial_number::SerialNumber;
use x509_ocsp::{CertId, OcspRequest, Request, TbsRequest, Version};

use super::OcspError;
use crate::Certificate;

/// The identifier of a certificate in OCSP messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateId(pub(super) CertId);

impl CertificateId {
    /// The identifier with SHA-1 hashes, which every responder understands. The hash only names the issuer and protects nothing.
    ///
    /// # Errors
    /// [`OcspError::Malformed`] if a field cannot be encoded.
    pub fn of(certificate: &Certificate, issuer: &Certificate) -> Result<Self, OcspError> {
        let sha1 = |bytes| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let octets = |hash: digest::Digest| OctetString::new(hash.as_ref()).map_err(|_| OcspError::Malformed);
        let serial = SerialNumber::new(certificate.serial()).map_err(|_| OcspError::Malformed)?;
        Ok(Self(CertId {
            hash_algorithm: AlgorithmIdentifierOwned { oid: rfc5912::ID_SHA_1, parameters: Some(Any::from(Null)) },
            issuer_name_hash: octets(sha1(certificate.issuer_der()))?,
            issuer_key_hash: octets(sha1(issuer.public_key_bits()))?,
            serial_number: serial,
        }))
    }

    /// Whether the identifier, with whichever hash it was made, names `certificate` issued by `issuer`.
    #[must_use]
    pub fn names(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.serial_hex() == certificate.serial_hex() && self.names_issuer(issuer, certificate.issuer_der())
    }

    /// Whether the certificate was issued by `issuer`.
    #[must_use]
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        self.names_issuer(issuer, issuer.subject_der())
    }

    fn names_issuer(&self, issuer: &Certificate, issuer_name: &[u8]) -> bool {
        hash_algorithm(self.0.hash_algorithm.oid).is_some_and(|algorithm| {
            let same = |stated: &OctetString, bytes| stated.as_bytes() == digest::digest(algorithm, bytes).as_ref();
            same(&self.0.issuer_name_hash, issuer_name) && same(&self.0.issuer_key_hash, issuer.public_key_bits())
        })
    }

    /// The serial number in the form of [`Certificate::serial_hex`].
    #[must_use]
    pub fn serial_hex(&self) -> String {
        crate::cert::serial_hex(self.0.serial_number.as_bytes())
    }

    /// The identifier as DER: a key for caches.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        // Every field came from DER or was encoded before, so that this does not fail; an empty key would merely miss the cache.
        self.0.to_der().unwrap_or_default()
    }

    pub(super) fn to_request(&self) -> Result<Vec<u8>, OcspError> {
        let entry = Request { req_cert: self.0.clone(), single_request_extensions: None };
        let body = TbsRequest {
            version: Version::V1,
            requestor_name: None,
            request_list: vec![entry],
            request_extensions: None,
        };
        let request = OcspRequest { tbs_request: body, optional_signature: None };
        request.to_der().map_err(|_| OcspError::Malformed)
    }
}

fn hash_algorithm(oid: ObjectIdentifier) -> Option<&'static digest::Algorithm> {
    match oid {
        rfc5912::ID_SHA_1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        rfc5912::ID_SHA_256 => Some(&digest::SHA256),
        rfc5912::ID_SHA_384 => Some(&digest::SHA384),
        rfc5912::ID_SHA_512 => Some(&digest::SHA512),
        _ => None,
    }
}
