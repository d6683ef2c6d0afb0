//! Remembers which requests were already answered, so that a recorded message cannot be played again.
//!
//! Two generations of ids are kept, each as old as the window at most; a message signed outside the window is refused before its id is
//! looked up, so forgetting an id after two windows is safe.

use std::time::Duration;

use ahash::AHashSet;
use jiff::Timestamp;
use parking_lot::Mutex;
use uuid::Uuid;

/// Most ids in one generation. When a flood fills it, the generations turn early rather than refuse honest callers.
const MAX_IDS: usize = 2_000_000;

/// The memory of request ids.
#[derive(Debug)]
pub struct ReplayGuard {
    window: Duration,
    generations: Mutex<Generations>,
}

#[derive(Debug)]
struct Generations {
    current: AHashSet<Uuid>,
    previous: AHashSet<Uuid>,
    /// When the current generation began, microseconds since the Unix epoch.
    since: i64,
}

/// Why a message counts as replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Replay {
    /// Its id was seen before.
    #[error("the message with this X-Road-Request-Id was already received")]
    Seen,
    /// It was signed too long ago or in the future.
    #[error("the message was signed at {0}, outside the window within which messages are accepted")]
    OutsideWindow(Timestamp),
}

impl ReplayGuard {
    /// A guard that accepts messages signed up to `window` before or after now.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        let generations = Generations { current: AHashSet::new(), previous: AHashSet::new(), since: 0 };
        Self { window, generations: Mutex::new(generations) }
    }

    /// Accepts a message once.
    ///
    /// # Errors
    /// When it was accepted before or is outside the window.
    pub fn admit(&self, request_id: Uuid, signed_at: Timestamp, now: Timestamp) -> Result<(), Replay> {
        let age = signed_at.duration_until(now);
        if age.unsigned_abs() > self.window {
            return Err(Replay::OutsideWindow(signed_at));
        }
        let now = now.as_microsecond();
        // Accepted messages may be dated from one window back to one ahead: an id must live for two.
        let life = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX).saturating_mul(2);
        let mut generations = self.generations.lock();
        if now.saturating_sub(generations.since) > life || generations.current.len() >= MAX_IDS {
            generations.previous = std::mem::take(&mut generations.current);
            generations.since = now;
        }
        if generations.previous.contains(&request_id) || !generations.current.insert(request_id) {
            return Err(Replay::Seen);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_message_is_accepted_once_within_its_window() {
        let guard = ReplayGuard::new(Duration::from_secs(900));
        let start: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let id = Uuid::from_u128(1);
        guard.admit(id, start, start).unwrap();
        for seconds in [0, 800, 900] {
            let now = start + SignedDuration::from_secs(seconds);
            assert_eq!(guard.admit(id, start, now), Err(Replay::Seen), "after {seconds} s");
        }
        let later = start + SignedDuration::from_secs(901);
        assert_eq!(guard.admit(id, start, later), Err(Replay::OutsideWindow(start)));
        let ahead = start + SignedDuration::from_secs(1000);
        assert_eq!(guard.admit(Uuid::from_u128(2), ahead, start), Err(Replay::OutsideWindow(ahead)));
    }

    #[test]
    fn an_id_dated_ahead_is_remembered_until_its_window_has_passed() {
        let guard = ReplayGuard::new(Duration::from_secs(900));
        let start: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let signed = start + SignedDuration::from_secs(890);
        let id = Uuid::from_u128(1);
        guard.admit(id, signed, start).unwrap();
        for step in 1..18 {
            let now = start + SignedDuration::from_secs(step * 100);
            let _ = guard.admit(Uuid::from_u128(100 + u128::try_from(step).unwrap()), now, now);
            assert_eq!(guard.admit(id, signed, now), Err(Replay::Seen), "after {step}00 s");
        }
    }
}
