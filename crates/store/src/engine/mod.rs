//! The two engines. Everything that differs between SQLite and PostgreSQL lives below this folder.

pub(crate) mod crew;
pub(crate) mod postgres;
pub(crate) mod sqlite;
