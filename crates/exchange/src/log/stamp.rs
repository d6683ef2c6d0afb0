//! Time-stamping in batches, off the data path: one time-stamp over the root of a hash chain covers thousands of signatures (§2.7).
//!
//! Signatures are stamped in the order of their ids, so that one checkpoint says which are. After an outage the backlog is worked off in
//! chunks of `timestamp_limit`. A failure is published in [`super::gate::Gate`] for the data path and in the database for other processes.

use trust::hashchain::TimestampTree;

use super::error::LogError;
use super::message_log::{Inner, MessageLog};
use super::record::Digest;
use super::state::{self, FAILING_SINCE, OLDEST_UNSTAMPED, STAMPED};

/// What a time-stamping pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StampReport {
    /// Time-stamps obtained.
    pub stamps: u32,
    /// Signatures they cover.
    pub signatures: u64,
}

/// Why a time-stamping pass ended early.
#[derive(Debug, thiserror::Error)]
pub enum StampPassError {
    /// No authority gave a time-stamp; the text names each and its reason.
    #[error("failed to get a time-stamp from any authority: {0}")]
    NoAuthority(String),
    /// The log itself failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Signatures that one time-stamp will cover.
struct Chunk {
    after: i64,
    first: i64,
    last: i64,
    leaves: Vec<Digest>,
}

impl MessageLog {
    /// Time-stamps everything that is durable at the time of the call and has no time-stamp yet.
    ///
    /// # Errors
    /// When no authority answers or the database fails. What was stamped before the failure stays stamped.
    pub async fn stamp_now(&self) -> Result<StampReport, StampPassError> {
        let inner = &*self.inner;
        // Taken before looking: whatever is appended after this moment is younger, so the bound holds without reading it.
        let bound = inner.clock.now_micros();
        self.catch_up().await?;
        let _turn = inner.stamping.lock().await;
        let outcome = stamp_backlog(inner).await;
        match &outcome {
            Ok(_) => publish(inner, bound, false).await?,
            Err(StampPassError::NoAuthority(_)) => publish(inner, bound, true).await?,
            // The log's own failure says nothing about the authorities: what was known of them stays.
            Err(StampPassError::Log(_)) => {}
        }
        outcome
    }

    /// Takes over what another process published about time-stamping.
    pub(super) async fn follow_stamping(&self) -> Result<(), LogError> {
        let (oldest, failing_since) = self
            .inner
            .store
            .read(|tx| Ok::<_, LogError>((state::number(tx, OLDEST_UNSTAMPED)?, state::number(tx, FAILING_SINCE)?)))
            .await?;
        self.inner.gate.set_stamping(oldest, Some(failing_since).filter(|since| *since != 0));
        Ok(())
    }
}

async fn stamp_backlog(inner: &Inner) -> Result<StampReport, StampPassError> {
    let mut report = StampReport::default();
    while let Some(chunk) = next_chunk(inner).await? {
        let covered = chunk.leaves.len() as u64;
        match stamp_chunk(inner, chunk).await {
            // Another process stamped these meanwhile: look again from where it came to.
            Err(StampPassError::Log(LogError::Contended)) => {}
            Err(error) => return Err(error),
            Ok(()) => {
                report.stamps += 1;
                report.signatures += covered;
            }
        }
    }
    Ok(report)
}

async fn next_chunk(inner: &Inner) -> Result<Option<Chunk>, LogError> {
    let limit = i64::from(inner.settings.load().timestamp_limit.max(1));
    let (after, rows) = inner
        .store
        .read(move |tx| {
            let after = state::number(tx, STAMPED)?;
            let sql = "SELECT id, leaf FROM exchange_signature WHERE id > $1 ORDER BY id LIMIT $2";
            Ok::<_, LogError>((after, tx.query(sql, &[after.into(), limit.into()])?))
        })
        .await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let (first, last) = (first.int(0)?, last.int(0)?);
    let leaves: Result<Vec<Digest>, LogError> = rows
        .iter()
        .map(|row| {
            let tampered = LogError::Tampered { seq: last.unsigned_abs(), what: "the index of signatures" };
            row.get::<&[u8]>(1)?.try_into().map_err(|_| tampered)
        })
        .collect();
    Ok(Some(Chunk { after, first, last, leaves: leaves? }))
}

async fn stamp_chunk(inner: &Inner, chunk: Chunk) -> Result<(), StampPassError> {
    let leaves = chunk.leaves.concat();
    let tree = TimestampTree::new(chunk.leaves).ok_or_else(|| LogError::Evidence("no signatures to stamp".into()))?;
    let result = tree.result_xml().into_bytes();
    let (authority, token) = ask(inner, &result).await?;
    let at = inner.clock.now_micros();
    let (after, first, last) = (chunk.after, chunk.first, chunk.last);
    inner
        .store
        .write(move |tx| {
            state::advance(tx, STAMPED, after, last)?;
            let sql =
                "INSERT INTO exchange_stamp (last_signature, first_signature, at, authority, token, result, leaves)
                VALUES ($1, $2, $3, $4, $5, $6, $7)";
            tx.exec(
                sql,
                &[
                    last.into(),
                    first.into(),
                    at.into(),
                    authority.as_str().into(),
                    token.as_slice().into(),
                    result.as_slice().into(),
                    leaves.as_slice().into(),
                ],
            )?;
            Ok::<_, LogError>(())
        })
        .await?;
    Ok(())
}

/// Asks the authorities in order.
async fn ask(inner: &Inner, data: &[u8]) -> Result<(String, Vec<u8>), StampPassError> {
    let authorities = (inner.timestampers)();
    let mut reasons = Vec::new();
    for authority in &authorities {
        match authority.stamp(data).await {
            Ok(token) => return Ok((authority.name().to_owned(), token)),
            Err(error) => {
                tracing::warn!(timestamp.authority = authority.name(), %error, "no time-stamp from this authority");
                reasons.push(format!("{}: {error}", authority.name()));
            }
        }
    }
    if reasons.is_empty() {
        reasons.push("no time-stamping authority is configured".into());
    }
    Err(StampPassError::NoAuthority(reasons.join("; ")))
}

/// Tells the data path and other processes how time-stamping stands.
async fn publish(inner: &Inner, bound: i64, failed: bool) -> Result<(), LogError> {
    let (oldest, since) = inner
        .store
        .write(move |tx| {
            let stamped = state::number(tx, STAMPED)?;
            let sql = "SELECT at FROM exchange_signature WHERE id > $1 ORDER BY id LIMIT 1";
            let oldest = match tx.query_one(sql, &[stamped.into()])? {
                Some(row) => row.int(0)?.min(bound),
                None => bound,
            };
            let before = state::number(tx, FAILING_SINCE)?;
            let since = match (failed, before) {
                (false, _) => 0,
                (true, 0) => bound,
                (true, before) => before,
            };
            state::set_number(tx, OLDEST_UNSTAMPED, oldest)?;
            state::set_number(tx, FAILING_SINCE, since)?;
            Ok::<_, LogError>((oldest, since))
        })
        .await?;
    inner.gate.set_stamping(oldest, Some(since).filter(|since| *since != 0));
    Ok(())
}
