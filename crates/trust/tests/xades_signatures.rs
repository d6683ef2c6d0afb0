//! Signatures: written once, read by us and by `xmlsec1`; changed anywhere, refused for the right reason.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test helpers stop at the first surprise, like the tests they serve"
)]

mod xades_nation;

use jiff::Timestamp;
use proptest::prelude::*;
use std::sync::OnceLock;
use trust::c14n::{Method, canonicalize, parse_secure};
use trust::cert::{CertificateUsage, ChainError};
use trust::hashchain::{HashChainError, MessageParts, build_batch};
use trust::ocsp::{OcspError, OcspPolicy, OcspStatus};
use trust::tsp::Imprint;
use trust::xades::{
    ApprovedAuthority, ChainDocuments, CoverError, Covers, ParsedSignature, SignatureBuilder, SignatureError,
    SignedObject, SignerError, Verifier, add_time_stamp, verify_signature,
};
use trust::{KeyKind, SignatureAlgorithm, SigningKey, SoftwareKey};
use xades_nation::{Nation, digest, hours, member, noon, xmlsec_verify};

const MESSAGE: &[u8] = b"GET\r\n/r1/VN/GOV/H26/cs/population/persons\r\nX-Road-Client:VN/GOV/H57/onestop\r\n";

/// One nation for the many small tests: keys take time to make.
fn nation() -> &'static Nation {
    static NATION: OnceLock<Nation> = OnceLock::new();
    NATION.get_or_init(|| Nation::new(KeyKind::EcP256))
}

fn message_signature() -> &'static str {
    static SIGNATURE: OnceLock<String> = OnceLock::new();
    SIGNATURE.get_or_init(|| nation().builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml)
}

fn refusal(xml: &str) -> SignatureError {
    verify_signature(xml.as_bytes(), &nation().trust, noon()).map(drop).unwrap_err()
}

#[test]
fn every_kind_of_key_signs_what_we_and_xmlsec_verify() {
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256, KeyKind::EcP384] {
        let nation = Nation::new(kind);
        let builder = nation.builder();
        let signed = builder.sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap();
        let verified = verify_signature(signed.xml.as_bytes(), &nation.trust, noon()).unwrap();
        verified.covers_message(&digest(MESSAGE), &[], None).unwrap();
        assert_eq!(verified.signing_time, Some(noon()));
        assert_eq!(verified.value, signed.value);
        assert_eq!(verified.signer, nation.signer);
        assert_eq!(verified.evidence.authority, "Test services");
        assert_eq!(verified.signer.subject_attribute("serialNumber").as_deref(), Some("H26.02"));
        xmlsec_verify(&signed.xml, &[("/message.xml", MESSAGE)], &nation.ca).unwrap();
        assert!(xmlsec_verify(&signed.xml, &[("/message.xml", b"other")], &nation.ca).is_err());

        let attachments = [digest(b"first"), digest(b"second")];
        let batch = build_batch(&[
            MessageParts { message: digest(MESSAGE), attachments: &attachments },
            MessageParts { message: digest(b"another"), attachments: &[] },
        ])
        .unwrap();
        let signed = builder.sign(SignedObject::HashChainResult(batch.result_digest), noon()).unwrap();
        xmlsec_verify(&signed.xml, &[("/sig-hashchainresult.xml", batch.result_xml.as_bytes())], &nation.ca).unwrap();
        let verified = verify_signature(signed.xml.as_bytes(), &nation.trust, noon()).unwrap();
        let documents = |at: usize| {
            Some(ChainDocuments { result: batch.result_xml.as_bytes(), chain: batch.chains[at].as_bytes() })
        };
        verified.covers_message(&digest(MESSAGE), &attachments, documents(0)).unwrap();
        verified.covers_message(&digest(b"another"), &[], documents(1)).unwrap();
        assert!(verified.covers_message(&digest(b"another"), &[], documents(0)).is_err());
    }
}

