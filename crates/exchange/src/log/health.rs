//! How the log is doing, for health pages: what waits, what fails, since when and why.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::error::{LogError, LogRefusal};
use super::message_log::MessageLog;
use super::state::{self, ARCHIVED, FAILING_SINCE, INDEXED, OLDEST_UNSTAMPED, STAMPED, UNREADABLE};

/// What this process's background work met last. Reasons are texts for the operator.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) index_error: Option<String>,
    pub(super) stamp_error: Option<String>,
    pub(super) stamp_failures: u32,
    pub(super) archive_error: Option<String>,
    pub(super) transfer_error: Option<String>,
    pub(super) clean_error: Option<String>,
    pub(super) is_leader: bool,
}

/// How the message log is doing. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Serialize)]
pub struct LogHealth {
    /// Whether new messages are taken; if not, why.
    pub refusal: Option<String>,
    /// Whether this process does the background work (one of the processes that share the log does).
    pub is_leader: bool,
    /// Journal records not indexed yet (positions, gaps included).
    pub unindexed: i64,
    /// Why indexing failed last, when it did.
    pub index_error: Option<String>,
    /// Signatures without time-stamp.
    pub unstamped: i64,
    /// When the oldest of them was made; absent when there is none.
    pub oldest_unstamped: Option<i64>,
    /// Since when time-stamping fails.
    pub stamping_failing_since: Option<i64>,
    /// Failed attempts of this process since the last success.
    pub stamp_failures: u32,
    /// What the authorities said.
    pub stamp_error: Option<String>,
    /// Journal positions not archived yet (signatures and gaps included); 0 when nothing is archived by configuration.
    pub unarchived: i64,
    /// Why archiving failed last, when it did.
    pub archive_error: Option<String>,
    /// Why the transfer command failed last, when it did.
    pub transfer_error: Option<String>,
    /// Why cleaning failed last, when it did.
    pub clean_error: Option<String>,
    /// Records that could not be read when they were indexed or archived. Anything above 0 means damage.
    pub unreadable_records: i64,
    /// Operational records dropped by this process because too many waited.
    pub operations_dropped: u64,
}

/// What the database knows.
struct Counts {
    indexed: i64,
    unstamped: i64,
    oldest: i64,
    failing_since: i64,
    archived: i64,
    unreadable: i64,
}

impl MessageLog {
    /// How the log is doing.
    ///
    /// # Errors
    /// When the journal or the database cannot be asked, which is itself the answer: not well.
    pub async fn health(&self) -> Result<LogHealth, LogError> {
        let inner = &*self.inner;
        let tail = inner.journal.durable_tail().await?;
        let counts = self.counts().await?;
        let progress = inner.progress.lock().clone();
        let archives = inner.settings.load().archive_dir.is_some();
        let refusal: Option<LogRefusal> = self.accepting(inner.clock.now_micros()).err();
        Ok(LogHealth {
            refusal: refusal.map(|refusal| refusal.to_string()),
            is_leader: progress.is_leader,
            unindexed: (tail - counts.indexed).max(0),
            index_error: progress.index_error,
            unstamped: counts.unstamped,
            oldest_unstamped: (counts.unstamped > 0).then_some(counts.oldest),
            stamping_failing_since: Some(counts.failing_since).filter(|since| *since != 0),
            stamp_failures: progress.stamp_failures,
            stamp_error: progress.stamp_error,
            unarchived: if archives { (counts.indexed - counts.archived).max(0) } else { 0 },
            archive_error: progress.archive_error,
            transfer_error: progress.transfer_error,
            clean_error: progress.clean_error,
            unreadable_records: counts.unreadable,
            operations_dropped: inner.operations_dropped.load(Ordering::Relaxed),
        })
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        self.inner
            .store
            .read(|tx| {
                let sql = "SELECT COUNT(*) FROM exchange_signature WHERE id > $1";
                let stamped = state::number(tx, STAMPED)?;
                let unstamped = tx.query_one(sql, &[stamped.into()])?;
                Ok::<_, LogError>(Counts {
                    indexed: state::number(tx, INDEXED)?,
                    unstamped: unstamped.map_or(Ok(0), |row| row.int(0))?,
                    oldest: state::number(tx, OLDEST_UNSTAMPED)?,
                    failing_since: state::number(tx, FAILING_SINCE)?,
                    archived: state::number(tx, ARCHIVED)?,
                    unreadable: state::number(tx, UNREADABLE)?,
                })
            })
            .await
    }
}
