//! Add and delete a client.

use directory::{ClientId, IdError};
use serde_json::json;

use super::permit::{ManageClients, Permit};
use super::{ActError, Admin};
use crate::conf::service::is_strict_code;
use crate::conf::{ClientStatus, ConnectionType};
use crate::monitor::audit::Event;
use crate::store::client::{self, ClientRow};

/// Adds a client; nobody can exchange messages as it until it is registered.
///
/// # Errors
/// When it exists, belongs to another instance, or the identifier has characters that new identifiers may not have (§2.0).
pub async fn add_client(
    admin: &Admin,
    permit: &Permit<ManageClients>,
    id: ClientId,
    connection_type: ConnectionType,
) -> Result<ClientRow, ActError> {
    let data = json!({ "clientIdentifier": id.colon(), "isAuthentication": connection_type.as_str() });
    let instance = admin.conf().current().server.owner.instance.clone();
    admin
        .perform(permit, Event::AddClient, data, move |tx, change| {
            check_new(&id, &instance)?;
            if !client::insert(tx, &id, ClientStatus::Saved, connection_type, change.now)? {
                return Err(ActError::Exists("client"));
            }
            client::find(tx, &id)?.ok_or(ActError::NotFound("client"))
        })
        .await
}

fn check_new(id: &ClientId, instance: &str) -> Result<(), ActError> {
    if &*id.instance != instance {
        return Err(ActError::invalid("/id", "a client of another instance cannot be served here"));
    }
    if let Some(index) = id.parts().position(|part| !is_strict_code(part)) {
        return Err(ActError::invalid("/id", IdError::Encoding(index + 1)));
    }
    Ok(())
}

/// Deletes a client that the central authority does not know (any more), with its services, rights, groups and certificates.
///
/// # Errors
/// When there is none, or it must be unregistered first.
pub async fn delete_client(admin: &Admin, permit: &Permit<ManageClients>, id: ClientId) -> Result<(), ActError> {
    let data = json!({ "clientIdentifier": id.colon() });
    let owner = admin.conf().current().server.owner.clone();
    admin
        .perform(permit, Event::DeleteClient, data, move |tx, _| {
            let row = client::find(tx, &id)?.ok_or(ActError::NotFound("client"))?;
            if id == owner {
                return Err(ActError::Refused("the owner of the gateway cannot be deleted"));
            }
            if !row.status.may_be_deleted() {
                return Err(ActError::Refused("the client is registered: unregister it first"));
            }
            Ok(client::delete(tx, &id)?)
        })
        .await
}
