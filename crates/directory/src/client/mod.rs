//! A gateway's side of the global configuration: fetch it from where the anchor says, verify it, keep a copy on disk, and hand out
//! the snapshot in force. The copy carries the gateway through restarts while the central is away, as long as it counts.

mod disk;
mod fetch;
mod handle;
mod http;
mod updater;
mod verification;

pub use disk::{DiskError, StoredFile, StoredInstance};
pub use fetch::{Federation, FetchError};
pub use handle::{ConfHealth, GlobalConfHandle};
pub use http::{HttpTransport, Reply, Transport, TransportError};
pub use updater::{ClientOptions, Updater};
pub use verification::{VerificationConfError, load_verification_conf, write_verification_conf};
