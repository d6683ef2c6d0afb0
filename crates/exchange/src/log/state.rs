//! Checkpoints of the background work, and the lease by which one process at a time does it.
//!
//! The lease only avoids work done twice. What keeps the data right when two processes meet all the same (a pause, a clock that jumps) is
//! that every checkpoint is moved by compare-and-set in the transaction that holds the work itself.

use store::{Row, Store, StoreError, Tx, Value};

use super::error::LogError;

/// Journal position up to which (inclusive) records are indexed.
pub(super) const INDEXED: &str = "indexed";
/// Signature id up to which (inclusive) signatures are time-stamped.
pub(super) const STAMPED: &str = "stamped";
/// Message position up to which (inclusive) messages are archived.
pub(super) const ARCHIVED: &str = "archived";
/// When time-stamping began to fail, microseconds; 0 when it does not fail.
pub(super) const FAILING_SINCE: &str = "stamping_failing_since";
/// Lower bound of the age of messages without time-stamp, microseconds.
pub(super) const OLDEST_UNSTAMPED: &str = "oldest_unstamped";
/// How many records of the journal could not be indexed.
pub(super) const UNREADABLE: &str = "unreadable";
const LEASE: &str = "lease";

/// Reads a number; 0 when it was never written.
pub(super) fn number(tx: &mut Tx<'_>, name: &str) -> Result<i64, StoreError> {
    let row = tx.query_one("SELECT number FROM exchange_log_state WHERE name = $1", &[name.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Writes a number.
pub(super) fn set_number(tx: &mut Tx<'_>, name: &str, number: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO exchange_log_state (name, number) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET number = excluded.number";
    tx.exec(sql, &[name.into(), number.into()]).map(drop)
}

/// Moves a checkpoint from `from` to `to`, or fails when somebody else has moved it.
pub(super) fn advance(tx: &mut Tx<'_>, name: &str, from: i64, to: i64) -> Result<(), LogError> {
    if number(tx, name)? != from {
        return Err(LogError::Contended);
    }
    Ok(set_number(tx, name, to)?)
}

/// Takes or renews the lease until `until` for `holder`; `false` when another process holds it at `now`.
pub(super) async fn lease(store: &Store, holder: &str, now: i64, until: i64) -> Result<bool, LogError> {
    let holder = holder.to_owned();
    store
        .write(move |tx| {
            let sql = "INSERT INTO exchange_log_state (name, number, text) VALUES ($1, $2, $3)
                ON CONFLICT (name) DO UPDATE SET number = excluded.number, text = excluded.text
                WHERE exchange_log_state.text = excluded.text OR exchange_log_state.number < $4
                    OR exchange_log_state.number > $5";
            // A lease that ends later than any could is the trace of a clock that was wrong: it does not count.
            let latest = until.saturating_add(until.saturating_sub(now));
            let values: [Value; 5] = [LEASE.into(), until.into(), holder.as_str().into(), now.into(), latest.into()];
            Ok(tx.exec(sql, &values)? > 0)
        })
        .await
}

/// Gives the lease up, so that another process need not wait for its end.
pub(super) async fn release(store: &Store, holder: &str) -> Result<(), LogError> {
    let holder = holder.to_owned();
    store
        .write(move |tx| {
            let sql = "DELETE FROM exchange_log_state WHERE name = $1 AND text = $2";
            tx.exec(sql, &[LEASE.into(), holder.as_str().into()])?;
            Ok(())
        })
        .await
}

/// `$1, $2, …` groups for a multi-row insert of `rows` rows with `columns` columns.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let mut out = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        out.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                out.push_str(", ");
            }
            out.push('$');
            out.push_str(&(row * columns + column + 1).to_string());
        }
        out.push(')');
    }
    out
}

/// Inserts `rows` (each of `columns` values) with as few statements as the engines' parameter limits allow.
pub(crate) fn insert_many(
    tx: &mut Tx<'_>,
    head: &str,
    tail: &str,
    columns: usize,
    rows: &[Vec<Value>],
) -> Result<(), StoreError> {
    insert_many_returning(tx, head, tail, columns, rows).map(drop)
}

/// As [`insert_many`], with the rows of a `RETURNING` in `tail`.
pub(super) fn insert_many_returning(
    tx: &mut Tx<'_>,
    head: &str,
    tail: &str,
    columns: usize,
    rows: &[Vec<Value>],
) -> Result<Vec<Row>, StoreError> {
    /// Rows per statement: one size for all full chunks, so that engines prepare the text once.
    const CHUNK: usize = 64;
    let mut returned = Vec::new();
    for chunk in rows.chunks(CHUNK) {
        let sql = format!("{head} VALUES {} {tail}", placeholders(chunk.len(), columns));
        returned.extend(tx.query(&sql, &chunk.concat())?);
    }
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_number_through() {
        assert_eq!(placeholders(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
