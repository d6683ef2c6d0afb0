//! What the gateway knows of the others: the verified global configuration together with what the message path derives from it.
//!
//! Derived once for each new configuration; the message path only reads. Each view has its own number, so that a verdict remembered under
//! one configuration never counts under the next.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use arc_swap::ArcSwap;
use directory::{ClientId, GlobalGroupId};
use directory::{GlobalConf, Server};
use directory::{Purpose, TrustError};
use jiff::Timestamp;
use parking_lot::Mutex;
use trust::cert::Certificate;
use trust::ocsp::{OcspError, OcspPolicy};
use trust::xades::{ApprovedAuthority, TrustSource};

use crate::model::access::GroupLookup;

/// Numbers views in the order they were made.
static NUMBERS: AtomicU64 = AtomicU64::new(1);
/// Most gateways whose path is remembered in one view.
const MAX_REMEMBERED: usize = 10_000;

/// The configuration in force and what was derived from it.
#[derive(Debug)]
pub struct View {
    /// The verified configuration.
    pub conf: Arc<GlobalConf>,
    number: u64,
    signing_authorities: Vec<ApprovedAuthority>,
    time_stampers: Vec<Certificate>,
    ocsp_policy: OcspPolicy,
    /// Until when the path of an authentication certificate, once found good, stays good.
    good_paths: Mutex<AHashMap<[u8; 32], Timestamp>>,
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
    /// It is expired, not for authentication, or no approved authority issued it.
    #[error("{0}")]
    Trust(#[from] TrustError),
    /// No good and fresh OCSP answer about it was shown.
    #[error("status of the gateway's certificate: {0}")]
    Status(OcspError),
}

impl View {
    /// Derives what the message path needs from `conf`.
    #[must_use]
    pub fn new(conf: Arc<GlobalConf>) -> Self {
        for name in conf.trust().unreadable() {
            tracing::error!(name, "a certificate of this trust service in the global configuration cannot be read");
        }
        let mut signing_authorities = Vec::new();
        let mut time_stampers = Vec::new();
        for instance in conf.instances() {
            let authorities = conf.trust().authorities(&instance.id);
            for authority in authorities.iter().filter(|authority| !authority.authentication_only) {
                let issuers = authority.intermediates.iter().chain([&authority.top]);
                signing_authorities.push(ApprovedAuthority {
                    name: authority.name.clone(),
                    anchor: authority.top.clone(),
                    intermediates: authority.intermediates.clone(),
                    ocsp_responders: issuers.flat_map(|issuer| conf.trust().ocsp_certs(issuer)).cloned().collect(),
                });
            }
            time_stampers.extend(conf.trust().time_stampers(&instance.id).iter().cloned());
        }
        let ocsp_policy = OcspPolicy { freshness: conf.ocsp_freshness(), ..OcspPolicy::default() };
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self { conf, number, signing_authorities, time_stampers, ocsp_policy, good_paths: Mutex::default() }
    }

    /// The gateway behind an authentication certificate, when the certificate is registered, unexpired and from an approved authority.
    ///
    /// # Errors
    /// [`PeerError`] with the reason.
    pub fn peer(&self, certificate: &Certificate, now: Timestamp) -> Result<&Arc<Server>, PeerError> {
        let server = self.conf.server_by_auth_cert(certificate.sha256()).ok_or(PeerError::Unregistered)?;
        if self.good_paths.lock().get(certificate.sha256()).is_some_and(|until| now <= *until) {
            return Ok(server);
        }
        let path = self.conf.trust().path(certificate, &[], &server.id.owner.instance, Purpose::Authentication, now)?;
        let until = path.certificates.iter().map(Certificate::not_after).min().unwrap_or(now);
        let mut good = self.good_paths.lock();
        if good.len() < MAX_REMEMBERED {
            good.insert(*certificate.sha256(), until);
        }
        Ok(server)
    }

    /// The approved authority that issued `certificate`.
    #[must_use]
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.conf.trust().issuer_of(certificate)
    }
}

impl TrustSource for View {
    fn authorities(&self) -> &[ApprovedAuthority] {
        &self.signing_authorities
    }

    fn ocsp_policy(&self) -> OcspPolicy {
        self.ocsp_policy
    }

    fn time_stamp_authorities(&self) -> &[Certificate] {
        &self.time_stampers
    }

    fn generation(&self) -> u64 {
        self.number
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
