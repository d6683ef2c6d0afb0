//! Bring the status of clients in line with the global configuration: it alone says who is registered.

use std::collections::HashSet;

use directory::ClientId;
use serde_json::json;

use super::permit::Actor;
use super::{ActError, Admin};
use crate::conf::{Client, ClientMove, ClientStatus};
use crate::monitor::audit::Event;
use crate::store::client;

/// What the global configuration says about the clients of this gateway.
#[derive(Clone, Debug, Default)]
pub struct RegisteredHere {
    /// Registered at this gateway and in use.
    pub enabled: HashSet<ClientId>,
    /// Registered at this gateway, out of use for a while; stays empty when the central authority does not list such clients.
    pub disabled: HashSet<ClientId>,
}

impl RegisteredHere {
    /// The move that brings `client` in line; `None` when it is, or when an open request has not been decided yet.
    fn wanted(&self, client: &Client) -> Option<ClientMove> {
        let wanted = if self.enabled.contains(&client.id) {
            // An open request to disable is not answered by the client still being enabled.
            (!client.status.may_exchange()).then_some(ClientMove::ConfirmedByGlobalConf)
        } else if self.disabled.contains(&client.id) {
            (client.status != ClientStatus::Disabled).then_some(ClientMove::ConfirmDisabled)
        } else {
            // A central authority may simply stop listing a client that it disabled.
            match client.status {
                ClientStatus::DisablingInProgress => Some(ClientMove::ConfirmDisabled),
                _ => Some(ClientMove::MissingFromGlobalConf),
            }
        }?;
        client.status.after(wanted).is_ok().then_some(wanted)
    }
}

/// Applies the global configuration to the clients and returns how many changed. Writes nothing when all are in line, which is the usual
/// case: call it after each download.
///
/// # Errors
/// When the database fails.
pub async fn follow_global_conf(admin: &Admin, registered: RegisteredHere) -> Result<usize, ActError> {
    let conf = admin.conf().current();
    let moves: Vec<(ClientId, ClientMove)> =
        conf.clients().filter_map(|client| Some((client.id.clone(), registered.wanted(client)?))).collect();
    if moves.is_empty() {
        return Ok(0);
    }
    let actor = Actor::system();
    admin
        .perform_as(&actor, Event::SynchroniseClients, json!({ "clients": [] }), move |tx, change| {
            let mut changed = Vec::new();
            for (id, wanted) in &moves {
                // Another process of this gateway may have been faster.
                let Some(mut row) = client::find(tx, id)? else { continue };
                let Ok(status) = row.status.after(*wanted) else { continue };
                row.status = status;
                client::update(tx, &row, change.now)?;
                changed.push(json!({ "clientIdentifier": id.colon(), "clientStatus": status.as_str() }));
            }
            let count = changed.len();
            change.data["clients"] = changed.into();
            Ok(count)
        })
        .await
}
