//! Clients and the certificates of their information systems.

use ::store::{Row, StoreError, Tx};
use directory::ClientId;

use super::{params, unreadable};
use crate::conf::{ClientStatus, ConnectionType};

/// A client as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its identifier.
    pub id: ClientId,
    /// Where it stands.
    pub status: ClientStatus,
    /// How its information systems connect.
    pub connection_type: ConnectionType,
    /// Grows by one with each change: the entity tag.
    pub version: i64,
    /// Microseconds since the Unix epoch.
    pub created_at: i64,
    /// Microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// A certificate as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRow {
    /// SHA-256 of `der`, lower-case hexadecimal.
    pub sha256: String,
    /// The certificate.
    pub der: Vec<u8>,
    /// Microseconds since the Unix epoch.
    pub uploaded_at: i64,
}

const COLUMNS: &str = "id, status, connection_type, version, created_at, updated_at";

fn read(row: &Row) -> Result<ClientRow, StoreError> {
    let (id, status, kind): (&str, &str, &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(ClientRow {
        id: id.parse().map_err(|_| unreadable("client", id))?,
        status: status.parse().map_err(|_| unreadable("status", status))?,
        connection_type: kind.parse().map_err(|_| unreadable("connection type", kind))?,
        version: row.int(3)?,
        created_at: row.int(4)?,
        updated_at: row.int(5)?,
    })
}

/// The client `id`.
pub fn find(tx: &mut Tx<'_>, id: &ClientId) -> Result<Option<ClientRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM exchange_client WHERE id = $1");
    tx.query_one(&sql, params![id.colon()])?.as_ref().map(read).transpose()
}

/// Up to `limit` clients after `after`, by identifier.
pub fn list(tx: &mut Tx<'_>, after: &str, limit: u32) -> Result<Vec<ClientRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM exchange_client WHERE id > $1 ORDER BY id LIMIT $2");
    tx.query(&sql, params![after, limit])?.iter().map(read).collect()
}

/// Adds a client; `false` when there is one already.
pub fn insert(
    tx: &mut Tx<'_>,
    id: &ClientId,
    status: ClientStatus,
    kind: ConnectionType,
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchange_client (id, status, connection_type, version, created_at, updated_at) \
               VALUES ($1, $2, $3, 1, $4, $4) ON CONFLICT (id) DO NOTHING";
    Ok(tx.exec(sql, params![id.colon(), status.as_str(), kind.as_str(), now])? == 1)
}

/// Stores the status and connection type of a client and moves its version on.
pub fn update(tx: &mut Tx<'_>, row: &ClientRow, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE exchange_client SET status = $2, connection_type = $3, version = version + 1, updated_at = $4 \
               WHERE id = $1";
    tx.exec(sql, params![row.id.colon(), row.status.as_str(), row.connection_type.as_str(), now]).map(drop)
}

/// Deletes a client with everything it has.
pub fn delete(tx: &mut Tx<'_>, id: &ClientId) -> Result<(), StoreError> {
    tx.exec("DELETE FROM exchange_client WHERE id = $1", params![id.colon()]).map(drop)
}

/// The certificates of a client, by digest.
pub fn certificates(tx: &mut Tx<'_>, id: &ClientId) -> Result<Vec<CertificateRow>, StoreError> {
    let sql = "SELECT sha256, der, uploaded_at FROM exchange_client_certificate WHERE client = $1 ORDER BY sha256";
    let rows = tx.query(sql, params![id.colon()])?;
    rows.iter()
        .map(|row| Ok(CertificateRow { sha256: row.text(0)?, der: row.bytes(1)?, uploaded_at: row.int(2)? }))
        .collect()
}

/// Adds a certificate; `false` when the client has it already.
pub fn insert_certificate(
    tx: &mut Tx<'_>,
    id: &ClientId,
    sha256: &str,
    der: &[u8],
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchange_client_certificate (client, sha256, der, uploaded_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (client, sha256) DO NOTHING";
    Ok(tx.exec(sql, params![id.colon(), sha256, der, now])? == 1)
}

/// Removes a certificate; `false` when the client has none with this digest.
pub fn delete_certificate(tx: &mut Tx<'_>, id: &ClientId, sha256: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM exchange_client_certificate WHERE client = $1 AND sha256 = $2";
    Ok(tx.exec(sql, params![id.colon(), sha256])? == 1)
}
