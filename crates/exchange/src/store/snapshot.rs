//! Reads the whole configuration in one transaction and builds the snapshot the data path uses.
//!
//! The same few queries whatever the size. Subjects and endpoints are parsed once and shared: 100,000 rights are mostly the same few names.

use std::sync::Arc;

use ::store::{Row, Store, StoreError, Tx};
use ahash::AHashMap;
use directory::{ClientId, ServerId, ServiceId};

use super::service::ServiceRow;
use super::{params, right, service, unreadable};
use crate::conf::{Client, ServerConf, Service};
use crate::model::access::{Endpoint, LocalGroups, Rights, Subject};

/// Writes down which gateway this is, the first time; later calls must name the same one.
///
/// # Errors
/// When the database belongs to another gateway or cannot be written.
pub async fn initialise(store: &Store, server: &ServerId) -> Result<(), StoreError> {
    let server = server.colon();
    store
        .write(move |tx| {
            let sql = "INSERT INTO exchange_server (id, server, version) VALUES (1, $1, 1) ON CONFLICT (id) DO NOTHING";
            tx.exec(sql, params![&server])?;
            let row = tx.query_one("SELECT server FROM exchange_server WHERE id = 1", &[])?;
            match row.map(|row| row.text(0)).transpose()? {
                Some(stored) if stored == server => Ok(()),
                stored => Err(unreadable("the database of gateway", &stored.unwrap_or_default())),
            }
        })
        .await
}

/// The version of the configuration now.
pub fn version(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let row = tx.query_one("SELECT version FROM exchange_server WHERE id = 1", &[])?;
    row.map_or_else(|| Err(not_initialised()), |row| row.int(0))
}

/// Moves the version on: called once in every transaction that changes the configuration.
pub fn bump(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let row = tx.query_one("UPDATE exchange_server SET version = version + 1 WHERE id = 1 RETURNING version", &[])?;
    row.map_or_else(|| Err(not_initialised()), |row| row.int(0))
}

fn not_initialised() -> StoreError {
    StoreError::Type { what: "the gateway has not been initialised".to_owned() }
}

/// Reads the configuration.
///
/// # Errors
/// When the database fails or holds what this version cannot read.
pub fn load(tx: &mut Tx<'_>) -> Result<ServerConf, StoreError> {
    let row = tx.query_one("SELECT server, version FROM exchange_server WHERE id = 1", &[])?;
    let row = row.ok_or_else(not_initialised)?;
    let server: &str = row.get(0)?;
    let server_id = server.parse().map_err(|_| unreadable("server", server))?;
    let mut clients = clients(tx)?;
    certificates(tx, &mut clients)?;
    let services = services(tx, &clients)?;
    Ok(ServerConf::new(server_id, row.int(1)?, clients.into_values().collect(), services))
}

fn client_id(text: &str) -> Result<ClientId, StoreError> {
    text.parse().map_err(|_| unreadable("client", text))
}

/// Clients by their stored identifier.
fn clients(tx: &mut Tx<'_>) -> Result<AHashMap<String, Client>, StoreError> {
    let rows = tx.query("SELECT id, status, connection_type FROM exchange_client", &[])?;
    rows.iter()
        .map(|row| {
            let (id, status, kind): (&str, &str, &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let client = Client {
                id: client_id(id)?,
                status: status.parse().map_err(|_| unreadable("status", status))?,
                connection_type: kind.parse().map_err(|_| unreadable("connection type", kind))?,
                certificate_hashes: Vec::new(),
            };
            Ok((id.to_owned(), client))
        })
        .collect()
}

fn certificates(tx: &mut Tx<'_>, clients: &mut AHashMap<String, Client>) -> Result<(), StoreError> {
    for row in tx.query("SELECT client, sha256 FROM exchange_client_certificate ORDER BY client, sha256", &[])? {
        let (client, text): (&str, &str) = (row.get(0)?, row.get(1)?);
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| unreadable("certificate digest", text))?;
        if let Some(client) = clients.get_mut(client) {
            client.certificate_hashes.push(hash);
        }
    }
    Ok(())
}

