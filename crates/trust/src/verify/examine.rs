//! Runs the checks and writes the report.

use super::report::{Check, Outcome, PartFacts, Report, SignerFacts, StampFacts, StatusFacts, Words};
use super::{EvidenceTrust, Member, sender_of, words};
use crate::asic::{BatchTimeStamp, Container, ReadLimits, entry, manifest_references};
use crate::hashchain::{
    ATTACHMENT_URI_PREFIX, DigestValue, Input, InputData, MESSAGE_URI, Rules, SIGNATURES_URI, data_uris, verify,
};
use crate::key::DigestKind;
use crate::ocsp::OcspError;
use crate::tsp::{Imprint, TimeStamp, TspError, verify_token};
use crate::xades::{
    ChainDocuments, CoverError, Covers, ParsedSignature, SignerError, SignerEvidence, TrustSource, judge_signer,
};
use jiff::Timestamp;

/// Evidence may come from other writers and other years, so digests below SHA-512 are read.
const SIGNATURE_RULES: Rules = Rules { weaker_digests: true, ..Rules::SIGNATURE };
const TIMESTAMP_RULES: Rules = Rules { weaker_digests: true, ..Rules::TIMESTAMP };

/// Verifies a container against `trust`. Always answers with a report; never fetches anything.
pub fn verify_container(bytes: &[u8], trust: &dyn EvidenceTrust) -> Report {
    let mut report = Report::empty();
    let container = match Container::read(bytes, ReadLimits::default()) {
        Ok(container) => container,
        Err(error) => {
            report.add(Check::Container, Outcome::Fail(words::container(&error)));
            return report.conclude();
        }
    };
    report.unknown_entries.clone_from(&container.unknown);
    report.add(Check::Container, Outcome::Pass);
    let signature = match ParsedSignature::parse(&container.signatures) {
        Ok(signature) => signature,
        Err(error) => {
            report.add(Check::References, Outcome::Fail(words::signature(&error)));
            return report.conclude();
        }
    };
    examine(&container, &signature, trust, &mut report);
    report.conclude()
}

fn examine(container: &Container, signature: &ParsedSignature, trust: &dyn EvidenceTrust, report: &mut Report) {
    let uris = match signed_uris(container, signature) {
        Ok(uris) => {
            report.add(Check::References, Outcome::Pass);
            uris
        }
        Err(reason) => {
            report.add(Check::References, Outcome::Fail(reason));
            Vec::new()
        }
    };

    let stamp = check_time_stamp(container, signature, trust);
    report.time_stamp = stamp.as_ref().ok().map(|(stamp, is_batch)| stamp_facts(stamp, *is_batch));
    report.add(Check::TimeStamp, stamp.as_ref().err().cloned().unwrap_or(Outcome::Pass));
    let stamped_at = stamp.ok().map(|(stamp, _)| stamp.time);

    let content = check_content(container, signature, &uris, report);
    report.add(Check::Content, content);

    let (evidence, signer_outcome) = check_signer(signature, trust, stamped_at);
    let member = evidence.as_ref().and_then(|evidence| trust.member_of(&signature.signer, &evidence.authority));
    report.signer = Some(signer_facts(signature, evidence.as_ref(), member.as_ref()));
    report.status = evidence.as_ref().map(status_facts);
    report.add(Check::Certificate, check_certificate(container, signature, evidence.is_some(), member.as_ref()));
    let value =
        signature.check_value().map_or_else(|error| Outcome::Fail(words::signature(&error)), |()| Outcome::Pass);
    report.add(Check::SignatureValue, value);
    report.add(Check::Signer, signer_outcome);
}

/// URIs of all parts the signature covers, directly or through the chain; each must be a part a container can have.
fn signed_uris(container: &Container, signature: &ParsedSignature) -> Result<Vec<String>, Words> {
    let uris: Vec<String> = match (&signature.covers, &container.signature_chain) {
        (Covers::Parts(parts), _) => parts.iter().map(|(uri, _)| uri.clone()).collect(),
        (Covers::HashChainResult(_), None) => return Err(words::cover(&CoverError::NoHashChain)),
        (Covers::HashChainResult(_), Some(chain)) => {
            data_uris(&chain.chain, SIGNATURE_RULES).map_err(|error| words::hash_chain(&error))?
        }
    };
    let is_part = |uri: &String| {
        let number = uri.strip_prefix(ATTACHMENT_URI_PREFIX).and_then(|digits| digits.parse::<u32>().ok());
        uri == MESSAGE_URI || number.is_some_and(|number| number > 0)
    };
    match uris.iter().find(|uri| !is_part(uri)) {
        None => Ok(uris),
        Some(other) => Err(Words::new(
            format!("chữ ký trỏ tới {other}, không phải một phần của thông điệp"),
            format!("the signature refers to {other}, which is not a part of a message"),
        )),
    }
}

