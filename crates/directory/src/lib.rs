//! The directory: who takes part in the exchange. Agencies and their codes over time, members, subsystems, gateways, global groups,
//! and the signed global configuration by which every gateway knows the same truth.

pub mod acts;
pub mod api;
pub mod client;
pub mod conf;
pub mod model;
pub mod store;
#[cfg(test)]
mod testing;

pub use client::GlobalConfHandle;
pub use model::cert::CertDer;
pub use model::global_conf::{GlobalConf, Server};
pub use model::id::{ClientId, GlobalGroupId, IdError, ServerId, ServiceId};
