//! Hash chains: what is written verifies, what is changed does not, and the reader of our own layout agrees with the general one.
#![expect(clippy::unwrap_used, reason = "test helpers stop at the first surprise, like the tests they serve")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use trust::hashchain::{
    ChainFile, Digest, DigestValue, HashChainError, Input, InputData, MessageParts, Rules, TimestampTree, build_batch,
    digest_uri, verify,
};
use trust::key::DigestKind;

fn digest(text: &str) -> Digest {
    *DigestValue::of(DigestKind::Sha512, text.as_bytes()).as_sha512().unwrap()
}

fn encode(digest: &Digest) -> String {
    STANDARD.encode(digest)
}

/// Digests of message `at` with `attachments` attachments.
fn parts(at: usize, attachments: usize) -> (Digest, Vec<Digest>) {
    (digest(&format!("m{at}")), (1..=attachments).map(|n| digest(&format!("m{at}a{n}"))).collect())
}

fn check(result: &str, chain: &str, message: Digest, attachments: &[Digest]) -> Result<(), HashChainError> {
    let uris: Vec<String> = (1..=attachments.len()).map(|n| format!("/attachment{n}")).collect();
    let mut inputs = vec![Input { uri: "/message.xml", data: InputData::Sha512(message) }];
    inputs.extend(uris.iter().zip(attachments).map(|(uri, digest)| Input { uri, data: InputData::Sha512(*digest) }));
    verify(result.as_bytes(), chain.as_bytes(), &inputs, Rules::SIGNATURE).map(drop)
}

/// The same document in another spelling: other prefixes, an attribute order and white space of other writers.
fn respell(chain: &str) -> String {
    chain
        .replace("xmlns:ds=", "xmlns:ns2=")
        .replace("<ds:", "<ns2:")
        .replace("</ds:", "</ns2:")
        .replace("<HashStep ", "\n  <HashStep ")
        .replace("<ns2:DigestValue>", "<ns2:DigestValue>\r\n")
        .replace("\"/><HashStep", "\"/>\n<HashStep")
}

#[test]
fn every_message_of_every_batch_size_verifies_in_both_spellings() {
    for size in (1..=17).chain([31, 32, 33, 200]) {
        let messages: Vec<_> = (0..size).map(|at| parts(at, at % 4)).collect();
        let inputs: Vec<_> =
            messages.iter().map(|(message, attachments)| MessageParts { message: *message, attachments }).collect();
        let batch = build_batch(&inputs).unwrap();
        assert_eq!(batch.result_digest, digest(&batch.result_xml));
        for (chain, (message, attachments)) in batch.chains.iter().zip(&messages) {
            check(&batch.result_xml, chain, *message, attachments).unwrap();
            check(&respell(&batch.result_xml), &respell(chain), *message, attachments).unwrap();
        }
        let (other, attachments) = parts(size, size % 4);
        assert!(check(&batch.result_xml, &batch.chains[0], other, &attachments).is_err());
    }
    assert!(build_batch(&[]).is_none());
}

#[test]
fn the_example_of_the_protocol_is_computed_step_by_step() {
    let (message, attachments) = parts(0, 1);
    let batch = build_batch(&[MessageParts { message, attachments: &attachments }]).unwrap();
    // SEQUENCE { SEQUENCE { OCTET STRING, UTF8String, SEQUENCE {} } ×2 } written out.
    let mut der = vec![0x30, 0x81, 222];
    for digest in [message, attachments[0]] {
        der.extend([0x30, 109, 0x04, 64]);
        der.extend(digest);
        der.extend([0x0C, 39]);
        der.extend(b"http://www.w3.org/2001/04/xmlenc#sha512");
        der.extend([0x30, 0]);
    }
    let root = DigestValue::of(DigestKind::Sha512, &der);
    assert!(batch.result_xml.contains(&STANDARD.encode(root.as_bytes())));
    assert!(batch.result_xml.contains("URI=\"/sig-hashchain.xml#STEP0\""));
    assert!(batch.chains[0].contains("<HashStep id=\"STEP0\"><DataRef URI=\"/message.xml\">"));
}

#[test]
fn two_messages_cannot_pass_as_one_with_an_attachment() {
    let (first, second) = (digest("first"), digest("second"));
    let batch = build_batch(&[first, second].map(|message| MessageParts { message, attachments: &[] })).unwrap();
    let forged = build_batch(&[MessageParts { message: first, attachments: &[second] }]).unwrap();
    assert_ne!(forged.result_xml, batch.result_xml);
    let outcome = check(&batch.result_xml, &forged.chains[0], first, &[second]);
    assert_eq!(outcome, Err(HashChainError::ResultMismatch));
}