#[test]
fn what_is_written_is_its_own_canonical_form() {
    let xml = message_signature();
    let document = parse_secure(xml.as_bytes()).unwrap();
    for name in ["SignedInfo", "SignedProperties"] {
        let node = document.descendants().find(|node| node.tag_name().name() == name).unwrap();
        let canonical = canonicalize(node, &Method::INCLUSIVE, None);
        assert_eq!(String::from_utf8(canonical).unwrap(), xml[node.range()], "{name}");
    }
}

#[test]
fn the_profile_is_written_to_the_letter() {
    let xml = message_signature();
    for expected in [
        "<asic:XAdESSignatures xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\"><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"signature\">",
        "<xades:SigningTime>2026-11-20T05:00:00.000Z</xades:SigningTime>",
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\">",
        "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512\">",
        "URI=\"/message.xml\"",
        "Type=\"http://uri.etsi.org/01903#SignedProperties\" URI=\"#signed-properties\"",
        "<ds:SignatureValue Id=\"signature-value\">",
        "<xades:Identifier>urn:oid:1.3.6.1.4.1.3516.16.2</xades:Identifier>",
        "<ds:DigestValue>BuO0EDNfkxSVlUbxCzmQPzX1AUF1/xx9ytWHk3/6SAOePxQiniEfDYk+90QeYb3lWpV3Izhuz9fKaYyE+lTcXw==</ds:DigestValue>",
        "<xades:SPURI>https://repo.cyber.ee/dsig-profile-1.2.pdf</xades:SPURI>",
        "<xades:MimeType>text/xml</xades:MimeType>",
        "<xades:EncapsulatedX509Certificate Id=\"encapsulated-cert-1\">",
        "<xades:EncapsulatedOCSPValue Id=\"ocsp-response-1\">",
        "&lt;Hà Nội&gt;",
    ] {
        let issuer_only = expected.starts_with("&lt;");
        // The issuer's name has no brackets; the signer's subject never appears in the text.
        assert_eq!(xml.contains(expected), !issuer_only, "{expected}");
    }
    assert!(xml.contains("Thử nghiệm &amp; Kiểm tra"));
    let parsed = ParsedSignature::parse(xml.as_bytes()).unwrap();
    assert_eq!(parsed.policy.as_deref(), Some("urn:oid:1.3.6.1.4.1.3516.16.2"));
    assert_eq!(parsed.value.len(), 64, "ECDSA values are r || s");
    assert_eq!(parsed.algorithm, SignatureAlgorithm::EcdsaSha512);
}

#[test]
fn a_key_and_a_certificate_that_differ_do_not_make_a_builder() {
    let key = std::sync::Arc::new(SoftwareKey::generate(KeyKind::EcP256).unwrap());
    assert!(SignatureBuilder::new(key, &nation().signer, &[], &[]).is_err());
}

/// Replaces the text between two marks (first occurrence of `start`).
fn replace_between(xml: &str, start: &str, end: &str, with: &str) -> String {
    let from = xml.find(start).unwrap_or_else(|| panic!("{start}")) + start.len();
    let to = from + xml[from..].find(end).unwrap();
    format!("{}{with}{}", &xml[..from], &xml[to..])
}

