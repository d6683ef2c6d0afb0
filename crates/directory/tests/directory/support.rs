//! A central with its HTTP door, an authority, and a key vault in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use directory::CertDer;
use directory::acts::permit::{Principal, Role};
use directory::acts::{Central, KeyVault};
use directory::client::{Reply, Transport, TransportError};
use directory::conf::Publisher;
use directory::model::shared_params::{ApprovedCa, CaInfo, CostType, CsrFormat, OcspResponder};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use serde_json::{Value, json};
use tower::ServiceExt;
use trust::cert::{Certificate, CertificateTemplate, CertificateUsage, DistinguishedName, Issuer, issue, self_signed};
use trust::key::{KeyError, KeyKind, SigningKey, SoftwareKey};

pub const BASIC: &str = "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider";

pub fn start() -> Timestamp {
    "2026-11-23T01:02:03Z".parse().unwrap()
}

/// Keys in memory; it can be emptied, as a token is that was pulled out.
#[derive(Debug, Default)]
pub struct MemoryVault(pub Mutex<HashMap<String, Arc<SoftwareKey>>>);

impl KeyVault for MemoryVault {
    fn generate(&self, label: &str) -> Result<(String, Arc<dyn SigningKey>), KeyError> {
        let key = Arc::new(SoftwareKey::generate(KeyKind::EcP256)?);
        self.0.lock().unwrap().insert(label.to_owned(), key.clone());
        Ok((label.to_owned(), key))
    }

    fn find(&self, key_ref: &str) -> Option<Arc<dyn SigningKey>> {
        self.0.lock().unwrap().get(key_ref).map(|key| key.clone() as Arc<dyn SigningKey>)
    }

    fn delete(&self, key_ref: &str) -> Result<(), KeyError> {
        self.0.lock().unwrap().remove(key_ref);
        Ok(())
    }
}

/// An authority of the Basic profile.
pub struct Authority {
    key: SoftwareKey,
    pub certificate: Certificate,
}

/// A key with its certificate.
pub struct Holder {
    pub key: SoftwareKey,
    pub cert: CertDer,
}

impl Authority {
    pub fn new() -> Self {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let name = DistinguishedName::new().with("CN", "CA thử").with("C", "VN");
        let certificate = self_signed(&template(name, CertificateUsage::Authority { below: None }), &key).unwrap();
        Self { key, certificate }
    }

    pub fn sign(&self, class: &str, member: &str) -> Holder {
        let name = DistinguishedName::new()
            .with("CN", member)
            .with("O", "Cơ quan")
            .with("businessCategory", class)
            .with("C", "VN")
            .with("serialNumber", member);
        self.holder(name, CertificateUsage::Signing)
    }

    pub fn auth(&self, member: &str) -> Holder {
        let name = DistinguishedName::new().with("CN", "gw.vn").with("serialNumber", member).with("C", "VN");
        self.holder(name, CertificateUsage::Authentication)
    }

    fn holder(&self, name: DistinguishedName, usage: CertificateUsage) -> Holder {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let issuer = Issuer { certificate: &self.certificate, key: &self.key };
        let certificate = issue(&template(name, usage), key.public_key_der(), issuer).unwrap();
        Holder { key, cert: CertDer::new(certificate.der()) }
    }

    pub fn approved(&self) -> ApprovedCa {
        ApprovedCa {
            name: "CA thử".into(),
            authentication_only: false,
            top: CaInfo {
                cert: CertDer::new(self.certificate.der()),
                ocsp: vec![OcspResponder { url: "http://ocsp/".into(), cert: None, cost: CostType::Free }],
            },
            intermediates: Vec::new(),
            profile: BASIC.into(),
            csr_format: CsrFormat::Der,
            acme: None,
        }
    }
}

fn template(subject: DistinguishedName, usage: CertificateUsage) -> CertificateTemplate {
    CertificateTemplate {
        subject,
        usage,
        serial: vec![7],
        not_before: start() - SignedDuration::from_hours(24),
        not_after: start() + SignedDuration::from_hours(24 * 365),
        dns_names: Vec::new(),
        ocsp_url: None,
    }
}

/// A central on one engine.
pub struct World {
    pub engine: &'static str,
    pub clock: Clock,
    pub vault: Arc<MemoryVault>,
    pub central: Central,
    pub publisher: Arc<Publisher>,
    pub authority: Authority,
    pub door: Router,
}

impl World {
    /// Empty centrals on both engines.
    pub async fn empty() -> Vec<World> {
        let mut worlds = Vec::new();
        for database in testkit::databases().await {
            directory::store::migrate(&database.store).await.unwrap();
            worlds.push(Self::over(database.store, database.name));
        }
        worlds
    }

