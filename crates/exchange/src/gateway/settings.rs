//! Settings of a gateway. Every value has a default that suits a small installation; times are in seconds, sizes in bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::error::Dialect;

/// Settings of the data path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// Where information systems connect without TLS.
    pub http: Option<SocketAddr>,
    /// Where information systems connect with TLS.
    pub https: Option<SocketAddr>,
    /// Where other gateways connect.
    pub peer: SocketAddr,
    /// Where other gateways fetch OCSP responses for our certificates.
    pub ocsp: Option<SocketAddr>,
    /// Port at which other gateways are reached when the global configuration names only a host.
    pub peer_port: u16,
    /// How errors are spelled.
    pub dialect: Dialect,
    /// Bodies up to this size stay in memory; larger ones are spooled to an encrypted file.
    pub memory_limit: usize,
    /// The largest body that is accepted.
    pub max_body: u64,
    /// Directory of spooled bodies.
    pub spool_directory: PathBuf,
    /// Time to connect to a gateway or service.
    pub connect_timeout: u64,
    /// Time a gateway may take for its whole answer to begin.
    pub answer_timeout: u64,
    /// Silence after which a sender in the middle of a message is given up on.
    pub idle_timeout: u64,
    /// Time within which the headers of a request must be complete.
    pub header_timeout: u64,
    /// Idle connections are kept for re-use this long: well below the other end's [`GatewaySettings::header_timeout`], so that we close first.
    pub keep_alive: u64,
    /// Most connections open at one listener.
    pub max_connections: usize,
    /// Oldest gateway version that may call (semantic version); absent: any.
    pub minimum_client_version: Option<String>,
    /// A message signed longer ago (or further ahead) than this is refused, and its id is remembered as long, so that it cannot be replayed.
    pub replay_window: u64,
    /// Messages signed with one signature at most.
    pub batch_limit: usize,
    /// Wait until the request is durable before it goes on, not only before its answer leaves.
    pub durable_before_forward: bool,
    /// Refuse information system certificates outside their validity period.
    pub check_client_validity: bool,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            http: Some(local(8080)),
            https: Some(local(8443)),
            peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5500),
            ocsp: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5577)),
            peer_port: 5500,
            dialect: Dialect::Pascal,
            memory_limit: 1024 * 1024,
            max_body: 2 * 1024 * 1024 * 1024,
            spool_directory: std::env::temp_dir(),
            connect_timeout: 10,
            answer_timeout: 120,
            idle_timeout: 30,
            header_timeout: 30,
            keep_alive: 20,
            max_connections: 5000,
            minimum_client_version: None,
            replay_window: 900,
            batch_limit: 128,
            durable_before_forward: false,
            check_client_validity: false,
        }
    }
}

impl GatewaySettings {
    /// [`GatewaySettings::connect_timeout`] as a duration.
    #[must_use]
    pub fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }

    /// [`GatewaySettings::idle_timeout`] as a duration.
    #[must_use]
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }
}
