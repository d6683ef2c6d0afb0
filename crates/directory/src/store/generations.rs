//! Published files. A generation is one content of the configuration; it stays the same until the content changes.

use bytes::Bytes;
use jiff::Timestamp;
use store::{Row, StoreError, Tx};

/// How many generations are kept: a client that is downloading must not lose the files under its hands.
pub const KEPT: i64 = 5;

/// One content of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Digits of the time it was made: a directory name in the addresses of its files, growing.
    pub stamp: String,
    /// Revision of the registry it was made from.
    pub revision: i64,
    /// Shared parameters, version 6.
    pub shared_v6: Bytes,
    /// Shared parameters, version 5.
    pub shared_v5: Bytes,
    /// Private parameters.
    pub private: Bytes,
}

/// The kept generations, newest first.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Generation>, StoreError> {
    tx.query("SELECT * FROM directory_generation ORDER BY stamp DESC", &[])?.iter().map(from_row).collect()
}

/// The stamp and revision of the newest generation.
///
/// # Errors
/// Those of the store.
pub fn newest(tx: &mut Tx<'_>) -> Result<Option<(String, i64)>, StoreError> {
    let row = tx.query_one("SELECT stamp, revision FROM directory_generation ORDER BY stamp DESC LIMIT 1", &[])?;
    row.map(|row| Ok((row.text("stamp")?, row.int("revision")?))).transpose()
}

/// Adds a generation and drops those that are too old to be downloaded still.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &mut Tx<'_>, generation: &Generation, at: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_generation (stamp, revision, created_at, shared_v6, shared_v5, private) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            generation.stamp.as_str().into(),
            generation.revision.into(),
            at.as_microsecond().into(),
            generation.shared_v6.clone().into(),
            generation.shared_v5.clone().into(),
            generation.private.clone().into(),
        ],
    )?;
    tx.exec(
        "DELETE FROM directory_generation WHERE stamp NOT IN \
         (SELECT stamp FROM directory_generation ORDER BY stamp DESC LIMIT $1)",
        &[KEPT.into()],
    )?;
    Ok(())
}

/// Notes that a newer revision of the registry gives the same content.
///
/// # Errors
/// Those of the store.
pub fn confirm(tx: &mut Tx<'_>, stamp: &str, revision: i64) -> Result<(), StoreError> {
    tx.exec("UPDATE directory_generation SET revision = $2 WHERE stamp = $1", &[stamp.into(), revision.into()])?;
    Ok(())
}

fn from_row(row: &Row) -> Result<Generation, StoreError> {
    Ok(Generation {
        stamp: row.text("stamp")?,
        revision: row.int("revision")?,
        shared_v6: row.bytes("shared_v6")?.into(),
        shared_v5: row.bytes("shared_v5")?.into(),
        private: row.bytes("private")?.into(),
    })
}
