//! An append-only log: many messages, one fsync.
//!
//! [`Journal::append`] only queues and returns a [`Ticket`]; a writer takes whatever is queued, writes it in one go, makes
//! it durable once, and completes all tickets. There is no timer, so a lone message is not delayed, and the busier the
//! journal the larger the groups. Two backends stand behind one front: segment files (the fast one, for one process) and
//! a table (for several processes on one database).
//!
//! Sequence numbers begin at 1, only grow, and follow the order of `append` calls of one process. A number whose record
//! could not be written is not used again while the journal is open, so numbers may have gaps.

mod error;
mod files;
mod queue;
mod table;
mod ticket;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::JournalError;
pub use files::{FileOptions, JournalDurability};
pub use ticket::Ticket;

use crate::Store;

/// Number of a record.
pub type Seq = u64;

/// The largest payload of one record, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024 * 1024;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// What the payload is; the meaning belongs to the journal's owner.
    pub kind: u8,
    /// The content.
    pub payload: Vec<u8>,
}

/// What a journal did since it was opened, and holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalStats {
    /// Records made durable.
    pub records: u64,
    /// Bytes written, framing included.
    pub bytes: u64,
    /// Groups written. `records / groups` is the mean group size.
    pub groups: u64,
    /// Records in the largest group.
    pub largest_group: u64,
    /// Records that could not be written.
    pub failed: u64,
    /// Bytes waiting to be written at this moment.
    pub queued_bytes: u64,
    /// Segment files (0 for a table).
    pub segments: u64,
}

/// An open journal. Cheap to clone; what is queued is still written when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Backend>);

#[derive(Debug)]
enum Backend {
    Files(files::FileJournal),
    Table(table::TableJournal),
}

impl Journal {
    /// Opens (or creates) a journal of segment files in `folder`, which no other process may have open. A torn record
    /// at the end, left by a crash before it was acknowledged, is cut off.
    ///
    /// # Errors
    /// [`JournalError::Locked`], [`JournalError::Corrupt`] when acknowledged records are damaged, [`JournalError::Io`].
    pub async fn open_files(folder: impl Into<PathBuf>, options: FileOptions) -> Result<Self, JournalError> {
        let folder = folder.into();
        let opened = tokio::task::spawn_blocking(move || files::FileJournal::open(folder, options)).await;
        let files = opened.map_err(JournalError::io)??;
        Ok(Self(Arc::new(Backend::Files(files))))
    }

    /// Opens the journal `name` in the table `store_journal`. Several processes may append to it at the same time; a
    /// reader never sees a record appear below one it has already read. `queue_bytes` bounds what may wait.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn open_table(
        store: &Store,
        name: &str,
        clock: kit::Clock,
        queue_bytes: usize,
    ) -> Result<Self, JournalError> {
        let table = table::TableJournal::open(store.clone(), name, clock, queue_bytes).await?;
        Ok(Self(Arc::new(Backend::Table(table))))
    }

    /// Queues a record. The payload is copied once, here. Keeps the order of calls; never waits.
    ///
    /// # Errors
    /// [`JournalError::Backpressure`] when too much is waiting: refuse or slow down the work that asks for it.
    /// [`JournalError::TooLarge`], [`JournalError::Closed`], [`JournalError::Broken`].
    pub fn append(&self, kind: u8, payload: &[u8]) -> Result<Ticket, JournalError> {
        self.append_parts(kind, &[payload])
    }

    /// As [`Journal::append`], with a payload given in pieces that are stored one after the other.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_parts(&self, kind: u8, parts: &[&[u8]]) -> Result<Ticket, JournalError> {
        match self.0.as_ref() {
            Backend::Files(files) => files.append(kind, parts),
            Backend::Table(table) => table.append(kind, parts),
        }
    }

    /// The durable records from number `seq` on, in order, until their payloads exceed `max_bytes`; at least one if
    /// there is one. An empty answer means that there is nothing from `seq` on yet.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], [`JournalError::Io`], [`JournalError::Store`].
    pub async fn read_from(&self, seq: Seq, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        match self.0.as_ref() {
            Backend::Table(table) => table.read_from(seq, max_bytes).await,
            Backend::Files(_) => self.on_files(move |files| files.read_from(seq, max_bytes)).await,
        }
    }

    /// The record with that number; `None` when it is not durable yet, was dropped, or never existed.
    ///
    /// # Errors
    /// As [`Journal::read_from`].
    pub async fn read(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        let records = self.read_from(seq, 0).await?;
        Ok(records.into_iter().next().filter(|record| record.seq == seq))
    }

    /// The highest number that is durable; 0 when the journal is empty.
    ///
    /// # Errors
    /// [`JournalError::Store`] for a table.
    pub async fn durable_seq(&self) -> Result<Seq, JournalError> {
        match self.0.as_ref() {
            Backend::Files(files) => Ok(files.durable_seq()),
            Backend::Table(table) => table.durable_seq().await,
        }
    }

    /// The lowest number that may still be present.
    ///
    /// # Errors
    /// [`JournalError::Store`] for a table.
    pub async fn first_seq(&self) -> Result<Seq, JournalError> {
        match self.0.as_ref() {
            Backend::Files(files) => Ok(files.first_seq()),
            Backend::Table(table) => table.first_seq().await,
        }
    }

    /// Allows records below `seq` to be removed. Files go by whole segments, so some of them may stay.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Store`].
    pub async fn drop_before(&self, seq: Seq) -> Result<(), JournalError> {
        match self.0.as_ref() {
            Backend::Table(table) => table.drop_before(seq).await,
            Backend::Files(_) => self.on_files(move |files| files.drop_before(seq)).await,
        }
    }

    /// The counters at this moment.
    #[must_use]
    pub fn stats(&self) -> JournalStats {
        match self.0.as_ref() {
            Backend::Files(files) => files.stats(),
            Backend::Table(table) => table.stats(),
        }
    }

    /// Takes no new records, writes what is queued and waits until that is done.
    pub async fn close(&self) {
        let journal = self.clone();
        let close = move || match journal.0.as_ref() {
            Backend::Files(files) => files.close(),
            Backend::Table(table) => table.close(),
        };
        // Only a runtime that is shutting down refuses; dropping the journal then does the same.
        let _ = tokio::task::spawn_blocking(close).await;
    }

    /// Runs disk work where it may block.
    async fn on_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&files::FileJournal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = self.clone();
        let run = move || match journal.0.as_ref() {
            Backend::Files(files) => work(files),
            Backend::Table(_) => Err(JournalError::Closed),
        };
        tokio::task::spawn_blocking(run).await.map_err(JournalError::io)?
    }
}
