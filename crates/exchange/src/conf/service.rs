//! A service of a client: where it is called, who may call it, and what its code and address may look like (exchange-protocol §2.3).

use std::str::FromStr;
use std::sync::Arc;

use directory::ServiceId;
use http::Uri;

use super::client::UnknownWord;
use crate::model::access::{Endpoint, Rights};

/// Seconds a service has for its answer when nobody set another number.
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 60;
/// The longest time a service may be given, in seconds.
pub const MAX_TIMEOUT_SECONDS: u32 = 1000;
/// The longest base address, in bytes.
pub const MAX_URL_BYTES: usize = 2048;
/// Codes of the services every gateway answers itself: no client may shadow them.
pub const RESERVED_CODES: [&str; 8] = [
    "listClients",
    "listMethods",
    "allowedMethods",
    "getWsdl",
    "getOpenAPI",
    "getSecurityServerMetrics",
    "getSecurityServerOperationalData",
    "getSecurityServerHealthData",
];

/// What kind of description a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// REST, by base address alone.
    Rest,
    /// REST with an OpenAPI description.
    OpenApi,
    /// SOAP with a WSDL.
    Wsdl,
}

impl ServiceKind {
    /// The name in the API, the database and operational records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::OpenApi => "OPENAPI3",
            Self::Wsdl => "WSDL",
        }
    }

    /// The name `listMethods` gives it (§2.3), which differs for OpenAPI.
    #[must_use]
    pub fn metaservice_name(self) -> &'static str {
        match self {
            Self::OpenApi => "OPENAPI",
            other => other.as_str(),
        }
    }

    /// Whether REST messages may call it.
    #[must_use]
    pub fn is_rest(self) -> bool {
        !matches!(self, Self::Wsdl)
    }
}

impl FromStr for ServiceKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "REST" => Ok(Self::Rest),
            "OPENAPI3" => Ok(Self::OpenApi),
            "WSDL" => Ok(Self::Wsdl),
            _ => Err(UnknownWord { word: word.to_owned(), known: "REST, OPENAPI3, WSDL" }),
        }
    }
}

/// A service as the data path sees it.
#[derive(Debug)]
pub struct Service {
    /// Its identifier.
    pub id: Arc<ServiceId>,
    /// What it speaks.
    pub kind: ServiceKind,
    /// Address the path after the service code is appended to: `http` or `https`, without query and without a final `/`.
    pub base_url: String,
    /// Where its description is read from; only OpenAPI and WSDL services have one.
    pub description_url: Option<String>,
    /// Seconds it has for its answer.
    pub timeout_seconds: u32,
    /// Whether the certificate of an `https` service must be one of [`Service::is_cert_hashes`].
    pub verify_tls: bool,
    /// SHA-256 of the DER of the certificates uploaded for the provider (§2.9).
    pub is_cert_hashes: Arc<[[u8; 32]]>,
    /// The notice callers get, when it is disabled.
    pub disabled: Option<String>,
    /// Its endpoints, the base endpoint first.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Who may call it.
    pub rights: Rights,
}

/// Why a service code or address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceFault {
    /// One of [`RESERVED_CODES`].
    #[error("`{0}` is the name of a service every gateway answers itself")]
    ReservedCode(String),
    /// Empty, too long, or with a character new identifiers may not have (§2.0).
    #[error("a service code has 1 to 255 letters, digits or '()+,-.=?_")]
    MalformedCode,
    /// Not an absolute `http` or `https` address.
    #[error("the address must start with http:// or https:// and name a host")]
    NotHttp,
    /// User and password would end up in logs.
    #[error("the address must not contain a user name or password")]
    HoldsCredentials,
    /// The path of the call is appended to the address, so nothing may follow its path.
    #[error("the address must not contain a query, a fragment or a parent segment")]
    NotABase,
    /// Longer than [`MAX_URL_BYTES`].
    #[error("the address is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
}

/// Checks the code of a new service.
///
/// # Errors
/// When it is reserved or malformed.
pub fn check_service_code(code: &str) -> Result<(), ServiceFault> {
    if RESERVED_CODES.iter().any(|reserved| reserved.eq_ignore_ascii_case(code)) {
        return Err(ServiceFault::ReservedCode(code.to_owned()));
    }
    if !is_strict_code(code) {
        return Err(ServiceFault::MalformedCode);
    }
    Ok(())
}

/// Whether a new code, of whatever kind, has permitted characters only (§2.0).
#[must_use]
pub fn is_strict_code(code: &str) -> bool {
    directory::is_strict_part(code)
}

/// Checks a base address and brings it into the form in which paths are appended: no `/` at the end.
///
/// # Errors
/// When it is not an `http(s)` address that a path can be appended to.
pub fn check_base_url(url: &str) -> Result<String, ServiceFault> {
    check_http_url(url)?;
    if url.contains(['?', '#']) || crate::model::access::path::canonical(path_of(url)).is_err() {
        return Err(ServiceFault::NotABase);
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Checks an address that is only read from, such as that of a description: it may have a query.
///
/// # Errors
/// When it is not an `http(s)` address.
pub fn check_http_url(url: &str) -> Result<(), ServiceFault> {
    if url.len() > MAX_URL_BYTES {
        return Err(ServiceFault::TooLong);
    }
    let uri: Uri = url.parse().map_err(|_| ServiceFault::NotHttp)?;
    let authority = uri.authority().ok_or(ServiceFault::NotHttp)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        return Err(ServiceFault::NotHttp);
    }
    if authority.as_str().contains('@') {
        return Err(ServiceFault::HoldsCredentials);
    }
    Ok(())
}

fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("/", |at| after_scheme.get(at..).unwrap_or("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_metaservices_cannot_be_taken() {
        for code in RESERVED_CODES {
            assert_eq!(check_service_code(code), Err(ServiceFault::ReservedCode(code.to_owned())));
        }
        assert!(check_service_code("LISTMETHODS").is_err(), "a look-alike would mislead people");
        assert_eq!(check_service_code("tra-cuu.v1"), Ok(()));
        for code in ["", "a/b", "a b", "a%2Fb", "a;b"] {
            assert_eq!(check_service_code(code), Err(ServiceFault::MalformedCode), "{code}");
        }
    }

    #[test]
    fn a_base_address_is_something_a_path_can_be_appended_to() {
        for (url, expected) in [
            ("http://is.example.vn", "http://is.example.vn"),
            ("https://is.example.vn:8443/api/", "https://is.example.vn:8443/api"),
            ("http://[::1]:80/a", "http://[::1]:80/a"),
        ] {
            assert_eq!(check_base_url(url).as_deref(), Ok(expected));
        }
        for (url, fault) in [
            ("ftp://a/b", ServiceFault::NotHttp),
            ("file:///etc/passwd", ServiceFault::NotHttp),
            ("/relative", ServiceFault::NotHttp),
            ("is.example.vn", ServiceFault::NotHttp),
            ("", ServiceFault::NotHttp),
            ("http://", ServiceFault::NotHttp),
            ("http://user:secret@a/", ServiceFault::HoldsCredentials),
            ("http://a/b?c=d", ServiceFault::NotABase),
            ("http://a/b/../c", ServiceFault::NotABase),
        ] {
            assert_eq!(check_base_url(url), Err(fault), "{url}");
        }
    }
}
