//! Global groups.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::Problem;
use serde::{Deserialize, Serialize};

use super::extract::{Allowed, At, Body};
use crate::acts::permit::{Register, View};
use crate::acts::{ActError, Central};
use crate::model::id::ClientId;
use crate::store::groups;

/// A group.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Group {
    /// Code.
    code: String,
    /// What it is for.
    description: String,
}

/// A new description.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewDescription {
    /// What it is for.
    description: String,
}

/// Members and subsystems.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Clients {
    /// Identifiers, colon-joined.
    #[schema(value_type = Vec<String>)]
    clients: Vec<ClientId>,
}

/// Groups; they are few and come on one page.
#[utoipa::path(get, path = "/api/directory/v1/groups", tag = "groups", responses((status = 200, body = Vec<Group>)))]
pub(super) async fn list(_: Allowed<View>, State(central): State<Central>) -> Result<Json<Vec<Group>>, Problem> {
    let rows = central.store.read(|tx| groups::list(tx).map_err(ActError::from)).await?;
    Ok(Json(rows.into_iter().map(|(_, code, description)| Group { code, description }).collect()))
}

/// Adds a group.
#[utoipa::path(post, path = "/api/directory/v1/groups", tag = "groups", request_body = Group,
    responses((status = 201), (status = 409)))]
pub(super) async fn add(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    Body(new): Body<Group>,
) -> Result<StatusCode, Problem> {
    central.add_group(&permit, new.code, new.description).await?;
    Ok(StatusCode::CREATED)
}

/// Changes the description.
#[utoipa::path(patch, path = "/api/directory/v1/groups/{code}", tag = "groups", request_body = NewDescription,
    responses((status = 204), (status = 404)))]
pub(super) async fn describe(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(code): At<String>,
    Body(new): Body<NewDescription>,
) -> Result<StatusCode, Problem> {
    central.describe_group(&permit, code, new.description).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a group.
#[utoipa::path(delete, path = "/api/directory/v1/groups/{code}", tag = "groups", responses((status = 204), (status = 404)))]
pub(super) async fn remove(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(code): At<String>,
) -> Result<StatusCode, Problem> {
    central.delete_group(&permit, code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Members of a group.
#[utoipa::path(get, path = "/api/directory/v1/groups/{code}/members", tag = "groups",
    responses((status = 200, body = Clients), (status = 404)))]
pub(super) async fn members(
    _: Allowed<View>,
    State(central): State<Central>,
    At(code): At<String>,
) -> Result<Json<Clients>, Problem> {
    let found = central.store.read(move |tx| {
        let group = groups::find(tx, &code)?.ok_or_else(|| ActError::not_found("group", &code))?;
        Ok::<_, ActError>(groups::members(tx, group)?)
    });
    Ok(Json(Clients { clients: found.await? }))
}

/// Adds members and subsystems.
#[utoipa::path(post, path = "/api/directory/v1/groups/{code}/members", tag = "groups", request_body = Clients,
    responses((status = 204), (status = 404)))]
pub(super) async fn add_members(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(code): At<String>,
    Body(new): Body<Clients>,
) -> Result<StatusCode, Problem> {
    central.add_group_members(&permit, code, new.clients).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes one member or subsystem out.
#[utoipa::path(delete, path = "/api/directory/v1/groups/{code}/members/{client}", tag = "groups",
    responses((status = 204), (status = 404)))]
pub(super) async fn remove_member(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At((code, client)): At<(String, ClientId)>,
) -> Result<StatusCode, Problem> {
    central.remove_group_members(&permit, code, vec![client]).await?;
    Ok(StatusCode::NO_CONTENT)
}
