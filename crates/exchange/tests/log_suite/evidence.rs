//! Containers as they leave the log, judged by the offline verifier; and the signed-document service.

use std::io::Read as _;
use std::sync::Arc;

use directory::ClientId;
use exchange::log::{
    ASIC_E, AsicError, AsicQuery, Body, BodyMode, HttpTimestamper, LogSettings, MessageRecord, ZIP, container,
};
use exchange::model::header_part::sha512;
use kit::Clock;
use trust::asic::Container;
use trust::cert::{Certificate, CertificateRequest};
use trust::hashchain::{MessageParts, build_batch};
use trust::ocsp::OcspPolicy;
use trust::pki::{Authority, Enrolment, Holder, Profile, Server};
use trust::tsp::FetchLimits;
use trust::verify::{Check, EvidenceTrust, Member, Outcome, Report, Verdict, verify_container};
use trust::xades::{ApprovedAuthority, SignatureBuilder, SignedObject, TrustSource};
use trust::{KeyKind, SoftwareKey};

use crate::support::{Bench, JournalKind, bench, caller, open_journal, open_on, request, response};

/// An authority over HTTP, and a member that signs.
struct Nation {
    server: Server,
    signer: SignatureBuilder,
    trust: Trust,
    clock: Clock,
    _folder: tempfile::TempDir,
}

struct Trust {
    authorities: Vec<ApprovedAuthority>,
    stampers: Vec<Certificate>,
}

impl TrustSource for Trust {
    fn authorities(&self) -> &[ApprovedAuthority] {
        &self.authorities
    }

    fn ocsp_policy(&self) -> OcspPolicy {
        OcspPolicy::default()
    }

    fn time_stamp_authorities(&self) -> &[Certificate] {
        &self.stampers
    }

    fn generation(&self) -> u64 {
        1
    }
}

impl EvidenceTrust for Trust {
    fn member_of(&self, certificate: &Certificate, _authority: &str) -> Option<Member> {
        let attribute = |name| certificate.subject_attribute(name);
        Some(Member { instance: "VN".into(), class: attribute("businessCategory")?, code: attribute("serialNumber")? })
    }
}

impl Nation {
    async fn new(clock: &Clock) -> Self {
        let folder = testkit::tempdir();
        let authority = Authority::create(&folder.path().join("pki"), "Test", KeyKind::EcP256, clock.clone()).unwrap();
        let key = Arc::new(SoftwareKey::generate(KeyKind::EcP256).unwrap());
        let holder = Holder {
            common_name: "H53".into(),
            organization: "UBND".into(),
            member_class: "GOV".into(),
            member_code: "H53".into(),
            country: "VN".into(),
        };
        let subject = Profile::Sign.subject(&holder);
        let csr = CertificateRequest::create(key.as_ref(), &subject, &[]).unwrap();
        let certificate = authority.sign_csr(&csr, Profile::Sign, subject).unwrap();
        let question = trust::ocsp::request(&certificate, authority.issuing_certificate()).unwrap();
        let issuers = [authority.issuing_certificate().clone(), authority.ocsp_certificate().clone()];
        let signer = SignatureBuilder::new(key, &certificate, &issuers, &authority.ocsp_answer(&question)).unwrap();
        let approved = ApprovedAuthority {
            name: "Test".into(),
            anchor: authority.root().clone(),
            intermediates: authority.intermediates(),
            ocsp_responders: vec![authority.ocsp_certificate().clone()],
        };
        let trust = Trust { authorities: vec![approved], stampers: vec![authority.tsa_certificate().clone()] };
        let server = Server::start("127.0.0.1:0".parse().unwrap(), authority.router(Enrolment::Closed)).await.unwrap();
        Self { server, signer, trust, clock: clock.clone(), _folder: folder }
    }

    fn timestamper(&self) -> Arc<HttpTimestamper> {
        let limits = FetchLimits::default();
        Arc::new(HttpTimestamper { url: self.server.url("/tsa"), certificates: self.trust.stampers.clone(), limits })
    }

