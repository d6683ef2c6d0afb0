//! The offline verifier: whole evidence is valid, lesser evidence is partial, and each falsehood is named.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test helpers stop at the first surprise, like the tests they serve"
)]

#[expect(dead_code, reason = "other test files use the rest of the nation")]
mod xades_nation;

use jiff::{SignedDuration, Timestamp};
use kit::Lang;
use proptest::prelude::*;
use std::process::Command;
use std::sync::OnceLock;
use trust::asic::{BatchTimeStamp, Chain, Container};
use trust::cert::CertificateUsage;
use trust::hashchain::{Digest, MessageParts, TimestampTree, build_batch};
use trust::ocsp::OcspStatus;
use trust::verify::{Check, EvidenceTrust, Member, Outcome, Report, Sender, Verdict, sender_of, verify_container};
use trust::xades::{SignatureBuilder, SignedObject, add_time_stamp};
use trust::{Certificate, KeyKind, SoftwareKey};
use xades_nation::{Nation, Trust, digest, hours, member, noon};

const MESSAGE: &[u8] =
    b"POST\r\n/r1/VN/GOV/G01/cs/population/persons\r\nX-Road-Client:VN/GOV/H26.02/onestop\r\nx-road-id:VN-1\r\n";
const BODY: &[u8] = b"{\"number\":\"001\"}";

impl EvidenceTrust for Trust {
    fn member_of(&self, certificate: &Certificate, authority: &str) -> Option<Member> {
        assert_eq!(authority, "Test services");
        let attribute = |name| certificate.subject_attribute(name);
        Some(Member { instance: "VN".into(), class: attribute("businessCategory")?, code: attribute("serialNumber")? })
    }
}

fn nation() -> &'static Nation {
    static NATION: OnceLock<Nation> = OnceLock::new();
    NATION.get_or_init(|| Nation::new(KeyKind::EcP256))
}

/// Signs a batch with `builder` in which `message` and `body` are the second of three, and stamps it with others at `stamped`.
fn batch_evidence(builder: &SignatureBuilder, message: &[u8], body: &[u8], stamped: Timestamp) -> Container {
    let attachments = [digest(body)];
    let batch = build_batch(&[
        MessageParts { message: digest(b"first"), attachments: &[] },
        MessageParts { message: digest(message), attachments: &attachments },
        MessageParts { message: digest(b"third"), attachments: &[] },
    ])
    .unwrap();
    let signatures = builder.sign(SignedObject::HashChainResult(batch.result_digest), noon()).unwrap().xml.into_bytes();
    Container {
        message: Some(message.to_vec()),
        attachments: vec![(1, body.to_vec())],
        time_stamp: Some(batch_stamp(&signatures, stamped)),
        signatures,
        signature_chain: Some(Chain {
            result: batch.result_xml.into_bytes(),
            chain: batch.chains[1].clone().into_bytes(),
        }),
        unknown: Vec::new(),
    }
}

fn batch_stamp(signatures: &[u8], at: Timestamp) -> BatchTimeStamp {
    let leaves: Vec<Digest> = vec![digest(b"a"), digest(b"b"), digest(signatures), digest(b"c"), digest(b"d")];
    let tree = TimestampTree::new(leaves.clone()).unwrap();
    let result = tree.result_xml().into_bytes();
    let chain = tree.chain_xml(2, &leaves[2]).unwrap().into_bytes();
    BatchTimeStamp { token: nation().stamp(&result, at), chain: Chain { result, chain }, manifest: None }
}

fn evidence() -> Container {
    static EVIDENCE: OnceLock<Container> = OnceLock::new();
    EVIDENCE
        .get_or_init(|| batch_evidence(&nation().builder(), MESSAGE, BODY, noon() + SignedDuration::from_secs(60)))
        .clone()
}

fn examine(container: &Container) -> Report {
    verify_container(&container.write().unwrap(), &nation().trust)
}

fn failed(report: &Report) -> Vec<Check> {
    report.checks.iter().filter(|done| matches!(done.outcome, Outcome::Fail(_))).map(|done| done.check).collect()
}

