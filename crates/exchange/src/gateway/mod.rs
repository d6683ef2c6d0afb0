//! The data path of a gateway: how one message travels from an information system to a service and back.
//!
//! [`consumer`] takes the caller's request, signs it and sends it to a provider's gateway; [`provider`] takes it there, decides, calls the
//! service, signs the answer. Both log before they answer. Everything else here serves these two.

pub mod failure;
pub mod pool;
pub mod replay;
pub mod settings;
pub mod tls;
pub mod world;
