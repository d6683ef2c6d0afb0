//! What the cases share.

use store::{Migration, StoreError, Value};

/// A small table of notes and one of counters.
pub const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "tables",
    sql: "CREATE TABLE t_note (
              id {serial}, body TEXT NOT NULL, raw {bytes}, weight DOUBLE PRECISION, flag BIGINT,
              CONSTRAINT t_note_body_filled CHECK (body <> ''));
          CREATE UNIQUE INDEX t_note_body ON t_note (body);
          CREATE TABLE t_reply (
              note BIGINT NOT NULL REFERENCES t_note (id) DEFERRABLE INITIALLY DEFERRED, text TEXT NOT NULL);
          CREATE TABLE t_counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
}];

/// Both engines with the tables above.
pub async fn databases() -> Vec<testkit::Database> {
    let databases = testkit::databases().await;
    for db in &databases {
        db.store.migrate("t", TABLES).await.unwrap();
    }
    databases
}

/// The only column of the only row.
pub async fn scalar(store: &store::Store, sql: &'static str) -> Value {
    let read =
        move |tx: &mut store::Tx<'_>| tx.query_one(sql, &[])?.map_or(Ok(Value::Null), |row| row.value(0).cloned());
    store.read::<Value, StoreError>(read).await.unwrap()
}
