//! What tests need and the product does not: real databases, faults on the network, processes to kill, sample people.
//!
//! Test support may panic: a broken set-up should stop the test with a message that says what to do. Nothing is ever
//! skipped in silence. Everything a test process leaves behind is removed when it ends, even when it is killed.

pub mod database;
pub mod fault;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod sample;
mod scratch;

pub use database::{Database, databases, sqlite};
pub use postgres::{Cluster, postgres};
pub use scratch::tempdir;
