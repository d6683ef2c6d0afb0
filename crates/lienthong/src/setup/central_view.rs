//! What is registered at a central, read as any program reads it: through its API, without the network in between.

use std::sync::Arc;

use anyhow::Context as _;
use axum::body::Body;
use directory::{Principal, Publisher, RequestBody, Role, api_router};
use http::Request;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use super::OPERATOR;
use super::central::CentralNode;

/// A management request.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    /// Number.
    pub id: i64,
    /// Where it stands.
    pub status: String,
    /// What is asked.
    pub body: RequestBody,
}

/// A gateway.
#[derive(Clone, Debug, Deserialize)]
pub struct Registered {
    /// Identifier.
    pub id: String,
    /// Where others reach it.
    pub address: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: i64,
}

impl CentralNode {
    /// The newest hundred requests, newest last; only those that wait for a decision unless `all`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn requests(&self, all: bool) -> anyhow::Result<Vec<Asked>> {
        let path = if all { "/requests?limit=100" } else { "/requests?limit=100&status=submitted" };
        let mut list = self.read(path).await?;
        list.reverse();
        Ok(list)
    }

    /// The first hundred gateways.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn gateways(&self) -> anyhow::Result<Vec<Registered>> {
        self.read("/gateways?limit=100").await
    }

    /// A number that grows with every act, of whichever process.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last_act(&self) -> anyhow::Result<i64> {
        let newest: Vec<Entry> = self.read("/audit?limit=1").await?;
        Ok(newest.first().map_or(0, |entry| entry.id))
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let api = api_router(self.central.clone(), Arc::new(Publisher::new(self.central.clone())));
        let mut request = Request::get(format!("{}{path}", directory::api::BASE)).body(Body::empty())?;
        let roles = vec![Role::Observer, Role::SecurityOfficer];
        request.extensions_mut().insert(Principal { name: OPERATOR.to_owned(), roles });
        let answer = api.oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        let items: Items<T> = serde_json::from_slice(&body).with_context(|| format!("{path}: unexpected answer"))?;
        Ok(items.items)
    }
}
