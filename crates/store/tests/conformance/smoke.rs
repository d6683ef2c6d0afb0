//! First light: open, migrate, write, read.

use store::{Migration, StoreError};

const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "note",
    sql: "CREATE TABLE smoke_note (id {serial}, body TEXT NOT NULL, raw {bytes})",
}];

#[tokio::test]
async fn first_light() {
    for db in testkit::databases().await {
        let store = db.store;
        store.migrate("smoke", TABLES).await.unwrap();
        store.migrate("smoke", TABLES).await.unwrap();
        let id = store
            .write(|tx| {
                let insert = "INSERT INTO smoke_note (body, raw) VALUES ($2, $1) RETURNING id";
                let row = tx.query_one(insert, &[b"x".into(), "a".into()])?;
                row.map_or(Ok(0), |row| row.int(0))
            })
            .await
            .unwrap();
        let body = store
            .read(move |tx| {
                let row = tx.query_one("SELECT body FROM smoke_note WHERE id = $1", &[id.into()])?;
                Ok::<_, StoreError>(row.unwrap().text("body")?)
            })
            .await
            .unwrap();
        assert_eq!(body, "a");
        let refused = store.read(|tx| tx.exec("DELETE FROM smoke_note", &[])).await;
        assert_eq!(refused, Err(StoreError::ReadOnly));
    }
}
