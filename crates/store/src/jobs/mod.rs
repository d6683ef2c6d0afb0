//! The outbox: slow or outside work is queued in the same transaction as the act that asks for it, and done afterwards.
//!
//! A job is done *at least once*: its handler must be idempotent, and the job's key is what it can recognise it by. Under
//! its lease a job runs in one place at a time; when the process dies the lease runs out and another process takes over.

mod runner;

pub use runner::{JobError, JobRunner, JobSettings, RunningJobs};

use crate::{Row, StoreError, Tx, Value};

/// Life of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Due at its time, for the first time or again.
    Waiting,
    /// Leased by a worker.
    Running,
    /// Done. Kept for a while, so that its key is not queued twice.
    Done,
    /// Given up after too many attempts or a final refusal: a person has to look.
    Dead,
}

impl JobState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Waiting, Self::Running, Self::Done, Self::Dead];
        let found = all.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::type_mismatch(format!("job state {text:?}")))
    }
}

/// A job as a worker gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Number of the row.
    pub id: i64,
    /// Which handler does it.
    pub kind: String,
    /// What makes it one and the same job.
    pub key: String,
    /// JSON for the handler.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Proof of the lease.
    token: String,
}

/// A job as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Number of the row.
    pub id: i64,
    /// Which handler does it.
    pub kind: String,
    /// What makes it one and the same job.
    pub key: String,
    /// Where it stands.
    pub state: JobState,
    /// When it is due, in microseconds since 1970 UTC.
    pub run_at: i64,
    /// Attempts begun.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// Queues a job, due at `run_at` (microseconds UTC). `false`: a job of that kind and key exists already, in whatever
/// state, and nothing was changed.
///
/// # Errors
/// Any [`StoreError`].
pub fn enqueue(tx: &mut Tx<'_>, kind: &str, key: &str, payload_json: &str, run_at: i64) -> Result<bool, StoreError> {
    let insert = "INSERT INTO store_job (kind, key, payload, state, run_at, attempts)
        VALUES ($1, $2, $3, 'waiting', $4, 0) ON CONFLICT (kind, key) DO NOTHING";
    Ok(tx.exec(insert, &[kind.into(), key.into(), payload_json.into(), run_at.into()])? == 1)
}

/// Marks a leased job as done inside the handler's own transaction, so that its effect and its end are one. `false`: the
/// lease was lost, so the transaction should be given up.
///
/// # Errors
/// Any [`StoreError`].
pub fn complete(tx: &mut Tx<'_>, job: &Job, now: i64) -> Result<bool, StoreError> {
    let update = "UPDATE store_job SET state = 'done', token = NULL, lease_until = NULL, ended_at = $3
        WHERE id = $1 AND token = $2";
    Ok(tx.exec(update, &[job.id.into(), job.token.as_str().into(), now.into()])? == 1)
}

/// The jobs in a state, those due first in front.
///
/// # Errors
/// Any [`StoreError`].
pub fn list(tx: &mut Tx<'_>, state: JobState, limit: u32) -> Result<Vec<JobView>, StoreError> {
    let select = "SELECT id, kind, key, state, run_at, attempts, last_error FROM store_job
        WHERE state = $1 ORDER BY run_at, id LIMIT $2";
    tx.query(select, &[state.as_str().into(), limit.into()])?.iter().map(view).collect()
}

/// The job of that kind and key.
///
/// # Errors
/// Any [`StoreError`].
pub fn find(tx: &mut Tx<'_>, kind: &str, key: &str) -> Result<Option<JobView>, StoreError> {
    let select = "SELECT id, kind, key, state, run_at, attempts, last_error FROM store_job
        WHERE kind = $1 AND key = $2";
    tx.query_one(select, &[kind.into(), key.into()])?.as_ref().map(view).transpose()
}

/// Gives a dead job a new life, due at `run_at`. `false`: there is no dead job with that number.
///
/// # Errors
/// Any [`StoreError`].
pub fn revive(tx: &mut Tx<'_>, id: i64, run_at: i64) -> Result<bool, StoreError> {
    let update = "UPDATE store_job SET state = 'waiting', attempts = 0, run_at = $2, ended_at = NULL
        WHERE id = $1 AND state = 'dead'";
    Ok(tx.exec(update, &[id.into(), run_at.into()])? == 1)
}

