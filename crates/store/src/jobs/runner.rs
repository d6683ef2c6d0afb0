//! Doing the jobs: leases, heartbeats, back-off, and an orderly stop.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kit::Clock;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::{Job, claim, complete, fail, release, renew};
use crate::{Store, StoreError};

/// Why a handler could not do its job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It may work later: the job comes back after a pause.
    #[error("{0}")]
    Retry(String),
    /// It will never work: the job is dead at once.
    #[error("{0}")]
    Final(String),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// How jobs are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// Handlers that run at the same time in this process.
    pub concurrency: usize,
    /// How long a job stays with a process that has died. Handlers may run longer: a living process renews its leases.
    pub lease: Duration,
    /// Pause between two looks for due jobs.
    pub poll: Duration,
    /// Attempts after which a job is dead.
    pub attempts: u32,
    /// Pause after the first failed attempt; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(200),
            attempts: 12,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60 * 60),
        }
    }
}

type Outcome = Result<(), JobError>;
type Handler = Arc<dyn Fn(Job) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// Collects handlers, then starts a worker.
pub struct JobRunner {
    store: Store,
    clock: Clock,
    settings: JobSettings,
    handlers: HashMap<String, Handler>,
}

/// A started worker. Dropping it ends the worker at once; its jobs come back when their leases run out.
#[derive(Debug)]
pub struct RunningJobs {
    stop: watch::Sender<Option<Duration>>,
    wake: Arc<Notify>,
    worker: JoinHandle<()>,
}

impl JobRunner {
    /// A worker on `store`, with the default settings and no handlers yet.
    #[must_use]
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self { store: store.clone(), clock, settings: JobSettings::default(), handlers: HashMap::new() }
    }

    /// Other settings.
    #[must_use]
    pub fn settings(mut self, settings: JobSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Has jobs of `kind` done by `handler`. Jobs of kinds without a handler are left to other processes.
    #[must_use]
    pub fn handler<F, Fut>(mut self, kind: &str, handler: F) -> Self
    where
        F: Fn(Job) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.handlers.insert(kind.to_owned(), Arc::new(move |job| Box::pin(handler(job))));
        self
    }

    /// Starts working.
    #[must_use]
    pub fn start(self) -> RunningJobs {
        let (stop, stopping) = watch::channel(None);
        let wake = Arc::new(Notify::new());
        let worker = tokio::spawn(Worker { runner: Arc::new(self), tasks: JoinSet::new() }.run(stopping, wake.clone()));
        RunningJobs { stop, wake, worker }
    }
}

impl RunningJobs {
    /// Looks for due jobs now instead of at the next poll.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Takes no more jobs and waits for the running ones, at most `grace`; what is still running then is broken off and
    /// given back, to be done by another process.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        // Fails only when the runtime is shutting down, and then there is nothing left to wait for.
        let _ = (&mut self.worker).await;
    }
}

impl Drop for RunningJobs {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

struct Worker {
    runner: Arc<JobRunner>,
    tasks: JoinSet<()>,
}

impl Worker {
    async fn run(mut self, mut stopping: watch::Receiver<Option<Duration>>, wake: Arc<Notify>) {
        while stopping.borrow().is_none() {
            let free = self.runner.settings.concurrency.max(1).saturating_sub(self.tasks.len());
            let taken = if free == 0 { 0 } else { self.take(free, &stopping).await };
            if free > 0 && taken == free {
                continue;
            }
            tokio::select! {
                _ = stopping.changed() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(self.runner.settings.poll) => {}
                Some(_) = self.tasks.join_next() => {}
            }
        }
        let grace = stopping.borrow().unwrap_or_default();
        let drain = async { while self.tasks.join_next().await.is_some() {} };
        // Tasks see the stop signal themselves and give their jobs back when the grace has passed.
        let _ = tokio::time::timeout(grace + self.runner.settings.lease, drain).await;
    }

    /// Leases due jobs and starts them.
    async fn take(&mut self, limit: usize, stopping: &watch::Receiver<Option<Duration>>) -> usize {
        let runner = &self.runner;
        let kinds: Vec<String> = runner.handlers.keys().cloned().collect();
        if kinds.is_empty() {
            return 0;
        }
        let token = uuid::Uuid::new_v4().to_string();
        let (now, until) = (runner.clock.now_micros(), runner.lease_end());
        let claim = move |tx: &mut crate::Tx<'_>| claim(tx, &kinds, &token, now, until, limit);
        let jobs = match runner.store.write_locking::<Vec<Job>, StoreError>(claim).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(error = %error, "looking for due jobs failed");
                return 0;
            }
        };
        let count = jobs.len();
        for job in jobs {
            self.tasks.spawn(attend(Arc::clone(&self.runner), job, stopping.clone()));
        }
        count
    }
}