fn absent(report: &Report) -> Vec<Check> {
    report.checks.iter().filter(|done| matches!(done.outcome, Outcome::Absent(_))).map(|done| done.check).collect()
}

fn reason(report: &Report, check: Check) -> String {
    match report.outcome(check) {
        Some(Outcome::Fail(words) | Outcome::Absent(words)) => words.en.clone(),
        other => panic!("{check:?}: {other:?}"),
    }
}

#[test]
fn whole_evidence_is_valid_and_says_who_when_and_on_whose_word() {
    let report = examine(&evidence());
    assert_eq!(report.verdict, Verdict::Valid, "{}", report.text(Lang::En));
    assert!(report.checks.iter().all(|done| done.outcome == Outcome::Pass));
    let signer = report.signer.as_ref().unwrap();
    assert_eq!(signer.member.as_deref(), Some("VN/GOV/H26.02"));
    assert_eq!(signer.authority.as_deref(), Some("Test services"));
    assert_eq!(signer.signing_time, Some(noon()));
    let stamp = report.time_stamp.as_ref().unwrap();
    assert!(stamp.is_batch && stamp.time == noon() + SignedDuration::from_secs(60));
    assert_eq!(report.status.as_ref().unwrap().this_update, noon());
    assert_eq!(
        report.parts.iter().map(|part| (part.name.as_str(), part.length)).collect::<Vec<_>>(),
        [("message.xml", Some(MESSAGE.len())), ("attachment1", Some(BODY.len()))]
    );

    let vietnamese = report.text(Lang::Vi);
    assert!(vietnamese.starts_with("Kết luận: HỢP LỆ\n"), "{vietnamese}");
    assert!(vietnamese.contains("Thành viên: VN/GOV/H26.02") && vietnamese.contains("[đạt] Dấu thời gian"));
    assert!(report.text(Lang::En).starts_with("Conclusion: VALID\n"));
    let json = report.to_json();
    assert_eq!(json["verdict"], "valid");
    assert_eq!(json["checks"][2]["check"], "time_stamp");
    assert_eq!(json["checks"][2]["result"], "pass");
    assert_eq!(json["signer"]["member"], "VN/GOV/H26.02");
}

#[test]
fn evidence_that_kept_only_digests_stays_verifiable() {
    let mut container = evidence();
    container.attachments.clear();
    let report = examine(&container);
    assert_eq!((report.verdict, absent(&report)), (Verdict::Partial, vec![Check::Content]));
    assert_eq!(report.parts[1].digest.as_deref(), Some(hex::encode(digest(BODY)).as_str()));
    assert_eq!(reason(&report, Check::Content), "only the digest was kept of attachment1");

    container.message = None;
    let report = examine(&container);
    assert_eq!((report.verdict, absent(&report)), (Verdict::Partial, vec![Check::Content, Check::Certificate]));
    assert_eq!(report.signer.unwrap().member.as_deref(), Some("VN/GOV/H26.02"));

    // A lone signed message without a chain, of which only the digest is left.
    let signed = nation().builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml.into_bytes();
    let lone = Container { time_stamp: Some(batch_stamp(&signed, noon())), signatures: signed, ..Container::default() };
    let report = examine(&lone);
    assert_eq!(
        (report.verdict, report.parts[0].digest.as_deref()),
        (Verdict::Partial, Some(hex::encode(digest(MESSAGE)).as_str()))
    );
}

#[test]
fn a_synchronous_stamp_serves_as_well_and_none_is_said() {
    let signed = nation().builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap();
    let stamped =
        add_time_stamp(&signed.xml, &nation().stamp(&signed.value, noon() + SignedDuration::from_secs(2))).unwrap();
    let container = |xml: String| Container {
        message: Some(MESSAGE.to_vec()),
        signatures: xml.into_bytes(),
        ..Container::default()
    };
    let report = examine(&container(stamped.clone()));
    assert_eq!(report.verdict, Verdict::Valid, "{}", report.text(Lang::En));
    assert!(!report.time_stamp.unwrap().is_batch);

    let report = examine(&container(signed.xml.clone()));
    assert_eq!((report.verdict, absent(&report)), (Verdict::Partial, vec![Check::TimeStamp]));

    let other = nation().builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap();
    let foreign = add_time_stamp(&signed.xml, &nation().stamp(&other.xml.into_bytes(), noon())).unwrap();
    let report = examine(&container(foreign));
    assert_eq!((report.verdict, failed(&report)), (Verdict::Invalid, vec![Check::TimeStamp]));
}

