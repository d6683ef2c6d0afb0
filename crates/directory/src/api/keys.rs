//! Signing keys of the configuration, anchors, anchors of partners.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use kit::Problem;
use serde::{Deserialize, Serialize};

use super::extract::{Allowed, At, Body, Raw};
use crate::acts::Central;
use crate::acts::permit::{ManageTrust, View};
use crate::model::anchor::fingerprint;
use crate::store::keys::{Audience, SigningKeyRow};

/// Which configuration a key shall sign.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewKey {
    /// For whom.
    audience: Audience,
}

/// The fingerprint of an imported anchor, to be compared with the one the partner tells.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ImportedAnchor {
    /// SHA-224 in pairs.
    fingerprint: String,
}

/// Signing keys.
#[utoipa::path(get, path = "/api/directory/v1/signing-keys", tag = "keys", responses((status = 200, body = Vec<SigningKeyRow>)))]
pub(super) async fn list(
    Allowed(permit): Allowed<View>,
    State(central): State<Central>,
) -> Result<Json<Vec<SigningKeyRow>>, Problem> {
    Ok(Json(central.signing_keys(&permit).await?))
}

/// Makes a signing key.
#[utoipa::path(post, path = "/api/directory/v1/signing-keys", tag = "keys", request_body = NewKey,
    responses((status = 201, body = SigningKeyRow), (status = 503)))]
pub(super) async fn generate(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<SigningKeyRow>), Problem> {
    Ok((StatusCode::CREATED, Json(central.generate_signing_key(&permit, new.audience).await?)))
}

/// Lets a key sign from now on.
#[utoipa::path(post, path = "/api/directory/v1/signing-keys/{id}/activate", tag = "keys",
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn activate(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    central.activate_signing_key(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a key that does not sign.
#[utoipa::path(delete, path = "/api/directory/v1/signing-keys/{id}", tag = "keys",
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn remove(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    central.delete_signing_key(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The anchor file of a configuration; its fingerprint is in the header `x-anchor-fingerprint`.
#[utoipa::path(get, path = "/api/directory/v1/anchors/{audience}", tag = "keys", responses((status = 200), (status = 404)))]
pub(super) async fn anchor(
    Allowed(permit): Allowed<View>,
    State(central): State<Central>,
    At(audience): At<Audience>,
) -> Result<Response, Problem> {
    let file = central.anchor_file(&permit, audience).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml".to_owned()),
        (HeaderName::from_static("x-anchor-fingerprint"), fingerprint(&file)),
    ];
    Ok((headers, file).into_response())
}

/// Adds or replaces the anchor of a partner; the body is the file.
#[utoipa::path(post, path = "/api/directory/v1/trusted-anchors", tag = "keys",
    responses((status = 201, body = ImportedAnchor), (status = 400)))]
pub(super) async fn add_trusted_anchor(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    Raw(file): Raw,
) -> Result<(StatusCode, Json<ImportedAnchor>), Problem> {
    let fingerprint = central.add_trusted_anchor(&permit, file.to_vec()).await?;
    Ok((StatusCode::CREATED, Json(ImportedAnchor { fingerprint })))
}

/// Ends the federation with a partner.
#[utoipa::path(delete, path = "/api/directory/v1/trusted-anchors/{instance}", tag = "keys",
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_trusted_anchor(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(instance): At<String>,
) -> Result<StatusCode, Problem> {
    central.delete_trusted_anchor(&permit, instance).await?;
    Ok(StatusCode::NO_CONTENT)
}