#[test]
fn each_changed_part_is_refused_for_its_own_reason() {
    let xml = message_signature();
    let other = Nation::new(KeyKind::EcP256);
    let foreign = other.builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml;
    let take = |xml: &str, start: &str, end: &str| {
        let from = xml.find(start).unwrap() + start.len();
        xml[from..from + xml[from..].find(end).unwrap()].to_owned()
    };

    // The digest of the message, the value, the time, the policy, the media type.
    let info = xml.replacen(
        &take(xml, "<ds:DigestValue>", "</"),
        &take(
            &other.builder().sign(SignedObject::Message(digest(b"x")), noon()).unwrap().xml,
            "<ds:DigestValue>",
            "</",
        ),
        1,
    );
    assert!(matches!(refusal(&info), SignatureError::Value(_)));
    let value = replace_between(xml, "Id=\"signature-value\">", "</", &take(&foreign, "Id=\"signature-value\">", "</"));
    assert!(matches!(refusal(&value), SignatureError::Value(_)));
    for (from, to) in [
        ("05:00:00.000Z", "05:00:01.000Z"),
        ("3516.16.2<", "3516.16.3<"),
        ("<xades:MimeType>text/xml", "<xades:MimeType>text/XML"),
    ] {
        let error = refusal(&xml.replacen(from, to, 1));
        assert_eq!(error, SignatureError::Reference("the signed properties have been changed".into()), "{from}");
        assert_eq!(error.protocol_code(), "InvalidReference");
    }

    // Another certificate in the key information, with and without the signed properties that name it.
    let certificate = take(&foreign, "<ds:X509Certificate>", "</");
    let swapped = replace_between(xml, "<ds:X509Certificate>", "</", &certificate);
    assert_eq!(refusal(&swapped), SignatureError::OtherCertificate);
    let stranger = verify_signature(foreign.as_bytes(), &nation().trust, noon()).map(drop).unwrap_err();
    assert!(matches!(&stranger, SignatureError::Signer(SignerError::Path(_))), "{stranger:?}");

    // Evidence beside the signature.
    let unsigned =
        replace_between(xml, "Id=\"ocsp-response-1\">", "</", &take(&foreign, "Id=\"ocsp-response-1\">", "</"));
    assert_eq!(refusal(&unsigned), SignatureError::Signer(SignerError::NoOcsp));
    let removed = replace_between(xml, "<xades:RevocationValues>", "</xades:RevocationValues>", "");
    assert_eq!(refusal(&removed), SignatureError::Signer(SignerError::NoOcsp));
    let garbage = replace_between(xml, "Id=\"ocsp-response-1\">", "</", "AAAA");
    assert_eq!(refusal(&garbage), SignatureError::Signer(SignerError::Ocsp(OcspError::Malformed)));

    // Algorithms.
    let weak = xml.replacen("xmldsig-more#ecdsa-sha512", "xmldsig-more#ecdsa-sha1", 1);
    assert!(matches!(refusal(&weak), SignatureError::Malformed(_)));
    let other_method = xml.replacen("xmldsig-more#ecdsa-sha512", "xmldsig-more#rsa-sha512", 1);
    assert!(matches!(refusal(&other_method), SignatureError::Value(_)));
    let canonicalization = xml.replacen("REC-xml-c14n-20010315", "REC-xml-c14n11", 1);
    assert!(matches!(refusal(&canonicalization), SignatureError::Malformed(_)));
}

