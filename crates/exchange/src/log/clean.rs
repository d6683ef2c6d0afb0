//! Removing what is past retention: only messages that are time-stamped, archived and, where a transfer command is set, handed over.
//!
//! Removal goes by prefix: everything up to the end of an archiving pass that is old enough. Clocks may jump; the order of the log does
//! not. The journal is cut below the oldest record that any remaining message needs, its signature included.

use store::{Tx, Value};

use super::archive::{IN_PLACE, TRANSFERRED};
use super::error::LogError;
use super::message_log::{Inner, MessageLog};
use super::state::{self, ARCHIVED, STAMPED};
use crate::monitor;

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;
/// Kept at least this long after archiving, whatever the settings say: longer than other processes go on referring to a signature that
/// was written once ([`super::signatures`]).
const SHORTEST_RETENTION: i64 = 3_600 * 1_000_000;
/// Rows removed per transaction: other writers wait for one batch.
const BATCH: i64 = 5_000;

/// What cleaning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// Messages removed from the log.
    pub messages: u64,
    /// Operational records removed.
    pub operations: u64,
}

impl MessageLog {
    /// Removes messages and operational records past their retention.
    ///
    /// # Errors
    /// When the database or the journal fails; what was removed before is gone, the rest goes next time.
    pub async fn clean_now(&self) -> Result<CleanReport, LogError> {
        let inner = &*self.inner;
        let settings = inner.settings.load_full();
        let now = inner.clock.now_micros();
        let operations = monitor::store::remove_before(&inner.store, now, settings.operational_retention_days).await?;
        let _turn = inner.archiving.lock().await;
        // From here on new messages write their signatures anew, and all messages before it are known to the index: none refers to a
        // signature that looks unused.
        inner.signatures.forget();
        inner.journal.barrier().await?;
        self.catch_up().await?;
        let retention = i64::from(settings.retention_days).saturating_mul(MICROS_PER_DAY).max(SHORTEST_RETENTION);
        let cutoff = now.saturating_sub(retention);
        let settled = if settings.archive_transfer_command.is_empty() { IN_PLACE } else { TRANSFERRED };
        let through = inner.store.read(move |tx| removable(tx, cutoff, settled)).await?;
        let mut messages = 0;
        loop {
            let removed = remove_messages(inner, through).await?;
            messages += removed;
            if removed < BATCH.unsigned_abs() {
                break;
            }
        }
        if through > 0 {
            let floor = remove_evidence(inner, through).await?;
            inner.journal.drop_before(floor).await?;
        }
        Ok(CleanReport { messages, operations })
    }
}

/// The position up to which messages may go; 0 when none may.
fn removable(tx: &mut Tx<'_>, cutoff: i64, settled: i64) -> Result<i64, LogError> {
    // Files are settled in order, but one that is not holds back its own pass and all after it.
    let sql = "SELECT MAX(through) FROM exchange_archive WHERE created_at < $1 AND through <= $2
        AND through < COALESCE((SELECT MIN(through) FROM exchange_archive WHERE state < $3), $4)";
    let archived = state::number(tx, ARCHIVED)?;
    let values: [Value; 4] = [cutoff.into(), archived.into(), settled.into(), i64::MAX.into()];
    let row = tx.query_one(sql, &values)?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten().unwrap_or(0))
}

async fn remove_messages(inner: &Inner, through: i64) -> Result<u64, LogError> {
    inner
        .store
        .write(move |tx| {
            let sql = "DELETE FROM exchange_message WHERE seq IN
                (SELECT seq FROM exchange_message WHERE seq <= $1 ORDER BY seq LIMIT $2)";
            Ok::<_, LogError>(tx.exec(sql, &[through.into(), BATCH.into()])?)
        })
        .await
}

/// Removes signatures and time-stamps that no remaining message needs; answers the lowest journal position still needed.
async fn remove_evidence(inner: &Inner, through: i64) -> Result<i64, LogError> {
    inner
        .store
        .write(move |tx| {
            let stamped = state::number(tx, STAMPED)?;
            // A signature that is not stamped holds the place from which stamping goes on.
            tx.exec(
                "DELETE FROM exchange_signature WHERE last_message <= $1 AND id <= $2",
                &[through.into(), stamped.into()],
            )?;
            let first = tx.query_one("SELECT MIN(id), MIN(seq) FROM exchange_signature", &[])?;
            let (first_id, first_seq) = match first {
                Some(row) => (row.opt_int(0)?, row.opt_int(1)?),
                None => (None, None),
            };
            let first_id = first_id.unwrap_or(stamped.saturating_add(1));
            tx.exec("DELETE FROM exchange_stamp WHERE last_signature < $1", &[first_id.into()])?;
            Ok::<_, LogError>(first_seq.unwrap_or(i64::MAX).min(through.saturating_add(1)))
        })
        .await
}
