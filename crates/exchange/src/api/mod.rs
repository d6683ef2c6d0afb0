//! The administration over HTTP: JSON under `/api/exchange/v1`, described by the OpenAPI document it serves.
//!
//! A handler reads, holds the permit that its signature asks for, calls one act or query, and answers. Routes are listed once, in
//! [`routes`]; the router, the description and the test that walks every route without permission are all made from that list.

mod api_keys;
mod audit;
mod auth;
mod certificates;
mod clients;
mod descriptions;
mod document;
mod endpoints;
mod extract;
mod fault;
mod groups;
mod rate;
mod rights;
mod server;
mod services;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::acts::Admin;
use crate::acts::permit::{
    Duty, ManageApiKeys, ManageClients, ManageConnections, ManageRights, ManageServices, ReadAudit, ReadConfiguration,
    Role,
};

use crate::model::access::GroupLookup;

pub use document::openapi;
pub use fault::{
    CENTRAL_REFUSED, CENTRAL_UNREACHABLE, Fault, METHOD_NOT_ALLOWED, PRECONDITION_REQUIRED, REFUSED, STALE,
};
pub use rate::{Limits, RateLimiter};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    admin: Admin,
    groups: Arc<dyn GroupLookup + Send + Sync>,
    limiter: Arc<RateLimiter>,
}

impl Api {
    /// The API of one gateway. `groups` are the global groups as the gateway knows them; `limits` bound the calls of one address; [`Limits::default`] are those of the protocol (§2.19).
    #[must_use]
    pub fn new(admin: Admin, groups: Arc<dyn GroupLookup + Send + Sync>, limits: Limits) -> Self {
        Self { admin, groups, limiter: Arc::new(RateLimiter::new(limits)) }
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: nothing of this gateway is told.
    Public,
    /// Holders of an API key with one of these roles.
    Roles(&'static [Role]),
}

/// One operation.
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path template.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    handler: MethodRouter<Api>,
}

fn needs<D: Duty>(method: &'static str, path: &'static str, handler: MethodRouter<Api>) -> Route {
    Route { method, path, access: Access::Roles(D::ROLES), handler }
}

/// Every operation.
#[must_use]
pub fn routes() -> Vec<Route> {
    use ReadConfiguration as Read;
    let public = Route {
        method: "GET",
        path: "/api/exchange/v1/openapi.json",
        access: Access::Public,
        handler: get(document::serve),
    };
    let mut routes = vec![
        public,
        needs::<Read>("GET", "/api/exchange/v1/server", get(server::show)),
        needs::<Read>("GET", "/api/exchange/v1/clients", get(clients::list)),
        needs::<ManageClients>("POST", "/api/exchange/v1/clients", post(clients::add)),
        needs::<Read>("GET", "/api/exchange/v1/clients/{client}", get(clients::show)),
        needs::<ManageClients>("DELETE", "/api/exchange/v1/clients/{client}", delete(clients::remove)),
        needs::<ManageClients>(
            "POST",
            "/api/exchange/v1/clients/{client}/registration-requests",
            post(clients::request_registration),
        ),
        needs::<ManageConnections>(
            "PUT",
            "/api/exchange/v1/clients/{client}/connection-type",
            put(clients::set_connection_type),
        ),
        needs::<Read>("GET", "/api/exchange/v1/clients/{client}/certificates", get(certificates::list)),
        needs::<ManageConnections>("POST", "/api/exchange/v1/clients/{client}/certificates", post(certificates::add)),
        needs::<Read>("GET", "/api/exchange/v1/clients/{client}/certificates/{sha256}", get(certificates::show)),
        needs::<ManageConnections>(
            "DELETE",
            "/api/exchange/v1/clients/{client}/certificates/{sha256}",
            delete(certificates::remove),
        ),
        needs::<ManageApiKeys>("GET", "/api/exchange/v1/api-keys", get(api_keys::list)),
        needs::<ManageApiKeys>("POST", "/api/exchange/v1/api-keys", post(api_keys::create)),
        needs::<ManageApiKeys>("DELETE", "/api/exchange/v1/api-keys/{id}", delete(api_keys::revoke)),
        needs::<ReadAudit>("GET", "/api/exchange/v1/audit", get(audit::list)),
    ];
    routes.extend(service_routes());
    routes.extend(right_routes());
    routes
}

fn service_routes() -> [Route; 13] {
    use ReadConfiguration as Read;
    const SERVICES: &str = "/api/exchange/v1/clients/{client}/services";
    const SERVICE: &str = "/api/exchange/v1/clients/{client}/services/{code}";
    const DESCRIPTION: &str = "/api/exchange/v1/clients/{client}/services/{code}/description";
    const ENDPOINTS: &str = "/api/exchange/v1/clients/{client}/services/{code}/endpoints";
    const ENDPOINT: &str = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}";
    [
        needs::<Read>("GET", SERVICES, get(services::list)),
        needs::<ManageServices>("POST", SERVICES, post(services::add)),
        needs::<ManageServices>("POST", "/api/exchange/v1/clients/{client}/descriptions", post(descriptions::add)),
        needs::<Read>("GET", SERVICE, get(services::show)),
        needs::<ManageServices>("PUT", SERVICE, put(services::edit)),
        needs::<ManageServices>("DELETE", SERVICE, delete(services::remove)),
        needs::<ManageServices>(
            "PUT",
            "/api/exchange/v1/clients/{client}/services/{code}/status",
            put(services::set_status),
        ),
        needs::<Read>("GET", DESCRIPTION, get(descriptions::show)),
        needs::<ManageServices>("PUT", DESCRIPTION, put(descriptions::refresh)),
        needs::<Read>("GET", ENDPOINTS, get(endpoints::list)),
        needs::<ManageServices>("POST", ENDPOINTS, post(endpoints::add)),
        needs::<ManageServices>("DELETE", ENDPOINT, delete(endpoints::remove)),
        needs::<Read>("GET", ENDPOINT, get(endpoints::show)),
    ]
}