#[test]
fn moved_doubled_and_transformed_elements_are_refused() {
    let xml = message_signature();
    let slice = |start: &str, end: &str| {
        let from = xml.find(start).unwrap();
        &xml[from..from + xml[from..].find(end).unwrap() + end.len()]
    };
    let signature = slice("<ds:Signature ", "</ds:Signature>");
    let properties = slice("<xades:SignedProperties ", "</xades:SignedProperties>");
    let object = slice("<ds:Object>", "</ds:Object>");
    let forged = properties.replace("05:00:00", "06:00:00");
    let reference = slice("<ds:Reference Id=\"signature-reference-0\"", "</ds:Reference>");
    let transforms = "<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"></ds:Transform></ds:Transforms>";
    let c14n = transforms.replace("TR/1999/REC-xpath-19991116", "TR/2001/REC-xml-c14n-20010315");
    let wrapped = [
        // Two signatures; one hidden in an object; the signed properties moved aside with forged ones in their place.
        xml.replace(signature, &format!("{signature}{signature}")),
        xml.replace("</ds:Object>", &format!("{}</ds:Object>", signature.replace("Id=\"", "Id=\"x"))),
        xml.replace(properties, &format!("{forged}{properties}")),
        xml.replace(properties, &format!("{forged}<xades:Hidden>{properties}</xades:Hidden>")),
        xml.replace(
            properties,
            &format!(
                "{}<xades:Hidden>{properties}</xades:Hidden>",
                forged.replace("Id=\"signed-properties\"", "Id=\"other\"")
            ),
        ),
        xml.replace(object, &format!("{object}<ds:Object>{properties}</ds:Object>")),
        xml.replace("<ds:Object>", &format!("<ds:Object>{properties}</ds:Object><ds:Object>")),
        xml.replace(
            properties,
            &forged.replace("</xades:SignedProperties>", &format!("{properties}</xades:SignedProperties>")),
        ),
        // Identifiers.
        xml.replace("Id=\"signature-value\"", "Id=\"signed-properties\""),
        xml.replace("Id=\"signature-value\"", "ID=\"signed-properties\""),
        xml.replace("Id=\"signature-value\"", "xml:id=\"signature\""),
        xml.replace("Target=\"#signature\"", "Target=\"#other\""),
        xml.replace("URI=\"#signed-properties\"", "URI=\"\""),
        xml.replace("URI=\"#signed-properties\"", "URI=\"#signature\""),
        xml.replace("URI=\"#signed-properties\"", "URI=\"#xpointer(id('signed-properties'))\""),
        xml.replace(" Type=\"http://uri.etsi.org/01903#SignedProperties\"", ""),
        // References: unknown, repeated, transformed, missing.
        xml.replace("URI=\"/message.xml\"", "URI=\"/other.xml\""),
        xml.replace("URI=\"/message.xml\"", "URI=\"file:///etc/passwd\""),
        xml.replace("URI=\"/message.xml\"", "URI=\"/attachment1\""),
        xml.replace("URI=\"/message.xml\"", "URI=\"/attachment01\""),
        xml.replace(reference, ""),
        xml.replace(reference, &format!("{reference}{}", reference.replace("signature-reference-0", "again"))),
        xml.replace(reference, &reference.replacen("<ds:DigestMethod", &format!("{transforms}<ds:DigestMethod"), 1)),
        xml.replace(reference, &reference.replacen("<ds:DigestMethod", &format!("{c14n}<ds:DigestMethod"), 1)),
        // Shape.
        xml.replace("asic:XAdESSignatures", "asic:Other"),
        xml.replace("<ds:KeyInfo>", "text<ds:KeyInfo>"),
        xml.replace("</ds:X509Data>", "<ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>"),
        xml.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "<!DOCTYPE x [<!ATTLIST a b ID #IMPLIED>]>"),
    ];
    for (at, attempt) in wrapped.iter().enumerate() {
        assert_ne!(attempt, xml, "attempt {at} changes nothing");
        let error = refusal(attempt);
        assert!(
            matches!(error, SignatureError::Malformed(_) | SignatureError::Reference(_)),
            "attempt {at}: {error:?}"
        );
    }
}

#[test]
fn only_signing_certificates_of_approved_authorities_sign() {
    let nation = nation();
    let key = std::sync::Arc::new(SoftwareKey::generate(KeyKind::EcP256).unwrap());
    let wrong = nation.certify(member("H26.02"), CertificateUsage::Authentication, 20, &key);
    let ocsp = nation.ocsp(&wrong, OcspStatus::Good, noon());
    let builder = SignatureBuilder::new(key, &wrong, &[], &ocsp).unwrap();
    let xml = builder.sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml;
    assert_eq!(refusal(&xml), SignatureError::Usage);

    let nobody = xades_nation::Trust { authorities: Vec::new(), ..nation.trust.clone() };
    let error = verify_signature(message_signature().as_bytes(), &nobody, noon()).unwrap_err();
    assert!(matches!(error, SignatureError::Signer(SignerError::Path(ChainError::UnknownIssuer { .. }))));
    assert_eq!(error.protocol_code(), "CannotCreateCertPath");

    let leaf_as_anchor = ApprovedAuthority { anchor: nation.signer.clone(), ..nation.trust.authorities[0].clone() };
    let strange = xades_nation::Trust { authorities: vec![leaf_as_anchor], ..nation.trust.clone() };
    let error = verify_signature(message_signature().as_bytes(), &strange, noon()).unwrap_err();
    assert_eq!(error, SignatureError::Signer(SignerError::IsAuthority));
}

