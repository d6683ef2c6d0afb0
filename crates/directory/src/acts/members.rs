//! Members and their subsystems.

use serde_json::json;

use super::permit::{Permit, Register};
use super::{ActError, Central, Scene, named, strict};
use crate::model::id::ClientId;
use crate::store::registry::{self, ClientRow};

impl Central {
    /// Adds a member.
    ///
    /// # Errors
    /// When the class is unknown, the code malformed or taken, or the identifier of another instance.
    pub async fn add_member(&self, permit: &Permit<Register>, id: ClientId, name: String) -> Result<(), ActError> {
        let data = json!({ "member": id, "name": name });
        self.perform(permit, "Add member", data, move |scene| {
            scene.own_instance(&id)?;
            if id.subsystem.is_some() {
                return Err(ActError::invalid("/id", "must name a member, not a subsystem"));
            }
            strict("/id", &id.member)?;
            named("/name", &name)?;
            if !registry::classes(scene.tx)?.iter().any(|(code, _)| **code == *id.class) {
                return Err(ActError::not_found("member class", &id.class));
            }
            insert(scene, &id, Some(&name))
        })
        .await
    }

    /// Adds a subsystem to a member.
    ///
    /// # Errors
    /// When the member is unknown or the code malformed or taken.
    pub async fn add_subsystem(
        &self,
        permit: &Permit<Register>,
        id: ClientId,
        name: Option<String>,
    ) -> Result<(), ActError> {
        let data = json!({ "subsystem": id, "name": name });
        self.perform(permit, "Add subsystem", data, move |scene| {
            let Some(code) = &id.subsystem else {
                return Err(ActError::invalid("/id", "must name a subsystem"));
            };
            strict("/id", code)?;
            name.as_deref().map_or(Ok(()), |name| named("/name", name))?;
            scene.client(&id.owner())?;
            insert(scene, &id, name.as_deref())
        })
        .await
    }

    /// Changes the name of a member or subsystem; a subsystem may lose its name.
    ///
    /// # Errors
    /// When it is unknown or the name malformed.
    pub async fn rename_client(
        &self,
        permit: &Permit<Register>,
        id: ClientId,
        name: Option<String>,
    ) -> Result<(), ActError> {
        let event = if id.subsystem.is_some() { "Edit subsystem name" } else { "Edit member name" };
        let data = json!({ "client": id, "name": name });
        self.perform(permit, event, data, move |scene| {
            let known = scene.client(&id)?;
            match &name {
                Some(name) => named("/name", name)?,
                None if id.subsystem.is_none() => return Err(ActError::invalid("/name", "a member needs a name")),
                None => {}
            }
            Ok(registry::rename_client(scene.tx, known.id, name.as_deref())?)
        })
        .await
    }

    /// Removes a member or subsystem that nothing depends on.
    ///
    /// # Errors
    /// When it is unknown, owns a gateway, is registered at one or has subsystems.
    pub async fn delete_client(&self, permit: &Permit<Register>, id: ClientId) -> Result<(), ActError> {
        let event = if id.subsystem.is_some() { "Delete subsystem" } else { "Delete member" };
        self.perform(permit, event, json!({ "client": id }), move |scene| {
            let known = scene.client(&id)?;
            if registry::is_in_use(scene.tx, &known)? {
                return Err(ActError::Conflict(format!("{id} still has subsystems, gateways or registrations")));
            }
            Ok(registry::delete_client(scene.tx, known.id, &id)?)
        })
        .await
    }
}

impl Scene<'_, '_> {
    /// Refuses identifiers of another instance.
    pub(crate) fn own_instance(&self, id: &ClientId) -> Result<(), ActError> {
        if *id.instance == *self.settings.instance {
            Ok(())
        } else {
            Err(ActError::invalid(
                "/id",
                format!("belongs to instance {}, not {}", id.instance, self.settings.instance),
            ))
        }
    }

    /// A registered member or subsystem.
    pub(crate) fn client(&mut self, id: &ClientId) -> Result<ClientRow, ActError> {
        self.own_instance(id)?;
        let what = if id.subsystem.is_some() { "subsystem" } else { "member" };
        registry::find_client(self.tx, id)?.ok_or_else(|| ActError::not_found(what, id.colon()))
    }
}

fn insert(scene: &mut Scene<'_, '_>, id: &ClientId, name: Option<&str>) -> Result<(), ActError> {
    match registry::insert_client(scene.tx, id, name, scene.at)? {
        Some(_) => Ok(()),
        None => Err(ActError::Conflict(format!("{id} is registered already"))),
    }
}
