//! The snapshot a gateway works with: verified configuration of one or more instances, indexed for the message path.
//!
//! Built once for each change, then only read. Every lookup costs one hash and allocates nothing. Where instances disagree the own
//! instance wins: a federation partner cannot claim a gateway's certificate that is already registered at home.

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
        let mut builder = Builder::default();
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

/// Gathers the instances one after another.
#[derive(Default)]
struct Builder {
    instances: Vec<Instance>,
    private: Option<PrivateParams>,
    trust: TrustView,
    clients: AHashMap<ClientId, Gathered>,
    servers: AHashMap<ServerId, Arc<Server>>,
    by_auth_cert: AHashMap<[u8; 32], Arc<Server>>,
    groups: AHashMap<ClientId, Vec<GlobalGroupId>>,
}

struct Gathered {
    member_name: Arc<str>,
    subsystem_name: Option<Arc<str>>,
    servers: Vec<Arc<Server>>,
}

impl Builder {
    fn add(&mut self, part: InstanceParts) -> Result<(), BuildError> {
        let shared = part.shared;
        if self.instances.iter().any(|known| known.id == shared.instance) {
            return Err(BuildError::DuplicateInstance(shared.instance));
        }
        if self.instances.is_empty() {
            self.private = part.private;
        }
        self.trust.add(&shared);
        self.add_members(&shared);
        self.add_servers(&shared);
        let groups = self.add_groups(&shared);
        self.instances.push(Instance {
            id: shared.instance,
            approved_cas: shared.approved_cas,
            approved_tsas: shared.approved_tsas,
            member_classes: shared.member_classes,
            sources: shared.sources,
            ocsp_freshness: SignedDuration::from_secs(i64::from(shared.ocsp_freshness_seconds)),
            expires_at: part.expires_at,
            groups,
        });
        Ok(())
    }

    fn add_members(&mut self, shared: &SharedParams) {
        self.clients.reserve(shared.members.iter().map(|member| 1 + member.subsystems.len()).sum());
        for member in &shared.members {
            let entry =
                |subsystem_name| Gathered { member_name: member.name.clone(), subsystem_name, servers: Vec::new() };
            self.clients.insert(member.id.clone(), entry(None));
            for subsystem in &member.subsystems {
                self.clients.insert(subsystem.id.clone(), entry(subsystem.name.clone()));
            }
        }
    }

    fn add_servers(&mut self, shared: &SharedParams) {
        for registered in &shared.servers {
            let server = Arc::new(Server {
                id: registered.id.clone(),
                address: registered.address.clone(),
                auth_cert_hashes: registered.auth_cert_hashes.clone(),
                clients: registered.clients.clone(),
                maintenance: registered.maintenance.clone(),
            });
            for hash in &server.auth_cert_hashes {
                self.by_auth_cert.entry(*hash).or_insert_with(|| server.clone());
            }
            for client in server.clients.iter().chain([&server.id.owner]) {
                if let Some(entry) = self.clients.get_mut(client)
                    && !entry.servers.iter().any(|known| Arc::ptr_eq(known, &server))
                {
                    entry.servers.push(server.clone());
                }
            }
            self.servers.insert(server.id.clone(), server);
        }
    }

    fn add_groups(&mut self, shared: &SharedParams) -> Vec<(GlobalGroupId, String)> {
        let mut known = Vec::with_capacity(shared.groups.len());
        for group in &shared.groups {
            let id = GlobalGroupId { instance: shared.instance.clone(), code: group.code.clone() };
            for member in &group.members {
                self.groups.entry(member.clone()).or_default().push(id.clone());
            }
            known.push((id, group.description.clone()));
        }
        let owners = GlobalGroupId { instance: shared.instance.clone(), code: OWNERS_GROUP.into() };
        for server in &shared.servers {
            self.groups.entry(server.id.owner.clone()).or_default().push(owners.clone());
        }
        if !known.iter().any(|(id, _)| *id == owners) {
            known.push((owners, String::new()));
        }
        known
    }