/// Holds the parts in the container against what was signed. Parts that were not kept are absent, not wrong.
fn check_content(
    container: &Container,
    signature: &ParsedSignature,
    signed: &[String],
    report: &mut Report,
) -> Outcome {
    let mut present: Vec<(String, &[u8])> = Vec::new();
    present.extend(container.message.as_deref().map(|message| (MESSAGE_URI.to_owned(), message)));
    let attachments = container.attachments.iter();
    present
        .extend(attachments.map(|(number, content)| (format!("{ATTACHMENT_URI_PREFIX}{number}"), content.as_slice())));
    for (uri, content) in &present {
        let name = uri.trim_start_matches('/').to_owned();
        report.parts.push(PartFacts { name, length: Some(content.len()), digest: None });
    }
    if signed.is_empty() {
        return Outcome::Skipped;
    }
    let is_present = |uri: &String| present.iter().any(|(name, _)| name == uri);
    let mut inputs: Vec<Input<'_>> =
        present.iter().map(|(uri, content)| Input { uri, data: InputData::Bytes(content) }).collect();
    let not_kept = signed.iter().filter(|uri| !is_present(uri));
    inputs.extend(not_kept.map(|uri| Input { uri, data: InputData::Absent }));
    let chain = container.signature_chain.as_ref();
    let documents = chain.map(|chain| ChainDocuments { result: &chain.result, chain: &chain.chain });
    match signature.covers.check_inputs(&inputs, documents, SIGNATURE_RULES) {
        Err(error) => Outcome::Fail(words::cover(&error)),
        Ok(absent) if absent.is_empty() => Outcome::Pass,
        Ok(absent) => {
            let names: Vec<&str> = absent.iter().map(|(uri, _)| uri.trim_start_matches('/')).collect();
            let names = names.join(", ");
            for (uri, digest) in &absent {
                let name = uri.trim_start_matches('/').to_owned();
                let digest = Some(hex::encode(digest.as_bytes()));
                report.parts.push(PartFacts { name, length: None, digest });
            }
            Outcome::Absent(Words::new(
                format!("chỉ còn giá trị băm của {names}"),
                format!("only the digest was kept of {names}"),
            ))
        }
    }
}

/// The stamp and whether it is a batch stamp.
fn check_time_stamp(
    container: &Container,
    signature: &ParsedSignature,
    trust: &dyn EvidenceTrust,
) -> Result<(TimeStamp, bool), Outcome> {
    let fail = |error: &TspError| Outcome::Fail(words::time_stamp(error));
    if let Some(batch) = &container.time_stamp {
        check_manifest(batch)?;
        let inputs = [Input { uri: SIGNATURES_URI, data: InputData::Bytes(&container.signatures) }];
        verify(&batch.chain.result, &batch.chain.chain, &inputs, TIMESTAMP_RULES)
            .map_err(|error| Outcome::Fail(words::hash_chain(&error)))?;
        return match token_over(&batch.token, &batch.chain.result, trust) {
            Ok(stamp) => Ok((stamp, true)),
            Err(error) => Err(fail(&error)),
        };
    }
    let mut outcome = Outcome::Absent(Words::new("không có dấu thời gian", "there is no time-stamp"));
    for token in &signature.time_stamps {
        match token_over(token, &signature.value, trust) {
            Ok(stamp) => return Ok((stamp, false)),
            Err(error) => outcome = fail(&error),
        }
    }
    Err(outcome)
}

/// Tries the digest algorithms a token may be made with; only the token knows which it was.
fn token_over(token: &[u8], data: &[u8], trust: &dyn EvidenceTrust) -> Result<TimeStamp, TspError> {
    let mut reason = TspError::OtherData;
    for kind in [DigestKind::Sha512, DigestKind::Sha256, DigestKind::Sha384] {
        let imprint = Imprint { kind, value: kind.digest(data).as_ref().to_vec() };
        match verify_token(token, &imprint, trust.time_stamp_authorities()) {
            Err(TspError::OtherData) => {}
            Err(error) => reason = error,
            Ok(stamp) => return Ok(stamp),
        }
    }
    Err(reason)
}

/// The ASiC manifest is not under the token, so it proves nothing; but when it is there it must not tell another story.
fn check_manifest(batch: &BatchTimeStamp) -> Result<(), Outcome> {
    let Some(manifest) = &batch.manifest else { return Ok(()) };
    let fail = |vi: String, en: String| Err(Outcome::Fail(Words::new(vi, en)));
    match manifest_references(manifest) {
        Err(error) => fail("META-INF/ASiCManifest.xml sai cấu trúc".into(), error.to_string()),
        Ok(references) => {
            let result = references.iter().find(|reference| reference.name == entry::TIME_STAMP_CHAIN_RESULT);
            let is_right = |digest: &DigestValue| DigestValue::of(digest.kind(), &batch.chain.result) == *digest;
            if result.is_some_and(|reference| is_right(&reference.digest)) {
                return Ok(());
            }
            fail(
                format!("META-INF/ASiCManifest.xml không khớp với {}", entry::TIME_STAMP_CHAIN_RESULT),
                format!("META-INF/ASiCManifest.xml does not agree with {}", entry::TIME_STAMP_CHAIN_RESULT),
            )
        }
    }
}

