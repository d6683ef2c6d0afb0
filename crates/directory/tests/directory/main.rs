//! The directory through its doors: the JSON operations, the published configuration, and a gateway that fetches it. Each test runs on
//! both engines.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agencies;
mod configuration;
mod denied;
mod registry;
mod requests;
mod support;
