//! Batch time-stamps: what they cover, and what happens while no authority answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use exchange::log::{LogRefusal, LogSettings, StampPassError};
use trust::hashchain;

use crate::support::{FakeAuthority, bench, benches, open_on, request};

#[tokio::test(flavor = "multi_thread")]
async fn one_stamp_covers_a_batch_and_each_message_finds_its_path() {
    for bench in benches(&LogSettings::default()).await {
        bench.log_all((0..20).map(|number| request(number, bench.now()))).await;
        let report = bench.log.stamp_now().await.unwrap();
        assert_eq!((report.stamps, report.signatures), (1, 20), "{}", bench.name);
        for summary in bench.all().await {
            assert!(summary.stamped);
            let logged = bench.log.message(summary.seq).await.unwrap().unwrap();
            let stamp = logged.stamp.unwrap();
            assert_eq!(stamp.token, FakeAuthority::token(stamp.result_xml.as_bytes()), "{}", bench.name);
            verify_path(&stamp.result_xml, &stamp.chain_xml, &logged.signature.signature);
        }
    }
}

/// The chain leads from the signature to the result, by the verifier's own judgement.
fn verify_path(result: &str, chain: &str, signature: &[u8]) {
    let inputs = [hashchain::Input { uri: hashchain::SIGNATURES_URI, data: hashchain::InputData::Bytes(signature) }];
    hashchain::verify(result.as_bytes(), chain.as_bytes(), &inputs, hashchain::Rules::TIMESTAMP).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_are_asked_in_order() {
    let bench = bench(&LogSettings::default()).await;
    let (first, second) = (FakeAuthority::new("first"), FakeAuthority::new("second"));
    let journal = crate::support::open_journal(
        crate::support::JournalKind::Files,
        &bench.database,
        bench.folder.path().join("other"),
        &bench.clock,
    )
    .await;
    let database = testkit::sqlite().await;
    let log = open_on(&database, journal, &bench.settings, &bench.clock, vec![first.clone(), second.clone()]).await;
    let stamp_one = async |number| {
        log.append(request(number, bench.now())).unwrap().durable().await.unwrap();
        log.stamp_now().await.unwrap();
        (first.asked.load(Ordering::SeqCst), second.asked.load(Ordering::SeqCst))
    };
    assert_eq!(stamp_one(1).await, (1, 0));
    first.send_away(true);
    assert_eq!(stamp_one(2).await, (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_reported_bounded_and_made_up_for() {
    let settings = LogSettings { timestamp_limit: 4, acceptable_timestamp_failure: 600, ..LogSettings::default() };
    for bench in benches(&settings).await {
        bench.authority.send_away(true);
        bench.log_all((0..10).map(|number| request(number, bench.now()))).await;
        let written = bench.now();
        bench.pass_seconds(60);
        let failed = bench.log.stamp_now().await;
        assert!(matches!(&failed, Err(StampPassError::NoAuthority(reason)) if reason.contains("connection refused")));
        let health = bench.log.health().await.unwrap();
        assert_eq!(health.unstamped, 10, "{}", bench.name);
        assert_eq!(health.oldest_unstamped, Some(written));
        assert_eq!(health.stamping_failing_since, Some(bench.now()));
        let since = bench.now();
        bench.pass_seconds(540);
        assert_eq!(bench.log.accepting(bench.now()), Ok(()), "{}: exactly the acceptable period", bench.name);
        bench.pass_seconds(1);
        let refusal = Err(LogRefusal::TimestampingFailed { unstamped_seconds: 601 });
        assert_eq!(bench.log.accepting(bench.now()), refusal, "{}", bench.name);

        let bench = bench.reopen().await;
        assert_eq!(bench.log.accepting(bench.now()), refusal, "{}: a restart is no way out", bench.name);
        assert!(bench.log.stamp_now().await.is_err());
        assert_eq!(bench.log.health().await.unwrap().stamping_failing_since, Some(since));

        bench.authority.send_away(false);
        let report = bench.log.stamp_now().await.unwrap();
        assert_eq!((report.stamps, report.signatures), (3, 10), "{}: in chunks of the limit", bench.name);
        assert_eq!(bench.log.accepting(bench.now()), Ok(()), "{}", bench.name);
        let health = bench.log.health().await.unwrap();
        assert_eq!((health.unstamped, health.stamping_failing_since), (0, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_stamp_is_no_failure_even_without_authorities() {
    let bench = bench(&LogSettings { acceptable_timestamp_failure: 1, ..LogSettings::default() }).await;
    bench.authority.send_away(true);
    bench.pass_seconds(1_000_000);
    assert_eq!(bench.log.stamp_now().await.unwrap().stamps, 0);
    assert_eq!(bench.log.accepting(bench.now()), Ok(()));
    // The first message after a long rest is not judged by the length of the rest.
    bench.log_all([request(1, bench.now())]).await;
    assert!(bench.log.stamp_now().await.is_err());
    assert_eq!(bench.log.accepting(bench.now()), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_signature_is_stamped_once_for_all_its_messages() {
    for bench in benches(&LogSettings::default()).await {
        let together = |number| {
            let mut message = request(number, bench.now());
            message.signature = request(0, 0).signature;
            message.hash_chain_result = request(0, 0).hash_chain_result;
            message
        };
        bench.log_all((0..5).map(together)).await;
        assert_eq!(bench.log.stamp_now().await.unwrap().signatures, 1, "{}", bench.name);
        // A straggler of the batch arrives after the stamp, and after a restart forgot what was written.
        let bench = bench.reopen().await;
        let mut late = request(6, bench.now());
        late.signature = request(0, 0).signature;
        late.hash_chain_result = request(0, 0).hash_chain_result;
        bench.log_all([late]).await;
        assert_eq!(bench.log.stamp_now().await.unwrap().signatures, 0, "{}", bench.name);
        let all = bench.all().await;
        assert!(all.iter().all(|message| message.stamped), "{}", bench.name);
        let logged = bench.log.message(all[5].seq).await.unwrap().unwrap();
        assert!(logged.stamp.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_stamp_is_noticed() {
    let bench = bench(&LogSettings::default()).await;
    bench.log_all((0..3).map(|number| request(number, bench.now()))).await;
    bench.log.stamp_now().await.unwrap();
    let seq = bench.all().await[0].seq;
    bench.tamper("UPDATE exchange_stamp SET leaves = result").await;
    let outcome = bench.log.message(seq).await;
    assert!(matches!(outcome, Err(exchange::log::LogError::Tampered { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_work_indexes_and_stamps_by_itself() {
    let settings = LogSettings { timestamp_interval: 1, index_interval_ms: 20, ..LogSettings::default() };
    let bench = bench(&settings).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let log = bench.log.clone();
    let work = tokio::spawn(async move {
        log.run(async {
            let _ = stopped.await;
        })
        .await;
    });
    bench.log_all((0..5).map(|number| request(number, bench.now()))).await;
    let done = async {
        loop {
            let health = bench.log.health().await.unwrap();
            if health.is_leader && health.unindexed == 0 && health.unstamped == 0 && bench.authority_was_asked() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), done).await.expect("indexed and stamped within a minute");
    stop.send(()).unwrap();
    work.await.unwrap();
}

impl crate::support::Bench {
    fn authority_was_asked(&self) -> bool {
        Arc::clone(&self.authority).asked.load(Ordering::SeqCst) > 0
    }
}
