//! Certification and time-stamping services.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::Problem;
use serde::Serialize;

use super::extract::{Allowed, At, Body};
use crate::acts::permit::{ManageTrust, View};
use crate::acts::{ActError, Central};
use crate::model::shared_params::{ApprovedCa, ApprovedTsa};
use crate::store::trust_services;

/// A certification service with its number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct CaView {
    /// Number.
    id: i64,
    /// The service.
    #[serde(flatten)]
    service: ApprovedCa,
}

/// A time-stamping service with its number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct TsaView {
    /// Number.
    id: i64,
    /// The service.
    #[serde(flatten)]
    service: ApprovedTsa,
}

/// The number given to something new.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Added {
    /// Number.
    id: i64,
}

/// Certification services.
#[utoipa::path(get, path = "/api/directory/v1/certification-services", tag = "trust services",
    responses((status = 200, body = Vec<CaView>)))]
pub(super) async fn list_cas(_: Allowed<View>, State(central): State<Central>) -> Result<Json<Vec<CaView>>, Problem> {
    let rows = central.store.read(|tx| trust_services::list(tx).map_err(ActError::from)).await?;
    Ok(Json(rows.into_iter().map(|(id, service)| CaView { id, service }).collect()))
}

/// Approves a certification service.
#[utoipa::path(post, path = "/api/directory/v1/certification-services", tag = "trust services", request_body = ApprovedCa,
    responses((status = 201, body = Added), (status = 400)))]
pub(super) async fn add_ca(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    Body(new): Body<ApprovedCa>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    Ok((StatusCode::CREATED, Json(Added { id: central.add_ca(&permit, new).await? })))
}

/// Changes a certification service.
#[utoipa::path(put, path = "/api/directory/v1/certification-services/{id}", tag = "trust services", request_body = ApprovedCa,
    responses((status = 204), (status = 400), (status = 404)))]
pub(super) async fn edit_ca(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<i64>,
    Body(wanted): Body<ApprovedCa>,
) -> Result<StatusCode, Problem> {
    central.edit_ca(&permit, id, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a certification service.
#[utoipa::path(delete, path = "/api/directory/v1/certification-services/{id}", tag = "trust services",
    responses((status = 204), (status = 404)))]
pub(super) async fn remove_ca(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<i64>,
) -> Result<StatusCode, Problem> {
    central.delete_ca(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Time-stamping services.
#[utoipa::path(get, path = "/api/directory/v1/timestamping-services", tag = "trust services",
    responses((status = 200, body = Vec<TsaView>)))]
pub(super) async fn list_tsas(_: Allowed<View>, State(central): State<Central>) -> Result<Json<Vec<TsaView>>, Problem> {
    let rows = central.store.read(|tx| trust_services::list(tx).map_err(ActError::from)).await?;
    Ok(Json(rows.into_iter().map(|(id, service)| TsaView { id, service }).collect()))
}

/// Approves a time-stamping service.
#[utoipa::path(post, path = "/api/directory/v1/timestamping-services", tag = "trust services", request_body = ApprovedTsa,
    responses((status = 201, body = Added), (status = 400)))]
pub(super) async fn add_tsa(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    Body(new): Body<ApprovedTsa>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    Ok((StatusCode::CREATED, Json(Added { id: central.add_tsa(&permit, new).await? })))
}

/// Changes a time-stamping service.
#[utoipa::path(put, path = "/api/directory/v1/timestamping-services/{id}", tag = "trust services", request_body = ApprovedTsa,
    responses((status = 204), (status = 400), (status = 404)))]
pub(super) async fn edit_tsa(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<i64>,
    Body(wanted): Body<ApprovedTsa>,
) -> Result<StatusCode, Problem> {
    central.edit_tsa(&permit, id, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a time-stamping service.
#[utoipa::path(delete, path = "/api/directory/v1/timestamping-services/{id}", tag = "trust services",
    responses((status = 204), (status = 404)))]
pub(super) async fn remove_tsa(
    Allowed(permit): Allowed<ManageTrust>,
    State(central): State<Central>,
    At(id): At<i64>,
) -> Result<StatusCode, Problem> {
    central.delete_tsa(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
