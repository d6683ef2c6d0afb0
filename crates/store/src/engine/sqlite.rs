//! SQLite: one writer thread that commits in groups, and a few read-only connections.
//!
//! The writer takes every queued closure, runs each behind its own savepoint inside one `BEGIN IMMEDIATE … COMMIT`, and
//! answers all after the commit: many closures, one fsync. No timer is involved, so a lone caller is not delayed.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection as Db, ErrorCode, OpenFlags, ToSql, ffi};

use super::crew::{Crew, Inbox};
use crate::metrics::{Counters, add};
use crate::tx::Connection;
use crate::work::{BoxedWork, Mode, Work};
use crate::{ConstraintKind, Durability, Metrics, Options, Row, StoreError, Tx, Value};

/// Prepared statements kept per connection.
const STATEMENTS: usize = 256;

/// The connections of one SQLite database.
pub(crate) struct Pool {
    counters: Arc<Counters>,
    writer: Crew,
    /// Absent for a database in memory, which only one connection can see.
    readers: Option<Crew>,
}

impl Pool {
    pub(crate) async fn open(path: Option<PathBuf>, options: &Options) -> Result<Self, StoreError> {
        let counters = Arc::new(Counters::default());
        let writer = Crew::new(options.queue);
        let prepare = {
            let (path, options, counters) = (path.clone(), options.clone(), Arc::clone(&counters));
            move || Session::open(path.as_ref(), &options, false, &counters)
        };
        let serve = {
            let (counters, limit) = (Arc::clone(&counters), options.group_limit.max(1));
            move |mut session: Session, inbox: Inbox| serve_writes(&mut session, &inbox, limit, &counters)
        };
        writer.spawn("store-writer".to_owned(), prepare, serve).await?;
        let readers = match path {
            None => None,
            Some(path) => Some(open_readers(&path, options, &counters).await?),
        };
        Ok(Self { counters, writer, readers })
    }

    pub(crate) async fn submit(&self, work: BoxedWork) -> Result<(), StoreError> {
        match (&self.readers, work.mode()) {
            (Some(readers), Mode::Read) => readers.submit(work).await,
            _ => self.writer.submit(work).await,
        }
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.counters.snapshot(self.writer.queued() + self.readers.as_ref().map_or(0, Crew::queued))
    }

    pub(crate) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        // Last, so that its connection closes last and folds the write-ahead log into the file.
        self.writer.close().await;
    }
}

async fn open_readers(path: &Path, options: &Options, counters: &Arc<Counters>) -> Result<Crew, StoreError> {
    let readers = Crew::new(options.queue);
    for number in 0..options.readers.max(1) {
        let prepare = {
            let (path, options, counters) = (path.to_owned(), options.clone(), Arc::clone(counters));
            move || Session::open(Some(&path), &options, true, &counters)
        };
        let counters = Arc::clone(counters);
        let serve = move |mut session: Session, inbox: Inbox| {
            while let Some(work) = inbox.take() {
                serve_read(&mut session, work, &counters);
            }
        };
        readers.spawn(format!("store-reader-{number}"), prepare, serve).await?;
    }
    Ok(readers)
}

fn serve_writes(session: &mut Session, inbox: &Inbox, limit: usize, counters: &Counters) {
    loop {
        let taken = inbox.take_group(limit);
        if taken.is_empty() {
            return;
        }
        let (reads, writes): (Vec<_>, Vec<_>) = taken.into_iter().partition(|work| work.mode() == Mode::Read);
        run_group(session, writes, counters);
        for work in reads {
            session.query_only(true);
            serve_read(session, work, counters);
            session.query_only(false);
        }
    }
}

fn serve_read(session: &mut Session, mut work: BoxedWork, counters: &Counters) {
    if work.abandoned() {
        return;
    }
    match session.control("BEGIN DEFERRED") {
        Ok(()) => {
            work.run(&mut Tx::new(Connection::Sqlite(session)));
            session.roll_back();
            add(&counters.reads, 1);
            work.finish();
        }
        Err(error) => work.fail(error),
    }
}

/// Runs every closure of the group. They share one commit, unless one of them costs the engine its transaction.
fn run_group(session: &mut Session, group: Vec<BoxedWork>, counters: &Counters) {
    let mut waiting: VecDeque<BoxedWork> = group.into_iter().filter(|work| !work.abandoned()).collect();
    while !waiting.is_empty() {
        run_transaction(session, &mut waiting, counters);
    }
}

