//! Bytes between two gateways (exchange-protocol §2.4): multipart framing, message bodies in memory or spooled, faults.

pub mod body;
pub mod fault;
pub mod inbound;
pub mod multipart;
pub mod outbound;
pub mod payload;
pub mod spool;
