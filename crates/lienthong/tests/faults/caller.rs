//! An information system: plain HTTP on a connection that is kept.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A kept connection.
#[derive(Debug)]
pub struct Connection(SendRequest<Full<Bytes>>);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// `X-Road-Request-Id`.
    pub request_id: Option<String>,
    /// `X-Road-Error`.
    pub error: Option<String>,
    /// Body.
    pub body: Bytes,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub enum Said {
    /// A whole answer.
    Answer(Answer),
    /// The connection was closed before any answer.
    Nothing,
    /// The connection broke in the middle of an answer.
    Torn(String),
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            // How it ended is seen by whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Self(sender))
    }

    /// Asks for a page.
    pub async fn get(&mut self, path: &str) -> Said {
        self.call(Request::get(path).header("host", "localhost").body(Full::default()).unwrap()).await
    }

    /// Sends a message of `client` to a service under the identifier `id`; a body makes it a POST.
    pub async fn message(&mut self, client: &str, path: &str, id: &str, body: Option<Bytes>) -> Said {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("x-road-client", client).header("x-road-id", id);
        self.call(request.body(Full::new(body.unwrap_or_default())).unwrap()).await
    }

    async fn call(&mut self, request: Request<Full<Bytes>>) -> Said {
        if self.0.ready().await.is_err() {
            return Said::Nothing;
        }
        let response = match self.0.send_request(request).await {
            Ok(response) => response,
            Err(_) => return Said::Nothing,
        };
        let (head, body) = response.into_parts();
        let word = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match body.collect().await {
            Ok(body) => Said::Answer(Answer {
                status: head.status.as_u16(),
                request_id: word("x-road-request-id"),
                error: word("x-road-error"),
                body: body.to_bytes(),
            }),
            Err(error) => Said::Torn(error.to_string()),
        }
    }
}
