//! Transactions: atomic, isolated, and a closure that misbehaves hurts nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use store::{Options, Store, StoreError, Tx, Value};
use tokio::task::JoinSet;

use crate::support::{databases, scalar};

fn insert(name: &str) -> impl Fn(&mut Tx<'_>) -> Result<u64, StoreError> + Send + use<> {
    let name = name.to_owned();
    move |tx| tx.exec("INSERT INTO t_counter (name, value) VALUES ($1, 0)", &[name.as_str().into()])
}

async fn count(store: &Store) -> Value {
    scalar(store, "SELECT COUNT(*) FROM t_counter").await
}

#[tokio::test]
async fn an_error_takes_everything_back() {
    for db in databases().await {
        let result = db
            .store
            .write(|tx| {
                insert("a")(tx)?;
                Err::<(), _>(StoreError::Type { what: "mine".into() })
            })
            .await;
        assert_eq!(result, Err(StoreError::Type { what: "mine".into() }), "{}", db.name);
        assert_eq!(count(&db.store).await, Value::Int(0), "{}", db.name);
    }
}

#[tokio::test]
async fn a_panic_takes_everything_back_and_the_store_lives_on() {
    for db in databases().await {
        for _ in 0..10 {
            let result = db
                .store
                .write::<(), StoreError>(|tx| {
                    insert("a")(tx)?;
                    panic!("on purpose")
                })
                .await;
            assert_eq!(result, Err(StoreError::Panicked { message: "on purpose".into() }), "{}", db.name);
            let read = db.store.read::<(), StoreError>(|_| panic!("on {}", "purpose")).await;
            assert_eq!(read, Err(StoreError::Panicked { message: "on purpose".into() }), "{}", db.name);
        }
        assert_eq!(count(&db.store).await, Value::Int(0), "{}", db.name);
        db.store.write(insert("b")).await.unwrap();
    }
}

#[tokio::test]
async fn a_swallowed_failure_still_takes_everything_back() {
    for db in databases().await {
        db.store.write(insert("taken")).await.unwrap();
        let result = db
            .store
            .write(|tx| {
                insert("new")(tx)?;
                let first = insert("taken")(tx);
                assert!(first.is_err_and(|error| error.is_unique_violation()));
                assert!(matches!(insert("later")(tx), Err(StoreError::Aborted { .. })));
                Ok::<_, StoreError>(())
            })
            .await;
        assert!(result.is_err_and(|error| error.is_unique_violation()), "{}", db.name);
        assert_eq!(count(&db.store).await, Value::Int(1), "{}", db.name);
    }
}

#[tokio::test]
async fn an_attempt_fails_alone() {
    for db in databases().await {
        db.store.write(insert("taken")).await.unwrap();
        let result = db
            .store
            .write(|tx| {
                insert("before")(tx)?;
                let outer: Result<(), StoreError> = tx.attempt(|tx| {
                    insert("inside")(tx)?;
                    let inner = tx.attempt(insert("taken"));
                    assert!(inner.is_err_and(|error| error.is_unique_violation()));
                    insert("inside too")(tx)?;
                    Err(StoreError::Type { what: "mine".into() })
                });
                assert_eq!(outer, Err(StoreError::Type { what: "mine".into() }));
                tx.attempt(insert("after"))
            })
            .await;
        assert_eq!(result, Ok(1), "{}", db.name);
        let names =
            scalar(&db.store, "SELECT COUNT(*) FROM t_counter WHERE name IN ('taken', 'before', 'after')").await;
        assert_eq!((names, count(&db.store).await), (Value::Int(3), Value::Int(3)), "{}", db.name);
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    for db in databases().await {
        let refused = db.store.read(insert("a")).await;
        assert_eq!(refused, Err(StoreError::ReadOnly), "{}", db.name);
        db.store.write(insert("a")).await.unwrap();
    }
    let memory = Store::open("sqlite::memory:").await.unwrap();
    memory.migrate("t", crate::support::TABLES).await.unwrap();
    assert_eq!(memory.read(insert("a")).await, Err(StoreError::ReadOnly));
    memory.write(insert("a")).await.unwrap();
    assert_eq!(count(&memory).await, Value::Int(1), "in memory, readers see what was written");
}

/// Read, decide, write: 64 tasks, none may lose another's increment.
#[tokio::test(flavor = "multi_thread")]
async fn no_increment_is_lost() {
    for db in databases().await {
        db.store.write(insert("n")).await.unwrap();
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let store = db.store.clone();
            tasks.spawn(async move {
                for _ in 0..4 {
                    let increment = |tx: &mut Tx<'_>| {
                        let row = tx.query_one("SELECT value FROM t_counter WHERE name = 'n'", &[])?;
                        let value = row.map_or(Ok(0), |row| row.int("value"))?;
                        tx.exec("UPDATE t_counter SET value = $1 WHERE name = 'n'", &[(value + 1).into()])
                    };
                    store.write::<_, StoreError>(increment).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let total = scalar(&db.store, "SELECT value FROM t_counter WHERE name = 'n'").await;
        assert_eq!(total, Value::Int(256), "{}", db.name);
        let metrics = db.store.metrics();
        assert!(metrics.committed >= 257, "{}: {metrics:?}", db.name);
        assert!(metrics.groups <= metrics.committed, "{}: {metrics:?}", db.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_the_name() {
    for db in databases().await {
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let store = db.store.clone();
            tasks.spawn(async move { store.write(insert("only one")).await });
        }
        let results = tasks.join_all().await;
        let winners = results.iter().filter(|result| result.is_ok()).count();
        let losers =
            results.iter().filter(|result| result.as_ref().is_err_and(StoreError::is_unique_violation)).count();
        assert_eq!((winners, losers), (1, 63), "{}: {results:?}", db.name);
    }
}

/// Neighbours in one group commit: the good ones stay, the bad one alone is told. A foreign key that is checked only at
/// the commit would otherwise fail the whole group.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_closure_does_not_fail_its_neighbours() {
    for db in databases().await {
        let mut tasks = JoinSet::new();
        for number in 0..64_i64 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let write = move |tx: &mut Tx<'_>| {
                    insert(&format!("row {number}"))(tx)?;
                    if number % 8 == 3 {
                        tx.exec("INSERT INTO t_reply (note, text) VALUES (999, 'x')", &[])?;
                    }
                    if number % 8 == 5 {
                        return Err(StoreError::Closed);
                    }
                    Ok(())
                };
                (number, store.write(write).await)
            });
        }
        for (number, result) in tasks.join_all().await {
            match number % 8 {
                3 => assert!(matches!(result, Err(StoreError::Constraint { .. })), "{}: {result:?}", db.name),
                5 => assert_eq!(result, Err(StoreError::Closed), "{}", db.name),
                _ => assert_eq!(result, Ok(()), "{}", db.name),
            }
        }
        assert_eq!(count(&db.store).await, Value::Int(48), "{}", db.name);
    }
}

