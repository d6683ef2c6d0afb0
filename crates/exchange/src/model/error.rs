//! Errors of the exchange as information systems and other gateways see them (exchange-protocol §2.1.3, §2.1.4).
//!
//! One fault has a place (who is to blame), a code and a message; how the code is spelled depends on the dialect the gateway is set to,
//! because clients in the field compare the older spelling while newer gateways send the newer one.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How error types are spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `Server.ServerProxy.AccessDenied`: what every document shows and clients in the field compare.
    #[default]
    Pascal,
    /// `server.serverproxy.access_denied`: what gateways from 7.8 on send.
    Snake,
}

/// Where the fault lies: the prefix of the error type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The caller's message is wrong: `Client.`
    Client,
    /// The consumer's gateway failed: `Server.ClientProxy.`
    ClientProxy,
    /// The provider's gateway failed: `Server.ServerProxy.`
    ServerProxy,
    /// The service behind the provider's gateway failed: `Server.ServerProxy.ServiceFailed.`
    Service,
}

/// Declares the codes once with both spellings, so that neither table can drift from the other.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $snake:literal),+ $(,)?) => {
        /// What is wrong, without the place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The spelling up to 7.7, e.g. `AccessDenied`.
            #[must_use]
            pub fn pascal(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The spelling from 7.8 on, e.g. `access_denied`.
            #[must_use]
            pub fn snake(self) -> &'static str {
                match self { $(Self::$name => $snake),+ }
            }
        }
    };
}

codes! {
    /// Malformed REST address or header.
    BadRequest = "bad_request",
    /// A header is missing.
    MissingHeader = "missing_header",
    /// A header that must be single is repeated.
    DuplicateHeaderField = "duplicate_header_field",
    /// The message between gateways has no REST part.
    MissingRest = "missing_rest",
    /// A message part has the wrong form.
    InvalidMessage = "invalid_message",
    /// The multipart body is broken.
    MimeParsingFailed = "mime_parsing_failed",
    /// The answer does not belong to the question.
    InconsistentResponse = "inconsistent_response",
    /// Only some methods may be used.
    InvalidHttpMethod = "invalid_http_method",
    /// The content type is not one the protocol knows.
    InvalidContentType = "invalid_content_type",
    /// `X-Road-Client` is absent or malformed.
    InvalidClientIdentifier = "invalid_client_identifier",
    /// The gateway asked for does not serve this provider.
    InvalidSecurityServer = "invalid_security_server",
    /// The request breaks a rule of the protocol, for example by being sent twice.
    InvalidRequest = "invalid_request",
    /// The member or subsystem is not known.
    UnknownMember = "unknown_member",
    /// The service is not known.
    UnknownService = "unknown_service",
    /// The caller has no right to the service.
    AccessDenied = "access_denied",
    /// The service is switched off for the moment.
    ServiceDisabled = "service_disabled",
    /// The service speaks another protocol.
    ServiceType = "service_type",
    /// The service could not be called.
    ServiceFailed = "service_failed",
    /// The service has no address.
    ServiceMissingUrl = "service_missing_url",
    /// The service's address is malformed.
    ServiceMalformedUrl = "service_malformed_url",
    /// The caller's gateway is too old.
    ClientProxyVersionNotSupported = "client_proxy_version_not_supported",
    /// The provider's gateway is in maintenance.
    MaintenanceMode = "maintenance_mode",
    /// The other end did not prove who it is.
    SslAuthenticationFailed = "ssl_authentication_failed",
    /// A certificate is expired, revoked or not trusted.
    CertValidation = "cert_validation",
    /// A certificate is used for what it is not made for.
    IncorrectCertificate = "incorrect_certificate",
    /// No path leads from a certificate to an approved authority.
    CannotCreateCertPath = "cannot_create_cert_path",
    /// A certificate on the path is not valid.
    InvalidCertPath = "invalid_cert_path",
    /// The proof that a certificate is good is missing, stale or not to be believed.
    IncorrectValidationInfo = "incorrect_validation_info",
    /// The message has no signature.
    MissingSignature = "missing_signature",
    /// The gateway could not sign.
    CannotCreateSignature = "cannot_create_signature",
    /// The signature does not verify.
    SignatureVerification = "signature_verification",
    /// The signature value is wrong.
    InvalidSignatureValue = "invalid_signature_value",
    /// The signature is not well-formed.
    MalformedSignature = "malformed_signature",
    /// A reference of the signature does not match.
    InvalidReference = "invalid_reference",
    /// The hash chain is not well-formed.
    MalformedHashChain = "malformed_hash_chain",
    /// The hash chain does not give the signed result.
    InvalidHashChain = "invalid_hash_chain",
    /// The hash chain does not cover a part of the message.
    HashchainUnusedInputs = "hashchain_unused_inputs",
    /// A reference in the hash chain leads nowhere.
    InvalidHashChainRef = "invalid_hash_chain_ref",
    /// The message could not be logged.
    LoggingFailed = "logging_failed",
    /// Messages have gone without time-stamps for too long.
    TimestampingFailed = "timestamping_failed",
    /// The other end could not be reached.
    NetworkError = "network_error",
    /// Reading or writing failed.
    IOError = "io_error",
    /// The service answered outside HTTP.
    HttpError = "http_error",
    /// The host name does not resolve.
    UnknownHost = "unknown_host",
    /// Something failed inside.
    InternalError = "internal_error",
    /// The database is not available.
    DatabaseError = "database_error",
    /// There is no such thing.
    NotFound = "not_found",
    /// The global configuration is older than allowed.
    OutdatedGlobalConf = "global_conf_outdated",
    /// The key store does not answer.
    HSMNonOperational = "hsm_non_operational",
}

