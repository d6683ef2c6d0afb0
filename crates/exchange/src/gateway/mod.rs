//! The data path of a gateway: how one message travels from an information system to a service and back.
//!
//! [`consumer`] takes the caller's request, signs it and sends it to a provider's gateway; [`provider`] takes it there, decides, calls the
//! service, signs the answer. Both log before they answer. Everything else here serves these two. Nothing in [`peers`], [`signer`],
//! [`evidence`] or the log knows REST: a second message protocol stands beside these two files, not inside them.

mod answer;
pub mod consumer;
mod entry;
pub mod evidence;
pub mod failure;
pub mod identity;
pub mod listen;
mod metaservices;
mod operation;
mod patient;
pub mod peers;
pub mod pool;
pub mod provider;
pub mod replay;
pub mod services;
pub mod settings;
pub mod signer;
pub mod system;
pub mod tls;
pub mod trace;
pub mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::Clock;

use self::evidence::Evidence;
use self::failure::Failure;
use self::identity::Identity;
use self::peers::Peers;
use self::replay::ReplayGuard;
use self::services::Services;
use self::settings::GatewaySettings;
use self::tls::{OwnKey, PeerTrust};
use self::world::{View, World};
use crate::conf::ConfHandle;
use crate::log::MessageLog;
use crate::model::error::{Code, Place};
use crate::monitor::metrics::Metrics;
use crate::wire::payload::SpoolSettings;

/// Builds the zip of `GET /verificationconf`.
pub type VerificationConf = Box<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// Everything the data path needs; shared by all its connections.
pub struct Gateway {
    /// Settings.
    pub settings: GatewaySettings,
    /// What time it is.
    pub clock: Clock,
    /// Own clients, services and rights.
    pub conf: ConfHandle,
    /// Everybody else.
    pub world: World,
    /// Own keys.
    pub identity: Arc<Identity>,
    /// Message log.
    pub log: MessageLog,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Judges signatures.
    pub evidence: Arc<Evidence>,
    /// Version told to other gateways.
    pub version: &'static str,
    peers: Peers,
    services: Services,
    replay: ReplayGuard,
    spool: SpoolSettings,
    max_logged_body: u64,
    verification_conf: Option<VerificationConf>,
}

/// What a gateway is put together from.
pub struct Parts {
    /// Settings.
    pub settings: GatewaySettings,
    /// What time it is.
    pub clock: Clock,
    /// Own clients, services and rights.
    pub conf: ConfHandle,
    /// Everybody else.
    pub world: World,
    /// Own keys.
    pub identity: Arc<Identity>,
    /// Key and certificate shown to services.
    pub internal: OwnKey,
    /// Message log.
    pub log: MessageLog,
    /// Bodies larger than this are logged by their digest, bytes.
    pub max_logged_body: u64,
    /// Builds the verification configuration.
    pub verification_conf: Option<VerificationConf>,
}

impl Gateway {
    /// Puts a gateway together. It serves nothing until listeners are given to [`listen`].
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let evidence = Arc::new(Evidence::default());
        let trust =
            PeerTrust { world: parts.world.clone(), evidence: Arc::clone(&evidence), clock: parts.clock.clone() };
        let settings = parts.settings;
        let directory: Arc<Path> = settings.spool_directory.as_path().into();
        Arc::new(Self {
            peers: Peers::new(Arc::clone(&parts.identity.auth_tls), trust, &settings),
            services: Services::new(parts.internal, &settings),
            replay: ReplayGuard::new(Duration::from_secs(settings.replay_window)),
            spool: SpoolSettings { memory_limit: settings.memory_limit, directory, max_body: settings.max_body },
            settings,
            clock: parts.clock,
            conf: parts.conf,
            world: parts.world,
            metrics: Arc::clone(&parts.identity.metrics),
            identity: parts.identity,
            log: parts.log,
            max_logged_body: parts.max_logged_body,
            evidence,
            version: env!("CARGO_PKG_VERSION"),
            verification_conf: parts.verification_conf,
        })
    }

    /// How this gateway's TLS recognises others.
    #[must_use]
    pub fn peer_trust(&self) -> PeerTrust {
        PeerTrust { world: self.world.clone(), evidence: Arc::clone(&self.evidence), clock: self.clock.clone() }
    }

    /// The view to work with, when messages may be exchanged at all: first the configuration, then our certificate, then the log.
    ///
    /// # Errors
    /// The reason why no message may be exchanged.
    pub fn ready(&self, place: Place) -> Result<Arc<View>, Failure> {
        let view = self.in_force(place)?;
        if let Some(trouble) = self.identity.auth_trouble(&view, self.clock.now()) {
            let message = format_args!("Security server has no valid authentication certificate: {trouble}");
            return Err(Failure::own(place, Code::SslAuthenticationFailed, message));
        }
        self.log.accepting(self.clock.now_micros()).map_err(|refusal| Failure::refused(place, refusal))?;
        Ok(view)
    }

    /// The view to work with, when the global configuration has not expired.
    ///
    /// # Errors
    /// When it has.
    pub fn in_force(&self, place: Place) -> Result<Arc<View>, Failure> {
        let view = self.world.current();
        if view.conf.is_expired(self.clock.now()) {
            let message = format_args!("Global configuration expired at {}", view.conf.expires_at());
            return Err(Failure::own(place, Code::OutdatedGlobalConf, message));
        }
        Ok(view)
    }

    /// Our own address as the global configuration names it.
    fn own_address(&self, view: &View) -> Option<String> {
        view.conf.server(&self.identity.server).and_then(|server| server.address.clone())
    }
}
