//! Services of a client.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kit::{Page, PageRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, IfMatch, PathParts};
use super::fault::Fault;
use super::view::{Listing, ServiceView, Tagged, created, listing};
use crate::acts::ActError;
use crate::acts::permit::{ManageServices, Permit, ReadConfiguration};
use crate::acts::services::{self, ServiceSettings};
use crate::store::service;

/// What can be set of a service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Address that paths are appended to, `http` or `https`.
    base_url: String,
    /// Where the description can be read.
    description_url: Option<String>,
    /// Seconds the service has for its answer; 60 when absent.
    timeout_seconds: Option<u32>,
    /// Whether its certificate must be one uploaded for the client.
    #[serde(default)]
    verify_tls: bool,
}

impl From<Settings> for ServiceSettings {
    fn from(settings: Settings) -> Self {
        let Settings { base_url, description_url, timeout_seconds, verify_tls } = settings;
        Self { base_url, description_url, timeout_seconds, verify_tls }
    }
}

/// A REST service to add by its base address.
// Spelt out rather than flattened: a flattened struct accepts unknown fields, and a mistyped name would go unnoticed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewService {
    /// Service code.
    code: String,
    /// Address that paths are appended to, `http` or `https`.
    base_url: String,
    /// Seconds the service has for its answer; 60 when absent.
    timeout_seconds: Option<u32>,
    /// Whether its certificate must be one uploaded for the client.
    #[serde(default)]
    verify_tls: bool,
}

/// The services of a client, by code.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services", tag = "services",
    params(("client" = String, Path), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<ServiceView>)))]
pub(super) async fn list(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<ServiceView>>, Fault> {
    let (id, limit, after) = (path.client("client")?, page.limit() + 1, page.after.clone().unwrap_or_default());
    let rows = api.admin.store().read(move |tx| service::list(tx, &id, &after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.code.clone())))
}

/// One service.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services/{code}", tag = "services",
    params(("client" = String, Path), ("code" = String, Path)),
    responses((status = 200, body = ServiceView), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Tagged<ServiceView>, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let row = api.admin.store().read(move |tx| service::find(tx, &id, &code)).await?;
    let row = row.ok_or(ActError::NotFound("service"))?;
    Ok(Tagged(row.version, row.into()))
}

/// Adds a REST service by its base address.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/services", tag = "services",
    params(("client" = String, Path)), request_body = NewService,
    responses((status = 201, body = ServiceView), (status = 400), (status = 409)))]
pub(super) async fn add(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    Body(new): Body<NewService>,
) -> Result<Response, Fault> {
    let id = path.client("client")?;
    let NewService { code, base_url, timeout_seconds, verify_tls } = new;
    let settings = ServiceSettings { base_url, description_url: None, timeout_seconds, verify_tls };
    let row = services::add_rest_service(&api.admin, &permit, id, code, settings).await?;
    let location = format!("clients/{}/services/{}", row.client.colon(), row.code);
    Ok(created(&location, Tagged(row.version, ServiceView::from(row))))
}

/// Replaces the settings of a service.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/services/{code}", tag = "services",
    params(("client" = String, Path), ("code" = String, Path), ("If-Match" = String, Header)), request_body = Settings,
    responses((status = 200, body = ServiceView), (status = 412), (status = 428)))]
pub(super) async fn edit(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    IfMatch(expected): IfMatch,
    Body(settings): Body<Settings>,
) -> Result<Tagged<ServiceView>, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let row = services::edit_service(&api.admin, &permit, id, code, settings.into(), expected).await?;
    Ok(Tagged(row.version, row.into()))
}

/// Deletes a service with its endpoints and the rights on them.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/services/{code}", tag = "services",
    params(("client" = String, Path), ("code" = String, Path), ("If-Match" = String, Header)),
    responses((status = 204), (status = 404), (status = 412), (status = 428)))]
pub(super) async fn remove(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    services::delete_service(&api.admin, &permit, id, code, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a service is open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    /// Open to callers that hold a right.
    enabled: bool,
    /// What callers are told while it is not.
    #[serde(default)]
    notice: String,
}

/// Enables a service, or disables it with a notice.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/services/{code}/status", tag = "services",
    params(("client" = String, Path), ("code" = String, Path)), request_body = Status,
    responses((status = 200, body = ServiceView), (status = 404)))]
pub(super) async fn set_status(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    Body(status): Body<Status>,
) -> Result<Tagged<ServiceView>, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let disabled = (!status.enabled).then_some(status.notice);
    let row = services::set_service_enabled(&api.admin, &permit, id, code, disabled).await?;
    Ok(Tagged(row.version, row.into()))
}
