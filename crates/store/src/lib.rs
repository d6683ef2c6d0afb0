//! One data layer over two engines: SQLite inside by default, PostgreSQL when the installation grows.
//!
//! * [`Store`] runs synchronous closures on database threads, each inside one transaction, from one SQL text.
//! * [`Migration`]s are numbered per domain and recorded with a checksum.
//! * [`jobs`] is the outbox: work queued in the transaction that asks for it, done at least once under a lease.
//! * [`blob`] keeps files too large for rows.
//! * [`journal`] is an append-only log: many messages, one fsync.
//!
//! A PostgreSQL database for this layer is created with `ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0`, so that texts
//! sort by their bytes on both engines.
//!
//! What it is not: an ORM. Rows are read by column and mapped by the domain that owns the table. Engine differences live
//! in `engine/` alone. Connections to PostgreSQL are not encrypted: run the database on the same host or a private
//! network, or put a TLS tunnel in front of it.

pub mod blob;
mod engine;
mod error;
pub mod jobs;
pub mod journal;
mod metrics;
mod migrate;
mod options;
mod row;
mod store;
mod tx;
mod value;
mod work;

pub use error::{ConstraintKind, StoreError};
pub use metrics::Metrics;
pub use migrate::Migration;
pub use options::{Durability, Options};
pub use row::{ColumnRef, FromValue, Row};
pub use store::Store;
pub use tx::Tx;
pub use value::Value;
