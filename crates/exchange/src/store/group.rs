//! Local groups of a client and their members.

use ::store::{Row, StoreError, Tx};
use directory::ClientId;

use super::{params, unreadable};

/// A local group as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Group code, unique for its client.
    pub code: String,
    /// What the group is for.
    pub description: String,
    /// Grows by one with each change: the entity tag.
    pub version: i64,
    /// Microseconds since the Unix epoch.
    pub updated_at: i64,
}

fn read(row: &Row) -> Result<GroupRow, StoreError> {
    Ok(GroupRow { code: row.text(0)?, description: row.text(1)?, version: row.int(2)?, updated_at: row.int(3)? })
}

/// The group `code` of `client`.
pub fn find(tx: &mut Tx<'_>, client: &ClientId, code: &str) -> Result<Option<GroupRow>, StoreError> {
    let sql = "SELECT code, description, version, updated_at FROM exchange_local_group WHERE client = $1 AND code = $2";
    tx.query_one(sql, params![client.colon(), code])?.as_ref().map(read).transpose()
}

/// Up to `limit` groups of `client` after the code `after`, by code.
pub fn list(tx: &mut Tx<'_>, client: &ClientId, after: &str, limit: u32) -> Result<Vec<GroupRow>, StoreError> {
    let sql = "SELECT code, description, version, updated_at FROM exchange_local_group \
               WHERE client = $1 AND code > $2 ORDER BY code LIMIT $3";
    tx.query(sql, params![client.colon(), after, limit])?.iter().map(read).collect()
}

/// Adds a group; `false` when the code is taken.
pub fn insert(tx: &mut Tx<'_>, client: &ClientId, code: &str, description: &str, now: i64) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchange_local_group (client, code, description, version, updated_at) \
               VALUES ($1, $2, $3, 1, $4) ON CONFLICT (client, code) DO NOTHING";
    Ok(tx.exec(sql, params![client.colon(), code, description, now])? == 1)
}

/// Replaces the description and moves the version on.
pub fn update(tx: &mut Tx<'_>, client: &ClientId, code: &str, description: &str, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE exchange_local_group SET description = $3, version = version + 1, updated_at = $4 \
               WHERE client = $1 AND code = $2";
    tx.exec(sql, params![client.colon(), code, description, now]).map(drop)
}

/// Deletes a group and its membership. Its rights are deleted beside it, see [`super::right::delete_of_local_group`].
pub fn delete(tx: &mut Tx<'_>, client: &ClientId, code: &str) -> Result<(), StoreError> {
    tx.exec("DELETE FROM exchange_local_group WHERE client = $1 AND code = $2", params![client.colon(), code]).map(drop)
}

/// Up to `limit` members of a group after the identifier `after`, by identifier.
pub fn members(
    tx: &mut Tx<'_>,
    client: &ClientId,
    code: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<ClientId>, StoreError> {
    let sql = "SELECT member FROM exchange_local_group_member WHERE client = $1 AND code = $2 AND member > $3 \
               ORDER BY member LIMIT $4";
    let rows = tx.query(sql, params![client.colon(), code, after, limit])?;
    rows.iter()
        .map(|row| {
            let member: &str = row.get(0)?;
            member.parse().map_err(|_| unreadable("client", member))
        })
        .collect()
}

/// Adds a member; `false` when it is one already.
pub fn insert_member(
    tx: &mut Tx<'_>,
    client: &ClientId,
    code: &str,
    member: &ClientId,
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchange_local_group_member (client, code, member, added_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (client, code, member) DO NOTHING";
    Ok(tx.exec(sql, params![client.colon(), code, member.colon(), now])? == 1)
}

/// Removes a member; `false` when it was none.
pub fn delete_member(tx: &mut Tx<'_>, client: &ClientId, code: &str, member: &ClientId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM exchange_local_group_member WHERE client = $1 AND code = $2 AND member = $3";
    Ok(tx.exec(sql, params![client.colon(), code, member.colon()])? == 1)
}
