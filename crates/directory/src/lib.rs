//! The directory: who takes part in the exchange. Agencies and their codes over time, members, subsystems, gateways, global groups,
//! and the signed global configuration by which every gateway knows the same truth.
//!
//! Three ways in: a *central* keeps the registry ([`Central`], [`api_router`]) and publishes it ([`Publisher`], [`conf_router`]); a
//! *gateway* follows it ([`client::Updater`]) and asks it everything on the message path ([`GlobalConf`]); a *verifier* loads what
//! counted when a message was stored ([`client::load_verification_conf`], [`Evidence`]).

pub mod acts;
pub mod api;
pub mod client;
pub mod conf;
mod lookup;
pub mod model;
pub mod store;
#[cfg(test)]
mod testing;

pub use acts::import_agencies::ImportReport;
pub use acts::permit;
pub use acts::submit_request::{KeyProof, Proof, RequestPermit, RequestText, SignedRequest};
pub use acts::token_vault::TokenVault;
pub use acts::{ActError, Central, KeyVault};
pub use api::{Description as ApiDescription, Principal, Role, router as api_router};
pub use client::GlobalConfHandle;
pub use conf::{Publisher, router as conf_router};
pub use model::agency::{Agency, Resolution};
pub use model::cert::CertDer;
pub use model::evidence::Evidence;
pub use model::global_conf::{GlobalConf, Instance, InstanceParts, OWNERS_GROUP, Server};
pub use model::id::{ClientId, GlobalGroupId, IdError, ServerId, ServiceId, is_strict_part};
pub use model::profile::{Profile, ProfileError};
pub use model::request::{Origin as RequestOrigin, RequestBody, Status as RequestStatus};
pub use model::trust_view::{Purpose, TrustError, TrustView};
pub use model::{anchor, private_params, shared_params, signed_directory};
pub use store::instance::InstanceSettings;
pub use store::keys::{Audience, SigningKeyRow};
pub use store::migrate;
pub use store::requests::RequestRow;
