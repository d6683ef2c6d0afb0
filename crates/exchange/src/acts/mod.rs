//! What administrators do with the gateway's configuration: one file per act.
//!
//! Every act takes a [`permit::Permit`] for its duty, decides, saves together with its audit entry in one transaction, and has the
//! snapshot of the data path replaced. What fails is written to the audit log too, with the reason.

pub mod api_keys;
pub mod certificates;
pub mod clients;
pub mod connection;
pub mod descriptions;
pub mod endpoints;
pub mod follow;
pub mod groups;
pub mod permit;
pub mod registration;
pub mod rights;
pub mod services;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::store::{Store, StoreError, Tx};
use directory::ServerId;
use kit::Clock;
use serde_json::Value;

use crate::conf::{ConfHandle, RefusedMove};
use crate::monitor::audit::{Entry, Event};
use crate::store::{audit, snapshot};
use permit::{Actor, Duty, Forbidden, Permit};
use registration::{ManagementRequests, SubmitError};

pub use api_keys::bootstrap_api_key;

/// Why an act was not done. Nothing was changed, except when the store reports an uncertain outcome.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No role of the actor includes the duty.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// What the act is about does not exist; names the kind of thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was to be added exists; names the kind of thing.
    #[error("the {0} exists already")]
    Exists(&'static str),
    /// Somebody else changed it since the actor looked.
    #[error("changed by somebody else: the version is now {current}")]
    Stale {
        /// Its version now.
        current: i64,
    },
    /// A value is not acceptable.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field as the API names it, a JSON pointer.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The life cycle has no such move.
    #[error(transparent)]
    RefusedMove(#[from] RefusedMove),
    /// A rule of the configuration forbids it.
    #[error("{0}")]
    Refused(&'static str),
    /// The central authority did not take the request.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ActError {
    fn invalid(field: &'static str, reason: impl ToString) -> Self {
        Self::Invalid { field, reason: reason.to_string() }
    }
}

/// What the actor believes the version of a thing to be; `None` accepts any.
pub type Expected = Option<i64>;

fn check_version(expected: Expected, current: i64) -> Result<(), ActError> {
    match expected {
        Some(expected) if expected != current => Err(ActError::Stale { current }),
        _ => Ok(()),
    }
}

/// The administration of one gateway. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    conf: ConfHandle,
    requests: Arc<dyn ManagementRequests>,
    /// Held while a snapshot is loaded, so that a burst of acts shares few loads.
    loading: tokio::sync::Mutex<()>,
}

/// One act while its transaction is open.
pub(crate) struct Change {
    /// Time of the act, microseconds since the Unix epoch.
    pub now: i64,
    /// What the audit entry will tell; the act may add what it learns.
    pub data: Value,
    /// Whether the data path must see the change.
    pub reconfigures: bool,
}

impl Admin {
    /// Brings the tables up to date, writes down which gateway this is and loads its configuration.
    ///
    /// # Errors
    /// When the database fails or belongs to another gateway.
    pub async fn open(
        store: Store,
        clock: Clock,
        server: &ServerId,
        requests: Arc<dyn ManagementRequests>,
    ) -> Result<Self, StoreError> {
        crate::store::migrate(&store).await?;
        snapshot::initialise(&store, server).await?;
        let conf = ConfHandle::new(store.read(snapshot::load).await?);
        let loading = tokio::sync::Mutex::new(());
        Ok(Self(Arc::new(Inner { store, clock, conf, requests, loading })))
    }

    /// Where the data path finds its configuration.
    #[must_use]
    pub fn conf(&self) -> &ConfHandle {
        &self.0.conf
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn requests(&self) -> &dyn ManagementRequests {
        &*self.0.requests
    }

    /// Loads the configuration when the database has a newer one: an act of this or of another process of the same gateway.
    ///
    /// # Errors
    /// When the database fails; the snapshot in place stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let newest = self.store().read(snapshot::version).await?;
        let _turn = self.0.loading.lock().await;
        if self.conf().current().version < newest {
            self.conf().replace(self.store().read(snapshot::load).await?);
        }
        Ok(())
    }

    /// Keeps the snapshot up to date until `stop` is done. Several processes may serve one gateway from one database: each sees the acts
    /// of the others within `interval`.
    pub async fn follow(&self, interval: Duration, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(interval) => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "the configuration could not be read again; the last one stays in force");
            }
        }
    }

    /// Runs one act: the change and its audit entry in one transaction, then the new snapshot. A failure leaves an entry of its own.
    pub(crate) async fn perform<D: Duty, T: Send + 'static>(
        &self,
        permit: &Permit<D>,
        event: Event,
        data: Value,
        act: impl Fn(&mut Tx<'_>, &mut Change) -> Result<T, ActError> + Send + 'static,
    ) -> Result<T, ActError> {
        self.perform_as(permit.actor(), event, data, act).await
    }

    /// [`Admin::perform`] for an actor that needs no permit: the gateway itself.
    pub(crate) async fn perform_as<T: Send + 'static>(
        &self,
        actor: &Actor,
        event: Event,
        data: Value,
        act: impl Fn(&mut Tx<'_>, &mut Change) -> Result<T, ActError> + Send + 'static,
    ) -> Result<T, ActError> {
        let template = Entry::done(self.clock().now_micros(), event, &actor.user, actor.auth, &actor.url, data);
        let entry = template.clone();
        let result = self
            .store()
            .write(move |tx| {
                let mut change = Change { now: entry.at, data: entry.data.clone(), reconfigures: true };
                let value = act(tx, &mut change)?;
                audit::insert(tx, &Entry { data: change.data, ..entry.clone() })?;
                if change.reconfigures {
                    snapshot::bump(tx)?;
                }
                Ok::<_, ActError>((value, change.reconfigures))
            })
            .await;
        match result {
            Ok((value, reconfigures)) => {
                tracing::info!(target: "audit", user = %template.user, event = %template.event, url = %template.url);
                if reconfigures {
                    self.refresh_after_act().await;
                }
                Ok(value)
            }
            Err(error) => {
                self.record_failure(template, &error).await;
                Err(error)
            }
        }
    }

    /// The act is done whatever happens here: a snapshot that cannot be loaded now is loaded by [`Admin::follow`].
    async fn refresh_after_act(&self) {
        if let Err(error) = self.refresh().await {
            tracing::error!(%error, "the configuration was changed but could not be read again; the old one stays in force");
        }
    }

    /// Writes to the audit log that an act failed.
    pub(crate) async fn record_failure(&self, entry: Entry, reason: &ActError) {
        let entry = entry.failed(reason.to_string());
        tracing::warn!(target: "audit", user = %entry.user, event = %entry.event, url = %entry.url, %reason);
        let written = self.store().write(move |tx| audit::insert(tx, &entry)).await;
        if let Err(error) = written {
            tracing::error!(%error, "a failed act could not be written to the audit log");
        }
    }
}
