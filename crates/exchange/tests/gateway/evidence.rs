//! Evidence of both sides: whatever was answered is in both logs, and what they export convinces the offline verifier.

use std::collections::HashSet;
use std::io::Read as _;

use bytes::Bytes;
use directory::ClientId;
use exchange::log::{BodyMode, Direction, MessageQuery, container};
use trust::asic::{Container, ReadLimits};
use trust::cert::Certificate;
use trust::key::KeyKind;
use trust::ocsp::OcspPolicy;
use trust::verify::{Check, EvidenceTrust, Member, Outcome, Verdict, verify_container};
use trust::xades::{ApprovedAuthority, TrustSource};

use crate::nation::{CONSUMER, Nation, Node, Options, PROVIDER, client, send};

/// What a third party trusts: the authorities of the global configuration.
pub struct Trust {
    authorities: Vec<ApprovedAuthority>,
    stampers: Vec<Certificate>,
}

impl Trust {
    pub fn of(nation: &Nation) -> Self {
        let authority = &nation.authority;
        Self {
            authorities: vec![ApprovedAuthority {
                name: "CA thử nghiệm".into(),
                anchor: authority.root().clone(),
                intermediates: authority.intermediates(),
                ocsp_responders: vec![authority.ocsp_certificate().clone()],
            }],
            stampers: vec![authority.tsa_certificate().clone()],
        }
    }
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

/// The containers of one message as the gateway exports them over HTTP, by name.
pub async fn exported(node: &Node, party: &ClientId, id: &str) -> Vec<(String, Vec<u8>)> {
    let subsystem = party.subsystem.as_deref().unwrap();
    let path = format!(
        "/asic?queryId={id}&xRoadInstance=VN&memberClass=GOV&memberCode={}&subsystemCode={subsystem}&force",
        party.member
    );
    let request = http::Request::get(path).body(http_body_util::Full::new(Bytes::new())).unwrap();
    let answer = send(node.http, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/zip");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(answer.body)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// Both sides' containers of one exchange, judged.
async fn judge(nation: &Nation, id: &str, expected: Verdict, absent: &str) {
    let trust = Trust::of(nation);
    for (node, party) in [(&nation.consumer, client(CONSUMER)), (&nation.provider, client(PROVIDER))] {
        let containers = exported(node, &party, id).await;
        let names: Vec<&str> = containers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 2, "{id}: {names:?}");
        assert!(names[0].starts_with(&format!("{id}-request-")) && names[1].starts_with(&format!("{id}-response-")));
        for (name, bytes) in &containers {
            let report = verify_container(bytes, &trust);
            assert_eq!(report.verdict, expected, "{name}: {:#?}", report.checks);
            assert!(report.time_stamp.is_some(), "{name}: no time-stamp");
            let signer = if name.contains("-request-") { "VN/GOV/H26" } else { "VN/GOV/G01" };
            assert_eq!(report.signer.unwrap().member.as_deref(), Some(signer), "{name}");
            let checks = report.checks.iter().find(|done| done.check == Check::Content).unwrap();
            match &checks.outcome {
                Outcome::Absent(words) => assert!(words.en.contains(absent), "{name}: {words:?}"),
                outcome => assert_eq!((outcome, expected), (&Outcome::Pass, Verdict::Valid), "{name}"),
            }
            // One byte of the evidence changed is evidence no more.
            let mut changed = bytes.clone();
            let at = changed.len() / 3;
            changed[at] ^= 1;
            assert_ne!(verify_container(&changed, &trust).verdict, Verdict::Valid, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_of_both_sides_verify_in_every_mode() {
    for mode in [BodyMode::Full, BodyMode::Digest, BodyMode::Metadata] {
        let mut options = Options::default();
        options.log.mode = mode;
        let nation = Nation::start(options).await;
        let path = Nation::path("tracuu", "/echo");
        let answer = nation.call("POST", &path, &[("x-road-id", "bc-1")], Some("nội dung".into())).await;
        assert_eq!(answer.status, 200);
        // No body either way.
        let bodiless = nation.call("GET", &Nation::path("tracuu", "/204"), &[("x-road-id", "bc-2")], None).await;
        assert_eq!(bodiless.status, 204);
        let (verdict, bodiless, absent) = match mode {
            BodyMode::Full => (Verdict::Valid, Verdict::Valid, ""),
            BodyMode::Digest => (Verdict::Partial, Verdict::Valid, "attachment1"),
            BodyMode::Metadata => (Verdict::Partial, Verdict::Partial, "message.xml"),
        };
        judge(&nation, "bc-1", verdict, absent).await;
        judge(&nation, "bc-2", bodiless, absent).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_requests_leave_no_half_evidence_of_an_answer() {
    let nation = Nation::start(Options::default()).await;
    nation.alive().await;
    let denied = nation.call("GET", &Nation::path("kin", "/"), &[("x-road-id", "cam")], None).await;
    assert_eq!(denied.error(), "Server.ServerProxy.AccessDenied");
    let query = MessageQuery { message_id: Some("cam".into()), ..MessageQuery::default() };
    let consumer = nation.consumer.gateway.log.search(&query).await.unwrap().items;
    assert_eq!(consumer.len(), 1, "the consumer can prove what it asked");
    assert_eq!(consumer[0].direction, Direction::Request);
    let provider = nation.provider.gateway.log.search(&query).await.unwrap().items;
    assert!(provider.is_empty(), "what was refused before it was verified is not evidence");
}

/// Source: exchange-protocol §2.5, §2.6: messages that wait together are signed together, and each is evidence on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_signed_together_verify_each_on_its_own() {
    let nation = Nation::start(Options { kind: KeyKind::Rsa3072, ..Options::default() }).await;
    let calls = (0..64).map(|number| {
        let nation = &nation;
        async move {
            let id = format!("lo-{number}");
            let body = (number % 2 == 0).then(|| Bytes::from(format!("nội dung {number}")));
            let rest = format!("/{}", if number % 4 == 0 { "echo" } else { "x" });
            let answer = nation.call("POST", &Nation::path("tracuu", &rest), &[("x-road-id", &id)], body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(nation.calls(), 64);
    let trust = Trust::of(&nation);
    for node in [&nation.consumer, &nation.provider] {
        let log = &node.gateway.log;
        log.stamp_now().await.unwrap();
        let mut query = MessageQuery::default();
        query.page.limit = Some(200);
        let all = log.search(&query).await.unwrap().items;
        assert_eq!(all.len(), 128, "request and response of every exchange");
        let mut signatures = HashSet::new();
        for summary in &all {
            let logged = log.message(summary.seq).await.unwrap().unwrap();
            let bytes = container(&logged).unwrap();
            let report = verify_container(&bytes, &trust);
            assert_eq!(report.verdict, Verdict::Valid, "{}: {:#?}", summary.message_id, report.checks);
            assert!(report.time_stamp.is_some_and(|stamp| stamp.is_batch));
            let read = Container::read(&bytes, ReadLimits::default()).unwrap();
            signatures.insert(read.signatures.clone());
        }
        assert!(signatures.len() < 128, "no two messages shared a signature");
    }
}
