//! Writes the seed inputs of the fuzz targets that read certificates, their statuses, time-stamps and signed evidence.
//!
//! `cargo run -p trust --example fuzz_seeds -- fuzz/corpus-seeds`. Keys and nonces are new each time, so the files differ
//! from run to run; they are committed so that a fuzzer begins with the same ones everywhere.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a tool for developers")]

#[path = "../tests/xades_nation/mod.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod xades_nation;

use std::path::Path;

use trust::asic::{BatchTimeStamp, Chain, Container};
use trust::cert::CertificateRequest;
use trust::hashchain::{MessageParts, TimestampTree, build_batch};
use trust::ocsp::OcspStatus;
use trust::tsp::{Imprint, StampIssuer, StampRequest};
use trust::xades::SignedObject;
use trust::{KeyKind, SoftwareKey};
use xades_nation::{Nation, digest, member, noon};

const MESSAGE: &[u8] = b"GET\r\n/r1/VN/GOV/G01/dancu/tracuu/a?b=c\r\nx-road-client:VN/GOV/H26/motcua\r\n";
const BODY: &[u8] = b"{\"soDinhDanh\":\"001099000001\"}";

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fuzz/corpus-seeds".to_owned());
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    let nation = Nation::new(KeyKind::EcP256);
    certificates(&nation, &put);
    statuses(&nation, &put);
    stamps(&nation, &put);
    evidence(&nation, &put);
}

type Put<'a> = &'a dyn Fn(&str, &str, &[u8]);

fn certificates(nation: &Nation, put: Put<'_>) {
    put("certificate", "authority.der", nation.ca.der());
    put("certificate", "responder.der", nation.responder.der());
    put("certificate", "stamper.der", nation.stamper.der());
    put("certificate", "signer.der", nation.signer.der());
    put("certificate", "signer.pem", nation.signer.to_pem().as_bytes());
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let request = CertificateRequest::create(&key, &member("H26"), &["gw.example.vn".to_owned()]).unwrap();
    put("certificate", "request.der", request.der());
}

fn statuses(nation: &Nation, put: Put<'_>) {
    put("ocsp", "request.der", &trust::ocsp::request(&nation.signer, &nation.ca).unwrap());
    put("ocsp", "good.der", &nation.ocsp(&nation.signer, OcspStatus::Good, noon()));
    put("ocsp", "revoked.der", &nation.ocsp(&nation.signer, OcspStatus::Revoked { at: noon() }, noon()));
    put("ocsp", "try_later.der", &trust::ocsp::unsuccessful(&trust::ocsp::OcspError::Malformed));
}

fn stamps(nation: &Nation, put: Put<'_>) {
    let request = StampRequest::new(Imprint::sha512_of(MESSAGE)).unwrap();
    let policy = const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    let issuer = StampIssuer { certificate: &nation.stamper, key: &nation.stamper_key, policy };
    put("time_stamp", "request.der", request.der());
    put("time_stamp", "answer.der", &trust::tsp::respond(request.der(), &issuer, &[7], noon()).unwrap());
    put("time_stamp", "rejection.der", &trust::tsp::respond(b"\x30\x00", &issuer, &[7], noon()).unwrap());
    // The fuzz target expects a stamp over these two bytes.
    put("time_stamp", "token.der", &nation.stamp(b"ab", noon()));
}

fn evidence(nation: &Nation, put: Put<'_>) {
    let builder = nation.builder();
    let attachments = [digest(BODY)];
    let batch = build_batch(&[
        MessageParts { message: digest(b"first"), attachments: &[] },
        MessageParts { message: digest(MESSAGE), attachments: &attachments },
        MessageParts { message: digest(b"third"), attachments: &[] },
    ])
    .unwrap();
    let signed = builder.sign(SignedObject::HashChainResult(batch.result_digest), noon()).unwrap();
    let lone = builder.sign(SignedObject::Message(digest(MESSAGE)), noon()).unwrap();
    put("signature", "batch.xml", signed.xml.as_bytes());
    put("signature", "lone.xml", lone.xml.as_bytes());
    let (result, chain) = (batch.result_xml.into_bytes(), batch.chains[1].clone().into_bytes());
    let joined = |result: &[u8], chain: &[u8]| [result, b"\xFF", chain].concat();
    put("hash_chain", "with_attachment", &joined(&result, &chain));
    put("hash_chain", "without_attachment", &joined(&result, batch.chains[0].as_bytes()));

    let signatures = signed.xml.into_bytes();
    let leaves = vec![digest(b"a"), digest(&signatures), digest(b"c")];
    let tree = TimestampTree::new(leaves.clone()).unwrap();
    let stamp_result = tree.result_xml().into_bytes();
    let stamp_chain = tree.chain_xml(1, &leaves[1]).expect("a leaf").into_bytes();
    put("hash_chain", "time_stamp", &joined(&stamp_result, &stamp_chain));
    let container = Container {
        message: Some(MESSAGE.to_vec()),
        attachments: vec![(1, BODY.to_vec())],
        time_stamp: Some(BatchTimeStamp {
            token: nation.stamp(&stamp_result, noon()),
            chain: Chain { result: stamp_result, chain: stamp_chain },
            manifest: None,
        }),
        signatures,
        signature_chain: Some(Chain { result, chain }),
        unknown: Vec::new(),
    };
    put("container", "batch.asice", &container.write().unwrap());
    let bare = Container { signatures: lone.xml.into_bytes(), message: Some(MESSAGE.to_vec()), ..Container::default() };
    put("container", "lone.asice", &bare.write().unwrap());
}