/// Path and OCSP answer at the time of the stamp. Without a stamp the claimed signing time is used, and the missing proof of
/// time is already reported by the time-stamp check.
fn check_signer(
    signature: &ParsedSignature,
    trust: &dyn EvidenceTrust,
    stamped_at: Option<Timestamp>,
) -> (Option<SignerEvidence>, Outcome) {
    let Some(at) = stamped_at.or(signature.signing_time) else { return (None, Outcome::Skipped) };
    let source: &dyn TrustSource = trust;
    let enclosed = signature.enclosed_certificates();
    let judge = |at| judge_signer(&signature.signer, &enclosed, &signature.ocsp_responses, source, at);
    match judge(at) {
        Ok(evidence) => (Some(evidence), Outcome::Pass),
        // The stamp came later than the answer stays fresh (a stamping authority that was down). The certificate was good when
        // the signer says it signed; only the time in between is not vouched for.
        Err(error @ SignerError::Ocsp(OcspError::TooOld)) => {
            match signature.signing_time.filter(|signed| *signed < at).map(judge) {
                Some(Ok(evidence)) => (Some(evidence), Outcome::Absent(late_stamp())),
                _ => (None, Outcome::Fail(words::signer(&error))),
            }
        }
        Err(error) => (None, Outcome::Fail(words::signer(&error))),
    }
}

fn late_stamp() -> Words {
    Words::new(
        "dấu thời gian được đóng muộn: trả lời OCSP còn mới vào lúc ký theo lời khai của người ký, nhưng đã cũ khi đóng dấu",
        "stamped late: the OCSP answer was fresh at the signing time the signer claims, but too old when stamped",
    )
}

/// Usage of the certificate, and that it speaks for the member the message names as its sender.
fn check_certificate(
    container: &Container,
    signature: &ParsedSignature,
    is_trusted: bool,
    member: Option<&Member>,
) -> Outcome {
    if let Err(error) = signature.check_usage() {
        return Outcome::Fail(words::signature(&error));
    }
    if !is_trusted {
        return Outcome::Skipped;
    }
    let Some(member) = member else {
        return Outcome::Fail(Words::new(
            "chủ thể của chứng thư số không theo mẫu của tổ chức chứng thực nên không rõ thành viên nào ký",
            "the certificate subject does not follow the profile of its authority, so the member is not known",
        ));
    };
    let Some(message) = &container.message else {
        return Outcome::Absent(Words::new(
            format!("thông điệp không còn trong gói nên không đối chiếu được người gửi với {member}"),
            format!("the message was not kept, so its sender cannot be compared with {member}"),
        ));
    };
    match sender_of(message).member() {
        Some(sender) if sender == member => Outcome::Pass,
        Some(sender) => Outcome::Fail(Words::new(
            format!("thông điệp ghi người gửi là {sender} nhưng chữ ký là của {member}"),
            format!("the message says it is from {sender} but the signature is that of {member}"),
        )),
        None => Outcome::Absent(Words::new(
            format!("thông điệp không ghi người gửi để đối chiếu với {member}"),
            format!("the message does not name its sender, to be compared with {member}"),
        )),
    }
}

fn signer_facts(
    signature: &ParsedSignature,
    evidence: Option<&SignerEvidence>,
    member: Option<&Member>,
) -> SignerFacts {
    SignerFacts {
        subject: signature.signer.subject().to_owned(),
        member: member.map(ToString::to_string),
        issuer: signature.signer.issuer().to_owned(),
        serial: signature.signer.serial_hex(),
        authority: evidence.map(|evidence| evidence.authority.clone()),
        not_before: signature.signer.not_before(),
        not_after: signature.signer.not_after(),
        signing_time: signature.signing_time,
        algorithm: signature.algorithm.xml_uri(),
    }
}

fn stamp_facts(stamp: &TimeStamp, is_batch: bool) -> StampFacts {
    let authority = stamp.authority.subject().to_owned();
    StampFacts { time: stamp.time, authority, serial: stamp.serial.clone(), is_batch }
}

fn status_facts(evidence: &SignerEvidence) -> StatusFacts {
    StatusFacts {
        produced_at: evidence.ocsp.produced_at,
        this_update: evidence.ocsp.this_update,
        responder: evidence.ocsp.responder.subject().to_owned(),
    }
}
