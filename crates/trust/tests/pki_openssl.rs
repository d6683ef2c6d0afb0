//! The authority against openssl: certificates, requests, OCSP and time-stamps, each in both directions.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use jiff::SignedDuration;
use proptest::prelude::*;
use support::{Bench, Nation};
use trust::cert::{CertificateRequest, CertificateTemplate, CertificateUsage, self_signed};
use trust::key::DigestKind;
use trust::ocsp::{self, OcspError, OcspPolicy, OcspQuery, OcspStatus};
use trust::pki::{CertificateStatus, Profile};
use trust::tsp::{self, Imprint, StampIssuer, StampRequest, TspError};
use trust::{Certificate, KeyKind, SoftwareKey, verify_chain};

fn query<'a>(certificate: &'a Certificate, issuer: &'a Certificate) -> OcspQuery<'a> {
    OcspQuery { certificate, issuer, responders: &[], policy: OcspPolicy::default() }
}

fn later(from: jiff::Timestamp, seconds: i64) -> jiff::Timestamp {
    from + SignedDuration::from_secs(seconds)
}

fn openssl_accepts(kind: KeyKind, intermediate: bool) {
    let bench = Bench::new();
    let nation = Nation::new(kind, intermediate);
    let authority = &nation.authority;
    bench.write("root.pem", authority.root().to_pem());
    let between: String = authority.intermediates().iter().map(Certificate::to_pem).collect();
    let untrusted = if intermediate {
        bench.write("between.pem", between);
        "-untrusted between.pem"
    } else {
        ""
    };
    for (profile, purpose) in [(Profile::Auth, "-purpose sslserver"), (Profile::Sign, "")] {
        let (key, certificate) = nation.member(kind, profile);
        bench.write("leaf.pem", certificate.to_pem());
        bench.openssl(&format!("verify -x509_strict {purpose} -CAfile root.pem {untrusted} leaf.pem"));
        let path = verify_chain(
            &certificate,
            &authority.intermediates(),
            std::slice::from_ref(authority.root()),
            nation.now(),
        );
        assert_eq!(path.unwrap().len(), if intermediate { 3 } else { 2 });

        let request = CertificateRequest::create(&key, &profile.subject(&support::holder()), &[]).unwrap();
        bench.write("request.pem", request.to_pem());
        let told = bench.openssl("req -verify -noout -in request.pem");
        assert!(told.contains("OK"), "{told}");
    }
    bench.write("tsa.pem", authority.tsa_certificate().to_pem());
    bench.openssl(&format!("verify -x509_strict -purpose timestampsign -CAfile root.pem {untrusted} tsa.pem"));
    bench.write("ocsp.pem", authority.ocsp_certificate().to_pem());
    bench.openssl(&format!("verify -x509_strict -purpose ocsphelper -CAfile root.pem {untrusted} ocsp.pem"));
}

#[test]
fn openssl_accepts_certificates_and_requests_of_ec_keys() {
    openssl_accepts(KeyKind::EcP256, true);
    openssl_accepts(KeyKind::EcP384, false);
}

#[test]
fn openssl_accepts_certificates_and_requests_of_rsa_keys() {
    openssl_accepts(KeyKind::Rsa2048, true);
}

#[test]
fn certificates_follow_the_basic_profiles() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let (_, auth) = nation.member(KeyKind::Rsa2048, Profile::Auth);
    assert_eq!(auth.subject(), "CN=gw1.example.vn,serialNumber=H26.09,O=Sở Tư pháp\\, Hà Nội,C=VN");
    assert_eq!(auth.dns_names(), ["gw1.example.vn"]);
    assert!(auth.is_for_authentication() && !auth.is_for_signing() && !auth.is_ca());
    let bench = Bench::new();
    bench.write("auth.pem", auth.to_pem());
    let told = bench.openssl("x509 -in auth.pem -noout -subject -nameopt RFC2253,-esc_msb,utf8");
    assert_eq!(told.trim(), format!("subject={}", auth.subject()));
    let (_, sign) = nation.member(KeyKind::EcP256, Profile::Sign);
    assert_eq!(sign.subject_attribute("businessCategory").as_deref(), Some("GOV"));
    assert_eq!(sign.subject_attribute("serialnumber").as_deref(), Some("H26.09"));
    assert!(sign.is_for_signing() && !sign.is_for_authentication());
    assert_eq!(sign.key_kind(), Some(KeyKind::EcP256));
}