    fn finish(self) -> Result<GlobalConf, BuildError> {
        let mut instances = self.instances.into_iter();
        let own = instances.next().ok_or(BuildError::Empty)?;
        let clients = self.clients.into_iter().map(|(id, gathered)| {
            let Gathered { member_name, subsystem_name, servers } = gathered;
            (id, Client { member_name, subsystem_name, servers: servers.into_boxed_slice() })
        });
        let groups = self.groups.into_iter().map(|(id, mut groups)| {
            groups.sort_unstable();
            groups.dedup();
            (id, groups.into_boxed_slice())
        });
        Ok(GlobalConf {
            own,
            partners: instances.collect(),
            private: Arc::new(self.private.unwrap_or_default()),
            trust: Arc::new(self.trust),
            index: Arc::new(Index {
                clients: clients.collect(),
                servers: self.servers,
                by_auth_cert: self.by_auth_cert,
                groups: groups.collect(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared_params::{GlobalGroup, Member, ServerEntry, Subsystem};
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A member with one gateway of one certificate, at which its only subsystem is registered.
    fn params(instance: &str, member: &str, hash: [u8; 32]) -> SharedParams {
        let owner = ClientId::member(instance, "GOV", member);
        let subsystem = ClientId::subsystem(instance, "GOV", member, "dancu");
        SharedParams {
            instance: instance.into(),
            members: vec![Member {
                id: owner.clone(),
                name: "Bộ Công an".into(),
                class_description: "Cơ quan nhà nước".into(),
                subsystems: vec![Subsystem { id: subsystem.clone(), name: Some("Dân cư".into()) }],
            }],
            servers: vec![ServerEntry {
                id: ServerId::new(owner, "gw1"),
                address: Some("gw1.example".into()),
                auth_cert_hashes: vec![hash],
                clients: vec![subsystem.clone()],
                maintenance: None,
            }],
            groups: vec![GlobalGroup {
                code: "tinh".into(), description: "Các tỉnh".into(), members: vec![subsystem]
            }],
            ocsp_freshness_seconds: 3600,
            ..SharedParams::default()
        }
    }

    fn parts(shared: SharedParams, expires_at: &str) -> InstanceParts {
        InstanceParts { shared, private: None, expires_at: at(expires_at) }
    }

    #[test]
    fn a_client_is_found_with_its_gateways_and_groups() {
        let conf = GlobalConf::build(vec![parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z")]).unwrap();
        let subsystem = ClientId::subsystem("VN", "GOV", "G01", "dancu");
        assert_eq!(conf.member_name(&subsystem), Some("Bộ Công an"));
        assert_eq!(conf.subsystem_name(&subsystem), Some("Dân cư"));
        assert_eq!(conf.servers_of(&subsystem)[0].id.code.as_ref(), "gw1");
        assert_eq!(conf.servers_of(&subsystem.owner()).len(), 1, "a member is found at the gateways it owns");
        assert!(conf.in_global_group(&subsystem, &GlobalGroupId::new("VN", "tinh")));
        assert!(!conf.in_global_group(&subsystem.owner(), &GlobalGroupId::new("VN", "tinh")));
        assert!(conf.in_global_group(&subsystem.owner(), &GlobalGroupId::new("VN", OWNERS_GROUP)));
        assert!(conf.server_by_auth_cert(&[1; 32]).is_some());
        assert!(conf.server_by_auth_cert(&[2; 32]).is_none());
        assert!(conf.servers_of(&ClientId::subsystem("VN", "GOV", "G01", "khac")).is_empty());
    }

    #[test]
    fn a_partner_instance_cannot_claim_a_certificate_registered_at_home() {
        let conf = GlobalConf::build(vec![
            parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z"),
            parts(params("LA", "M9", [1; 32]), "2026-11-23T09:00:00Z"),
        ])
        .unwrap();
        assert_eq!(conf.server_by_auth_cert(&[1; 32]).unwrap().id.owner.instance.as_ref(), "VN");
        assert!(conf.has_client(&ClientId::member("LA", "GOV", "M9")));
    }

    #[test]
    fn each_instance_expires_by_itself() {
        let conf = GlobalConf::build(vec![
            parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z"),
            parts(params("LA", "M9", [2; 32]), "2026-11-23T09:00:00Z"),
        ])
        .unwrap();
        let now = at("2026-11-23T09:30:00Z");
        assert!(!conf.is_expired(now));
        assert!(conf.instance_in_force("VN", now));
        assert!(!conf.instance_in_force("LA", now));
        assert!(!conf.instance_in_force("KH", now));
        assert!(conf.is_expired(at("2026-11-23T10:00:00Z")), "the last instant no longer counts");
    }

    #[test]
    fn an_instance_twice_and_no_instance_are_refused() {
        let one = || parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z");
        assert_eq!(GlobalConf::build(vec![one(), one()]).unwrap_err(), BuildError::DuplicateInstance("VN".into()));
        assert_eq!(GlobalConf::build(Vec::new()).unwrap_err(), BuildError::Empty);
    }
}
