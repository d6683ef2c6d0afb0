//! Global groups. The group of gateway owners keeps itself and cannot be changed.

use serde_json::json;

use super::permit::{Permit, Register};
use super::{ActError, Central, Scene, strict};
use crate::model::global_conf::OWNERS_GROUP;
use crate::model::id::ClientId;
use crate::store::groups;

impl Central {
    /// Adds a group.
    ///
    /// # Errors
    /// When the code is malformed, reserved or taken.
    pub async fn add_group(
        &self,
        permit: &Permit<Register>,
        code: String,
        description: String,
    ) -> Result<(), ActError> {
        let data = json!({ "code": code, "description": description });
        self.perform(permit, "Add global group", data, move |scene| {
            strict("/code", &code)?;
            if code == OWNERS_GROUP {
                return Err(ActError::invalid("/code", "is kept by the system itself"));
            }
            if groups::insert(scene.tx, &code, &description)? {
                Ok(())
            } else {
                Err(ActError::Conflict(format!("group {code} exists")))
            }
        })
        .await
    }

    /// Changes the description of a group.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn describe_group(
        &self,
        permit: &Permit<Register>,
        code: String,
        description: String,
    ) -> Result<(), ActError> {
        let data = json!({ "code": code, "description": description });
        self.perform(permit, "Edit description of global group", data, move |scene| {
            let group = scene.group(&code)?;
            Ok(groups::describe(scene.tx, group, &description)?)
        })
        .await
    }

    /// Removes a group.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn delete_group(&self, permit: &Permit<Register>, code: String) -> Result<(), ActError> {
        self.perform(permit, "Delete global group", json!({ "code": code }), move |scene| {
            let group = scene.group(&code)?;
            Ok(groups::delete(scene.tx, group)?)
        })
        .await
    }

    /// Adds clients to a group; those that are in it stay. Clients of this instance must be registered.
    ///
    /// # Errors
    /// When the group or a client of this instance is unknown.
    pub async fn add_group_members(
        &self,
        permit: &Permit<Register>,
        code: String,
        clients: Vec<ClientId>,
    ) -> Result<(), ActError> {
        let data = json!({ "code": code, "clients": clients });
        self.perform(permit, "Add members to global group", data, move |scene| {
            let group = scene.group(&code)?;
            for client in &clients {
                if *client.instance == *scene.settings.instance {
                    scene.client(client)?;
                }
                groups::add_member(scene.tx, group, client, scene.at)?;
            }
            Ok(())
        })
        .await
    }

    /// Takes clients out of a group.
    ///
    /// # Errors
    /// When the group is unknown or a client is not in it: nothing is changed then.
    pub async fn remove_group_members(
        &self,
        permit: &Permit<Register>,
        code: String,
        clients: Vec<ClientId>,
    ) -> Result<(), ActError> {
        let data = json!({ "code": code, "clients": clients });
        self.perform(permit, "Remove members from global group", data, move |scene| {
            let group = scene.group(&code)?;
            for client in &clients {
                if !groups::remove_member(scene.tx, group, client)? {
                    return Err(ActError::not_found("group member", client.colon()));
                }
            }
            Ok(())
        })
        .await
    }
}

impl Scene<'_, '_> {
    fn group(&mut self, code: &str) -> Result<i64, ActError> {
        groups::find(self.tx, code)?.ok_or_else(|| ActError::not_found("group", code))
    }
}
