//! Figures about the exchange: one operational record per message and side, metrics and health.

pub mod record;