#[test]
fn the_status_of_the_signer_decides() {
    let nation = nation();
    let sign =
        |ocsp: &[u8]| nation.builder_with(ocsp).sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml;
    let judge = |xml: &str, at: Timestamp| verify_signature(xml.as_bytes(), &nation.trust, at).map(drop);
    let ocsp_error = |error| Err(SignatureError::Signer(SignerError::Ocsp(error)));

    let revoked = sign(&nation.ocsp(&nation.signer, OcspStatus::Revoked { at: noon() - hours(5) }, noon()));
    assert_eq!(judge(&revoked, noon()), ocsp_error(OcspError::Revoked));
    let unknown = sign(&nation.ocsp(&nation.signer, OcspStatus::Unknown, noon()));
    assert_eq!(judge(&unknown, noon()), ocsp_error(OcspError::Unknown));
    let good = message_signature();
    judge(good, noon() + hours(1)).unwrap();
    assert_eq!(judge(good, noon() + hours(2)), ocsp_error(OcspError::TooOld));
    assert_eq!(judge(good, noon() - hours(1)), ocsp_error(OcspError::TooNew));
    let expired = judge(good, noon() + hours(24 * 400)).unwrap_err();
    assert!(matches!(expired, SignatureError::Signer(SignerError::Path(ChainError::Expired { .. }))));
}

#[test]
fn a_remembered_verdict_is_still_judged_by_the_clock_and_the_configuration() {
    let nation = Nation::new(KeyKind::EcP256);
    let verifier = Verifier::new(2);
    let builder = nation.builder();
    let first = builder.sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap().xml;
    let one = verifier.verify(first.as_bytes(), &nation.trust, noon()).unwrap();
    let again = verifier.verify(first.as_bytes(), &nation.trust, noon()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&one, &again), "the same signature is verified once");
    let second = builder.sign(SignedObject::Message(digest(b"second")), noon()).unwrap().xml;
    let two = verifier.verify(second.as_bytes(), &nation.trust, noon()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&one.evidence, &two.evidence), "the same signer is judged once");

    let stale = verifier.verify(first.as_bytes(), &nation.trust, noon() + hours(3)).unwrap_err();
    assert_eq!(stale, SignatureError::Signer(SignerError::Ocsp(OcspError::TooOld)));
    let stricter = xades_nation::Trust { policy: OcspPolicy::with_freshness_seconds(60), ..nation.trust.clone() };
    assert!(verifier.verify(second.as_bytes(), &stricter, noon() + hours(1)).is_err());
    let withdrawn = xades_nation::Trust { authorities: Vec::new(), generation: 2, ..nation.trust.clone() };
    assert!(verifier.verify(first.as_bytes(), &withdrawn, noon()).is_err());

    // Over capacity old verdicts are forgotten, new ones are right.
    for number in 0..10_u8 {
        let xml = builder.sign(SignedObject::Message(digest(&[number])), noon()).unwrap().xml;
        let verified = verifier.verify(xml.as_bytes(), &nation.trust, noon()).unwrap();
        verified.covers_message(&digest(&[number]), &[], None).unwrap();
    }
    assert!(verifier.verify(first.replace("05:00:00", "05:00:01").as_bytes(), &nation.trust, noon()).is_err());
}

