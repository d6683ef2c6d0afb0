//! Set how the information systems of a client connect (exchange-protocol §2.9).

use directory::ClientId;
use serde_json::json;

use super::permit::{ManageConnections, Permit};
use super::{ActError, Admin, Expected, check_version};
use crate::conf::ConnectionType;
use crate::monitor::audit::Event;
use crate::store::client::{self, ClientRow};

/// Sets the connection type of a client.
///
/// # Errors
/// When there is no such client or somebody else changed it.
pub async fn set_connection_type(
    admin: &Admin,
    permit: &Permit<ManageConnections>,
    id: ClientId,
    connection_type: ConnectionType,
    expected: Expected,
) -> Result<ClientRow, ActError> {
    let data = json!({ "clientIdentifier": id.colon(), "isAuthentication": connection_type.as_str() });
    admin
        .perform(permit, Event::SetConnectionType, data, move |tx, change| {
            let mut row = client::find(tx, &id)?.ok_or(ActError::NotFound("client"))?;
            check_version(expected, row.version)?;
            row.connection_type = connection_type;
            client::update(tx, &row, change.now)?;
            client::find(tx, &id)?.ok_or(ActError::NotFound("client"))
        })
        .await
}
