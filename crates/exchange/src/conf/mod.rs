//! The gateway's own configuration: its clients, their services and who may call them.
//!
//! The data path reads an immutable [`ServerConf`]; every act that changes the configuration loads a new one and swaps it in through
//! [`ConfHandle`], so a decision never sees half a change.

pub mod client;
pub mod service;

use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use directory::{ClientId, ServerId};

pub use client::{Client, ClientMove, ClientStatus, ConnectionType, RefusedMove};
pub use service::{RESERVED_CODES, Service, ServiceKind, check_base_url, check_service_code};

/// One state of the configuration. Built whole, never changed.
#[derive(Debug)]
pub struct ServerConf {
    /// This gateway.
    pub server: ServerId,
    /// Counts the changes; grows by at least one with each.
    pub version: i64,
    clients: AHashMap<ClientId, Arc<Client>>,
    /// By provider, then by service code; several only for SOAP versions, lowest first.
    services: AHashMap<ClientId, AHashMap<Arc<str>, Vec<Arc<Service>>>>,
}

impl ServerConf {
    /// A configuration of these clients and services.
    #[must_use]
    pub fn new(server: ServerId, version: i64, clients: Vec<Client>, services: Vec<Service>) -> Self {
        let clients = clients.into_iter().map(|client| (client.id.clone(), Arc::new(client))).collect();
        let mut by_provider: AHashMap<ClientId, AHashMap<Arc<str>, Vec<Arc<Service>>>> = AHashMap::new();
        for service in services {
            let of_provider = by_provider.entry(service.id.provider.clone()).or_default();
            of_provider.entry(service.id.code.clone()).or_default().push(Arc::new(service));
        }
        for versions in by_provider.values_mut().flat_map(|services| services.values_mut()) {
            versions.sort_by(|a, b| a.id.version.cmp(&b.id.version));
        }
        Self { server, version, clients, services: by_provider }
    }

    /// A configuration without clients.
    #[must_use]
    pub fn empty(server: ServerId) -> Self {
        Self::new(server, 0, Vec::new(), Vec::new())
    }

    /// The client with this identifier, whatever its status: the caller checks [`ClientStatus::may_exchange`].
    #[must_use]
    pub fn client(&self, id: &ClientId) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    /// All clients, in no particular order.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// The service of `provider` with this code; of several SOAP versions the first.
    #[must_use]
    pub fn service(&self, provider: &ClientId, code: &str) -> Option<&Arc<Service>> {
        self.services.get(provider)?.get(code)?.first()
    }

    /// The service of `provider` with this code and exactly this version.
    #[must_use]
    pub fn service_version(&self, provider: &ClientId, code: &str, version: Option<&str>) -> Option<&Arc<Service>> {
        let versions = self.services.get(provider)?.get(code)?;
        versions.iter().find(|service| service.id.version.as_deref() == version)
    }

    /// The services of `provider`, by code and version.
    #[must_use]
    pub fn services_of(&self, provider: &ClientId) -> Vec<Arc<Service>> {
        let mut services: Vec<_> =
            self.services.get(provider).into_iter().flat_map(|services| services.values()).flatten().cloned().collect();
        services.sort_by(|a, b| (&a.id.code, &a.id.version).cmp(&(&b.id.code, &b.id.version)));
        services
    }
}

/// Where the current configuration is found. Cheap to clone; all clones see a swap at once.
#[derive(Clone, Debug)]
pub struct ConfHandle(Arc<ArcSwap<ServerConf>>);

impl ConfHandle {
    /// A handle that starts with `conf`.
    #[must_use]
    pub fn new(conf: ServerConf) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(conf)))
    }

    /// The configuration now; hold it for one message, then ask again.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConf> {
        self.0.load_full()
    }

    /// Puts a newer configuration in place; an older one, loaded slowly beside a faster act, is dropped.
    pub fn replace(&self, conf: ServerConf) {
        let conf = Arc::new(conf);
        self.0.rcu(|current| if conf.version >= current.version { conf.clone() } else { current.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerId {
        ServerId::new(ClientId::member("VN", "GOV", "G01"), "cong1")
    }

    #[test]
    fn an_older_snapshot_never_replaces_a_newer_one() {
        let handle = ConfHandle::new(ServerConf::new(server(), 7, Vec::new(), Vec::new()));
        handle.replace(ServerConf::new(server(), 6, Vec::new(), Vec::new()));
        assert_eq!(handle.current().version, 7);
        handle.clone().replace(ServerConf::new(server(), 8, Vec::new(), Vec::new()));
        assert_eq!(handle.current().version, 8);
    }
}
