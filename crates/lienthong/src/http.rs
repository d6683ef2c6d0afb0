//! One bounded HTTP call in the clear: to the central, the test authority, and to gateways as an information system makes it.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::out::trouble;

/// Largest answer taken, bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Attempts while nobody listens, and the pause between two.
const MAX_ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(300);

fn is_refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, bytes that are none replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a 2xx answer.
    ///
    /// # Errors
    /// With status and the beginning of the body of another answer.
    pub fn ok(self, url: &str) -> anyhow::Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let (status, said) = (self.status, self.text().chars().take(600).collect::<String>());
        Err(trouble!("{url} trả lời {status}: {said}", "{url} answered {status}: {said}").into())
    }
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    /// `GET`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// `POST` with a body of this type.
    #[must_use]
    pub fn post(url: impl Into<String>, kind: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { method: Method::POST, url: url.into(), headers, body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the call. While nobody listens there it is tried again for a moment: the other end may just be starting.
    ///
    /// # Errors
    /// When there is no answer, with the address that was tried.
    pub async fn send(&self) -> anyhow::Result<Answer> {
        let url = &self.url;
        let trouble = || trouble!("Không gọi được {url}", "Cannot call {url}");
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = tokio::time::timeout(PATIENCE, self.attempt()).await;
            let outcome = attempt.context("no answer in time").and_then(|answer| answer);
            match outcome {
                Err(error) if attempts < MAX_ATTEMPTS && is_refused(&error) => tokio::time::sleep(PAUSE).await,
                outcome => return outcome.with_context(trouble),
            }
        }
    }

    async fn attempt(&self) -> anyhow::Result<Answer> {
        Connection::open(&self.url).await?.exchange(self).await
    }
}

/// A connection kept for several calls to one place.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects to the host of an address.
    ///
    /// # Errors
    /// When the address is not http or nobody listens there.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse()?;
        anyhow::ensure!(uri.scheme_str() == Some("http"), "only http addresses are called");
        let authority = uri.authority().context("the address names no host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: tokio::spawn(connection).abort_handle() })
    }

    /// Makes a call to the place this connection leads to.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn exchange(&mut self, call: &Call) -> anyhow::Result<Answer> {
        let uri: Uri = call.url.parse()?;
        let authority = uri.authority().context("the address names no host")?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::builder().method(call.method.clone()).uri(path).header(header::HOST, authority.as_str());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(call.body.clone()))?).await?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        Ok(Answer { status: parts.status, body })
    }
}

/// The bytes behind an `http://` address or in a file.
///
/// # Errors
/// When they cannot be had.
pub async fn fetch(source: &str) -> anyhow::Result<Bytes> {
    if source.starts_with("http://") {
        return Call::get(source).send().await?.ok(source);
    }
    let read = std::fs::read(source).map(Bytes::from);
    read.context(trouble!("Không đọc được {source}", "Cannot read {source}"))
}
