//! The central as a role: it publishes the signed configuration, takes requests of gateways, and shows operators how it stands.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{any, get};
use directory::acts::Central;
use directory::conf::{self, Publisher};
use http::StatusCode;
use kit::Clock;
use tower::ServiceExt as _;

use super::central_keys;
use super::{Tasks, bind, central_page};
use crate::config::Config;
use crate::setup::central::{CentralNode, REQUESTS_PATH};

/// How soon an act of another process (a command) is published.
const FOLLOW: Duration = Duration::from_millis(500);

/// A running central.
#[derive(Debug)]
pub struct RunningCentral {
    /// Its acts, database and folder.
    pub node: CentralNode,
    /// What it publishes.
    pub publisher: Arc<Publisher>,
    tasks: Tasks,
}

impl RunningCentral {
    /// Opens the central and starts serving.
    ///
    /// # Errors
    /// When it was not made, or an address is taken.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let node = CentralNode::open(config, clock).await?;
        Self::run(config, node).await
    }

    /// Starts serving an opened central.
    ///
    /// # Errors
    /// When an address is taken.
    pub async fn run(config: &Config, node: CentralNode) -> anyhow::Result<Self> {
        let public = bind(config.central.listen, "central.listen").await?;
        let admin = bind(config.central.admin, "central.admin").await?;
        let publisher = Arc::new(Publisher::new(node.central.clone()));
        // What can be published is published before the first gateway asks.
        if let Err(error) = publisher.publish().await {
            tracing::warn!(%error, "the global configuration cannot be published yet");
        }
        let mut tasks = Tasks::default();
        let stop = tasks.watch();
        let working = Arc::clone(&publisher);
        tasks.spawn(async move { working.run(stop).await });
        tasks.spawn_until_stopped(follow(node.clone(), Arc::clone(&publisher)));
        tasks.serve(public, public_router(&node.central, &publisher));
        let pages = central_page::Pages { node: node.clone(), publisher: Arc::clone(&publisher) };
        let api = directory::api::router(node.central.clone(), Arc::clone(&publisher));
        let api = central_keys::recognising(api, node.store.clone());
        tasks.serve(admin, central_page::router(pages).merge(api));
        Ok(Self { node, publisher, tasks })
    }

    /// Stops serving and closes the database.
    pub async fn stop(self) {
        self.tasks.stop().await;
        self.node.store.close().await;
    }
}

/// Publishes soon after a command of another process changed the registry.
async fn follow(node: CentralNode, publisher: Arc<Publisher>) {
    let mut published = None;
    loop {
        match node.last_act().await {
            Ok(act) if Some(act) != published => {
                // A failure is told on the status page and tried again every minute.
                let _ = publisher.publish().await;
                published = Some(act);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the registry cannot be read"),
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

fn public_router(central: &Central, publisher: &Arc<Publisher>) -> Router {
    // Of the API only what gateways prove by signatures: operators have a listener of their own.
    let api = directory::api::router(central.clone(), Arc::clone(publisher));
    let requests = any(move |request: Request| async move {
        match api.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    });
    conf::router(Arc::clone(publisher))
        .route(REQUESTS_PATH, requests)
        .route("/health", get(|| async { StatusCode::OK }))
}
