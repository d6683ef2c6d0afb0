//! What `serve` starts: each role opens what it keeps, listens, works in the background, and stops when told.
//!
//! Nothing here is global: several roles, and several gateways, run in one process side by side.

pub mod central;
pub mod central_keys;
pub mod central_page;
pub mod gateway;
pub mod gateway_health;
pub mod gateway_page;
pub mod ocsp_answers;
pub mod pki;
pub mod stamper;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use exchange::gateway::listen::{Stop, Stopper};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::out::trouble;

/// How long the tasks of a role may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tasks of one role and the signal that ends them.
#[derive(Debug)]
pub struct Tasks {
    stopper: Stopper,
    stop: Stop,
    watch: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Default for Tasks {
    fn default() -> Self {
        let (stopper, stop) = Stop::new();
        Self { stopper, stop, watch: watch::Sender::new(false), running: JoinSet::new() }
    }
}

impl Tasks {
    /// The signal in the form listeners take.
    #[must_use]
    pub fn stop_signal(&self) -> Stop {
        self.stop.clone()
    }

    /// The signal in the form background work of the directory takes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.watch.subscribe()
    }

    /// A future that is ready when the role stops.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.clone();
        async move { stop.wait().await }
    }

    /// Runs work that ends by itself when told to stop.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(work);
    }

    /// Runs work until the role stops, then drops it.
    pub fn spawn_until_stopped(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.running.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = work => {}
            }
        });
    }

    /// Serves pages or an API until the role stops; open requests are finished.
    pub fn serve(&mut self, listener: TcpListener, router: Router) {
        let stopped = self.stopped();
        self.running.spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "a listener ended");
            }
        });
    }

    /// Gives the signal and waits until everything has ended.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let _ = self.watch.send(true);
        let ended = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!("some work did not end in time and was dropped");
        }
    }
}

/// Opens a listener.
///
/// # Errors
/// With the address, when it is taken or not this machine's.
pub async fn bind(address: SocketAddr, what: &'static str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| trouble!("Không mở được cổng mạng {address} ({what})", "Cannot listen on {address} ({what})"))
}
