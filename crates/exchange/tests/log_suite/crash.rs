//! Kill -9: nothing acknowledged is lost, nothing is indexed, stamped or archived twice.

use exchange::log::{LogSettings, verify_archive_chain};
use kit::Clock;
use store::Store;
use testkit::Database;
use testkit::process::Child;

use crate::support::{Bench, FakeAuthority, JournalKind, open_journal, open_on, request, start};

/// Plays the gateway that will be killed: logs, indexes, stamps and archives as fast as it can, and prints what was acknowledged.
#[ignore = "runs as a child of the test below"]
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let url = std::env::var("LOG_DATABASE").unwrap();
    let folder = std::path::PathBuf::from(std::env::var("LOG_FOLDER").unwrap());
    let first: u32 = std::env::var("LOG_FIRST").unwrap().parse().unwrap();
    let database = Database { name: "child", store: Store::open(&url).await.unwrap(), url };
    let clock = Clock::manual(start());
    let journal = open_journal(JournalKind::Files, &database, folder.join("journal"), &clock).await;
    let settings = LogSettings { archive_dir: Some(folder.join("archive")), ..LogSettings::default() };
    let authority = FakeAuthority::new("tsa");
    let log = open_on(&database, journal, &settings, &clock, vec![authority]).await;
    let background = log.clone();
    tokio::spawn(async move {
        loop {
            background.catch_up().await.unwrap();
            background.stamp_now().await.unwrap();
            background.archive_now().await.unwrap();
        }
    });
    for number in first.. {
        log.append(request(number, clock.now_micros())).unwrap().durable().await.unwrap();
        println!("acknowledged {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_loses_and_repeats_nothing() {
    let database = testkit::sqlite().await;
    let folder = testkit::tempdir();
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let first = acknowledged.last().map_or(0, |last: &u32| last + 100);
        let environment = [
            ("LOG_DATABASE", database.url.as_str()),
            ("LOG_FOLDER", folder.path().to_str().unwrap()),
            ("LOG_FIRST", &first.to_string()),
        ];
        let mut child = Child::of_this_test("crash::child", &environment);
        let mut heard = 0;
        while heard < 40 + round * 25 {
            let line = child.line().expect("the child is alive");
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged.push(number.parse().unwrap());
                heard += 1;
            }
        }
        child.kill();
    }
    let settings = LogSettings { archive_dir: Some(folder.path().join("archive")), ..LogSettings::default() };
    let clock = Clock::manual(start());
    let journal = open_journal(JournalKind::Files, &database, folder.path().join("journal"), &clock).await;
    let authority = FakeAuthority::new("tsa");
    let log = open_on(&database, journal, &settings, &clock, vec![authority.clone()]).await;
    let bench = Bench {
        name: "after the kills".into(),
        log,
        clock,
        authority,
        database,
        folder,
        kind: JournalKind::Files,
        settings,
    };
    bench.log.stamp_now().await.unwrap();
    bench.log.archive_now().await.unwrap();
    let all = bench.all().await;
    let mut ids: Vec<u32> = all.iter().map(|message| message.message_id[3..].parse().unwrap()).collect();
    let found = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found, "no message twice");
    assert!(acknowledged.iter().all(|number| ids.binary_search(number).is_ok()), "every acknowledged message is there");
    assert!(all.iter().all(|message| message.stamped && message.archived));
    let report = verify_archive_chain(&bench.archive_folder()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.series[0].containers, found as u64, "every message is archived once");
    assert_eq!(bench.log.health().await.unwrap().unreadable_records, 0);
}
