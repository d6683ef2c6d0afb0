//! The REST request as an information system sends it (exchange-protocol §2.1.1): who calls which service, under which ids.

use directory::{ClientId, IdError, ServerId, ServiceId};
use http::HeaderMap;
use http::header::HeaderName;

use super::headers;

/// Longest `X-Road-Id`, `X-Road-UserId`, `X-Road-Issue` and represented party, characters (§2.15: fields of 255).
pub const MAX_FIELD: usize = 255;

/// Path prefix of the protocol's first REST version.
const PREFIX: &str = "/r1/";

/// The addressed service and what follows it in the path, kept raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The service.
    pub service: ServiceId,
    /// Raw path after the service code, without its leading slash; empty when there is none.
    pub path: &'a str,
    /// Raw query without `?`.
    pub query: Option<&'a str>,
}

/// What the `X-Road-*` headers of a request say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Who calls.
    pub client: ClientId,
    /// Message id, when the caller chose one.
    pub id: Option<String>,
    /// The provider's gateway the caller insists on.
    pub security_server: Option<ServerId>,
    /// Person on whose behalf.
    pub user_id: Option<String>,
    /// Case number.
    pub issue: Option<String>,
    /// Represented party: class (optional) and code.
    pub represented_party: Option<(Option<String>, String)>,
}

/// Why a request is refused before anything is looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// The path is not `/r1/…`.
    #[error("the path must start with /r1/")]
    Prefix,
    /// The service identifier in the path is wrong.
    #[error("the service identifier in the path is malformed: {0}")]
    Service(IdError),
    /// `X-Road-Client` is absent.
    #[error("the header X-Road-Client is missing")]
    MissingClient,
    /// `X-Road-Client` is malformed.
    #[error("the header X-Road-Client is malformed: {0}")]
    Client(IdError),
    /// `X-Road-Security-Server` is malformed.
    #[error("the header X-Road-Security-Server is malformed: {0}")]
    SecurityServer(IdError),
    /// A header is too long or holds characters that are not text.
    #[error("the header {0} is longer than {MAX_FIELD} characters or not text")]
    Field(&'static str),
    /// `X-Road-Represented-Party` is malformed.
    #[error("the header X-Road-Represented-Party is malformed")]
    RepresentedParty,
}

