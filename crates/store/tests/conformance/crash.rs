//! Crashes: what was acknowledged is there afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use store::journal::{FileOptions, Journal, JournalError};
use store::{Options, Store, StoreError, Tx, Value};
use testkit::fault::{Fault, Proxy};
use testkit::process::Child;

use crate::support::scalar;

const URL: &str = "LIENTHONG_TEST_URL";
const FOLDER: &str = "LIENTHONG_TEST_FOLDER";

/// The child: writes rows and records, and says so after each acknowledgement, until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child process of another test"]
async fn child_that_writes_until_killed() {
    let (url, folder) = (std::env::var(URL).unwrap(), std::env::var(FOLDER).unwrap());
    let store = Store::open(&url).await.unwrap();
    let options = FileOptions { segment_bytes: 64 * 1024, ..FileOptions::default() };
    let journal = Journal::open_files(folder, options).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_i64 {
        let (store, journal) = (store.clone(), journal.clone());
        tasks.spawn(async move {
            for round in 0.. {
                let value = task * 1_000_000 + round;
                let insert = move |tx: &mut Tx<'_>| tx.exec("INSERT INTO t_log (value) VALUES ($1)", &[value.into()]);
                store.write::<_, StoreError>(insert).await.unwrap();
                println!("row {value}");
                let seq = journal.append(1, value.to_string().repeat(100).as_bytes()).unwrap().durable().await.unwrap();
                println!("record {seq} {value}");
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    for db in testkit::databases().await {
        let create = |tx: &mut Tx<'_>| tx.exec("CREATE TABLE t_log (value BIGINT PRIMARY KEY)", &[]);
        db.store.write::<_, StoreError>(create).await.unwrap();
        let folder = testkit::tempdir();
        let path = folder.path().to_str().unwrap().to_owned();
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for wanted in [50, 300] {
            let environment = [(URL, db.url.as_str()), (FOLDER, path.as_str())];
            let clear = |tx: &mut Tx<'_>| tx.exec("DELETE FROM t_log", &[]);
            db.store.write::<_, StoreError>(clear).await.unwrap();
            rows.clear();
            let mut child = Child::of_this_test("crash::child_that_writes_until_killed", &environment);
            let mut lines = 0;
            while lines < wanted {
                let line = child.line().expect("the child ended too early");
                lines += 1;
                match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                    ["row", value] => rows.push(value.parse::<i64>().unwrap()),
                    ["record", seq, value] => records.push((seq.parse::<u64>().unwrap(), (*value).to_owned())),
                    _ => lines -= 1,
                }
            }
            child.kill();
        }
        for value in rows.clone() {
            let select = move |tx: &mut Tx<'_>| tx.query_one("SELECT 1 FROM t_log WHERE value = $1", &[value.into()]);
            let row = db.store.read::<_, StoreError>(select).await.unwrap();
            assert!(row.is_some(), "{}: row {value} was acknowledged", db.name);
        }
        let journal = Journal::open_files(folder.path(), FileOptions::default()).await.unwrap();
        assert!(records.len() > 20, "{}: {}", db.name, records.len());
        for (seq, value) in &records {
            let record = journal.read(*seq).await.unwrap().expect("an acknowledged record is there");
            assert_eq!(record.payload, value.repeat(100).as_bytes(), "{}: record {seq}", db.name);
        }
    }
}

/// The child: appends under a limit on the size of files, as on a full disk, then goes on in a smaller way.
#[tokio::test]
#[ignore = "runs as a child process of another test"]
async fn child_with_a_full_disk() {
    let folder = std::env::var(FOLDER).unwrap();
    let journal = Journal::open_files(folder, FileOptions::default()).await.unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match journal.append(1, &[7; 9000]).unwrap().durable().await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    let small = journal.append(2, b"small").unwrap().durable().await.unwrap();
    println!("\nfull {acknowledged} {small}");
}

#[tokio::test]
async fn a_full_disk_fails_the_record_and_not_the_journal() {
    let folder = testkit::tempdir();
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("sh");
    // 128 blocks of 512 bytes (dash) or 1024 (bash): the journal meets the end of its file either way.
    command.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""]).arg(program);
    command.args(["--exact", "crash::child_with_a_full_disk", "--ignored", "--nocapture"]);
    let mut child = Child::start(command.env(FOLDER, folder.path()));
    let told = std::iter::from_fn(|| child.line()).find_map(|line| {
        let (acknowledged, small) = line.strip_prefix("full ")?.split_once(' ')?;
        Some((acknowledged.parse::<u64>().ok()?, small.parse::<u64>().ok()?))
    });
    assert!(child.wait());
    let (acknowledged, small) = told.expect("the child met the limit");
    let journal = Journal::open_files(folder.path(), FileOptions::default()).await.unwrap();
    let records = journal.read_from(1, usize::MAX).await.unwrap();
    assert_eq!(records.len() as u64, acknowledged + 1);
    assert_eq!(small, acknowledged + 2, "the failed record's number stays unused");
    assert_eq!(records.last().map(|record| record.payload.as_slice()), Some(b"small".as_slice()));
}

async fn counter(store: &Store) {
    let create = |tx: &mut Tx<'_>| {
        tx.exec("CREATE TABLE t_count (value BIGINT NOT NULL)", &[])?;
        tx.exec("INSERT INTO t_count VALUES (0)", &[])
    };
    store.write::<_, StoreError>(create).await.unwrap();
}

