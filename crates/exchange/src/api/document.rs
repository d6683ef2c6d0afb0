//! The OpenAPI description of this API, made from its handlers.

use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{api_keys, audit, certificates, clients, descriptions, endpoints, groups, rights, server, services};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Liên Thông — administration of an exchange gateway",
        description = "Clients, services, access rights and certificates of one gateway. Errors are problem documents (RFC 9457) with a \
            stable code. Changes that could overwrite another need the ETag that was read in If-Match.",
        version = "1.0.0"
    ),
    paths(
        serve, server::show,
        clients::list, clients::add, clients::show, clients::remove, clients::request_registration,
        clients::set_connection_type,
        certificates::list, certificates::add, certificates::show, certificates::remove,
        services::list, services::add, services::show, services::edit, services::remove, services::set_status,
        descriptions::add, descriptions::show, descriptions::refresh,
        endpoints::list, endpoints::add, endpoints::show, endpoints::remove,
        rights::of_subject, rights::on_service, rights::change, rights::grant, rights::revoke, rights::callable,
        groups::list, groups::add, groups::show, groups::edit, groups::remove, groups::members, groups::add_members,
        groups::add_member, groups::remove_member,
        api_keys::list, api_keys::create, api_keys::revoke,
        audit::list,
    ),
    modifiers(&Keys)
)]
struct Described;

/// Says that every operation but the description takes an API key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
        document.security = Some(vec![SecurityRequirement::new("api_key", Vec::<String>::new())]);
    }
}

/// The description of the API.
#[must_use]
pub fn openapi() -> Document {
    Described::openapi()
}

/// This document.
#[utoipa::path(get, path = "/api/exchange/v1/openapi.json", tag = "server", security(()), responses((status = 200)))]
pub(super) async fn serve() -> Json<Document> {
    Json(openapi())
}
