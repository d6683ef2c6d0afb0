//! Whether the log takes new messages: a few atomics that the data path reads and the background work writes.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::error::LogRefusal;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// "No failure": later than every time.
const NEVER: i64 = i64::MAX;

/// The state behind [`super::MessageLog::accepting`].
#[derive(Debug)]
pub(super) struct Gate {
    /// No message older than this is without time-stamp, microseconds. A lower bound: exact whenever a pass finds unstamped messages.
    oldest_unstamped: AtomicI64,
    /// When time-stamping began to fail, or [`NEVER`].
    failing_since: AtomicI64,
    /// The last write to the journal failed.
    write_failed: AtomicBool,
    /// How long time-stamping may fail, microseconds.
    acceptable: AtomicI64,
}

impl Gate {
    pub(super) fn new(now: i64, acceptable_seconds: u64) -> Self {
        let gate = Self {
            oldest_unstamped: AtomicI64::new(now),
            failing_since: AtomicI64::new(NEVER),
            write_failed: AtomicBool::new(false),
            acceptable: AtomicI64::new(0),
        };
        gate.set_acceptable(acceptable_seconds);
        gate
    }

    pub(super) fn set_acceptable(&self, seconds: u64) {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
        self.acceptable.store(micros, Ordering::Relaxed);
    }

    pub(super) fn accepting(&self, now: i64) -> Result<(), LogRefusal> {
        if self.write_failed.load(Ordering::Relaxed) {
            return Err(LogRefusal::WriteFailed);
        }
        if self.failing_since.load(Ordering::Relaxed) == NEVER {
            return Ok(());
        }
        let age = now.saturating_sub(self.oldest_unstamped.load(Ordering::Relaxed));
        if age <= self.acceptable.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(LogRefusal::TimestampingFailed { unstamped_seconds: age / MICROS_PER_SECOND })
    }

    pub(super) fn write_failed(&self) {
        self.write_failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn write_succeeded(&self) {
        self.write_failed.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_write_failed(&self) -> bool {
        self.write_failed.load(Ordering::Relaxed)
    }

    /// Publishes the outcome of a time-stamping pass, own or another process's.
    pub(super) fn set_stamping(&self, oldest_unstamped: i64, failing_since: Option<i64>) {
        // The bound first: a reader that sees the failure must not judge it by an outdated bound.
        self.oldest_unstamped.store(oldest_unstamped, Ordering::Relaxed);
        self.failing_since.store(failing_since.unwrap_or(NEVER), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600 * MICROS_PER_SECOND;

    #[test]
    fn failure_counts_from_the_oldest_message_without_stamp() {
        let gate = Gate::new(0, 4 * 3600);
        assert_eq!(gate.accepting(100 * HOUR), Ok(()), "nothing failed: age alone refuses nothing");
        gate.set_stamping(10 * HOUR, Some(12 * HOUR));
        assert_eq!(gate.accepting(14 * HOUR), Ok(()));
        let refused = gate.accepting(14 * HOUR + MICROS_PER_SECOND);
        assert_eq!(refused, Err(LogRefusal::TimestampingFailed { unstamped_seconds: 4 * 3600 + 1 }));
        gate.set_stamping(15 * HOUR, None);
        assert_eq!(gate.accepting(16 * HOUR), Ok(()));
    }

    #[test]
    fn a_failed_write_refuses_until_one_succeeds() {
        let gate = Gate::new(0, 1);
        gate.write_failed();
        assert_eq!(gate.accepting(0), Err(LogRefusal::WriteFailed));
        gate.write_succeeded();
        assert_eq!(gate.accepting(0), Ok(()));
    }
}
