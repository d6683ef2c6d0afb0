//! Add a service by its base address, edit, enable, disable and delete a service.

use ::store::Tx;
use directory::ClientId;
use serde_json::json;

use super::permit::{ManageServices, Permit};
use super::{ActError, Admin, Expected, check_version};
use crate::conf::service::{DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS, check_http_url};
use crate::conf::{ServiceKind, check_base_url, check_service_code};
use crate::model::access::{ANY_METHOD, ANY_PATH};
use crate::monitor::audit::Event;
use crate::store::client;
use crate::store::service::{self, ServiceRow};

/// The longest notice of a disabled service, in characters.
pub const MAX_NOTICE_CHARS: usize = 255;

/// What an administrator can set of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Address that paths are appended to.
    pub base_url: String,
    /// Where the description can be read; for OpenAPI services.
    pub description_url: Option<String>,
    /// Seconds the service has for its answer; 60 when absent.
    pub timeout_seconds: Option<u32>,
    /// Whether its certificate must be one uploaded for the provider; only for `https`.
    pub verify_tls: bool,
}

impl ServiceSettings {
    /// Writes the checked settings into `row`.
    pub(super) fn apply(&self, row: &mut ServiceRow) -> Result<(), ActError> {
        row.base_url = check_base_url(&self.base_url).map_err(|fault| ActError::invalid("/base_url", fault))?;
        if let Some(url) = &self.description_url {
            check_http_url(url).map_err(|fault| ActError::invalid("/description_url", fault))?;
        }
        row.description_url.clone_from(&self.description_url);
        row.timeout_seconds = self.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
        if !(1..=MAX_TIMEOUT_SECONDS).contains(&row.timeout_seconds) {
            return Err(ActError::invalid("/timeout_seconds", format!("from 1 to {MAX_TIMEOUT_SECONDS}")));
        }
        if self.verify_tls && !row.base_url.starts_with("https:") {
            return Err(ActError::invalid("/verify_tls", "an http address has no certificate to verify"));
        }
        row.verify_tls = self.verify_tls;
        Ok(())
    }
}

/// Adds a REST service by its base address. It starts disabled for callers in effect: nobody holds a right on it.
///
/// # Errors
/// When there is no such client, or the code or a setting is not acceptable or taken.
pub async fn add_rest_service(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    settings: ServiceSettings,
) -> Result<ServiceRow, ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code, "serviceType": "REST", "url": settings.base_url });
    admin
        .perform(permit, Event::AddServiceDescription, data, move |tx, change| {
            insert(tx, &provider, &code, ServiceKind::Rest, &settings, None, change.now)
        })
        .await
}

/// Stores a new service with its base endpoint.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    provider: &ClientId,
    code: &str,
    kind: ServiceKind,
    settings: &ServiceSettings,
    description: Option<&str>,
    now: i64,
) -> Result<ServiceRow, ActError> {
    client::find(tx, provider)?.ok_or(ActError::NotFound("client"))?;
    if provider.subsystem.is_none() {
        return Err(ActError::Refused("services belong to subsystems, not to members"));
    }
    check_service_code(code).map_err(|fault| ActError::invalid("/code", fault))?;
    let mut row = ServiceRow {
        id: 0,
        client: provider.clone(),
        code: code.to_owned(),
        service_version: String::new(),
        kind,
        base_url: String::new(),
        description_url: None,
        timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        verify_tls: false,
        disabled: None,
        version: 1,
        updated_at: now,
    };
    settings.apply(&mut row)?;
    row.id = service::insert(tx, &row, description, now)?.ok_or(ActError::Exists("service"))?;
    service::insert_endpoint(tx, row.id, ANY_METHOD, ANY_PATH, false)?;
    Ok(row)
}

/// The service `code` of `provider`.
pub(super) fn find(tx: &mut Tx<'_>, provider: &ClientId, code: &str) -> Result<ServiceRow, ActError> {
    service::find(tx, provider, code)?.ok_or(ActError::NotFound("service"))
}

/// Stores a changed service and returns it with its new version.
fn save(tx: &mut Tx<'_>, row: ServiceRow, now: i64) -> Result<ServiceRow, ActError> {
    service::update(tx, &row, now)?;
    Ok(ServiceRow { version: row.version + 1, updated_at: now, ..row })
}

/// Replaces the settings of a service.
///
/// # Errors
/// When there is no such service, somebody else changed it, or a setting is not acceptable.
pub async fn edit_service(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    settings: ServiceSettings,
    expected: Expected,
) -> Result<ServiceRow, ActError> {
    let data = json!({
        "clientIdentifier": provider.colon(), "serviceCode": code, "url": settings.base_url,
        "timeout": settings.timeout_seconds, "tlsAuth": settings.verify_tls,
    });
    admin
        .perform(permit, Event::EditServiceParameters, data, move |tx, change| {
            let mut row = find(tx, &provider, &code)?;
            check_version(expected, row.version)?;
            settings.apply(&mut row)?;
            save(tx, row, change.now)
        })
        .await
}

/// Enables a service, or disables it with a notice that callers get. Doing it twice changes nothing more.
///
/// # Errors
/// When there is no such service or the notice is too long.
pub async fn set_service_enabled(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    disabled: Option<String>,
) -> Result<ServiceRow, ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code, "disabledNotice": disabled });
    let event = if disabled.is_some() { Event::DisableServiceDescription } else { Event::EnableServiceDescription };
    admin
        .perform(permit, event, data, move |tx, change| {
            let mut row = find(tx, &provider, &code)?;
            if disabled.as_ref().is_some_and(|notice| notice.chars().count() > MAX_NOTICE_CHARS) {
                return Err(ActError::invalid("/notice", format!("longer than {MAX_NOTICE_CHARS} characters")));
            }
            row.disabled.clone_from(&disabled);
            save(tx, row, change.now)
        })
        .await
}

/// Deletes a service with its endpoints and the rights on them.
///
/// # Errors
/// When there is no such service or somebody else changed it.
pub async fn delete_service(
    admin: &Admin,
    permit: &Permit<ManageServices>,
    provider: ClientId,
    code: String,
    expected: Expected,
) -> Result<(), ActError> {
    let data = json!({ "clientIdentifier": provider.colon(), "serviceCode": code });
    admin
        .perform(permit, Event::DeleteServiceDescription, data, move |tx, _| {
            let row = find(tx, &provider, &code)?;
            check_version(expected, row.version)?;
            Ok(service::delete(tx, row.id)?)
        })
        .await
}
