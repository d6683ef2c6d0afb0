//! Add a service by its OpenAPI description, and read a changed description (exchange-protocol §2.14).

use std::collections::HashMap;

use ::store::Tx;
use directory::ClientId;
use serde_json::json;

use super::permit::{ManageServices, Permit};
use super::services::{self, ServiceSettings};
use super::{ActError, Admin, Expected, check_version};
use crate::conf::ServiceKind;
use crate::model::access::{ANY_METHOD, ANY_PATH};
use crate::model::openapi::{self, Description, Diff, Operation};
use crate::monitor::audit::Event;
use crate::store::service::{self, EndpointRow, ServiceRow};

/// What an import or refresh brought.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The service as it now is.
    pub service: ServiceRow,
    /// How its generated endpoints changed.
    pub diff: Diff,
    /// Operations that cannot be told from one before them.
    pub duplicates: Vec<Operation>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// A service to add by its description.
#[derive(Clone, Debug)]
pub struct OpenApiService {
    /// The provider.
    pub provider: ClientId,
    /// Service code.
    pub code: String,
    /// The description.
    pub text: String,
    /// Address that paths are appended to; the description's first server when absent.
    pub base_url: Option<String>,
    /// Where the description can be read.
    pub description_url: Option<String>,
}

/// Adds an OpenAPI service with an endpoint for each operation.
///
/// # Errors
/// When there is no such client, the description or a setting is not acceptable, or the code is taken.
pub async fn add_openapi_service(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    new: OpenApiService,
) -> Result<Imported, ActError> {
    let data = json!({
        "clientIdentifier": new.provider.colon(), "serviceCode": new.code, "serviceType": "OPENAPI3", "url": new.base_url,
    });
    let parsed = openapi::parse(&new.text);
    admin
        .perform(permit, Event::AddServiceDescription, data, move |tx, change| {
            let description = usable(&parsed)?;
            let base_url = new.base_url.clone().or_else(|| description.server_url.clone());
            let base_url = base_url.ok_or_else(|| {
                ActError::invalid("/base_url", "needed, because the description names no absolute server address")
            })?;
            let settings = ServiceSettings {
                base_url,
                description_url: new.description_url.clone(),
                timeout_seconds: None,
                verify_tls: false,
            };
            let kind = ServiceKind::OpenApi;
            let row = services::insert(tx, &new.provider, &new.code, kind, &settings, Some(&new.text), change.now)?;
            change.data["url"] = row.base_url.as_str().into();
            let diff = apply(tx, row.id, &description.operations)?;
            Ok(imported(row, diff, description))
        })
        .await
}

/// Whether a refresh only tells what it would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Show the difference, change nothing.
    Preview,
    /// Take the new description over.
    Apply,
}

/// Replaces the description of an OpenAPI service: endpoints in both keep their rights, those that vanished go with theirs.
///
/// # Errors
/// When there is no such service, it has no OpenAPI description, somebody else changed it, or the text is not acceptable.
pub async fn refresh_description(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    text: String,
    (mode, expected): (Refresh, Expected),
) -> Result<Imported, ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code });
    let parsed = openapi::parse(&text);
    let find = move |tx: &mut Tx<'_>| {
        let row = services::find(tx, &provider, &code)?;
        if row.kind != ServiceKind::OpenApi {
            return Err(ActError::Refused("the service has no OpenAPI description"));
        }
        check_version(expected, row.version)?;
        Ok(row)
    };
    if mode == Refresh::Preview {
        return admin
            .store()
            .read(move |tx| {
                let (row, description) = (find(tx)?, usable(&parsed)?);
                let diff = openapi::diff(&generated(&service::endpoints(tx, row.id)?), &description.operations);
                Ok(imported(row, diff, description))
            })
            .await;
    }
    admin
        .perform(permit, Event::RefreshServiceDescription, data, move |tx, change| {
            let (mut row, description) = (find(tx)?, usable(&parsed)?);
            let diff = apply(tx, row.id, &description.operations)?;
            service::set_description(tx, row.id, &text)?;
            service::update(tx, &row, change.now)?;
            (row.version, row.updated_at) = (row.version + 1, change.now);
            change.data["servicesAdded"] = texts(&diff.added);
            change.data["servicesDeleted"] = texts(&diff.removed);
            Ok(imported(row, diff, description))
        })
        .await
}

fn usable(parsed: &Result<Description, openapi::OpenApiError>) -> Result<&Description, ActError> {
    parsed.as_ref().map_err(|fault| ActError::invalid("", fault))
}

fn imported(service: ServiceRow, diff: Diff, description: &Description) -> Imported {
    Imported { service, diff, duplicates: description.duplicates.clone(), warnings: description.warnings.clone() }
}

fn texts(operations: &[Operation]) -> serde_json::Value {
    operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect()
}

fn operation(row: &EndpointRow) -> Operation {
    Operation { method: row.method.clone(), path: row.path.clone() }
}

fn generated(rows: &[EndpointRow]) -> Vec<Operation> {
    rows.iter().filter(|row| row.generated).map(operation).collect()
}

/// Brings the generated endpoints of a service in line with the operations. An endpoint that was added by hand and is now described
/// becomes a generated one and keeps its rights; one that vanished from the description is deleted.
fn apply(tx: &mut Tx<'_>, service: i64, operations: &[Operation]) -> Result<Diff, ActError> {
    let rows = service::endpoints(tx, service)?;
    let diff = openapi::diff(&generated(&rows), operations);
    let by_operation: HashMap<Operation, i64> = rows.iter().map(|row| (operation(row), row.id)).collect();
    for removed in &diff.removed {
        if let Some(id) = by_operation.get(removed) {
            service::delete_endpoint(tx, *id)?;
        }
    }
    for added in &diff.added {
        match by_operation.get(added) {
            // The base endpoint stays what it is even when a description names it.
            Some(_) if added.method == ANY_METHOD && added.path == ANY_PATH => {}
            Some(id) => service::set_generated(tx, *id, true)?,
            None => drop(service::insert_endpoint(tx, service, &added.method, &added.path, true)?),
        }
    }
    Ok(diff)
}
