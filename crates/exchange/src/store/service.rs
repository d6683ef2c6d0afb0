//! Services and their endpoints.

use ::store::{Row, StoreError, Tx};
use directory::ClientId;

use super::{params, unreadable};
use crate::conf::ServiceKind;

/// A service as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Row number; 0 before it is stored.
    pub id: i64,
    /// The provider.
    pub client: ClientId,
    /// Service code.
    pub code: String,
    /// SOAP version; empty for all others.
    pub service_version: String,
    /// What it speaks.
    pub kind: ServiceKind,
    /// Where it is called.
    pub base_url: String,
    /// Where its description can be read.
    pub description_url: Option<String>,
    /// Seconds it has for its answer.
    pub timeout_seconds: u32,
    /// Whether the certificate of the service must be one uploaded for the provider.
    pub verify_tls: bool,
    /// The notice, when it is disabled.
    pub disabled: Option<String>,
    /// Grows by one with each change: the entity tag.
    pub version: i64,
    /// Microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// An endpoint as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// Row number.
    pub id: i64,
    /// Upper-case method or `*`.
    pub method: String,
    /// Path pattern.
    pub path: String,
    /// Made from a description.
    pub generated: bool,
}

pub(super) const COLUMNS: &str = "id, client, code, service_version, kind, base_url, description_url, timeout_seconds, \
                                  verify_tls, disabled, version, updated_at";

pub(super) fn read(row: &Row) -> Result<ServiceRow, StoreError> {
    let (client, kind): (&str, &str) = (row.get(1)?, row.get(4)?);
    Ok(ServiceRow {
        id: row.int(0)?,
        client: client.parse().map_err(|_| unreadable("client", client))?,
        code: row.text(2)?,
        service_version: row.text(3)?,
        kind: kind.parse().map_err(|_| unreadable("service kind", kind))?,
        base_url: row.text(5)?,
        description_url: row.opt_text(6)?,
        timeout_seconds: row.get(7)?,
        verify_tls: row.bool(8)?,
        disabled: row.opt_text(9)?,
        version: row.int(10)?,
        updated_at: row.int(11)?,
    })
}

fn read_endpoint(row: &Row) -> Result<EndpointRow, StoreError> {
    Ok(EndpointRow { id: row.int(0)?, method: row.text(1)?, path: row.text(2)?, generated: row.bool(3)? })
}

/// The service of `client` with this code and no version.
pub fn find(tx: &mut Tx<'_>, client: &ClientId, code: &str) -> Result<Option<ServiceRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exchange_service WHERE client = $1 AND code = $2 ORDER BY service_version LIMIT 1"
    );
    tx.query_one(&sql, params![client.colon(), code])?.as_ref().map(read).transpose()
}

/// Up to `limit` services of `client` after the code `after`, by code.
pub fn list(tx: &mut Tx<'_>, client: &ClientId, after: &str, limit: u32) -> Result<Vec<ServiceRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exchange_service WHERE client = $1 AND code > $2 ORDER BY code, service_version LIMIT $3"
    );
    tx.query(&sql, params![client.colon(), after, limit])?.iter().map(read).collect()
}

/// Adds a service and returns its row number; `None` when the code is taken. `description` is its text, when it has one.
pub fn insert(
    tx: &mut Tx<'_>,
    row: &ServiceRow,
    description: Option<&str>,
    now: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "INSERT INTO exchange_service (client, code, service_version, kind, base_url, description_url, \
               description, timeout_seconds, verify_tls, disabled, version, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11) \
               ON CONFLICT (client, code, service_version) DO NOTHING RETURNING id";
    let values = params![
        row.client.colon(),
        &row.code,
        &row.service_version,
        row.kind.as_str(),
        &row.base_url,
        row.description_url.clone(),
        description,
        row.timeout_seconds,
        row.verify_tls,
        row.disabled.clone(),
        now
    ];
    tx.query_one(sql, values)?.map(|row| row.int(0)).transpose()
}

/// Stores what can be edited of a service and moves its version on.
pub fn update(tx: &mut Tx<'_>, row: &ServiceRow, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE exchange_service SET base_url = $2, description_url = $3, timeout_seconds = $4, verify_tls = $5, \
               disabled = $6, version = version + 1, updated_at = $7 WHERE id = $1";
    let values = params![
        row.id,
        &row.base_url,
        row.description_url.clone(),
        row.timeout_seconds,
        row.verify_tls,
        row.disabled.clone(),
        now
    ];
    tx.exec(sql, values).map(drop)
}

/// Replaces the text of a service's description.
pub fn set_description(tx: &mut Tx<'_>, id: i64, description: &str) -> Result<(), StoreError> {
    tx.exec("UPDATE exchange_service SET description = $2 WHERE id = $1", params![id, description]).map(drop)
}

/// The text of a service's description.
pub fn description(tx: &mut Tx<'_>, id: i64) -> Result<Option<String>, StoreError> {
    let row = tx.query_one("SELECT description FROM exchange_service WHERE id = $1", params![id])?;
    Ok(row.map(|row| row.opt_text(0)).transpose()?.flatten())
}

/// Deletes a service with its endpoints and rights.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    tx.exec("DELETE FROM exchange_service WHERE id = $1", params![id]).map(drop)
}

/// The endpoints of a service, the base endpoint first.
pub fn endpoints(tx: &mut Tx<'_>, service: i64) -> Result<Vec<EndpointRow>, StoreError> {
    let sql = "SELECT id, method, path, generated FROM exchange_endpoint WHERE service = $1 ORDER BY id";
    tx.query(sql, params![service])?.iter().map(read_endpoint).collect()
}

/// Adds an endpoint and returns its row number; `None` when the service has it already.
pub fn insert_endpoint(
    tx: &mut Tx<'_>,
    service: i64,
    method: &str,
    path: &str,
    generated: bool,
) -> Result<Option<i64>, StoreError> {
    let sql = "INSERT INTO exchange_endpoint (service, method, path, generated) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (service, method, path) DO NOTHING RETURNING id";
    tx.query_one(sql, params![service, method, path, generated])?.map(|row| row.int(0)).transpose()
}

/// Marks an endpoint as made from the description, or not.
pub fn set_generated(tx: &mut Tx<'_>, endpoint: i64, generated: bool) -> Result<(), StoreError> {
    tx.exec("UPDATE exchange_endpoint SET generated = $2 WHERE id = $1", params![endpoint, generated]).map(drop)
}

/// Deletes an endpoint with its rights.
pub fn delete_endpoint(tx: &mut Tx<'_>, endpoint: i64) -> Result<(), StoreError> {
    tx.exec("DELETE FROM exchange_endpoint WHERE id = $1", params![endpoint]).map(drop)
}
