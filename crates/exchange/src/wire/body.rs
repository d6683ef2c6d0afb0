//! The body of what the gateway writes to a connection: pieces in memory and spooled bodies, one after the other, of known length.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::payload::Payload;
use super::spool::Spool;

/// One stretch of an outgoing body.
#[derive(Debug)]
enum Piece {
    Memory(Bytes),
    Spooled { spool: Arc<Spool>, next: u64 },
}

/// An outgoing body.
#[derive(Debug, Default)]
pub struct Body {
    pieces: VecDeque<Piece>,
    remaining: u64,
    /// The block being read from disk; the next is read while the one before is being sent.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body {
    /// A body of no bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Appends bytes.
    #[must_use]
    pub fn with(mut self, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.remaining += bytes.len() as u64;
            self.pieces.push_back(Piece::Memory(bytes));
        }
        self
    }

    /// Appends a payload.
    #[must_use]
    pub fn with_payload(mut self, payload: &Payload) -> Self {
        match payload {
            Payload::None => self,
            Payload::Memory { bytes, .. } => self.with(bytes.clone()),
            Payload::Spooled { spool, .. } => {
                self.remaining += spool.length();
                self.pieces.push_back(Piece::Spooled { spool: Arc::clone(spool), next: 0 });
                self
            }
        }
    }

    fn start_reading(&mut self) {
        if let Some(Piece::Spooled { spool, next }) = self.pieces.front_mut() {
            let (spool, index) = (Arc::clone(spool), *next);
            *next += 1;
            self.reading = Some(tokio::task::spawn_blocking(move || spool.block(index)));
        }
    }
}

impl From<Payload> for Body {
    fn from(payload: Payload) -> Self {
        Self::empty().with_payload(&payload)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(reading) = self.reading.as_mut() {
                let block = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other);
                self.reading = None;
                match block.flatten() {
                    Err(error) => return Poll::Ready(Some(Err(error))),
                    Ok(block) if block.is_empty() => {
                        self.pieces.pop_front();
                    }
                    Ok(block) => {
                        self.remaining = self.remaining.saturating_sub(block.len() as u64);
                        self.start_reading();
                        return Poll::Ready(Some(Ok(Frame::data(block))));
                    }
                }
            }
            match self.pieces.front() {
                None => return Poll::Ready(None),
                Some(Piece::Spooled { .. }) => self.start_reading(),
                Some(Piece::Memory(_)) => {
                    if let Some(Piece::Memory(bytes)) = self.pieces.pop_front() {
                        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::wire::payload::{PayloadBuilder, SpoolSettings};
    use crate::wire::spool::BLOCK;

    #[tokio::test]
    async fn pieces_and_spooled_bodies_come_out_in_order_with_the_length_told() {
        let directory = tempfile::tempdir().unwrap();
        let settings =
            SpoolSettings { memory_limit: 10, directory: directory.path().into(), max_body: 10 * BLOCK as u64 };
        let mut builder = PayloadBuilder::new(&settings);
        let large = vec![9; BLOCK + 5];
        builder.push(Bytes::from(large.clone())).await.unwrap();
        let payload = builder.finish().await.unwrap();
        let body = Body::empty().with("head").with_payload(&payload).with("tail");
        let expected = [b"head", large.as_slice(), b"tail"].concat();
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(expected.len() as u64));
        assert!(body.collect().await.unwrap().to_bytes() == expected);
    }
}
