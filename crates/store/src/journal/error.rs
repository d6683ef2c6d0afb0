//! What can go wrong with a journal. Clone, because one failed write answers every ticket of its group.

use std::io;

use crate::StoreError;

/// Why a record could not be appended or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Too many bytes wait to be written. Nothing was queued; try again later.
    #[error("journal is behind: {queued} bytes wait, {limit} may")]
    Backpressure {
        /// Bytes waiting.
        queued: usize,
        /// Bytes that may wait.
        limit: usize,
    },
    /// The payload is larger than a record or the queue can ever hold.
    #[error("record of {size} bytes is too large: {limit} are allowed")]
    TooLarge {
        /// Bytes of the payload.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The disk is full. The record was not written; later ones are, once there is room.
    #[error("no room for the journal: {reason}")]
    Full {
        /// What the system said.
        reason: String,
    },
    /// The disk failed. The record was not written.
    #[error("journal disk: {reason}")]
    Io {
        /// What the system said.
        reason: String,
    },
    /// A failed write could not be undone, so nothing more is accepted until the journal is opened anew.
    #[error("journal is out of order since a failed write: {reason}")]
    Broken {
        /// What the system said.
        reason: String,
    },
    /// A record that was acknowledged is damaged, or a segment is missing. Restore it from a copy.
    #[error("journal segment {segment} is damaged at byte {offset}: {reason}")]
    Corrupt {
        /// File name of the segment.
        segment: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Another process has the folder open.
    #[error("journal folder {folder} is in use by another process")]
    Locked {
        /// The folder.
        folder: String,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// The database behind a table journal. After [`StoreError::Uncertain`] the records may be present.
    #[error("journal table: {0}")]
    Store(#[from] StoreError),
}

impl JournalError {
    pub(crate) fn io(error: impl std::fmt::Display) -> Self {
        Self::Io { reason: error.to_string() }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { reason: error.to_string() }
            }
            _ => Self::io(error),
        }
    }
}