fn right_routes() -> [Route; 15] {
    use ReadConfiguration as Read;
    const RIGHTS: &str = "/api/exchange/v1/clients/{client}/services/{code}/rights";
    const RIGHT: &str = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}/rights/{subject}";
    const GROUPS: &str = "/api/exchange/v1/clients/{client}/groups";
    const GROUP: &str = "/api/exchange/v1/clients/{client}/groups/{group}";
    const MEMBERS: &str = "/api/exchange/v1/clients/{client}/groups/{group}/members";
    const MEMBER: &str = "/api/exchange/v1/clients/{client}/groups/{group}/members/{member}";
    [
        needs::<Read>("GET", "/api/exchange/v1/rights", get(rights::of_subject)),
        needs::<Read>("GET", RIGHTS, get(rights::on_service)),
        needs::<ManageRights>("POST", RIGHTS, post(rights::change)),
        needs::<ManageRights>("PUT", RIGHT, put(rights::grant)),
        needs::<ManageRights>("DELETE", RIGHT, delete(rights::revoke)),
        needs::<Read>("GET", GROUPS, get(groups::list)),
        needs::<ManageRights>("POST", GROUPS, post(groups::add)),
        needs::<Read>("GET", GROUP, get(groups::show)),
        needs::<ManageRights>("PUT", GROUP, put(groups::edit)),
        needs::<ManageRights>("DELETE", GROUP, delete(groups::remove)),
        needs::<Read>("GET", MEMBERS, get(groups::members)),
        needs::<ManageRights>("POST", MEMBERS, post(groups::add_members)),
        needs::<ManageRights>("PUT", MEMBER, put(groups::add_member)),
        needs::<ManageRights>("DELETE", MEMBER, delete(groups::remove_member)),
        needs::<Read>("GET", "/api/exchange/v1/callers/{client}/endpoints", get(rights::callable)),
    ]
}

/// The router: serve it with [`axum::extract::ConnectInfo`], or all callers share one address in the eyes of the rate limit.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(|| async { fault::Fault::from(kit::problem::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { fault::Fault::from(METHOD_NOT_ALLOWED) })
        .layer(middleware::from_fn_with_state(api.clone(), rate::limit))
        .layer(middleware::from_fn(speak))
        .with_state(api)
}

/// Puts problem documents into the caller's language and keeps answers out of shared caches.
async fn speak(request: Request, next: Next) -> Response {
    let lang = extract::language(request.headers());
    let mut response = fault::translate(next.run(request).await, lang);
    let no_store = http::HeaderValue::from_static("no-store");
    response.headers_mut().entry(http::header::CACHE_CONTROL).or_insert(no_store);
    response
}
