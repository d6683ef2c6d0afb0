//! The snapshot a gateway works with: verified configuration of one or more instances, indexed for the message path.
//!
//! Built once for each change, then only read. Every lookup costs one hash and allocates nothing. Where instances disagree the own
//! instance wins: a federation partner cannot claim a gateway's certificate that is already registered at home.

mod build;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ahash::AHashMap;
use jiff::{SignedDuration, Timestamp};

use super::id::{ClientId, GlobalGroupId, ServerId};
use super::private_params::PrivateParams;
use super::shared_params::{ApprovedCa, ApprovedTsa, MemberClass, SharedParams, Source};
use super::trust_view::TrustView;

/// The group every owner of a gateway belongs to without being added.
pub const OWNERS_GROUP: &str = "security-server-owners";

/// Verified parts of one instance, as they come out of the store or the network.
#[derive(Clone, Debug)]
pub struct InstanceParts {
    /// Shared parameters.
    pub shared: SharedParams,
    /// Private parameters; only the own instance has them.
    pub private: Option<PrivateParams>,
    /// When the signed directory that named the parts ceases to count.
    pub expires_at: Timestamp,
}

/// A gateway that takes part in the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its identifier.
    pub id: ServerId,
    /// Host name or address; absent when it was registered without one (it cannot be called then).
    pub address: Option<String>,
    /// SHA-256 of each registered authentication certificate.
    pub auth_cert_hashes: Vec<[u8; 32]>,
    /// Registered clients.
    pub clients: Vec<ClientId>,
    /// Set while under maintenance; the text may be empty.
    pub maintenance: Option<String>,
}

/// What is known of one instance beside the indexes.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Instance identifier.
    pub id: Arc<str>,
    /// Certification services of the instance.
    pub approved_cas: Vec<ApprovedCa>,
    /// Time-stamping services of the instance.
    pub approved_tsas: Vec<ApprovedTsa>,
    /// Member classes of the instance.
    pub member_classes: Vec<MemberClass>,
    /// Where its configuration is served.
    pub sources: Vec<Source>,
    /// How long an OCSP response of the instance counts.
    pub ocsp_freshness: SignedDuration,
    /// When its configuration ceases to count.
    pub expires_at: Timestamp,
    /// Identifiers of its global groups with their descriptions, in the order of the configuration.
    pub groups: Vec<(GlobalGroupId, String)>,
}

/// The verified, immutable configuration. A clone shares the indexes.
#[derive(Clone, Debug)]
pub struct GlobalConf {
    own: Instance,
    partners: Vec<Instance>,
    private: Arc<PrivateParams>,
    trust: Arc<TrustView>,
    index: Arc<Index>,
}

/// What the message path looks things up in.
#[derive(Debug, Default)]
struct Index {
    clients: AHashMap<ClientId, Client>,
    servers: AHashMap<ServerId, Arc<Server>>,
    by_auth_cert: AHashMap<[u8; 32], Arc<Server>>,
    /// Sorted, so that membership is a binary search among the few groups of one client.
    groups: AHashMap<ClientId, Box<[GlobalGroupId]>>,
}

/// A registered member or subsystem.
#[derive(Debug)]
struct Client {
    member_name: Arc<str>,
    subsystem_name: Option<Arc<str>>,
    servers: Box<[Arc<Server>]>,
}

/// Why parts do not make a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is no instance at all.
    #[error("no instance was given")]
    Empty,
    /// An instance occurs twice.
    #[error("instance {0} occurs twice")]
    DuplicateInstance(Arc<str>),
}

impl GlobalConf {
    /// Builds the indexes. The first part is the own instance.
    ///
    /// # Errors
    /// When there is no part or an instance occurs twice.
    pub fn build(parts: Vec<InstanceParts>) -> Result<Self, BuildError> {
        let mut builder = build::Builder::default();
        for part in parts {
            builder.add(part)?;
        }
        builder.finish()
    }

    /// What a gateway works with before it ever got a configuration: an instance without members that has expired since always.
    #[must_use]
    pub fn empty(instance: &str) -> Self {
        Self {
            own: Instance {
                id: instance.into(),
                approved_cas: Vec::new(),
                approved_tsas: Vec::new(),
                member_classes: Vec::new(),
                sources: Vec::new(),
                ocsp_freshness: SignedDuration::ZERO,
                expires_at: Timestamp::UNIX_EPOCH,
                groups: Vec::new(),
            },
            partners: Vec::new(),
            private: Arc::default(),
            trust: Arc::default(),
            index: Arc::default(),
        }
    }

    /// The same configuration with a later expiry of one instance: what most rounds bring, at no cost.
    #[must_use]
    pub fn with_expiry(&self, instance: &str, expires_at: Timestamp) -> Self {
        let mut conf = self.clone();
        let known = std::iter::once(&mut conf.own).chain(&mut conf.partners).find(|known| &*known.id == instance);
        if let Some(known) = known {
            known.expires_at = expires_at;
        }
        conf
    }

