//! Approved certification and time-stamping services. The nested particulars are kept as JSON: they are read as a whole.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{StoreError, Tx};

use crate::model::shared_params::{ApprovedCa, ApprovedTsa};

/// A kind of trust service.
pub trait TrustService: Serialize + DeserializeOwned {
    /// The word in the table.
    const KIND: &'static str;

    /// Name shown to people.
    fn name(&self) -> &str;
}

impl TrustService for ApprovedCa {
    const KIND: &'static str = "ca";

    fn name(&self) -> &str {
        &self.name
    }
}

impl TrustService for ApprovedTsa {
    const KIND: &'static str = "tsa";

    fn name(&self) -> &str {
        &self.name
    }
}

/// Services of a kind with their numbers, in the order they were added.
///
/// # Errors
/// Those of the store.
pub fn list<S: TrustService>(tx: &mut Tx<'_>) -> Result<Vec<(i64, S)>, StoreError> {
    let rows =
        tx.query("SELECT id, body FROM directory_trust_service WHERE kind = $1 ORDER BY id", &[S::KIND.into()])?;
    let read = |row: &store::Row| {
        let body = serde_json::from_str(row.get("body")?).map_err(|_| super::damaged("a trust service"))?;
        Ok((row.int("id")?, body))
    };
    rows.iter().map(read).collect()
}

/// Adds a service and returns its number.
///
/// # Errors
/// Those of the store.
pub fn insert<S: TrustService>(tx: &mut Tx<'_>, service: &S, at: Timestamp) -> Result<i64, StoreError> {
    let row = tx.query_one(
        "INSERT INTO directory_trust_service (kind, name, body, added_at) VALUES ($1, $2, $3, $4) RETURNING id",
        &[S::KIND.into(), service.name().into(), body(service)?.into(), at.as_microsecond().into()],
    )?;
    row.ok_or_else(|| super::damaged("a number just given"))?.int("id")
}

/// Replaces a service; `false` when there is none with this number.
///
/// # Errors
/// Those of the store.
pub fn update<S: TrustService>(tx: &mut Tx<'_>, id: i64, service: &S) -> Result<bool, StoreError> {
    let changed = tx.exec(
        "UPDATE directory_trust_service SET name = $3, body = $4 WHERE id = $1 AND kind = $2",
        &[id.into(), S::KIND.into(), service.name().into(), body(service)?.into()],
    )?;
    Ok(changed > 0)
}

/// Removes a service; `false` when there is none with this number.
///
/// # Errors
/// Those of the store.
pub fn delete<S: TrustService>(tx: &mut Tx<'_>, id: i64) -> Result<bool, StoreError> {
    let kind = S::KIND.into();
    Ok(tx.exec("DELETE FROM directory_trust_service WHERE id = $1 AND kind = $2", &[id.into(), kind])? > 0)
}

fn body<S: Serialize>(service: &S) -> Result<String, StoreError> {
    serde_json::to_string(service).map_err(|_| super::damaged("a trust service"))
}
