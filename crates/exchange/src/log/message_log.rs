//! The front door of the message log: append, ask whether it accepts, wait until a message is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::codec::{KIND_MESSAGE, encode_message};
use super::error::{LogError, LogRefusal};
use super::gate::Gate;
use super::journal::{Journal, Receipt};
use super::keep;
use super::record::MessageRecord;
use super::settings::{Durability, LogSettings};
use super::signatures::RecentSignatures;
use crate::monitor::record::OperationalRecord;

/// The message log of a gateway. Clones share it.
#[derive(Clone)]
pub struct MessageLog {
    pub(super) inner: Arc<Inner>,
}

/// What the data path, the background work and the readers share.
pub(super) struct Inner {
    pub(super) journal: Journal,
    pub(super) settings: ArcSwap<LogSettings>,
    pub(super) gate: Gate,
    pub(super) signatures: RecentSignatures,
    pub(super) operations: Mutex<Vec<OperationalRecord>>,
    pub(super) operations_dropped: AtomicU64,
}

impl MessageLog {
    /// Appends a message. Encodes on the caller's thread and queues the bytes; the order of calls is the order of the log.
    ///
    /// # Errors
    /// When the journal takes nothing (disk full, too much waiting to be written).
    pub fn append(&self, record: MessageRecord) -> Result<Ticket, LogError> {
        let inner = &*self.inner;
        let settings = inner.settings.load();
        let mode = settings.mode_for(&record.service.provider);
        let (header_part, reduced) = keep::header_part(&record, mode);
        let kept = keep::kept(&record, (&header_part, reduced), mode, settings.max_logged_body);
        let appended = inner.signatures.refer(&record, &inner.journal).and_then(|(reference, signature)| {
            let message = inner.journal.append(KIND_MESSAGE, encode_message(&record, &kept, &reference))?;
            Ok((signature, message))
        });
        match appended {
            Ok((signature, message)) => {
                Ok(Ticket { log: self.clone(), wait: settings.durability == Durability::Synced, signature, message })
            }
            Err(error) => {
                inner.write_failed();
                Err(error)
            }
        }
    }

    /// Hands over an operational record. Never waits and never fails: when the buffer is full the record is dropped and counted.
    pub fn append_operation(&self, record: OperationalRecord) {
        let inner = &*self.inner;
        let mut waiting = inner.operations.lock();
        if waiting.len() < inner.settings.load().operational_buffer {
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
    /// After a failed write: refuse messages until a probe succeeds, and trust no signature that may have been lost.
    pub(super) fn write_failed(&self) {
        self.gate.write_failed();
        self.signatures.forget();
    }
}

/// The promise that an appended message becomes durable.
#[must_use = "a message counts as logged only when its ticket is durable"]
pub struct Ticket {
    log: MessageLog,
    wait: bool,
    signature: Receipt,
    message: Receipt,
}

impl Ticket {
    /// Waits until the message and the signature it refers to would survive what [`Durability`] names.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn durable(self) -> Result<(), LogError> {
        if !self.wait {
            return Ok(());
        }
        let outcome = match self.signature.durable().await {
            Ok(()) => self.message.durable().await,
            failed => failed,
        };
        if outcome.is_err() {
            self.log.inner.write_failed();
        }
        outcome
    }
}
