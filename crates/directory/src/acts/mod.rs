//! Business acts of the directory. Each takes a permit, decides by the model's rules, and writes the change, the audit entry and the
//! new revision in one transaction.

mod carry_out;
pub mod decide_request;
pub mod gateways;
pub mod groups;
pub mod import_agencies;
pub mod instance;
pub mod members;
pub mod permit;
pub mod signing_keys;
pub mod submit_request;
pub mod token_vault;
pub mod trust_services;

use std::sync::Arc;

use jiff::Timestamp;
use kit::Clock;
use serde_json::Value;
use store::{ConstraintKind, Store, StoreError, Tx};
use tokio::sync::Notify;
use trust::key::{KeyError, SigningKey};

use crate::model::id::is_strict_part;
use crate::model::request::AlreadyDecided;
use crate::store::instance::InstanceSettings;
use crate::store::{audit, instance as instance_store};
use permit::{Denied, Permit};

/// Where the private keys of the configuration are: a token, in software or hardware.
pub trait KeyVault: Send + Sync + std::fmt::Debug {
    /// Makes a key and returns the reference by which it is found again.
    ///
    /// # Errors
    /// When the token refuses.
    fn generate(&self, label: &str) -> Result<(String, Arc<dyn SigningKey>), KeyError>;

    /// A key by its reference; `None` when the token does not hold it, or is locked.
    fn find(&self, key_ref: &str) -> Option<Arc<dyn SigningKey>>;

    /// Destroys a key.
    ///
    /// # Errors
    /// When the token refuses.
    fn delete(&self, key_ref: &str) -> Result<(), KeyError>;
}

/// The central: what acts work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Central {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) keys: Arc<dyn KeyVault>,
    pub(crate) changed: Arc<Notify>,
}

/// Why an act was refused or failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActError {
    /// The instance has not been initialised.
    #[error("the instance is not initialised")]
    NotInitialised,
    /// The role does not suffice.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// What the act is about does not exist.
    #[error("there is no {what} {id}")]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// It contradicts what is registered.
    #[error("{0}")]
    Conflict(String),
    /// A value is not acceptable.
    #[error("{field}: {reason}")]
    Invalid {
        /// JSON pointer.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// The request was decided before.
    #[error(transparent)]
    Decided(#[from] AlreadyDecided),
    /// Signatures or certificates of a request do not hold.
    #[error("the request is not properly signed: {0}")]
    Signature(String),
    /// The token failed.
    #[error("the token refused: {0}")]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for ActError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Constraint { kind: ConstraintKind::Unique, .. } => {
                Self::Conflict("it is registered already".to_owned())
            }
            StoreError::Constraint { kind: ConstraintKind::ForeignKey, .. } => {
                Self::Conflict("something it depends on is missing, or still depends on it".to_owned())
            }
            other => Self::Store(other),
        }
    }
}

impl ActError {
    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn invalid(field: &'static str, reason: impl ToString) -> Self {
        Self::Invalid { field, reason: reason.to_string() }
    }
}

/// What an act sees: the open transaction, the instance, the time.
pub(crate) struct Scene<'a, 'tx> {
    pub(crate) tx: &'a mut Tx<'tx>,
    pub(crate) settings: &'a InstanceSettings,
    pub(crate) at: Timestamp,
}

impl Central {
    /// A central over a migrated store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, keys: Arc<dyn KeyVault>) -> Self {
        Self { store, clock, keys, changed: Arc::new(Notify::new()) }
    }

    /// Rings whenever the registry changed.
    #[must_use]
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// Runs an act: change, audit entry and revision in one transaction; a refusal leaves an audit entry of its own.
    pub(crate) async fn perform<O, T, F>(
        &self,
        permit: &Permit<O>,
        event: &'static str,
        data: Value,
        act: F,
    ) -> Result<T, ActError>
    where
        T: Send + 'static,
        F: Fn(&mut Scene<'_, '_>) -> Result<T, ActError> + Send + 'static,
    {
        let (at, actor, entry) = (self.clock.now(), permit.actor().to_owned(), data.clone());
        let run = move |tx: &mut Tx<'_>| {
            let (settings, _) = instance_store::load(tx)?.ok_or(ActError::NotInitialised)?;
            let done = act(&mut Scene { tx, settings: &settings, at })?;
            instance_store::bump_revision(tx)?;
            audit::insert(tx, at, event, &actor, None, &entry)?;
            Ok(done)
        };
        let outcome = self.store.write(run).await;
        match &outcome {
            Ok(_) => self.changed.notify_one(),
            Err(error) => self.record_failure(event, permit.actor(), error, data).await,
        }
        outcome
    }

    /// Leaves an audit entry of a refused act. That it cannot be written is logged: the act itself is refused in any case.
    pub(crate) async fn record_failure(&self, event: &str, actor: &str, error: &ActError, data: Value) {
        let (at, event, actor, reason) =
            (self.clock.now(), format!("{event} failed"), actor.to_owned(), error.to_string());
        let write = move |tx: &mut Tx<'_>| audit::insert(tx, at, &event, &actor, Some(&reason), &data);
        let written: Result<(), StoreError> = self.store.write(write).await;
        if let Err(error) = written {
            tracing::error!(error.reason = %error, "the refusal of an act could not be written to the audit journal");
        }
    }
}

/// A part of a new identifier (§2.0).
pub(crate) fn strict(field: &'static str, code: &str) -> Result<(), ActError> {
    if is_strict_part(code) {
        Ok(())
    } else {
        Err(ActError::invalid(field, "only letters, digits and '()+,-.=?_ are allowed, 1 to 255 of them"))
    }
}

/// A name for people: some text, without control characters.
pub(crate) fn named(field: &'static str, name: &str) -> Result<(), ActError> {
    if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
        return Err(ActError::invalid(field, "must be 1 to 255 printable characters"));
    }
    Ok(())
}

/// A host name or address: what can stand in a URL before the port.
pub(crate) fn host(field: &'static str, address: &str) -> Result<(), ActError> {
    let well_formed = !address.is_empty()
        && address.len() <= 253
        && address.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    if well_formed { Ok(()) } else { Err(ActError::invalid(field, "must be a host name or an IP address")) }
}
