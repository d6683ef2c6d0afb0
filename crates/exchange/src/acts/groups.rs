//! Local groups of a client: add, describe, delete, change who is in them.

use ::store::Tx;
use directory::ClientId;
use serde_json::json;

use super::permit::{ManageRights, Permit};
use super::{ActError, Admin, Expected, check_version};
use crate::conf::service::is_strict_code;
use crate::monitor::audit::Event;
use crate::store::group::{self, GroupRow};
use crate::store::{client, right};

/// The longest description of a group, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 255;
/// The most members one act may add or remove.
pub const MAX_CHANGES: usize = 1000;

/// A local group: the client that keeps it and its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// The client.
    pub client: ClientId,
    /// Group code.
    pub code: String,
}

impl GroupKey {
    fn describe(&self) -> serde_json::Value {
        json!({ "clientIdentifier": self.client.colon(), "groupCode": self.code })
    }

    fn find(&self, tx: &mut Tx<'_>) -> Result<GroupRow, ActError> {
        group::find(tx, &self.client, &self.code)?.ok_or(ActError::NotFound("local group"))
    }
}

fn check_description(description: &str) -> Result<(), ActError> {
    if description.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(ActError::invalid("/description", format!("longer than {MAX_DESCRIPTION_CHARS} characters")));
    }
    Ok(())
}

/// Adds a group without members.
///
/// # Errors
/// When there is no such client, the code is taken or not acceptable, or the description is too long.
pub async fn add_group(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    key: GroupKey,
    description: String,
) -> Result<GroupRow, ActError> {
    admin
        .perform(permit, Event::AddGroup, key.describe(), move |tx, change| {
            client::find(tx, &key.client)?.ok_or(ActError::NotFound("client"))?;
            if !is_strict_code(&key.code) {
                return Err(ActError::invalid("/code", "a group code has 1 to 255 letters, digits or '()+,-.=?_"));
            }
            check_description(&description)?;
            if !group::insert(tx, &key.client, &key.code, &description, change.now)? {
                return Err(ActError::Exists("local group"));
            }
            key.find(tx)
        })
        .await
}

/// Replaces the description of a group.
///
/// # Errors
/// When there is no such group, somebody else changed it, or the description is too long.
pub async fn edit_group(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    key: GroupKey,
    description: String,
    expected: Expected,
) -> Result<GroupRow, ActError> {
    admin
        .perform(permit, Event::EditGroupDescription, key.describe(), move |tx, change| {
            check_version(expected, key.find(tx)?.version)?;
            check_description(&description)?;
            group::update(tx, &key.client, &key.code, &description, change.now)?;
            key.find(tx)
        })
        .await
}

/// Deletes a group and the rights it holds.
///
/// # Errors
/// When there is no such group or somebody else changed it.
pub async fn delete_group(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    key: GroupKey,
    expected: Expected,
) -> Result<(), ActError> {
    admin
        .perform(permit, Event::DeleteGroup, key.describe(), move |tx, change| {
            check_version(expected, key.find(tx)?.version)?;
            let revoked = right::delete_of_local_group(tx, &key.client, &key.code)?;
            change.data["revokedRights"] = revoked.into();
            Ok(group::delete(tx, &key.client, &key.code)?)
        })
        .await
}

/// Adds members to a group; returns how many were new.
///
/// # Errors
/// When there is no such group, a member is not a subsystem, or too many are named. Then none is added.
pub async fn add_members(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    key: GroupKey,
    members: Vec<ClientId>,
) -> Result<usize, ActError> {
    let data = describe_members(&key, &members);
    admin
        .perform(permit, Event::AddGroupMembers, data, move |tx, change| {
            key.find(tx)?;
            check_members(&members)?;
            let mut added = 0;
            for member in &members {
                added += usize::from(group::insert_member(tx, &key.client, &key.code, member, change.now)?);
            }
            Ok(added)
        })
        .await
}

/// Removes members from a group; returns how many were in it.
///
/// # Errors
/// When there is no such group or too many are named. Then none is removed.
pub async fn remove_members(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    key: GroupKey,
    members: Vec<ClientId>,
) -> Result<usize, ActError> {
    let data = describe_members(&key, &members);
    admin
        .perform(permit, Event::RemoveGroupMembers, data, move |tx, _| {
            key.find(tx)?;
            check_members(&members)?;
            let mut removed = 0;
            for member in &members {
                removed += usize::from(group::delete_member(tx, &key.client, &key.code, member)?);
            }
            Ok(removed)
        })
        .await
}

fn describe_members(key: &GroupKey, members: &[ClientId]) -> serde_json::Value {
    let mut data = key.describe();
    data["groupMembers"] = members.iter().take(MAX_CHANGES).map(ClientId::colon).collect();
    data
}

fn check_members(members: &[ClientId]) -> Result<(), ActError> {
    if members.len() > MAX_CHANGES {
        return Err(ActError::invalid("/members", format!("more than {MAX_CHANGES} members at once")));
    }
    if members.iter().any(|member| member.subsystem.is_none()) {
        return Err(ActError::invalid("/members", "a local group contains subsystems only"));
    }
    Ok(())
}
