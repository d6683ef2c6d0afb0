//! Connections that are used again: one small pool for each place the gateway calls, be it another gateway or a service.
//!
//! HTTP/1.1, one exchange at a time on a connection. A connection goes back into the pool only after the whole answer was read. The pool
//! tells whether a request may have reached the other end, because only one that surely did not may be sent elsewhere.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::wire::body::Body;

/// Most idle connections kept to one place.
const MAX_IDLE: usize = 256;
/// Longest header block and most headers that are read from the other end.
const MAX_RESPONSE_BUFFER: usize = 256 * 1024;

/// A place to call.
#[derive(Clone, Debug)]
pub struct Place {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How to speak TLS; plain TCP when absent.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name does not resolve.
    #[error("the host name '{0}' does not resolve")]
    UnknownHost(String),
    /// No connection: the request did not reach the other end.
    #[error("cannot connect to {place}: {source}")]
    Connect {
        /// Host and port.
        place: String,
        /// What went wrong.
        source: io::Error,
    },
    /// TLS was refused by either end: the request did not reach the other end.
    #[error("TLS with {place} failed: {source}")]
    Tls {
        /// Host and port.
        place: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The exchange broke: the request may have reached the other end.
    #[error("the exchange with {place} broke: {reason}")]
    Broken {
        /// Host and port.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// No answer in time: the request may have reached the other end.
    #[error("no answer from {place} within {seconds} s")]
    Timeout {
        /// Host and port.
        place: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl CallError {
    /// Whether the request surely did not reach the other end, so that it may be sent elsewhere.
    #[must_use]
    pub fn never_sent(&self) -> bool {
        matches!(self, Self::UnknownHost(_) | Self::Connect { .. } | Self::Tls { .. })
    }
}

/// Connections to one place.
#[derive(Debug)]
pub struct Pool {
    place: Place,
    connect_timeout: Duration,
    keep_alive: Duration,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Body>,
    peer_certificate: Option<CertificateDer<'static>>,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Exchange {
    /// Status, headers and body.
    pub response: Response<Incoming>,
    /// The certificate the other end showed.
    pub peer_certificate: Option<CertificateDer<'static>>,
    pool: Arc<Pool>,
    sender: SendRequest<Body>,
}

impl Pool {
    /// An empty pool for `place`.
    #[must_use]
    pub fn new(place: Place, connect_timeout: Duration, keep_alive: Duration) -> Arc<Self> {
        Arc::new(Self { place, connect_timeout, keep_alive, idle: Mutex::new(Vec::new()) })
    }

    /// Sends a request and waits for the head of its answer. `request` is called once for each attempt; an attempt is repeated
    /// only on a kept connection that turns out to be closed before anything was written to it.
    ///
    /// # Errors
    /// [`CallError`], telling whether the request may have been received.
    pub async fn send(
        self: &Arc<Self>,
        request: impl Fn() -> Request<Body>,
        timeout: Duration,
    ) -> Result<Exchange, CallError> {
        let mut kept = self.take_idle();
        loop {
            let (mut connection, fresh) = match kept.take() {
                Some(connection) => (connection, false),
                None => (self.connect().await?, true),
            };
            let answer = tokio::time::timeout(timeout, connection.sender.try_send_request(request())).await;
            match answer {
                Err(_) => {
                    return Err(CallError::Timeout { place: self.name(), seconds: timeout.as_secs() });
                }
                Ok(Ok(response)) => {
                    let Connection { sender, peer_certificate } = connection;
                    return Ok(Exchange { response, peer_certificate, pool: Arc::clone(self), sender });
                }
                Ok(Err(mut error)) => {
                    if error.take_message().is_some() && !fresh {
                        kept = self.take_idle();
                        continue;
                    }
                    return Err(CallError::Broken { place: self.name(), reason: error.into_error().to_string() });
                }
            }
        }
    }

    fn name(&self) -> String {
        format!("{}:{}", self.place.host, self.place.port)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() < self.keep_alive && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let failed = |source| CallError::Connect { place: self.name(), source };
        let attempt = tokio::time::timeout(self.connect_timeout, self.tcp()).await;
        let stream = attempt.map_err(|_| failed(io::ErrorKind::TimedOut.into()))??;
        stream.set_nodelay(true).map_err(failed)?;
        let Some(tls) = &self.place.tls else { return self.handshake(TokioIo::new(stream), None).await };
        let refused = |source| CallError::Tls { place: self.name(), source };
        let name = ServerName::try_from(self.place.host.clone()).map_err(|error| refused(io::Error::other(error)))?;
        let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        let stream = tokio::time::timeout(self.connect_timeout, handshake)
            .await
            .map_err(|_| refused(io::ErrorKind::TimedOut.into()))?
            .map_err(refused)?;
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| leaf.clone().into_owned());
        self.handshake(TokioIo::new(stream), certificate).await
    }

    async fn tcp(&self) -> Result<TcpStream, CallError> {
        let addresses = tokio::net::lookup_host((self.place.host.as_str(), self.place.port))
            .await
            .map_err(|_| CallError::UnknownHost(self.place.host.clone()))?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(CallError::Connect { place: self.name(), source: last })
    }

    async fn handshake<S>(
        &self,
        stream: TokioIo<S>,
        peer_certificate: Option<CertificateDer<'static>>,
    ) -> Result<Connection, CallError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_RESPONSE_BUFFER)
            .handshake(stream)
            .await
            .map_err(|error| CallError::Broken { place: self.name(), reason: error.to_string() })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Connection { sender, peer_certificate })
    }
}

impl Exchange {
    /// Gives the connection back for the next exchange. Call after the body was read to its end; otherwise just drop the exchange.
    pub fn done(self) {
        let Self { pool, sender, peer_certificate, .. } = self;
        if sender.is_closed() {
            return;
        }
        let mut idle = pool.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push((Connection { sender, peer_certificate }, Instant::now()));
        }
    }
}

/// Splits `host`, `host:port` or `[v6]:port`.
#[must_use]
pub fn split_address(address: &str, default_port: u16) -> (String, u16) {
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host.trim_matches(['[', ']']).to_owned(), port),
            Err(_) => (address.to_owned(), default_port),
        },
        _ => (address.trim_matches(['[', ']']).to_owned(), default_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_name_a_port() {
        assert_eq!(split_address("gw.example.vn", 5500), ("gw.example.vn".into(), 5500));
        assert_eq!(split_address("127.0.0.1:15500", 5500), ("127.0.0.1".into(), 15500));
        assert_eq!(split_address("[::1]:15500", 5500), ("::1".into(), 15500));
        assert_eq!(split_address("::1", 5500), ("::1".into(), 5500));
    }

    #[test]
    fn only_requests_that_were_never_sent_may_go_elsewhere() {
        let place = || "x:1".to_owned();
        assert!(CallError::Connect { place: place(), source: io::ErrorKind::TimedOut.into() }.never_sent());
        assert!(!CallError::Timeout { place: place(), seconds: 1 }.never_sent());
        assert!(!CallError::Broken { place: place(), reason: String::new() }.never_sent());
    }
}
