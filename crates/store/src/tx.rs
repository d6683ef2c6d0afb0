//! One open transaction: the only thing a closure can reach the database with.

use crate::engine::{postgres, sqlite};
use crate::{Row, StoreError, Value};

/// An open transaction. SQL is the portable subset with `$1…$n`; a parameter may be used more than once.
///
/// The first statement that fails ends the transaction on both engines: later statements return
/// [`StoreError::Aborted`] and the transaction rolls back even if the closure returns `Ok`. Prefer `ON CONFLICT`; wrap a
/// statement whose failure is expected in [`Tx::attempt`].
pub struct Tx<'c> {
    connection: Connection<'c>,
    fault: Option<StoreError>,
    depth: u32,
}

pub(crate) enum Connection<'c> {
    Sqlite(&'c mut sqlite::Session),
    Postgres(&'c mut postgres::Session),
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: Connection<'c>) -> Self {
        Self { connection, fault: None, depth: 0 }
    }

    /// Runs a statement and returns the number of rows it changed.
    ///
    /// # Errors
    /// Any [`StoreError`] of the engine; [`StoreError::Type`] when the parameters do not fit the statement.
    pub fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.run(|connection| match connection {
            Connection::Sqlite(session) => session.exec(sql, params),
            Connection::Postgres(session) => session.exec(sql, params),
        })
    }

    /// Runs a statement and returns its rows (also those of `RETURNING`).
    ///
    /// # Errors
    /// As [`Tx::exec`].
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.run(|connection| match connection {
            Connection::Sqlite(session) => session.query(sql, params),
            Connection::Postgres(session) => session.query(sql, params),
        })
    }

    /// Runs a statement and returns its first row, if it has one.
    ///
    /// # Errors
    /// As [`Tx::exec`].
    pub fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Runs `f` behind a savepoint: when it fails, only its own statements are undone and the transaction goes on.
    /// A lost connection or a conflict ends the transaction all the same.
    ///
    /// # Errors
    /// What `f` returned, or the failure of one of its statements.
    pub fn attempt<T, E: From<StoreError>>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.depth += 1;
        let savepoint = format!("attempt_{}", self.depth);
        let opened = self.batch(&format!("SAVEPOINT {savepoint}"));
        let result = match opened {
            Ok(()) => f(self),
            Err(error) => Err(error.into()),
        };
        self.depth -= 1;
        let result = match (result, &self.fault) {
            (Ok(_), Some(fault)) => Err(fault.clone().into()),
            (result, _) => result,
        };
        if result.is_ok() {
            self.batch(&format!("RELEASE SAVEPOINT {savepoint}"))?;
        } else if !self.fault.as_ref().is_some_and(ends_transaction) {
            self.fault = None;
            self.batch(&format!("ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}"))?;
        }
        result
    }

    /// Runs several statements without parameters, as migrations do. Tokens are replaced as in [`Migration`].
    ///
    /// [`Migration`]: crate::Migration
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.run(|connection| match connection {
            Connection::Sqlite(session) => session.batch(sql),
            Connection::Postgres(session) => session.batch(sql),
        })
    }

    /// Chooses between two pieces of SQL where the engines have no common word. For this crate's own modules only.
    pub(crate) fn pick<'t>(&self, on_sqlite: &'t str, on_postgres: &'t str) -> &'t str {
        match self.connection {
            Connection::Sqlite(_) => on_sqlite,
            Connection::Postgres(_) => on_postgres,
        }
    }

    /// The first statement failure that was not undone by [`Tx::attempt`].
    pub(crate) fn fault(&self) -> Option<&StoreError> {
        self.fault.as_ref()
    }

    fn run<T>(
        &mut self,
        statement: impl FnOnce(&mut Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(fault) = &self.fault {
            return Err(StoreError::Aborted { cause: fault.to_string() });
        }
        let result = statement(&mut self.connection);
        if let Err(error) = &result {
            self.fault = Some(error.clone());
        }
        result
    }
}

/// Failures after which no savepoint can be returned to.
fn ends_transaction(fault: &StoreError) -> bool {
    matches!(
        fault,
        StoreError::Unavailable { .. }
            | StoreError::Conflict { .. }
            | StoreError::Full { .. }
            | StoreError::Corrupt { .. }
    )
}
