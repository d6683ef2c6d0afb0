//! Database threads and their bounded queue.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;
use crate::work::BoxedWork;

/// The end of a queue that threads take work from; several threads may share it.
#[derive(Clone)]
pub(crate) struct Inbox(Arc<Mutex<mpsc::Receiver<BoxedWork>>>);

impl Inbox {
    /// Waits for work; `None` when the store is closed and the queue is empty.
    pub(crate) fn take(&self) -> Option<BoxedWork> {
        self.0.lock().blocking_recv()
    }

    /// Waits for work, then adds what is already queued, up to `limit` in all. Empty when closed.
    pub(crate) fn take_group(&self, limit: usize) -> Vec<BoxedWork> {
        let mut queue = self.0.lock();
        let mut group = Vec::new();
        let Some(first) = queue.blocking_recv() else { return group };
        group.push(first);
        while group.len() < limit {
            let Ok(next) = queue.try_recv() else { break };
            group.push(next);
        }
        group
    }
}

/// A bounded queue with the threads that serve it.
pub(crate) struct Crew {
    capacity: usize,
    queue: Mutex<Option<mpsc::Sender<BoxedWork>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    inbox: Inbox,
}

impl Crew {
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        Self {
            capacity: capacity.max(1),
            queue: Mutex::new(Some(sender)),
            threads: Mutex::default(),
            inbox: Inbox(Arc::new(Mutex::new(receiver))),
        }
    }

    /// Starts a thread: `prepare` opens the connection (its failure is returned), `serve` then runs until closed.
    pub(crate) async fn spawn<S>(
        &self,
        name: String,
        prepare: impl FnOnce() -> Result<S, StoreError> + Send + 'static,
        serve: impl FnOnce(S, Inbox) + Send + 'static,
    ) -> Result<(), StoreError> {
        let inbox = self.inbox.clone();
        let (ready, started) = oneshot::channel();
        let body = move || match prepare() {
            Ok(session) => {
                let _ = ready.send(Ok(()));
                serve(session, inbox);
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = std::thread::Builder::new().name(name).spawn(body).map_err(StoreError::unavailable)?;
        self.threads.lock().push(thread);
        started.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Queues work, waiting for a place when the queue is full: this is the back-pressure callers feel.
    pub(crate) async fn submit(&self, work: BoxedWork) -> Result<(), StoreError> {
        let queue = self.queue.lock().clone().ok_or(StoreError::Closed)?;
        queue.send(work).await.map_err(|_| StoreError::Closed)
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.lock().as_ref().map_or(0, |queue| self.capacity - queue.capacity())
    }

    /// Lets the threads finish what is queued and waits for them.
    pub(crate) async fn close(&self) {
        self.queue.lock().take();
        let threads = std::mem::take(&mut *self.threads.lock());
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        // Only a runtime that is shutting down refuses, and then nobody waits for the result.
        let _ = tokio::task::spawn_blocking(join).await;
    }
}
