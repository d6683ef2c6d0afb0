//! Calls the service behind this gateway and takes its answer in.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use hyper::ext::ReasonPhrase;
use hyper::{Method, Request, StatusCode, Uri};
use parking_lot::Mutex;

use super::failure::Failure;
use super::pool::{CallError, Place, Pool};
use super::settings::GatewaySettings;
use super::tls::{self, OwnKey};
use crate::conf::Service;
use crate::model::error::Code;
use crate::model::headers;
use crate::wire::body::Body;
use crate::wire::inbound::next_chunk;
use crate::wire::payload::{Payload, PayloadBuilder, PayloadError, SpoolSettings};

/// Connections to services.
#[derive(Debug)]
pub struct Services {
    own: OwnKey,
    connect_timeout: Duration,
    keep_alive: Duration,
    pools: Mutex<AHashMap<PoolKey, Arc<Pool>>>,
}

/// What must be equal for a connection to be shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    https: bool,
    host: String,
    port: u16,
    pinned: Option<Arc<[[u8; 32]]>>,
}

/// What the service answered.
#[derive(Debug)]
pub struct ServiceAnswer {
    /// HTTP status.
    pub status: StatusCode,
    /// Reason phrase as the service wrote it.
    pub reason: Bytes,
    /// All headers.
    pub headers: HeaderMap,
    /// Body.
    pub payload: Payload,
}

impl Services {
    /// No connections yet. `own` is the certificate shown to services that ask for one.
    #[must_use]
    pub fn new(own: OwnKey, settings: &GatewaySettings) -> Self {
        Self {
            own,
            connect_timeout: settings.connect(),
            keep_alive: Duration::from_secs(settings.keep_alive),
            pools: Mutex::default(),
        }
    }

    /// Calls `service` at `path_and_query` (already joined to its base path) and reads the whole answer.
    ///
    /// # Errors
    /// When the service cannot be reached, breaks off or takes longer than it has.
    pub async fn call(
        &self,
        service: &Service,
        method: &str,
        path_and_query: &str,
        call_headers: &HeaderMap,
        payload: &Payload,
        spool: &SpoolSettings,
    ) -> Result<ServiceAnswer, Failure> {
        let base: Uri = service.base_url.parse().map_err(|_| malformed(service))?;
        let pool = self.pool(&base, service)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| malformed(service))?;
        let target: Uri = path_and_query.parse().map_err(|_| Failure::client(Code::BadRequest, "malformed path"))?;
        let host = base.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(host).map_err(|_| malformed(service))?;
        let request = || {
            let mut request = Request::new(Body::from(payload.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = target.clone();
            let out = request.headers_mut();
            for (name, value) in call_headers {
                if headers::counts_once(name) {
                    out.insert(name.clone(), value.clone());
                } else if headers::is_forwarded(name) {
                    out.append(name.clone(), value.clone());
                }
            }
            out.insert(HOST, host.clone());
            request
        };
        let timeout = Duration::from_secs(u64::from(service.timeout_seconds));
        let exchange = async {
            let exchange = pool.send(request, timeout).await.map_err(|error| call_failed(&error))?;
            read_answer(exchange, spool, timeout).await
        };
        tokio::time::timeout(timeout, exchange).await.map_err(|_| {
            let message = format_args!("The service did not answer within {} s", service.timeout_seconds);
            Failure::service(Code::NetworkError, message)
        })?
    }

    /// Fetches a document of the service's provider, for example its description, with the service's TLS rules and timeout.
    ///
    /// # Errors
    /// As [`Services::call`].
    pub async fn fetch(&self, service: &Service, url: &str, spool: &SpoolSettings) -> Result<ServiceAnswer, Failure> {
        let url: Uri = url.parse().map_err(|_| malformed(service))?;
        let pool = self.pool(&url, service)?;
        let host = url.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(host).map_err(|_| malformed(service))?;
        let path: Uri =
            url.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|_| malformed(service))?;
        let request = || {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = path.clone();
            request.headers_mut().insert(HOST, host.clone());
            request
        };
        let timeout = Duration::from_secs(u64::from(service.timeout_seconds));
        let exchange = pool.send(request, timeout).await.map_err(|error| call_failed(&error))?;
        read_answer(exchange, spool, timeout).await
    }

    fn pool(&self, base: &Uri, service: &Service) -> Result<Arc<Pool>, Failure> {
        let https = base.scheme_str() == Some("https");
        let host = base.host().ok_or_else(|| malformed(service))?.trim_matches(['[', ']']).to_owned();
        let port = base.port_u16().unwrap_or(if https { 443 } else { 80 });
        let pinned = (https && service.verify_tls).then(|| Arc::clone(&service.is_cert_hashes));
        let key = PoolKey { https, host: host.clone(), port, pinned: pinned.clone() };
        let mut pools = self.pools.lock();
        if let Some(pool) = pools.get(&key) {
            return Ok(Arc::clone(pool));
        }
        let tls = if https {
            let config = tls::service_caller(Arc::clone(&self.own), pinned)
                .map_err(|error| Failure::service(Code::SslAuthenticationFailed, error))?;
            Some(Arc::new(config))
        } else {
            None
        };
        let pool = Pool::new(Place { host, port, tls }, self.connect_timeout, self.keep_alive);
        pools.insert(key, Arc::clone(&pool));
        Ok(pool)
    }
}

async fn read_answer(
    mut exchange: super::pool::Exchange,
    spool: &SpoolSettings,
    idle: Duration,
) -> Result<ServiceAnswer, Failure> {
    let reason = match exchange.response.extensions().get::<ReasonPhrase>() {
        Some(phrase) => Bytes::copy_from_slice(phrase.as_bytes()),
        None => Bytes::from_static(exchange.response.status().canonical_reason().unwrap_or("").as_bytes()),
    };
    if exchange.response.status().is_informational() {
        let message = format_args!("The service answered {} and nothing more", exchange.response.status());
        return Err(Failure::service(Code::HttpError, message));
    }
    let mut builder = PayloadBuilder::new(spool);
    while let Some(chunk) = next_chunk(exchange.response.body_mut(), idle)
        .await
        .map_err(|error| Failure::service(Code::HttpError, format_args!("The service broke off its answer: {error}")))?
    {
        builder.push(chunk).await.map_err(|error| body_failed(&error))?;
    }
    let payload = builder.finish().await.map_err(|error| body_failed(&error))?;
    let status = exchange.response.status();
    let headers = std::mem::take(exchange.response.headers_mut());
    exchange.done();
    Ok(ServiceAnswer { status, reason, headers, payload })
}

fn malformed(service: &Service) -> Failure {
    Failure::provider(Code::ServiceMalformedUrl, format_args!("The address of {} is malformed", service.id))
}

fn body_failed(error: &PayloadError) -> Failure {
    match error {
        PayloadError::TooLarge(_) => Failure::service(Code::HttpError, error),
        PayloadError::Io(_) => Failure::provider(Code::IOError, error),
    }
}

fn call_failed(error: &CallError) -> Failure {
    let code = match error {
        CallError::UnknownHost(_) => Code::UnknownHost,
        CallError::Tls { .. } => Code::SslAuthenticationFailed,
        CallError::Connect { .. } | CallError::Timeout { .. } => Code::NetworkError,
        CallError::Broken { .. } => Code::HttpError,
    };
    Failure::service(code, error)
}
