//! Members, subsystems, gateways and their registrations. Identifiers come without the instance: there is one per database.

use jiff::Timestamp;
use store::{Row, StoreError, Tx, Value};

use crate::model::cert::CertDer;
use crate::model::id::{ClientId, ServerId};

/// A member or subsystem as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Number.
    pub id: i64,
    /// Member class.
    pub class: String,
    /// Member code.
    pub member: String,
    /// Subsystem code; absent for the member itself.
    pub subsystem: Option<String>,
    /// Name; a subsystem may have none.
    pub name: Option<String>,
}

/// A gateway as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRow {
    /// Number.
    pub id: i64,
    /// Number of the member that owns it.
    pub owner_id: i64,
    /// Class of the owner.
    pub class: String,
    /// Code of the owner.
    pub member: String,
    /// Server code.
    pub code: String,
    /// Address.
    pub address: Option<String>,
    /// Set while under maintenance.
    pub maintenance: Option<String>,
}

impl ClientRow {
    /// Its identifier in `instance`.
    #[must_use]
    pub fn client_id(&self, instance: &str) -> ClientId {
        ClientId {
            subsystem: self.subsystem.as_deref().map(Into::into),
            ..ClientId::member(instance, &self.class, &self.member)
        }
    }
}

impl GatewayRow {
    /// Its identifier in `instance`.
    #[must_use]
    pub fn server_id(&self, instance: &str) -> ServerId {
        ServerId::new(ClientId::member(instance, &self.class, &self.member), &self.code)
    }
}

/// Member classes: code and description, by code.
///
/// # Errors
/// Those of the store.
pub fn classes(tx: &mut Tx<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let rows = tx.query("SELECT code, description FROM directory_member_class ORDER BY code", &[])?;
    rows.iter().map(|row| Ok((row.text("code")?, row.text("description")?))).collect()
}

/// Adds a member class or changes its description.
///
/// # Errors
/// Those of the store.
pub fn put_class(tx: &mut Tx<'_>, code: &str, description: &str) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_member_class (code, description) VALUES ($1, $2) \
         ON CONFLICT (code) DO UPDATE SET description = excluded.description",
        &[code.into(), description.into()],
    )?;
    Ok(())
}

/// Removes a member class that no member has; `false` when it is unknown or in use.
///
/// # Errors
/// Those of the store.
pub fn delete_class(tx: &mut Tx<'_>, code: &str) -> Result<bool, StoreError> {
    let removed = tx.exec(
        "DELETE FROM directory_member_class WHERE code = $1 \
         AND NOT EXISTS (SELECT 1 FROM directory_client WHERE class = $1)",
        &[code.into()],
    )?;
    Ok(removed > 0)
}

/// A member or subsystem by its codes.
///
/// # Errors
/// Those of the store.
pub fn find_client(tx: &mut Tx<'_>, client: &ClientId) -> Result<Option<ClientRow>, StoreError> {
    let row = tx.query_one(
        "SELECT * FROM directory_client WHERE class = $1 AND member = $2 AND subsystem = $3",
        &client_key(client),
    )?;
    row.as_ref().map(client_row).transpose()
}

/// Adds a member or subsystem and returns its number; `None` when it is there already.
///
/// # Errors
/// Those of the store.
pub fn insert_client(
    tx: &mut Tx<'_>,
    client: &ClientId,
    name: Option<&str>,
    at: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let [class, member, subsystem] = client_key(client);
    let row = tx.query_one(
        "INSERT INTO directory_client (class, member, subsystem, name, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (class, member, subsystem) DO NOTHING RETURNING id",
        &[class, member, subsystem, name.into(), at.as_microsecond().into()],
    )?;
    row.map(|row| row.int("id")).transpose()
}

/// Changes the name of a member or subsystem.
///
/// # Errors
/// Those of the store.
pub fn rename_client(tx: &mut Tx<'_>, id: i64, name: Option<&str>) -> Result<(), StoreError> {
    tx.exec("UPDATE directory_client SET name = $2 WHERE id = $1", &[id.into(), name.into()])?;
    Ok(())
}

/// Removes a member or subsystem together with its memberships in groups. Its registrations must be gone before.
///
/// # Errors
/// Those of the store.
pub fn delete_client(tx: &mut Tx<'_>, id: i64, client: &ClientId) -> Result<(), StoreError> {
    tx.exec("DELETE FROM directory_group_member WHERE client = $1", &[client.colon().into()])?;
    tx.exec("DELETE FROM directory_client WHERE id = $1", &[id.into()])?;
    Ok(())
}

/// Members numbered above `after`, in the order they were added.
///
/// # Errors
/// Those of the store.
pub fn members(tx: &mut Tx<'_>, after: i64, limit: u32) -> Result<Vec<ClientRow>, StoreError> {
    tx.query(
        "SELECT * FROM directory_client WHERE subsystem = '' AND id > $1 ORDER BY id LIMIT $2",
        &[after.into(), limit.into()],
    )?
    .iter()
    .map(client_row)
    .collect()
}

