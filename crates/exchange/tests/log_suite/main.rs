//! The message log through its front door, on every pairing of journal and database it runs on.

mod archive;
mod crash;
mod evidence;
mod operations;
mod search;
mod stamping;
mod support;
mod writing;
