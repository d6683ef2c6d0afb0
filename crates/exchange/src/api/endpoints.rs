//! Endpoints of a service.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use directory::ClientId;
use http::StatusCode;
use kit::{Page, PageRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, PathParts, after_number};
use super::fault::Fault;
use super::view::{EndpointView, Listing, created, listing};
use crate::acts::permit::{ManageServices, Permit, ReadConfiguration};
use crate::acts::{ActError, endpoints};
use crate::store::service::{self, EndpointRow};

/// All endpoints of a service: at most a few thousand.
async fn rows(api: &Api, client: ClientId, code: String) -> Result<Vec<EndpointRow>, Fault> {
    let found = api
        .admin
        .store()
        .read(move |tx| match service::find(tx, &client, &code)? {
            Some(row) => service::endpoints(tx, row.id).map(Some),
            None => Ok::<_, ::store::StoreError>(None),
        })
        .await?;
    Ok(found.ok_or(ActError::NotFound("service"))?)
}

/// The endpoints of a service; the first stands for the whole service.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints", tag = "endpoints",
    params(("client" = String, Path), ("code" = String, Path), ("limit" = Option<u32>, Query),
        ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<EndpointView>), (status = 404)))]
pub(super) async fn list(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<EndpointView>>, Fault> {
    let after = after_number(&page)?.unwrap_or(i64::MIN);
    let rows = rows(&api, path.client("client")?, path.text("code")?).await?;
    let rest = rows.into_iter().filter(|row| row.id > after).take(page.limit() as usize + 1).collect();
    Ok(listing(Page::from_overfetch(rest, &page, |row: &EndpointRow| row.id.to_string())))
}

/// One endpoint.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}", tag = "endpoints",
    params(("client" = String, Path), ("code" = String, Path), ("endpoint" = i64, Path)),
    responses((status = 200, body = EndpointView), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Json<EndpointView>, Fault> {
    let wanted = path.number("endpoint")?;
    let rows = rows(&api, path.client("client")?, path.text("code")?).await?;
    let row = rows.into_iter().find(|row| row.id == wanted).ok_or(ActError::NotFound("endpoint"))?;
    Ok(Json(row.into()))
}

/// An endpoint to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEndpoint {
    /// Method or `*`.
    method: String,
    /// Path pattern: `*` within a segment, `**` across.
    path: String,
}

/// Adds an endpoint.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints", tag = "endpoints",
    params(("client" = String, Path), ("code" = String, Path)), request_body = NewEndpoint,
    responses((status = 201, body = EndpointView), (status = 400), (status = 409)))]
pub(super) async fn add(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    Body(new): Body<NewEndpoint>,
) -> Result<Response, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let location = format!("clients/{}/services/{code}/endpoints", id.colon());
    let row = endpoints::add_endpoint(&api.admin, &permit, id, code, new.method, new.path).await?;
    Ok(created(&format!("{location}/{}", row.id), Json(EndpointView::from(row))))
}

/// Deletes an endpoint that was added by hand, with the rights on it.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}",
    tag = "endpoints", params(("client" = String, Path), ("code" = String, Path), ("endpoint" = i64, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn remove(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    let (id, code, endpoint) = (path.client("client")?, path.text("code")?, path.number("endpoint")?);
    endpoints::delete_endpoint(&api.admin, &permit, id, code, endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}
