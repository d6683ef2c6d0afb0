//! One bounded HTTP GET for each file. Plain HTTP suffices, because what arrives is verified by its signature; HTTPS is used when the
//! program gives a TLS configuration.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: Option<String>,
    /// Body.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be used.
    #[error("{0:?} is not an address that can be fetched")]
    Address(String),
    /// An HTTPS address, but no TLS configuration was given.
    #[error("HTTPS is not set up")]
    NoTls,
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// Too slow.
    #[error("no answer in time")]
    Timeout,
    /// Larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection broke, or what came is not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// What [`Transport::get`] returns.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, TransportError>> + Send + 'a>>;

/// How files are fetched; tests put their own here.
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// Gets `url`, at most `limit` bytes.
    fn get<'a>(&'a self, url: &'a str, limit: usize) -> ReplyFuture<'a>;
}

/// HTTP over TCP, and TLS when configured.
#[derive(Clone, Default)]
pub struct HttpTransport {
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTransport").field("tls", &self.tls.is_some()).finish()
    }
}

impl HttpTransport {
    /// Plain HTTP only.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// HTTP, and HTTPS with this configuration.
    #[must_use]
    pub fn with_tls(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: Some(tls) }
    }

    async fn fetch(&self, url: &str, limit: usize) -> Result<Reply, TransportError> {
        let refused = || TransportError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().ok_or_else(refused)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refused()),
        };
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let connecting = TcpStream::connect((host.as_str(), port));
        let stream = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(TransportError::Connect(error.kind().to_string())),
            Err(_) => return Err(TransportError::Connect("timed out".to_owned())),
        };
        let exchange = async {
            if secure {
                let tls = self.tls.clone().ok_or(TransportError::NoTls)?;
                let name = ServerName::try_from(host).map_err(|_| refused())?;
                let secured = TlsConnector::from(tls).connect(name, stream).await;
                send(secured.map_err(|error| TransportError::Connect(error.to_string()))?, &uri, limit).await
            } else {
                send(stream, &uri, limit).await
            }
        };
        timeout(READ_TIMEOUT, exchange).await.unwrap_or(Err(TransportError::Timeout))
    }
}

impl Transport for HttpTransport {
    fn get<'a>(&'a self, url: &'a str, limit: usize) -> ReplyFuture<'a> {
        Box::pin(self.fetch(url, limit))
    }
}

async fn send<S>(stream: S, uri: &Uri, limit: usize) -> Result<Reply, TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| TransportError::Broken(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| TransportError::Address(uri.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let reply = collect(response, limit).await;
    driver.abort();
    reply
}

async fn collect(response: Response<Incoming>, limit: usize) -> Result<Reply, TransportError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            TransportError::TooLarge
        } else {
            TransportError::Broken(error.to_string())
        }
    })?;
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Reply { status: head.status.as_u16(), content_type: content_type.map(str::to_owned), body: body.to_bytes() })
}
