//! Ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago. Prefer binding port 0 where the program under test allows it.
///
/// # Panics
/// When the machine has no port left.
#[must_use]
pub fn free() -> u16 {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.unwrap_or_else(|error| panic!("no free port: {error}")).port()
}
