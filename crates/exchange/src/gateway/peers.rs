//! Sends a message to one of the provider's gateways: the one that answered last first, another when it cannot be reached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use directory::Server;
use directory::{ClientId, ServerId};
use hyper::Request;
use parking_lot::Mutex;
use trust::xades::TrustSource as _;

use super::failure::Failure;
use super::pool::{CallError, Exchange, Place, Pool, split_address};
use super::settings::GatewaySettings;
use super::tls::{self, OwnKey, PeerTrust};
use super::world::View;
use crate::model::error::Code;
use crate::wire::body::Body;

/// A gateway that could not be reached is tried last for this long.
const PENALTY: Duration = Duration::from_secs(10);

/// Connections to other gateways.
#[derive(Debug)]
pub struct Peers {
    own: OwnKey,
    trust: PeerTrust,
    connect_timeout: Duration,
    answer_timeout: Duration,
    keep_alive: Duration,
    default_port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pools: AHashMap<ServerId, Peer>,
    /// Which gateway answered a provider's last call.
    preferred: AHashMap<ClientId, ServerId>,
    unreachable: AHashMap<ServerId, Instant>,
}

/// Connections to one gateway, made under one configuration: a certificate that was good under another is not believed any more.
#[derive(Debug)]
struct Peer {
    address: String,
    view: u64,
    pool: Arc<Pool>,
}

impl Peers {
    /// No connections yet.
    #[must_use]
    pub fn new(own: OwnKey, trust: PeerTrust, settings: &GatewaySettings) -> Self {
        Self {
            own,
            trust,
            connect_timeout: settings.connect(),
            answer_timeout: Duration::from_secs(settings.answer_timeout),
            keep_alive: Duration::from_secs(settings.keep_alive),
            default_port: settings.peer_port,
            state: Mutex::default(),
        }
    }

    /// The gateways that may carry a call to `provider`, `wanted` only when the caller insists on one.
    ///
    /// # Errors
    /// When the provider is unknown, the wanted gateway does not serve it, or all are in maintenance.
    pub fn candidates(
        view: &View,
        provider: &ClientId,
        wanted: Option<&ServerId>,
    ) -> Result<Vec<Arc<Server>>, Failure> {
        let servers = view.conf.servers_of(provider);
        if servers.is_empty() {
            let message = format_args!("Could not find addresses for service provider \"{provider}\"");
            return Err(Failure::consumer(Code::UnknownMember, message));
        }
        let mut found: Vec<Arc<Server>> =
            servers.iter().filter(|server| wanted.is_none_or(|id| server.id == *id)).cloned().collect();
        if let (Some(id), true) = (wanted, found.is_empty()) {
            return Err(Failure::consumer(Code::InvalidSecurityServer, format_args!("Invalid security server: {id}")));
        }
        if let Some(notice) = found.iter().find_map(|server| server.maintenance.clone()) {
            found.retain(|server| server.maintenance.is_none());
            if found.is_empty() {
                let message = format_args!("Security server is in maintenance mode: {notice}");
                return Err(Failure::consumer(Code::MaintenanceMode, message));
            }
        }
        found.retain(|server| server.address.is_some());
        if found.is_empty() {
            let message = format_args!("No gateway of \"{provider}\" has an address");
            return Err(Failure::consumer(Code::UnknownMember, message));
        }
        Ok(found)
    }

    /// Sends a request to the first of `candidates` that can be reached and waits for the head of the answer.
    ///
    /// # Errors
    /// When none can be reached, or the exchange breaks after the request may have been received.
    pub async fn send(
        &self,
        view: &View,
        provider: &ClientId,
        candidates: &[Arc<Server>],
        request: impl Fn() -> Request<Body>,
    ) -> Result<(Arc<Server>, Exchange), Failure> {
        let mut last = None;
        for server in self.ordered(provider, candidates) {
            let pool = self.pool(view, &server)?;
            match pool.send(&request, self.answer_timeout).await {
                Ok(exchange) => {
                    self.worked(provider, &server.id);
                    return Ok((server, exchange));
                }
                Err(error) if error.never_sent() => {
                    tracing::warn!(server = %server.id, %error, "gateway unreachable");
                    self.state.lock().unreachable.insert(server.id.clone(), Instant::now());
                    last = Some(error);
                }
                Err(error) => return Err(network(&error)),
            }
        }
        Err(last.map_or_else(|| Failure::consumer(Code::NetworkError, "No gateway to call"), |error| network(&error)))
    }

    fn ordered(&self, provider: &ClientId, candidates: &[Arc<Server>]) -> Vec<Arc<Server>> {
        let mut ordered = candidates.to_vec();
        if ordered.len() > 1 {
            let state = self.state.lock();
            let preferred = state.preferred.get(provider);
            ordered.sort_by_key(|server| {
                let avoided = state.unreachable.get(&server.id).is_some_and(|since| since.elapsed() < PENALTY);
                (avoided, preferred != Some(&server.id))
            });
        }
        ordered
    }

    fn worked(&self, provider: &ClientId, server: &ServerId) {
        let mut state = self.state.lock();
        if state.preferred.get(provider) != Some(server) {
            state.preferred.insert(provider.clone(), server.clone());
        }
        if !state.unreachable.is_empty() {
            state.unreachable.remove(server);
        }
    }

    fn pool(&self, view: &View, server: &Server) -> Result<Arc<Pool>, Failure> {
        let address = server.address.as_deref().unwrap_or_default();
        let mut state = self.state.lock();
        if let Some(known) = state.pools.get(&server.id)
            && known.address == address
            && known.view == view.generation()
        {
            return Ok(Arc::clone(&known.pool));
        }
        let tls = tls::peer_caller(Arc::clone(&self.own), self.trust.clone(), server.id.clone())
            .map_err(|error| Failure::consumer(Code::SslAuthenticationFailed, error))?;
        let (host, port) = split_address(address, self.default_port);
        let place = Place { host, port, tls: Some(Arc::new(tls)) };
        let pool = Pool::new(place, self.connect_timeout, self.keep_alive);
        let peer = Peer { address: address.to_owned(), view: view.generation(), pool: Arc::clone(&pool) };
        state.pools.insert(server.id.clone(), peer);
        Ok(pool)
    }
}

fn network(error: &CallError) -> Failure {
    let code = match error {
        CallError::Tls { .. } => Code::SslAuthenticationFailed,
        CallError::UnknownHost(_) => Code::UnknownHost,
        _ => Code::NetworkError,
    };
    Failure::consumer(code, error)
}