/// Local groups by the stored identifier of their client.
fn local_groups(tx: &mut Tx<'_>) -> Result<AHashMap<String, Arc<LocalGroups>>, StoreError> {
    let mut members: AHashMap<String, Vec<(Arc<str>, ClientId)>> = AHashMap::new();
    let mut codes: AHashMap<String, Arc<str>> = AHashMap::new();
    for row in tx.query("SELECT client, code, member FROM exchange_local_group_member", &[])? {
        let (client, code, member): (&str, &str, &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let code = codes.entry(code.to_owned()).or_insert_with(|| code.into()).clone();
        members.entry(client.to_owned()).or_default().push((code, client_id(member)?));
    }
    Ok(members.into_iter().map(|(client, members)| (client, Arc::new(LocalGroups::new(members)))).collect())
}

fn services(tx: &mut Tx<'_>, clients: &AHashMap<String, Client>) -> Result<Vec<Service>, StoreError> {
    let groups = local_groups(tx)?;
    let mut endpoints = endpoints(tx)?;
    let mut granted = granted(tx, &endpoints)?;
    let hashes: AHashMap<&str, Arc<[[u8; 32]]>> =
        clients.iter().map(|(id, client)| (id.as_str(), client.certificate_hashes.clone().into())).collect();
    let sql = format!("SELECT {} FROM exchange_service", service::COLUMNS);
    let rows: Vec<ServiceRow> = tx.query(&sql, &[])?.iter().map(service::read).collect::<Result<_, _>>()?;
    let build = |row: ServiceRow| {
        let client = row.client.colon();
        let own = endpoints.remove(&row.id).unwrap_or_default();
        let held = granted.remove(&row.id).unwrap_or_default();
        service_of(
            row,
            own,
            held,
            groups.get(&client).cloned().unwrap_or_default(),
            hashes.get(client.as_str()).cloned().unwrap_or_default(),
        )
    };
    Ok(rows.into_iter().map(build).collect())
}

fn service_of(
    row: ServiceRow,
    endpoints: Vec<Arc<Endpoint>>,
    granted: Vec<(Subject, Arc<Endpoint>)>,
    groups: Arc<LocalGroups>,
    is_cert_hashes: Arc<[[u8; 32]]>,
) -> Service {
    let version = (!row.service_version.is_empty()).then(|| row.service_version.as_str().into());
    let id = Arc::new(ServiceId { provider: row.client, code: row.code.as_str().into(), version });
    Service {
        rights: Rights::new(id.clone(), groups, granted),
        id,
        kind: row.kind,
        base_url: row.base_url,
        description_url: row.description_url,
        timeout_seconds: row.timeout_seconds,
        verify_tls: row.verify_tls,
        is_cert_hashes,
        disabled: row.disabled,
        endpoints,
    }
}

/// Endpoints by service row.
fn endpoints(tx: &mut Tx<'_>) -> Result<AHashMap<i64, Vec<Arc<Endpoint>>>, StoreError> {
    let mut endpoints: AHashMap<i64, Vec<Arc<Endpoint>>> = AHashMap::new();
    for row in tx.query("SELECT service, id, method, path, generated FROM exchange_endpoint ORDER BY id", &[])? {
        endpoints.entry(row.int(0)?).or_default().push(Arc::new(endpoint(&row)?));
    }
    Ok(endpoints)
}

fn endpoint(row: &Row) -> Result<Endpoint, StoreError> {
    let path: &str = row.get(3)?;
    Endpoint::new(row.int(1)?, row.get(2)?, path, row.bool(4)?).map_err(|_| unreadable("endpoint path", path))
}

/// Rights by service row.
type Granted = AHashMap<i64, Vec<(Subject, Arc<Endpoint>)>>;

fn granted(tx: &mut Tx<'_>, endpoints: &AHashMap<i64, Vec<Arc<Endpoint>>>) -> Result<Granted, StoreError> {
    let by_row: AHashMap<i64, (i64, &Arc<Endpoint>)> = endpoints
        .iter()
        .flat_map(|(service, own)| own.iter().map(|endpoint| (endpoint.id, (*service, endpoint))))
        .collect();
    let mut subjects: AHashMap<String, Subject> = AHashMap::new();
    let mut granted = Granted::new();
    for row in tx.query("SELECT endpoint, subject FROM exchange_right", &[])? {
        let text: &str = row.get(1)?;
        if !subjects.contains_key(text) {
            subjects.insert(text.to_owned(), right::subject(text)?);
        }
        if let (Some(subject), Some((service, endpoint))) = (subjects.get(text), by_row.get(&row.int(0)?)) {
            granted.entry(*service).or_default().push((subject.clone(), (*endpoint).clone()));
        }
    }
    Ok(granted)
}
