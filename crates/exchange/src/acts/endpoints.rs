//! Add and delete endpoints of a REST service by hand. Endpoints made from a description follow the description alone.

use directory::ClientId;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::permit::{ManageServices, Permit};
use super::{ActError, Admin, services};
use crate::model::access::{ANY_METHOD, ANY_PATH, Glob, METHODS};
use crate::monitor::audit::Event;
use crate::store::service::{self, EndpointRow};

/// The most endpoints one service may have.
pub const MAX_ENDPOINTS: usize = 5000;

/// Adds an endpoint.
///
/// # Errors
/// When there is no such service, it speaks SOAP, the method or pattern is not acceptable, or the endpoint exists.
pub async fn add_endpoint(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    method: String,
    path: String,
) -> Result<EndpointRow, ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code, "method": method, "path": path });
    admin
        .perform(permit, Event::AddEndpoint, data, move |tx, _| {
            let row = services::find(tx, &provider, &code)?;
            if !row.kind.is_rest() {
                return Err(ActError::Refused("a SOAP service has no endpoints"));
            }
            let method = check_method(&method)?;
            check_path(&path)?;
            if service::endpoints(tx, row.id)?.len() >= MAX_ENDPOINTS {
                return Err(ActError::Refused("the service has as many endpoints as it may have"));
            }
            let id = service::insert_endpoint(tx, row.id, &method, &path, false)?;
            let id = id.ok_or(ActError::Exists("endpoint"))?;
            Ok(EndpointRow { id, method, path: path.clone(), generated: false })
        })
        .await
}

fn check_method(method: &str) -> Result<String, ActError> {
    let method = method.to_ascii_uppercase();
    if method == ANY_METHOD || METHODS.contains(&method.as_str()) {
        Ok(method)
    } else {
        Err(ActError::invalid("/method", format!("not `*` nor one of {}", METHODS.join(", "))))
    }
}

/// A pattern that could never match would look like a right and be none. Paths are matched decoded, without empty segments and dot
/// segments, and start with `/`.
fn check_path(path: &str) -> Result<(), ActError> {
    if !(path.starts_with('/') || path.starts_with(ANY_PATH)) {
        return Err(ActError::invalid("/path", "must start with `/` or `**`"));
    }
    if path.contains("//") || path.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err(ActError::invalid("/path", "empty, `.` and `..` segments never match"));
    }
    if path.chars().any(char::is_control) || is_escaped(path) {
        return Err(ActError::invalid("/path", "write each character itself, not percent-encoded"));
    }
    Glob::compile(path).map(drop).map_err(|fault| ActError::invalid("/path", fault))
}

fn is_escaped(path: &str) -> bool {
    percent_decode_str(path).ne(path.bytes())
}

/// Deletes an endpoint with the rights on it.
///
/// # Errors
/// When there is no such endpoint, or it is the base endpoint or made from a description.
pub async fn delete_endpoint(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    endpoint: i64,
) -> Result<(), ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code, "endpoint": endpoint });
    admin
        .perform(permit, Event::DeleteEndpoint, data, move |tx, change| {
            let row = services::find(tx, &provider, &code)?;
            let endpoints = service::endpoints(tx, row.id)?;
            let found = endpoints.iter().find(|row| row.id == endpoint).ok_or(ActError::NotFound("endpoint"))?;
            change.data["method"] = found.method.as_str().into();
            change.data["path"] = found.path.as_str().into();
            if found.method == ANY_METHOD && found.path == ANY_PATH {
                return Err(ActError::Refused("the base endpoint stands for the service itself"));
            }
            if found.generated {
                return Err(ActError::Refused("the endpoint follows the service description: change the description"));
            }
            Ok(service::delete_endpoint(tx, endpoint)?)
        })
        .await
}
