//! The same test on both engines.

use std::sync::atomic::{AtomicU32, Ordering};

use store::{Durability, Options, Store};

use crate::{postgres, scratch};

/// An empty database for one test.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite` or `postgres`: say it in the message of an assertion.
    pub name: &'static str,
    /// Its address, to open it a second time as another process would.
    pub url: String,
    /// The open store.
    pub store: Store,
}

/// One empty database on each engine.
///
/// # Panics
/// When an engine is missing; the message says what to do.
pub async fn databases() -> Vec<Database> {
    vec![sqlite().await, on_postgres().await]
}

/// An empty SQLite database in a file. It does not wait for the disk: tests kill processes, not power.
///
/// # Panics
/// When it cannot be created.
pub async fn sqlite() -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let file = scratch::root().join(format!("test-{}.db", NUMBER.fetch_add(1, Ordering::Relaxed)));
    open("sqlite", format!("sqlite:{}?synchronous=off", file.display())).await
}

async fn on_postgres() -> Database {
    let url = tokio::task::spawn_blocking(|| postgres().create_database()).await;
    let url = url.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    open("postgres", url.unwrap_or_else(|error| panic!("{error}"))).await
}

async fn open(name: &'static str, url: String) -> Database {
    let options = Options { connections: 4, readers: 2, durability: Durability::Full, ..Options::default() };
    let store = Store::open_with(&url, options).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    Database { name, url, store }
}
