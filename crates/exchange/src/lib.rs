//! The data exchange: a gateway that carries signed messages between agencies, decides who may call what, and keeps the evidence.
//!
//! One message flows: information system → consumer gateway ([`gateway`]) → provider gateway → service, and back. Pure protocol rules are
//! in [`model`], the gateway's own configuration in [`conf`], the evidence in [`log`], the figures in [`monitor`].

pub mod acts;
pub mod api;
pub mod conf;
pub mod gateway;
pub mod log;
pub mod model;
pub mod monitor;
pub mod store;
pub mod wire;

pub use model::access::{GroupLookup, Subject};
