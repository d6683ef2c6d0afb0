//! Access rights, read from both ends: who may call a service, and what a subject may call.

use ::store::{Row, StoreError, Tx};
use directory::ClientId;

use super::{params, unreadable};
use crate::model::access::Subject;

/// A right seen from the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// Row number of the endpoint.
    pub endpoint: i64,
    /// Who holds it.
    pub subject: Subject,
    /// Microseconds since the Unix epoch.
    pub granted_at: i64,
}

/// A right seen from the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRow {
    /// Row number of the endpoint.
    pub endpoint: i64,
    /// Provider of the service.
    pub provider: ClientId,
    /// Service code.
    pub code: String,
    /// Method of the endpoint.
    pub method: String,
    /// Path pattern of the endpoint.
    pub path: String,
    /// Who holds it: the subject asked for.
    pub subject: Subject,
    /// Microseconds since the Unix epoch.
    pub granted_at: i64,
}

pub(super) fn subject(text: &str) -> Result<Subject, StoreError> {
    text.parse().map_err(|_| unreadable("subject", text))
}

/// Grants a right; `false` when it is held already.
pub fn insert(tx: &mut Tx<'_>, endpoint: i64, subject: &Subject, now: i64) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchange_right (endpoint, subject, granted_at) VALUES ($1, $2, $3) \
               ON CONFLICT (endpoint, subject) DO NOTHING";
    Ok(tx.exec(sql, params![endpoint, subject.key(), now])? == 1)
}

/// Revokes a right; `false` when nobody held it.
pub fn delete(tx: &mut Tx<'_>, endpoint: i64, subject: &Subject) -> Result<bool, StoreError> {
    let sql = "DELETE FROM exchange_right WHERE endpoint = $1 AND subject = $2";
    Ok(tx.exec(sql, params![endpoint, subject.key()])? == 1)
}

/// Revokes every right of a local group of `client`: the group is about to go.
pub fn delete_of_local_group(tx: &mut Tx<'_>, client: &ClientId, code: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM exchange_right WHERE subject = $2 AND endpoint IN (SELECT e.id FROM exchange_endpoint e \
               JOIN exchange_service s ON s.id = e.service WHERE s.client = $1)";
    tx.exec(sql, params![client.colon(), Subject::LocalGroup(code.into()).key()])
}

/// Up to `limit` rights on a service after (`endpoint`, `subject`).
pub fn on_service(tx: &mut Tx<'_>, service: i64, after: (i64, &str), limit: u32) -> Result<Vec<HolderRow>, StoreError> {
    let sql = "SELECT r.endpoint, r.subject, r.granted_at FROM exchange_right r \
               JOIN exchange_endpoint e ON e.id = r.endpoint \
               WHERE e.service = $1 AND (r.endpoint > $2 OR (r.endpoint = $2 AND r.subject > $3)) \
               ORDER BY r.endpoint, r.subject LIMIT $4";
    let rows = tx.query(sql, params![service, after.0, after.1, limit])?;
    rows.iter()
        .map(|row| Ok(HolderRow { endpoint: row.int(0)?, subject: subject(row.get(1)?)?, granted_at: row.int(2)? }))
        .collect()
}

/// Up to `limit` rights of `holder` on services of any provider of this gateway, after the endpoint `after`.
pub fn of_subject(
    tx: &mut Tx<'_>,
    holder: &Subject,
    provider: Option<&ClientId>,
    after: i64,
    limit: u32,
) -> Result<Vec<HeldRow>, StoreError> {
    let sql = "SELECT r.endpoint, s.client, s.code, e.method, e.path, r.subject, r.granted_at FROM exchange_right r \
               JOIN exchange_endpoint e ON e.id = r.endpoint JOIN exchange_service s ON s.id = e.service \
               WHERE r.subject = $1 AND r.endpoint > $2 AND ($3 = '' OR s.client = $3) \
               ORDER BY r.endpoint LIMIT $4";
    let provider = provider.map(ClientId::colon).unwrap_or_default();
    tx.query(sql, params![holder.key(), after, provider, limit])?.iter().map(held).collect()
}

fn held(row: &Row) -> Result<HeldRow, StoreError> {
    let provider: &str = row.get(1)?;
    Ok(HeldRow {
        endpoint: row.int(0)?,
        provider: provider.parse().map_err(|_| unreadable("client", provider))?,
        code: row.text(2)?,
        method: row.text(3)?,
        path: row.text(4)?,
        subject: subject(row.get(5)?)?,
        granted_at: row.int(6)?,
    })
}
