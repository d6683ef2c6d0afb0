//! Signatures of every kind of key, checked against openssl both ways, and parsers fed with nonsense.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::Bench;
use trust::cert::{CertificateRequest, CertificateTemplate, CertificateUsage, ChainError, Issuer, issue, self_signed};
use trust::key::{PublicKey, ecdsa_der_to_fixed, ecdsa_fixed_to_der};
use trust::{Certificate, KeyError, KeyKind, SignatureAlgorithm, SigningKey, SoftwareKey, verify_chain};

const FAST_KINDS: [KeyKind; 3] = [KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048];

fn fits(kind: KeyKind, algorithm: SignatureAlgorithm) -> bool {
    kind.is_ec() == algorithm.is_ecdsa()
}

fn digest_name(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 | SignatureAlgorithm::RsaPssSha256 | SignatureAlgorithm::EcdsaSha256 => {
            "sha256"
        }
        SignatureAlgorithm::RsaPkcs1Sha384 | SignatureAlgorithm::RsaPssSha384 | SignatureAlgorithm::EcdsaSha384 => {
            "sha384"
        }
        _ => "sha512",
    }
}

fn padding(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RsaPssSha256 | SignatureAlgorithm::RsaPssSha384 | SignatureAlgorithm::RsaPssSha512 => {
            "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
        }
        _ => "",
    }
}

/// Every algorithm with every key it fits: ours verifies with openssl, openssl's with ours, and neither over other data.
#[test]
fn every_algorithm_agrees_with_openssl() {
    let bench = Bench::new();
    bench.write("data", b"thong diep");
    for kind in FAST_KINDS {
        let key = SoftwareKey::generate(kind).unwrap();
        bench.write("key.der", &*key.to_pkcs8().unwrap());
        bench.write("pub.der", key.public_key_der());
        bench.openssl("pkey -inform DER -in key.der -out key.pem");
        bench.openssl("pkey -pubin -inform DER -in pub.der -out pub.pem");
        let public = PublicKey::from_spki_der(key.public_key_der()).unwrap();
        assert_eq!(public.kind(), Some(kind));
        for algorithm in SignatureAlgorithm::ALL {
            if !fits(kind, algorithm) {
                assert_eq!(key.sign(algorithm, b"x"), Err(KeyError::Unsupported { algorithm }));
                assert_eq!(public.verify(algorithm, b"x", b"x"), Err(KeyError::Unsupported { algorithm }));
                continue;
            }
            let (digest, padding) = (digest_name(algorithm), padding(algorithm));
            bench.write("ours.sig", key.sign(algorithm, b"thong diep").unwrap());
            bench.openssl(&format!("dgst -{digest} {padding} -verify pub.pem -signature ours.sig data"));
            bench.openssl(&format!("dgst -{digest} {padding} -sign key.pem -out theirs.sig data"));
            let theirs = bench.read("theirs.sig");
            public.verify(algorithm, b"thong diep", &theirs).unwrap();
            assert_eq!(public.verify(algorithm, b"thong diep!", &theirs), Err(KeyError::BadSignature));
        }
    }
}

#[test]
fn a_key_survives_pkcs8_and_pem() {
    let bench = Bench::new();
    for kind in FAST_KINDS {
        let key = SoftwareKey::generate(kind).unwrap();
        let again = SoftwareKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_key_der(), key.public_key_der());
        assert_eq!(again.kind(), kind);
    }
    bench.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out theirs.pem");
    let theirs = SoftwareKey::from_pkcs8_pem(&String::from_utf8(bench.read("theirs.pem")).unwrap()).unwrap();
    assert_eq!(theirs.kind(), KeyKind::EcP384);
    bench.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out odd.pem");
    assert!(SoftwareKey::from_pkcs8_pem(&String::from_utf8(bench.read("odd.pem")).unwrap()).is_err());
}

#[test]
fn larger_rsa_keys_are_made_and_sign() {
    let key = SoftwareKey::generate(KeyKind::Rsa3072).unwrap();
    let public = PublicKey::from_spki_der(key.public_key_der()).unwrap();
    assert_eq!(public.kind(), Some(KeyKind::Rsa3072));
    let signature = key.sign(SignatureAlgorithm::RsaPkcs1Sha512, b"m").unwrap();
    assert_eq!(signature.len(), 384);
    public.verify(SignatureAlgorithm::RsaPkcs1Sha512, b"m", &signature).unwrap();
}

