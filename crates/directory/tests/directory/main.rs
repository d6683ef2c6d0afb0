//! The directory through its doors: the JSON operations, the published configuration, and a gateway that fetches it. Each test runs on
//! both engines.

mod agencies;
mod configuration;
mod denied;
mod registry;
mod requests;
mod support;
