//! Round trip, the exact bytes, and every way to tamper.

use jiff::Timestamp;
use proptest::prelude::*;
use trust::key::{KeyKind, SigningKey as _, SoftwareKey};

use super::*;
use crate::testing::self_signed;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sample() -> Directory {
    let file = |content: &str, name: &str| FileEntry {
        content: content.into(),
        instance: "VN".into(),
        location: format!("/V6/20261123010203000000000/{name}"),
        file_name: None,
        hash_algorithm: HashAlgorithm::Sha512,
        hash: sha512(content.as_bytes()).to_vec(),
    };
    Directory {
        expires_at: at("2026-11-23T01:12:03Z"),
        version: 6,
        files: vec![file(SHARED_PARAMETERS, "shared-params.xml"), file(PRIVATE_PARAMETERS, "private-params.xml")],
    }
}

fn sign(directory: &Directory, kind: KeyKind) -> (Vec<u8>, CertDer) {
    let key = SoftwareKey::generate(kind).unwrap();
    let cert = self_signed(&key);
    let signed = directory.signed_bytes();
    let value = key.sign(kind.message_algorithm(), &signed).unwrap();
    let signature = DirectorySignature::new(kind.message_algorithm(), value, &cert);
    (directory.envelope(&signed, &signature), cert)
}

fn expectation() -> Expectation<'static> {
    Expectation { instance: "VN", version: Some(6), now: at("2026-11-23T01:02:04Z") }
}

fn check(bytes: &[u8], cert: &CertDer) -> Result<Verified, DirectoryError> {
    parse(bytes, None)?.verify(std::slice::from_ref(cert), &expectation())
}

#[test]
fn a_directory_survives_with_keys_of_both_families() {
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let (bytes, cert) = sign(&sample(), kind);
        let verified = check(&bytes, &cert).unwrap();
        assert_eq!((verified.directory(), verified.signer()), (&sample(), &cert));
    }
}