#[test]
fn absent_parts_are_taken_from_the_chain_and_reported() {
    let (message, attachments) = parts(0, 2);
    let batch = build_batch(&[MessageParts { message, attachments: &attachments }]).unwrap();
    let inputs = [
        Input { uri: "/message.xml", data: InputData::Bytes(b"m0") },
        Input { uri: "/attachment1", data: InputData::Absent },
        Input { uri: "/attachment2", data: InputData::Sha512(attachments[1]) },
    ];
    let verified = verify(batch.result_xml.as_bytes(), batch.chains[0].as_bytes(), &inputs, Rules::SIGNATURE).unwrap();
    assert_eq!(verified.absent.len(), 1);
    assert_eq!(verified.absent[0].0, "/attachment1");
    assert_eq!(verified.absent[0].1.as_bytes(), attachments[0]);
}

#[test]
fn each_kind_of_damage_has_its_own_reason() {
    let (message, attachments) = parts(0, 2);
    let other = digest("another message");
    let batch = build_batch(&[
        MessageParts { message, attachments: &attachments },
        MessageParts { message: other, attachments: &[] },
    ])
    .unwrap();
    let (result, chain) = (batch.result_xml.as_str(), batch.chains[0].as_str());
    let wrong = |result: &str, chain: &str| check(result, chain, message, &attachments).unwrap_err();
    check(result, chain, message, &attachments).unwrap();

    let attachment1 =
        format!("<DataRef URI=\"/attachment1\"><ds:DigestValue>{}</ds:DigestValue></DataRef>", encode(&attachments[0]));
    let attachment2 =
        format!("<DataRef URI=\"/attachment2\"><ds:DigestValue>{}</ds:DigestValue></DataRef>", encode(&attachments[1]));
    assert!(chain.contains(&attachment1) && chain.contains(&attachment2));

    // Inputs dropped, added, reordered, repeated.
    assert_eq!(wrong(result, &chain.replace(&attachment2, "")), HashChainError::ResultMismatch);
    assert_eq!(
        check(result, chain, message, &[attachments[0], attachments[1], other]).unwrap_err(),
        HashChainError::UnusedInputs(vec!["/attachment3".into()])
    );
    assert_eq!(
        check(result, chain, message, &attachments[..1]).unwrap_err(),
        HashChainError::UnresolvedReference("/attachment2".into())
    );
    let swapped = chain.replace(&attachment1, "@").replace(&attachment2, &attachment1).replace('@', &attachment2);
    assert_eq!(wrong(result, &swapped), HashChainError::ResultMismatch);
    assert!(matches!(wrong(result, &chain.replace(&attachment2, &attachment1)), HashChainError::Malformed(_)));

    // Digests changed in the parts, in the chain, in the result.
    assert_eq!(
        check(result, chain, message, &[attachments[0], other]).unwrap_err(),
        HashChainError::InputMismatch("/attachment2".into())
    );
    let at = chain.find("<HashValue><ds:DigestValue>").unwrap() + "<HashValue><ds:DigestValue>".len();
    let neighbour = chain.replace(&chain[at..at + 88], &encode(&message));
    assert_ne!(neighbour, chain);
    assert_eq!(wrong(result, &neighbour), HashChainError::ResultMismatch);
    let result_of_another =
        build_batch(&[MessageParts { message: other, attachments: &attachments }]).unwrap().result_xml;
    assert_eq!(wrong(&result_of_another, chain), HashChainError::ResultMismatch);
}