    /// Signs `messages` as one batch.
    fn sign(&self, messages: &mut [MessageRecord]) {
        let attachments: Vec<Vec<[u8; 64]>> =
            messages.iter().map(|message| body_digest(message).into_iter().collect()).collect();
        let parts: Vec<MessageParts<'_>> = messages
            .iter()
            .zip(&attachments)
            .map(|(message, attachments)| MessageParts { message: message.header_digest, attachments })
            .collect();
        let batch = build_batch(&parts).unwrap();
        let object = SignedObject::HashChainResult(batch.result_digest);
        let signed = self.signer.sign(object, self.clock.now()).unwrap();
        for (message, chain) in messages.iter_mut().zip(batch.chains) {
            message.signature = signed.xml.clone().into();
            message.hash_chain_result = Some(batch.result_xml.clone().into());
            message.hash_chain = Some(chain.into());
        }
    }

    /// A log that has its time-stamps from this nation.
    async fn log(&self, bench: &mut Bench, settings: &LogSettings) {
        bench.database = testkit::sqlite().await;
        let folder = bench.folder.path().join("evidence");
        let journal = open_journal(JournalKind::Files, &bench.database, folder, &bench.clock).await;
        bench.log = open_on(&bench.database, journal, settings, &bench.clock, vec![self.timestamper()]).await;
    }
}

fn body_digest(message: &MessageRecord) -> Option<[u8; 64]> {
    match &message.body {
        Body::None => None,
        Body::Inline { digest, .. } | Body::Digest { digest, .. } => Some(*digest),
    }
}

/// A request that says who sends it.
fn from_h53(number: u32, at: i64) -> MessageRecord {
    let header_part = format!(
        "POST\r\n/r1/VN/GOV/G01/dancu/tracuu/079085\r\nX-Road-Client:VN/GOV/H53/motcua\r\nx-road-id:VN-{number}\r\n"
    );
    MessageRecord {
        header_digest: sha512(header_part.as_bytes()),
        header_part: header_part.into(),
        ..request(number, at)
    }
}

