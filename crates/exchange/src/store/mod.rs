//! The tables of the exchange's configuration: one file per thing kept, plain SQL in the portable subset.

pub mod api_key;
pub mod audit;
pub mod client;
pub mod group;
pub mod right;
pub mod service;
pub mod snapshot;

use ::store::{Migration, Store, StoreError};

/// The migrations of this domain.
pub static MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "configuration", sql: include_str!("migrations/0001_configuration.sql") }];

/// Brings the tables of the exchange up to date.
///
/// # Errors
/// When a migration fails or does not fit the database.
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    store.migrate("exchange", MIGRATIONS).await
}

/// Parameters of a statement, each turned into a [`::store::Value`].
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(::store::Value::from($value)),*] };
}
pub(crate) use params;

/// A stored text that this version cannot read: somebody changed the database by other means.
pub(crate) fn unreadable(what: &str, text: &str) -> StoreError {
    StoreError::Type { what: format!("{what} `{text}` is not readable") }
}