#[test]
fn certificates_and_requests_of_openssl_are_read() {
    let bench = Bench::new();
    bench.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -set_serial 0x00ff1234567890 \
         -subj /C=VN/O=Agency/CN=is1 -addext subjectAltName=DNS:is1.example.vn -addext keyUsage=nonRepudiation",
    );
    let certificate = Certificate::from_pem_or_der(&bench.read("cert.pem")).unwrap();
    assert_eq!(certificate.subject(), "CN=is1,O=Agency,C=VN");
    assert_eq!(certificate.serial_decimal(), (0xff12_3456_7890_u64).to_string());
    assert_eq!(certificate.serial_hex(), "ff1234567890");
    assert_eq!(certificate.dns_names(), ["is1.example.vn"]);
    assert!(certificate.is_for_signing());
    assert!(certificate.issued_by(&certificate));
    let printed = bench.openssl("x509 -in cert.pem -noout -fingerprint -sha256");
    let fingerprint: String = printed.split('=').nth(1).unwrap().trim().replace(':', "").to_lowercase();
    assert_eq!(hex::encode(certificate.sha256()), fingerprint);

    bench.openssl(
        "req -new -newkey rsa:2048 -nodes -keyout rk.pem -out request.der -outform DER -sigopt rsa_padding_mode:pss \
         -sigopt rsa_pss_saltlen:digest -subj /CN=gw/serialNumber=1 -addext subjectAltName=DNS:gw.vn,IP:192.0.2.9",
    );
    let der = bench.read("request.der");
    let request = CertificateRequest::from_pem_or_der(&der).unwrap();
    assert_eq!(request.subject(), "serialNumber=1,CN=gw");
    assert_eq!(request.dns_names(), ["gw.vn", "192.0.2.9"]);
}

#[test]
fn a_request_without_proof_of_possession_is_refused() {
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let request = CertificateRequest::create(&key, &support::name("original"), &[]).unwrap();
    let at = request.der().windows(8).position(|part| part == b"original").unwrap();
    let mut forged = request.der().to_vec();
    forged[at..at + 8].copy_from_slice(b"attacker");
    let refused = CertificateRequest::from_der(&forged).unwrap_err();
    assert_eq!(refused, trust::cert::CertError::Key(trust::KeyError::BadSignature));
}

#[test]
fn openssl_accepts_our_ocsp_answers() {
    let bench = Bench::new();
    let nation = Nation::new(KeyKind::EcP256, true);
    let authority = &nation.authority;
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    bench.write("root.pem", authority.root().to_pem());
    bench.write("issuer.pem", authority.issuing_certificate().to_pem());
    bench.write("leaf.pem", leaf.to_pem());
    for hash in ["sha1", "sha256"] {
        bench.openssl(&format!("ocsp -{hash} -issuer issuer.pem -cert leaf.pem -reqout request.der"));
        bench.write("answer.der", authority.ocsp_answer(&bench.read("request.der")));
        let told = bench.openssl(&format!(
            "ocsp -{hash} -respin answer.der -issuer issuer.pem -cert leaf.pem -CAfile root.pem -verify_other issuer.pem -no_nonce"
        ));
        assert!(told.contains("Response verify OK") && told.contains("leaf.pem: good"), "{told}");
    }
    authority.revoke(&leaf.serial_hex(), nation.now()).unwrap();
    bench.write("answer.der", authority.ocsp_answer(&bench.read("request.der")));
    let told = bench.openssl(
        "ocsp -sha256 -respin answer.der -issuer issuer.pem -cert leaf.pem -CAfile root.pem -verify_other issuer.pem -no_nonce",
    );
    assert!(told.contains("leaf.pem: revoked"), "{told}");
}

