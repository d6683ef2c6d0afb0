//! Pure rules of the exchange. No I/O, no async, no clock, no randomness.

pub mod access;
pub mod error;
pub mod header_part;
pub mod headers;
pub mod openapi;
pub mod rest;
pub mod servers;
