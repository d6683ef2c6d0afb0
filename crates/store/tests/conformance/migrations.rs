//! Migrations: once, in order, unchanged, and safe when several processes start together.

use store::{Migration, Store, StoreError, Value};
use tokio::task::JoinSet;

use crate::support::scalar;

const ONE: Migration = Migration { number: 1, name: "one", sql: "CREATE TABLE m_one (id {serial}, raw {bytes})" };
const TWO: Migration =
    Migration { number: 2, name: "two", sql: "CREATE TABLE m_two (x BIGINT); INSERT INTO m_two VALUES (5)" };
const BROKEN: Migration = Migration { number: 2, name: "two", sql: "CREATE TABLE m_two (x BIGINT); NONSENSE" };
const CHANGED: Migration = Migration { number: 1, name: "one", sql: "CREATE TABLE m_one (id {serial})" };

#[tokio::test]
async fn each_is_applied_once() {
    for db in testkit::databases().await {
        db.store.migrate("m", &[ONE]).await.unwrap();
        for _ in 0..2 {
            db.store.migrate("m", &[ONE, TWO]).await.unwrap();
        }
        assert_eq!(scalar(&db.store, "SELECT COUNT(*) FROM m_two").await, Value::Int(1), "{}", db.name);
    }
}

#[tokio::test]
async fn changed_missing_and_misnumbered_ones_are_refused() {
    for db in testkit::databases().await {
        db.store.migrate("m", &[ONE, TWO]).await.unwrap();
        for (list, number) in [(&[CHANGED, TWO] as &[_], 1), (&[ONE], 2), (&[TWO], 2), (&[ONE, ONE], 1)] {
            let list: &'static [Migration] = Box::leak(list.to_vec().into_boxed_slice());
            match db.store.migrate("m", list).await {
                Err(StoreError::Migration { domain, number: found, .. }) => {
                    assert_eq!((domain.as_str(), found), ("m", number), "{}", db.name);
                }
                other => panic!("{}: {other:?}", db.name),
            }
        }
    }
}

#[tokio::test]
async fn a_broken_one_leaves_nothing_behind() {
    for db in testkit::databases().await {
        let broken = db.store.migrate("m", &[ONE, BROKEN]).await;
        assert!(matches!(broken, Err(StoreError::Migration { number: 2, .. })), "{}: {broken:?}", db.name);
        db.store.migrate("m", &[ONE, TWO]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_start_at_once() {
    for db in testkit::databases().await {
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let url = db.url.clone();
            tasks.spawn(async move {
                let store = Store::open(&url).await?;
                store.migrate("m", &[ONE, TWO]).await
            });
        }
        for result in tasks.join_all().await {
            result.unwrap();
        }
        assert_eq!(scalar(&db.store, "SELECT COUNT(*) FROM m_two").await, Value::Int(1), "{}", db.name);
    }
}
