//! The SQL of the directory's tables. Each function is one question or one change within the transaction of its caller.

pub mod agencies;
pub mod audit;
pub mod generations;
pub mod groups;
pub mod instance;
pub mod keys;
pub mod registry;
pub mod requests;
pub mod snapshot;
pub mod trust_services;

use store::{Migration, Store, StoreError};

/// The history of the directory's tables.
pub static MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "registry", sql: include_str!("migrations/0001_registry.sql") },
    Migration { number: 2, name: "agencies", sql: include_str!("migrations/0002_agencies.sql") },
];

/// Brings the directory's tables up to date.
///
/// # Errors
/// As [`Store::migrate`].
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    store.migrate("directory", MIGRATIONS).await
}

/// A stored text that no longer reads as what it was written from: damage, or a row written by another program.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt { reason: format!("{what} cannot be read back") }
}