impl JobRunner {
    fn lease_end(&self) -> i64 {
        after(self.clock.now_micros(), self.settings.lease)
    }

    /// When a job is due again after `attempt` failed; `None` when that was the last.
    fn next_attempt(&self, attempt: u32, now: i64) -> Option<i64> {
        if attempt >= self.settings.attempts {
            return None;
        }
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        Some(after(now, self.settings.first_pause.saturating_mul(factor).min(self.settings.longest_pause)))
    }

    /// Writes down how an attempt ended.
    async fn settle(&self, job: Job, outcome: Outcome) {
        let now = self.clock.now_micros();
        let (id, kind) = (job.id, job.kind.clone());
        let written = match outcome {
            Ok(()) => self.store.write::<_, StoreError>(move |tx| complete(tx, &job, now).map(drop)).await,
            Err(error) => {
                let run_at = match &error {
                    JobError::Retry(_) => self.next_attempt(job.attempt, now),
                    JobError::Final(_) => None,
                };
                let (dead, attempt) = (run_at.is_none(), job.attempt);
                tracing::warn!(job.id = id, job.kind = kind, job.attempt = attempt, job.dead = dead, "job failed");
                let reason = error.to_string();
                self.store.write(move |tx| fail(tx, &job, now, run_at, &reason)).await
            }
        };
        if let Err(error) = written {
            // The lease runs out and the job is done again, which handlers are made for.
            tracing::warn!(job.id = id, job.kind = kind, error = %error, "end of a job not written down");
        }
    }
}

/// Runs one job under its lease.
async fn attend(runner: Arc<JobRunner>, job: Job, stopping: watch::Receiver<Option<Duration>>) {
    if job.attempt > runner.settings.attempts {
        // Every earlier attempt died with its process, without a word: this job may be what kills it.
        let reason = JobError::Final("the process died during every attempt".to_owned());
        return runner.settle(job, Err(reason)).await;
    }
    let Some(handler) = runner.handlers.get(&job.kind).cloned() else { return };
    let mut work = tokio::spawn(handler(job.clone()));
    let abort = AbortOnDrop(work.abort_handle());
    let outcome = tokio::select! {
        ended = &mut work => Some(ended),
        () = lease_lost(&runner, &job) => None,
        () = grace_over(stopping) => {
            drop(abort);
            let _ = (&mut work).await;
            let released = runner.store.write::<_, StoreError>(move |tx| release(tx, &job)).await;
            if let Err(error) = released {
                tracing::warn!(error = %error, "a job was not given back; its lease will run out");
            }
            return;
        }
    };
    match outcome {
        Some(Ok(outcome)) => runner.settle(job, outcome).await,
        Some(Err(panic)) => runner.settle(job, Err(JobError::Retry(format!("handler panicked: {panic}")))).await,
        None => tracing::warn!(job.id = job.id, job.kind = job.kind, "lease of a job lost; its handler was broken off"),
    }
}

/// Renews the lease until it is lost.
async fn lease_lost(runner: &JobRunner, job: &Job) {
    let mut end = runner.lease_end();
    loop {
        tokio::time::sleep(runner.settings.lease / 3).await;
        let (job, until) = (job.clone(), runner.lease_end());
        match runner.store.write::<_, StoreError>(move |tx| renew(tx, &job, until)).await {
            Ok(true) => end = until,
            Ok(false) => return,
            // Until it has run out the lease is ours, whether or not the database can be reached.
            Err(_) if runner.clock.now_micros() < end => {}
            Err(_) => return,
        }
    }
}

async fn grace_over(mut stopping: watch::Receiver<Option<Duration>>) {
    let ordered = stopping.wait_for(Option::is_some).await.ok().and_then(|grace| *grace);
    // None: the worker was dropped, which aborts this task.
    let Some(grace) = ordered else { return std::future::pending().await };
    tokio::time::sleep(grace).await;
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn after(now: i64, pause: Duration) -> i64 {
    now.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX))
}
