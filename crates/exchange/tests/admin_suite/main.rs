//! The administration of a gateway, tried on both engines and through its real HTTP door.

#![expect(clippy::unwrap_used, reason = "a broken set-up should stop the test with the error it met")]

mod acts;
mod api;
mod house;
mod routes;
mod snapshot;
