//! The message log: what was said, by whom, when, with the signatures that prove it.

pub mod record;

pub use record::{Body, Direction, MessageRecord, Role};
