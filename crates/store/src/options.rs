//! How a store is opened.

use std::time::Duration;

use crate::StoreError;

/// What a commit promises when the power fails. A killed process loses nothing in any setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// An acknowledged commit survives a power failure.
    #[default]
    Full,
    /// The last commits may be missing after a power failure; the database stays consistent.
    Normal,
    /// For demonstrations and tests: a power failure may damage an SQLite file.
    Off,
}

/// Settings of a [`Store`](crate::Store). The defaults suit production.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a commit promises.
    pub durability: Durability,
    /// SQLite: number of read-only connections, each on its own thread.
    pub readers: usize,
    /// PostgreSQL: number of connections, each on its own thread.
    pub connections: usize,
    /// Closures that may wait in a queue; further callers wait for a place.
    pub queue: usize,
    /// SQLite: closures that share one commit at most.
    pub group_limit: usize,
    /// SQLite: how long to wait for another process that holds the write lock.
    pub busy_timeout: Duration,
    /// PostgreSQL: longest run of one statement.
    pub statement_timeout: Duration,
    /// PostgreSQL: longest wait for one attempt to connect.
    pub connect_timeout: Duration,
    /// PostgreSQL: how long an outage is waited out (a restart, a fail-over) before callers are told.
    pub patience: Duration,
    /// PostgreSQL: how this process is shown in `pg_stat_activity`.
    pub application_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            readers: 4,
            connections: 8,
            queue: 1024,
            group_limit: 256,
            busy_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            application_name: "lienthong".to_owned(),
        }
    }
}

/// A parsed database address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    SqliteMemory,
    SqliteFile(std::path::PathBuf),
    Postgres(String),
}

/// Understands `sqlite:PATH[?synchronous=full|normal|off]`, `sqlite::memory:` and `postgres://…`; a setting in the
/// address wins over the one in `options`.
pub(crate) fn parse_address(url: &str, options: &mut Options) -> Result<Address, StoreError> {
    let refuse = |reason: &str| Err(StoreError::Address { reason: reason.to_owned() });
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Address::Postgres(url.to_owned()));
    }
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return refuse("must begin with sqlite: or postgres://");
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        options.durability = match pair {
            "synchronous=full" => Durability::Full,
            "synchronous=normal" => Durability::Normal,
            "synchronous=off" => Durability::Off,
            _ => return refuse("the only setting is synchronous=full|normal|off"),
        };
    }
    match path.strip_prefix("//").unwrap_or(path) {
        "" => refuse("sqlite: needs a path or :memory:"),
        ":memory:" => Ok(Address::SqliteMemory),
        file => Ok(Address::SqliteFile(file.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<(Address, Durability), StoreError> {
        let mut options = Options::default();
        parse_address(url, &mut options).map(|address| (address, options.durability))
    }

    #[test]
    fn addresses_are_understood() {
        assert_eq!(parse("sqlite::memory:").unwrap(), (Address::SqliteMemory, Durability::Full));
        let file = |path: &str| Address::SqliteFile(path.into());
        assert_eq!(parse("sqlite:/var/a.db").unwrap(), (file("/var/a.db"), Durability::Full));
        assert_eq!(parse("sqlite:///var/a.db").unwrap(), (file("/var/a.db"), Durability::Full));
        assert_eq!(parse("sqlite:a.db?synchronous=off").unwrap(), (file("a.db"), Durability::Off));
        assert!(matches!(parse("postgres://h/d").unwrap().0, Address::Postgres(_)));
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in ["", "mysql://x", "sqlite:", "sqlite:a.db?mode=ro"] {
            assert!(matches!(parse(url), Err(StoreError::Address { .. })), "{url}");
        }
    }
}
