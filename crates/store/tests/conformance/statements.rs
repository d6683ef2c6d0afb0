//! Statements: parameters, columns and errors mean the same on both engines.

use store::{ConstraintKind, StoreError, Value};

use crate::support::{databases, scalar};

#[tokio::test]
async fn values_of_every_kind_come_back_as_they_went() {
    for db in databases().await {
        let write = |tx: &mut store::Tx<'_>| {
            let insert = "INSERT INTO t_note (body, raw, weight, flag) VALUES ($1, $2, $3, $4) RETURNING *";
            tx.query_one(insert, &["Hà Giang".into(), (&[0_u8, 255, 10]).into(), 0.5.into(), true.into()])
        };
        let row = db.store.write::<_, StoreError>(write).await.unwrap().unwrap();
        assert_eq!(row.int("id").unwrap(), 1, "{}", db.name);
        assert_eq!(row.text("body").unwrap(), "Hà Giang", "{}", db.name);
        assert_eq!(row.bytes("raw").unwrap(), [0, 255, 10], "{}", db.name);
        assert_eq!(row.value("weight").unwrap(), &Value::Float(0.5), "{}", db.name);
        assert!(row.bool("flag").unwrap(), "{}", db.name);
        let nothing: Option<i64> = None;
        let update = move |tx: &mut store::Tx<'_>| {
            tx.exec(
                "UPDATE t_note SET raw = $1, flag = $2 WHERE id = $3",
                &[Value::Null, nothing.into(), 1_i64.into()],
            )?;
            tx.query_one("SELECT raw, flag FROM t_note", &[])
        };
        let row = db.store.write::<_, StoreError>(update).await.unwrap().unwrap();
        assert_eq!((row.opt_bytes(0).unwrap(), row.opt_int(1).unwrap()), (None, None), "{}", db.name);
    }
}

#[tokio::test]
async fn parameters_go_by_number_and_may_repeat() {
    for db in databases().await {
        let write = |tx: &mut store::Tx<'_>| {
            let insert = "INSERT INTO t_counter (value, name) VALUES ($2, $1), ($2 + 1, $1 || '+')";
            assert_eq!(tx.exec(insert, &["a".into(), 7_i64.into()])?, 2);
            let rows = tx.query(
                "SELECT name, value FROM t_counter WHERE name = $1 OR value = $2 OR $1 = 'none'",
                &["a".into(), 8_i64.into()],
            )?;
            Ok::<_, StoreError>(rows.len())
        };
        assert_eq!(db.store.write(write).await.unwrap(), 2, "{}", db.name);
    }
}

#[tokio::test]
async fn rows_changed_are_counted_alike() {
    for db in databases().await {
        let counts = db
            .store
            .write::<_, StoreError>(|tx| {
                Ok([
                    tx.exec("INSERT INTO t_counter (name, value) VALUES ('a', 1), ('b', 2), ('c', 3)", &[])?,
                    tx.exec("UPDATE t_counter SET value = 0 WHERE value > $1", &[1_i64.into()])?,
                    tx.exec("SELECT * FROM t_counter", &[])?,
                    tx.exec("INSERT INTO t_counter (name, value) VALUES ('a', 9) ON CONFLICT DO NOTHING", &[])?,
                    tx.exec("DELETE FROM t_counter WHERE name = 'a' RETURNING name", &[])?,
                    tx.exec("CREATE TABLE t_new (x BIGINT)", &[])?,
                ])
            })
            .await;
        assert_eq!(counts.unwrap(), [3, 2, 0, 0, 1, 0], "{}", db.name);
    }
}

#[tokio::test]
async fn sums_counts_and_comparisons_are_integers() {
    for db in databases().await {
        let fill = |tx: &mut store::Tx<'_>| tx.exec("INSERT INTO t_counter VALUES ('a', 3000000000), ('b', 4)", &[]);
        db.store.write::<_, StoreError>(fill).await.unwrap();
        let of = |sql| scalar(&db.store, sql);
        assert_eq!(of("SELECT SUM(value) FROM t_counter").await, Value::Int(3_000_000_004), "{}", db.name);
        assert_eq!(of("SELECT COUNT(*) FROM t_counter").await, Value::Int(2), "{}", db.name);
        assert_eq!(of("SELECT 1 < 2").await, Value::Int(1), "{}", db.name);
        assert_eq!(of("SELECT MAX(name) FROM t_counter").await, Value::Text("b".into()), "{}", db.name);
        assert_eq!(of("SELECT SUM(value) FROM t_counter WHERE value < 0").await, Value::Null, "{}", db.name);
    }
}

#[tokio::test]
async fn wrong_parameters_are_type_errors() {
    for db in databases().await {
        for params in [vec![], vec!["a".into(), "b".into()], vec![Value::Bytes(vec![1]), 1_i64.into(), 2_i64.into()]] {
            let params: Vec<Value> = params;
            let insert = move |tx: &mut store::Tx<'_>| tx.exec("INSERT INTO t_counter (name) VALUES ($1)", &params);
            let refused = db.store.write::<_, StoreError>(insert).await;
            assert!(matches!(refused, Err(StoreError::Type { .. })), "{}: {refused:?}", db.name);
        }
    }
}

#[tokio::test]
async fn broken_rules_say_which_kind() {
    for db in databases().await {
        let fill = |tx: &mut store::Tx<'_>| tx.exec("INSERT INTO t_note (body) VALUES ('a')", &[]);
        db.store.write::<_, StoreError>(fill).await.unwrap();
        let cases = [
            ("INSERT INTO t_note (body) VALUES ('a')", ConstraintKind::Unique),
            ("INSERT INTO t_note (body) VALUES ('')", ConstraintKind::Check),
            ("INSERT INTO t_note (flag) VALUES (1)", ConstraintKind::NotNull),
            ("INSERT INTO t_reply (note, text) VALUES (999, 'x')", ConstraintKind::ForeignKey),
        ];
        for (sql, expected) in cases {
            let refused = db.store.write::<_, StoreError>(move |tx| tx.exec(sql, &[])).await;
            match refused {
                Err(StoreError::Constraint { kind, .. }) => assert_eq!(kind, expected, "{}: {sql}", db.name),
                other => panic!("{}: {sql}: {other:?}", db.name),
            }
        }
        let wrong = db.store.write::<_, StoreError>(|tx| tx.exec("INSERT INTO nowhere VALUES (1)", &[])).await;
        assert!(matches!(wrong, Err(StoreError::Statement { .. })), "{}: {wrong:?}", db.name);
    }
}
