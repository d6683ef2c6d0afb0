//! API keys.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use kit::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, PathParts, malformed};
use super::fault::Fault;
use super::view::{ApiKeyView, Listing, created, listing};
use crate::acts::api_keys::{self, ApiKeyRequest};
use crate::acts::permit::{ManageApiKeys, Permit, Role, Roles};
use crate::conf::client::UnknownWord;
use crate::store::api_key;

/// The API keys, oldest first.
#[utoipa::path(get, path = "/api/exchange/v1/api-keys", tag = "api-keys",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<ApiKeyView>)))]
pub(super) async fn list(
    _: Permit<ManageApiKeys>,
    State(api): State<Api>,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<ApiKeyView>>, Fault> {
    let (limit, after) = (page.limit() + 1, page.after.clone().unwrap_or_default());
    let rows = api.admin.store().read(move |tx| api_key::list(tx, &after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.id.clone())))
}

/// A key to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiKey {
    /// Who or what will use it.
    name: String,
    /// What its holder may do.
    roles: Vec<String>,
    /// When it stops working, RFC 3339; never when absent.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// A key just created: the only moment it can be read.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedApiKey {
    /// The key, to be kept secret.
    key: String,
    /// What is stored of it.
    #[serde(flatten)]
    view: ApiKeyView,
}

/// Creates a key.
#[utoipa::path(post, path = "/api/exchange/v1/api-keys", tag = "api-keys", request_body = NewApiKey,
    responses((status = 201, body = CreatedApiKey), (status = 400)))]
pub(super) async fn create(
    permit: Permit<ManageApiKeys>,
    State(api): State<Api>,
    Body(new): Body<NewApiKey>,
) -> Result<Response, Fault> {
    let roles = new.roles.iter().map(|word| word.parse::<Role>()).collect::<Result<Roles, UnknownWord>>();
    let request = ApiKeyRequest {
        name: new.name,
        roles: roles.map_err(|error| malformed("/roles", error))?,
        expires_at: new.expires_at.map(Timestamp::as_microsecond),
    };
    let made = api_keys::create_api_key(&api.admin, &permit, request).await?;
    let location = format!("api-keys/{}", made.row.id);
    Ok(created(&location, Json(CreatedApiKey { key: made.key, view: made.row.into() })))
}

/// Revokes a key at once.
#[utoipa::path(delete, path = "/api/exchange/v1/api-keys/{id}", tag = "api-keys", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn revoke(
    permit: Permit<ManageApiKeys>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    api_keys::revoke_api_key(&api.admin, &permit, path.text("id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
