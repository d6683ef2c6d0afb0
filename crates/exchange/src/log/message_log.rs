//! The front door of the message log: open it, append to it, ask whether it accepts, wait until a message is durable.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use kit::Clock;
use parking_lot::Mutex;
use store::journal::{JournalError, Seq, Ticket as JournalTicket};
use store::{Migration, Store};

use super::codec::{KIND_MESSAGE, Kept, KeptBody, encode_message};
use super::error::{LogError, LogRefusal};
use super::fetch::{ReadyStamps, ready_stamps};
use super::gate::Gate;
use super::health::Progress;
use super::index::Memory;
use super::journal::{Journal, Receipt};
use super::keep;
use super::record::MessageRecord;
use super::settings::{Durability, LogSettings};
use super::signatures::RecentSignatures;
use super::timestamper::Timestampers;
use crate::monitor::record::OperationalRecord;

/// Tables of the message log and of operational records.
const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "log", sql: include_str!("migrations/0001_log.sql") },
    Migration { number: 2, name: "operation", sql: include_str!("migrations/0002_operation.sql") },
];

/// The message log of a gateway. Clones share it.
#[derive(Clone)]
pub struct MessageLog {
    pub(super) inner: Arc<Inner>,
}

/// What the data path, the background work and the readers share.
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) settings: ArcSwap<LogSettings>,
    pub(super) timestampers: Timestampers,
    /// Names this process in the lease.
    pub(super) holder: String,
    pub(super) gate: Gate,
    pub(super) signatures: RecentSignatures,
    pub(super) operations: Mutex<Vec<OperationalRecord>>,
    pub(super) operations_dropped: AtomicU64,
    pub(super) stamps: ReadyStamps,
    pub(super) progress: Mutex<Progress>,
    // One of each kind of work at a time within this process; between processes the checkpoints decide.
    pub(super) indexing: tokio::sync::Mutex<Memory>,
    pub(super) stamping: tokio::sync::Mutex<()>,
    pub(super) archiving: tokio::sync::Mutex<()>,
}

impl fmt::Debug for MessageLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageLog").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl MessageLog {
    /// Opens the log: messages in `journal`, their index and the operational records in `store` (its tables are brought up to date).
    ///
    /// Nothing runs by itself: the caller spawns [`MessageLog::run`].
    ///
    /// # Errors
    /// When the database cannot be migrated or read.
    pub async fn open(
        store: Store,
        journal: store::journal::Journal,
        settings: LogSettings,
        clock: Clock,
        timestampers: Timestampers,
    ) -> Result<Self, LogError> {
        store.migrate("exchange_log", MIGRATIONS).await?;
        let inner = Inner {
            gate: Gate::new(clock.now_micros(), settings.acceptable_timestamp_failure),
            store,
            journal: Journal(journal),
            clock,
            settings: ArcSwap::from_pointee(settings),
            timestampers,
            holder: kit::id::random().to_string(),
            signatures: RecentSignatures::new(),
            operations: Mutex::new(Vec::new()),
            operations_dropped: AtomicU64::new(0),
            stamps: ready_stamps(),
            progress: Mutex::default(),
            indexing: tokio::sync::Mutex::default(),
            stamping: tokio::sync::Mutex::default(),
            archiving: tokio::sync::Mutex::default(),
        };
        let log = Self { inner: Arc::new(inner) };
        // An outage of time-stamping outlives a restart.
        log.follow_stamping().await?;
        Ok(log)
    }

    /// Takes new settings into use. Intervals apply from the next pass on.
    pub fn configure(&self, settings: LogSettings) {
        self.inner.gate.set_acceptable(settings.acceptable_timestamp_failure);
        self.inner.settings.store(Arc::new(settings));
    }

    /// Appends a message. Encodes on the caller's thread and queues the bytes; the order of calls is the order of the log.
    ///
    /// # Errors
    /// [`JournalError::Backpressure`] when too much waits to be written, or whatever keeps the journal from taking records.
    pub fn append(&self, record: MessageRecord) -> Result<Ticket, LogError> {
        let inner = &*self.inner;
        let settings = inner.settings.load();
        let mode = settings.mode_for(&record.service.provider);
        let (header_part, reduced) = keep::header_part(&record, mode);
        let kept = keep::kept(&record, (&header_part, reduced), mode, settings.max_logged_body);
        match inner.append(&record, kept) {
            Ok((signature, message)) => {
                Ok(Ticket { log: self.clone(), wait: settings.durability == Durability::Synced, signature, message })
            }
            Err(error) => {
                inner.note_failure(&error);
                Err(error.into())
            }
        }
    }

    /// Hands over an operational record. Never waits and never fails: when the buffer is full the record is dropped and counted.
    pub fn append_operation(&self, record: OperationalRecord) {
        let inner = &*self.inner;
        let limit = inner.settings.load().operational_buffer;
        let mut waiting = inner.operations.lock();
        if waiting.len() < limit {
            waiting.push(record);
        } else {
            inner.operations_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether new messages may be taken at `now_micros`. A few atomic loads.
    ///
    /// # Errors
    /// When time-stamping has failed longer than acceptable or the journal cannot be written.
    pub fn accepting(&self, now_micros: i64) -> Result<(), LogRefusal> {
        self.inner.gate.accepting(now_micros)
    }
}

impl Inner {
    fn append(&self, record: &MessageRecord, mut kept: Kept<'_>) -> Result<(Receipt, JournalTicket), JournalError> {
        let (reference, signature) = self.signatures.refer(record, &self.journal)?;
        let appended = self.journal.append(KIND_MESSAGE, &encode_message(record, &kept, &reference).parts());
        let message = match (appended, kept.body) {
            // No message is refused for its size: what the journal cannot hold is kept by its digest.
            (Err(JournalError::TooLarge { .. }), KeptBody::Inline(bytes, digest)) => {
                kept.body = KeptBody::Digest(digest, bytes.len() as u64);
                self.journal.append(KIND_MESSAGE, &encode_message(record, &kept, &reference).parts())?
            }
            (appended, _) => appended?,
        };
        Ok((signature, message))
    }

    /// After a failed write: refuse messages until a probe succeeds, and trust no signature that may have been lost. A queue that is
    /// full for a moment, or one record that is too large, says nothing about the next message.
    pub(super) fn note_failure(&self, error: &JournalError) {
        if !matches!(error, JournalError::Backpressure { .. } | JournalError::TooLarge { .. }) {
            self.gate.write_failed();
            self.signatures.forget();
        }
    }
}

/// The promise that an appended message becomes durable.
#[must_use = "a message counts as logged only when its ticket is durable"]
pub struct Ticket {
    log: MessageLog,
    wait: bool,
    signature: Receipt,
    message: JournalTicket,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Ticket {
    /// Waits until the message and the signature it refers to are logged in the sense of the configured [`Durability`].
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn durable(self) -> Result<(), LogError> {
        if !self.wait {
            return Ok(());
        }
        // The signature was appended before the message, so waiting for the later one first leaves the other ready.
        match settle(self.message.durable().await, self.signature).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.log.inner.note_failure(&error);
                Err(error.into())
            }
        }
    }
}

async fn settle(message: Result<Seq, JournalError>, signature: Receipt) -> Result<(), JournalError> {
    message?;
    signature.await.map(drop)
}
