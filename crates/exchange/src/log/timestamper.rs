//! Who gives time-stamps. The log asks them in order until one answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use trust::Certificate;
use trust::tsp::{self, FetchLimits, Imprint};

/// Why a time-stamping authority gave no usable time-stamp: text for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StampError(pub String);

/// The answer of a [`Timestamper`], to be awaited.
pub type StampFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, StampError>> + Send + 'a>>;

/// A time-stamping authority (RFC 3161).
pub trait Timestamper: Send + Sync + fmt::Debug {
    /// How it is called in the log and on health pages, usually its URL.
    fn name(&self) -> &str;

    /// The DER of a time-stamp token whose imprint is the SHA-512 of `data`. The token has been verified against the authority's
    /// certificate; the caller need not do it again.
    fn stamp<'a>(&'a self, data: &'a [u8]) -> StampFuture<'a>;
}

/// The authorities to ask, in order, at the moment of asking: configuration and global configuration may change meanwhile.
pub type Timestampers = Arc<dyn Fn() -> Vec<Arc<dyn Timestamper>> + Send + Sync>;

/// An authority asked over HTTP (RFC 3161 §3.4).
#[derive(Clone, Debug)]
pub struct HttpTimestamper {
    /// Where it answers.
    pub url: String,
    /// The certificates by which its time-stamps are accepted, from the global configuration.
    pub certificates: Vec<Certificate>,
    /// How long to wait and how much to read.
    pub limits: FetchLimits,
}

impl Timestamper for HttpTimestamper {
    fn name(&self) -> &str {
        &self.url
    }

    fn stamp<'a>(&'a self, data: &'a [u8]) -> StampFuture<'a> {
        Box::pin(async move {
            let imprint = Imprint::sha512_of(data);
            let stamp = tsp::fetch(&self.url, imprint, &self.certificates, self.limits).await;
            stamp.map(|stamp| stamp.token).map_err(|error| StampError(error.to_string()))
        })
    }
}