/// Subsystems of a member, by code.
///
/// # Errors
/// Those of the store.
pub fn subsystems(tx: &mut Tx<'_>, class: &str, member: &str) -> Result<Vec<ClientRow>, StoreError> {
    tx.query(
        "SELECT * FROM directory_client WHERE class = $1 AND member = $2 AND subsystem <> '' ORDER BY subsystem",
        &[class.into(), member.into()],
    )?
    .iter()
    .map(client_row)
    .collect()
}

/// Whether a member or subsystem still owns a gateway, is registered at one, or has subsystems.
///
/// # Errors
/// Those of the store.
pub fn is_in_use(tx: &mut Tx<'_>, client: &ClientRow) -> Result<bool, StoreError> {
    let row = tx.query_one(
        "SELECT (SELECT COUNT(*) FROM directory_gateway WHERE owner_id = $1) \
         + (SELECT COUNT(*) FROM directory_gateway_client WHERE client_id = $1) AS uses",
        &[client.id.into()],
    )?;
    let uses = row.map_or(Ok(0), |row| row.int("uses"))?;
    let has_parts = client.subsystem.is_none() && !subsystems(tx, &client.class, &client.member)?.is_empty();
    Ok(uses > 0 || has_parts)
}

/// A gateway by its identifier.
///
/// # Errors
/// Those of the store.
pub fn find_gateway(tx: &mut Tx<'_>, server: &ServerId) -> Result<Option<GatewayRow>, StoreError> {
    let row = tx.query_one(
        &format!("{GATEWAY} WHERE c.class = $1 AND c.member = $2 AND g.code = $3"),
        &[(&*server.owner.class).into(), (&*server.owner.member).into(), (&*server.code).into()],
    )?;
    row.as_ref().map(gateway_row).transpose()
}

/// Gateways numbered above `after`.
///
/// # Errors
/// Those of the store.
pub fn gateways(tx: &mut Tx<'_>, after: i64, limit: u32) -> Result<Vec<GatewayRow>, StoreError> {
    tx.query(&format!("{GATEWAY} WHERE g.id > $1 ORDER BY g.id LIMIT $2"), &[after.into(), limit.into()])?
        .iter()
        .map(gateway_row)
        .collect()
}

/// Adds a gateway and returns its number.
///
/// # Errors
/// Those of the store; a constraint when the owner has a gateway of this code.
pub fn insert_gateway(
    tx: &mut Tx<'_>,
    owner_id: i64,
    code: &str,
    address: Option<&str>,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let row = tx.query_one(
        "INSERT INTO directory_gateway (owner_id, code, address, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
        &[owner_id.into(), code.into(), address.into(), at.as_microsecond().into()],
    )?;
    row.ok_or_else(|| super::damaged("a number just given"))?.int("id")
}

/// Changes address, owner and maintenance of a gateway.
///
/// # Errors
/// Those of the store.
pub fn update_gateway(tx: &mut Tx<'_>, gateway: &GatewayRow) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE directory_gateway SET owner_id = $2, address = $3, maintenance = $4 WHERE id = $1",
        &[
            gateway.id.into(),
            gateway.owner_id.into(),
            gateway.address.as_deref().into(),
            gateway.maintenance.as_deref().into(),
        ],
    )?;
    Ok(())
}

/// Removes a gateway with its certificates and registrations.
///
/// # Errors
/// Those of the store.
pub fn delete_gateway(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    tx.exec("DELETE FROM directory_gateway_client WHERE gateway_id = $1", &[id.into()])?;
    tx.exec("DELETE FROM directory_gateway_cert WHERE gateway_id = $1", &[id.into()])?;
    tx.exec("DELETE FROM directory_gateway WHERE id = $1", &[id.into()])?;
    Ok(())
}

/// The gateway an authentication certificate is registered for.
///
/// # Errors
/// Those of the store.
pub fn cert_holder(tx: &mut Tx<'_>, cert: &CertDer) -> Result<Option<i64>, StoreError> {
    let row =
        tx.query_one("SELECT gateway_id FROM directory_gateway_cert WHERE sha256 = $1", &[cert.sha256_hex().into()])?;
    row.map(|row| row.int("gateway_id")).transpose()
}

/// Registers an authentication certificate.
///
/// # Errors
/// Those of the store; a constraint when it is registered already.
pub fn insert_cert(tx: &mut Tx<'_>, gateway: i64, cert: &CertDer, at: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_gateway_cert (sha256, gateway_id, der, added_at) VALUES ($1, $2, $3, $4)",
        &[cert.sha256_hex().into(), gateway.into(), cert.der().into(), at.as_microsecond().into()],
    )?;
    Ok(())
}

