//! The snapshot in force, shared by everything in a gateway.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::model::global_conf::GlobalConf;

/// How the configuration fares, for health checks and diagnostics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConfHealth {
    /// When the configuration was last fetched and found good, microseconds since 1970 UTC.
    pub last_success: Option<i64>,
    /// Why the last round failed, if it did; by instance.
    pub last_error: Option<String>,
    /// When the configuration in force ceases to count, microseconds since 1970 UTC; absent when there is none.
    pub expires_at: Option<i64>,
}

/// Gives the snapshot in force. Cheap to clone; all clones see the same.
#[derive(Clone, Debug)]
pub struct GlobalConfHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    current: ArcSwap<GlobalConf>,
    health: ArcSwap<ConfHealth>,
    changes: watch::Sender<u64>,
}

impl GlobalConfHandle {
    /// A handle that gives `conf` until it is replaced. Tests and tools make their own.
    #[must_use]
    pub fn new(conf: GlobalConf) -> Self {
        let health = ConfHealth { expires_at: known_expiry(&conf), ..ConfHealth::default() };
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(conf),
            health: ArcSwap::from_pointee(health),
            changes: watch::Sender::new(0),
        }))
    }

    /// The snapshot in force. It may be outdated: ask [`GlobalConf::is_expired`].
    #[must_use]
    pub fn current(&self) -> Arc<GlobalConf> {
        self.0.current.load_full()
    }

    /// Tells of changes: the number grows each time another snapshot comes into force.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// How the configuration fares.
    #[must_use]
    pub fn health(&self) -> Arc<ConfHealth> {
        self.0.health.load_full()
    }

    /// Puts another snapshot into force.
    pub fn replace(&self, conf: GlobalConf) {
        let mut health = ConfHealth::clone(&self.0.health.load());
        health.expires_at = known_expiry(&conf);
        self.0.current.store(Arc::new(conf));
        self.0.health.store(Arc::new(health));
        self.0.changes.send_modify(|number| *number += 1);
    }

    /// Puts a later expiry of one instance into force. Watchers are not woken: nothing they act upon changed.
    pub(super) fn extend(&self, instance: &str, expires_at: Timestamp) {
        let conf = self.0.current.load().with_expiry(instance, expires_at);
        let mut health = ConfHealth::clone(&self.0.health.load());
        health.expires_at = known_expiry(&conf);
        self.0.current.store(Arc::new(conf));
        self.0.health.store(Arc::new(health));
    }

    pub(super) fn record(&self, at: Timestamp, error: Option<String>) {
        let mut health = ConfHealth::clone(&self.0.health.load());
        if error.is_none() {
            health.last_success = Some(at.as_microsecond());
        }
        health.last_error = error;
        self.0.health.store(Arc::new(health));
    }
}

fn known_expiry(conf: &GlobalConf) -> Option<i64> {
    Some(conf.expires_at()).filter(|at| *at > Timestamp::UNIX_EPOCH).map(Timestamp::as_microsecond)
}