#[tokio::test]
async fn a_read_sees_one_moment() {
    for db in databases().await {
        let (begun, signal) = std::sync::mpsc::channel::<()>();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = shared(wait);
        let store = db.store.clone();
        let reader = tokio::spawn(async move {
            store
                .read::<_, StoreError>(move |tx| {
                    let before = tx.query("SELECT * FROM t_counter", &[])?.len();
                    let _ = begun.send(());
                    let _ = wait.lock().unwrap().recv();
                    Ok((before, tx.query("SELECT * FROM t_counter", &[])?.len()))
                })
                .await
        });
        tokio::task::spawn_blocking(move || signal.recv()).await.unwrap().unwrap();
        db.store.write(insert("meanwhile")).await.unwrap();
        go.send(()).unwrap();
        assert_eq!(reader.await.unwrap(), Ok((0, 0)), "{}", db.name);
        assert_eq!(count(&db.store).await, Value::Int(1), "{}", db.name);
    }
}

/// A receiver that an `Fn` closure may use.
fn shared<T>(receiver: std::sync::mpsc::Receiver<T>) -> std::sync::Mutex<std::sync::mpsc::Receiver<T>> {
    std::sync::Mutex::new(receiver)
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    for db in databases().await {
        let done = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for number in 0..32 {
            let (store, done) = (db.store.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                store.write(insert(&format!("row {number}"))).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        // Lets every task queue its closure.
        tokio::task::yield_now().await;
        db.store.close().await;
        tasks.join_all().await;
        assert_eq!(done.load(Ordering::Relaxed), 32, "{}", db.name);
        assert_eq!(db.store.ping().await, Err(StoreError::Closed), "{}", db.name);
        let again = Store::open(&db.url).await.unwrap();
        assert_eq!(count(&again).await, Value::Int(32), "{}", db.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_callers_wait_and_loses_nobody() {
    for db in databases().await {
        let options = Options { queue: 2, connections: 1, readers: 1, ..Options::default() };
        let narrow = Store::open_with(&db.url, options).await.unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..100 {
            let store = narrow.clone();
            tasks.spawn(async move { store.write(insert(&format!("row {number}"))).await });
        }
        assert!(tasks.join_all().await.iter().all(Result::is_ok), "{}", db.name);
        assert_eq!(count(&db.store).await, Value::Int(100), "{}: seen through another store", db.name);
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_told_apart() {
    let nonsense = Store::open("oracle://x").await.unwrap_err();
    assert!(matches!(nonsense, StoreError::Address { .. }), "{nonsense:?}");
    let folder = testkit::tempdir();
    let not_a_database = folder.path().join("text");
    std::fs::write(&not_a_database, "x".repeat(5000)).unwrap();
    let corrupt = Store::open(&format!("sqlite:{}", not_a_database.display())).await.unwrap_err();
    assert!(matches!(corrupt, StoreError::Corrupt { .. }), "{corrupt:?}");
    let missing = testkit::postgres().url_through(testkit::postgres().port(), "x/no_such_database");
    let missing = Store::open(&missing).await.unwrap_err();
    assert!(matches!(missing, StoreError::Unavailable { .. }), "{missing:?}");
}
