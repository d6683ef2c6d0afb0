//! The data path through real listeners: one binary, one file for each aspect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod answers;
mod evidence;
mod failover;
mod forge;
mod large;
mod nation;
mod peers;
mod requests;
mod rest;
mod services;
mod slow;
mod systems;
mod trouble;