fn run_transaction(session: &mut Session, waiting: &mut VecDeque<BoxedWork>, counters: &Counters) {
    if let Err(error) = session.control("BEGIN IMMEDIATE") {
        waiting.drain(..).for_each(|work| work.fail(error.clone()));
        return;
    }
    let mut succeeded = Vec::with_capacity(waiting.len());
    let mut failed = Vec::new();
    let mut lost = None;
    while let Some(mut work) = waiting.pop_front() {
        let alone = waiting.is_empty() && succeeded.is_empty();
        match run_one(session, work.as_mut(), alone) {
            Ok(true) => succeeded.push(work),
            Ok(false) => failed.push(work),
            Err(error) => {
                // The whole transaction is gone, and with it what the closures before this one wrote.
                failed.push(work);
                lost = Some(error);
                break;
            }
        }
    }
    let outcome = match lost {
        Some(error) => Err(error),
        None if succeeded.is_empty() => Ok(()),
        None => session.control("COMMIT"),
    };
    session.roll_back();
    add(&counters.rolled_back, failed.len());
    failed.into_iter().for_each(|work| work.finish());
    settle(session, succeeded, outcome, counters);
}

/// Runs one closure behind a savepoint. `Ok(true)`: its writes await the commit; `Ok(false)`: they are undone, or will be with the
/// transaction; `Err`: the engine gave up the whole transaction (a full disk, damage). A closure that is alone in its transaction needs
/// no savepoint, which would make the engine keep a copy of every page it touches.
fn run_one(session: &mut Session, work: &mut dyn Work, alone: bool) -> Result<bool, StoreError> {
    if !alone {
        session.control("SAVEPOINT unit")?;
    }
    let mut tx = Tx::new(Connection::Sqlite(session));
    let wants_commit = work.run(&mut tx);
    let fault = tx.fault().cloned();
    if session.db.is_autocommit() {
        return Err(fault.unwrap_or_else(|| StoreError::unavailable("the transaction was ended from inside")));
    }
    if !alone {
        if !wants_commit {
            session.control("ROLLBACK TO unit")?;
        }
        session.control("RELEASE unit")?;
    }
    Ok(wants_commit)
}

/// Answers the closures that asked for a commit.
fn settle(session: &mut Session, succeeded: Vec<BoxedWork>, outcome: Result<(), StoreError>, counters: &Counters) {
    match outcome {
        Ok(()) if succeeded.is_empty() => {}
        Ok(()) => {
            counters.group(succeeded.len());
            succeeded.into_iter().for_each(|work| work.finish());
        }
        // A deferred constraint speaks up only at the commit. Alone, each closure meets its own judgement.
        Err(StoreError::Constraint { .. }) if succeeded.len() > 1 => {
            add(&counters.retries, succeeded.len());
            for work in succeeded {
                run_group(session, vec![work], counters);
            }
        }
        Err(error) => {
            add(&counters.rolled_back, succeeded.len());
            succeeded.into_iter().for_each(|work| work.fail(error.clone()));
        }
    }
}

/// One connection.
pub(crate) struct Session {
    db: Db,
    orders: Orders,
}

