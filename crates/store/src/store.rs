//! The front of the data layer: [`Store`] hands closures to database threads and brings back their answers.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{postgres, sqlite};
use crate::options::{Address, parse_address};
use crate::work::{BoxedWork, Mode, assignment};
use crate::{Metrics, Migration, Options, StoreError, Tx, migrate};

/// Tables of this crate: journals and jobs.
const OWN_TABLES: &[Migration] =
    &[Migration { number: 1, name: "base", sql: include_str!("migrations/0001_base.sql") }];

/// A database, SQLite or PostgreSQL. Cheap to clone; the threads end when the last clone is dropped or closed.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.engine()).finish()
    }
}

impl Store {
    /// Opens `sqlite:/path/file.db`, `sqlite::memory:` or `postgres://…` with the default [`Options`].
    ///
    /// # Errors
    /// [`StoreError::Address`] for another address, [`StoreError::Unavailable`] when the database cannot be opened.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Options::default()).await
    }

    /// Opens a database with given settings. SQLite addresses take `?synchronous=full|normal|off`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, mut options: Options) -> Result<Self, StoreError> {
        let engine = match parse_address(url, &mut options)? {
            Address::SqliteMemory => Engine::Sqlite(sqlite::Pool::open(None::<PathBuf>, &options).await?),
            Address::SqliteFile(path) => Engine::Sqlite(sqlite::Pool::open(Some(path), &options).await?),
            Address::Postgres(url) => Engine::Postgres(postgres::Pool::open(&url, &options).await?),
        };
        let store = Self(Arc::new(engine));
        store.check_order().await?;
        store.migrate("store", OWN_TABLES).await?;
        Ok(store)
    }

    /// Brings the tables of `domain` up to date. Safe when several processes start at once.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when an applied migration was changed or the list has holes; else as [`Store::write`].
    pub async fn migrate(&self, domain: &str, migrations: &'static [Migration]) -> Result<(), StoreError> {
        let domain = domain.to_owned();
        self.run(Mode::Locking, move |tx| migrate::apply(tx, &domain, migrations)).await
    }

    /// Runs `f` as one atomic unit: `Ok` commits, `Err` rolls back. The answer comes after the commit is durable.
    ///
    /// `f` may run more than once (after a conflict, or a connection lost before the commit), hence `Fn`: effects other
    /// than through `tx` do not belong in it. Dropping the future leaves open whether `f` runs. Both engines give
    /// serialisable isolation.
    ///
    /// # Errors
    /// What `f` returned, or a [`StoreError`] of the transaction turned into `E`.
    pub async fn write<T, E>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(Mode::Write, f).await
    }

    /// Runs `f` on one consistent snapshot; writing in it fails with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn read<T, E>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(Mode::Read, f).await
    }

    /// As [`Store::write`], but each statement sees the rows as last committed. For work ordered by row locks.
    pub(crate) async fn write_locking<T, E>(
        &self,
        f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(Mode::Locking, f).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The [`StoreError`] that a caller would meet now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|tx| tx.query("SELECT 1", &[]).map(drop)).await
    }

    /// The counters at this moment.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        match self.0.as_ref() {
            Engine::Sqlite(pool) => pool.metrics(),
            Engine::Postgres(pool) => pool.metrics(),
        }
    }

    /// Name of the engine, for health pages and logs: `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.0.as_ref() {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// Takes no new closures, finishes those already queued, closes the connections and waits for the threads.
    /// Afterwards every call fails with [`StoreError::Closed`], on all clones.
    pub async fn close(&self) {
        match self.0.as_ref() {
            Engine::Sqlite(pool) => pool.close().await,
            Engine::Postgres(pool) => pool.close().await,
        }
    }

    /// Texts must sort by their bytes, as they do on SQLite, or pages and ranges would differ between the engines.
    async fn check_order(&self) -> Result<(), StoreError> {
        let sorts = |tx: &mut Tx<'_>| {
            // On any order by language, small letters stand beside capital ones.
            let row = tx.query_one("SELECT CASE WHEN 'a' < 'B' THEN 1 ELSE 0 END", &[])?;
            row.map_or(Ok(false), |row| row.bool(0))
        };
        if self.read::<bool, StoreError>(sorts).await? {
            tracing::warn!(
                "the database sorts by language: create it with LOCALE 'C' so that texts sort by their bytes"
            );
        }
        Ok(())
    }

    async fn run<T, E>(&self, mode: Mode, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (work, answer) = assignment(mode, f);
        self.submit(work).await?;
        // The sender is dropped unanswered only when the thread is gone, which happens on close alone.
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn submit(&self, work: BoxedWork) -> Result<(), StoreError> {
        match self.0.as_ref() {
            Engine::Sqlite(pool) => pool.submit(work).await,
            Engine::Postgres(pool) => pool.submit(work).await,
        }
    }
}
