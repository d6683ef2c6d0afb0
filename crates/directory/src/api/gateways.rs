//! Gateways.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kit::{Page, PageRequest, Problem};
use serde::{Deserialize, Serialize};

use super::extract::{Allowed, Asked, At, Body, page_key};
use crate::acts::permit::{Register, View};
use crate::acts::{ActError, Central};
use crate::model::id::{ClientId, ServerId};
use crate::store::instance;
use crate::store::registry::{self, GatewayRow};

/// A gateway as shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct GatewayView {
    /// Identifier, colon-joined.
    #[schema(value_type = String)]
    id: ServerId,
    /// Address.
    address: Option<String>,
    /// Set while under maintenance; the text may be empty.
    maintenance: Option<String>,
    #[serde(skip)]
    number: i64,
}

/// A gateway with everything registered for it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct GatewayDetail {
    /// The gateway.
    #[serde(flatten)]
    gateway: GatewayView,
    /// SHA-256 of its authentication certificates, hexadecimal.
    auth_certs: Vec<String>,
    /// Its clients.
    clients: Vec<RegistrationView>,
}

/// A client of a gateway.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct RegistrationView {
    /// The client, colon-joined.
    #[schema(value_type = String)]
    id: ClientId,
    /// Whether it takes part at present.
    enabled: bool,
}

/// A new address.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewAddress {
    /// Host name or IP address.
    address: String,
}

fn view(instance: &str, row: &GatewayRow) -> GatewayView {
    GatewayView {
        id: row.server_id(instance),
        address: row.address.clone(),
        maintenance: row.maintenance.clone(),
        number: row.id,
    }
}

/// Gateways, in the order they were added.
#[utoipa::path(get, path = "/api/directory/v1/gateways", tag = "gateways",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)), responses((status = 200)))]
pub(super) async fn list(
    _: Allowed<View>,
    State(central): State<Central>,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Page<GatewayView>>, Problem> {
    let (after, limit) = (page_key(page.after.as_deref(), 0)?, page.limit() + 1);
    let found = central.store.read(move |tx| {
        let (settings, _) = instance::load(tx)?.ok_or(ActError::NotInitialised)?;
        let rows = registry::gateways(tx, after, limit)?;
        Ok::<_, ActError>(rows.iter().map(|row| view(&settings.instance, row)).collect())
    });
    let rows: Vec<GatewayView> = found.await?;
    Ok(Json(Page::from_overfetch(rows, &page, |row| row.number.to_string())))
}

/// One gateway with its certificates and clients.
#[utoipa::path(get, path = "/api/directory/v1/gateways/{id}", tag = "gateways",
    responses((status = 200, body = GatewayDetail), (status = 404)))]
pub(super) async fn show(
    _: Allowed<View>,
    State(central): State<Central>,
    At(id): At<ServerId>,
) -> Result<Json<GatewayDetail>, Problem> {
    let found = central.store.read(move |tx| {
        let row = registry::find_gateway(tx, &id)?.ok_or_else(|| ActError::not_found("gateway", id.colon()))?;
        let clients = registry::registrations(tx, row.id)?;
        let instance = &id.owner.instance;
        Ok::<_, ActError>(GatewayDetail {
            auth_certs: registry::certs(tx, row.id)?.iter().map(|cert| cert.sha256_hex()).collect(),
            clients: clients
                .iter()
                .map(|(client, enabled)| RegistrationView { id: client.client_id(instance), enabled: *enabled })
                .collect(),
            gateway: view(instance, &row),
        })
    });
    Ok(Json(found.await?))
}

/// Changes the address.
#[utoipa::path(patch, path = "/api/directory/v1/gateways/{id}", tag = "gateways", request_body = NewAddress,
    responses((status = 204), (status = 400), (status = 404)))]
pub(super) async fn edit(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<ServerId>,
    Body(new): Body<NewAddress>,
) -> Result<StatusCode, Problem> {
    central.edit_gateway_address(&permit, id, new.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a gateway.
#[utoipa::path(delete, path = "/api/directory/v1/gateways/{id}", tag = "gateways", responses((status = 204), (status = 404)))]
pub(super) async fn remove(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At(id): At<ServerId>,
) -> Result<StatusCode, Problem> {
    central.delete_gateway(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an authentication certificate.
#[utoipa::path(delete, path = "/api/directory/v1/gateways/{id}/auth-certs/{sha256}", tag = "gateways",
    responses((status = 204), (status = 404)))]
pub(super) async fn remove_cert(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At((id, sha256)): At<(ServerId, String)>,
) -> Result<StatusCode, Problem> {
    central.delete_auth_cert(&permit, id, sha256).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a client off a gateway.
#[utoipa::path(delete, path = "/api/directory/v1/gateways/{id}/clients/{client}", tag = "gateways",
    responses((status = 204), (status = 404)))]
pub(super) async fn unregister(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    At((id, client)): At<(ServerId, ClientId)>,
) -> Result<StatusCode, Problem> {
    central.unregister_client(&permit, id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}
