//! Ask the central authority to register a client, to end, suspend or resume its registration (exchange-protocol §2.13).
//!
//! The request goes out first and the new status is saved after it was taken. Should the gateway stop in between, the status lags behind
//! the truth: the request can be repeated, and the global configuration confirms it in the end ([`super::follow`]).

use directory::{ClientId, ServerId};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::permit::{ManageClients, Permit};
use super::{ActError, Admin};
use crate::conf::ClientMove;
use crate::monitor::audit::{Entry, Event};
use crate::store::client::{self, ClientRow};

/// What is asked of the central authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// `clientReg`.
    Register,
    /// `clientDeletion`.
    Unregister,
    /// `clientDisable`.
    Disable,
    /// `clientEnable`.
    Enable,
}

/// A management request about a client of this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementRequest {
    /// What is asked.
    pub kind: RequestKind,
    /// This gateway.
    pub server: ServerId,
    /// The client.
    pub client: ClientId,
    /// Name of the subsystem for people; only with [`RequestKind::Register`].
    pub name: Option<String>,
}

/// The central authority did not take a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It could not be reached; trying again makes sense.
    #[error("the central authority could not be reached: {0}")]
    Unreachable(String),
    /// It answered that it does not accept the request.
    #[error("the central authority refused the request: {0}")]
    Refused(String),
}

/// The way to the central authority.
pub trait ManagementRequests: Send + Sync {
    /// Signs and sends a request; returns the number the central authority gave it.
    fn submit(&self, request: ManagementRequest) -> BoxFuture<'_, Result<String, SubmitError>>;
}

impl RequestKind {
    fn client_move(self) -> ClientMove {
        match self {
            Self::Register => ClientMove::RequestRegistration,
            Self::Unregister => ClientMove::RequestDeletion,
            Self::Disable => ClientMove::RequestDisabling,
            Self::Enable => ClientMove::RequestEnabling,
        }
    }

    fn event(self) -> Event {
        match self {
            Self::Register => Event::RegisterClient,
            Self::Unregister => Event::UnregisterClient,
            Self::Disable => Event::DisableClient,
            Self::Enable => Event::EnableClient,
        }
    }
}

/// Sends a management request about a client and saves the status it brings.
///
/// # Errors
/// When there is no such client, its status does not allow the request, or the central authority does not take it.
pub async fn request_registration(
    admin: &Admin,
    permit: &Permit<ManageClients>,
    kind: RequestKind,
    id: ClientId,
    name: Option<String>,
) -> Result<ClientRow, ActError> {
    let number = match submit(admin, kind, &id, name).await {
        Ok(number) => number,
        Err(error) => {
            let (actor, data) = (permit.actor(), json!({ "clientIdentifier": id.colon() }));
            let now = admin.clock().now_micros();
            let entry = Entry::done(now, kind.event(), &actor.user, actor.auth, &actor.url, data);
            admin.record_failure(entry, &error).await;
            return Err(error);
        }
    };
    let data = json!({ "clientIdentifier": id.colon(), "managementRequestId": number });
    admin
        .perform(permit, kind.event(), data, move |tx, change| {
            let mut row = client::find(tx, &id)?.ok_or(ActError::NotFound("client"))?;
            row.status = row.status.after(kind.client_move())?;
            change.data["clientStatus"] = row.status.as_str().into();
            client::update(tx, &row, change.now)?;
            client::find(tx, &id)?.ok_or(ActError::NotFound("client"))
        })
        .await
}

/// Checks that the client can make the move before anything leaves the house.
async fn submit(admin: &Admin, kind: RequestKind, id: &ClientId, name: Option<String>) -> Result<String, ActError> {
    let wanted = id.clone();
    let row = admin.store().read(move |tx| client::find(tx, &wanted)).await?.ok_or(ActError::NotFound("client"))?;
    row.status.after(kind.client_move())?;
    let server = admin.conf().current().server.clone();
    if *id == server.owner {
        return Err(ActError::Refused("the owner's registration is that of the gateway itself"));
    }
    Ok(admin.requests().submit(ManagementRequest { kind, server, client: id.clone(), name }).await?)
}
