//! OpenAPI descriptions of services.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, IfMatch, PathParts, Upload, malformed};
use super::fault::Fault;
use super::view::{ServiceView, Tagged, created};
use crate::acts::ActError;
use crate::acts::descriptions::{Imported, OpenApiService, Refresh, add_openapi_service, refresh_description};
use crate::acts::permit::{ManageServices, Permit, ReadConfiguration};
use crate::model::openapi::Operation;
use crate::store::service;

/// What an import or refresh brought.
#[derive(Serialize, ToSchema)]
pub(super) struct ImportedView {
    /// The service as it now is.
    service: ServiceView,
    /// Endpoints that came.
    added: Vec<String>,
    /// Endpoints that went, with the rights on them.
    removed: Vec<String>,
    /// Endpoints that stayed, with the rights on them.
    kept: Vec<String>,
    /// Operations that cannot be told from one before them.
    duplicates: Vec<String>,
    /// What a person should look at.
    warnings: Vec<String>,
}

impl From<Imported> for ImportedView {
    fn from(imported: Imported) -> Self {
        let texts = |operations: &[Operation]| {
            operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect()
        };
        Self {
            added: texts(&imported.diff.added),
            removed: texts(&imported.diff.removed),
            kept: texts(&imported.diff.kept),
            duplicates: texts(&imported.duplicates),
            warnings: imported.warnings,
            service: imported.service.into(),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|_| malformed("", "not UTF-8"))
}

/// Settings of a service that is added by its description.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDescription {
    code: String,
    base_url: Option<String>,
    description_url: Option<String>,
}

/// Adds a service by its OpenAPI description, JSON or YAML in the body.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/descriptions", tag = "services",
    params(("client" = String, Path), ("code" = String, Query), ("base_url" = Option<String>, Query),
        ("description_url" = Option<String>, Query)),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 201, body = ImportedView), (status = 400), (status = 409), (status = 413)))]
pub(super) async fn add(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    Asked(new): Asked<NewDescription>,
    Upload(bytes): Upload,
) -> Result<Response, Fault> {
    let new = OpenApiService {
        provider: path.client("client")?,
        code: new.code,
        text: text(&bytes)?,
        base_url: new.base_url,
        description_url: new.description_url,
    };
    let imported = add_openapi_service(&api.admin, &permit, new).await?;
    let location = format!("clients/{}/services/{}", imported.service.client.colon(), imported.service.code);
    Ok(created(&location, Tagged(imported.service.version, ImportedView::from(imported))))
}

/// The description of a service, as it was given.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services/{code}/description", tag = "services",
    params(("client" = String, Path), ("code" = String, Path)),
    responses((status = 200, content_type = "application/yaml", body = String), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Response, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let found = api
        .admin
        .store()
        .read(move |tx| match service::find(tx, &id, &code)? {
            Some(row) => service::description(tx, row.id),
            None => Ok::<_, ::store::StoreError>(None),
        })
        .await?;
    let found = found.ok_or(ActError::NotFound("service description"))?;
    let kind = if found.trim_start().starts_with('{') { "application/json" } else { "application/yaml" };
    Ok(([(CONTENT_TYPE, kind)], found).into_response())
}

/// Whether to change anything.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshQuery {
    #[serde(default)]
    preview: bool,
}

/// Replaces the description of a service; with `preview=true` only tells what would change.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/services/{code}/description", tag = "services",
    params(("client" = String, Path), ("code" = String, Path), ("preview" = Option<bool>, Query),
        ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = ImportedView), (status = 400), (status = 412), (status = 413), (status = 428)))]
pub(super) async fn refresh(
    permit: Permit<ManageServices>,
    State(api): State<Api>,
    path: PathParts,
    Asked(query): Asked<RefreshQuery>,
    IfMatch(expected): IfMatch,
    Upload(bytes): Upload,
) -> Result<Tagged<ImportedView>, Fault> {
    let (id, code, text) = (path.client("client")?, path.text("code")?, text(&bytes)?);
    let mode = if query.preview { Refresh::Preview } else { Refresh::Apply };
    let imported = refresh_description(&api.admin, &permit, id, code, text, (mode, expected)).await?;
    Ok(Tagged(imported.service.version, imported.into()))
}
