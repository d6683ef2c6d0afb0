//! PostgreSQL: a few connections, each on its own thread, each closure in its own transaction.
//!
//! Writes run at `SERIALIZABLE`, so that "read, decide, write" is as safe as on SQLite, where one writer runs at a time;
//! what collides (40001, 40P01) runs again after a short random wait. A connection lost before the commit is opened
//! again and the closure repeated; one lost *during* the commit is reported as uncertain and never repeated.

mod codec;
mod link;
mod session;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use link::{Link, Outage};
pub(crate) use session::Session;

use super::crew::{Crew, Inbox};
use crate::metrics::{Counters, add};
use crate::tx::Connection;
use crate::work::{BoxedWork, Mode, Work};
use crate::{Metrics, Options, StoreError, Tx};

/// Runs of one closure that may end in a conflict before the caller is told.
const CONFLICTS: u32 = 100;
/// Connections that may be lost under one closure before the caller is told.
const LOSSES: u32 = 5;
/// The longest wait between two runs after a conflict.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The connections to one PostgreSQL database.
pub(crate) struct Pool {
    counters: Arc<Counters>,
    crew: Crew,
}

impl Pool {
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        let counters = Arc::new(Counters::default());
        let outage = Arc::new(Outage::new(options.patience));
        let config = link::config(url, options)?;
        let crew = Crew::new(options.queue);
        for number in 0..options.connections.max(1) {
            let mut link = Link::new(config.clone(), Arc::clone(&outage), Arc::clone(&counters));
            // The first proves that the address is right; the others connect when there is work for them.
            let prepare = move || if number == 0 { link.session().map(drop).map(|()| link) } else { Ok(link) };
            let counters = Arc::clone(&counters);
            let serve = move |mut link: Link, inbox: Inbox| {
                while let Some(work) = inbox.take() {
                    serve(&mut link, work, &counters);
                }
            };
            crew.spawn(format!("store-postgres-{number}"), prepare, serve).await?;
        }
        Ok(Self { counters, crew })
    }

    pub(crate) async fn submit(&self, work: BoxedWork) -> Result<(), StoreError> {
        self.crew.submit(work).await
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.counters.snapshot(self.crew.queued())
    }

    pub(crate) async fn close(&self) {
        self.crew.close().await;
    }
}

/// How one run of a closure ended.
enum Outcome {
    /// Committed, or rolled back because the closure failed: its own result stands.
    Done { committed: bool },
    /// Nothing was written; another run may succeed.
    Collided(StoreError),
    /// The connection is gone and nothing was written.
    Lost(StoreError),
    /// This error stands in place of the closure's result. `lost`: the connection cannot be used any more.
    Failed { error: StoreError, lost: bool },
}

fn serve(link: &mut Link, mut work: BoxedWork, counters: &Counters) {
    let (mut collisions, mut losses) = (0, 0);
    loop {
        if work.abandoned() {
            return;
        }
        let session = match link.session() {
            Ok(session) => session,
            Err(error) => return work.fail(error),
        };
        match run_once(session, work.as_mut()) {
            Outcome::Done { committed } => {
                count(counters, work.mode(), committed);
                return work.finish();
            }
            Outcome::Collided(error) if collisions >= CONFLICTS => return refuse(work, error, counters),
            Outcome::Collided(_) => {
                collisions += 1;
                pause(collisions);
            }
            Outcome::Lost(error) => {
                link.drop_session();
                losses += 1;
                if losses > LOSSES {
                    return refuse(work, error, counters);
                }
            }
            Outcome::Failed { error, lost } => {
                if lost {
                    link.drop_session();
                }
                return refuse(work, error, counters);
            }
        }
        add(&counters.retries, 1);
    }
}

fn count(counters: &Counters, mode: Mode, committed: bool) {
    match mode {
        Mode::Read => add(&counters.reads, 1),
        Mode::Write | Mode::Locking if committed => counters.group(1),
        Mode::Write | Mode::Locking => add(&counters.rolled_back, 1),
    }
}

fn refuse(work: BoxedWork, error: StoreError, counters: &Counters) {
    count(counters, work.mode(), false);
    work.fail(error);
}

fn run_once(session: &mut Session, work: &mut dyn Work) -> Outcome {
    let begin = match work.mode() {
        Mode::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        Mode::Locking => "BEGIN ISOLATION LEVEL READ COMMITTED",
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    };
    if let Err(error) = session.batch(begin) {
        return Outcome::Lost(error);
    }
    let mut tx = Tx::new(Connection::Postgres(session));
    let wants_commit = work.run(&mut tx);
    match tx.fault().cloned() {
        Some(fault @ StoreError::Unavailable { .. }) => return Outcome::Lost(fault),
        Some(fault @ StoreError::Conflict { .. }) => {
            return if session.batch("ROLLBACK").is_ok() { Outcome::Collided(fault) } else { Outcome::Lost(fault) };
        }
        _ => {}
    }
    if !wants_commit {
        // Even when this fails nothing was written: the server rolls back by itself when a connection ends.
        let lost = session.batch("ROLLBACK").is_err();
        return if lost && session.is_closed() {
            Outcome::Lost(session.gone())
        } else {
            Outcome::Done { committed: false }
        };
    }
    match session.batch("COMMIT") {
        Ok(()) => Outcome::Done { committed: true },
        Err(error @ StoreError::Conflict { .. }) => Outcome::Collided(error),
        Err(error @ StoreError::Unavailable { .. }) if work.mode() == Mode::Read => Outcome::Lost(error),
        Err(StoreError::Unavailable { reason }) => {
            Outcome::Failed { error: StoreError::Uncertain { reason }, lost: true }
        }
        Err(error) => Outcome::Failed { error, lost: false },
    }
}

/// Waits a random time that grows with the number of collisions, so that the same two do not meet again.
fn pause(collisions: u32) {
    let ceiling = LONGEST_PAUSE.min(Duration::from_millis(1) * 2_u32.saturating_pow(collisions.min(10)));
    let share = RandomState::new().build_hasher().finish() % 1000;
    std::thread::sleep(ceiling / 1000 * u32::try_from(share).unwrap_or(500));
}