/// An index file of `openssl ca` with one certificate in it.
fn openssl_index(bench: &Bench, line: &str) {
    bench.write("index.txt", line);
    bench.write("index.txt.attr", "unique_subject = no\n");
}

#[test]
fn ocsp_answers_of_openssl_are_accepted() {
    let bench = Bench::new();
    bench.openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=CA \
         -addext basicConstraints=critical,CA:TRUE",
    );
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf");
    bench.openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 0x77 -days 30 -out leaf.pem");
    bench.write("ext", "extendedKeyUsage=OCSPSigning\n");
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout resp.key -out resp.csr -subj /CN=responder");
    bench.openssl(
        "x509 -req -in resp.csr -CA ca.pem -CAkey ca.key -set_serial 0x78 -days 30 -extfile ext -out resp.pem",
    );
    bench.openssl("x509 -req -in resp.csr -CA ca.pem -CAkey ca.key -set_serial 0x79 -days 30 -out plain.pem");
    let read = |file: &str| Certificate::from_pem_or_der(&bench.read(file)).unwrap();
    let (ca, leaf, responder) = (read("ca.pem"), read("leaf.pem"), read("resp.pem"));
    bench.write("request.der", ocsp::request(&leaf, &ca).unwrap());
    let answer = |signer: &str, key: &str| {
        bench.openssl(&format!(
            "ocsp -index index.txt -CA ca.pem -rsigner {signer} -rkey {key} -reqin request.der -respout answer.der -nmin 60"
        ));
        bench.read("answer.der")
    };
    openssl_index(&bench, "V\t491231235959Z\t\t77\tunknown\t/CN=leaf\n");
    let now = jiff::Timestamp::now();

    // Signed by the authority itself, and by its delegate.
    let direct = ocsp::verify(&answer("ca.pem", "ca.key"), &query(&leaf, &ca), now).unwrap();
    assert_eq!((direct.status, &direct.responder), (OcspStatus::Good, &ca));
    let delegated = answer("resp.pem", "resp.key");
    let verified = ocsp::verify(&delegated, &query(&leaf, &ca), now).unwrap();
    assert_eq!((verified.status, &verified.responder), (OcspStatus::Good, &responder));
    assert!(verified.next_update.is_some());

    // Signed by somebody the authority certified for other things; then trusted by configuration.
    let undelegated = answer("plain.pem", "resp.key");
    let refused = ocsp::verify(&undelegated, &query(&leaf, &ca), now).unwrap_err();
    assert_eq!(refused, OcspError::UnauthorisedResponder);
    let plain = [read("plain.pem")];
    let configured = OcspQuery { responders: &plain, ..query(&leaf, &ca) };
    assert_eq!(ocsp::verify(&undelegated, &configured, now).unwrap().status, OcspStatus::Good);

    openssl_index(&bench, "R\t491231235959Z\t260102030405Z\t77\tunknown\t/CN=leaf\n");
    let revoked = ocsp::verify(&answer("resp.pem", "resp.key"), &query(&leaf, &ca), now).unwrap();
    assert_eq!(revoked.status, OcspStatus::Revoked { at: "2026-01-02T03:04:05Z".parse().unwrap() });
    assert_eq!(revoked.require_good(), Err(OcspError::Revoked));
    openssl_index(&bench, "V\t491231235959Z\t\t99\tunknown\t/CN=other\n");
    let unknown = ocsp::verify(&answer("resp.pem", "resp.key"), &query(&leaf, &ca), now).unwrap();
    assert_eq!(unknown.require_good(), Err(OcspError::Unknown));
}

