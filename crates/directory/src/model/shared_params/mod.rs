//! Shared parameters: what one instance tells everybody — its members, gateways, groups and trusted services (§2.12).
//!
//! [`read`] takes any of versions 2 to 6, [`write()`] gives version 5 or 6. Both keep the order of the lists.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cert::CertDer;
use super::id::{ClientId, ServerId};

pub use read::read;
pub(crate) use read::{cert, number};
pub use write::write;
pub(crate) use write::{NAMESPACES, write_client_id};

/// The oldest version of the configuration that is read.
pub const OLDEST_VERSION: u32 = 2;
/// The newest version of the configuration that is read and written.
pub const NEWEST_VERSION: u32 = 6;
/// The versions that are written side by side, newest first.
pub const WRITTEN_VERSIONS: [u32; 2] = [6, 5];
/// OCSP responses older than this many seconds count no more, unless the instance says otherwise.
pub const DEFAULT_OCSP_FRESHNESS_SECONDS: u32 = 3600;

/// The shared parameters of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SharedParams {
    /// Instance identifier, e.g. `VN`. Every member below belongs to it.
    pub instance: Arc<str>,
    /// Where the configuration is served and by which certificates it is signed (since version 3).
    pub sources: Vec<Source>,
    /// Certification authorities whose certificates count.
    pub approved_cas: Vec<ApprovedCa>,
    /// Time-stamping authorities whose tokens count.
    pub approved_tsas: Vec<ApprovedTsa>,
    /// Members with their subsystems.
    pub members: Vec<Member>,
    /// Gateways with their clients.
    pub servers: Vec<ServerEntry>,
    /// Global groups.
    pub groups: Vec<GlobalGroup>,
    /// Member classes the instance knows.
    pub member_classes: Vec<MemberClass>,
    /// How long an OCSP response counts, seconds.
    pub ocsp_freshness_seconds: u32,
}

/// A central node and the certificates of its signing keys: how a rotated key becomes known before the anchor changes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Source {
    /// Host name or address of the central node.
    pub address: String,
    /// Certificates that verify the internal configuration.
    pub internal_certs: Vec<CertDer>,
    /// Certificates that verify the external configuration.
    pub external_certs: Vec<CertDer>,
}

/// What a trust service costs (since version 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CostType {
    /// Free of charge.
    Free,
    /// Charged.
    Paid,
    /// Not said.
    #[default]
    Undefined,
}

/// How a certificate request is offered by default (since version 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CsrFormat {
    /// Text.
    Pem,
    /// Binary.
    #[default]
    Der,
}

/// An approved certification service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovedCa {
    /// Name shown to people.
    pub name: String,
    /// Its certificates count for TLS between gateways only, never for signatures.
    pub authentication_only: bool,
    /// The root.
    pub top: CaInfo,
    /// Authorities between the root and the members' certificates.
    pub intermediates: Vec<CaInfo>,
    /// Class name of the certificate profile, e.g. `ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider`.
    pub profile: String,
    /// Default format of certificate requests.
    pub csr_format: CsrFormat,
    /// Where certificates are issued automatically (since version 4).
    pub acme: Option<AcmeServer>,
}

/// A certificate of an authority and who answers for its revocations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaInfo {
    /// The authority's certificate.
    #[schema(value_type = String)]
    pub cert: CertDer,
    /// OCSP responders.
    pub ocsp: Vec<OcspResponder>,
}

/// An OCSP responder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OcspResponder {
    /// Where to ask.
    pub url: String,
    /// The responder's own certificate, when responses are not signed by the authority itself.
    #[schema(value_type = Option<String>)]
    pub cert: Option<CertDer>,
    /// What it costs.
    pub cost: CostType,
}

/// An ACME server of a certification service.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AcmeServer {
    /// Directory address.
    pub directory_url: String,
    /// Addresses the server calls back from, comma-separated.
    pub ip_address: Option<String>,
    /// Profile to ask for when an authentication certificate is wanted.
    pub authentication_profile: Option<String>,
    /// Profile to ask for when a signing certificate is wanted.
    pub signing_profile: Option<String>,
}

/// An approved time-stamping authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovedTsa {
    /// Name shown to people.
    pub name: String,
    /// Where to ask.
    pub url: String,
    /// Certificate of the authority.
    #[schema(value_type = String)]
    pub cert: CertDer,
    /// What it costs.
    pub cost: CostType,
}

/// A class of members, e.g. `GOV`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberClass {
    /// Its code.
    pub code: Arc<str>,
    /// What it means.
    pub description: Arc<str>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identifier; never a subsystem.
    pub id: ClientId,
    /// Its name.
    pub name: Arc<str>,
    /// What the member's class means, as repeated at each member.
    pub class_description: Arc<str>,
    /// Its subsystems.
    pub subsystems: Vec<Subsystem>,
}

/// A subsystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsystem {
    /// Its identifier.
    pub id: ClientId,
    /// Its name (since version 5).
    pub name: Option<Arc<str>>,
}

/// A gateway as registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    /// Its identifier.
    pub id: ServerId,
    /// Host name or address others reach it at.
    pub address: Option<String>,
    /// SHA-256 of each registered authentication certificate.
    pub auth_cert_hashes: Vec<[u8; 32]>,
    /// Registered clients.
    pub clients: Vec<ClientId>,
    /// Set while it is under maintenance; the text may be empty (since version 5).
    pub maintenance: Option<String>,
}

/// A global group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalGroup {
    /// Its code, unique in the instance.
    pub code: Arc<str>,
    /// What it is for.
    pub description: String,
    /// Members and subsystems in it; with federation also of other instances.
    pub members: Vec<ClientId>,
}