async fn increment(store: &Store) -> Result<u64, StoreError> {
    store.write(|tx| tx.exec("UPDATE t_count SET value = value + 1", &[])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_waited_out() {
    let cluster = tokio::task::spawn_blocking(|| testkit::Cluster::start(false).unwrap()).await.unwrap();
    let url = tokio::task::block_in_place(|| cluster.create_database()).unwrap();
    let options = Options { patience: Duration::from_secs(30), connections: 4, ..Options::default() };
    let store = Store::open_with(&url, options).await.unwrap();
    counter(&store).await;
    for how in [testkit::postgres::Stop::Fast, testkit::postgres::Stop::Immediate] {
        let before = scalar(&store, "SELECT value FROM t_count").await;
        let Value::Int(before) = before else { panic!("{before:?}") };
        let worker = tokio::spawn({
            let store = store.clone();
            async move {
                let (mut sure, mut unsure) = (0, 0);
                while sure < 300 {
                    match increment(&store).await {
                        Ok(_) => sure += 1,
                        Err(StoreError::Uncertain { .. }) => unsure += 1,
                        Err(error) => panic!("a restart should be waited out: {error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                (sure, unsure)
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        tokio::task::block_in_place(|| cluster.restart(how)).unwrap();
        let (sure, unsure) = worker.await.unwrap();
        let Value::Int(after) = scalar(&store, "SELECT value FROM t_count").await else { panic!("no value") };
        let written = after - before;
        assert!((sure..=sure + unsure).contains(&written), "{how:?}: {written} of {sure} and perhaps {unsure}");
        assert!(store.metrics().connects > 1, "{how:?}");
    }
    tokio::task::block_in_place(|| cluster.stop(testkit::postgres::Stop::Immediate)).unwrap();
    let impatient = Options { patience: Duration::ZERO, ..Options::default() };
    let refused = Store::open_with(&url, impatient).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }) && refused.is_retryable(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_network_is_reported_and_healed() {
    let db = testkit::databases().await.pop().unwrap();
    let cluster = testkit::postgres();
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], cluster.port()))).await.unwrap();
    let url = cluster.url_through(proxy.address().port(), &db.url);
    let options = Options { patience: Duration::from_millis(200), connections: 2, ..Options::default() };
    let store = Store::open_with(&url, options).await.unwrap();
    counter(&store).await;
    increment(&store).await.unwrap();
    proxy.set(Fault::Refuse);
    // The first call may find its connection cut in the middle of a commit; from then on the answer is clear.
    let first = increment(&store).await;
    assert!(first.is_err(), "{first:?}");
    for _ in 0..3 {
        let refused = increment(&store).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    }
    proxy.set(Fault::Pass);
    let mut healed = Err(StoreError::Closed);
    for _ in 0..100 {
        healed = increment(&store).await;
        if healed.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(healed, Ok(1));
    // Cut between two statements: repeated on a new connection without anybody noticing.
    for _ in 0..3 {
        proxy.cut().await;
        for _ in 0..100 {
            match increment(&store).await {
                Ok(_) | Err(StoreError::Uncertain { .. }) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
    assert!(store.ping().await.is_ok());
}
