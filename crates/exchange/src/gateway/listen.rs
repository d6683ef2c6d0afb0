//! The listeners: information systems without and with TLS, and other gateways. One slow or broken connection harms only itself.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use trust::cert::Certificate;

use super::patient::Patient;
use super::{Gateway, consumer, provider, system};
use crate::wire::body::Body;

/// Most headers in one request.
const MAX_HEADERS: usize = 128;
/// Bytes kept while reading one request's headers.
const MAX_BUFFER: usize = 64 * 1024;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long open exchanges may go on when the gateway stops.
const DRAIN: Duration = Duration::from_secs(20);

/// The information system at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where it connects from.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The certificate it showed.
    pub certificate: Option<CallerCertificate>,
}

/// The certificate of an information system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerCertificate {
    /// SHA-256 of its DER.
    pub sha256: [u8; 32],
    /// It is the gateway's own internal certificate.
    pub is_own: bool,
    /// It was within its validity period when the connection was made.
    pub is_valid: bool,
}

/// The gateway at the other end of a connection.
#[derive(Clone, Debug)]
pub struct PeerConnection {
    /// Its authentication certificate, checked in the handshake and again for each message.
    pub certificate: Certificate,
}

/// Tells listeners to stop. Clones share the signal.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// Gives the signal of [`Stop`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stop {
    /// A signal that was not given yet.
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Resolves when the signal is given.
    pub async fn wait(&mut self) {
        // An error means that the giver is gone, which also means stop.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Stopper {
    /// Gives the signal.
    pub fn stop(&self) {
        let _ = self.0.send(true);
    }

    /// Resolves when every listener and every connection that watches the signal has ended.
    pub async fn finished(&self) {
        self.0.closed().await;
    }
}

/// Serves information systems without TLS until `stop`.
pub async fn systems_plain(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) {
    accept_loop(gateway, listener, stop, |gateway, stream, address, stop| async move {
        let caller = Arc::new(Caller { address, tls: false, certificate: None });
        serve_system(gateway, stream, caller, stop).await;
    })
    .await;
}

/// Serves information systems with TLS until `stop`. `own` is the SHA-256 of the listener's own certificate.
pub async fn systems_tls(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    own: [u8; 32],
    stop: Stop,
) {
    accept_loop(gateway, listener, stop, move |gateway, stream, address, stop| {
        let config = Arc::clone(&config);
        async move {
            let Some((stream, certificate)) = handshake(stream, config, address).await else { return };
            let certificate = certificate.map(|der| CallerCertificate {
                sha256: super::tls::sha256(&der),
                is_own: super::tls::sha256(&der) == own,
                is_valid: Certificate::from_der(&der).is_ok_and(|parsed| parsed.is_valid_at(gateway.clock.now())),
            });
            let caller = Arc::new(Caller { address, tls: true, certificate });
            serve_system(gateway, stream, caller, stop).await;
        }
    })
    .await;
}

/// Serves other gateways until `stop`.
pub async fn peers(gateway: Arc<Gateway>, listener: TcpListener, config: Arc<ServerConfig>, stop: Stop) {
    accept_loop(gateway, listener, stop, move |gateway, stream, address, stop| {
        let config = Arc::clone(&config);
        async move {
            let Some((stream, Some(der))) = handshake(stream, config, address).await else { return };
            let Ok(certificate) = Certificate::from_der(&der) else { return };
            let peer = Arc::new(PeerConnection { certificate });
            serve(&gateway.clone(), stream, stop, move |request| {
                let (gateway, peer) = (Arc::clone(&gateway), Arc::clone(&peer));
                async move { provider::handle(&gateway, request, &peer).await }
            })
            .await;
        }
    })
    .await;
}

async fn serve_system<S>(gateway: Arc<Gateway>, stream: S, caller: Arc<Caller>, stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve(&gateway.clone(), stream, stop, move |request| {
        let (gateway, caller) = (Arc::clone(&gateway), Arc::clone(&caller));
        async move {
            if request.uri().path().starts_with("/r1/") {
                consumer::handle(&gateway, request, &caller).await
            } else {
                system::handle(&gateway, request, &caller).await
            }
        }
    })
    .await;
}

async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    address: SocketAddr,
) -> Option<(tokio_rustls::server::TlsStream<TcpStream>, Option<CertificateDer<'static>>)> {
    match tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let certificate = chain.and_then(|chain| chain.first()).map(|leaf| leaf.clone().into_owned());
            Some((stream, certificate))
        }
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "TLS handshake refused");
            None
        }
        Err(_) => None,
    }
}

async fn serve<S, H, F>(gateway: &Gateway, stream: S, mut stop: Stop, handler: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request| {
        let answer = handler(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(gateway.settings.header_timeout))
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(Patient::new(stream, gateway.settings.idle())), service);
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended");
    }
}

/// Accepts until `stop`, bounded by the connection limit, then lets open exchanges finish for [`DRAIN`].
async fn accept_loop<H, F>(gateway: Arc<Gateway>, listener: TcpListener, mut stop: Stop, handler: H)
where
    H: Fn(Arc<Gateway>, TcpStream, SocketAddr, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let limit = gateway.settings.max_connections;
    let open = Arc::new(Semaphore::new(limit));
    let signal = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &open) => accepted,
            () = stop.wait() => break,
        };
        match accepted {
            Ok((stream, address, permit)) => {
                let _ = stream.set_nodelay(true);
                let work = handler(Arc::clone(&gateway), stream, address, signal.clone());
                tokio::spawn(async move {
                    work.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file handles, for example: pause rather than spin, and go on.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let everyone = u32::try_from(limit).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(DRAIN, open.acquire_many(everyone)).await;
}

async fn accept(
    listener: &TcpListener,
    open: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(open).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}
