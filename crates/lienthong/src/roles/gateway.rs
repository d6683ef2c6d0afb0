//! A gateway as a role: it carries messages, keeps its evidence, follows the configuration of the central and its own database.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use directory::GlobalConf;
use directory::client::GlobalConfHandle;
use directory::{ClientId, GlobalGroupId, ServerId};
use exchange::GroupLookup;
use exchange::acts::Admin;
use exchange::acts::follow::{RegisteredHere, follow_global_conf};
use exchange::api::{Api, Limits};
use exchange::gateway::identity::{Identity, KeyPair};
use exchange::gateway::tls::{self, OwnKey};
use exchange::gateway::world::World;
use exchange::gateway::{Gateway, Parts, listen};
use exchange::log::{Durability, LogSettings, MessageLog};
use exchange::monitor::health::Health;
use kit::Clock;
use rustls::sign::CertifiedKey;
use store::Store;
use store::journal::{FileOptions, Journal, JournalDurability};
use trust::key::SoftwareKey;
use trust::tls::certified_key;

use super::gateway_page::Pages;
use super::{Tasks, bind, gateway_health, ocsp_answers, stamper};
use crate::config::{Config, JournalKind};
use crate::home::Home;
use crate::out::trouble;
use crate::setup::central::read_certificate;
use crate::setup::gateway::GatewayNode;

/// How soon an act of another process (a command) is in force.
const FOLLOW: Duration = Duration::from_secs(1);
/// Bytes that may wait to be written to a journal in a table.
const TABLE_QUEUE: usize = 64 * 1024 * 1024;

/// A running gateway.
pub struct RunningGateway {
    /// Which one.
    pub server: ServerId,
    /// The data path.
    pub gateway: Arc<Gateway>,
    /// Its administration.
    pub admin: Admin,
    /// Its message log.
    pub log: MessageLog,
    /// Its health.
    pub health: Health,
    /// Its configuration.
    pub conf: GlobalConfHandle,
    store: Store,
    journal: Journal,
    tasks: Tasks,
}

