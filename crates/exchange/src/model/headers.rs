//! Header names of the REST protocol and the rule which headers cross a gateway (exchange-protocol §2.1.2).

use http::header::HeaderName;

/// The calling client; mandatory.
pub const CLIENT: &str = "x-road-client";
/// The called service, in responses.
pub const SERVICE: &str = "x-road-service";
/// Message identifier.
pub const ID: &str = "x-road-id";
/// Identifier of one attempt.
pub const REQUEST_ID: &str = "x-road-request-id";
/// Hash of the request, in responses.
pub const REQUEST_HASH: &str = "x-road-request-hash";
/// The provider's gateway the caller insists on.
pub const SECURITY_SERVER: &str = "x-road-security-server";
/// The person on whose behalf the caller acts.
pub const USER_ID: &str = "x-road-userid";
/// Case number.
pub const ISSUE: &str = "x-road-issue";
/// The party represented.
pub const REPRESENTED_PARTY: &str = "x-road-represented-party";
/// Set when the gateway itself made the error.
pub const ERROR: &str = "x-road-error";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Transport headers between gateways (§2.4).
pub mod transport {
    /// Hash algorithm of the message, `SHA-512`.
    pub const HASH_ALGORITHM: &str = "x-hash-algorithm";
    /// Content type of the inner message.
    pub const ORIGINAL_CONTENT_TYPE: &str = "x-original-content-type";
    /// Version of the sending gateway (semantic version).
    pub const PROXY_VERSION: &str = "x-proxy-version";
    /// `REST`, or absent for SOAP.
    pub const MESSAGE_TYPE: &str = "x-road-message-type";
}

/// Headers that belong to one connection and cross in neither direction.
pub const HOP_BY_HOP: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Whether a caller's header crosses to the service. What only a gateway may say is dropped.
#[must_use]
pub fn crosses_in_request(name: &HeaderName) -> bool {
    let name = name.as_str();
    !is_hop_by_hop(name) && name != REQUEST_ID && name != REQUEST_HASH
}

/// Whether the gateway reads one value of this header, the last. A service must not be able to read another one.
#[must_use]
pub fn counts_once(name: &HeaderName) -> bool {
    matches!(name.as_str(), CLIENT | ID | REQUEST_ID | SECURITY_SERVER | USER_ID | ISSUE | REPRESENTED_PARTY)
}

/// Whether a service's header crosses to the caller. The provider's gateway writes the protocol's own headers anew.
#[must_use]
pub fn crosses_in_response(name: &HeaderName) -> bool {
    let name = name.as_str();
    !is_hop_by_hop(name) && !matches!(name, ID | CLIENT | SERVICE | REQUEST_ID | REQUEST_HASH | ERROR)
}

/// Whether a header of a signed part is written onto the next connection: connection headers never are, whatever the sender signed.
#[must_use]
pub fn is_forwarded(name: &HeaderName) -> bool {
    !is_hop_by_hop(name.as_str())
}