#[test]
fn steps_form_one_tree_of_known_algorithms() {
    let (message, attachments) = parts(0, 2);
    let batch = build_batch(&[
        MessageParts { message, attachments: &attachments },
        MessageParts { message: digest("another message"), attachments: &[] },
    ])
    .unwrap();
    let (result, chain) = (batch.result_xml.as_str(), batch.chains[0].as_str());
    let wrong = |result: &str, chain: &str| check(result, chain, message, &attachments).unwrap_err();
    let attachment1 =
        format!("<DataRef URI=\"/attachment1\"><ds:DigestValue>{}</ds:DigestValue></DataRef>", encode(&attachments[0]));

    // The graph of steps.
    assert!(matches!(wrong(result, &chain.replace("STEP1\"/>", "STEP0\"/>")), HashChainError::Malformed(_)));
    assert_eq!(wrong(result, &chain.replace("#STEP1", "#STEP7")), HashChainError::UnresolvedReference("#STEP7".into()));
    assert!(matches!(wrong(result, &chain.replace("id=\"STEP1\"", "id=\"STEP0\"")), HashChainError::Malformed(_)));
    let stray = chain.replace("</HashChain>", &format!("<HashStep id=\"STEP9\">{attachment1}</HashStep></HashChain>"));
    assert_eq!(wrong(result, &stray), HashChainError::Malformed("a step is not part of the chain".into()));
    let empty = chain.replace(
        &format!(
            "<HashStep id=\"STEP1\">{}",
            &chain[chain.find("<DataRef").unwrap()..chain.rfind("</HashStep>").unwrap()]
        ),
        "<HashStep id=\"STEP1\">",
    );
    assert!(matches!(wrong(result, &empty), HashChainError::Malformed(_)));
    assert!(matches!(
        wrong(&result.replace("sig-hashchain", "ts-hashchain"), chain),
        HashChainError::UnresolvedReference(_)
    ));
    assert!(matches!(wrong(&result.replace("#STEP0", "#"), chain), HashChainError::UnresolvedReference(_)));

    // Algorithms and structure.
    for weak in ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha256"] {
        let weakened = chain.replace(digest_uri(DigestKind::Sha512), weak);
        assert_eq!(wrong(result, &weakened), HashChainError::Algorithm(weak.into()));
    }
    let transformed = chain.replace(
        "<DataRef URI=\"/message.xml\">",
        "<DataRef URI=\"/message.xml\"><ds:Transforms><ds:Transform Algorithm=\"urn:x\"/></ds:Transforms>",
    );
    assert!(matches!(wrong(result, &transformed), HashChainError::Malformed(_)));
    for broken in [
        "",
        "<HashChain/>",
        "<HashChain xmlns=\"http://cyber.ee/hashchain\"/>",
        &chain[..chain.len() - 1],
        "<!DOCTYPE x><x/>",
    ] {
        assert!(check(result, broken, message, &attachments).is_err(), "{broken}");
        assert!(check(broken, chain, message, &attachments).is_err(), "{broken}");
    }
}

#[test]
fn errors_map_to_the_codes_of_the_protocol() {
    assert_eq!(HashChainError::Malformed(String::new()).protocol_code(), "MalformedHashChain");
    assert_eq!(HashChainError::ResultMismatch.protocol_code(), "InvalidHashChain");
    assert_eq!(HashChainError::UnresolvedReference(String::new()).protocol_code(), "InvalidHashChainRef");
    assert_eq!(HashChainError::InputMismatch(String::new()).protocol_code(), "InvalidHashChainRef");
    assert_eq!(HashChainError::UnusedInputs(Vec::new()).protocol_code(), "HashchainUnusedInputs");
}

#[test]
fn digests_below_sha512_verify_only_when_allowed_and_only_with_the_bytes() {
    // A chain of another writer: SHA-256 default, one value with its own method.
    let sha256 = DigestValue::of(DigestKind::Sha256, b"body");
    let sha512 = DigestValue::of(DigestKind::Sha512, b"message");
    let item = |value: &[u8], uri: &str| {
        let mut der =
            vec![0x30, u8::try_from(value.len() + uri.len() + 6).unwrap(), 0x04, u8::try_from(value.len()).unwrap()];
        der.extend(value);
        der.extend([0x0C, u8::try_from(uri.len()).unwrap()]);
        der.extend(uri.as_bytes());
        der.extend([0x30, 0]);
        der
    };
    let content = [
        item(sha512.as_bytes(), digest_uri(DigestKind::Sha512)),
        item(sha256.as_bytes(), digest_uri(DigestKind::Sha256)),
    ]
    .concat();
    let root = DigestValue::of(
        DigestKind::Sha256,
        &[vec![0x30, 0x81, u8::try_from(content.len()).unwrap()], content].concat(),
    );
    let result = format!(
        "<h:HashChainResult xmlns:h=\"http://cyber.ee/hashchain\" xmlns=\"http://www.w3.org/2000/09/xmldsig#\" URI=\"/sig-hashchain.xml#S\">\
         <DigestMethod Algorithm=\"{}\"/><DigestValue>{}</DigestValue></h:HashChainResult>",
        digest_uri(DigestKind::Sha256),
        STANDARD.encode(root.as_bytes())
    );
    let chain = format!(
        "<h:HashChain xmlns:h=\"http://cyber.ee/hashchain\" xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <h:DefaultDigestMethod Algorithm=\"{}\"/><h:HashStep id=\"S\">\
         <h:DataRef URI=\"/message.xml\"><DigestMethod Algorithm=\"{}\"/><DigestValue>{}</DigestValue></h:DataRef>\
         <h:DataRef URI=\"/attachment1\"><Transforms/><DigestValue>{}</DigestValue></h:DataRef></h:HashStep></h:HashChain>",
        digest_uri(DigestKind::Sha256),
        digest_uri(DigestKind::Sha512),
        STANDARD.encode(sha512.as_bytes()),
        STANDARD.encode(sha256.as_bytes())
    );
    let inputs = [
        Input { uri: "/message.xml", data: InputData::Sha512(*sha512.as_sha512().unwrap()) },
        Input { uri: "/attachment1", data: InputData::Bytes(b"body") },
    ];
    let lenient = Rules { weaker_digests: true, ..Rules::SIGNATURE };
    verify(result.as_bytes(), chain.as_bytes(), &inputs, lenient).unwrap();
    assert!(matches!(
        verify(result.as_bytes(), chain.as_bytes(), &inputs, Rules::SIGNATURE),
        Err(HashChainError::Algorithm(_))
    ));
    let without_bytes = [inputs[0], Input { uri: "/attachment1", data: InputData::Sha512(digest("body")) }];
    assert!(matches!(
        verify(result.as_bytes(), chain.as_bytes(), &without_bytes, lenient),
        Err(HashChainError::Algorithm(_))
    ));
}

