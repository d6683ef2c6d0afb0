//! The message log: what was said, by whom, when, with the signatures that prove it.
//!
//! The data path only appends to a journal and waits until it is durable ([`MessageLog::append`]). Everything else happens beside it:
//! the journal is indexed for search, signatures are time-stamped in batches, containers are archived in linked files and removed when
//! their time is over.

pub mod codec;
mod cursor;
mod error;
mod gate;
mod journal;
mod keep;
mod message_log;
pub mod record;
mod settings;
mod signatures;

pub use error::{LogError, LogRefusal};
pub use message_log::{MessageLog, Ticket};
pub use record::{Body, Direction, MessageRecord, Role};
pub use settings::{ArchiveGrouping, BodyMode, BodyModeOverride, Durability, LogSettings};