/// Removes an authentication certificate of a gateway; `false` when it was not registered for it.
///
/// # Errors
/// Those of the store.
pub fn delete_cert(tx: &mut Tx<'_>, gateway: i64, sha256_hex: &str) -> Result<bool, StoreError> {
    let removed = tx.exec(
        "DELETE FROM directory_gateway_cert WHERE gateway_id = $1 AND sha256 = $2",
        &[gateway.into(), sha256_hex.into()],
    )?;
    Ok(removed > 0)
}

/// Authentication certificates of a gateway.
///
/// # Errors
/// Those of the store.
pub fn certs(tx: &mut Tx<'_>, gateway: i64) -> Result<Vec<CertDer>, StoreError> {
    let rows = tx.query(
        "SELECT der FROM directory_gateway_cert WHERE gateway_id = $1 ORDER BY added_at, sha256",
        &[gateway.into()],
    )?;
    rows.iter().map(|row| Ok(CertDer::new(row.get("der")?))).collect()
}

/// Registers a client at a gateway; `false` when it is registered already.
///
/// # Errors
/// Those of the store.
pub fn insert_registration(tx: &mut Tx<'_>, gateway: i64, client: i64, at: Timestamp) -> Result<bool, StoreError> {
    let added = tx.exec(
        "INSERT INTO directory_gateway_client (gateway_id, client_id, added_at) VALUES ($1, $2, $3) \
         ON CONFLICT (gateway_id, client_id) DO NOTHING",
        &[gateway.into(), client.into(), at.as_microsecond().into()],
    )?;
    Ok(added > 0)
}

/// Whether a client is registered at a gateway, and enabled.
///
/// # Errors
/// Those of the store.
pub fn registration(tx: &mut Tx<'_>, gateway: i64, client: i64) -> Result<Option<bool>, StoreError> {
    let row = tx.query_one(
        "SELECT enabled FROM directory_gateway_client WHERE gateway_id = $1 AND client_id = $2",
        &[gateway.into(), client.into()],
    )?;
    row.map(|row| row.bool("enabled")).transpose()
}

/// Enables or disables a registration.
///
/// # Errors
/// Those of the store.
pub fn set_enabled(tx: &mut Tx<'_>, gateway: i64, client: i64, enabled: bool) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE directory_gateway_client SET enabled = $3 WHERE gateway_id = $1 AND client_id = $2",
        &[gateway.into(), client.into(), enabled.into()],
    )?;
    Ok(())
}

/// Removes a registration; `false` when there is none.
///
/// # Errors
/// Those of the store.
pub fn delete_registration(tx: &mut Tx<'_>, gateway: i64, client: i64) -> Result<bool, StoreError> {
    let removed = tx.exec(
        "DELETE FROM directory_gateway_client WHERE gateway_id = $1 AND client_id = $2",
        &[gateway.into(), client.into()],
    )?;
    Ok(removed > 0)
}

/// Clients registered at a gateway, with whether they are enabled.
///
/// # Errors
/// Those of the store.
pub fn registrations(tx: &mut Tx<'_>, gateway: i64) -> Result<Vec<(ClientRow, bool)>, StoreError> {
    let rows = tx.query(
        "SELECT c.id, c.class, c.member, c.subsystem, c.name, r.enabled FROM directory_gateway_client r \
         JOIN directory_client c ON c.id = r.client_id WHERE r.gateway_id = $1 ORDER BY c.class, c.member, c.subsystem",
        &[gateway.into()],
    )?;
    rows.iter().map(|row| Ok((client_row(row)?, row.bool("enabled")?))).collect()
}

const GATEWAY: &str = "SELECT g.id, g.owner_id, c.class, c.member, g.code, g.address, g.maintenance \
                       FROM directory_gateway g JOIN directory_client c ON c.id = g.owner_id";

fn client_key(client: &ClientId) -> [Value; 3] {
    [(&*client.class).into(), (&*client.member).into(), client.subsystem.as_deref().unwrap_or_default().into()]
}

fn client_row(row: &Row) -> Result<ClientRow, StoreError> {
    Ok(ClientRow {
        id: row.int("id")?,
        class: row.text("class")?,
        member: row.text("member")?,
        subsystem: Some(row.text("subsystem")?).filter(|code| !code.is_empty()),
        name: row.opt_text("name")?,
    })
}

fn gateway_row(row: &Row) -> Result<GatewayRow, StoreError> {
    Ok(GatewayRow {
        id: row.int("id")?,
        owner_id: row.int("owner_id")?,
        class: row.text("class")?,
        member: row.text("member")?,
        code: row.text("code")?,
        address: row.opt_text("address")?,
        maintenance: row.opt_text("maintenance")?,
    })
}
