//! Global groups. The group of gateway owners is not stored: it follows from the gateways.

use jiff::Timestamp;
use store::{StoreError, Tx};

use crate::model::id::ClientId;

/// Groups: number, code and description, by code.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<(i64, String, String)>, StoreError> {
    let rows = tx.query("SELECT id, code, description FROM directory_group ORDER BY code", &[])?;
    rows.iter().map(|row| Ok((row.int("id")?, row.text("code")?, row.text("description")?))).collect()
}

/// The number of a group.
///
/// # Errors
/// Those of the store.
pub fn find(tx: &mut Tx<'_>, code: &str) -> Result<Option<i64>, StoreError> {
    let row = tx.query_one("SELECT id FROM directory_group WHERE code = $1", &[code.into()])?;
    row.map(|row| row.int("id")).transpose()
}

/// Adds a group; `false` when the code is taken.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &mut Tx<'_>, code: &str, description: &str) -> Result<bool, StoreError> {
    let added = tx.exec(
        "INSERT INTO directory_group (code, description) VALUES ($1, $2) ON CONFLICT (code) DO NOTHING",
        &[code.into(), description.into()],
    )?;
    Ok(added > 0)
}

/// Changes the description.
///
/// # Errors
/// Those of the store.
pub fn describe(tx: &mut Tx<'_>, group: i64, description: &str) -> Result<(), StoreError> {
    tx.exec("UPDATE directory_group SET description = $2 WHERE id = $1", &[group.into(), description.into()])?;
    Ok(())
}

/// Removes a group with its memberships.
///
/// # Errors
/// Those of the store.
pub fn delete(tx: &mut Tx<'_>, group: i64) -> Result<(), StoreError> {
    tx.exec("DELETE FROM directory_group_member WHERE group_id = $1", &[group.into()])?;
    tx.exec("DELETE FROM directory_group WHERE id = $1", &[group.into()])?;
    Ok(())
}

/// Adds a client to a group; `false` when it is in it already.
///
/// # Errors
/// Those of the store.
pub fn add_member(tx: &mut Tx<'_>, group: i64, client: &ClientId, at: Timestamp) -> Result<bool, StoreError> {
    let added = tx.exec(
        "INSERT INTO directory_group_member (group_id, client, added_at) VALUES ($1, $2, $3) \
         ON CONFLICT (group_id, client) DO NOTHING",
        &[group.into(), client.colon().into(), at.as_microsecond().into()],
    )?;
    Ok(added > 0)
}

/// Takes a client out of a group; `false` when it was not in it.
///
/// # Errors
/// Those of the store.
pub fn remove_member(tx: &mut Tx<'_>, group: i64, client: &ClientId) -> Result<bool, StoreError> {
    let removed = tx.exec(
        "DELETE FROM directory_group_member WHERE group_id = $1 AND client = $2",
        &[group.into(), client.colon().into()],
    )?;
    Ok(removed > 0)
}

/// Clients in a group, sorted.
///
/// # Errors
/// Those of the store.
pub fn members(tx: &mut Tx<'_>, group: i64) -> Result<Vec<ClientId>, StoreError> {
    let rows =
        tx.query("SELECT client FROM directory_group_member WHERE group_id = $1 ORDER BY client", &[group.into()])?;
    rows.iter().map(|row| row.get::<&str>("client")?.parse().map_err(|_| super::damaged("a group member"))).collect()
}