    /// The own instance.
    #[must_use]
    pub fn instance(&self) -> &Arc<str> {
        &self.own.id
    }

    /// Every instance, the own one first.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        std::iter::once(&self.own).chain(&self.partners)
    }

    /// One instance by its identifier. Instances are few: a linear look.
    #[must_use]
    pub fn instance_named(&self, instance: &str) -> Option<&Instance> {
        self.instances().find(|known| &*known.id == instance)
    }

    /// Name of the member, also when asked for one of its subsystems.
    #[must_use]
    pub fn member_name(&self, client: &ClientId) -> Option<&str> {
        self.index.clients.get(client).map(|entry| &*entry.member_name)
    }

    /// Name of the subsystem, when it has one of its own.
    #[must_use]
    pub fn subsystem_name(&self, client: &ClientId) -> Option<&str> {
        self.index.clients.get(client).and_then(|entry| entry.subsystem_name.as_deref())
    }

    /// Whether the member or subsystem exists.
    #[must_use]
    pub fn has_client(&self, client: &ClientId) -> bool {
        self.index.clients.contains_key(client)
    }

    /// The gateways a client is registered at; empty for an unknown client and for one registered nowhere. A member is found at the
    /// gateways it owns.
    #[must_use]
    pub fn servers_of(&self, client: &ClientId) -> &[Arc<Server>] {
        self.index.clients.get(client).map_or(&[], |entry| &entry.servers)
    }

    /// A gateway by its identifier.
    #[must_use]
    pub fn server(&self, id: &ServerId) -> Option<&Arc<Server>> {
        self.index.servers.get(id)
    }

    /// The gateway that registered this authentication certificate, by the SHA-256 of the certificate.
    #[must_use]
    pub fn server_by_auth_cert(&self, sha256: &[u8; 32]) -> Option<&Arc<Server>> {
        self.index.by_auth_cert.get(sha256)
    }

    /// Every known member and subsystem, in no order.
    pub fn clients(&self) -> impl Iterator<Item = (&ClientId, &str)> {
        self.index.clients.iter().map(|(id, entry)| (id, &*entry.member_name))
    }

    /// Every known gateway, in no order.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.index.servers.values()
    }

    /// Certification services of the own instance.
    #[must_use]
    pub fn approved_cas(&self) -> &[ApprovedCa] {
        &self.own.approved_cas
    }

    /// Certification services of `instance`; a message of another instance stands on that instance's chain of trust.
    #[must_use]
    pub fn approved_cas_of(&self, instance: &str) -> &[ApprovedCa] {
        self.instance_named(instance).map_or(&[], |known| &known.approved_cas)
    }

    /// Time-stamping services of the own instance.
    #[must_use]
    pub fn approved_tsas(&self) -> &[ApprovedTsa] {
        &self.own.approved_tsas
    }

    /// Time-stamping services of `instance`.
    #[must_use]
    pub fn approved_tsas_of(&self, instance: &str) -> &[ApprovedTsa] {
        self.instance_named(instance).map_or(&[], |known| &known.approved_tsas)
    }

    /// Whether `client` itself (not merely its member) is in `group`.
    #[must_use]
    pub fn in_global_group(&self, client: &ClientId, group: &GlobalGroupId) -> bool {
        self.groups_of(client).binary_search(group).is_ok()
    }

    /// The groups `client` is in, sorted.
    #[must_use]
    pub fn groups_of(&self, client: &ClientId) -> &[GlobalGroupId] {
        self.index.groups.get(client).map_or(&[], |groups| groups)
    }

    /// How long an OCSP response counts in the own instance.
    #[must_use]
    pub fn ocsp_freshness(&self) -> SignedDuration {
        self.own.ocsp_freshness
    }

    /// How often gateways of the own instance have their message log stamped.
    #[must_use]
    pub fn timestamping_interval(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.private.timestamping_interval_seconds))
    }

    /// Private parameters of the own instance: management services, anchors of federation partners.
    #[must_use]
    pub fn private(&self) -> &PrivateParams {
        &self.private
    }

    /// The approved authorities with their certificates parsed: paths, members by certificate, OCSP responders.
    #[must_use]
    pub fn trust(&self) -> &TrustView {
        &self.trust
    }

    /// When the own instance's configuration ceases to count.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.own.expires_at
    }

    /// Whether the own instance's configuration is outdated: no message may flow then.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// Whether messages with `instance` may flow as far as its configuration goes: it is known and not outdated.
    #[must_use]
    pub fn instance_in_force(&self, instance: &str, now: Timestamp) -> bool {
        self.instance_named(instance).is_some_and(|known| now < known.expires_at)
    }
}