#[test]
fn each_falsehood_fails_its_own_check() {
    let damage = |change: &dyn Fn(&mut Container)| {
        let mut container = evidence();
        change(&mut container);
        let report = examine(&container);
        assert_eq!(report.verdict, Verdict::Invalid, "{}", report.text(Lang::En));
        failed(&report)
    };
    // The message, its body, and what stands beside them.
    assert_eq!(damage(&|it| it.message.as_mut().unwrap()[5] ^= 1), [Check::Content]);
    assert_eq!(damage(&|it| it.attachments[0].1[3] ^= 1), [Check::Content]);
    assert_eq!(damage(&|it| it.attachments.push((2, b"more".to_vec()))), [Check::Content]);
    assert_eq!(damage(&|it| it.attachments[0].0 = 3), [Check::Content]);
    // The hash chain under the signature.
    let chain = |it: &mut Container, from: &str, to: &str| {
        let chain = it.signature_chain.as_mut().unwrap();
        chain.chain = edit(&chain.chain, from, to);
    };
    assert_eq!(damage(&|it| chain(it, "URI=\"#STEP", "URI=\"#STEQ")), [Check::Content]);
    assert_eq!(damage(&|it| chain(it, "/attachment1", "/attachment2")), [Check::Content]);
    assert_eq!(damage(&|it| chain(it, "/attachment1", "/other")), [Check::References]);
    assert_eq!(damage(&|it| it.signature_chain = None), [Check::References]);
    // The time-stamp and what it covers.
    assert_eq!(damage(&|it| it.time_stamp = Some(batch_stamp(b"other", noon()))), [Check::TimeStamp]);
    let stamp = |it: &mut Container, token: Vec<u8>| it.time_stamp.as_mut().unwrap().token = token;
    assert_eq!(damage(&|it| stamp(it, nation().stamp(b"x", noon()))), [Check::TimeStamp]);
    assert_eq!(damage(&|it| stamp(it, b"no".to_vec())), [Check::TimeStamp]);
    assert_eq!(damage(&|it| it.time_stamp.as_mut().unwrap().manifest = Some(b"<x/>".to_vec())), [Check::TimeStamp]);
}

fn edit(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(document.to_vec()).unwrap();
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed);
    changed.into_bytes()
}

#[test]
fn changes_inside_the_signature_show_as_value_and_stamp() {
    let change = |from: &str, to: &str| {
        let mut container = evidence();
        container.signatures = edit(&container.signatures, from, to);
        examine(&container)
    };
    // Even a harmless spelling breaks the stamp, which covers the bytes.
    let report = change("encoding=\"UTF-8\"", "encoding='UTF-8'");
    assert_eq!(failed(&report), [Check::TimeStamp]);
    let report = change("Id=\"signature-reference-0\"", "Id=\"signature-reference-9\"");
    assert_eq!(failed(&report), [Check::TimeStamp, Check::SignatureValue]);
    let report = change("<xades:SigningTime>2026", "<xades:SigningTime>2025");
    assert_eq!(failed(&report), [Check::References]);
    assert!(reason(&report, Check::References).contains("signed properties have been changed"));
    assert_eq!(report.outcome(Check::SignatureValue), Some(&Outcome::Skipped));
    let report = verify_container(b"not a zip", &nation().trust);
    assert_eq!((report.verdict, failed(&report)), (Verdict::Invalid, vec![Check::Container]));
}

