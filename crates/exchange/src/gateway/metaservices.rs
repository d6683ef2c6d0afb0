//! Questions the gateway answers itself (exchange-protocol §2.3): which services a provider has, which of them the caller may use, and
//! how one is described. They bypass access rights but are signed and logged like every message.

use bytes::Bytes;
use directory::ClientId;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::Gateway;
use super::failure::Failure;
use super::services::ServiceAnswer;
use super::world::View;
use crate::conf::{Service, ServiceKind};
use crate::model::access::Endpoint;
use crate::model::error::Code;
use crate::model::header_part::sha512;
use crate::model::rest::Target;
use crate::model::servers;
use crate::wire::payload::Payload;

/// What replaces the host of a service in its published description.
const ANONYMOUS: &str = "http://example.org/xroad-endpoint";
/// Largest description that is fetched, bytes.
const MAX_DESCRIPTION: u64 = 10 * 1024 * 1024;

/// Whether a service code names a metaservice of the REST protocol.
#[must_use]
pub fn is_metaservice(code: &str) -> bool {
    matches!(code, "listMethods" | "allowedMethods" | "getOpenAPI")
}

/// Answers a metaservice call of `caller`.
///
/// # Errors
/// When a description is asked for that does not exist or cannot be fetched.
pub async fn answer(
    gateway: &Gateway,
    view: &View,
    caller: &ClientId,
    target: &Target<'_>,
) -> Result<ServiceAnswer, Failure> {
    let provider = &target.service.provider;
    let services = gateway.conf.current().services_of(provider);
    let rest = services.iter().filter(|service| service.kind.is_rest());
    match &*target.service.code {
        "listMethods" => Ok(list(rest.map(|service| describe(service, service.endpoints.iter().map(AsRef::as_ref))))),
        "allowedMethods" => Ok(list(rest.filter_map(|service| {
            let allowed = service.rights.allowed(caller, view);
            if allowed.is_empty() { None } else { Some(describe(service, allowed.iter().map(AsRef::as_ref))) }
        }))),
        _ => description(gateway, target).await,
    }
}

fn list(services: impl Iterator<Item = Value>) -> ServiceAnswer {
    let body = json!({ "service": services.collect::<Vec<_>>() }).to_string();
    memory_answer("application/json;charset=utf-8", body.into())
}

/// One entry of a list; base endpoints are not listed, as they stand for the service itself.
fn describe<'a>(service: &Service, endpoints: impl Iterator<Item = &'a Endpoint>) -> Value {
    let id = &service.id;
    let endpoints: Vec<Value> = endpoints
        .filter(|endpoint| !endpoint.is_base())
        .map(|endpoint| json!({ "method": &*endpoint.method, "path": &*endpoint.path }))
        .collect();
    json!({
        "xroad_instance": &*id.provider.instance,
        "member_class": &*id.provider.class,
        "member_code": &*id.provider.member,
        "subsystem_code": id.provider.subsystem.as_deref(),
        "service_code": &*id.code,
        "object_type": "SERVICE",
        "service_type": match service.kind { ServiceKind::OpenApi => "OPENAPI", _ => "REST" },
        "endpoint_list": endpoints,
    })
}

async fn description(gateway: &Gateway, target: &Target<'_>) -> Result<ServiceAnswer, Failure> {
    let code = query_value(target.query, "serviceCode")
        .ok_or_else(|| Failure::client(Code::BadRequest, "The parameter serviceCode is missing"))?;
    let conf = gateway.conf.current();
    let service = conf
        .service(&target.service.provider, &code)
        .ok_or_else(|| Failure::provider(Code::UnknownService, format_args!("Could not find service: {code}")))?;
    let url = match (service.kind, &service.description_url) {
        (ServiceKind::OpenApi, Some(url)) => url,
        (kind, _) => {
            let message = format_args!("Invalid service type: {}", kind.as_str());
            return Err(Failure::provider(Code::InternalError, message));
        }
    };
    let failed = |reason: &dyn std::fmt::Display| {
        let message = format_args!("Failed reading service description from {url}: {reason}");
        Failure::provider(Code::InternalError, message)
    };
    let fetched = gateway
        .services
        .fetch(service, url, &gateway.spool)
        .await
        .map_err(|failure| failed(&failure.into_fault(gateway.settings.dialect).message))?;
    if !fetched.status.is_success() {
        return Err(failed(&fetched.status));
    }
    if fetched.payload.length() > MAX_DESCRIPTION {
        return Err(failed(&"the description is too large"));
    }
    let bytes = fetched.payload.to_bytes().map_err(|error| failed(&error))?;
    let kind = fetched.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json").to_owned();
    let hidden = servers::replaced(&bytes, ANONYMOUS).map_err(|error| failed(&error))?;
    Ok(memory_answer(&kind, hidden.into()))
}

fn memory_answer(kind: &str, bytes: Bytes) -> ServiceAnswer {
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    let digest = sha512(&bytes);
    ServiceAnswer {
        status: StatusCode::OK,
        reason: Bytes::from_static(b"OK"),
        headers,
        payload: Payload::Memory { bytes, digest },
    }
}

/// The first value of a query parameter, percent-decoded.
#[must_use]
pub fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| {
            let value = value.replace('+', " ");
            percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned()
        })
    })
}