impl RunningGateway {
    /// Opens the gateway of `config` and starts serving.
    ///
    /// # Errors
    /// When it was not made, has no certificates, or an address is taken.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let mut node = GatewayNode::open(config, clock).await?;
        if node.conf.current().is_expired(node.clock.now()) {
            node.fetch().await?;
        }
        Self::run(node).await
    }

    /// Starts serving an opened gateway.
    ///
    /// # Errors
    /// When it has no certificates, or an address is taken.
    pub async fn run(node: GatewayNode) -> anyhow::Result<Self> {
        let GatewayNode { config, home, store, admin, server, clock, .. } = &node;
        let settings = &config.gateway;
        let world = World::new(node.conf.current());
        let identity = identity(&node)?;
        let internal = internal_key(home)?;
        let log_settings = log_settings(&settings.message_log, &node.conf.current());
        let journal = open_journal(settings.journal, log_settings.durability, home, store, clock).await?;
        let stampers = stamper::approved(world.clone());
        let log = MessageLog::open(store.clone(), journal.clone(), log_settings, clock.clone(), stampers).await?;
        std::fs::create_dir_all(&settings.exchange.spool_directory)?;
        let (folder, conf) = (home.configuration(), node.conf.clone());
        let gateway = Gateway::new(Parts {
            settings: settings.exchange.clone(),
            clock: clock.clone(),
            conf: admin.conf().clone(),
            world: world.clone(),
            identity: Arc::clone(&identity),
            internal: internal.clone(),
            log: log.clone(),
            max_logged_body: settings.message_log.max_logged_body,
            verification_conf: Some(Box::new(move || GatewayNode::verification_conf(&folder, &conf.current()))),
        });
        let health = gateway_health::health(&gateway, &node.conf, store);
        let mut running = Self {
            server: server.clone(),
            gateway,
            admin: admin.clone(),
            log,
            health,
            conf: node.conf.clone(),
            store: store.clone(),
            journal,
            tasks: Tasks::default(),
        };
        running.listen(config, internal).await?;
        running.work(node);
        Ok(running)
    }

    async fn listen(&mut self, config: &Config, internal: OwnKey) -> anyhow::Result<()> {
        let settings = &config.gateway;
        let gateway = &self.gateway;
        let stop = self.tasks.stop_signal();
        let peer = bind(settings.exchange.peer, "gateway.exchange.peer").await?;
        let tls = tls::peer_listener(Arc::clone(&gateway.identity.auth_tls), gateway.peer_trust())?;
        self.tasks.spawn(listen::peers(Arc::clone(gateway), peer, Arc::new(tls), stop.clone()));
        if let Some(address) = settings.exchange.http {
            let listener = bind(address, "gateway.exchange.http").await?;
            self.tasks.spawn(listen::systems_plain(Arc::clone(gateway), listener, stop.clone()));
        }
        if let Some(address) = settings.exchange.https {
            let listener = bind(address, "gateway.exchange.https").await?;
            let own = internal.load().cert.first().map(|certificate| tls::sha256(certificate)).unwrap_or_default();
            let tls = Arc::new(tls::system_listener(internal)?);
            self.tasks.spawn(listen::systems_tls(Arc::clone(gateway), listener, tls, own, stop));
        }
        if let Some(address) = settings.exchange.ocsp {
            let listener = bind(address, "gateway.exchange.ocsp").await?;
            self.tasks.serve(listener, ocsp_answers::router(Arc::clone(&gateway.identity)));
        }
        if let Some(address) = settings.health {
            let listener = bind(address, "gateway.health").await?;
            self.tasks.serve(listener, self.health.probe_router());
        }
        let listener = bind(settings.admin, "gateway.admin").await?;
        self.tasks.serve(listener, self.admin_router());
        Ok(())
    }

    /// Administration API, status page, health and metrics: what operators reach.
    fn admin_router(&self) -> Router {
        let pages = Pages {
            gateway: Arc::clone(&self.gateway),
            health: self.health.clone(),
            conf: self.conf.clone(),
            metrics: Arc::clone(&self.gateway.metrics),
        };
        let groups = Arc::new(CurrentGroups(self.gateway.world.clone()));
        let api = exchange::api::router(Api::new(self.admin.clone(), groups, Limits::default()));
        super::gateway_page::router(pages).merge(self.health.operator_router()).fallback_service(api)
    }

    /// Everything that happens by itself.
    fn work(&mut self, node: GatewayNode) {
        let GatewayNode { config, admin, updater, clock, .. } = node;
        let (identity, world) = (Arc::clone(&self.gateway.identity), self.gateway.world.clone());
        self.tasks.spawn_until_stopped(Arc::clone(&identity).keep_fresh(world.clone(), clock));
        let stop = self.tasks.watch();
        self.tasks.spawn(async move { updater.run(stop).await });
        let (log, stopped) = (self.log.clone(), self.tasks.stopped());
        self.tasks.spawn(async move { log.run(stopped).await });
        let stopped = self.tasks.stopped();
        let following = admin.clone();
        self.tasks.spawn(async move { following.follow(FOLLOW, stopped).await });
        let follower = Follower {
            conf: self.conf.clone(),
            world,
            admin,
            log: self.log.clone(),
            log_settings: config.gateway.message_log,
            server: self.server.clone(),
        };
        self.tasks.spawn_until_stopped(follower.run());
    }

    /// Whether the gateway may exchange messages now: registered, with a fresh OCSP answer. Why not, when it may not.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let view = self.gateway.world.current();
        if view.conf.server(&self.server).is_none() {
            return Some("the gateway is not registered yet".to_owned());
        }
        self.gateway.identity.auth_trouble(&view, self.gateway.clock.now())
    }

    /// Stops serving: open exchanges end, what is logged is durable, the database is closed.
    pub async fn stop(self) {
        self.tasks.stop().await;
        self.journal.close().await;
        self.store.close().await;
    }
}

/// Global groups as the configuration in force has them at the moment of asking.
struct CurrentGroups(World);

