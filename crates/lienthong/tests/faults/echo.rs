//! The service of an agency: says back what it was sent, and remembers what it was asked.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::process::listen;

/// How long a slow answer takes, so that some are always under way.
const SLOW: Duration = Duration::from_millis(150);

/// A running service; ends when dropped.
pub struct Echo {
    asked: Arc<Mutex<HashSet<String>>>,
    _serving: JoinSet<()>,
}

impl Echo {
    /// Serves `/quick/{id}` and `/slow/{id}`: the body, or the identifier when there is none.
    pub async fn start(address: SocketAddr) -> Self {
        let asked = Arc::<Mutex<HashSet<String>>>::default();
        let router = Router::new().route("/{pace}/{id}", get(answer).post(answer)).with_state(Arc::clone(&asked));
        let listener = listen(address).await;
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { asked, _serving: serving }
    }

    /// Identifiers it was asked with.
    pub fn asked(&self) -> HashSet<String> {
        self.asked.lock().clone()
    }
}

async fn answer(
    State(asked): State<Arc<Mutex<HashSet<String>>>>,
    Path((pace, id)): Path<(String, String)>,
    body: Bytes,
) -> Bytes {
    asked.lock().insert(id.clone());
    if pace == "slow" {
        tokio::time::sleep(SLOW).await;
    }
    if body.is_empty() { id.into() } else { body }
}
