//! What the gateway knows of the others: the verified global configuration together with the certificates parsed from it.
//!
//! Parsing happens once for each new configuration; the message path only reads.

use std::ops::ControlFlow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use directory::model::global_conf::{GlobalConf, Server};
use directory::{ClientId, GlobalGroupId};
use jiff::Timestamp;
use trust::cert::{Certificate, ChainError, verify_chain};

use crate::model::access::GroupLookup;

/// The configuration in force and what was derived from it.
#[derive(Debug)]
pub struct View {
    /// The verified configuration.
    pub conf: Arc<GlobalConf>,
    /// Roots trusted for TLS between gateways.
    auth_anchors: Vec<Certificate>,
    /// Authorities between the roots and members' certificates.
    intermediates: Vec<Certificate>,
}

/// Handle to the view in force; clones see the same.
#[derive(Clone, Debug)]
pub struct World(Arc<ArcSwap<View>>);

/// Why another gateway's certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The certificate cannot be parsed.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No gateway has registered it.
    #[error("the certificate is not registered for any gateway")]
    Unregistered,
    /// It belongs to another gateway than the one called.
    #[error("the certificate belongs to {0}, which was not called")]
    OtherServer(String),
    /// It is expired or no approved authority issued it.
    #[error("{0}")]
    Chain(#[from] ChainError),
}

impl View {
    /// Parses the certificates of `conf`. One that cannot be parsed is left out and said in the log: others must go on working.
    #[must_use]
    pub fn new(conf: Arc<GlobalConf>) -> Self {
        let mut auth_anchors = Vec::new();
        let mut intermediates = Vec::new();
        for instance in conf.instances() {
            for ca in &instance.approved_cas {
                auth_anchors.extend(parsed(ca.top.cert.der(), &ca.name));
                for authority in &ca.intermediates {
                    intermediates.extend(parsed(authority.cert.der(), &ca.name));
                }
            }
        }
        Self { conf, auth_anchors, intermediates }
    }

    /// The gateway behind an authentication certificate, when the certificate is registered, unexpired and from an approved authority.
    ///
    /// # Errors
    /// [`PeerError`] with the reason.
    pub fn peer(&self, certificate: &Certificate, now: Timestamp) -> Result<&Arc<Server>, PeerError> {
        let server = self.conf.server_by_auth_cert(certificate.sha256()).ok_or(PeerError::Unregistered)?;
        verify_chain(certificate, &self.intermediates, &self.auth_anchors, now)?;
        Ok(server)
    }

    /// The certificate that issued `certificate`, among the approved authorities.
    #[must_use]
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.auth_anchors.iter().chain(&self.intermediates).find(|authority| certificate.issued_by(authority))
    }
}

impl GroupLookup for View {
    fn each_group_of(&self, client: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {
        for group in self.conf.groups_of(client) {
            if visit(group).is_break() {
                return;
            }
        }
    }
}

impl World {
    /// A world in which `conf` is in force.
    #[must_use]
    pub fn new(conf: Arc<GlobalConf>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(View::new(conf))))
    }

    /// The view in force.
    #[must_use]
    pub fn current(&self) -> Arc<View> {
        self.0.load_full()
    }

    /// Puts a new configuration in force.
    pub fn replace(&self, conf: Arc<GlobalConf>) {
        self.0.store(Arc::new(View::new(conf)));
    }
}

fn parsed(der: &[u8], authority: &str) -> Option<Certificate> {
    Certificate::from_der(der)
        .inspect_err(|error| tracing::error!(authority, %error, "a certificate in the global configuration is unreadable"))
        .ok()
}