impl Session {
    fn open(
        path: Option<&PathBuf>,
        options: &Options,
        read_only: bool,
        counters: &Counters,
    ) -> Result<Self, StoreError> {
        if let Some(folder) = path.and_then(|path| path.parent()).filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(StoreError::unavailable)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let db = match path {
            Some(path) => Db::open_with_flags(path, flags),
            None => Db::open_in_memory_with_flags(flags),
        };
        let db = db.map_err(failure)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.busy_timeout(options.busy_timeout).map_err(failure)?;
        let synchronous = match options.durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
            Durability::Off => "OFF",
        };
        // Readers open the file for writing too, because only a writing connection can use a fresh write-ahead log;
        // `query_only` is what keeps them from changing anything.
        let settings = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA query_only = {};",
            u8::from(read_only)
        );
        db.execute_batch(&settings).map_err(failure)?;
        add(&counters.connects, 1);
        Ok(Self { db, orders: Orders::default() })
    }

    pub(crate) fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let before = self.db.total_changes();
        let mut statement = self.db.prepare_cached(sql).map_err(failure)?;
        let order = self.orders.of(sql, &statement)?;
        bind(&mut statement, &order, params)?;
        let mut rows = statement.raw_query();
        while rows.next().map_err(failure)?.is_some() {}
        // `changes` keeps the figure of an earlier statement when this one is no INSERT, UPDATE or DELETE.
        Ok(if self.db.total_changes() == before { 0 } else { self.db.changes() })
    }

    pub(crate) fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(failure)?;
        let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
        let order = self.orders.of(sql, &statement)?;
        bind(&mut statement, &order, params)?;
        let mut rows = statement.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(failure)? {
            let values = (0..names.len()).map(|column| Ok(value(row.get_ref(column).map_err(failure)?)));
            answer.push(Row::new(Arc::clone(&names), values.collect::<Result<_, StoreError>>()?));
        }
        Ok(answer)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(failure)
    }

    /// Runs one of the few statements that steer transactions.
    fn control(&mut self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(failure)?;
        statement.raw_execute().map(drop).map_err(failure)
    }

    /// Ends the transaction, if one is still open, without keeping anything.
    fn roll_back(&mut self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(error = %error, "rolling back failed");
        }
    }

    /// Forbids or allows changes; used where readers share the only connection.
    fn query_only(&mut self, on: bool) {
        if let Err(error) = self.batch(if on { "PRAGMA query_only = 1" } else { "PRAGMA query_only = 0" }) {
            tracing::error!(error = %error, "switching the connection between reading and writing failed");
        }
    }
}

/// Which parameter stands at each place of a statement. To SQLite `$1` is a mere name, numbered by first appearance; looking every name
/// up again for each execution would cost more than the execution.
#[derive(Default)]
struct Orders(HashMap<String, Rc<[usize]>>);

impl Orders {
    /// The numbers in the order of the statement's places.
    fn of(&mut self, sql: &str, statement: &rusqlite::CachedStatement<'_>) -> Result<Rc<[usize]>, StoreError> {
        if let Some(order) = self.0.get(sql) {
            return Ok(Rc::clone(order));
        }
        let number = |index| {
            let name = statement.parameter_name(index).unwrap_or("?");
            let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()).filter(|n| *n > 0);
            number.ok_or_else(|| StoreError::type_mismatch(format!("parameter {name}: write $1, $2 …")))
        };
        let order: Rc<[usize]> = (1..=statement.parameter_count()).map(number).collect::<Result<_, _>>()?;
        if self.0.len() >= STATEMENTS {
            self.0.clear();
        }
        self.0.insert(sql.to_owned(), Rc::clone(&order));
        Ok(order)
    }
}

/// Binds `$1…$n` by number.
fn bind(statement: &mut rusqlite::CachedStatement<'_>, order: &[usize], params: &[Value]) -> Result<(), StoreError> {
    let mut highest = 0;
    for (place, number) in order.iter().copied().enumerate() {
        let Some(value) = params.get(number - 1) else {
            let given = params.len();
            return Err(StoreError::type_mismatch(format!("parameter ${number} has no value: {given} given")));
        };
        highest = highest.max(number);
        statement.raw_bind_parameter(place + 1, value).map_err(failure)?;
    }
    if highest == params.len() {
        return Ok(());
    }
    Err(StoreError::type_mismatch(format!("{} values for {highest} parameters", params.len())))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::Integer(*int),
            Self::Float(float) => ValueRef::Real(*float),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(column: ValueRef<'_>) -> Value {
    match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(int) => Value::Int(int),
        ValueRef::Real(float) => Value::Float(float),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn failure(error: rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(code, message) = &error else {
        return StoreError::Statement { reason: error.to_string() };
    };
    let reason = message.clone().unwrap_or_else(|| error.to_string());
    match code.code {
        ErrorCode::ConstraintViolation => constraint(code.extended_code, &reason),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Conflict { reason },
        ErrorCode::DiskFull => StoreError::Full { reason },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt { reason },
        ErrorCode::ReadOnly => StoreError::ReadOnly,
        ErrorCode::TypeMismatch => StoreError::Type { what: reason },
        ErrorCode::Unknown => StoreError::Statement { reason },
        _ => StoreError::Unavailable { reason },
    }
}

fn constraint(extended_code: i32, message: &str) -> StoreError {
    let kind = match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            ConstraintKind::Unique
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        _ => ConstraintKind::Other,
    };
    // The message reads "UNIQUE constraint failed: table.column"; a foreign key has no name.
    let name = message.split_once(": ").map_or(message, |(_, name)| name);
    StoreError::Constraint { kind, name: name.to_owned() }
}
