//! Faults that the exchange survives, tried on real processes of the built program: gateways killed under load, a database that goes away, a
//! full disk, a central or an authority that is gone, an orderly stop.
//!
//! The promise under test is always the same: a message that a caller got an answer for is in the log of both sides, whole.

#![expect(clippy::unwrap_used, reason = "a broken set-up should stop the test with the error it met")]

mod authority_away;
mod balancer;
mod caller;
mod central_away;
mod database_away;
mod disk_full;
mod echo;
mod evidence;
mod kill;
mod load;
mod nation;
mod orderly_stop;
mod pair;
mod place;
mod process;
