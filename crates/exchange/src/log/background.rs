//! The work beside the data path: indexing, time-stamping, archiving, cleaning, each at its own pace, by one process at a time.
//!
//! Every pass may fail without harm: it is noted for [`super::health`], logged, and tried again. Intervals are measured by the monotonic
//! clock, so that a wall clock that jumps neither stops nor floods the work.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::error::LogError;
use super::message_log::{Inner, MessageLog};
use super::state;
use crate::monitor;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// How long the lease is held without renewal. Renewed at a third of it.
const LEASE_SECONDS: i64 = 15;
/// Longest time between two indexing passes.
const MAX_INDEX_INTERVAL: u64 = 1_000;
/// Seconds after which a failed archiving or cleaning pass is tried again.
const RETRY_SECONDS: u64 = 60;

impl MessageLog {
    /// Does the background work until `stop` is ready; then stores what waits and gives the lease up.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        let work = async {
            tokio::join!(
                self.run_lease(),
                self.run_index(),
                self.run_stamping(),
                self.run_archiving(),
                self.run_cleaning()
            );
        };
        tokio::select! {
            () = &mut stop => {}
            () = work => {}
        }
        self.finish().await;
    }

    /// The last pass before the process ends: nothing durable depends on it, but a restart finds less to do.
    async fn finish(&self) {
        if let Err(error) = self.store_operations().await {
            tracing::warn!(%error, "operational records could not be stored on stop");
        }
        if self.is_leader() {
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "the message log could not be indexed on stop");
            }
            if let Err(error) = state::release(&self.inner.store, &self.inner.holder).await {
                tracing::warn!(%error, "the lease of the message log runs out by itself");
            }
        }
    }

    async fn run_lease(&self) {
        let mut pace = tokio::time::interval(Duration::from_secs(LEASE_SECONDS.unsigned_abs() / 3));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let now = self.inner.clock.now_micros();
            let until = now.saturating_add(LEASE_SECONDS * MICROS_PER_SECOND);
            let leads = state::lease(&self.inner.store, &self.inner.holder, now, until).await;
            if let Err(error) = &leads {
                tracing::warn!(%error, "the lease of the message log cannot be renewed");
            }
            let leads = leads.unwrap_or(false);
            self.inner.progress.lock().is_leader = leads;
            if !leads && let Err(error) = self.follow_stamping().await {
                tracing::warn!(%error, "the state of time-stamping cannot be read");
            }
        }
    }

    async fn run_index(&self) {
        let mut failed_before = 0;
        loop {
            let interval = self.inner.settings.load().index_interval_ms.clamp(10, MAX_INDEX_INTERVAL);
            tokio::time::sleep(Duration::from_millis(interval)).await;
            failed_before = self.inner.watch_journal(failed_before).await;
            let mut outcome = self.store_operations().await;
            if self.is_leader() {
                outcome = outcome.and(self.catch_up().await);
            }
            note(&self.inner, "indexing", &outcome, |inner, reason| inner.progress.lock().index_error = reason);
        }
    }

    async fn run_stamping(&self) {
        let mut failures = 0_u32;
        // The first pass comes soon: an outage that ended while the process was down must not refuse messages any longer.
        let mut pause = Duration::from_secs(1);
        loop {
            tokio::time::sleep(pause).await;
            let settings = self.inner.settings.load_full();
            let interval = Duration::from_secs(settings.timestamp_interval.max(1));
            pause = interval;
            if !settings.timestamping || !self.is_leader() {
                failures = 0;
                continue;
            }
            let outcome = self.stamp_now().await;
            failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
            pause = back_off(failures, interval, Duration::from_secs(settings.timestamp_retry_delay.max(1)));
            self.inner.progress.lock().stamp_failures = failures;
            note(&self.inner, "time-stamping", &outcome, |inner, reason| inner.progress.lock().stamp_error = reason);
        }
    }

    async fn run_archiving(&self) {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep_until(next).await;
            let settings = self.inner.settings.load_full();
            next = Instant::now() + Duration::from_secs(RETRY_SECONDS.min(settings.archive_interval.max(1)));
            if !self.is_leader() || settings.archive_dir.is_none() {
                continue;
            }
            let outcome = self.archive_now().await;
            if outcome.is_ok() {
                next = Instant::now() + Duration::from_secs(settings.archive_interval.max(1));
            }
            note(&self.inner, "archiving", &outcome, |inner, reason| inner.progress.lock().archive_error = reason);
        }
    }

    async fn run_cleaning(&self) {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep_until(next).await;
            let settings = self.inner.settings.load_full();
            next = Instant::now() + Duration::from_secs(RETRY_SECONDS.min(settings.clean_interval.max(1)));
            if !self.is_leader() {
                continue;
            }
            let outcome = self.clean_now().await;
            if outcome.is_ok() {
                next = Instant::now() + Duration::from_secs(settings.clean_interval.max(1));
            }
            note(&self.inner, "cleaning", &outcome, |inner, reason| inner.progress.lock().clean_error = reason);
        }
    }

    /// Stores the operational records that wait.
    ///
    /// # Errors
    /// When the database fails; the records wait again, as far as there is room.
    pub async fn store_operations(&self) -> Result<(), LogError> {
        let inner = &*self.inner;
        let waiting = std::mem::take(&mut *inner.operations.lock());
        let outcome = monitor::store::insert(&inner.store, inner.clock.now_micros(), &waiting).await;
        if outcome.is_err() {
            waiting.into_iter().for_each(|record| self.append_operation(record));
        }
        Ok(outcome?)
    }

    fn is_leader(&self) -> bool {
        self.inner.progress.lock().is_leader
    }
}

impl Inner {
    /// Notices failed writes nobody waited for, and tries whether a journal that failed can be written again.
    async fn watch_journal(&self, failed_before: u64) -> u64 {
        let failed = self.journal.0.stats().failed;
        if failed > failed_before {
            self.gate.write_failed();
            self.signatures.forget();
        }
        if self.gate.is_write_failed() {
            match self.journal.barrier().await {
                Ok(()) => self.gate.write_succeeded(),
                Err(error) => tracing::error!(%error, "the message log cannot be written: messages are refused"),
            }
        }
        // The probe's own failure is no news.
        self.journal.0.stats().failed
    }
}

/// How long to wait for the next attempt after `failures` failures in a row.
fn back_off(failures: u32, interval: Duration, retry: Duration) -> Duration {
    match failures {
        0 => interval,
        _ => retry.saturating_mul(2_u32.saturating_pow(failures - 1)).min(interval),
    }
}

/// Logs a failure and remembers its reason for the health page.
fn note<T, E: std::fmt::Display>(
    inner: &Inner,
    work: &'static str,
    outcome: &Result<T, E>,
    remember: impl FnOnce(&Inner, Option<String>),
) {
    if let Err(error) = outcome {
        tracing::warn!(log.work = work, %error, "background work of the message log failed and will be tried again");
    }
    remember(inner, outcome.as_ref().err().map(ToString::to_string));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_back_off_up_to_the_interval() {
        let (interval, retry) = (Duration::from_secs(60), Duration::from_secs(5));
        let delays: Vec<u64> = (0..7).map(|failures| back_off(failures, interval, retry).as_secs()).collect();
        assert_eq!(delays, [60, 5, 10, 20, 40, 60, 60]);
        assert_eq!(back_off(u32::MAX, interval, retry), interval);
    }
}