/// Logs a batch of three (the second without a body), stamps it, and judges the container of each.
async fn judged(settings: &LogSettings) -> Vec<Report> {
    let mut bench = bench(&LogSettings::default()).await;
    let nation = Nation::new(&bench.clock).await;
    nation.log(&mut bench, settings).await;
    let mut messages: Vec<MessageRecord> = (0..3).map(|number| from_h53(number, bench.now())).collect();
    messages[1].body = Body::None;
    nation.sign(&mut messages);
    bench.log_all(messages).await;
    // Other signatures under the same time-stamp.
    bench.log_all((10..15).map(|number| request(number, bench.now()))).await;
    bench.pass_seconds(60);
    let report = bench.log.stamp_now().await.unwrap();
    assert_eq!((report.stamps, report.signatures), (1, 6));
    let mut reports = Vec::new();
    for summary in bench.all().await.iter().take(3) {
        let logged = bench.log.message(summary.seq).await.unwrap().unwrap();
        reports.push(verify_container(&container(&logged).unwrap(), &nation.trust));
    }
    reports
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_whole_messages_are_valid_evidence() {
    for report in judged(&LogSettings::default()).await {
        assert_eq!(report.verdict, Verdict::Valid, "{:#?}", report.checks);
        assert!(report.time_stamp.is_some_and(|stamp| stamp.is_batch));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_by_digest_still_verifies_and_says_so() {
    let reports = judged(&LogSettings { mode: BodyMode::Digest, ..LogSettings::default() }).await;
    let verdicts: Vec<Verdict> = reports.iter().map(|report| report.verdict).collect();
    assert_eq!(verdicts, [Verdict::Partial, Verdict::Valid, Verdict::Partial], "the second has no body");
    for report in [&reports[0], &reports[2]] {
        let Some(Outcome::Absent(words)) = report.outcome(Check::Content) else { panic!("{:#?}", report.checks) };
        assert!(words.en.contains("attachment1"), "{words:?}");
        assert_eq!(report.outcome(Check::SignatureValue), Some(&Outcome::Pass));
        assert_eq!(report.outcome(Check::TimeStamp), Some(&Outcome::Pass));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_alone_is_evidence_by_digest() {
    for report in judged(&LogSettings { mode: BodyMode::Metadata, ..LogSettings::default() }).await {
        assert_eq!(report.verdict, Verdict::Partial, "{:#?}", report.checks);
        let Some(Outcome::Absent(words)) = report.outcome(Check::Content) else { panic!("{:#?}", report.checks) };
        assert!(words.en.contains("message.xml"), "{words:?}");
        assert_eq!(report.outcome(Check::SignatureValue), Some(&Outcome::Pass));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_away_is_named() {
    let mut bench = bench(&LogSettings::default()).await;
    let nation = Nation::new(&bench.clock).await;
    nation.log(&mut bench, &LogSettings::default()).await;
    let url = nation.timestamper().url.clone();
    nation.server.stop().await;
    bench.log_all([request(1, bench.now())]).await;
    let error = bench.log.stamp_now().await.unwrap_err().to_string();
    assert!(error.contains(&url), "{error}");
}

fn asked(parameters: &str) -> AsicQuery {
    let client = "xRoadInstance=VN&memberClass=GOV&memberCode=H53&subsystemCode=motcua";
    AsicQuery::parse(&format!("{client}&{parameters}")).unwrap()
}

fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), content)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_halves_of_a_transaction_are_downloaded() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all([request(1, bench.now()), response(1, bench.now()), request(2, bench.now())]).await;
    let wanted = asked("queryId=VN-1");
    let early = bench.log.asic(&wanted).await.unwrap_err();
    assert_eq!(early.to_string(), "Some message signatures have not been timestamped yet!");
    assert_eq!(early.status(), 500);
    let reply = bench.log.asic(&asked("queryId=VN-1&force")).await.unwrap();
    assert_eq!((reply.content_type, reply.file_name.as_str()), (ZIP, "VN-1.zip"));
    let entries = unzip(&reply.bytes);
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names[0].starts_with("VN-1-request-") && names[0].ends_with(".asice"), "{names:?}");
    assert!(names[1].starts_with("VN-1-response-"), "{names:?}");
    assert_eq!(names.len(), 2);
    let read = Container::read(&entries[0].1, trust::asic::ReadLimits::default()).unwrap();
    assert_eq!(read.message.unwrap(), request(1, 0).header_part);
    assert!(read.time_stamp.is_some());
    assert_eq!(bench.log.asic(&wanted).await.unwrap().bytes, reply.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_document_is_answered_bare_if_it_is_unique() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all([request(1, bench.now()), response(1, bench.now()), request(2, bench.now())]).await;
    bench.log.stamp_now().await.unwrap();
    let reply = bench.log.asic(&asked("queryId=VN-1&responseOnly&unique")).await.unwrap();
    assert_eq!(reply.content_type, ASIC_E);
    assert!(reply.file_name.starts_with("VN-1-response-"), "{}", reply.file_name);
    assert!(Container::read(&reply.bytes, trust::asic::ReadLimits::default()).is_ok());
    let half = bench.log.asic(&asked("queryId=VN-1&requestOnly")).await.unwrap();
    assert_eq!((half.file_name.as_str(), unzip(&half.bytes).len()), ("VN-1-request.zip", 1));
    bench.log_all([request(1, bench.now())]).await;
    let error = bench.log.asic(&asked("queryId=VN-1&requestOnly&unique&force")).await.unwrap_err();
    assert!(matches!(error, AsicError::NotUnique), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_party_of_the_transaction_finds_it() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all([request(1, bench.now())]).await;
    bench.log.stamp_now().await.unwrap();
    for client in [ClientId::member("VN", "GOV", "H53"), ClientId::subsystem("VN", "GOV", "G01", "dancu")] {
        let query = AsicQuery { client, ..asked("queryId=VN-1") };
        let error = bench.log.asic(&query).await.unwrap_err();
        assert!(matches!(error, AsicError::NotFound), "the other side's gateway keeps its own: {error}");
        assert_eq!(error.status(), 404);
    }
    let query = AsicQuery { client: caller(), ..asked("queryId=VN-1") };
    assert!(bench.log.asic(&query).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn forcing_without_an_authority_fails_and_says_so() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all([request(1, bench.now())]).await;
    bench.authority.send_away(true);
    let error = bench.log.asic(&asked("queryId=VN-1&force")).await.unwrap_err();
    assert_eq!(
        (error.status(), error.to_string().as_str()),
        (500, "Failed to get timestamp from any time-stamping providers")
    );
}
