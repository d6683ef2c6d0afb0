//! A gateway's administration for tests: a database, a central authority that can be told to fail, keys for each role.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use directory::{ClientId, ServerId};
use exchange::acts::api_keys::{ApiKeyRequest, create_api_key};
use exchange::acts::permit::{Actor, Duty, Permit, Role};
use exchange::acts::registration::{ManagementRequest, ManagementRequests, SubmitError};
use exchange::acts::services::{ServiceSettings, add_rest_service};
use exchange::acts::{Admin, clients};
use exchange::api::{Api, Limits, router};
use exchange::conf::ConnectionType;
use exchange::model::access::NoGroups;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kit::Clock;
use serde_json::Value;
use store::Store;
use tower::ServiceExt as _;

/// A central authority that writes down what it is asked.
#[derive(Default)]
pub struct Central {
    pub asked: Mutex<Vec<ManagementRequest>>,
    pub down: AtomicBool,
}

impl ManagementRequests for Central {
    fn submit(&self, request: ManagementRequest) -> BoxFuture<'_, Result<String, SubmitError>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(SubmitError::Unreachable("connection refused".to_owned()));
            }
            let mut asked = self.asked.lock().unwrap();
            asked.push(request);
            Ok(asked.len().to_string())
        })
    }
}

/// The administration of the gateway `cong1` of `VN/GOV/G01`.
pub struct House {
    pub admin: Admin,
    pub central: Arc<Central>,
    pub clock: Clock,
    pub store: Store,
}

pub fn server() -> ServerId {
    ServerId::new(ClientId::member("VN", "GOV", "G01"), "cong1")
}

pub fn dancu() -> ClientId {
    ClientId::subsystem("VN", "GOV", "G01", "dancu")
}

pub fn caller() -> ClientId {
    ClientId::subsystem("VN", "GOV", "T01", "motcua")
}

pub fn settings(base_url: &str) -> ServiceSettings {
    ServiceSettings { base_url: base_url.to_owned(), description_url: None, timeout_seconds: None, verify_tls: false }
}

/// A permit for any duty, as the console has it.
pub fn permit<D: Duty>() -> Permit<D> {
    Actor::console("thử nghiệm").permit().unwrap()
}

impl House {
    pub async fn on(store: Store) -> Self {
        let clock = Clock::manual("2026-11-23T08:00:00Z".parse().unwrap());
        let central = Arc::new(Central::default());
        let admin = Admin::open(store.clone(), clock.clone(), &server(), central.clone()).await.unwrap();
        Self { admin, central, clock, store }
    }

    /// With the subsystem `dancu` and its REST service `tracuu`.
    pub async fn furnished(store: Store) -> Self {
        let house = Self::on(store).await;
        clients::add_client(&house.admin, &permit(), dancu(), ConnectionType::Http).await.unwrap();
        let settings = settings("http://is.example.vn/api");
        add_rest_service(&house.admin, &permit(), dancu(), "tracuu".to_owned(), settings).await.unwrap();
        house
    }

    /// A key with these roles.
    pub async fn key(&self, roles: &[Role]) -> String {
        let request =
            ApiKeyRequest { name: "thử".to_owned(), roles: roles.iter().copied().collect(), expires_at: None };
        create_api_key(&self.admin, &permit(), request).await.unwrap().key
    }

    pub fn door(&self) -> Door {
        self.door_with(Limits { per_second: 100_000, per_minute: 100_000 })
    }

    pub fn door_with(&self, limits: Limits) -> Door {
        Door { router: router(Api::new(self.admin.clone(), Arc::new(NoGroups), limits)), key: None }
    }

    /// The events in the audit log, oldest first.
    pub async fn events(&self) -> Vec<String> {
        let rows = self.store.read(|tx| exchange::store::audit::list(tx, i64::MAX, 500)).await.unwrap();
        rows.into_iter().rev().map(|row| row.entry.event).collect()
    }
}

/// The HTTP door of the administration.
#[derive(Clone)]
pub struct Door {
    router: Router,
    key: Option<String>,
}

/// An answer, read to the end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: http::response::Parts,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Door {
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(format!("Bearer {key}")), ..self.clone() }
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if let Some(key) = &self.key {
            request.headers_mut().insert("authorization", key.parse().unwrap());
        }
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), head, bytes }
    }

    pub async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    pub async fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let uri = if path.starts_with("/api") { path.to_owned() } else { format!("/api/exchange/v1/{path}") };
        let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Body::empty()).await
    }
}