#[test]
fn each_fault_of_an_ocsp_answer_has_its_reason() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let authority = &nation.authority;
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    let (_, other) = nation.member(KeyKind::EcP256, Profile::Sign);
    let root = authority.root();
    let answer = authority.ocsp_answer(&ocsp::request(&leaf, root).unwrap());
    let (now, asked) = (nation.now(), query(&leaf, root));
    let good = ocsp::verify(&answer, &asked, now).unwrap();
    assert_eq!(good.status, OcspStatus::Good);

    assert_eq!(ocsp::verify(&answer, &query(&other, root), now).unwrap_err(), OcspError::OtherCertificate);
    assert_eq!(ocsp::verify(&answer, &asked, later(now, 3700)).unwrap_err(), OcspError::TooOld);
    assert_eq!(ocsp::verify(&answer, &asked, later(now, -120)).unwrap_err(), OcspError::TooNew);
    // Fresh by age, but overdue by the responder's own word: refused only if the policy says so.
    let patient = OcspPolicy { freshness: SignedDuration::from_hours(10), ..OcspPolicy::default() };
    assert_eq!(good.is_fresh(&patient, later(now, 3700)), Err(OcspError::TooOld));
    let lenient = OcspPolicy { check_next_update: false, ..patient };
    assert_eq!(good.is_fresh(&lenient, later(now, 3700)), Ok(()));

    // Another authority with the same name did not sign this.
    let twin = Nation::new(KeyKind::EcP256, false);
    assert_eq!(
        ocsp::verify(&answer, &query(&leaf, twin.authority.root()), now).unwrap_err(),
        OcspError::OtherCertificate
    );
    let refused = ocsp::verify(&authority.ocsp_answer(b"junk"), &asked, now).unwrap_err();
    assert_eq!(refused, OcspError::Refused("malformed request"));
    let strange = authority.ocsp_answer(&ocsp::request(&leaf, twin.authority.root()).unwrap());
    assert_eq!(ocsp::verify(&strange, &asked, now).unwrap_err(), OcspError::Refused("unauthorized"));

    // A responder whose own certificate has expired.
    nation.clock.advance(SignedDuration::from_hours(24 * 365 * 11));
    let late = authority.ocsp_answer(&ocsp::request(&leaf, root).unwrap());
    assert_eq!(ocsp::verify(&late, &asked, nation.now()).unwrap_err(), OcspError::UnauthorisedResponder);

    for position in 0..answer.len() {
        let mut forged = answer.clone();
        forged[position] ^= 0x10;
        if let Ok(verified) = ocsp::verify(&forged, &asked, now) {
            // Only the enclosed certificate's own unused bytes could differ; what is told must not.
            assert_eq!((verified.status, verified.this_update), (good.status, good.this_update), "byte {position}");
        }
    }
}

#[test]
fn a_status_change_is_told_at_once_although_answers_are_cached() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let authority = &nation.authority;
    let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
    let root = authority.root();
    let request = ocsp::request(&leaf, root).unwrap();
    let first = authority.ocsp_answer(&request);
    assert_eq!(authority.ocsp_answer(&request), first, "signed once");
    nation.clock.advance(SignedDuration::from_mins(6));
    assert_ne!(authority.ocsp_answer(&request), first, "signed again when the answer has aged");

    let status = |request: &[u8]| {
        ocsp::verify(&authority.ocsp_answer(request), &query(&leaf, root), nation.now()).unwrap().status
    };
    let serial = leaf.serial_hex();
    let since = nation.now().round(jiff::Unit::Second).unwrap();
    authority.set_status(&serial, CertificateStatus::Suspended { at: since }).unwrap();
    assert_eq!(status(&request), OcspStatus::Revoked { at: since });
    authority.set_status(&serial, CertificateStatus::Good).unwrap();
    assert_eq!(status(&request), OcspStatus::Good);
    authority.set_status(&serial, CertificateStatus::Unknown).unwrap();
    assert_eq!(status(&request), OcspStatus::Unknown);
    assert!(authority.revoke("00ff", nation.now()).is_err());
}