/// Removes jobs done before `before` and returns their number. Their keys may be queued again afterwards.
///
/// # Errors
/// Any [`StoreError`].
pub fn prune(tx: &mut Tx<'_>, before: i64) -> Result<u64, StoreError> {
    tx.exec("DELETE FROM store_job WHERE state = 'done' AND ended_at < $1", &[before.into()])
}

/// Leases up to `limit` due jobs of the given kinds until `lease_until`; jobs whose lease ran out are due.
fn claim(
    tx: &mut Tx<'_>,
    kinds: &[String],
    token: &str,
    now: i64,
    lease_until: i64,
    limit: usize,
) -> Result<Vec<Job>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut params: Vec<Value> = vec![token.into(), lease_until.into(), now.into(), limit.into()];
    let first = params.len() + 1;
    let names: Vec<String> = (first..first + kinds.len()).map(|number| format!("${number}")).collect();
    params.extend(kinds.iter().map(Value::from));
    // SQLite has one writer at a time; on PostgreSQL workers step over the rows that another one is just taking.
    let skip = tx.pick("", "FOR UPDATE SKIP LOCKED");
    let update = format!(
        "WITH due AS MATERIALIZED (
            SELECT id FROM store_job
            WHERE ((state = 'waiting' AND run_at <= $3) OR (state = 'running' AND lease_until <= $3))
              AND kind IN ({}) ORDER BY run_at, id LIMIT $4 {skip})
         UPDATE store_job SET state = 'running', token = $1, lease_until = $2, attempts = attempts + 1
         WHERE id IN (SELECT id FROM due) RETURNING id, kind, key, payload, attempts, token",
        names.join(", ")
    );
    tx.query(&update, &params)?.iter().map(job).collect()
}

/// Extends a lease; `false` when it is lost.
fn renew(tx: &mut Tx<'_>, job: &Job, lease_until: i64) -> Result<bool, StoreError> {
    let update = "UPDATE store_job SET lease_until = $3 WHERE id = $1 AND token = $2";
    Ok(tx.exec(update, &[job.id.into(), job.token.as_str().into(), lease_until.into()])? == 1)
}

/// Ends an attempt that failed: due again at `run_at`, or dead when that is `None`. Without effect if the lease is lost.
fn fail(tx: &mut Tx<'_>, job: &Job, now: i64, run_at: Option<i64>, reason: &str) -> Result<(), StoreError> {
    let state = if run_at.is_some() { JobState::Waiting } else { JobState::Dead };
    let update = "UPDATE store_job SET state = $3, run_at = $4, ended_at = $5, last_error = $6, token = NULL,
        lease_until = NULL WHERE id = $1 AND token = $2";
    let ended: Option<i64> = if run_at.is_some() { None } else { Some(now) };
    let params: [Value; 6] = [
        job.id.into(),
        job.token.as_str().into(),
        state.as_str().into(),
        run_at.unwrap_or(now).into(),
        ended.into(),
        reason.into(),
    ];
    tx.exec(update, &params).map(drop)
}

/// Gives a lease back without counting the attempt: the process stops before the handler could end.
fn release(tx: &mut Tx<'_>, job: &Job) -> Result<(), StoreError> {
    let update = "UPDATE store_job SET state = 'waiting', attempts = attempts - 1, token = NULL, lease_until = NULL
        WHERE id = $1 AND token = $2";
    tx.exec(update, &[job.id.into(), job.token.as_str().into()]).map(drop)
}

fn job(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.int("id")?,
        kind: row.text("kind")?,
        key: row.text("key")?,
        payload: row.text("payload")?,
        attempt: row.get("attempts")?,
        token: row.text("token")?,
    })
}

fn view(row: &Row) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: row.int("id")?,
        kind: row.text("kind")?,
        key: row.text("key")?,
        state: JobState::parse(row.get("state")?)?,
        run_at: row.int("run_at")?,
        attempts: row.get("attempts")?,
        last_error: row.opt_text("last_error")?,
    })
}
