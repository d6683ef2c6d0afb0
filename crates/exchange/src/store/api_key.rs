//! API keys: only the digest of a key is kept.

use ::store::{Row, StoreError, Tx};

use super::{params, unreadable};
use crate::acts::permit::{Role, Roles};

/// An API key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Public identifier.
    pub id: String,
    /// Who or what uses it, in words.
    pub name: String,
    /// What its holder may do.
    pub roles: Roles,
    /// Microseconds since the Unix epoch, as all times here.
    pub created_at: i64,
    /// When it stops working; never when absent.
    pub expires_at: Option<i64>,
    /// When it was last used, within a minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl ApiKeyRow {
    /// Whether it works at `now`.
    #[must_use]
    pub fn works_at(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

const COLUMNS: &str = "id, name, roles, created_at, expires_at, last_used_at, revoked_at";

fn read(row: &Row) -> Result<ApiKeyRow, StoreError> {
    let roles: &str = row.get(2)?;
    let roles = roles.split(' ').filter(|word| !word.is_empty());
    Ok(ApiKeyRow {
        id: row.text(0)?,
        name: row.text(1)?,
        roles: roles
            .map(|word| word.parse::<Role>().map_err(|_| unreadable("role", word)))
            .collect::<Result<_, _>>()?,
        created_at: row.int(3)?,
        expires_at: row.opt_int(4)?,
        last_used_at: row.opt_int(5)?,
        revoked_at: row.opt_int(6)?,
    })
}

/// Adds a key.
pub fn insert(tx: &mut Tx<'_>, row: &ApiKeyRow, hash: &str) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO exchange_api_key (id, name, hash, roles, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = params![&row.id, &row.name, hash, row.roles.to_string(), row.created_at, row.expires_at];
    tx.exec(sql, values).map(drop)
}

/// The key with this digest.
pub fn find_by_hash(tx: &mut Tx<'_>, hash: &str) -> Result<Option<ApiKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM exchange_api_key WHERE hash = $1");
    tx.query_one(&sql, params![hash])?.as_ref().map(read).transpose()
}

/// The key with this identifier.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM exchange_api_key WHERE id = $1");
    tx.query_one(&sql, params![id])?.as_ref().map(read).transpose()
}

/// Up to `limit` keys after the identifier `after`.
pub fn list(tx: &mut Tx<'_>, after: &str, limit: u32) -> Result<Vec<ApiKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM exchange_api_key WHERE id > $1 ORDER BY id LIMIT $2");
    tx.query(&sql, params![after, limit])?.iter().map(read).collect()
}

/// Notes that a key was used.
pub fn touch(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), StoreError> {
    tx.exec("UPDATE exchange_api_key SET last_used_at = $2 WHERE id = $1", params![id, now]).map(drop)
}

/// Revokes a key.
pub fn revoke(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), StoreError> {
    tx.exec("UPDATE exchange_api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", params![id, now])
        .map(drop)
}