#[test]
fn a_message_is_covered_only_as_a_whole() {
    let verified = verify_signature(message_signature().as_bytes(), &nation().trust, noon()).unwrap();
    let covers = |message: &[u8], attachments: &[&[u8]]| {
        let attachments: Vec<_> = attachments.iter().map(|data| digest(data)).collect();
        verified.covers_message(&digest(message), &attachments, None)
    };
    covers(MESSAGE, &[]).unwrap();
    assert_eq!(covers(b"other", &[]), Err(CoverError::Changed("/message.xml".into())));
    assert_eq!(covers(MESSAGE, &[b"extra"]), Err(CoverError::Unsigned("/attachment1".into())));

    let parts = Covers::Parts(vec![
        ("/message.xml".into(), trust::hashchain::DigestValue::sha512(digest(MESSAGE))),
        ("/attachment1".into(), trust::hashchain::DigestValue::sha512(digest(b"body"))),
    ]);
    parts.check_message(&digest(MESSAGE), &[digest(b"body")], None).unwrap();
    assert_eq!(parts.check_message(&digest(MESSAGE), &[], None), Err(CoverError::Missing("/attachment1".into())));
    assert_eq!(
        parts.check_message(&digest(MESSAGE), &[digest(b"x")], None),
        Err(CoverError::Changed("/attachment1".into()))
    );

    let batch = build_batch(&[MessageParts { message: digest(MESSAGE), attachments: &[] }]).unwrap();
    let chained = Covers::HashChainResult(trust::hashchain::DigestValue::sha512(batch.result_digest));
    let documents = ChainDocuments { result: batch.result_xml.as_bytes(), chain: batch.chains[0].as_bytes() };
    chained.check_message(&digest(MESSAGE), &[], Some(documents)).unwrap();
    assert_eq!(chained.check_message(&digest(MESSAGE), &[], None), Err(CoverError::NoHashChain));
    let other = build_batch(&[MessageParts { message: digest(b"x"), attachments: &[] }]).unwrap();
    let swapped = ChainDocuments { result: other.result_xml.as_bytes(), chain: other.chains[0].as_bytes() };
    assert_eq!(chained.check_message(&digest(b"x"), &[], Some(swapped)), Err(CoverError::OtherResult));
    let unused = chained.check_message(&digest(MESSAGE), &[digest(b"extra")], Some(documents));
    assert_eq!(unused, Err(CoverError::HashChain(HashChainError::UnusedInputs(vec!["/attachment1".into()]))));
}

/// A signature as other writers spell it: no redundant declarations, other prefixes, line breaks, direct attachment
/// references, a lone signer certificate, DER in the ECDSA value.
fn foreign_signature(nation: &Nation, der_value: bool) -> String {
    use base64::Engine as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let sha512 = "http://www.w3.org/2001/04/xmlenc#sha512";
    let ocsp = nation.ocsp(&nation.signer, OcspStatus::Good, noon());
    let shell = |info: &str, value: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><a:XAdESSignatures xmlns:a=\"http://uri.etsi.org/02918/v1.2.1#\">\n\
             <Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"signature\">\n{info}\n<SignatureValue Id=\"signature-value\">\n{value}\n</SignatureValue>\n\
             <KeyInfo><X509Data><X509Certificate>\n{}\n</X509Certificate></X509Data></KeyInfo>\n<Object><x:QualifyingProperties \
             xmlns:x=\"http://uri.etsi.org/01903/v1.3.2#\" Target=\"#signature\"><x:SignedProperties Id=\"signed-properties\">\n<x:SignedSignatureProperties>\
             <x:SigningTime>2026-11-20T12:00:00+07:00</x:SigningTime><x:SigningCertificate><x:Cert><x:CertDigest><DigestMethod Algorithm=\"{sha512}\"/>\
             <DigestValue>{}</DigestValue></x:CertDigest></x:Cert></x:SigningCertificate></x:SignedSignatureProperties></x:SignedProperties>\
             <x:UnsignedProperties><x:UnsignedSignatureProperties><x:RevocationValues><x:OCSPValues><x:EncapsulatedOCSPValue>{}</x:EncapsulatedOCSPValue>\
             </x:OCSPValues></x:RevocationValues></x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></Object></Signature></a:XAdESSignatures>",
            base64(nation.signer.der()),
            base64(&digest(nation.signer.der())),
            base64(&ocsp)
        )
    };
    let find = |xml: &str, name: &str| {
        let document = parse_secure(xml.as_bytes()).unwrap();
        let node = document.descendants().find(|node| node.tag_name().name() == name).unwrap();
        canonicalize(node, &Method::INCLUSIVE, None)
    };
    let properties = digest(&find(&shell("", ""), "SignedProperties"));
    let reference = |uri: &str, digest: &[u8]| {
        format!(
            "<Reference URI=\"{uri}\"><DigestMethod Algorithm=\"{sha512}\"/><DigestValue>{}</DigestValue></Reference>",
            base64(digest)
        )
    };
    let info = format!(
        "<SignedInfo><CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>\n\
         <SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512\"/>{}{}{}</SignedInfo>",
        reference("/message.xml", &digest(MESSAGE)),
        reference("/attachment1", &digest(b"body")),
        reference("#signed-properties", &properties)
            .replace("URI=", "Type=\"http://uri.etsi.org/01903#SignedProperties\" URI=")
    );
    let der = nation.signer_key.sign(SignatureAlgorithm::EcdsaSha512, &find(&shell(&info, ""), "SignedInfo")).unwrap();
    let value = if der_value { der } else { trust::key::ecdsa_der_to_fixed(&der, 32).unwrap() };
    shell(&info, &base64(&value))
}

