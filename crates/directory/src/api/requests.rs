//! Management requests, for operators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::problem::INVALID;
use kit::{Page, PageRequest, Problem};
use serde::Deserialize;

use super::extract::{Allowed, Asked, At, Body, page_key};
use crate::acts::permit::{Register, View};
use crate::acts::{ActError, Central};
use crate::model::request::{RequestBody, Status};
use crate::store::requests::{self, RequestRow};

/// Which requests to list.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    status: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Why a request is declined.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(super) struct Decline {
    /// For the asker and the journal.
    comment: Option<String>,
}

/// Requests, newest first.
#[utoipa::path(get, path = "/api/directory/v1/requests", tag = "requests",
    params(("status" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200)))]
pub(super) async fn list(
    _: Allowed<View>,
    State(central): State<Central>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<RequestRow>>, Problem> {
    let status = match wanted.status.as_deref().map(Status::from_word) {
        None => None,
        Some(Some(status)) => Some(status),
        Some(None) => return Err(Problem::new(INVALID).fault("status", "is not a state of a request")),
    };
    let page = PageRequest { limit: wanted.limit, after: wanted.after };
    let (before, limit) = (page_key(page.after.as_deref(), i64::MAX)?, page.limit() + 1);
    let found = central.store.read(move |tx| requests::list(tx, status, before, limit).map_err(ActError::from));
    Ok(Json(Page::from_overfetch(found.await?, &page, |row| row.id.to_string())))
}

/// One request.
#[utoipa::path(get, path = "/api/directory/v1/requests/{id}", tag = "requests",
    responses((status = 200, body = RequestRow), (status = 404)))]
pub(super) async fn show(
    Allowed(permit): Allowed<View>,
    State(central): State<Central>,
    At(id): At<i64>,
) -> Result<Json<RequestRow>, Problem> {
    Ok(Json(central.request(&permit, id).await?))
}

/// Enters a request for a gateway.
#[utoipa::path(post, path = "/api/directory/v1/requests", tag = "requests", request_body = Object,
    responses((status = 201, body = RequestRow), (status = 409)))]
pub(super) async fn enter(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    Body(body): Body<RequestBody>,
) -> Result<(StatusCode, Json<RequestRow>), Problem> {
    Ok((StatusCode::CREATED, Json(central.enter_request(&permit, body).await?)))
}

/// Approves and carries out.
#[utoipa::path(post, path = "/api/directory/v1/requests/{id}/approve", tag = "requests",
    responses((status = 200, body = RequestRow), (status = 404), (status = 409)))]
pub(super) async fn approve(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<i64>,
) -> Result<Json<RequestRow>, Problem> {
    Ok(Json(central.approve_request(&permit, id).await?))
}

/// Declines.
#[utoipa::path(post, path = "/api/directory/v1/requests/{id}/decline", tag = "requests", request_body = Decline,
    responses((status = 200, body = RequestRow), (status = 404), (status = 409)))]
pub(super) async fn decline(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<i64>,
    Body(why): Body<Decline>,
) -> Result<Json<RequestRow>, Problem> {
    Ok(Json(central.decline_request(&permit, id, why.comment).await?))
}

/// Takes back.
#[utoipa::path(post, path = "/api/directory/v1/requests/{id}/revoke", tag = "requests",
    responses((status = 200, body = RequestRow), (status = 404), (status = 409)))]
pub(super) async fn revoke(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<i64>,
) -> Result<Json<RequestRow>, Problem> {
    Ok(Json(central.revoke_request(&permit, id).await?))
}
