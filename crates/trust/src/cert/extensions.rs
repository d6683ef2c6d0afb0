//! What the extensions of a certificate say, read once.

use const_oid::db::{rfc5280, rfc6960};
use const_oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{self, AuthorityInfoAccessSyntax, BasicConstraints, ExtendedKeyUsage, SubjectAltName};

/// The key usage bits the exchange looks at (RFC 5280 §4.2.1.3). Without the extension a key may be used for anything,
/// so [`super::Certificate::key_usage`] is an `Option`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// TLS authentication.
    pub digital_signature: bool,
    /// Signing messages and documents.
    pub non_repudiation: bool,
    /// RSA key transport.
    pub key_encipherment: bool,
    /// EC key agreement.
    pub key_agreement: bool,
    /// Issuing certificates.
    pub key_cert_sign: bool,
    /// Issuing revocation lists.
    pub crl_sign: bool,
}

/// What the extensions say.
pub(super) struct Facts {
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) constraints: Option<BasicConstraints>,
    pub(super) extended_key_usage: Vec<ObjectIdentifier>,
    pub(super) ocsp_urls: Vec<String>,
    pub(super) dns_names: Vec<String>,
    pub(super) unknown_critical: bool,
}

impl Facts {
    pub(super) fn read(tbs: &x509_cert::TbsCertificate) -> der::Result<Self> {
        let access = tbs.get::<AuthorityInfoAccessSyntax>()?.map(|(_, access)| access.0).unwrap_or_default();
        let ocsp_urls = access.into_iter().filter(|entry| entry.access_method == rfc6960::ID_PKIX_OCSP);
        let names = tbs.get::<SubjectAltName>()?.map(|(_, names)| names.0).unwrap_or_default();
        Ok(Self {
            key_usage: tbs.get::<pkix::KeyUsage>()?.map(|(_, usage)| KeyUsage {
                digital_signature: usage.digital_signature(),
                non_repudiation: usage.non_repudiation(),
                key_encipherment: usage.key_encipherment(),
                key_agreement: usage.key_agreement(),
                key_cert_sign: usage.key_cert_sign(),
                crl_sign: usage.crl_sign(),
            }),
            constraints: tbs.get::<BasicConstraints>()?.map(|(_, constraints)| constraints),
            extended_key_usage: tbs.get::<ExtendedKeyUsage>()?.map(|(_, usage)| usage.0).unwrap_or_default(),
            ocsp_urls: ocsp_urls.filter_map(|entry| uri_of(entry.access_location)).collect(),
            dns_names: names.into_iter().filter_map(dns_of).collect(),
            unknown_critical: tbs
                .extensions
                .iter()
                .flatten()
                .any(|extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id)),
        })
    }
}

/// Extensions whose meaning is enforced here or harmless to the exchange. Name constraints are not among them: a critical one is refused.
const UNDERSTOOD: [ObjectIdentifier; 5] = [
    BasicConstraints::OID,
    pkix::KeyUsage::OID,
    ExtendedKeyUsage::OID,
    SubjectAltName::OID,
    rfc5280::ID_CE_CERTIFICATE_POLICIES,
];

fn uri_of(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    }
}

fn dns_of(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(dns) => Some(dns.to_string()),
        _ => None,
    }
}
