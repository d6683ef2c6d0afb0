//! Signing keys of the configuration, and anchors of federation partners. Private keys are in a token; here is where to find them.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Row, StoreError, Tx};

use crate::model::cert::CertDer;

/// Whom a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Gateways of this instance.
    Internal,
    /// Federation partners.
    External,
}

impl Audience {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Internal, Self::External];

    /// The word in tables and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

impl FromStr for Audience {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| super::damaged("an audience"))
    }
}

/// A signing key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SigningKeyRow {
    /// Identifier.
    pub id: String,
    /// Which configuration it signs.
    pub audience: Audience,
    /// Where the token finds the private key.
    pub key_ref: String,
    /// Its certificate.
    #[schema(value_type = String)]
    pub cert: CertDer,
    /// Whether it signs now; one key for each audience does.
    pub active: bool,
    /// When it was made, microseconds since 1970 UTC.
    pub created_at: i64,
}

/// Every signing key, oldest first.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<SigningKeyRow>, StoreError> {
    tx.query("SELECT * FROM directory_signing_key ORDER BY created_at, id", &[])?.iter().map(from_row).collect()
}

/// One signing key.
///
/// # Errors
/// Those of the store.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<SigningKeyRow>, StoreError> {
    let row = tx.query_one("SELECT * FROM directory_signing_key WHERE id = $1", &[id.into()])?;
    row.as_ref().map(from_row).transpose()
}

/// Adds a signing key.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &mut Tx<'_>, key: &SigningKeyRow) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_signing_key (id, audience, key_ref, cert, active, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            key.id.as_str().into(),
            key.audience.as_str().into(),
            key.key_ref.as_str().into(),
            key.cert.der().into(),
            key.active.into(),
            key.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Makes `id` the one active key of its audience.
///
/// # Errors
/// Those of the store.
pub fn activate(tx: &mut Tx<'_>, id: &str, audience: Audience) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE directory_signing_key SET active = CASE WHEN id = $1 THEN 1 ELSE 0 END WHERE audience = $2",
        &[id.into(), audience.as_str().into()],
    )?;
    Ok(())
}

/// Removes a signing key.
///
/// # Errors
/// Those of the store.
pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.exec("DELETE FROM directory_signing_key WHERE id = $1", &[id.into()])?;
    Ok(())
}

fn from_row(row: &Row) -> Result<SigningKeyRow, StoreError> {
    Ok(SigningKeyRow {
        id: row.text("id")?,
        audience: row.text("audience")?.parse()?,
        key_ref: row.text("key_ref")?,
        cert: CertDer::new(row.get("cert")?),
        active: row.bool("active")?,
        created_at: row.int("created_at")?,
    })
}

/// Anchors of federation partners: instance and file, by instance.
///
/// # Errors
/// Those of the store.
pub fn anchors(tx: &mut Tx<'_>) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let rows = tx.query("SELECT instance, file FROM directory_trusted_anchor ORDER BY instance", &[])?;
    rows.iter().map(|row| Ok((row.text("instance")?, row.bytes("file")?))).collect()
}

/// Adds or replaces the anchor of a partner.
///
/// # Errors
/// Those of the store.
pub fn put_anchor(tx: &mut Tx<'_>, instance: &str, file: &[u8], at: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_trusted_anchor (instance, file, added_at) VALUES ($1, $2, $3) \
         ON CONFLICT (instance) DO UPDATE SET file = excluded.file, added_at = excluded.added_at",
        &[instance.into(), file.into(), at.as_microsecond().into()],
    )?;
    Ok(())
}

/// Removes the anchor of a partner; `false` when there is none.
///
/// # Errors
/// Those of the store.
pub fn delete_anchor(tx: &mut Tx<'_>, instance: &str) -> Result<bool, StoreError> {
    Ok(tx.exec("DELETE FROM directory_trusted_anchor WHERE instance = $1", &[instance.into()])? > 0)
}
