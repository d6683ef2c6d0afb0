//! Publishing the signed global configuration (§2.12): made from the registry once a minute or when it changes, signed again before it
//! expires, served over plain HTTP. The files stay byte for byte the same until their content changes.

mod publish;
mod serve;

pub use publish::{PublishError, PublishStatus, Published, Publisher};
pub use serve::router;
