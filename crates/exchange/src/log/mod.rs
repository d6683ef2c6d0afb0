//! The message log: what was said, by whom, when, with the signatures that prove it.
//!
//! The data path only appends to a journal and waits until it is durable ([`MessageLog::append`]). Everything else happens beside it:
//! the journal is indexed for search, signatures are time-stamped in batches, containers are archived in linked files and removed when
//! their time is over.

mod archive;
mod archive_file;
mod asic;
mod background;
mod clean;
pub mod codec;
mod cursor;
mod error;
mod evidence;
mod fetch;
mod gate;
mod health;
mod index;
mod journal;
mod keep;
mod link;
mod message_log;
mod naming;
pub mod record;
mod search;
mod settings;
mod signatures;
mod stamp;
mod state;
mod timestamper;
mod transfer;
mod verify_archive;

pub use archive::ArchiveReport;
pub use asic::{ASIC_E, AsicError, AsicQuery, AsicReply, ZIP};
pub use clean::CleanReport;
pub use error::{LogError, LogRefusal};
pub use evidence::container;
pub use fetch::{LoggedMessage, Stamp};
pub use health::LogHealth;
pub use message_log::{MessageLog, Ticket};
pub use record::{Body, Direction, MessageRecord, Role};
pub use search::{MessageQuery, MessageSummary};
pub use settings::{ArchiveGrouping, BodyMode, BodyModeOverride, Durability, LogSettings};
pub use stamp::{StampPassError, StampReport};
pub(crate) use state::insert_many;
pub use timestamper::{HttpTimestamper, StampError, StampFuture, Timestamper, Timestampers};
pub use verify_archive::{ArchiveChainReport, ArchiveFault, SeriesReport, verify_archive_chain};
