//! The instance, its settings and member classes.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::Problem;
use serde::{Deserialize, Serialize};

use super::extract::{Allowed, At, Body};
use crate::acts::permit::{Administer, View};
use crate::acts::{ActError, Central};
use crate::store::instance::InstanceSettings;
use crate::store::registry;

/// What a new instance is called and where it is reached.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewInstance {
    /// Instance identifier, e.g. `VN`.
    instance: String,
    /// Host name or address of this central.
    address: String,
}

/// A member class.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ClassView {
    /// Code.
    code: String,
    /// What it means.
    description: String,
}

/// What a member class means.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct ClassDescription {
    /// What it means.
    description: String,
}

/// The settings.
#[utoipa::path(get, path = "/api/directory/v1/settings", tag = "instance",
    responses((status = 200, body = InstanceSettings), (status = 409)))]
pub(super) async fn settings(
    Allowed(permit): Allowed<View>,
    State(central): State<Central>,
) -> Result<Json<InstanceSettings>, Problem> {
    Ok(Json(central.settings(&permit).await?))
}

/// Initialises the instance with customary settings.
#[utoipa::path(post, path = "/api/directory/v1/settings", tag = "instance", request_body = NewInstance,
    responses((status = 201), (status = 409)))]
pub(super) async fn initialise(
    Allowed(permit): Allowed<Administer>,
    State(central): State<Central>,
    Body(new): Body<NewInstance>,
) -> Result<StatusCode, Problem> {
    central.initialise(&permit, InstanceSettings::new(&new.instance, &new.address)).await?;
    Ok(StatusCode::CREATED)
}

/// Changes the settings.
#[utoipa::path(put, path = "/api/directory/v1/settings", tag = "instance", request_body = InstanceSettings,
    responses((status = 204), (status = 400)))]
pub(super) async fn change(
    Allowed(permit): Allowed<Administer>,
    State(central): State<Central>,
    Body(wanted): Body<InstanceSettings>,
) -> Result<StatusCode, Problem> {
    central.change_settings(&permit, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Member classes.
#[utoipa::path(get, path = "/api/directory/v1/member-classes", tag = "instance",
    responses((status = 200, body = Vec<ClassView>)))]
pub(super) async fn classes(_: Allowed<View>, State(central): State<Central>) -> Result<Json<Vec<ClassView>>, Problem> {
    let rows = central.store.read(|tx| registry::classes(tx).map_err(ActError::from)).await?;
    Ok(Json(rows.into_iter().map(|(code, description)| ClassView { code, description }).collect()))
}

/// Adds a member class or changes its description.
#[utoipa::path(put, path = "/api/directory/v1/member-classes/{code}", tag = "instance", request_body = ClassDescription,
    responses((status = 204), (status = 400)))]
pub(super) async fn put_class(
    Allowed(permit): Allowed<Administer>,
    State(central): State<Central>,
    At(code): At<String>,
    Body(new): Body<ClassDescription>,
) -> Result<StatusCode, Problem> {
    central.put_member_class(&permit, code, new.description).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a member class without members.
#[utoipa::path(delete, path = "/api/directory/v1/member-classes/{code}", tag = "instance",
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn delete_class(
    Allowed(permit): Allowed<Administer>,
    State(central): State<Central>,
    At(code): At<String>,
) -> Result<StatusCode, Problem> {
    central.delete_member_class(&permit, code).await?;
    Ok(StatusCode::NO_CONTENT)
}
