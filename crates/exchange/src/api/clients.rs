//! Clients of the gateway.

use axum::extract::State;
use axum::response::Response;
use directory::ClientId;
use http::StatusCode;
use kit::{Page, PageRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, IfMatch, PathParts, malformed};
use super::fault::Fault;
use super::view::{ClientView, Listing, Tagged, created, listing};
use crate::acts::permit::{ManageClients, ManageConnections, Permit, ReadConfiguration};
use crate::acts::registration::{RequestKind, request_registration as submit};
use crate::acts::{ActError, clients, connection};
use crate::conf::ConnectionType;
use crate::store::client;

/// A client to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    /// `INST:CLASS:CODE[:SUBSYSTEM]`, parts percent-encoded.
    #[schema(value_type = String)]
    id: ClientId,
    /// `NOSSL`, `SSLNOAUTH` or `SSLAUTH` (when absent).
    connection_type: Option<String>,
}

/// The clients, by identifier.
#[utoipa::path(get, path = "/api/exchange/v1/clients", tag = "clients",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<ClientView>)))]
pub(super) async fn list(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    Asked(page): Asked<PageRequest>,
) -> Result<axum::Json<Listing<ClientView>>, Fault> {
    let (limit, after) = (page.limit() + 1, page.after.clone().unwrap_or_default());
    let rows = api.admin.store().read(move |tx| client::list(tx, &after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.id.colon())))
}

/// One client.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}", tag = "clients", params(("client" = String, Path)),
    responses((status = 200, body = ClientView), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Tagged<ClientView>, Fault> {
    let id = path.client("client")?;
    let row = api.admin.store().read(move |tx| client::find(tx, &id)).await?.ok_or(ActError::NotFound("client"))?;
    Ok(Tagged(row.version, row.into()))
}

/// Adds a client.
#[utoipa::path(post, path = "/api/exchange/v1/clients", tag = "clients", request_body = NewClient,
    responses((status = 201, body = ClientView), (status = 409)))]
pub(super) async fn add(
    permit: Permit<ManageClients>,
    State(api): State<Api>,
    Body(new): Body<NewClient>,
) -> Result<Response, Fault> {
    let kind = parse_connection_type(new.connection_type.as_deref())?;
    let row = clients::add_client(&api.admin, &permit, new.id, kind).await?;
    Ok(created(&format!("clients/{}", row.id.colon()), Tagged(row.version, ClientView::from(row))))
}

fn parse_connection_type(word: Option<&str>) -> Result<ConnectionType, Fault> {
    word.map_or(Ok(ConnectionType::default()), |word| {
        word.parse().map_err(|error: crate::conf::client::UnknownWord| malformed("/connection_type", error))
    })
}

/// Deletes a client that is not registered, with everything it has.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}", tag = "clients", params(("client" = String, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn remove(
    permit: Permit<ManageClients>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    clients::delete_client(&api.admin, &permit, path.client("client")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What to ask of the central authority.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationRequest {
    /// What is asked.
    kind: RegistrationKind,
    /// Name of the subsystem for people; only with `register`.
    name: Option<String>,
}

/// What can be asked.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RegistrationKind {
    /// Register the client.
    Register,
    /// End its registration.
    Unregister,
    /// Take it out of use for a while.
    Disable,
    /// Take it into use again.
    Enable,
}

impl From<RegistrationKind> for RequestKind {
    fn from(kind: RegistrationKind) -> Self {
        match kind {
            RegistrationKind::Register => Self::Register,
            RegistrationKind::Unregister => Self::Unregister,
            RegistrationKind::Disable => Self::Disable,
            RegistrationKind::Enable => Self::Enable,
        }
    }
}

/// Sends a management request about a client to the central authority.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/registration-requests", tag = "clients",
    params(("client" = String, Path)), request_body = RegistrationRequest,
    responses((status = 202, body = ClientView), (status = 409), (status = 502)))]
pub(super) async fn request_registration(
    permit: Permit<ManageClients>,
    State(api): State<Api>,
    path: PathParts,
    Body(request): Body<RegistrationRequest>,
) -> Result<(StatusCode, Tagged<ClientView>), Fault> {
    let id = path.client("client")?;
    let row = submit(&api.admin, &permit, request.kind.into(), id, request.name).await?;
    Ok((StatusCode::ACCEPTED, Tagged(row.version, row.into())))
}

/// A connection type.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionTypeChange {
    /// `NOSSL`, `SSLNOAUTH` or `SSLAUTH`.
    connection_type: String,
}

/// Sets how the information systems of a client connect.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/connection-type", tag = "clients",
    params(("client" = String, Path), ("If-Match" = String, Header)), request_body = ConnectionTypeChange,
    responses((status = 200, body = ClientView), (status = 412), (status = 428)))]
pub(super) async fn set_connection_type(
    permit: Permit<ManageConnections>,
    State(api): State<Api>,
    path: PathParts,
    IfMatch(expected): IfMatch,
    Body(change): Body<ConnectionTypeChange>,
) -> Result<Tagged<ClientView>, Fault> {
    let (id, kind) = (path.client("client")?, parse_connection_type(Some(&change.connection_type))?);
    let row = connection::set_connection_type(&api.admin, &permit, id, kind, expected).await?;
    Ok(Tagged(row.version, row.into()))
}
