//! Writes the seed inputs of the fuzz targets that read the global configuration.
//!
//! `cargo run -p directory --example fuzz_seeds -- fuzz/corpus-seeds`. The signing key is new each time, so the files differ
//! from run to run; they are committed so that a fuzzer begins with the same ones everywhere.

#![expect(clippy::unwrap_used, reason = "a tool for developers")]

use std::path::Path;

use directory::model::anchor::{self, Anchor, AnchorSource};
use directory::model::cert::CertDer;
use directory::model::private_params::{self, ManagementService, PrivateParams};
use directory::model::shared_params::{
    ApprovedCa, ApprovedTsa, CaInfo, CostType, CsrFormat, GlobalGroup, Member, MemberClass, OcspResponder, ServerEntry,
    SharedParams, Source, Subsystem, write,
};
use directory::model::signed_directory::{
    Directory, DirectorySignature, FileEntry, HashAlgorithm, PRIVATE_PARAMETERS, SHARED_PARAMETERS,
};
use directory::{ClientId, ServerId};
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, self_signed};
use trust::{KeyKind, SigningKey, SoftwareKey};

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fuzz/corpus-seeds".to_owned());
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let template = CertificateTemplate {
        subject: DistinguishedName::new().with("C", "VN").with("CN", "Trung tâm"),
        usage: CertificateUsage::Signing,
        serial: vec![0x5A, 0x02],
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
        dns_names: Vec::new(),
        ocsp_url: None,
    };
    let cert = CertDer::new(self_signed(&template, &key).unwrap().der());
    put("certificate", "configuration.der", cert.der());

    let anchor = Anchor {
        generated_at: Some("2026-11-20T05:00:00Z".parse().unwrap()),
        instance: "VN".into(),
        sources: vec![AnchorSource {
            download_url: "http://trung-tam.example.vn/internalconf".into(),
            verification_certs: vec![cert.clone()],
        }],
    };
    put("anchor", "anchor.xml", &anchor::write(&anchor));
    let shared = shared(&cert);
    put("shared_params", "version5.xml", &write(&shared, 5));
    put("shared_params", "version6.xml", &write(&shared, 6));
    let private = PrivateParams {
        instance: "VN".into(),
        anchors: vec![anchor],
        management: ManagementService {
            registration_address: "https://trung-tam.example.vn:4001/managementservice/".into(),
            registration_cert: Some(cert.clone()),
            provider: Some(ClientId::subsystem("VN", "GOV", "G01", "quản lý")),
        },
        timestamping_interval_seconds: 60,
    };
    let private = private_params::write(&private);
    put("private_params", "private.xml", &private);
    put("signed_directory", "directory", &directory(&key, &cert, &write(&shared, 6), &private));
}

fn directory(key: &SoftwareKey, cert: &CertDer, shared: &[u8], private: &[u8]) -> Vec<u8> {
    let file = |content: &str, name: &str, bytes: &[u8]| FileEntry {
        content: content.into(),
        instance: "VN".into(),
        location: format!("/V6/20261120050000000000000/{name}"),
        file_name: None,
        hash_algorithm: HashAlgorithm::Sha512,
        hash: HashAlgorithm::Sha512.digest(bytes),
    };
    let directory = Directory {
        expires_at: "2026-11-20T05:10:00Z".parse().unwrap(),
        version: 6,
        files: vec![
            file(SHARED_PARAMETERS, "shared-params.xml", shared),
            file(PRIVATE_PARAMETERS, "private-params.xml", private),
        ],
    };
    let algorithm = KeyKind::EcP256.message_algorithm();
    let signed = directory.signed_bytes();
    let value = key.sign(algorithm, &signed).unwrap();
    directory.envelope(&signed, &DirectorySignature::new(algorithm, value, cert))
}

fn shared(cert: &CertDer) -> SharedParams {
    let owner = ClientId::member("VN", "GOV", "G01");
    let people = ClientId::subsystem("VN", "GOV", "G01", "dân cư & <khai sinh>");
    let responder = OcspResponder { url: "http://ca/ocsp".into(), cert: Some(cert.clone()), cost: CostType::Free };
    SharedParams {
        instance: "VN".into(),
        sources: vec![Source {
            address: "trung-tam.example.vn".into(),
            internal_certs: vec![cert.clone()],
            external_certs: vec![cert.clone()],
        }],
        approved_cas: vec![ApprovedCa {
            name: "CA".into(),
            authentication_only: false,
            top: CaInfo { cert: cert.clone(), ocsp: vec![responder] },
            intermediates: Vec::new(),
            profile: "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider".into(),
            csr_format: CsrFormat::Der,
            acme: None,
        }],
        approved_tsas: vec![ApprovedTsa {
            name: "TSA".into(),
            url: "http://tsa/".into(),
            cert: cert.clone(),
            cost: CostType::Free,
        }],
        members: vec![Member {
            id: owner.clone(),
            name: "Bộ Công an".into(),
            class_description: "Cơ quan nhà nước".into(),
            subsystems: vec![Subsystem { id: people.clone(), name: Some("Dân cư".into()) }],
        }],
        servers: vec![ServerEntry {
            id: ServerId::new(owner.clone(), "gw1"),
            address: Some("gw1.example.vn".into()),
            auth_cert_hashes: vec![[1; 32]],
            clients: vec![people.clone()],
            maintenance: Some("Nâng cấp".into()),
        }],
        groups: vec![GlobalGroup {
            code: "tinh".into(), description: "Các tỉnh".into(), members: vec![people, owner]
        }],
        member_classes: vec![MemberClass { code: "GOV".into(), description: "Cơ quan nhà nước".into() }],
        ocsp_freshness_seconds: 3600,
    }
}
