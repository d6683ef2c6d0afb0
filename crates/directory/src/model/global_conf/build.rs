//! Turns the parts of the instances into the indexes of a [`GlobalConf`].

use std::sync::Arc;

use ahash::AHashMap;
use jiff::SignedDuration;

use super::{BuildError, Client, GlobalConf, Index, Instance, InstanceParts, OWNERS_GROUP, Server};
use crate::model::id::{ClientId, GlobalGroupId, ServerId};
use crate::model::private_params::PrivateParams;
use crate::model::shared_params::SharedParams;
use crate::model::trust_view::TrustView;

/// Gathers the instances one after another.
#[derive(Default)]
pub(super) struct Builder {
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
    pub(super) fn add(&mut self, part: InstanceParts) -> Result<(), BuildError> {
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

    pub(super) fn finish(self) -> Result<GlobalConf, BuildError> {
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
