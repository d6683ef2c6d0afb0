//! The service that stands behind the gateways and behind their peer when they are measured.
//!
//! `cargo run --release -p exchange --example echo_service -- 127.0.0.1:9000`. The end of the path chooses the answer: `/echo` sends
//! the body back, `/sink` counts it and tells its length, `/zeros` sends as many zero bytes as the query says.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Zero bytes are sent in blocks of this size.
const BLOCK: usize = 64 * 1024;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Either a whole answer or zero bytes yet to be sent.
enum Answer {
    Whole(Full<Bytes>),
    Zeros(u64),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Zeros(0) => Poll::Ready(None),
            Self::Zeros(left) => {
                let length = usize::try_from(*left).unwrap_or(BLOCK).min(BLOCK);
                *left -= length as u64;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(ZEROS.get(..length).unwrap_or_default())))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Zeros(left) => SizeHint::with_exact(*left),
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path();
    let answer = if path.ends_with("/echo") {
        Answer::Whole(Full::new(body.collect().await?.to_bytes()))
    } else if path.ends_with("/sink") {
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Answer::Whole(Full::new(length.to_string().into()))
    } else if path.ends_with("/zeros") {
        Answer::Zeros(head.uri.query().and_then(|query| query.parse().ok()).unwrap_or(0))
    } else {
        let mut response = Response::new(Answer::Whole(Full::default()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    Ok(Response::new(answer))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9000".to_owned());
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(answer);
            // A connection that breaks is the caller's affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
