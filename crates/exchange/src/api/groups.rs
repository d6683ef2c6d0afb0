//! Local groups of a client.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use directory::ClientId;
use http::StatusCode;
use kit::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, IfMatch, PathParts};
use super::fault::Fault;
use super::view::{GroupView, Listing, Tagged, created, listing};
use crate::acts::ActError;
use crate::acts::groups::{self, GroupKey};
use crate::acts::permit::{ManageRights, Permit, ReadConfiguration};
use crate::store::group;

fn key(path: &PathParts) -> Result<GroupKey, Fault> {
    Ok(GroupKey { client: path.client("client")?, code: path.text("group")? })
}

/// The local groups of a client, by code.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/groups", tag = "groups",
    params(("client" = String, Path), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<GroupView>)))]
pub(super) async fn list(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<GroupView>>, Fault> {
    let (id, limit, after) = (path.client("client")?, page.limit() + 1, page.after.clone().unwrap_or_default());
    let rows = api.admin.store().read(move |tx| group::list(tx, &id, &after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.code.clone())))
}

/// One local group.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/groups/{group}", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path)),
    responses((status = 200, body = GroupView), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Tagged<GroupView>, Fault> {
    let key = key(&path)?;
    let row = api.admin.store().read(move |tx| group::find(tx, &key.client, &key.code)).await?;
    let row = row.ok_or(ActError::NotFound("local group"))?;
    Ok(Tagged(row.version, row.into()))
}

/// A local group to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    /// Group code.
    code: String,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// Adds a local group.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/groups", tag = "groups",
    params(("client" = String, Path)), request_body = NewGroup,
    responses((status = 201, body = GroupView), (status = 409)))]
pub(super) async fn add(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
    Body(new): Body<NewGroup>,
) -> Result<Response, Fault> {
    let key = GroupKey { client: path.client("client")?, code: new.code };
    let location = format!("clients/{}/groups/{}", key.client.colon(), key.code);
    let row = groups::add_group(&api.admin, &permit, key, new.description).await?;
    Ok(created(&location, Tagged(row.version, GroupView::from(row))))
}

/// A new description.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupChange {
    /// What the group is for.
    description: String,
}

/// Replaces the description of a local group.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/groups/{group}", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path), ("If-Match" = String, Header)),
    request_body = GroupChange, responses((status = 200, body = GroupView), (status = 412), (status = 428)))]
pub(super) async fn edit(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
    IfMatch(expected): IfMatch,
    Body(change): Body<GroupChange>,
) -> Result<Tagged<GroupView>, Fault> {
    let row = groups::edit_group(&api.admin, &permit, key(&path)?, change.description, expected).await?;
    Ok(Tagged(row.version, row.into()))
}

/// Deletes a local group and the rights it holds.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/groups/{group}", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path), ("If-Match" = String, Header)),
    responses((status = 204), (status = 404), (status = 412), (status = 428)))]
pub(super) async fn remove(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Fault> {
    groups::delete_group(&api.admin, &permit, key(&path)?, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A member of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberView {
    /// `INST:CLASS:CODE:SUBSYSTEM`.
    id: String,
}

impl From<ClientId> for MemberView {
    fn from(id: ClientId) -> Self {
        Self { id: id.colon() }
    }
}

/// The members of a local group, by identifier.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/groups/{group}/members", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path), ("limit" = Option<u32>, Query),
        ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<MemberView>)))]
pub(super) async fn members(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<MemberView>>, Fault> {
    let (key, limit, after) = (key(&path)?, page.limit() + 1, page.after.clone().unwrap_or_default());
    let rows = api.admin.store().read(move |tx| group::members(tx, &key.client, &key.code, &after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, ClientId::colon)))
}

/// Members to add at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMembers {
    /// Subsystems, at most 1,000.
    #[schema(value_type = Vec<String>)]
    members: Vec<ClientId>,
}

/// How many members were new.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedMembers {
    /// Those that were not in the group before.
    added: usize,
}

/// Adds many members: all of them or none.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/groups/{group}/members", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path)), request_body = NewMembers,
    responses((status = 200, body = AddedMembers), (status = 400), (status = 404)))]
pub(super) async fn add_members(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
    Body(new): Body<NewMembers>,
) -> Result<Json<AddedMembers>, Fault> {
    let added = groups::add_members(&api.admin, &permit, key(&path)?, new.members).await?;
    Ok(Json(AddedMembers { added }))
}

/// Adds one member. Adding it again changes nothing.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/groups/{group}/members/{member}", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path), ("member" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn add_member(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    groups::add_members(&api.admin, &permit, key(&path)?, vec![path.client("member")?]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes one member. Removing it again changes nothing.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/groups/{group}/members/{member}", tag = "groups",
    params(("client" = String, Path), ("group" = String, Path), ("member" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn remove_member(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    groups::remove_members(&api.admin, &permit, key(&path)?, vec![path.client("member")?]).await?;
    Ok(StatusCode::NO_CONTENT)
}
