//! Clients, services and rights of a gateway.

use directory::ClientId;
use exchange::acts::descriptions::{Imported, OpenApiService, add_openapi_service};
use exchange::acts::endpoints::add_endpoint;
use exchange::acts::registration::{RequestKind, request_registration};
use exchange::acts::rights::{self, RightChange};
use exchange::acts::services::{ServiceSettings, add_rest_service};
use exchange::acts::{Admin, clients};
use exchange::conf::{ClientStatus, ConnectionType};

use super::gateway_permit;
use crate::out::trouble;

/// Adds a client.
///
/// # Errors
/// When it exists or belongs to another instance.
pub async fn add_client(admin: &Admin, id: &ClientId, connection: ConnectionType) -> anyhow::Result<()> {
    clients::add_client(admin, &gateway_permit()?, id.clone(), connection).await?;
    Ok(())
}

/// Asks the central to register a client; where the client stands now.
///
/// # Errors
/// When the central does not take the request.
pub async fn register_client(admin: &Admin, id: &ClientId, name: Option<&str>) -> anyhow::Result<ClientStatus> {
    let name = name.map(str::to_owned);
    let row = request_registration(admin, &gateway_permit()?, RequestKind::Register, id.clone(), name).await?;
    Ok(row.status)
}

/// Adds a service by its base address; the address as it is kept.
///
/// # Errors
/// When the client is unknown, or the code or address is not acceptable.
pub async fn add_rest(admin: &Admin, provider: &ClientId, code: &str, base_url: &str) -> anyhow::Result<String> {
    let settings = ServiceSettings {
        base_url: base_url.to_owned(),
        description_url: None,
        timeout_seconds: None,
        verify_tls: false,
    };
    Ok(add_rest_service(admin, &gateway_permit()?, provider.clone(), code.to_owned(), settings).await?.base_url)
}

/// Adds a service by its OpenAPI description, read from `url` (or a file).
///
/// # Errors
/// When the description cannot be read or is not acceptable.
pub async fn add_openapi(
    admin: &Admin,
    provider: &ClientId,
    code: &str,
    url: &str,
    base_url: Option<&str>,
) -> anyhow::Result<Imported> {
    let text = String::from_utf8_lossy(&crate::http::fetch(url).await?).into_owned();
    let new = OpenApiService {
        provider: provider.clone(),
        code: code.to_owned(),
        text,
        base_url: base_url.map(str::to_owned),
        description_url: url.starts_with("http").then(|| url.to_owned()),
    };
    Ok(add_openapi_service(admin, &gateway_permit()?, new).await?)
}

/// The written form of a subject given as `VN:GOV:H26:motcua`, `group:CODE` of this client, or `global:CODE`.
///
/// # Errors
/// When it is none of these.
pub fn subject(text: &str, instance: &str) -> anyhow::Result<String> {
    if let Some(code) = text.strip_prefix("global:") {
        return Ok(format!("global-group:{instance}:{code}"));
    }
    if let Some(code) = text.strip_prefix("group:") {
        return Ok(format!("local-group:{code}"));
    }
    Ok(format!("client:{}", client(text)?.colon()))
}

/// Reads a client identifier.
///
/// # Errors
/// With the form it should have.
pub fn client(text: &str) -> anyhow::Result<ClientId> {
    let read = if text.contains('/') { ClientId::from_encoded(text) } else { ClientId::from_colon(text) };
    read.map_err(|error| {
        let trouble = trouble!(
            "`{text}` không phải là mã định danh; mẫu: VN:GOV:H26:motcua",
            "`{text}` is not an identifier; it looks like VN:GOV:H26:motcua"
        );
        anyhow::Error::new(error).context(trouble.code(2))
    })
}

/// Grants a right on a service, or on one endpoint of it that is made when it is not there. Whether it was not held before.
///
/// # Errors
/// When there is no such service, or method and path are not acceptable.
pub async fn grant(
    admin: &Admin,
    provider: &ClientId,
    code: &str,
    subject: &str,
    endpoint: Option<(&str, &str)>,
) -> anyhow::Result<bool> {
    let endpoint = match endpoint {
        Some(wanted) => Some(find_or_add_endpoint(admin, provider, code, wanted).await?),
        None => None,
    };
    let changes = vec![RightChange { subject: subject.parse()?, endpoint }];
    Ok(rights::grant(admin, &gateway_permit()?, provider.clone(), code.to_owned(), changes).await? > 0)
}

async fn find_or_add_endpoint(
    admin: &Admin,
    provider: &ClientId,
    code: &str,
    (method, path): (&str, &str),
) -> anyhow::Result<i64> {
    let conf = admin.conf().current();
    let endpoints = conf.service(provider, code).map(|service| &service.endpoints);
    let mut all = endpoints.into_iter().flatten();
    if let Some(known) = all.find(|known| known.method.eq_ignore_ascii_case(method) && *known.path == *path) {
        return Ok(known.id);
    }
    let permit = gateway_permit()?;
    Ok(add_endpoint(admin, &permit, provider.clone(), code.to_owned(), method.to_owned(), path.to_owned()).await?.id)
}
