//! Identifiers: UUIDs whose order is the order of creation (version 7), made from a given time so that rules stay pure.

use jiff::Timestamp;
use uuid::{NoContext, Uuid};

/// A new time-ordered identifier (UUID version 7) for something created at `at`.
#[must_use]
pub fn new(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// A new random identifier (UUID version 4): tells nothing of when it was made.
#[must_use]
pub fn random() -> Uuid {
    Uuid::new_v4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_identifiers_sort_after_earlier_ones() {
        let early = new("2026-01-01T00:00:00Z".parse().unwrap());
        let late = new("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early < late);
    }
}
