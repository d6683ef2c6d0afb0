//! JSON operations of the central. Every operation needs a principal with a fitting role; only management requests, which prove
//! themselves by signatures, come without one.
//!
//! The program authenticates: it puts a [`Principal`] into the extensions of each request whose API key it knows.

mod agencies;
mod clients;
mod conf;
mod extract;
mod gateways;
mod groups;
mod instance;
mod keys;
mod management;
mod problems;
mod requests;
mod trust_services;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{delete, get, post};
use utoipa::OpenApi;

pub use crate::acts::permit::{Principal, Role};
pub use problems::{NOT_INITIALISED, REQUEST_DECIDED, REQUEST_NOT_PROVEN, TOKEN_AWAY};

use crate::acts::Central;
use crate::conf::Publisher;
use management::RateLimit;

/// Where the operations live.
pub const BASE: &str = "/api/directory/v1";
/// The most bytes of an ordinary request (§2.19).
const BODY_LIMIT: usize = 50 * 1024;
/// The most bytes of a table or anchor that is uploaded (§2.19).
const UPLOAD_LIMIT: usize = 10 * 1024 * 1024;

/// What the handlers work with.
#[derive(Clone, Debug)]
struct ApiState {
    central: Central,
    publisher: Arc<Publisher>,
    limit: Arc<RateLimit>,
}

impl FromRef<ApiState> for Central {
    fn from_ref(state: &ApiState) -> Self {
        state.central.clone()
    }
}

impl FromRef<ApiState> for Arc<Publisher> {
    fn from_ref(state: &ApiState) -> Self {
        state.publisher.clone()
    }
}

impl FromRef<ApiState> for Arc<RateLimit> {
    fn from_ref(state: &ApiState) -> Self {
        state.limit.clone()
    }
}

/// Every operation of the directory.
pub fn router(central: Central, publisher: Arc<Publisher>) -> Router {
    let state = ApiState { central, publisher, limit: Arc::default() };
    let uploads = Router::new()
        .route("/agencies/import", post(agencies::import))
        .route("/trusted-anchors", post(keys::add_trusted_anchor))
        .layer(DefaultBodyLimit::max(UPLOAD_LIMIT));
    let operations = registry_routes().merge(trust_routes()).layer(DefaultBodyLimit::max(BODY_LIMIT)).merge(uploads);
    Router::new()
        .nest(BASE, operations)
        .route("/management/requests", post(management::submit).layer(DefaultBodyLimit::max(BODY_LIMIT)))
        .with_state(state)
}

fn registry_routes() -> Router<ApiState> {
    Router::new()
        .route("/settings", get(instance::settings).post(instance::initialise).put(instance::change))
        .route("/member-classes", get(instance::classes))
        .route("/member-classes/{code}", axum::routing::put(instance::put_class).delete(instance::delete_class))
        .route("/members", get(clients::list).post(clients::add_member))
        .route("/members/{id}", get(clients::show).patch(clients::rename).delete(clients::remove))
        .route("/subsystems", post(clients::add_subsystem))
        .route("/subsystems/{id}", axum::routing::patch(clients::rename).delete(clients::remove))
        .route("/gateways", get(gateways::list))
        .route("/gateways/{id}", get(gateways::show).patch(gateways::edit).delete(gateways::remove))
        .route("/gateways/{id}/auth-certs/{sha256}", delete(gateways::remove_cert))
        .route("/gateways/{id}/clients/{client}", delete(gateways::unregister))
        .route("/groups", get(groups::list).post(groups::add))
        .route("/groups/{code}", axum::routing::patch(groups::describe).delete(groups::remove))
        .route("/groups/{code}/members", get(groups::members).post(groups::add_members))
        .route("/groups/{code}/members/{client}", delete(groups::remove_member))
        .route("/requests", get(requests::list).post(requests::enter))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/approve", post(requests::approve))
        .route("/requests/{id}/decline", post(requests::decline))
        .route("/requests/{id}/revoke", post(requests::revoke))
        .route("/agencies", get(agencies::search))
        .route("/agencies/{code}", get(agencies::resolve))
}

fn trust_routes() -> Router<ApiState> {
    Router::new()
        .route("/certification-services", get(trust_services::list_cas).post(trust_services::add_ca))
        .route(
            "/certification-services/{id}",
            axum::routing::put(trust_services::edit_ca).delete(trust_services::remove_ca),
        )
        .route("/timestamping-services", get(trust_services::list_tsas).post(trust_services::add_tsa))
        .route(
            "/timestamping-services/{id}",
            axum::routing::put(trust_services::edit_tsa).delete(trust_services::remove_tsa),
        )
        .route("/signing-keys", get(keys::list).post(keys::generate))
        .route("/signing-keys/{id}", delete(keys::remove))
        .route("/signing-keys/{id}/activate", post(keys::activate))
        .route("/anchors/{audience}", get(keys::anchor))
        .route("/trusted-anchors/{instance}", delete(keys::delete_trusted_anchor))
        .route("/configuration/status", get(conf::status))
        .route("/audit", get(conf::audit))
}

/// The description of every operation, for OpenAPI.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    agencies::import,
    agencies::resolve,
    agencies::search,
    clients::add_member,
    clients::add_subsystem,
    clients::list,
    clients::remove,
    clients::rename,
    clients::show,
    conf::audit,
    conf::status,
    gateways::edit,
    gateways::list,
    gateways::remove,
    gateways::remove_cert,
    gateways::show,
    gateways::unregister,
    groups::add,
    groups::add_members,
    groups::describe,
    groups::list,
    groups::members,
    groups::remove,
    groups::remove_member,
    instance::change,
    instance::classes,
    instance::delete_class,
    instance::initialise,
    instance::put_class,
    instance::settings,
    keys::activate,
    keys::add_trusted_anchor,
    keys::anchor,
    keys::delete_trusted_anchor,
    keys::generate,
    keys::list,
    keys::remove,
    management::submit,
    requests::approve,
    requests::decline,
    requests::enter,
    requests::list,
    requests::revoke,
    requests::show,
    trust_services::add_ca,
    trust_services::add_tsa,
    trust_services::edit_ca,
    trust_services::edit_tsa,
    trust_services::list_cas,
    trust_services::list_tsas,
    trust_services::remove_ca,
    trust_services::remove_tsa,
))]
pub struct Description;
