//! Helpers shared by the tests of this crate: keys, certificates and a small authority.

use jiff::{SignedDuration, Timestamp};
use trust::cert::{
    Certificate, CertificateTemplate, CertificateUsage, DistinguishedName, Issuer, issue, self_signed as sign_own,
};
use trust::key::{KeyKind, SigningKey, SoftwareKey};

use crate::model::cert::CertDer;

/// The time at which tests begin.
pub(crate) fn start() -> Timestamp {
    "2026-11-23T01:02:03Z".parse().unwrap()
}

fn template(subject: DistinguishedName, usage: CertificateUsage, serial: u8) -> CertificateTemplate {
    CertificateTemplate {
        subject,
        usage,
        serial: vec![serial],
        not_before: start() - SignedDuration::from_hours(24),
        not_after: start() + SignedDuration::from_hours(24 * 365),
        dns_names: Vec::new(),
        ocsp_url: None,
    }
}

/// A certificate signed by its own key, as configuration signing keys have.
pub(crate) fn self_signed(key: &dyn SigningKey) -> CertDer {
    let subject = DistinguishedName::new().with("CN", "Cấu hình");
    CertDer::new(sign_own(&template(subject, CertificateUsage::Signing, 1), key).unwrap().der())
}

/// An authority of the Basic profile.
pub(crate) struct TestAuthority {
    key: SoftwareKey,
    pub(crate) certificate: Certificate,
}

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let subject = DistinguishedName::new().with("CN", "CA thử").with("C", "VN");
        let usage = CertificateUsage::Authority { below: None };
        let certificate = sign_own(&template(subject, usage, 1), &key).unwrap();
        Self { key, certificate }
    }

    /// A signing certificate of the Basic profile (§2.8).
    pub(crate) fn sign_cert(&self, class: &str, member: &str) -> (SoftwareKey, Certificate) {
        let subject = DistinguishedName::new()
            .with("CN", member)
            .with("O", "Cơ quan")
            .with("businessCategory", class)
            .with("C", "VN")
            .with("serialNumber", member);
        self.leaf(subject, CertificateUsage::Signing)
    }

    /// An authentication certificate of the Basic profile (§2.8).
    pub(crate) fn auth_cert(&self, member: &str, dns: &str) -> (SoftwareKey, Certificate) {
        let subject =
            DistinguishedName::new().with("CN", dns).with("serialNumber", member).with("C", "VN").with("O", "Cơ quan");
        self.leaf(subject, CertificateUsage::Authentication)
    }

    fn leaf(&self, subject: DistinguishedName, usage: CertificateUsage) -> (SoftwareKey, Certificate) {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let issuer = Issuer { certificate: &self.certificate, key: &self.key };
        let certificate = issue(&template(subject, usage, 2), key.public_key_der(), issuer).unwrap();
        (key, certificate)
    }
}
