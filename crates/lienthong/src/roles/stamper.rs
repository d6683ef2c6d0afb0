//! The time-stamping authorities that the global configuration approves, as the message log asks them.

use std::sync::Arc;

use exchange::gateway::world::World;
use exchange::log::{StampError, StampFuture, Timestamper, Timestampers};
use std::time::Duration;
use trust::Certificate;
use trust::tsp::{self, FetchLimits, Imprint};

/// One approved authority.
#[derive(Debug)]
struct ApprovedStamper {
    url: String,
    trusted: Vec<Certificate>,
}

/// The authorities of the own instance, as they are approved at the moment of asking.
#[must_use]
pub fn approved(world: World) -> Timestampers {
    Arc::new(move || {
        let view = world.current();
        let instance = view.conf.instance().clone();
        let trusted = view.conf.trust().time_stampers(&instance).to_vec();
        let one = |url: &str| ApprovedStamper { url: url.to_owned(), trusted: trusted.clone() };
        view.conf.approved_tsas().iter().map(|tsa| Arc::new(one(&tsa.url)) as Arc<dyn Timestamper>).collect()
    })
}

impl Timestamper for ApprovedStamper {
    fn name(&self) -> &str {
        &self.url
    }

    fn stamp<'a>(&'a self, data: &'a [u8]) -> StampFuture<'a> {
        Box::pin(async move {
            let limits = FetchLimits {
                connect: Duration::from_secs(5),
                read: Duration::from_secs(20),
                ..FetchLimits::default()
            };
            let stamp = tsp::fetch(&self.url, Imprint::sha512_of(data), &self.trusted, limits).await;
            stamp.map(|stamp| stamp.token).map_err(|error| StampError(error.to_string()))
        })
    }
}
