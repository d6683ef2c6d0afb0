//! The audit log: rows are only added, in the transaction of the act they tell of.

use ::store::{Row, StoreError, Tx};

use super::{params, unreadable};
use crate::monitor::audit::Entry;

/// An entry as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// Row number: the order of writing.
    pub id: i64,
    /// The entry.
    pub entry: Entry,
}

/// Adds an entry.
pub fn insert(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO exchange_audit (at, event, actor, auth, url, reason, data) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = params![
        entry.at,
        &entry.event,
        &entry.user,
        &entry.auth,
        &entry.url,
        entry.reason.clone(),
        entry.data.to_string()
    ];
    tx.exec(sql, values).map(drop)
}

/// Up to `limit` entries older than the row `before`, newest first.
pub fn list(tx: &mut Tx<'_>, before: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
    let sql = "SELECT id, at, event, actor, auth, url, reason, data FROM exchange_audit WHERE id < $1 \
               ORDER BY id DESC LIMIT $2";
    tx.query(sql, params![before, limit])?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AuditRow, StoreError> {
    let data: &str = row.get(7)?;
    let entry = Entry {
        at: row.int(1)?,
        event: row.text(2)?,
        user: row.text(3)?,
        auth: row.text(4)?,
        url: row.text(5)?,
        reason: row.opt_text(6)?,
        data: serde_json::from_str(data).map_err(|_| unreadable("audit data", data))?,
    };
    Ok(AuditRow { id: row.int(0)?, entry })
}
