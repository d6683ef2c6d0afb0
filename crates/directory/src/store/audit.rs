//! The audit journal: one row for each act, written in the act's own transaction; refused acts get a row of their own (§2.18).

use jiff::Timestamp;
use serde::Serialize;
use store::{StoreError, Tx};

/// One entry.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Number, growing.
    pub id: i64,
    /// When, microseconds since 1970 UTC.
    pub at: i64,
    /// What, in the words of the audit catalogue; ` failed` is appended when it was refused.
    pub event: String,
    /// Who.
    pub actor: String,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Particulars.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// Adds an entry.
///
/// # Errors
/// Those of the store.
pub fn insert(
    tx: &mut Tx<'_>,
    at: Timestamp,
    event: &str,
    actor: &str,
    reason: Option<&str>,
    data: &serde_json::Value,
) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_audit (at, event, actor, reason, data) VALUES ($1, $2, $3, $4, $5)",
        &[at.as_microsecond().into(), event.into(), actor.into(), reason.into(), data.to_string().into()],
    )?;
    Ok(())
}

/// Entries before `before`, newest first.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &mut Tx<'_>, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = tx.query(
        "SELECT id, at, event, actor, reason, data FROM directory_audit WHERE id < $1 ORDER BY id DESC LIMIT $2",
        &[before.unwrap_or(i64::MAX).into(), limit.into()],
    )?;
    let read = |row: &store::Row| {
        Ok(AuditEntry {
            id: row.int("id")?,
            at: row.int("at")?,
            event: row.text("event")?,
            actor: row.text("actor")?,
            reason: row.opt_text("reason")?,
            data: serde_json::from_str(row.get("data")?).map_err(|_| super::damaged("an audit entry"))?,
        })
    };
    rows.iter().map(read).collect()
}