#[test]
fn headers_are_spelled_as_deployed_clients_search_for_them() {
    let (bytes, _) = sign(&sample(), KeyKind::EcP256);
    let text = String::from_utf8(bytes).unwrap();
    for line in [
        "\r\nExpire-date: 2026-11-23T01:12:03Z\r\nVersion: 6\r\n",
        "\r\nContent-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\n\
         Content-identifier: SHARED-PARAMETERS; instance='VN'\r\n\
         Content-location: /V6/20261123010203000000000/shared-params.xml\r\n\
         Hash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha512\r\n\r\n",
        "\r\nSignature-Algorithm-Id: http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512\r\n\
         Verification-certificate-hash: ",
        "; hash-algorithm-id=\"http://www.w3.org/2001/04/xmlenc#sha512\"\r\n\r\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn the_signed_bytes_run_from_the_first_inner_boundary_through_the_last_line_end() {
    let directory = sample();
    let (bytes, _) = sign(&directory, KeyKind::EcP256);
    let signed = parse(&bytes, None).unwrap().signed_bytes.to_vec();
    assert_eq!(signed, directory.signed_bytes());
    let text = String::from_utf8(signed).unwrap();
    assert!(text.starts_with("--xroad") && text.ends_with("--\r\n"));
}

#[test]
fn line_feeds_alone_double_quotes_and_a_boundary_known_from_http_are_read() {
    let text = "--O\nContent-Type: multipart/mixed; charset=UTF-8;boundary=\"I\"\n\n--I\nExpire-date: 2026-11-23T01:12:03Z\n\n\
        --I\nContent-type: application/octet-stream\nContent-transfer-encoding: base64\n\
        Content-identifier: SHARED-PARAMETERS; instance=\"VN\"\nContent-location: /V2/1/shared-params.xml\n\
        Hash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha512\n\nAAAA\n--I--\n\n\
        --O\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\
        Signature-algorithm-id: http://www.w3.org/2001/04/xmldsig-more#rsa-sha512\n\
        Verification-certificate-hash: AAAA; hash-algorithm-id=\"http://www.w3.org/2001/04/xmlenc#sha512\"\n\nBBBB\n--O--\n";
    let signed = parse(text.as_bytes(), Some("multipart/related; charset=UTF-8; boundary=O")).unwrap();
    assert_eq!(signed.directory.version, VERSION_WHEN_ABSENT);
    assert_eq!(signed.directory.files[0].instance, "VN");
    assert!(signed.signed_bytes.starts_with(b"--I\n") && signed.signed_bytes.ends_with(b"--I--\n"));
}

#[test]
fn the_stranger_the_latecomer_and_the_impostor_are_refused() {
    let (bytes, cert) = sign(&sample(), KeyKind::EcP256);
    let other = self_signed(&SoftwareKey::generate(KeyKind::EcP256).unwrap());
    assert_eq!(check(&bytes, &other), Err(DirectoryError::UnknownCertificate));
    let verify =
        |expected: Expectation<'_>| parse(&bytes, None).unwrap().verify(std::slice::from_ref(&cert), &expected);
    let late = Expectation { now: at("2026-11-23T01:12:03Z"), ..expectation() };
    assert_eq!(verify(late), Err(DirectoryError::Expired(at("2026-11-23T01:12:03Z"))));
    let older = Expectation { version: Some(5), ..expectation() };
    assert_eq!(verify(older), Err(DirectoryError::Version { expected: 5, found: 6 }));
    let elsewhere = Expectation { instance: "LA", ..expectation() };
    assert_eq!(verify(elsewhere), Err(DirectoryError::Instance { expected: "LA".into(), found: "VN".into() }));
}

#[test]
fn a_signature_by_another_key_than_the_certificate_names_is_refused() {
    let directory = sample();
    let (_, cert) = sign(&directory, KeyKind::EcP256);
    let other = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let algorithm = KeyKind::EcP256.message_algorithm();
    let signed = directory.signed_bytes();
    let signature = DirectorySignature::new(algorithm, other.sign(algorithm, &signed).unwrap(), &cert);
    assert_eq!(check(&directory.envelope(&signed, &signature), &cert), Err(DirectoryError::Signature));
}

#[test]
fn each_malformed_directory_has_its_own_error() {
    let refused = |change: &dyn Fn(&mut Directory)| {
        let mut directory = sample();
        change(&mut directory);
        let (bytes, cert) = sign(&directory, KeyKind::EcP256);
        check(&bytes, &cert).unwrap_err()
    };
    let twice = refused(&|d| d.files.push(d.files[0].clone()));
    assert!(matches!(twice, DirectoryError::DuplicatePart { .. }));
    for location in ["/V6/../etc/passwd", "//elsewhere/x", "V6/x", "/V6/%2e%2e/x", "/V6\\..\\x", "/a b", "/V6//x", "/"]
    {
        let outcome = refused(&|d| d.files[0].location = location.into());
        assert_eq!(outcome, DirectoryError::Location(location.into()), "{location}");
    }
    assert_eq!(refused(&|d| d.files.clear()), DirectoryError::MissingFile(SHARED_PARAMETERS));
    let (bytes, cert) = sign(&sample(), KeyKind::EcP256);
    let weak = String::from_utf8(bytes).unwrap().replacen("xmlenc#sha512", "xmldsig#sha1", 1);
    assert!(matches!(check(weak.as_bytes(), &cert), Err(DirectoryError::Algorithm(_))));
    assert_eq!(check(&vec![b'a'; MAX_DIRECTORY_BYTES + 1], &cert), Err(DirectoryError::TooLarge));
}

#[test]
fn a_file_with_another_digest_is_refused() {
    let (bytes, cert) = sign(&sample(), KeyKind::EcP256);
    let verified = check(&bytes, &cert).unwrap();
    let file = verified.directory().file(SHARED_PARAMETERS).unwrap();
    assert_eq!(verified.check_file(file, SHARED_PARAMETERS.as_bytes()), Ok(()));
    assert!(matches!(verified.check_file(file, b"tampered"), Err(DirectoryError::FileHash { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_signed_byte_is_refused(position in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let (mut bytes, cert) = sign(&sample(), KeyKind::EcP256);
        let signed = parse(&bytes, None).unwrap().signed_bytes;
        let offset = signed.as_ptr() as usize - bytes.as_ptr() as usize;
        let at = offset + position.index(signed.len());
        bytes[at] ^= flip;
        prop_assert!(check(&bytes, &cert).is_err());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, Some("multipart/related; boundary=b"));
    }

    #[test]
    fn no_cut_makes_the_parser_panic(text in "(--b|--b--|\r\n|\n|Content-Type: multipart/mixed; boundary=b|Version: 6|:|a){0,12}") {
        let _ = parse(text.as_bytes(), Some("multipart/related; boundary=b"));
        let _ = parse(format!("--b\r\n{text}").as_bytes(), Some("multipart/related; boundary=b"));
    }
}
