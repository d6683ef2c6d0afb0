//! What the API shows of things: the JSON shapes, frozen per version of the API.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ETAG, HeaderName, LOCATION};
use jiff::Timestamp;
use kit::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::etag;
use crate::model::access::Endpoint;
use crate::store::api_key::ApiKeyRow;
use crate::store::audit::AuditRow;
use crate::store::client::ClientRow;
use crate::store::group::GroupRow;
use crate::store::right::{HeldRow, HolderRow};
use crate::store::service::{EndpointRow, ServiceRow};

/// A stored time as RFC 3339 in UTC.
pub(super) fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).unwrap_or_default().to_string()
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// The items.
    items: Vec<T>,
    /// Pass as `after` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of rows as the caller sees them.
pub(super) fn listing<R, T: From<R>>(page: Page<R>) -> Json<Listing<T>> {
    Json(Listing { items: page.items.into_iter().map(T::from).collect(), next: page.next })
}

/// A thing with its version as entity tag.
pub(super) struct Tagged<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(ETAG, etag(self.0))], Json(self.1)).into_response()
    }
}

/// Something just made, and where it is found.
pub(super) fn created(path: &str, body: impl IntoResponse) -> Response {
    let location: [(HeaderName, String); 1] = [(LOCATION, format!("/api/exchange/v1/{path}"))];
    (StatusCode::CREATED, location, body).into_response()
}

/// A client of the gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct ClientView {
    /// `INST:CLASS:CODE[:SUBSYSTEM]`, parts percent-encoded.
    pub id: String,
    /// `saved`, `registration_in_progress`, `registered`, …
    pub status: String,
    /// `NOSSL`, `SSLNOAUTH` or `SSLAUTH`.
    pub connection_type: String,
    /// Version, also in `ETag`.
    pub version: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

impl From<ClientRow> for ClientView {
    fn from(row: ClientRow) -> Self {
        Self {
            id: row.id.colon(),
            status: row.status.to_string(),
            connection_type: row.connection_type.as_str().to_owned(),
            version: row.version,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        }
    }
}

/// A service.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceView {
    /// Service code.
    pub code: String,
    /// SOAP version; empty for all others.
    pub service_version: String,
    /// `REST`, `OPENAPI3` or `WSDL`.
    pub kind: String,
    /// Where it is called.
    pub base_url: String,
    /// Where its description can be read.
    pub description_url: Option<String>,
    /// Seconds it has for its answer.
    pub timeout_seconds: u32,
    /// Whether its certificate must be one uploaded for the client.
    pub verify_tls: bool,
    /// Whether it is open to callers that hold a right.
    pub enabled: bool,
    /// What callers are told while it is disabled.
    pub notice: Option<String>,
    /// Version, also in `ETag`.
    pub version: i64,
    /// RFC 3339.
    pub updated_at: String,
}

impl From<ServiceRow> for ServiceView {
    fn from(row: ServiceRow) -> Self {
        Self {
            code: row.code,
            service_version: row.service_version,
            kind: row.kind.as_str().to_owned(),
            base_url: row.base_url,
            description_url: row.description_url,
            timeout_seconds: row.timeout_seconds,
            verify_tls: row.verify_tls,
            enabled: row.disabled.is_none(),
            notice: row.disabled,
            version: row.version,
            updated_at: time(row.updated_at),
        }
    }
}

/// An endpoint of a service.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointView {
    /// Number by which rights refer to it.
    pub id: i64,
    /// Upper-case method or `*`.
    pub method: String,
    /// Path pattern: `*` within a segment, `**` across.
    pub path: String,
    /// Made from the service description.
    pub generated: bool,
}

impl From<EndpointRow> for EndpointView {
    fn from(row: EndpointRow) -> Self {
        Self { id: row.id, method: row.method, path: row.path, generated: row.generated }
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            method: endpoint.method.to_string(),
            path: endpoint.path.to_string(),
            generated: endpoint.generated,
        }
    }
}

/// Who holds a right on a service.
#[derive(Serialize, ToSchema)]
pub(super) struct HolderView {
    /// Number of the endpoint.
    pub endpoint: i64,
    /// `client:…`, `local-group:…` or `global-group:…`.
    pub subject: String,
    /// RFC 3339.
    pub granted_at: String,
}

impl From<HolderRow> for HolderView {
    fn from(row: HolderRow) -> Self {
        Self { endpoint: row.endpoint, subject: row.subject.key(), granted_at: time(row.granted_at) }
    }
}

/// What a subject holds a right on.
#[derive(Serialize, ToSchema)]
pub(super) struct HeldView {
    /// Provider of the service.
    pub provider: String,
    /// Service code.
    pub code: String,
    /// Number of the endpoint.
    pub endpoint: i64,
    /// Method of the endpoint.
    pub method: String,
    /// Path pattern of the endpoint.
    pub path: String,
    /// RFC 3339.
    pub granted_at: String,
}

impl From<HeldRow> for HeldView {
    fn from(row: HeldRow) -> Self {
        Self {
            provider: row.provider.colon(),
            code: row.code,
            endpoint: row.endpoint,
            method: row.method,
            path: row.path,
            granted_at: time(row.granted_at),
        }
    }
}

/// A local group.
#[derive(Serialize, ToSchema)]
pub(super) struct GroupView {
    /// Group code.
    pub code: String,
    /// What it is for.
    pub description: String,
    /// Version, also in `ETag`.
    pub version: i64,
    /// RFC 3339.
    pub updated_at: String,
}

impl From<GroupRow> for GroupView {
    fn from(row: GroupRow) -> Self {
        Self { code: row.code, description: row.description, version: row.version, updated_at: time(row.updated_at) }
    }
}

/// An API key, without the key.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiKeyView {
    /// Identifier.
    pub id: String,
    /// Who or what uses it.
    pub name: String,
    /// What its holder may do.
    pub roles: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; never when absent.
    pub expires_at: Option<String>,
    /// RFC 3339, within a minute.
    pub last_used_at: Option<String>,
    /// RFC 3339.
    pub revoked_at: Option<String>,
}

impl From<ApiKeyRow> for ApiKeyView {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            roles: row.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            created_at: time(row.created_at),
            expires_at: row.expires_at.map(time),
            last_used_at: row.last_used_at.map(time),
            revoked_at: row.revoked_at.map(time),
        }
    }
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditView {
    /// Order of writing.
    pub id: i64,
    /// RFC 3339.
    pub at: String,
    /// What was done; ends in ` failed` when nothing was changed.
    pub event: String,
    /// Who.
    pub user: String,
    /// How the user was recognised.
    pub auth: String,
    /// Address of the call.
    pub url: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// What it was about.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let entry = row.entry;
        Self {
            id: row.id,
            at: time(entry.at),
            event: entry.event,
            user: entry.user,
            auth: entry.auth,
            url: entry.url,
            reason: entry.reason,
            data: entry.data,
        }
    }
}
