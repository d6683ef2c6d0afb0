//! The queue between callers and the writer thread of a journal: one lock, one buffer that the writer swaps out whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::ticket::{Promise, Ticket};
use super::{JournalError, JournalStats, MAX_PAYLOAD, Seq};

/// What collects records until the writer comes.
pub(crate) trait Pending: Default + Send {
    /// Work on the payload that needs no lock.
    type Prepared;

    fn prepare(kind: u8, parts: &[&[u8]]) -> Self::Prepared;
    fn push(&mut self, seq: Seq, kind: u8, parts: &[&[u8]], prepared: Self::Prepared);
}

/// A group of records as the writer takes it.
pub(crate) struct Group<P> {
    pub pending: P,
    pub promise: Promise,
    /// Number of the first record, as counted by this queue.
    pub first: Seq,
    pub count: u64,
    payload_bytes: usize,
}

pub(crate) struct Queue<P> {
    limit: usize,
    state: Mutex<State<P>>,
    arrived: Condvar,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    bytes: AtomicU64,
    groups: AtomicU64,
    largest_group: AtomicU64,
    failed: AtomicU64,
}

struct State<P> {
    pending: P,
    promise: Promise,
    count: u64,
    next: Seq,
    /// Payload bytes in `pending`, and in the group that the writer holds.
    bytes: usize,
    in_flight: usize,
    writer_waits: bool,
    closed: Option<JournalError>,
}

impl<P: Pending> Queue<P> {
    /// `limit`: payload bytes that may wait. `next`: number of the next record.
    pub(crate) fn new(limit: usize, next: Seq) -> Self {
        let state = State {
            pending: P::default(),
            promise: Promise::default(),
            count: 0,
            next,
            bytes: 0,
            in_flight: 0,
            writer_waits: false,
            closed: None,
        };
        Self { limit, state: Mutex::new(state), arrived: Condvar::new(), counters: Counters::default() }
    }

    pub(crate) fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Ticket, JournalError> {
        let size = parts.iter().map(|part| part.len()).sum::<usize>();
        let largest = self.limit.min(MAX_PAYLOAD);
        if size > largest {
            return Err(JournalError::TooLarge { size, limit: largest });
        }
        let prepared = P::prepare(kind, parts);
        let mut state = self.state.lock();
        if let Some(reason) = &state.closed {
            return Err(reason.clone());
        }
        let queued = state.bytes + state.in_flight;
        if queued + size > self.limit {
            return Err(JournalError::Backpressure { queued, limit: self.limit });
        }
        let seq = state.next;
        state.pending.push(seq, kind, parts, prepared);
        let ticket = state.promise.ticket(state.count);
        state.next += 1;
        state.count += 1;
        state.bytes += size;
        if std::mem::take(&mut state.writer_waits) {
            self.arrived.notify_one();
        }
        Ok(ticket)
    }

    /// Lets other threads go first for as long as they bring more records: a busy machine writes larger groups, an idle one loses
    /// a microsecond.
    fn gather(&self, state: &mut MutexGuard<'_, State<P>>) {
        let mut seen = 0;
        while seen < state.count && state.bytes < self.limit / 2 {
            seen = state.count;
            MutexGuard::unlocked(state, std::thread::yield_now);
        }
    }

    /// Waits for records and takes all there are; `None` when closed and empty. `spare`: an empty buffer to go on with.
    pub(crate) fn take(&self, spare: P) -> Option<Group<P>> {
        let mut state = self.state.lock();
        while state.count == 0 {
            if state.closed.is_some() {
                return None;
            }
            state.writer_waits = true;
            self.arrived.wait(&mut state);
        }
        self.gather(&mut state);
        let count = std::mem::take(&mut state.count);
        let payload_bytes = std::mem::take(&mut state.bytes);
        state.in_flight = payload_bytes;
        Some(Group {
            pending: std::mem::replace(&mut state.pending, spare),
            promise: std::mem::take(&mut state.promise),
            first: state.next - count,
            count,
            payload_bytes,
        })
    }

    /// Notes the end of the group the writer held. `written`: bytes on disk.
    pub(crate) fn settle(&self, count: u64, outcome: Result<usize, ()>) {
        self.state.lock().in_flight = 0;
        match outcome {
            Ok(written) => {
                self.counters.records.fetch_add(count, Relaxed);
                self.counters.bytes.fetch_add(written as u64, Relaxed);
                self.counters.groups.fetch_add(1, Relaxed);
                self.counters.largest_group.fetch_max(count, Relaxed);
            }
            Err(()) => {
                self.counters.failed.fetch_add(count, Relaxed);
            }
        }
    }

    /// Refuses records from now on with `reason`; the writer still gets what is queued.
    pub(crate) fn close(&self, reason: JournalError) {
        let mut state = self.state.lock();
        state.closed.get_or_insert(reason);
        self.arrived.notify_all();
    }

    /// Has `serve` take groups until the queue is closed. Should it panic, every record that waits fails, and every
    /// later one is refused.
    pub(crate) fn guard(&self, serve: impl FnOnce()) {
        // What `serve` owned is gone with it; the queue itself is only changed in steps that cannot panic.
        if catch_unwind(AssertUnwindSafe(serve)).is_err() {
            tracing::error!("the journal's writer panicked");
            self.close(JournalError::Broken { reason: "the writer panicked".to_owned() });
            let mut state = self.state.lock();
            state.count = 0;
            drop(std::mem::take(&mut state.promise));
        }
    }

    pub(crate) fn stats(&self) -> JournalStats {
        let queued = {
            let state = self.state.lock();
            state.bytes + state.in_flight
        };
        JournalStats {
            records: self.counters.records.load(Relaxed),
            bytes: self.counters.bytes.load(Relaxed),
            groups: self.counters.groups.load(Relaxed),
            largest_group: self.counters.largest_group.load(Relaxed),
            failed: self.counters.failed.load(Relaxed),
            queued_bytes: queued as u64,
            segments: 0,
        }
    }
}

impl<P> Group<P> {
    /// Payload bytes of the group.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }
}

impl<P> std::fmt::Debug for Queue<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("limit", &self.limit).finish_non_exhaustive()
    }
}