/// An error as it is told to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Full error type in the dialect it was made or received in.
    pub kind: String,
    /// One line for people.
    pub message: String,
    /// Searchable in the log of the gateway that raised it.
    pub detail: String,
}

impl Fault {
    /// A fault raised here.
    pub fn new(place: Place, code: Code, message: impl fmt::Display, id: Uuid, dialect: Dialect) -> Self {
        Self { kind: kind(place, code, dialect), message: message.to_string(), detail: id.to_string() }
    }

    /// 500 for faults of a server, 400 for faults of the caller's message.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if self.kind.starts_with("Server.") || self.kind.starts_with("server.") { 500 } else { 400 }
    }

    /// Whether the message was refused by a rule (malformed, unknown, not allowed) rather than failed on its way.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        const RULES: [Code; 9] = [
            Code::AccessDenied,
            Code::UnknownService,
            Code::UnknownMember,
            Code::ServiceDisabled,
            Code::ServiceType,
            Code::InvalidClientIdentifier,
            Code::InvalidSecurityServer,
            Code::InvalidHttpMethod,
            Code::MaintenanceMode,
        ];
        let last = self.kind.rsplit('.').next().unwrap_or("");
        self.http_status() == 400 || RULES.iter().any(|code| code.pascal() == last || code.snake() == last)
    }

    /// `{"type":…,"message":…,"detail":…}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({ "type": self.kind, "message": self.message, "detail": self.detail }).to_string()
    }

    /// `<error><type/><message/><detail/></error>`.
    #[must_use]
    pub fn to_xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error><type>{}</type><message>{}</message><detail>{}</detail></error>",
            escape(&self.kind),
            escape(&self.message),
            escape(&self.detail)
        )
    }
}

/// The error type with its prefix, e.g. `Server.ServerProxy.AccessDenied`.
#[must_use]
pub fn kind(place: Place, code: Code, dialect: Dialect) -> String {
    match dialect {
        Dialect::Pascal => {
            let prefix = match place {
                Place::Client => "Client.",
                Place::ClientProxy => "Server.ClientProxy.",
                Place::ServerProxy => "Server.ServerProxy.",
                Place::Service => "Server.ServerProxy.ServiceFailed.",
            };
            format!("{prefix}{}", code.pascal())
        }
        Dialect::Snake => {
            let prefix = match place {
                Place::Client => "client.",
                Place::ClientProxy => "server.clientproxy.",
                Place::ServerProxy => "server.serverproxy.",
                Place::Service => "server.serverproxy.service_failed.",
            };
            format!("{prefix}{}", code.snake())
        }
    }
}

