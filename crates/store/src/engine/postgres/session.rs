//! One connection: statements, their cache, and what the server's errors mean to us.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use postgres::error::{DbError, SqlState};
use postgres::types::ToSql;
use postgres::{Client, Statement};

use super::codec::Mismatch;
use crate::{ConstraintKind, Row, StoreError, Value};

/// Prepared statements kept per connection. A program has a fixed number of SQL texts; the bound guards against one that
/// builds them, and then starting afresh costs no more than preparing did.
const STATEMENTS: usize = 512;

/// An open connection.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<String, Prepared>,
}

#[derive(Clone)]
struct Prepared {
    statement: Statement,
    names: Arc<[String]>,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn gone(&self) -> StoreError {
        StoreError::unavailable("connection lost")
    }

    pub(crate) fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let prepared = self.prepare(sql, params.len())?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let result = self.client.execute(&prepared.statement, &params);
        let changed = result.map_err(|error| self.statement_failure(error))?;
        // The server also counts the rows a SELECT returned; SQLite counts changes only.
        Ok(if prepared.names.is_empty() || !is_select(sql) { changed } else { 0 })
    }

    pub(crate) fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let prepared = self.prepare(sql, params.len())?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let result = self.client.query(&prepared.statement, &params);
        let rows = result.map_err(|error| self.statement_failure(error))?;
        rows.iter()
            .map(|row| {
                let values = (0..prepared.names.len()).map(|column| row.try_get::<_, Value>(column).map_err(failure));
                Ok(Row::new(Arc::clone(&prepared.names), values.collect::<Result<_, _>>()?))
            })
            .collect()
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client.batch_execute(sql).map_err(failure)
    }

    fn prepare(&mut self, sql: &str, params: usize) -> Result<Prepared, StoreError> {
        let prepared = match self.statements.get(sql) {
            Some(prepared) => prepared.clone(),
            None => self.prepare_anew(sql)?,
        };
        let expected = prepared.statement.params().len();
        if expected != params {
            return Err(StoreError::type_mismatch(format!("{params} values for {expected} parameters")));
        }
        Ok(prepared)
    }

    fn prepare_anew(&mut self, sql: &str) -> Result<Prepared, StoreError> {
        let statement = self.client.prepare(sql).map_err(failure)?;
        let names = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let prepared = Prepared { statement, names };
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn statement_failure(&mut self, error: postgres::Error) -> StoreError {
        // A migration changed a table under a prepared statement. Prepared anew, it works: a conflict like any other.
        if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) && error.to_string().contains("cached plan") {
            self.statements.clear();
            return StoreError::Conflict { reason: "the table changed under a prepared statement".to_owned() };
        }
        failure(error)
    }
}

fn is_select(sql: &str) -> bool {
    sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

/// Translates an error. Only the server's message is kept: its detail may quote the row, which may be personal data.
pub(super) fn failure(error: postgres::Error) -> StoreError {
    if let Some(db) = error.as_db_error() {
        return db_failure(db);
    }
    match error.source().and_then(|cause| cause.downcast_ref::<Mismatch>()) {
        Some(mismatch) => StoreError::type_mismatch(mismatch.to_string()),
        None => match error.source() {
            Some(cause) => StoreError::unavailable(format!("{error}: {cause}")),
            None => StoreError::unavailable(error),
        },
    }
}

fn db_failure(db: &DbError) -> StoreError {
    let reason = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    let constraint =
        |kind| StoreError::Constraint { kind, name: db.constraint().or(db.column()).unwrap_or("unnamed").to_owned() };
    match db.code().code() {
        "23505" => constraint(ConstraintKind::Unique),
        "23503" => constraint(ConstraintKind::ForeignKey),
        "23514" => constraint(ConstraintKind::Check),
        "23502" => constraint(ConstraintKind::NotNull),
        "40001" | "40P01" | "55P03" => StoreError::Conflict { reason },
        "53100" => StoreError::Full { reason },
        "57014" => StoreError::Timeout { reason },
        "25006" => StoreError::ReadOnly,
        "XX001" | "XX002" => StoreError::Corrupt { reason },
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => StoreError::Unavailable { reason },
        code => match code.get(..2) {
            Some("08" | "53") => StoreError::Unavailable { reason },
            Some("22") => StoreError::Type { what: reason },
            Some("23") => constraint(ConstraintKind::Other),
            _ => StoreError::Statement { reason },
        },
    }
}
