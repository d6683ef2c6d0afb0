//! A small nation for signature tests: an authority, a signer, its OCSP answers and a time-stamping authority.

use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, Issuer, issue, self_signed};
use trust::hashchain::{Digest, DigestValue};
use trust::key::DigestKind;
use trust::ocsp::{CertificateId, OcspPolicy, OcspStatus, StatusEntry};
use trust::tsp::{Imprint, StampIssuer, StampRequest};
use trust::xades::{ApprovedAuthority, SignatureBuilder, TrustSource};
use trust::{Certificate, KeyKind, SigningKey, SoftwareKey};

/// SHA-512.
pub fn digest(data: &[u8]) -> Digest {
    *DigestValue::of(DigestKind::Sha512, data).as_sha512().unwrap()
}

/// The moment all tests happen at.
pub fn noon() -> Timestamp {
    "2026-11-20T05:00:00Z".parse().unwrap()
}

pub fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

pub struct Nation {
    pub ca: Certificate,
    pub ca_key: SoftwareKey,
    pub responder: Certificate,
    pub responder_key: SoftwareKey,
    pub stamper: Certificate,
    pub stamper_key: SoftwareKey,
    pub signer: Certificate,
    pub signer_key: Arc<SoftwareKey>,
    pub trust: Trust,
}

/// What the nation trusts.
#[derive(Clone)]
pub struct Trust {
    pub authorities: Vec<ApprovedAuthority>,
    pub stampers: Vec<Certificate>,
    pub policy: OcspPolicy,
    pub generation: u64,
}

impl TrustSource for Trust {
    fn authorities(&self) -> &[ApprovedAuthority] {
        &self.authorities
    }

    fn ocsp_policy(&self) -> OcspPolicy {
        self.policy
    }

    fn time_stamp_authorities(&self) -> &[Certificate] {
        &self.stampers
    }

    fn generation(&self) -> u64 {
        self.generation
    }
}

fn template(subject: DistinguishedName, usage: CertificateUsage, serial: u8) -> CertificateTemplate {
    CertificateTemplate {
        subject,
        usage,
        serial: vec![0x5A, 0x01, serial],
        not_before: noon() - hours(24 * 30),
        not_after: noon() + hours(24 * 300),
        dns_names: Vec::new(),
        ocsp_url: None,
    }
}

fn named(common_name: &str) -> DistinguishedName {
    DistinguishedName::new().with("C", "VN").with("O", "Thử nghiệm & Kiểm tra").with("CN", common_name)
}

/// The subject of a member's signing certificate, profile "Basic".
pub fn member(code: &str) -> DistinguishedName {
    DistinguishedName::new()
        .with("C", "VN")
        .with("O", "Sở Nội vụ <Hà Nội>")
        .with("businessCategory", "GOV")
        .with("serialNumber", code)
        .with("CN", "Sở Nội vụ")
}

impl Nation {
    pub fn new(kind: KeyKind) -> Self {
        let ca_key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let ca = self_signed(&template(named("Test root"), CertificateUsage::Authority { below: None }, 1), &ca_key)
            .unwrap();
        let issuer = Issuer { certificate: &ca, key: &ca_key };
        let certify = |subject, usage, serial, key: &SoftwareKey| {
            issue(&template(subject, usage, serial), key.public_key_der(), issuer).unwrap()
        };
        let responder_key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let responder = certify(named("OCSP"), CertificateUsage::OcspResponder, 2, &responder_key);
        let stamper_key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let stamper = certify(named("TSA"), CertificateUsage::TimeStamping, 3, &stamper_key);
        let signer_key = Arc::new(SoftwareKey::generate(kind).unwrap());
        let signer = certify(member("H26.02"), CertificateUsage::Signing, 4, &signer_key);
        let authority = ApprovedAuthority {
            name: "Test services".into(),
            anchor: ca.clone(),
            intermediates: Vec::new(),
            ocsp_responders: vec![responder.clone()],
        };
        let trust = Trust {
            authorities: vec![authority],
            stampers: vec![stamper.clone()],
            policy: OcspPolicy::with_freshness_seconds(3600),
            generation: 1,
        };
        Self { ca, ca_key, responder, responder_key, stamper, stamper_key, signer, signer_key, trust }
    }

    /// Certifies `key` for another subject or usage.
    pub fn certify(
        &self,
        subject: DistinguishedName,
        usage: CertificateUsage,
        serial: u8,
        key: &SoftwareKey,
    ) -> Certificate {
        let issuer = Issuer { certificate: &self.ca, key: &self.ca_key };
        issue(&template(subject, usage, serial), key.public_key_der(), issuer).unwrap()
    }

    pub fn ocsp(&self, certificate: &Certificate, status: OcspStatus, at: Timestamp) -> Vec<u8> {
        let id = CertificateId::of(certificate, &self.ca).unwrap();
        let entry = StatusEntry { id, status, this_update: at, next_update: None };
        trust::ocsp::respond(&[entry], &self.responder, &self.responder_key, at).unwrap()
    }

    pub fn builder(&self) -> SignatureBuilder {
        let ocsp = self.ocsp(&self.signer, OcspStatus::Good, noon());
        self.builder_with(&ocsp)
    }

    pub fn builder_with(&self, ocsp: &[u8]) -> SignatureBuilder {
        let issuers = [self.ca.clone(), self.responder.clone()];
        SignatureBuilder::new(self.signer_key.clone(), &self.signer, &issuers, ocsp).unwrap()
    }

    /// A time-stamp token over `data`, made at `at`.
    pub fn stamp(&self, data: &[u8], at: Timestamp) -> Vec<u8> {
        let request = StampRequest::new(Imprint::sha512_of(data)).unwrap();
        let policy = const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
        let issuer = StampIssuer { certificate: &self.stamper, key: &self.stamper_key, policy };
        let answer = trust::tsp::respond(request.der(), &issuer, &[7], at).unwrap();
        request.verify_response(&answer, &self.trust.stampers).unwrap().token
    }
}

/// Runs `xmlsec1 --verify` over a signature; `parts` are files that references outside lead to.
pub fn xmlsec_verify(signature: &str, parts: &[(&str, &[u8])], ca: &Certificate) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let source = place("signatures.xml", signature.as_bytes());
    let anchor = place("ca.pem", ca.to_pem().as_bytes());
    let mut command = Command::new("xmlsec1");
    command.args([
        "--verify",
        "--verification-time",
        "2026-11-20 05:00:00",
        "--id-attr:Id",
        "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
    ]);
    command.arg("--trusted-pem").arg(anchor);
    for (at, (uri, bytes)) in parts.iter().enumerate() {
        command.arg(format!("--url-map:{uri}")).arg(place(&format!("part{at}"), bytes));
    }
    let run = command.arg::<&Path>(&source).output().expect("xmlsec1 is needed by this test: apt-get install xmlsec1");
    if run.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&run.stderr).into_owned()) }
}