#[test]
fn the_signer_must_be_the_sender() {
    let other = String::from_utf8(MESSAGE.to_vec()).unwrap().replace("H26.02", "H57");
    let report = examine(&batch_evidence(&nation().builder(), other.as_bytes(), BODY, noon()));
    assert_eq!(failed(&report), [Check::Certificate]);
    assert_eq!(
        reason(&report, Check::Certificate),
        "the message says it is from VN/GOV/H57 but the signature is that of VN/GOV/H26.02"
    );

    let nameless = examine(&batch_evidence(&nation().builder(), b"GET\r\n/x\r\n", BODY, noon()));
    assert_eq!((nameless.verdict, absent(&nameless)), (Verdict::Partial, vec![Check::Certificate]));

    let key = std::sync::Arc::new(SoftwareKey::generate(KeyKind::EcP256).unwrap());
    let sign_as = |subject, usage, serial| {
        let certificate = nation().certify(subject, usage, serial, &key);
        let ocsp = nation().ocsp(&certificate, OcspStatus::Good, noon());
        let builder = SignatureBuilder::new(key.clone(), &certificate, &[], &ocsp).unwrap();
        examine(&batch_evidence(&builder, MESSAGE, BODY, noon()))
    };
    let authentication = sign_as(member("H26.02"), CertificateUsage::Authentication, 30);
    assert_eq!(failed(&authentication), [Check::Certificate]);
    let plain = trust::cert::DistinguishedName::new().with("CN", "somebody");
    let unprofiled = sign_as(plain, CertificateUsage::Signing, 31);
    assert_eq!(failed(&unprofiled), [Check::Certificate]);
}

#[test]
fn trust_is_judged_at_the_time_of_the_stamp() {
    let revoked = nation().ocsp(&nation().signer, OcspStatus::Revoked { at: noon() }, noon());
    let report = examine(&batch_evidence(&nation().builder_with(&revoked), MESSAGE, BODY, noon()));
    assert_eq!(failed(&report), [Check::Signer]);
    assert_eq!(report.outcome(Check::Certificate), Some(&Outcome::Skipped));

    let late = examine(&batch_evidence(&nation().builder(), MESSAGE, BODY, noon() + hours(5)));
    assert_eq!((late.verdict, absent(&late)), (Verdict::Partial, vec![Check::Signer]));
    let expired = examine(&batch_evidence(&nation().builder(), MESSAGE, BODY, noon() + hours(24 * 299)));
    assert_eq!(absent(&expired), [Check::Signer]);

    let stranger = Nation::new(KeyKind::EcP256);
    let report = verify_container(&evidence().write().unwrap(), &stranger.trust);
    assert_eq!(failed(&report), [Check::TimeStamp, Check::Signer]);
    assert!(report.text(Lang::Vi).contains("không do tổ chức được chấp nhận cấp"));
}

#[test]
fn strange_entries_are_shown_and_cannot_write_lines_of_their_own() {
    let bytes = evidence().write().unwrap();
    let mut zip = zip::ZipWriter::new_append(std::io::Cursor::new(bytes)).unwrap();
    zip.start_file("notes.txt", zip::write::SimpleFileOptions::default()).unwrap();
    let report = verify_container(&zip.finish().unwrap().into_inner(), &nation().trust);
    assert_eq!(report.unknown_entries, ["notes.txt"]);
    assert_eq!(report.verdict, Verdict::Valid);
    assert!(report.text(Lang::En).contains("Unknown entry, not signed: notes.txt"));
}

#[test]
fn openssl_agrees_about_the_stamp() {
    let container = evidence();
    let stamp = container.time_stamp.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let verify = |data: &[u8]| {
        Command::new("openssl")
            .args(["ts", "-verify", "-token_in", "-attime", &noon().as_second().to_string(), "-in"])
            .arg(place("token", &stamp.token))
            .arg("-data")
            .arg(place("data", data))
            .arg("-CAfile")
            .arg(place("ca.pem", nation().ca.to_pem().as_bytes()))
            .arg("-untrusted")
            .arg(place("tsa.pem", nation().stamper.to_pem().as_bytes()))
            .output()
            .expect("openssl is needed by this test")
    };
    let good = verify(&stamp.chain.result);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(!verify(b"other").status.success());
}

