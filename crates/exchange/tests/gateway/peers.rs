//! A hostile gateway before ours: every way a message can lie, and what it is told. Nothing unverified reaches the service.

use std::sync::Arc;

use directory::model::cert::CertDer;
use exchange::gateway::identity::KeyPair;
use exchange::model::header_part::sha512;
use exchange::wire::inbound::part;
use jiff::SignedDuration;
use kit::Clock;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use trust::hashchain::{MessageParts, build_batch};
use trust::key::KeyKind;
use trust::pki::{Authority, Profile};
use trust::xades::SignedObject;

use crate::forge::{
    Asked, BOUNDARY, CONTENT_TYPE, Message, UNPROVEN, builder, ocsp_about, post_bytes, request, request_by, send,
    send_bytes, sign, talk_tls, tls_as,
};
use crate::nation::{CONSUMER, Nation, Options, PROVIDER, certified, client};

async fn nation() -> Nation {
    Nation::start(Options { synced: false, ..Options::default() }).await
}

/// Sends and expects this refusal, with the service untouched.
async fn refused(nation: &Nation, message: &Message, expected: &str, what: &str) {
    refused_as(nation, &message.bytes(), &[expected], what).await;
}

async fn refused_as(nation: &Nation, bytes: &[u8], expected: &[&str], what: &str) {
    let before = nation.calls();
    let answer = send_bytes(nation, bytes).await;
    assert!(!answer.head.contains("multipart/"), "{what}: answered");
    let code = answer.code();
    assert!(expected.contains(&code.as_str()), "{what}: {code}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(nation.calls(), before, "{what}: the service was reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_message_made_by_hand_is_answered_once_and_its_copy_refused() {
    let nation = nation().await;
    for (number, asked) in [Asked::post("xin chào"), Asked::get()].into_iter().enumerate() {
        let message = request(&nation, &asked);
        let answer = send(&nation, &message).await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("multipart/mixed"), "{answer:?}");
        assert_eq!(nation.calls(), number as u64 + 1);
        refused(&nation, &message, "InvalidRequest", "the very same bytes again").await;
        let mut renamed = message.clone();
        let fresh = uuid::Uuid::new_v4().to_string();
        let text = String::from_utf8(renamed.get(part::REST_REQUEST).clone()).unwrap();
        let old = &asked.headers.iter().find(|(name, _)| name == "x-road-request-id").unwrap().1;
        *renamed.get(part::REST_REQUEST) = text.replace(old.as_str(), &fresh).into_bytes();
        refused_as(&nation, &renamed.bytes(), UNPROVEN, "the same with another request id").await;
    }
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_reordered_doubled_and_extra_parts_are_refused() {
    let nation = nation().await;
    let whole = request(&nation, &Asked::post("thân bài"));
    let kinds: Vec<String> = whole.0.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(kinds.len(), 6);
    for kept in 0..whole.0.len() {
        let part = Message(whole.0[..kept].to_vec());
        let expected = if kept < 2 { "MissingRest" } else { "MissingSignature" };
        refused(&nation, &part, expected, &format!("only {kept} parts")).await;
        refused_as(&nation, &part.open_bytes(), &["MimeParsingFailed"], &format!("cut after {kept} parts")).await;
    }
    let bytes = whole.bytes();
    for cut in (1..bytes.len() - 2).step_by(bytes.len() / 40) {
        refused_as(&nation, &bytes[..cut], &["MimeParsingFailed"], &format!("cut at byte {cut}")).await;
    }
    for at in 0..whole.0.len() - 1 {
        let mut swapped = whole.clone();
        swapped.0.swap(at, at + 1);
        let expected = if at == 0 { "CertValidation" } else { "InvalidMessage" };
        refused(&nation, &swapped, expected, &format!("parts {at} and {} swapped", at + 1)).await;
    }
    for at in 1..whole.0.len() {
        let mut doubled = whole.clone();
        doubled.0.insert(at, whole.0[at].clone());
        refused(&nation, &doubled, "InvalidMessage", &format!("part {at} twice")).await;
    }
    for at in 1..=whole.0.len() {
        let mut extra = whole.clone();
        extra.0.insert(at, ("application/x-more".into(), b"?".to_vec()));
        refused(&nation, &extra, "InvalidMessage", &format!("an unknown part at {at}")).await;
    }
    let trailing = [bytes.as_slice(), b"more"].concat();
    refused_as(&nation, &trailing, &["MimeParsingFailed"], "bytes after the end").await;
    let mut many = whole.clone();
    for _ in 0..9 {
        many.0.insert(0, whole.0[0].clone());
    }
    refused(&nation, &many, "InvalidMessage", "too many OCSP answers").await;
    // The untouched original has not been used up by all that.
    assert_eq!(send(&nation, &whole).await.status, 200);
    assert_eq!(nation.calls(), 1);
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_message_is_refused() {
    let nation = nation().await;
    let config = tls_as(&nation.consumer.auth_tls);
    let good = request(&nation, &Asked::post("x")).bytes();
    for (bytes, expected) in [
        (b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(), "InvalidHttpMethod"),
        (post_bytes("text/plain", "", &good), "MimeParsingFailed"),
        (post_bytes("multipart/mixed", "", &good), "MimeParsingFailed"),
        (post_bytes("multipart/mixed; boundary=other", "", &good), "MimeParsingFailed"),
        (post_bytes(&format!("multipart/mixed; boundary={}", "b".repeat(71)), "", &good), "MimeParsingFailed"),
        (post_bytes(CONTENT_TYPE, "", b""), "MimeParsingFailed"),
        (post_bytes(CONTENT_TYPE, "", &vec![b'-'; 100_000]), "MimeParsingFailed"),
        (
            post_bytes(CONTENT_TYPE, "", format!("--{BOUNDARY}\r\n{}", "a".repeat(100_000)).as_bytes()),
            "MimeParsingFailed",
        ),
    ] {
        let answer = talk_tls(nation.provider.peer, config.clone(), &bytes).await.unwrap();
        assert_eq!(answer.code(), expected, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    }
    let mut fault = request(&nation, &Asked::post("x"));
    fault.0[1] = ("text/xml".into(), b"<a/>".to_vec());
    refused_as(&nation, &fault.bytes(), &["InvalidMessage", "MimeParsingFailed"], "a fault as a question").await;
    let mut huge = request(&nation, &Asked::post("x"));
    *huge.get(part::REST_REQUEST) = vec![b'a'; 200_000];
    refused(&nation, &huge, "InvalidMessage", "a huge header part").await;
    assert_eq!(nation.calls(), 0);
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_of_a_message_is_covered_by_its_signature() {
    let nation = nation().await;
    let whole = request(&nation, &Asked::post("một thân bài khá dài để đủ chỗ sửa từng byte"));
    // What stands after the signed properties (certificates, OCSP answers) is checked on its own and need not be signed.
    let signature = String::from_utf8(whole.0[5].1.clone()).unwrap();
    let signed = signature.find("<xades:UnsignedProperties>").unwrap();
    for index in 1..whole.0.len() {
        let length = if index == 5 { signed } else { whole.0[index].1.len() };
        for at in (0..length).step_by((length / 12).max(1)) {
            let mut changed = whole.clone();
            changed.0[index].1[at] ^= 1;
            let before = nation.calls();
            let answer = send(&nation, &changed).await;
            // A changed byte may break the form, name somebody or something else, or only the proof; it never passes.
            assert_eq!(nation.calls(), before, "part {index}, byte {at} of {length} was changed unnoticed");
            assert!(!answer.code().is_empty(), "part {index}, byte {at}");
        }
    }
    assert_eq!(send(&nation, &whole).await.status, 200);
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_of_others_or_over_other_bytes_prove_nothing() {
    let nation = nation().await;
    let now = nation.clock.now();
    let other = request_by(&nation, &Asked::post("x"), &nation.provider.sign, now);
    refused(&nation, &other, "SignatureVerification", "another member's valid key").await;
    let auth = request_by(&nation, &Asked::post("x"), &nation.consumer.auth, now);
    refused(&nation, &auth, "IncorrectCertificate", "the authentication key").await;
    let folder = nation.folder.path().join("foreign");
    let foreign = Authority::create(&folder, "Kẻ lạ", KeyKind::EcP256, nation.clock.clone()).unwrap();
    let (stranger, _) = certified(&foreign, KeyKind::EcP256, Profile::Sign, CONSUMER.0);
    let strange = request_by(&nation, &Asked::post("x"), &stranger, now);
    refused(&nation, &strange, "CannotCreateCertPath", "a certificate of a foreign authority").await;

    let signer = builder(&nation, &nation.consumer.sign);
    let asked = Asked::post("thật");
    let header = asked.header_part();
    let mut swapped = request(&nation, &asked);
    *swapped.get(part::REST_BODY) = b"gi\xe1\xba\xa3".to_vec();
    refused_as(&nation, &swapped.bytes(), UNPROVEN, "another body").await;
    for (what, evidence) in [
        ("signature over the header part alone", sign(&signer, &header, None, now)),
        ("a chain over the header part alone", chain_over(&signer, &header, &[], now)),
        ("a chain over another body", sign(&signer, &header, Some(b"kh\xc3\xa1c"), now)),
        ("a chain over two bodies", chain_over(&signer, &header, &[sha512("thật".as_bytes()), sha512(b"2")], now)),
    ] {
        let mut message = request(&nation, &asked);
        message.0.truncate(3);
        message.0.extend(evidence);
        refused_as(&nation, &message.bytes(), UNPROVEN, what).await;
    }
    let bodiless = request(&nation, &Asked::post("bỏ đi")).without(part::REST_BODY);
    refused(&nation, &bodiless, "InvalidHashChainRef", "the body left out").await;
    let mut added = request(&nation, &Asked::get());
    added.0.insert(2, (part::REST_BODY.into(), b"added".to_vec()));
    refused_as(&nation, &added.bytes(), UNPROVEN, "a body put in").await;
    let unchained = request(&nation, &Asked::post("x")).without(part::HASH_CHAIN);
    refused(&nation, &unchained, "InvalidMessage", "a result without its chain").await;
    nation.alive().await;
}

fn chain_over(
    signer: &trust::xades::SignatureBuilder,
    header: &[u8],
    attachments: &[[u8; 64]],
    at: jiff::Timestamp,
) -> Vec<(String, Vec<u8>)> {
    let mut batch = build_batch(&[MessageParts { message: sha512(header), attachments }]).unwrap();
    let xml = signer.sign(SignedObject::HashChainResult(batch.result_digest), at).unwrap().xml;
    vec![
        (part::HASH_CHAIN_RESULT.into(), batch.result_xml.into_bytes()),
        (part::HASH_CHAIN.into(), batch.chains.swap_remove(0).into_bytes()),
        (part::SIGNATURE.into(), xml.into_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hash_chains_that_turn_in_circles_and_xml_made_to_explode_are_refused() {
    let nation = nation().await;
    let ds = "http://www.w3.org/2000/09/xmldsig#";
    let step = |id: &str, to: &str| format!("<HashStep id=\"{id}\"><StepRef URI=\"#{to}\"/></HashStep>");
    let circle = format!(
        "<HashChain xmlns=\"http://cyber.ee/hashchain\" xmlns:ds=\"{ds}\"><DefaultDigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"/>{}{}</HashChain>",
        step("STEP0", "STEP1"),
        step("STEP1", "STEP0")
    );
    let long: String = (0..9000).map(|n| step(&format!("STEP{n}"), &format!("STEP{}", n + 1))).collect();
    let long = format!("<HashChain xmlns=\"http://cyber.ee/hashchain\" xmlns:ds=\"{ds}\">{long}</HashChain>");
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><a>&c;&c;&c;&c;</a>";
    let deep = "<a>".repeat(250_000);
    let wide = format!("<a {}/>", (0..40_000).map(|n| format!("b{n}=\"\" ")).collect::<String>());
    for (what, xml) in [("circle", circle.as_str()), ("long", &long), ("bomb", bomb), ("deep", &deep), ("wide", &wide)]
    {
        for kind in [part::HASH_CHAIN_RESULT, part::HASH_CHAIN, part::SIGNATURE] {
            let mut message = request(&nation, &Asked::post("x"));
            *message.get(kind) = xml.as_bytes().to_vec();
            refused_as(&nation, &message.bytes(), UNPROVEN, &format!("{what} as {kind}")).await;
        }
    }
    let mut external = request(&nation, &Asked::post("x"));
    let signature = String::from_utf8(external.get(part::SIGNATURE).clone()).unwrap();
    *external.get(part::SIGNATURE) =
        signature.replacen("?>", "?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>", 1).into_bytes();
    refused(&nation, &external, "MalformedSignature", "an external entity").await;
    nation.alive().await;
}

/// The classic attacks on XML signatures: the signed element is moved, and something else stands where it is looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrapped_signatures_are_refused() {
    let nation = nation().await;
    let honest = request(&nation, &Asked::get());
    let signature = String::from_utf8(honest.clone().get(part::SIGNATURE).clone()).unwrap();
    let start = signature.find("<ds:Signature ").unwrap();
    let end = signature.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let element = &signature[start..end];
    // What the attacker wants believed: the same signature, its reference pointing at other bytes.
    let lie = Asked::get().target(Nation::path("tracuu", "/khac"));
    let told = Message(vec![honest.0[0].clone(), (part::REST_REQUEST.into(), lie.header_part())]);
    let lying = sign(&builder(&nation, &nation.provider.sign), &lie.header_part(), None, nation.clock.now());
    let lying = String::from_utf8(lying[0].1.clone()).unwrap();
    let other = &lying[lying.find("<ds:Signature ").unwrap()..lying.find("</ds:Signature>").unwrap() + 15];
    let digest_of = |xml: &str| {
        let at = xml.find("<ds:DigestValue>").unwrap() + 16;
        xml[at..at + xml[at..].find('<').unwrap()].to_owned()
    };
    let redirected = element.replacen(&digest_of(element), &digest_of(other), 1);
    let object = |inner: &str| format!("<ds:Object Id=\"wrapped\">{inner}</ds:Object></ds:Signature>");
    for (what, inside) in [
        ("two signatures, the genuine one first", format!("{element}{other}")),
        ("two signatures, the genuine one last", format!("{other}{element}")),
        ("the genuine one inside the false one", other.replacen("</ds:Signature>", &object(element), 1)),
        ("the false one inside the genuine one", element.replacen("</ds:Signature>", &object(other), 1)),
        ("the genuine one inside its changed copy", redirected.replacen("</ds:Signature>", &object(element), 1)),
        ("another digest under the same value", redirected),
    ] {
        let xml = format!("{}{inside}{}", &signature[..start], &signature[end..]);
        let mut message = told.clone();
        message.0.push((part::SIGNATURE.into(), xml.into_bytes()));
        let mut codes = UNPROVEN.to_vec();
        codes.push("IncorrectCertificate");
        refused_as(&nation, &message.bytes(), &codes, what).await;
    }
    // A second element with the identifier that the signature refers to.
    let properties = signature.find("<xades:SignedProperties").unwrap();
    let decoy = format!(
        "{}<xades:SignedProperties Id=\"signed-properties\"/>{}",
        &signature[..properties],
        &signature[properties..]
    );
    let mut message = honest.clone();
    *message.get(part::SIGNATURE) = decoy.into_bytes();
    refused_as(&nation, &message.bytes(), UNPROVEN, "a second element of the same id").await;
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_parts_that_lie_are_refused_although_well_signed() {
    let nation = nation().await;
    let good = || Asked::post("x");
    let path = |service: &str, rest: &str| Nation::path(service, rest);
    for (asked, expected) in [
        (good().header("x-road-client", &client(PROVIDER).encoded()), "InvalidClientIdentifier"),
        (good().header("x-road-client", "VN/GOV/G99/la"), "UnknownMember"),
        (good().header("x-road-client", "VN"), "InvalidMessage"),
        (good().header("x-road-id", ""), "InvalidMessage"),
        (good().header("x-road-request-id", "1"), "InvalidMessage"),
        (good().header("x-road-request-id", ""), "InvalidMessage"),
        (good().target("/r1/VN/GOV/G01".into()), "InvalidMessage"),
        (good().target("http://127.0.0.1/r1/VN/GOV/G01/dancu/tracuu".into()), "InvalidMessage"),
        (good().target("/r1/VN/GOV/H26/motcua/x".into()), "UnknownMember"),
        (good().target(path("khongco", "/")), "UnknownService"),
        (good().target(path("kin", "/")), "AccessDenied"),
        (good().target(path("tamdung", "/")), "ServiceDisabled"),
        (good().target(path("tracuu", "/a#b")), "AccessDenied"),
        (good().target(path("tracuu", "/%2e%2e/x")), "AccessDenied"),
        (good().target(path("tracuu", "/a\u{0}b")), "AccessDenied"),
        (good().method("CONNECT"), "InvalidHttpMethod"),
        (good().method("BREW"), "InvalidHttpMethod"),
        (good().method("get"), "InvalidHttpMethod"),
        (good().method("200"), "InvalidMessage"),
    ] {
        let what = format!("{asked:?}");
        refused(&nation, &request(&nation, &asked), expected, &what).await;
    }
    let mut smuggled = good();
    smuggled.headers.push(("a".into(), "b\rc: d".into()));
    refused(&nation, &request(&nation, &smuggled), "InvalidMessage", "a bare CR").await;
    let mut many = good();
    many.headers.extend((0..300).map(|n| (format!("h{n}"), "x".to_owned())));
    refused(&nation, &request(&nation, &many), "InvalidMessage", "300 headers").await;
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_signed_long_ago_or_ahead_is_refused() {
    let nation = nation().await;
    let now = nation.clock.now();
    for minutes in [-60, -16, 16, 60] {
        let at = now + SignedDuration::from_mins(minutes);
        let message = request_by(&nation, &Asked::post("x"), &nation.consumer.sign, at);
        refused(&nation, &message, "InvalidRequest", &format!("signed {minutes} min from now")).await;
    }
    let near = request_by(&nation, &Asked::post("x"), &nation.consumer.sign, now - SignedDuration::from_mins(10));
    assert_eq!(send(&nation, &near).await.status, 200);
    assert_eq!(nation.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_gateway_is_told_which_version_is_needed() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.minimum_client_version = Some("7.4.0".into());
    let nation = Nation::start(options).await;
    let config = tls_as(&nation.consumer.auth_tls);
    for (version, allowed) in [("7.3.9", false), ("", false), ("nonsense", false), ("7.4.0", true), ("7.10.0", true)] {
        let body = request(&nation, &Asked::post("x")).bytes();
        let bytes = post_bytes(CONTENT_TYPE, &format!("x-proxy-version: {version}\r\n"), &body);
        let answer = talk_tls(nation.provider.peer, config.clone(), &bytes).await.unwrap();
        assert_eq!(answer.head.contains("multipart/mixed"), allowed, "{version}");
        if !allowed {
            assert_eq!(answer.code(), "ClientProxyVersionNotSupported", "{version}");
        }
    }
    assert_eq!(nation.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_of_the_callers_certificate_must_be_shown_and_fresh() {
    let start: jiff::Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    let nation = Nation::start(Options { synced: false, clock: Clock::manual(start), ..Options::default() }).await;
    let good = request(&nation, &Asked::post("x"));
    refused(&nation, &good.clone().without(part::OCSP), "CertValidation", "no answer").await;
    let with = |answer: Vec<u8>| {
        let mut message = good.clone();
        *message.get(part::OCSP) = answer;
        message
    };
    let about_other = ocsp_about(&nation, &nation.provider.auth);
    refused(&nation, &with(about_other), "CertValidation", "an answer about another").await;
    let about_signer = ocsp_about(&nation, &nation.consumer.sign);
    refused(&nation, &with(about_signer), "CertValidation", "an answer about the signing certificate").await;
    refused(&nation, &with(b"garbage".to_vec()), "CertValidation", "no answer at all").await;
    let mut changed = ocsp_about(&nation, &nation.consumer.auth);
    changed[90] ^= 1;
    refused(&nation, &with(changed), "CertValidation", "a changed answer").await;
    let folder = nation.folder.path().join("foreign");
    let foreign = Authority::create(&folder, "Kẻ lạ", KeyKind::EcP256, nation.clock.clone()).unwrap();
    let question = trust::ocsp::request(&nation.consumer.auth.certificate, foreign.issuing_certificate()).unwrap();
    refused(&nation, &with(foreign.ocsp_answer(&question)), "CertValidation", "a stranger's answer").await;

    let early = ocsp_about(&nation, &nation.consumer.auth);
    nation.clock.advance(SignedDuration::from_mins(61));
    let now = nation.clock.now();
    assert!(nation.provider.gateway.identity.refresh(&nation.provider.world.current(), now).await);
    let mut stale = request(&nation, &Asked::post("x"));
    *stale.get(part::OCSP) = early.clone();
    refused(&nation, &stale, "CertValidation", "a stale answer").await;
    // A sender that shows an old answer beside a fresh one has shown a fresh one.
    let mut both = request(&nation, &Asked::post("x"));
    both.0.insert(0, (part::OCSP.into(), early));
    assert!(send(&nation, &both).await.head.contains("multipart/mixed"));

    let serial = nation.consumer.auth.certificate.serial_hex();
    nation.authority.revoke(&serial, now).unwrap();
    refused(&nation, &request(&nation, &Asked::post("x")), "CertValidation", "a revoked certificate").await;
    assert_eq!(nation.calls(), 1);
    // The revoked gateway learns it at its next refresh and says so instead of sending.
    nation.clock.advance(SignedDuration::from_mins(30));
    let consumer = &nation.consumer;
    assert!(!consumer.gateway.identity.refresh(&consumer.world.current(), nation.clock.now()).await);
    let answer = nation.call("GET", &Nation::path("tracuu", "/"), &[], None).await;
    assert_eq!(answer.error(), "Server.ClientProxy.SslAuthenticationFailed");
    assert!(answer.json()["message"].as_str().unwrap().contains("no valid authentication certificate"));
    assert_eq!(nation.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_signing_certificate_signs_nothing_any_more() {
    let nation = nation().await;
    nation.authority.revoke(&nation.consumer.sign.certificate.serial_hex(), nation.clock.now()).unwrap();
    refused(&nation, &request(&nation, &Asked::post("x")), "CertValidation", "revoked signer").await;
}

/// Trusts any server and shows no certificate.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

pub fn anonymous() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer)).with_no_client_auth())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_registered_and_valid_gateways_get_through_tls() {
    let start: jiff::Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    let clock = Clock::manual(start);
    let mut nation = Nation::start(Options { synced: false, clock: clock.clone(), ..Options::default() }).await;
    let bytes = post_bytes(CONTENT_TYPE, "", &request(&nation, &Asked::post("x")).bytes());
    let kind = KeyKind::EcP256;
    let folder = nation.folder.path().join("foreign");
    let foreign = Authority::create(&folder, "Kẻ lạ", kind, clock.clone()).unwrap();
    let (_, unregistered) = certified(&nation.authority, kind, Profile::Auth, CONSUMER.0);
    let (strange, strange_tls) = certified(&foreign, kind, Profile::Auth, CONSUMER.0);
    let (signing, signing_tls) = certified(&nation.authority, kind, Profile::Sign, CONSUMER.0);
    // A certificate that ran out a month ago: its authority's clock stood two years and a month back when it was made.
    clock.set(start - SignedDuration::from_hours(24 * 760));
    let (expired, expired_tls) = certified(&nation.authority, kind, Profile::Auth, CONSUMER.0);
    clock.set(start);
    let hashes = &mut nation.shared.servers[0].auth_cert_hashes;
    hashes.extend([strange, signing, expired].map(|pair: KeyPair| *pair.certificate.sha256()));
    nation.tell();
    assert!(talk_tls(nation.provider.peer, anonymous(), &bytes).await.is_none(), "no certificate");
    for (what, key) in [
        ("unregistered", &unregistered),
        ("registered, of a foreign authority", &strange_tls),
        ("registered, but for signing", &signing_tls),
        ("registered, but expired", &expired_tls),
    ] {
        let answer = talk_tls(nation.provider.peer, tls_as(key), &bytes).await;
        assert!(answer.is_none(), "{what}: {answer:?}");
    }
    assert_eq!(nation.calls(), 0);
    // A key that is not the certificate's proves nothing.
    let mut stolen = nation.consumer.auth_tls.clone();
    stolen.key = unregistered.key.clone();
    assert!(talk_tls(nation.provider.peer, tls_as(&stolen), &bytes).await.is_none(), "a stolen certificate");
    // Registered, but for a gateway that does not serve the client.
    let answer = talk_tls(nation.provider.peer, tls_as(&nation.provider.auth_tls), &bytes).await.unwrap();
    assert_eq!(answer.code(), "InvalidClientIdentifier");
    assert_eq!(nation.calls(), 0);
    // A gateway struck off the list is refused on a connection that is already open, resumed sessions included.
    let config = tls_as(&nation.consumer.auth_tls);
    assert_eq!(talk_tls(nation.provider.peer, config.clone(), &bytes).await.unwrap().status, 200);
    assert_eq!(nation.calls(), 1);
    nation.shared.servers[0].auth_cert_hashes.clear();
    nation.tell();
    let again = post_bytes(CONTENT_TYPE, "", &request(&nation, &Asked::post("x")).bytes());
    if let Some(answer) = talk_tls(nation.provider.peer, config, &again).await {
        assert_eq!(answer.code(), "SslAuthenticationFailed");
    }
    assert_eq!(nation.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_struck_off_the_list_takes_its_gateways_with_it() {
    let mut nation = nation().await;
    nation.alive().await;
    let folder = nation.folder.path().join("foreign");
    let foreign = Authority::create(&folder, "Kẻ lạ", KeyKind::EcP256, nation.clock.clone()).unwrap();
    let message = request(&nation, &Asked::post("x"));
    nation.shared.approved_cas[0].top.cert = CertDer::new(foreign.root().der());
    nation.tell();
    let bytes = post_bytes(CONTENT_TYPE, "", &message.bytes());
    let before = nation.calls();
    assert!(talk_tls(nation.provider.peer, tls_as(&nation.consumer.auth_tls), &bytes).await.is_none());
    // The consumer's kept connection is no way around either.
    let answer = nation.call("GET", &Nation::path("tracuu", "/"), &[], None).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(nation.calls(), before);
}
