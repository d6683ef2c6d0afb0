//! Counters of a store, cheap to keep and readable as one plain struct.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a store did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Closures whose writes were committed.
    pub committed: u64,
    /// Closures that were rolled back, because they failed or their commit did.
    pub rolled_back: u64,
    /// Read closures that ended.
    pub reads: u64,
    /// Commits of the engine. `committed / groups` is the mean group size.
    pub groups: u64,
    /// Size of the largest group so far.
    pub largest_group: u64,
    /// Runs of a closure beyond its first, after a conflict or a lost connection.
    pub retries: u64,
    /// Connections opened (PostgreSQL: more than the configured number means that some were lost).
    pub connects: u64,
    /// Closures waiting at this moment.
    pub queued: u64,
}

/// The live counters behind [`Metrics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub committed: AtomicU64,
    pub rolled_back: AtomicU64,
    pub reads: AtomicU64,
    pub groups: AtomicU64,
    pub largest_group: AtomicU64,
    pub retries: AtomicU64,
    pub connects: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Relaxed);
}

impl Counters {
    pub(crate) fn snapshot(&self, queued: usize) -> Metrics {
        Metrics {
            committed: self.committed.load(Relaxed),
            rolled_back: self.rolled_back.load(Relaxed),
            reads: self.reads.load(Relaxed),
            groups: self.groups.load(Relaxed),
            largest_group: self.largest_group.load(Relaxed),
            retries: self.retries.load(Relaxed),
            connects: self.connects.load(Relaxed),
            queued: queued as u64,
        }
    }

    /// Notes one commit that `size` closures shared.
    pub(crate) fn group(&self, size: usize) {
        add(&self.groups, 1);
        add(&self.committed, size);
        self.largest_group.fetch_max(size as u64, Relaxed);
    }
}