#[test]
fn senders_are_read_from_every_kind_of_message() {
    let of = |code: &str| Member { instance: "VN".into(), class: "GOV".into(), code: code.into() };
    assert_eq!(sender_of(b"GET\r\n/r1/a\r\nx-road-client:VN/GOV/H26%2F1/cs\r\n"), Sender::Client(of("H26/1")));
    assert_eq!(
        sender_of(b"GET\r\n/r1/a\r\nX-Road-Client:VN/GOV/A/cs\r\nX-ROAD-CLIENT:VN/GOV/B/cs\r\n"),
        Sender::Client(of("B"))
    );
    assert_eq!(
        sender_of(b"200\r\nOK\r\nx-road-client:VN/GOV/A/cs\r\nx-road-service:VN/GOV/G01/cs/population\r\n"),
        Sender::Service(of("G01"))
    );
    for nothing in [
        "",
        "GET\r\n/x\r\n",
        "GET\r\nx-road-client:VN/GOV/A\r\n",
        "GET\r\n/x\r\nx-road-client:VN/GOV\r\n",
        "GET\r\n/x\r\nx-road-client:VN/%zz/A\r\n",
    ] {
        assert_eq!(sender_of(nothing.as_bytes()), Sender::Unknown, "{nothing:?}");
    }
    let soap = |headers: &str| {
        format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:x=\"http://x-road.eu/xsd/xroad.xsd\" \
             xmlns:i=\"http://x-road.eu/xsd/identifiers\"><s:Header>{headers}</s:Header><s:Body/></s:Envelope>"
        )
    };
    let id = |name: &str, code: &str| {
        format!(
            "<x:{name}><i:xRoadInstance>VN</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode> {code} </i:memberCode></x:{name}>"
        )
    };
    let request = soap(&(id("client", "A") + &id("service", "B")));
    assert_eq!(sender_of(request.as_bytes()), Sender::Client(of("A")));
    let response = soap(&(id("client", "A") + &id("service", "B") + "<x:requestHash>x</x:requestHash>"));
    assert_eq!(sender_of(response.as_bytes()), Sender::Service(of("B")));
    assert_eq!(sender_of(soap("").as_bytes()), Sender::Unknown);
    assert_eq!(sender_of(b"<!DOCTYPE x><x/>"), Sender::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// One byte changed in any part of the evidence: never valid, unless the XML or the token means exactly the same.
    #[test]
    fn no_byte_of_the_evidence_can_change(part in 0_usize..7, at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let mut container = evidence();
        let stamp = container.time_stamp.as_mut().unwrap();
        let chain = container.signature_chain.as_mut().unwrap();
        let bytes = match part {
            0 => container.message.as_mut().unwrap(),
            1 => &mut container.attachments[0].1,
            2 => &mut container.signatures,
            3 => &mut chain.result,
            4 => &mut chain.chain,
            5 => &mut stamp.chain.result,
            _ => &mut stamp.chain.chain,
        };
        let at = at.index(bytes.len());
        let before = bytes.clone();
        bytes[at] ^= flip;
        let after = bytes.clone();
        let report = examine(&container);
        let spelling_only = matches!(part, 4 | 6) && report.verdict == Verdict::Valid && {
            let canonical = |xml: &[u8]| {
                let document = trust::c14n::parse_secure(xml).unwrap();
                let bytes = trust::c14n::canonicalize(document.root(), &trust::c14n::Method::INCLUSIVE, None);
                bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>()
            };
            canonical(&before) == canonical(&after)
        };
        prop_assert!(report.verdict == Verdict::Invalid || spelling_only, "part {part} at {at}: {}", report.text(Lang::En));
    }

    /// A token may be re-encoded outside what is signed, but never into another time or authority.
    #[test]
    fn no_byte_of_the_token_can_change_what_it_says(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let mut container = evidence();
        let token = &mut container.time_stamp.as_mut().unwrap().token;
        let at = at.index(token.len());
        token[at] ^= flip;
        let report = examine(&container);
        if report.verdict == Verdict::Valid {
            prop_assert_eq!(report.time_stamp, examine(&evidence()).time_stamp);
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        trust::verify::fuzz(&bytes);
        let mut container = evidence().write().unwrap();
        for (at, to) in edits {
            let at = at.index(container.len());
            container[at] = to;
        }
        trust::verify::fuzz(&container);
    }
}