#[test]
fn signatures_of_other_writers_verify() {
    let nation = nation();
    for der_value in [false, true] {
        let xml = foreign_signature(nation, der_value);
        let verified = verify_signature(xml.as_bytes(), &nation.trust, noon()).unwrap();
        assert_eq!(verified.signing_time, Some(noon()));
        verified.covers_message(&digest(MESSAGE), &[digest(b"body")], None).unwrap();
        assert!(verified.covers_message(&digest(MESSAGE), &[], None).is_err());
        if !der_value {
            xmlsec_verify(&xml, &[("/message.xml", MESSAGE), ("/attachment1", b"body")], &nation.ca).unwrap();
        }
    }
}

#[test]
fn a_synchronous_time_stamp_is_added_without_breaking_the_signature() {
    let nation = nation();
    let signed = nation.builder().sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap();
    let token = nation.stamp(&signed.value, noon());
    let stamped = add_time_stamp(&signed.xml, &token).unwrap();
    verify_signature(stamped.as_bytes(), &nation.trust, noon()).unwrap();
    xmlsec_verify(&stamped, &[("/message.xml", MESSAGE)], &nation.ca).unwrap();
    let parsed = ParsedSignature::parse(stamped.as_bytes()).unwrap();
    assert_eq!(parsed.time_stamps, [token]);
    let imprint = Imprint::sha512_of(&parsed.value);
    let stamp = trust::tsp::verify_token(&parsed.time_stamps[0], &imprint, &nation.trust.stampers).unwrap();
    assert_eq!(stamp.time, noon());
    assert!(add_time_stamp("<other/>", b"").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// A byte changed inside what is signed is never accepted; elsewhere it may only change evidence or spelling.
    #[test]
    fn no_single_byte_of_the_signed_parts_can_change(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let xml = message_signature();
        let range = |start: &str, end: &str| xml.find(start).unwrap() + start.len()..xml.find(end).unwrap();
        let signed = [range("<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"signature\">", "</ds:SignedInfo>"), range("<ds:X509Certificate>", "</ds:X509Certificate>"),
            range("Id=\"signature-value\">", "</ds:SignatureValue>"), range("Target=\"#signature\">", "</xades:SignedProperties>")];
        let positions: Vec<usize> = signed.into_iter().flatten().collect();
        let at = positions[at.index(positions.len())];
        let mut bytes = xml.as_bytes().to_vec();
        prop_assume!(bytes[at] != to && !bytes[at].is_ascii_whitespace() && !to.is_ascii_whitespace());
        let was = std::mem::replace(&mut bytes[at], to);
        if verify_signature(&bytes, &nation().trust, noon()).is_ok() {
            // The only harmless changes are of spelling, such as quotes.
            prop_assert!(matches!((was, to), (b'"' | b'\'', b'"' | b'\'')), "{} -> {} at {at}", was as char, to as char);
        }
    }

    #[test]
    fn damaged_documents_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut bytes = message_signature().as_bytes().to_vec();
        for (at, to) in edits {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        trust::xades::fuzz(&bytes);
        trust::xades::fuzz(&bytes[..cut.index(bytes.len())]);
    }
}
