//! Initialising the instance, its settings, and its member classes.

use serde_json::json;
use store::Tx;

use super::permit::{Administer, Permit, View};
use super::{ActError, Central, host, named, strict};
use crate::store::instance::InstanceSettings;
use crate::store::{audit, instance, registry};

impl Central {
    /// Initialises the instance: its identifier can never be changed afterwards.
    ///
    /// # Errors
    /// When it was initialised before or a setting is out of bounds.
    pub async fn initialise(&self, permit: &Permit<Administer>, settings: InstanceSettings) -> Result<(), ActError> {
        let event = "Initialize Central Server";
        let (at, actor) = (self.clock.now(), permit.actor().to_owned());
        let data = json!({ "instance": settings.instance, "address": settings.address });
        let entry = data.clone();
        let run = move |tx: &mut Tx<'_>| {
            strict("/instance", &settings.instance)?;
            check(&settings)?;
            if !instance::insert(tx, &settings)? {
                return Err(ActError::Conflict("the instance is initialised already".to_owned()));
            }
            Ok(audit::insert(tx, at, event, &actor, None, &entry)?)
        };
        let outcome = self.store.write(run).await;
        match &outcome {
            Ok(()) => self.changed.notify_one(),
            Err(error) => self.record_failure(event, permit.actor(), error, data).await,
        }
        outcome
    }

    /// Changes the settings, all but the identifier.
    ///
    /// # Errors
    /// When the identifier differs or a setting is out of bounds.
    pub async fn change_settings(&self, permit: &Permit<Administer>, wanted: InstanceSettings) -> Result<(), ActError> {
        let data = json!(wanted);
        self.perform(permit, "Edit system settings", data, move |scene| {
            if wanted.instance != scene.settings.instance {
                return Err(ActError::invalid("/instance", "cannot be changed"));
            }
            check(&wanted)?;
            Ok(instance::update(scene.tx, &wanted)?)
        })
        .await
    }

    /// The settings as they are.
    ///
    /// # Errors
    /// When the instance is not initialised.
    pub async fn settings(&self, _permit: &Permit<View>) -> Result<InstanceSettings, ActError> {
        let found = self.store.read(|tx| instance::load(tx).map_err(ActError::from)).await?;
        found.map(|(settings, _)| settings).ok_or(ActError::NotInitialised)
    }

    /// Adds a member class or changes its description.
    ///
    /// # Errors
    /// When the code or description is malformed.
    pub async fn put_member_class(
        &self,
        permit: &Permit<Administer>,
        code: String,
        description: String,
    ) -> Result<(), ActError> {
        let data = json!({ "code": code, "description": description });
        self.perform(permit, "Add member class", data, move |scene| {
            strict("/code", &code)?;
            named("/description", &description)?;
            Ok(registry::put_class(scene.tx, &code, &description)?)
        })
        .await
    }

    /// Removes a member class without members.
    ///
    /// # Errors
    /// When it is unknown or in use.
    pub async fn delete_member_class(&self, permit: &Permit<Administer>, code: String) -> Result<(), ActError> {
        self.perform(permit, "Delete member class", json!({ "code": code }), move |scene| {
            if !registry::classes(scene.tx)?.iter().any(|(known, _)| *known == code) {
                return Err(ActError::not_found("member class", &code));
            }
            if registry::delete_class(scene.tx, &code)? {
                Ok(())
            } else {
                Err(ActError::Conflict(format!("member class {code} has members")))
            }
        })
        .await
    }
}

fn check(settings: &InstanceSettings) -> Result<(), ActError> {
    host("/address", &settings.address)?;
    let within = |field, value: u32, low: u32, high: u32| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(ActError::invalid(field, format!("must be {low} to {high}")))
        }
    };
    within("/ocsp_freshness_seconds", settings.ocsp_freshness_seconds, 60, 604_800)?;
    within("/timestamping_interval_seconds", settings.timestamping_interval_seconds, 60, 86_400)?;
    within("/expire_seconds", settings.expire_seconds, 120, 604_800)
}
