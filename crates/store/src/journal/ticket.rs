//! Waiting for a record to become durable.
//!
//! All tickets of a group share one cell: completing a group is one store and a list of wake-ups, not one channel each.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::{JournalError, Seq};

/// Records that are written together and share one outcome.
#[derive(Debug, Default)]
struct Batch {
    /// Number of the first record, once all of them are durable.
    outcome: OnceLock<Result<Seq, JournalError>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Batch {
    fn complete(&self, outcome: Result<Seq, JournalError>) {
        // Set once: by the writer, or by the promise that it dropped.
        let _ = self.outcome.set(outcome);
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The duty to complete a group. Dropped unfulfilled, it fails the group, so that no ticket waits for ever.
#[derive(Debug, Default)]
pub(crate) struct Promise(Arc<Batch>);

impl Promise {
    /// Completes every ticket of the group: with the number of its first record, or with what went wrong.
    pub(crate) fn complete(self, outcome: Result<Seq, JournalError>) {
        self.0.complete(outcome);
    }

    pub(crate) fn ticket(&self, position: u64) -> Ticket {
        Ticket { batch: Arc::clone(&self.0), position, slot: None }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.0.outcome.get().is_none() {
            self.0.complete(Err(JournalError::Broken { reason: "the writer ended".to_owned() }));
        }
    }
}

/// The promise for one appended record. Dropping it does not take the record back.
#[must_use = "a record counts only once its ticket says it is durable"]
#[derive(Debug)]
pub struct Ticket {
    batch: Arc<Batch>,
    /// Place of the record in its group, from 0.
    position: u64,
    /// Place of our waker in the group's list.
    slot: Option<usize>,
}

impl Ticket {
    /// Waits until the record is durable and returns its number.
    ///
    /// # Errors
    /// The [`JournalError`] that kept the group from being written.
    pub async fn durable(mut self) -> Result<Seq, JournalError> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Result<Seq, JournalError>> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.batch.waiting.lock();
        // Completion sets the outcome before it takes the list: unset under the lock means that we will be woken.
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        match self.slot.and_then(|slot| waiting.get_mut(slot)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                self.slot = Some(waiting.len());
                waiting.push(context.waker().clone());
            }
        }
        Poll::Pending
    }

    fn outcome(&self) -> Option<Result<Seq, JournalError>> {
        let outcome = self.batch.outcome.get()?;
        Some(outcome.clone().map(|first| first + self.position))
    }
}
