//! The message log through its front door, on every pairing of journal and database it runs on.
#![expect(clippy::unwrap_used, reason = "test helpers stop at the first surprise, like the tests they serve")]

mod archive;
mod crash;
mod evidence;
mod operations;
mod search;
mod stamping;
mod support;
mod writing;
