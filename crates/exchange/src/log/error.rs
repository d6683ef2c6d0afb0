//! What can go wrong with the message log, and why it may refuse new messages.

use store::StoreError;
use store::journal::JournalError;

use super::cursor::DecodeError;

/// Why a message could not be logged, found or exported.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The journal did not take a record, could not make it durable or could not read it.
    #[error("message log: {0}")]
    Journal(#[from] JournalError),
    /// The index database failed.
    #[error("index of the message log: {0}")]
    Store(#[from] StoreError),
    /// A record is not in a format this version knows.
    #[error("record {seq} of the message log is malformed: {reason}")]
    Malformed {
        /// Position in the journal.
        seq: u64,
        /// What is wrong.
        reason: DecodeError,
    },
    /// A record differs from what was written: bytes and digests do not belong together.
    #[error("record {seq} of the message log was changed after it was written: {what}")]
    Tampered {
        /// Position in the journal.
        seq: u64,
        /// Which part does not match.
        what: &'static str,
    },
    /// A record that the index names is gone.
    #[error("record {seq} is not in the message log")]
    Missing {
        /// Position in the journal.
        seq: u64,
    },
    /// Another process moved the checkpoint first; nothing was changed.
    #[error("another process is doing this work")]
    Contended,
    /// A container or hash chain could not be made.
    #[error("evidence cannot be built: {0}")]
    Evidence(String),
    /// A file of the archive could not be read or written.
    #[error("archive: {0}")]
    Archive(#[from] std::io::Error),
}

impl LogError {
    /// Whether the failure is of this one record only (damaged, gone, not representable), so that work on others may go on.
    pub(super) fn concerns_one_record(&self) -> bool {
        match self {
            Self::Malformed { .. } | Self::Tampered { .. } | Self::Missing { .. } | Self::Evidence(_) => true,
            Self::Journal(_) | Self::Store(_) | Self::Contended | Self::Archive(_) => false,
        }
    }
}

/// Why the log takes no new messages at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogRefusal {
    /// Time-stamping has failed for longer than the acceptable period.
    #[error("messages have been without time-stamp for {unstamped_seconds} seconds")]
    TimestampingFailed {
        /// Age of the oldest message without time-stamp.
        unstamped_seconds: i64,
    },
    /// The last write to the log failed and no later one succeeded.
    #[error("the message log cannot be written")]
    WriteFailed,
}