#[test]
fn openssl_accepts_our_time_stamps() {
    let bench = Bench::new();
    for kind in [KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048] {
        let nation = Nation::new(kind, true);
        bench.write("data", b"signature value");
        bench.write("root.pem", nation.authority.root().to_pem());
        bench.write("between.pem", nation.authority.issuing_certificate().to_pem());
        bench.openssl("ts -query -data data -sha512 -cert -out request.tsq");
        bench.write("answer.tsr", nation.authority.stamp(&bench.read("request.tsq")).unwrap());
        let told =
            bench.openssl("ts -verify -queryfile request.tsq -in answer.tsr -CAfile root.pem -untrusted between.pem");
        assert!(told.contains("Verification: OK"), "{told}");
        bench.write("data2", b"other");
        let (good, _) =
            bench.try_openssl("ts -verify -data data2 -in answer.tsr -CAfile root.pem -untrusted between.pem");
        assert!(!good);
    }
}

const TSA_CONFIG: &str = "
[ tsa ]
default_tsa = t
[ t ]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 6
ordering = yes
tsa_name = yes
signer_digest = sha512
";

#[test]
fn time_stamps_of_openssl_are_accepted() {
    let bench = Bench::new();
    bench.write("config", TSA_CONFIG);
    bench.write("ext", "extendedKeyUsage=critical,timeStamping\n");
    bench.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=CA -addext keyUsage=keyCertSign",
    );
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=TSA");
    bench.openssl("x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 5 -days 30 -extfile ext -out tsa.pem");
    let read = |file: &str| Certificate::from_pem_or_der(&bench.read(file)).unwrap();
    let (ca, tsa) = (read("ca.pem"), read("tsa.pem"));
    for hash in ["sha1", "sha256", "sha512"] {
        bench.write("config", format!("{TSA_CONFIG}\ness_cert_id_alg = {hash}\n"));
        let request = StampRequest::new(Imprint::sha512_of(b"data")).unwrap();
        bench.write("request.tsq", request.der());
        bench.openssl("ts -reply -config config -section t -queryfile request.tsq -out answer.tsr");
        let answer = bench.read("answer.tsr");
        let direct = request.verify_response(&answer, std::slice::from_ref(&tsa)).unwrap();
        let by_path = request.verify_response(&answer, std::slice::from_ref(&ca)).unwrap();
        assert_eq!((&direct.authority, &by_path.authority), (&tsa, &tsa));
        assert!(direct.time.duration_since(jiff::Timestamp::now()).abs() < SignedDuration::from_mins(10));
        let again = tsp::verify_token(&direct.token, &Imprint::sha512_of(b"data"), std::slice::from_ref(&tsa));
        assert_eq!(again.unwrap().time, direct.time);
    }
}

#[test]
fn each_fault_of_a_time_stamp_has_its_reason() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let trusted = [nation.authority.tsa_certificate().clone()];
    let imprint = Imprint::sha512_of(b"data");
    let request = StampRequest::new(imprint.clone()).unwrap();
    let answer = nation.authority.stamp(request.der()).unwrap();
    let stamp = request.verify_response(&answer, &trusted).unwrap();
    assert_eq!(stamp.time.as_second(), nation.now().as_second());

    let other = StampRequest::new(imprint.clone()).unwrap();
    assert_eq!(other.verify_response(&answer, &trusted).unwrap_err(), TspError::OtherRequest);
    let wrong = tsp::verify_token(&stamp.token, &Imprint::sha512_of(b"datum"), &trusted).unwrap_err();
    assert_eq!(wrong, TspError::OtherData);
    let stranger = Nation::new(KeyKind::EcP256, false);
    let strangers = [stranger.authority.tsa_certificate().clone(), stranger.authority.root().clone()];
    assert_eq!(tsp::verify_token(&stamp.token, &imprint, &strangers).unwrap_err(), TspError::UnknownAuthority);

    // A digest we do not accept, and a request that is none: refused in the answer.
    let refused = nation.authority.stamp(b"junk").unwrap();
    assert_eq!(request.verify_response(&refused, &trusted).unwrap_err(), TspError::Refused { status: 2 });
    let short = Imprint { kind: DigestKind::Sha256, value: vec![1; 31] };
    let short = StampRequest::new(short).unwrap();
    let refused = nation.authority.stamp(short.der()).unwrap();
    assert_eq!(short.verify_response(&refused, &trusted).unwrap_err(), TspError::Refused { status: 2 });

    nation.clock.advance(SignedDuration::from_hours(24 * 365 * 11));
    let late = StampRequest::new(imprint.clone()).unwrap();
    let answer = nation.authority.stamp(late.der()).unwrap();
    assert_eq!(late.verify_response(&answer, &trusted).unwrap_err(), TspError::AuthorityNotValid);

    for position in 0..stamp.token.len() {
        let mut forged = stamp.token.clone();
        forged[position] ^= 0x10;
        if let Ok(verified) = tsp::verify_token(&forged, &imprint, &trusted) {
            assert_eq!((verified.time, &verified.serial), (stamp.time, &stamp.serial), "byte {position}");
        }
    }
}

