//! Who gives time-stamps. The log asks them in order until one answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

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
