//! Members and subsystems.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::{Page, PageRequest, Problem};
use serde::{Deserialize, Serialize};

use super::extract::{Allowed, Asked, At, Body, page_key};
use crate::acts::permit::{Register, View};
use crate::acts::{ActError, Central};
use crate::model::id::ClientId;
use crate::store::instance;
use crate::store::registry::{self, ClientRow};

/// A member or subsystem as shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ClientView {
    /// Identifier, colon-joined.
    #[schema(value_type = String)]
    id: ClientId,
    /// Name.
    name: Option<String>,
    /// Subsystems of a member, when one member is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    subsystems: Vec<ClientView>,
    #[serde(skip)]
    number: i64,
}

impl ClientView {
    pub(super) fn new(instance: &str, row: &ClientRow) -> Self {
        Self { id: row.client_id(instance), name: row.name.clone(), subsystems: Vec::new(), number: row.id }
    }
}

/// A member or subsystem to add.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewClient {
    /// Identifier, colon-joined.
    #[schema(value_type = String)]
    id: ClientId,
    /// Name; a member must have one.
    name: Option<String>,
}

/// A new name.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewName {
    /// The name; a subsystem may be left without.
    name: Option<String>,
}

/// Members, in the order they were added.
#[utoipa::path(get, path = "/api/directory/v1/members", tag = "members",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)), responses((status = 200)))]
pub(super) async fn list(
    _: Allowed<View>,
    State(central): State<Central>,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Page<ClientView>>, Problem> {
    let (after, limit) = (page_key(page.after.as_deref(), 0)?, page.limit() + 1);
    let found = central.store.read(move |tx| {
        let (settings, _) = instance::load(tx)?.ok_or(ActError::NotInitialised)?;
        let rows = registry::members(tx, after, limit)?;
        Ok::<_, ActError>(rows.iter().map(|row| ClientView::new(&settings.instance, row)).collect())
    });
    let rows: Vec<ClientView> = found.await?;
    Ok(Json(Page::from_overfetch(rows, &page, |row| row.number.to_string())))
}

/// One member with its subsystems.
#[utoipa::path(get, path = "/api/directory/v1/members/{id}", tag = "members",
    responses((status = 200, body = ClientView), (status = 404)))]
pub(super) async fn show(
    _: Allowed<View>,
    State(central): State<Central>,
    At(id): At<ClientId>,
) -> Result<Json<ClientView>, Problem> {
    let found = central.store.read(move |tx| {
        let row = registry::find_client(tx, &id)?.ok_or_else(|| ActError::not_found("member", id.colon()))?;
        let mut view = ClientView::new(&id.instance, &row);
        let subsystems = registry::subsystems(tx, &row.class, &row.member)?;
        view.subsystems = subsystems.iter().map(|row| ClientView::new(&id.instance, row)).collect();
        Ok::<_, ActError>(view)
    });
    Ok(Json(found.await?))
}

/// Adds a member.
#[utoipa::path(post, path = "/api/directory/v1/members", tag = "members", request_body = NewClient,
    responses((status = 201), (status = 400), (status = 409)))]
pub(super) async fn add_member(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    Body(new): Body<NewClient>,
) -> Result<StatusCode, Problem> {
    central.add_member(&permit, new.id, new.name.unwrap_or_default()).await?;
    Ok(StatusCode::CREATED)
}

/// Adds a subsystem.
#[utoipa::path(post, path = "/api/directory/v1/subsystems", tag = "members", request_body = NewClient,
    responses((status = 201), (status = 404), (status = 409)))]
pub(super) async fn add_subsystem(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    Body(new): Body<NewClient>,
) -> Result<StatusCode, Problem> {
    central.add_subsystem(&permit, new.id, new.name).await?;
    Ok(StatusCode::CREATED)
}

/// Changes the name of a member or subsystem.
#[utoipa::path(patch, path = "/api/directory/v1/members/{id}", tag = "members", request_body = NewName,
    responses((status = 204), (status = 404)))]
pub(super) async fn rename(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<ClientId>,
    Body(new): Body<NewName>,
) -> Result<StatusCode, Problem> {
    central.rename_client(&permit, id, new.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a member or subsystem that nothing depends on.
#[utoipa::path(delete, path = "/api/directory/v1/members/{id}", tag = "members",
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn remove(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<ClientId>,
) -> Result<StatusCode, Problem> {
    central.delete_client(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
