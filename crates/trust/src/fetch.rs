//! One bounded HTTP POST to a trust service. OCSP and time-stamps are signed, so plain HTTP is the norm for them.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Why a trust service gave no answer. Carries no message content.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FetchError {
    /// The address is not a plain `http://` URL.
    #[error("the address of the service is not an http URL")]
    BadUrl,
    /// The connection could not be made (refused, unknown host, time out).
    #[error("cannot connect to the service: {0}")]
    Connect(String),
    /// The service did not answer in time.
    #[error("the service did not answer in time")]
    Timeout,
    /// The service answered with an HTTP error.
    #[error("the service answered with HTTP status {0}")]
    Status(u16),
    /// The answer is larger than any honest one.
    #[error("the answer of the service is too large")]
    TooLarge,
    /// The connection broke, or the answer was not HTTP.
    #[error("the connection to the service broke: {0}")]
    Broken(String),
}

/// Bounds of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the whole answer once connected.
    pub read: Duration,
    /// Largest answer accepted, in bytes.
    pub max_bytes: usize,
}

impl Default for FetchLimits {
    /// 20 s to connect, 60 s to read (the peers' own values for time-stamping), 64 KiB.
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), read: Duration::from_secs(60), max_bytes: 64 * 1024 }
    }
}

/// Posts `body` to `url` and returns the body of a 200 answer.
pub(crate) async fn post(
    url: &str,
    content_type: &'static str,
    body: Vec<u8>,
    limits: FetchLimits,
) -> Result<Bytes, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::BadUrl)?;
    if uri.scheme_str() != Some("http") {
        return Err(FetchError::BadUrl);
    }
    let authority = uri.authority().ok_or(FetchError::BadUrl)?.clone();
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let connecting = TcpStream::connect((host, authority.port_u16().unwrap_or(80)));
    let stream = match timeout(limits.connect, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(FetchError::Connect(error.kind().to_string())),
        Err(_) => return Err(FetchError::Connect("timed out".to_owned())),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| FetchError::BadUrl)?;
    timeout(limits.read, exchange(stream, request, limits.max_bytes)).await.map_err(|_| FetchError::Timeout)?
}

async fn exchange(stream: TcpStream, request: Request<Full<Bytes>>, max_bytes: usize) -> Result<Bytes, FetchError> {
    let broken = |error: hyper::Error| FetchError::Broken(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let conversation = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        match Limited::new(answer.into_body(), max_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLarge),
            Err(error) => Err(FetchError::Broken(error.to_string())),
        }
    };
    // The connection is driven here and not in a task of its own, so that giving up closes it.
    let mut conversation = std::pin::pin!(conversation);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        _ = &mut connection => conversation.await,
    }
}
