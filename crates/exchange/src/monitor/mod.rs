//! Figures about the exchange: one operational record per message and side, metrics and health.

pub mod audit;
pub mod health;
pub mod metrics;
pub mod record;
pub mod service_health;
pub mod store;