#[test]
fn one_key_signs_from_many_threads() {
    let key: Arc<dyn SigningKey> = Arc::new(SoftwareKey::generate(KeyKind::EcP256).unwrap());
    let public = Arc::new(PublicKey::from_spki_der(key.public_key_der()).unwrap());
    let workers: Vec<_> = (0..4_u8)
        .map(|worker| {
            let (key, public) = (key.clone(), public.clone());
            std::thread::spawn(move || {
                for round in 0..25_u8 {
                    let message = [worker, round];
                    let signature = key.sign(SignatureAlgorithm::EcdsaSha512, &message).unwrap();
                    public.verify(SignatureAlgorithm::EcdsaSha512, &message, &signature).unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn the_two_encodings_of_ecdsa_translate() {
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    for round in 0..64_u8 {
        let der = key.sign(SignatureAlgorithm::EcdsaSha512, &[round]).unwrap();
        let fixed = ecdsa_der_to_fixed(&der, 32).unwrap();
        assert_eq!(fixed.len(), 64);
        assert_eq!(ecdsa_fixed_to_der(&fixed).unwrap(), der);
    }
    assert_eq!(ecdsa_fixed_to_der(&[]), Err(KeyError::BadSignature));
    assert_eq!(ecdsa_fixed_to_der(&[1, 2, 3]), Err(KeyError::BadSignature));
}

#[test]
fn nothing_secret_or_personal_is_in_debug_output() {
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.len() < 60, "{shown}");
    let certificate = self_signed(&template("Nguyễn Văn An", CertificateUsage::Signing), &key).unwrap();
    assert!(!format!("{certificate:?}").contains("Nguy"));
    let request = CertificateRequest::create(&key, &support::name("Nguyễn Văn An"), &[]).unwrap();
    assert!(!format!("{request:?}").contains("Nguy"));
    assert!(!format!("{:?}", template("Nguyễn Văn An", CertificateUsage::Signing)).contains("Nguy"));
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn template(common_name: &str, usage: CertificateUsage) -> CertificateTemplate {
    CertificateTemplate {
        subject: support::name(common_name),
        usage,
        serial: vec![0x4a, common_name.len() as u8],
        not_before: at("2026-01-01T00:00:00Z"),
        not_after: at("2028-01-01T00:00:00Z"),
        dns_names: vec![],
        ocsp_url: None,
    }
}

const ROOT: CertificateUsage = CertificateUsage::Authority { below: Some(1) };
const NOW: &str = "2027-01-01T00:00:00Z";

struct Tree {
    root: Certificate,
    middle: Certificate,
    leaf: Certificate,
    middle_key: SoftwareKey,
}

fn tree(middle_usage: CertificateUsage) -> Tree {
    let root_key = SoftwareKey::generate(KeyKind::EcP384).unwrap();
    let middle_key = SoftwareKey::generate(KeyKind::Rsa2048).unwrap();
    let leaf_key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let root = self_signed(&template("Root", ROOT), &root_key).unwrap();
    let by_root = Issuer { certificate: &root, key: &root_key };
    let middle = issue(&template("Middle", middle_usage), middle_key.public_key_der(), by_root).unwrap();
    let by_middle = Issuer { certificate: &middle, key: &middle_key };
    let leaf = issue(&template("Leaf", CertificateUsage::Signing), leaf_key.public_key_der(), by_middle).unwrap();
    Tree { root, middle, leaf, middle_key }
}

#[test]
fn a_path_is_found_over_an_intermediate() {
    let tree = tree(CertificateUsage::Authority { below: Some(0) });
    let stranger = self_signed(&template("Root", ROOT), &SoftwareKey::generate(KeyKind::EcP256).unwrap()).unwrap();
    let path =
        verify_chain(&tree.leaf, &[stranger.clone(), tree.middle.clone()], &[stranger, tree.root.clone()], at(NOW));
    assert_eq!(path.unwrap(), vec![tree.leaf.clone(), tree.middle.clone(), tree.root.clone()]);
    assert!(tree.leaf.issued_by(&tree.middle));
    assert!(!tree.leaf.issued_by(&tree.root));
    // A leaf that is trusted itself needs no path.
    assert_eq!(verify_chain(&tree.leaf, &[], std::slice::from_ref(&tree.leaf), at(NOW)).unwrap().len(), 1);
}

#[test]
fn each_fault_of_a_path_has_its_reason() {
    let good = tree(CertificateUsage::Authority { below: Some(0) });
    let (middle, root) = (std::slice::from_ref(&good.middle), std::slice::from_ref(&good.root));
    let check = |leaf: &Certificate, middle: &[Certificate], root: &[Certificate], when: &str| {
        verify_chain(leaf, middle, root, at(when)).unwrap_err()
    };
    assert!(matches!(check(&good.leaf, middle, root, "2029-01-01T00:00:00Z"), ChainError::Expired { .. }));
    assert!(matches!(check(&good.leaf, middle, root, "2025-01-01T00:00:00Z"), ChainError::NotYetValid { .. }));
    assert!(matches!(check(&good.leaf, &[], root, NOW), ChainError::UnknownIssuer { .. }));
    assert!(matches!(check(&good.leaf, middle, &[], NOW), ChainError::UnknownIssuer { .. }));

    // The name of the issuer with another key.
    let other = tree(CertificateUsage::Authority { below: Some(0) });
    assert!(matches!(
        check(&good.leaf, std::slice::from_ref(&other.middle), std::slice::from_ref(&other.root), NOW),
        ChainError::BadSignature { .. }
    ));
    // A member that issues although it is no authority.
    let usurped = tree(CertificateUsage::Signing);
    assert_eq!(
        check(&usurped.leaf, std::slice::from_ref(&usurped.middle), std::slice::from_ref(&usurped.root), NOW),
        ChainError::NotACa { subject: "CN=Middle,C=VN".into() }
    );
    // An authority below one that may have none below it.
    let deep_key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let by_middle = Issuer { certificate: &good.middle, key: &good.middle_key };
    let authority = template("Deeper", CertificateUsage::Authority { below: None });
    let deeper = issue(&authority, deep_key.public_key_der(), by_middle).unwrap();
    let by_deeper = Issuer { certificate: &deeper, key: &deep_key };
    let leaf = issue(&template("Leaf 2", CertificateUsage::Signing), deep_key.public_key_der(), by_deeper).unwrap();
    assert!(matches!(check(&leaf, &[good.middle.clone(), deeper], root, NOW), ChainError::NotACa { .. }));
}

/// One bit changed anywhere in a certificate must never leave a path that verifies with a different content.
#[test]
fn a_tampered_certificate_never_verifies() {
    let tree = tree(CertificateUsage::Authority { below: Some(0) });
    let good = tree.leaf.der();
    for position in 0..good.len() {
        let mut bytes = good.to_vec();
        bytes[position] ^= 1;
        if let Ok(forged) = Certificate::from_der(&bytes) {
            assert!(!forged.issued_by(&tree.middle), "bit of byte {position}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn readers_of_keys_and_certificates_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = SoftwareKey::from_pkcs8(&bytes);
        let _ = PublicKey::from_spki_der(&bytes);
        let _ = Certificate::from_pem_or_der(&bytes);
        let _ = CertificateRequest::from_pem_or_der(&bytes);
        let _ = ecdsa_der_to_fixed(&bytes, 32);
        let _ = ecdsa_fixed_to_der(&bytes);
    }

    #[test]
    fn names_with_any_text_are_written_and_read_back(text in "\\PC{1,40}") {
        let key = shared_key();
        let request = CertificateRequest::create(key, &support::name(&text), &[]).unwrap();
        prop_assert_eq!(request.subject_attribute("CN"), Some(text));
    }
}

fn shared_key() -> &'static SoftwareKey {
    static KEY: std::sync::OnceLock<SoftwareKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| SoftwareKey::generate(KeyKind::EcP256).unwrap())
}