    fn over(store: store::Store, engine: &'static str) -> World {
        let clock = Clock::manual(start());
        let vault = Arc::new(MemoryVault::default());
        let central = Central::new(store, clock.clone(), vault.clone());
        let publisher = Arc::new(Publisher::new(central.clone()));
        let door = directory::api::router(central.clone(), publisher.clone())
            .merge(directory::conf::router(publisher.clone()));
        World { engine, clock, vault, central, publisher, authority: Authority::new(), door }
    }

    /// A second central of the given instance in a database of its own.
    pub async fn partner(instance: &str) -> World {
        let database = testkit::sqlite().await;
        directory::store::migrate(&database.store).await.unwrap();
        let world = Self::over(database.store, database.name);
        world.furnish(instance).await;
        world
    }

    /// Centrals of instance VN with keys, an approved authority, class GOV and members G01 and H26.
    pub async fn furnished() -> Vec<World> {
        let worlds = Self::empty().await;
        for world in &worlds {
            world.furnish("VN").await;
        }
        worlds
    }

    async fn furnish(&self, instance: &str) {
        self.done("POST", "/settings", json!({ "instance": instance, "address": "trung-tam.vn" })).await;
        self.done("PUT", "/member-classes/GOV", json!({ "description": "Cơ quan nhà nước" })).await;
        for audience in ["internal", "external"] {
            self.done("POST", "/signing-keys", json!({ "audience": audience })).await;
        }
        self.done("POST", "/certification-services", json!(self.authority.approved())).await;
        for (code, name) in [("G01", "Bộ Công an"), ("H26", "UBND thành phố Hà Nội")] {
            self.done("POST", "/members", json!({ "id": format!("{instance}:GOV:{code}"), "name": name })).await;
        }
    }

    /// Sends as a principal with every role.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let roles = vec![Role::SecurityOfficer, Role::RegistrationOfficer, Role::SystemAdministrator, Role::Observer];
        self.send_as(Some(Principal { name: "lan".into(), roles }), method, path, body).await
    }

    pub async fn send_as(&self, who: Option<Principal>, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let path =
            if path.starts_with("/management") { path.to_owned() } else { format!("{}{path}", directory::api::BASE) };
        let body = match body {
            Value::Null => Body::empty(),
            Value::String(text) => Body::from(text),
            json => Body::from(json.to_string()),
        };
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json").body(body).unwrap();
        if let Some(principal) = who {
            request.extensions_mut().insert(principal);
        }
        let response = self.door.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let value =
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into()));
        (status, value)
    }

    /// Sends and expects success.
    pub async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, path, body).await;
        assert!(status.is_success(), "{} {method} {path}: {status} {answer}", self.engine);
        answer
    }

    /// Sends and expects a problem with this code.
    pub async fn refused(&self, method: &str, path: &str, body: Value) -> String {
        let (status, answer) = self.send(method, path, body).await;
        assert!(!status.is_success(), "{} {method} {path} was not refused: {answer}", self.engine);
        answer["code"].as_str().unwrap_or("no code").to_owned()
    }

    /// Fetches without a principal, as gateways fetch the configuration.
    pub async fn get(&self, path: &str) -> (StatusCode, http::HeaderMap, String) {
        let response = self.door.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

/// Changes the body that comes back for a path.
pub type Tamper = fn(&str, Vec<u8>) -> Vec<u8>;

/// Carries a client's requests to routers by host name, counts them, and can change what comes back.
#[derive(Debug, Default)]
pub struct Wire {
    pub hosts: Mutex<HashMap<String, Router>>,
    pub log: Mutex<Vec<String>>,
    pub tamper: Mutex<Option<Tamper>>,
}

impl Wire {
    pub fn to(host: &str, router: Router) -> Arc<Self> {
        let wire = Self::default();
        wire.hosts.lock().unwrap().insert(host.to_owned(), router);
        Arc::new(wire)
    }

    pub fn cut(&self) {
        self.hosts.lock().unwrap().clear();
    }

    pub fn taken_log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

impl Transport for Wire {
    fn get<'a>(
        &'a self,
        url: &'a str,
        _limit: usize,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Reply, TransportError>> + Send + 'a>> {
        Box::pin(async move {
            let uri: http::Uri = url.parse().unwrap();
            let router = self.hosts.lock().unwrap().get(uri.host().unwrap()).cloned();
            let router = router.ok_or_else(|| TransportError::Connect("refused".into()))?;
            let path = uri.path_and_query().unwrap().to_string();
            self.log.lock().unwrap().push(path.clone());
            let response = router.oneshot(Request::get(&path).body(Body::empty()).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
            let mut body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
            if let Some(tamper) = *self.tamper.lock().unwrap() {
                body = tamper(&path, body);
            }
            Ok(Reply { status, content_type, body: body.into() })
        })
    }
}
