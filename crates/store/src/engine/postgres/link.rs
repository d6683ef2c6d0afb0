//! Keeping a connection: settings, reconnecting, and what all threads know of an outage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use postgres::error::SqlState;
use postgres::{Config, NoTls};

use super::session::{Session, failure};
use crate::metrics::{Counters, add};
use crate::{Durability, Options, StoreError};

/// Pause between two attempts to connect.
const RETRY: Duration = Duration::from_millis(100);
/// Once an outage has outlasted the patience, one attempt per this time; callers between are refused at once.
const PROBE: Duration = Duration::from_secs(1);

/// Reads the address and adds our settings to it.
pub(super) fn config(url: &str, options: &Options) -> Result<Config, StoreError> {
    let Ok(mut config) = url.parse::<Config>() else {
        // The parser's own words may quote the address, and with it the password.
        return Err(StoreError::Address { reason: "not a PostgreSQL connection address".to_owned() });
    };
    let synchronous_commit = if options.durability == Durability::Full { "on" } else { "off" };
    let settings = format!(
        "{} -c statement_timeout={} -c idle_in_transaction_session_timeout=60000 -c synchronous_commit={} \
         -c client_min_messages=warning",
        config.get_options().unwrap_or(""),
        options.statement_timeout.as_millis(),
        synchronous_commit
    );
    config.options(settings.trim());
    if config.get_application_name().is_none() {
        config.application_name(&options.application_name);
    }
    config
        .connect_timeout(options.connect_timeout)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(60));
    Ok(config)
}

/// Whether the database is away, known to all threads: one long wait must not become one per queued closure.
pub(super) struct Outage {
    patience: Duration,
    state: Mutex<Option<Away>>,
}

struct Away {
    since: Instant,
    last_attempt: Instant,
    reason: StoreError,
}

impl Outage {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, state: Mutex::new(None) }
    }

    /// The reason to refuse without an attempt, if the database is known to be away.
    fn refusal(&self) -> Option<StoreError> {
        let state = self.state.lock();
        let away = state.as_ref()?;
        (away.since.elapsed() > self.patience && away.last_attempt.elapsed() < PROBE).then(|| away.reason.clone())
    }

    /// Notes a failed attempt. `true`: try again; `false`: the patience is used up.
    fn failed(&self, reason: &StoreError) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let since = state.as_ref().map_or(now, |away| away.since);
        *state = Some(Away { since, last_attempt: now, reason: reason.clone() });
        now.duration_since(since) <= self.patience
    }

    fn over(&self) {
        self.state.lock().take();
    }
}

/// The place of one connection: empty, or a session.
pub(super) struct Link {
    config: Config,
    outage: Arc<Outage>,
    counters: Arc<Counters>,
    session: Option<Session>,
}

impl Link {
    pub(super) fn new(config: Config, outage: Arc<Outage>, counters: Arc<Counters>) -> Self {
        Self { config, outage, counters, session: None }
    }

    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }

    /// The open session; connects first when there is none, waiting out a short outage.
    pub(super) fn session(&mut self) -> Result<&mut Session, StoreError> {
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => self.connect()?,
        };
        Ok(self.session.insert(session))
    }

    fn connect(&self) -> Result<Session, StoreError> {
        loop {
            if let Some(reason) = self.outage.refusal() {
                return Err(reason);
            }
            let error = match self.config.connect(NoTls) {
                Ok(client) => {
                    self.outage.over();
                    add(&self.counters.connects, 1);
                    return Ok(Session::new(client));
                }
                Err(error) => error,
            };
            let permanent = error.code().is_some_and(is_permanent);
            let reason = match failure(error) {
                reason @ StoreError::Unavailable { .. } => reason,
                other => StoreError::unavailable(other),
            };
            if permanent || !self.outage.failed(&reason) {
                return Err(reason);
            }
            std::thread::sleep(RETRY);
        }
    }
}

/// Refusals that waiting does not cure: wrong password, no such role or database.
fn is_permanent(code: &SqlState) -> bool {
    code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME
}
