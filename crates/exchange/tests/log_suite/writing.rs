//! What is written, how often, and what is kept under each body mode.

use exchange::log::{Body, BodyMode, BodyModeOverride, LogError, LogRefusal, LogSettings};
use store::journal::JournalError;

use crate::support::{Bench, JournalKind, bench, benches, register, request, response};

#[tokio::test(flavor = "multi_thread")]
async fn a_logged_message_is_found_whole() {
    for bench in benches(&LogSettings::default()).await {
        let sent = request(1, bench.now());
        bench.log_all([sent.clone(), response(1, bench.now())]).await;
        let all = bench.all().await;
        assert_eq!(all.len(), 2, "{}", bench.name);
        let logged = bench.log.message(all[0].seq).await.unwrap().unwrap();
        assert_eq!(logged.message.header_part, sent.header_part, "{}", bench.name);
        assert_eq!(logged.message.body, sent.body);
        assert_eq!(logged.message.hash_chain, sent.hash_chain);
        assert_eq!(logged.signature.signature, sent.signature);
        assert_eq!(logged.signature.hash_chain_result, sent.hash_chain_result);
        assert_eq!(logged.stamp, None);
        assert!(bench.log.message(9_999).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_signed_together_share_one_copy_of_the_signature() {
    let bench = bench(&LogSettings::default()).await;
    let large = "s".repeat(8_000);
    let batch = (0..100).map(|number| {
        // Fresh memory for each, as when they arrive one by one.
        let mut message = request(number, bench.now());
        message.signature = large.clone().into();
        message.hash_chain_result = Some("<result/>".into());
        message
    });
    bench.log_all(batch).await;
    let journal = journal_bytes(&bench.folder.path().join("journal"));
    assert!(journal < 2 * 8_000 + 100 * 1_000, "{journal} bytes for 100 messages and one signature");
    let all = bench.all().await;
    for summary in &all {
        let logged = bench.log.message(summary.seq).await.unwrap().unwrap();
        assert_eq!(logged.signature.signature, large.as_bytes());
    }
    assert_eq!(bench.log.health().await.unwrap().unstamped, 1);
}

fn journal_bytes(folder: &std::path::Path) -> u64 {
    let held = |path: std::path::PathBuf| {
        // Segments may be preallocated: count up to the last byte that is not zero.
        let bytes = std::fs::read(path).unwrap();
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
    };
    std::fs::read_dir(folder).unwrap().map(|entry| held(entry.unwrap().path())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signature_with_two_hash_chain_results_is_two() {
    let bench = bench(&LogSettings::default()).await;
    let mut other = request(2, bench.now());
    other.signature = request(1, 0).signature;
    bench.log_all([request(1, bench.now()), other.clone()]).await;
    let all = bench.all().await;
    let logged = bench.log.message(all[1].seq).await.unwrap().unwrap();
    assert_eq!(logged.signature.hash_chain_result, other.hash_chain_result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_kept_by_its_digest() {
    let bench = bench(&LogSettings { max_logged_body: 4, ..LogSettings::default() }).await;
    let sent = request(1, bench.now());
    bench.log_all([sent.clone()]).await;
    let all = bench.all().await;
    assert_eq!(all[0].mode, BodyMode::Digest);
    let Body::Inline { bytes, digest } = sent.body else { unreachable!() };
    let logged = bench.log.message(all[0].seq).await.unwrap().unwrap();
    assert_eq!(logged.message.body, Body::Digest { digest, length: bytes.len() as u64 });
    assert_eq!(all[0].body_length, bytes.len() as i64);
    assert_eq!(logged.message.header_part, sent.header_part);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_mode_keeps_no_content_and_both_digests() {
    let settings = LogSettings {
        mode_overrides: vec![BodyModeOverride { subsystem: register().provider, mode: BodyMode::Metadata }],
        ..LogSettings::default()
    };
    let bench = bench(&settings).await;
    let sent = request(1, bench.now());
    bench.log_all([sent.clone()]).await;
    let all = bench.all().await;
    assert_eq!(all[0].mode, BodyMode::Metadata);
    let logged = bench.log.message(all[0].seq).await.unwrap().unwrap().message;
    assert_eq!(&*logged.header_part, b"POST\r\n/r1/VN/GOV/G01/dancu/tracuu\r\nx-road-id:VN-1\r\n");
    assert_eq!(logged.header_digest, sent.header_digest);
    assert!(matches!(logged.body, Body::Digest { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_journal_is_noticed() {
    for bench in benches(&LogSettings::default()).await {
        bench.log_all([request(1, bench.now()), request(2, bench.now())]).await;
        let all = bench.all().await;
        match bench.kind {
            JournalKind::Files => change_files(&bench.folder.path().join("journal")),
            JournalKind::Table => change_table(&bench).await,
        }
        let outcome = bench.log.message(all[0].seq).await;
        let noticed = matches!(
            outcome,
            Err(LogError::Tampered { .. }
                | LogError::Malformed { .. }
                | LogError::Journal(JournalError::Corrupt { .. }))
        );
        assert!(noticed, "{}: {outcome:?}", bench.name);
    }
}

const WRITTEN: &[u8] = br#"{"number":1}"#;
const FORGED: &[u8] = br#"{"number":7}"#;

fn forge(bytes: &mut [u8]) -> bool {
    let Some(at) = bytes.windows(WRITTEN.len()).position(|window| window == WRITTEN) else { return false };
    bytes[at..at + FORGED.len()].copy_from_slice(FORGED);
    true
}

fn change_files(folder: &std::path::Path) {
    let forged = std::fs::read_dir(folder).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let found = forge(&mut bytes);
        if found {
            std::fs::write(&path, bytes).unwrap();
        }
        found
    });
    assert_eq!(forged.count(), 1, "the body is in the journal");
}

async fn change_table(bench: &Bench) {
    let forge_all = |tx: &mut store::Tx<'_>| {
        let mut forged = 0;
        for row in tx.query("SELECT seq, payload FROM store_journal", &[])? {
            let mut payload = row.bytes(1)?;
            if forge(&mut payload) {
                tx.exec("UPDATE store_journal SET payload = $1 WHERE seq = $2", &[payload.into(), row.int(0)?.into()])?;
                forged += 1;
            }
        }
        Ok::<_, store::StoreError>(forged)
    };
    assert_eq!(bench.database.store.write(forge_all).await.unwrap(), 1, "the body is in the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_points_elsewhere_is_noticed() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all([request(1, bench.now()), request(2, bench.now())]).await;
    let all = bench.all().await;
    bench.tamper("UPDATE exchange_signature SET seq = (SELECT MAX(seq) - 1 FROM exchange_message)").await;
    let outcome = bench.log.message(all[0].seq).await;
    assert!(matches!(outcome, Err(LogError::Tampered { what: "its signature", .. })), "{outcome:?}");
}

/// What a disk that fills up leaves behind: the group with the signature failed, the next one with the message fitted in.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_its_signature_was_refused_and_is_no_damage() {
    let (whole, torn) = (bench(&LogSettings::default()).await, bench(&LogSettings::default()).await);
    let on = async |bench: &crate::support::Bench| {
        let folder = bench.folder.path().join("other");
        let journal = crate::support::open_journal(bench.kind, &bench.database, folder, &bench.clock).await;
        let log =
            crate::support::open_on(&bench.database, journal.clone(), &bench.settings, &bench.clock, vec![]).await;
        (journal, log)
    };
    let (journal, log) = on(&whole).await;
    log.append(request(1, whole.now())).unwrap().durable().await.unwrap();
    let records = journal.read_from(1, usize::MAX).await.unwrap();
    let message = records.iter().find(|record| record.kind == 2).unwrap();
    let (journal, log) = on(&torn).await;
    journal.append(message.kind, &message.payload).unwrap().durable().await.unwrap();
    log.append(request(2, torn.now())).unwrap().durable().await.unwrap();
    let found = log.search(&Default::default()).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!(log.health().await.unwrap().unreadable_records, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_record_is_counted_and_hides_no_other() {
    for bench in benches(&LogSettings::default()).await {
        let clock = &bench.clock;
        let other =
            crate::support::open_journal(bench.kind, &bench.database, bench.folder.path().join("damaged"), clock).await;
        // A message record of a version to come, and one that is cut short.
        other.append(2, &[99]).unwrap().durable().await.unwrap();
        other.append(2, &[1, 0]).unwrap().durable().await.unwrap();
        let log =
            crate::support::open_on(&bench.database, other, &bench.settings, clock, vec![bench.authority.clone()])
                .await;
        log.append(request(1, bench.now())).unwrap().durable().await.unwrap();
        let found = log.search(&Default::default()).await.unwrap().items;
        assert_eq!(found.len(), 1, "{}", bench.name);
        assert_eq!(log.health().await.unwrap().unreadable_records, 2, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_journal_refuses_and_says_so() {
    let bench = bench(&LogSettings::default()).await;
    let journal_folder = bench.folder.path().join("other");
    let journal =
        crate::support::open_journal(crate::support::JournalKind::Files, &bench.database, journal_folder, &bench.clock)
            .await;
    let log = crate::support::open_on(
        &testkit::sqlite().await,
        journal.clone(),
        &LogSettings::default(),
        &bench.clock,
        Vec::new(),
    )
    .await;
    assert_eq!(log.accepting(bench.now()), Ok(()));
    journal.close().await;
    let outcome = log.append(request(1, bench.now()));
    assert!(matches!(outcome, Err(LogError::Journal(JournalError::Closed))));
    assert_eq!(log.accepting(bench.now()), Err(LogRefusal::WriteFailed));
}