impl GroupLookup for CurrentGroups {
    fn each_group_of(&self, client: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {
        self.0.current().each_group_of(client, visit);
    }
}

/// Puts each new global configuration into force everywhere.
struct Follower {
    conf: GlobalConfHandle,
    world: World,
    admin: Admin,
    log: MessageLog,
    log_settings: LogSettings,
    server: ServerId,
}

impl Follower {
    async fn run(self) {
        let mut changes = self.conf.watch();
        loop {
            let conf = self.conf.current();
            self.log.configure(log_settings(&self.log_settings, &conf));
            let registered = registered_here(&conf, &self.server);
            self.world.replace(conf);
            match follow_global_conf(&self.admin, registered).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "clients follow the global configuration"),
                Err(error) => tracing::warn!(%error, "clients cannot follow the global configuration"),
            }
            // A client added by a command is found registered without a change of the configuration.
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(FOLLOW) => {}
            }
        }
    }
}

/// What the configuration says of the clients of `server`.
#[must_use]
pub fn registered_here(conf: &GlobalConf, server: &ServerId) -> RegisteredHere {
    let known = conf.server(server);
    let mut enabled: std::collections::HashSet<ClientId> =
        known.iter().flat_map(|known| known.clients.iter().cloned()).collect();
    if known.is_some() {
        enabled.insert(server.owner.clone());
    }
    RegisteredHere { enabled, ..RegisteredHere::default() }
}

/// The shorter of the two intervals: the central says how long a message may stay without stamp at most.
fn log_settings(configured: &LogSettings, conf: &GlobalConf) -> LogSettings {
    let central = u64::try_from(conf.timestamping_interval().as_secs()).unwrap_or(u64::MAX);
    LogSettings { timestamp_interval: configured.timestamp_interval.min(central), ..configured.clone() }
}

async fn open_journal(
    kind: JournalKind,
    durability: Durability,
    home: &Home,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Journal> {
    let durability = match durability {
        Durability::Synced => JournalDurability::Fsync,
        Durability::Buffered => JournalDurability::OsCache,
    };
    let opened = match kind {
        JournalKind::Files => {
            Journal::open_files(home.journal(), FileOptions { durability, ..FileOptions::default() }).await
        }
        JournalKind::Table => Journal::open_table(store, "exchange", clock.clone(), TABLE_QUEUE).await,
    };
    opened.context(trouble!(
        "Không mở được nhật ký thông điệp (cổng có đang chạy ở tiến trình khác không?)",
        "Cannot open the message log (does the gateway run in another process?)"
    ))
}

fn identity(node: &GatewayNode) -> anyhow::Result<Arc<Identity>> {
    let (key, certificate) = node.auth()?;
    let auth_tls = CertifiedKey::clone(&*certified_key(std::slice::from_ref(&certificate), key)?);
    let pairs: Vec<(ClientId, KeyPair)> =
        node.signers()?.into_iter().map(|(member, key, certificate)| (member, KeyPair { key, certificate })).collect();
    if pairs.is_empty() {
        return Err(trouble!(
            "Cổng chưa có chứng thư ký được CA đã duyệt cấp: chạy `lienthong gateway key enrol` hoặc `key import`",
            "The gateway has no signing certificate of an approved authority: run `lienthong gateway key enrol` or `key import`"
        )
        .into());
    }
    let limit = node.config.gateway.exchange.batch_limit;
    Ok(Arc::new(Identity::new(node.server.clone(), auth_tls, certificate, pairs, limit, &node.clock)?))
}

fn internal_key(home: &Home) -> anyhow::Result<OwnKey> {
    let (key, certificate) = (home.internal_key(), home.internal_certificate());
    let read = || -> anyhow::Result<OwnKey> {
        let key = SoftwareKey::from_pkcs8(&zeroize::Zeroizing::new(std::fs::read(&key)?))?;
        let certificate = read_certificate(&std::fs::read(&certificate)?, &certificate.display().to_string())?;
        Ok(Arc::new(ArcSwap::new(certified_key(&[certificate], Arc::new(key))?)))
    };
    let name = key.display();
    read().with_context(|| {
        trouble!("Không dùng được chứng thư nội bộ {name}", "The internal certificate {name} is not usable")
    })
}