/// Two certificates for one key under one name and number: the stamp says which of them made it (RFC 3161 §2.4.2).
#[test]
fn a_stamp_is_bound_to_its_very_certificate() {
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let certify = |days: i64| {
        let template = CertificateTemplate {
            subject: support::name("TSA"),
            usage: CertificateUsage::TimeStamping,
            serial: vec![7],
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2027-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap()
                + SignedDuration::from_hours(24 * days),
            dns_names: vec![],
            ocsp_url: None,
        };
        self_signed(&template, &key).unwrap()
    };
    let (own, twin) = (certify(0), certify(1));
    let policy = const_oid::ObjectIdentifier::new_unwrap("1.2.3.4");
    let issuer = StampIssuer { certificate: &own, key: &key, policy };
    let request = StampRequest::new(Imprint::sha512_of(b"data")).unwrap();
    let answer = tsp::respond(request.der(), &issuer, &[1], "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
    assert!(request.verify_response(&answer, &[own]).is_ok());
    assert_eq!(request.verify_response(&answer, &[twin]).unwrap_err(), TspError::UnknownAuthority);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Real messages with bytes changed reach far deeper into the parsers than noise does.
    #[test]
    fn readers_of_answers_never_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (nation, leaf, answer, token) = samples();
        let root = nation.authority.root();
        let trusted = std::slice::from_ref(root);
        let imprint = Imprint::sha512_of(b"data");
        let _ = ocsp::verify(&noise, &query(leaf, root), nation.now());
        let _ = ocsp::parse_request(&noise);
        let _ = tsp::verify_token(&noise, &imprint, trusted);
        let _ = nation.authority.stamp(&noise);
        let (mut answer, mut token, mut certificate) = (answer.clone(), token.clone(), leaf.der().to_vec());
        for (index, value) in changes {
            for bytes in [&mut answer, &mut token, &mut certificate] {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
        }
        let _ = ocsp::verify(&answer, &query(leaf, root), nation.now());
        let _ = tsp::verify_token(&token, &imprint, trusted);
        if let Ok(certificate) = Certificate::from_der(&certificate) {
            let _ = verify_chain(&certificate, &[], trusted, nation.now());
        }
    }
}

fn samples() -> &'static (Nation, Certificate, Vec<u8>, Vec<u8>) {
    static SAMPLES: std::sync::OnceLock<(Nation, Certificate, Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(|| {
        let nation = Nation::new(KeyKind::EcP256, false);
        let (_, leaf) = nation.member(KeyKind::EcP256, Profile::Sign);
        let answer = nation.authority.ocsp_answer(&ocsp::request(&leaf, nation.authority.root()).unwrap());
        let request = StampRequest::new(Imprint::sha512_of(b"data")).unwrap();
        let reply = nation.authority.stamp(request.der()).unwrap();
        let token = request.verify_response(&reply, &[nation.authority.tsa_certificate().clone()]).unwrap().token;
        (nation, leaf, answer, token)
    })
}
