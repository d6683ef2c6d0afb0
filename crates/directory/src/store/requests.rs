//! Management requests as stored. A decided request is never changed again.

use jiff::Timestamp;
use serde::Serialize;
use store::{Row, StoreError, Tx};

use crate::model::request::{Origin, RequestBody, Status};

/// A request as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RequestRow {
    /// Number.
    pub id: i64,
    /// Where it stands.
    pub status: Status,
    /// Who brought it.
    pub origin: Origin,
    /// What is asked.
    #[schema(value_type = Object)]
    pub body: RequestBody,
    /// When it came, microseconds since 1970 UTC.
    pub submitted_at: i64,
    /// When it was decided, microseconds since 1970 UTC.
    pub decided_at: Option<i64>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why.
    pub comment: Option<String>,
}

/// A request that has just come.
#[derive(Clone, Debug)]
pub struct NewRequest<'a> {
    /// Who brought it.
    pub origin: Origin,
    /// What is asked.
    pub body: &'a RequestBody,
    /// SHA-256 of the bytes that came, in hexadecimal: the same bytes are one request.
    pub digest: &'a str,
}

/// Adds a request and returns its number; `None` when the same bytes came before.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &mut Tx<'_>, new: &NewRequest<'_>, at: Timestamp) -> Result<Option<i64>, StoreError> {
    let body = serde_json::to_string(new.body).map_err(|_| super::damaged("a request"))?;
    let row = tx.query_one(
        "INSERT INTO directory_request (kind, status, origin, subject, body, digest, submitted_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING RETURNING id",
        &[
            new.body.kind().into(),
            Status::Submitted.as_str().into(),
            new.origin.as_str().into(),
            new.body.subject().into(),
            body.into(),
            new.digest.into(),
            at.as_microsecond().into(),
        ],
    )?;
    row.map(|row| row.int("id")).transpose()
}

/// The request of these bytes.
///
/// # Errors
/// Those of the store.
pub fn by_digest(tx: &mut Tx<'_>, digest: &str) -> Result<Option<RequestRow>, StoreError> {
    let row = tx.query_one("SELECT * FROM directory_request WHERE digest = $1", &[digest.into()])?;
    row.as_ref().map(from_row).transpose()
}

/// A request by its number.
///
/// # Errors
/// Those of the store.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<RequestRow>, StoreError> {
    let row = tx.query_one("SELECT * FROM directory_request WHERE id = $1", &[id.into()])?;
    row.as_ref().map(from_row).transpose()
}

/// Pending requests of a kind about a subject, oldest first.
///
/// # Errors
/// Those of the store.
pub fn pending(tx: &mut Tx<'_>, kind: &str, subject: &str) -> Result<Vec<RequestRow>, StoreError> {
    tx.query(
        "SELECT * FROM directory_request WHERE status = $1 AND kind = $2 AND subject = $3 ORDER BY id",
        &[Status::Submitted.as_str().into(), kind.into(), subject.into()],
    )?
    .iter()
    .map(from_row)
    .collect()
}

/// Requests numbered below `before`, newest first, of one state or of all.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &mut Tx<'_>, status: Option<Status>, before: i64, limit: u32) -> Result<Vec<RequestRow>, StoreError> {
    tx.query(
        "SELECT * FROM directory_request WHERE id < $1 AND ($2 = '' OR status = $2) ORDER BY id DESC LIMIT $3",
        &[before.into(), status.map_or("", Status::as_str).into(), limit.into()],
    )?
    .iter()
    .map(from_row)
    .collect()
}

/// Writes a decision.
///
/// # Errors
/// Those of the store.
pub fn decide(
    tx: &mut Tx<'_>,
    id: i64,
    status: Status,
    by: &str,
    comment: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE directory_request SET status = $2, decided_by = $3, comment = $4, decided_at = $5 \
         WHERE id = $1 AND status = 'submitted'",
        &[id.into(), status.as_str().into(), by.into(), comment.into(), at.as_microsecond().into()],
    )?;
    Ok(())
}

fn from_row(row: &Row) -> Result<RequestRow, StoreError> {
    let origin = if row.get::<&str>("origin")? == Origin::Center.as_str() { Origin::Center } else { Origin::Gateway };
    Ok(RequestRow {
        id: row.int("id")?,
        status: Status::from_word(row.get("status")?).ok_or_else(|| super::damaged("the state of a request"))?,
        origin,
        body: serde_json::from_str(row.get("body")?).map_err(|_| super::damaged("a request"))?,
        submitted_at: row.int("submitted_at")?,
        decided_at: row.opt_int("decided_at")?,
        decided_by: row.opt_text("decided_by")?,
        comment: row.opt_text("comment")?,
    })
}