impl<'a> Target<'a> {
    /// Parses the raw path and query of a request.
    ///
    /// # Errors
    /// When the path is not `/r1/` and five identifier parts.
    pub fn parse(path: &'a str, query: Option<&'a str>) -> Result<Self, RestError> {
        let rest = path.strip_prefix(PREFIX).ok_or(RestError::Prefix)?;
        // The fifth slash, if any, ends the service identifier.
        let end = memchr::memchr_iter(b'/', rest.as_bytes()).nth(4);
        let (id, tail) = match end {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        let service = ServiceId::from_encoded(id).map_err(RestError::Service)?;
        Ok(Self { service, path: tail, query })
    }

    /// The address of the service for this call: its base URL, exactly one slash, the raw path and the raw query.
    #[must_use]
    pub fn service_path(&self, base_path: &str) -> String {
        let base = base_path.trim_end_matches('/');
        let mut out = String::with_capacity(base.len() + self.path.len() + 1 + self.query.map_or(0, |q| q.len() + 1));
        out.push_str(base);
        if !self.path.is_empty() || base.is_empty() {
            out.push('/');
            out.push_str(self.path);
        }
        if let Some(query) = self.query {
            out.push('?');
            out.push_str(query);
        }
        out
    }
}

impl Headers {
    /// Reads the protocol's headers. A repeated `X-Road-Client` counts by its last value, as peers do.
    ///
    /// # Errors
    /// When a mandatory header is missing or one is malformed or too long.
    pub fn parse(headers: &HeaderMap) -> Result<Self, RestError> {
        let client = last(headers, headers::CLIENT).ok_or(RestError::MissingClient)?;
        let client = text(client, "X-Road-Client")?;
        let security_server = match last(headers, headers::SECURITY_SERVER) {
            None => None,
            Some(value) => Some(
                ServerId::from_encoded(text(value, "X-Road-Security-Server")?).map_err(RestError::SecurityServer)?,
            ),
        };
        Ok(Self {
            client: ClientId::from_encoded(client).map_err(RestError::Client)?,
            id: field(headers, headers::ID, "X-Road-Id")?,
            security_server,
            user_id: field(headers, headers::USER_ID, "X-Road-UserId")?,
            issue: field(headers, headers::ISSUE, "X-Road-Issue")?,
            represented_party: represented_party(headers)?,
        })
    }
}

/// Whether the method is one the protocol carries (§2.1.1).
#[must_use]
pub fn is_allowed_method(method: &str) -> bool {
    matches!(method, "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PATCH" | "POST" | "PUT" | "TRACE")
}

fn last<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a [u8]> {
    headers.get_all(HeaderName::from_static(name)).iter().next_back().map(http::HeaderValue::as_bytes)
}

fn text<'a>(value: &'a [u8], name: &'static str) -> Result<&'a str, RestError> {
    std::str::from_utf8(value).map(str::trim).map_err(|_| RestError::Field(name))
}

fn field(headers: &HeaderMap, name: &'static str, shown: &'static str) -> Result<Option<String>, RestError> {
    let Some(value) = last(headers, name) else { return Ok(None) };
    let value = text(value, shown)?;
    if value.chars().count() > MAX_FIELD || value.chars().any(char::is_control) {
        return Err(RestError::Field(shown));
    }
    Ok(if value.is_empty() { None } else { Some(value.to_owned()) })
}

fn represented_party(headers: &HeaderMap) -> Result<Option<(Option<String>, String)>, RestError> {
    let Some(value) = field(headers, headers::REPRESENTED_PARTY, "X-Road-Represented-Party")? else { return Ok(None) };
    let mut parts = value
        .split('/')
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned));
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(code)), None, None) if !code.is_empty() => Ok(Some((None, code))),
        (Some(Ok(class)), Some(Ok(code)), None) if !class.is_empty() && !code.is_empty() => {
            Ok(Some((Some(class), code)))
        }
        _ => Err(RestError::RepresentedParty),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    /// Source: exchange-protocol §2.1.1.
    #[test]
    fn path_and_query_after_the_service_stay_raw() {
        let target = Target::parse("/r1/VN/GOV/G01/dancu/tracuu/a%2Fb//c", Some("x=%20&y")).unwrap();
        assert_eq!(target.service.encoded(), "VN/GOV/G01/dancu/tracuu");
        assert_eq!(target.path, "a%2Fb//c");
        assert_eq!(target.service_path("/api/"), "/api/a%2Fb//c?x=%20&y");
        let bare = Target::parse("/r1/VN/GOV/G01/dancu/tracuu", None).unwrap();
        assert_eq!((bare.service_path("/api").as_str(), bare.service_path("").as_str()), ("/api", "/"));
        let slash = Target::parse("/r1/VN/GOV/G01/dancu/tracuu/", None).unwrap();
        assert_eq!(slash.service_path("/api/"), "/api");
    }

    #[test]
    fn short_and_foreign_paths_are_refused() {
        assert_eq!(Target::parse("/r2/VN/GOV/G01/d/s", None), Err(RestError::Prefix));
        assert!(matches!(Target::parse("/r1/VN/GOV/G01/d", None), Err(RestError::Service(_))));
        assert!(matches!(Target::parse("/r1/VN/GOV//d/s", None), Err(RestError::Service(_))));
    }

    /// Source: exchange-protocol §2.1.2: if repeated, the last one wins.
    #[test]
    fn the_last_client_header_wins() {
        let headers = map(&[("x-road-client", "VN/GOV/A"), ("x-road-client", "VN/GOV/B/s")]);
        assert_eq!(Headers::parse(&headers).unwrap().client, ClientId::subsystem("VN", "GOV", "B", "s"));
    }

    #[test]
    fn missing_malformed_and_oversized_headers_are_refused() {
        assert_eq!(Headers::parse(&map(&[])), Err(RestError::MissingClient));
        assert!(matches!(Headers::parse(&map(&[("x-road-client", "VN")])), Err(RestError::Client(_))));
        let mut headers = map(&[("x-road-client", "VN/GOV/A")]);
        headers.insert(HeaderName::from_static(headers::ISSUE), HeaderValue::from_str(&"a".repeat(256)).unwrap());
        assert_eq!(Headers::parse(&headers), Err(RestError::Field("X-Road-Issue")));
        let party = map(&[("x-road-client", "VN/GOV/A"), ("x-road-represented-party", "a/b/c")]);
        assert_eq!(Headers::parse(&party), Err(RestError::RepresentedParty));
    }

    proptest! {
        #[test]
        fn no_path_makes_the_parser_panic(path in "\\PC{0,80}", query in proptest::option::of("\\PC{0,20}")) {
            if let Ok(target) = Target::parse(&path, query.as_deref()) {
                let _ = target.service_path("/x");
            }
        }
    }
}