/// Which body an error answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFormat {
    /// `application/json;charset=utf-8`, the default.
    Json,
    /// `application/xml;charset=utf-8`.
    ApplicationXml,
    /// `text/xml;charset=utf-8`.
    TextXml,
}

impl ErrorFormat {
    /// Chosen by the first item of `Accept` that we can write; quality values are ignored, as peers do.
    #[must_use]
    pub fn from_accept(accept: Option<&str>) -> Self {
        for item in accept.unwrap_or("").split(',') {
            let media = item.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            match media.as_str() {
                "application/json" | "application/*" | "*/*" => return Self::Json,
                "application/xml" => return Self::ApplicationXml,
                "text/xml" | "text/*" => return Self::TextXml,
                _ => {}
            }
        }
        Self::Json
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::ApplicationXml => "application/xml;charset=utf-8",
            Self::TextXml => "text/xml;charset=utf-8",
        }
    }
}

/// Escapes the five characters that XML text and attributes cannot hold, and drops those XML 1.0 forbids.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if u32::from(c) < 0x20 || c == '\u{FFFE}' || c == '\u{FFFF}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: exchange-protocol §2.1.3, §2.1.4.
    #[test]
    fn both_dialects_spell_the_same_error() {
        assert_eq!(kind(Place::ServerProxy, Code::AccessDenied, Dialect::Pascal), "Server.ServerProxy.AccessDenied");
        assert_eq!(kind(Place::ServerProxy, Code::AccessDenied, Dialect::Snake), "server.serverproxy.access_denied");
        assert_eq!(
            kind(Place::Service, Code::UnknownHost, Dialect::Pascal),
            "Server.ServerProxy.ServiceFailed.UnknownHost"
        );
        assert_eq!(kind(Place::Client, Code::BadRequest, Dialect::Snake), "client.bad_request");
        assert_eq!(Code::OutdatedGlobalConf.snake(), "global_conf_outdated");
    }

    /// Source: exchange-protocol §2.1.3.
    #[test]
    fn server_faults_answer_500_and_client_faults_400() {
        let id = Uuid::nil();
        for dialect in [Dialect::Pascal, Dialect::Snake] {
            assert_eq!(Fault::new(Place::ServerProxy, Code::AccessDenied, "x", id, dialect).http_status(), 500);
            assert_eq!(Fault::new(Place::Client, Code::BadRequest, "x", id, dialect).http_status(), 400);
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        let of = |place, code| Fault::new(place, code, "x", Uuid::nil(), Dialect::Snake).is_refusal();
        assert!(of(Place::ServerProxy, Code::AccessDenied));
        assert!(of(Place::Client, Code::BadRequest));
        assert!(!of(Place::Service, Code::NetworkError));
    }

    #[test]
    fn the_first_writable_media_type_chooses_the_body() {
        assert_eq!(ErrorFormat::from_accept(None), ErrorFormat::Json);
        assert_eq!(ErrorFormat::from_accept(Some("text/html, text/xml;q=0.1, application/json")), ErrorFormat::TextXml);
        assert_eq!(ErrorFormat::from_accept(Some("text/*")), ErrorFormat::TextXml);
        assert_eq!(ErrorFormat::from_accept(Some("application/xml;charset=utf-8")), ErrorFormat::ApplicationXml);
        assert_eq!(ErrorFormat::from_accept(Some("image/png")), ErrorFormat::Json);
    }

    #[test]
    fn hostile_text_cannot_break_out_of_the_error_body() {
        let fault =
            Fault { kind: "Client.BadRequest".into(), message: "</message>\"\u{0}&".into(), detail: "d".into() };
        assert!(fault.to_xml().contains("<message>&lt;/message&gt;&quot;&amp;</message>"));
        let json: serde_json::Value = serde_json::from_str(&fault.to_json()).unwrap();
        assert_eq!(json["message"], "</message>\"\u{0}&");
    }
}