#[test]
fn a_long_chain_of_steps_is_refused_before_it_is_followed() {
    let steps: String =
        (0..5000).map(|n| format!("<HashStep id=\"STEP{n}\"><StepRef URI=\"#STEP{}\"/></HashStep>", n + 1)).collect();
    let batch = build_batch(&[MessageParts { message: digest("m"), attachments: &[] }]).unwrap();
    let at = batch.chains[0].find("<HashStep").unwrap();
    let long = format!("{}{steps}</HashChain>", &batch.chains[0][..at]);
    let error = check(&batch.result_xml, &long, digest("m"), &[]).unwrap_err();
    assert_eq!(error, HashChainError::Malformed("more steps or inputs than allowed".into()));
}

#[test]
fn every_leaf_of_a_time_stamp_tree_verifies_and_only_with_its_own_signature() {
    for size in [1, 2, 3, 7, 64, 1000] {
        let leaves: Vec<Digest> = (0..size).map(|n| digest(&format!("signature {n}"))).collect();
        let tree = TimestampTree::new(leaves.clone()).unwrap();
        assert_eq!(tree.len(), size);
        let result = tree.result_xml();
        assert!(result.contains("URI=\"/ts-hashchain.xml#STEP0\""));
        let step = (size / 50).max(1);
        for at in (0..size).step_by(step) {
            let chain = tree.chain_xml(at, &leaves[at]).unwrap();
            let input = |digest| [Input { uri: "/META-INF/signatures.xml", data: InputData::Sha512(digest) }];
            verify(result.as_bytes(), chain.as_bytes(), &input(leaves[at]), Rules::TIMESTAMP).unwrap();
            verify(respell(&result).as_bytes(), respell(&chain).as_bytes(), &input(leaves[at]), Rules::TIMESTAMP)
                .unwrap();
            assert!(verify(result.as_bytes(), chain.as_bytes(), &input(digest("x")), Rules::TIMESTAMP).is_err());
            assert!(verify(result.as_bytes(), chain.as_bytes(), &input(leaves[at]), Rules::SIGNATURE).is_err());
        }
        assert!(tree.chain_xml(size, &leaves[0]).is_none());
    }
    assert!(TimestampTree::new(Vec::new()).is_none());
    assert_eq!(ChainFile::Timestamp.uri(), "/ts-hashchain.xml");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// One byte changed anywhere in a chain or its result never verifies, except where the XML means the same.
    #[test]
    fn no_single_byte_can_change_unnoticed(size in 1_usize..6, attachments in 0_usize..3, at in any::<prop::sample::Index>(), to in 0x20_u8..0x7F) {
        let messages: Vec<_> = (0..size).map(|n| parts(n, attachments)).collect();
        let inputs: Vec<_> = messages.iter().map(|(m, a)| MessageParts { message: *m, attachments: a }).collect();
        let batch = build_batch(&inputs).unwrap();
        let mut document = batch.chains[0].clone().into_bytes();
        let at = at.index(document.len());
        let is_prolog = at < document.windows(2).position(|w| w == b"?>").unwrap() + 2;
        prop_assume!(document[at] != to && !is_prolog);
        document[at] = to;
        let changed = String::from_utf8(document).unwrap();
        let outcome = check(&batch.result_xml, &changed, messages[0].0, &messages[0].1);
        // What may differ without changing the meaning: the spelling of quotes, prefixes and white space.
        if outcome.is_ok() {
            let canonical = |text: &str| trust::c14n::canonicalize(
                trust::c14n::parse_secure(text.as_bytes()).unwrap().root(), &trust::c14n::Method::INCLUSIVE, None);
            prop_assert_eq!(
                canonical(&changed).into_iter().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>(),
                canonical(&batch.chains[0]).into_iter().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        trust::hashchain::fuzz(&bytes);
    }
}
