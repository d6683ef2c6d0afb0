//! What the audit log says: the events of exchange-protocol §2.18 and the shape of an entry.

use serde_json::{Value, json};

/// Something an administrator did or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client was added.
    AddClient,
    /// Registration of a client was requested.
    RegisterClient,
    /// The end of a registration was requested.
    UnregisterClient,
    /// Disabling of a client was requested.
    DisableClient,
    /// Enabling of a client was requested.
    EnableClient,
    /// A client was deleted.
    DeleteClient,
    /// The global configuration changed the status of clients.
    SynchroniseClients,
    /// The connection type of a client was set.
    SetConnectionType,
    /// A certificate of an information system was added.
    AddInternalTlsCertificate,
    /// A certificate of an information system was removed.
    DeleteInternalTlsCertificate,
    /// A service was added.
    AddServiceDescription,
    /// A service description was read again.
    RefreshServiceDescription,
    /// A service was deleted.
    DeleteServiceDescription,
    /// A service was enabled.
    EnableServiceDescription,
    /// A service was disabled.
    DisableServiceDescription,
    /// Address, time limit or certificate check of a service were changed.
    EditServiceParameters,
    /// An endpoint was added.
    AddEndpoint,
    /// An endpoint was deleted.
    DeleteEndpoint,
    /// Rights were granted.
    AddAccessRights,
    /// Rights were revoked.
    RemoveAccessRights,
    /// A local group was added.
    AddGroup,
    /// The description of a local group was changed.
    EditGroupDescription,
    /// A local group was deleted.
    DeleteGroup,
    /// Members were added to a local group.
    AddGroupMembers,
    /// Members were removed from a local group.
    RemoveGroupMembers,
    /// An API key was created.
    ApiKeyCreate,
    /// An API key was revoked.
    ApiKeyRemove,
    /// An API key was shown that does not work.
    ApiKeyAuthentication,
    /// Somebody asked for what their roles do not include.
    AccessCheck,
}

impl Event {
    /// The name in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddClient => "Add client",
            Self::RegisterClient => "Register client",
            Self::UnregisterClient => "Unregister client",
            Self::DisableClient => "Disable client",
            Self::EnableClient => "Enable client",
            Self::DeleteClient => "Delete client",
            Self::SynchroniseClients => "Synchronise clients",
            Self::SetConnectionType => "Set connection type for servers in service consumer role",
            Self::AddInternalTlsCertificate => "Add internal TLS certificate",
            Self::DeleteInternalTlsCertificate => "Delete internal TLS certificate",
            Self::AddServiceDescription => "Add service description",
            Self::RefreshServiceDescription => "Refresh service description",
            Self::DeleteServiceDescription => "Delete service description",
            Self::EnableServiceDescription => "Enable service description",
            Self::DisableServiceDescription => "Disable service description",
            Self::EditServiceParameters => "Edit service parameters",
            Self::AddEndpoint => "Add endpoint",
            Self::DeleteEndpoint => "Delete endpoint",
            Self::AddAccessRights => "Add access rights to service",
            Self::RemoveAccessRights => "Remove access rights from service",
            Self::AddGroup => "Add group",
            Self::EditGroupDescription => "Edit group description",
            Self::DeleteGroup => "Delete group",
            Self::AddGroupMembers => "Add members to group",
            Self::RemoveGroupMembers => "Remove members from group",
            Self::ApiKeyCreate => "API key create",
            Self::ApiKeyRemove => "API key remove",
            Self::ApiKeyAuthentication => "API key authentication",
            Self::AccessCheck => "Access check",
        }
    }
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Microseconds since the Unix epoch.
    pub at: i64,
    /// The event; ends in ` failed` when nothing was changed.
    pub event: String,
    /// Who.
    pub user: String,
    /// How the user was recognised: `ApiKey`, `Console` or `System`.
    pub auth: String,
    /// Address of the call; empty when there was none.
    pub url: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// What it was about: identifiers and settings, never keys or personal data.
    pub data: Value,
}

impl Entry {
    /// An entry about something done.
    #[must_use]
    pub fn done(at: i64, event: Event, user: &str, auth: &str, url: &str, data: Value) -> Self {
        let [user, auth, url] = [user, auth, url].map(str::to_owned);
        Self { at, event: event.as_str().to_owned(), user, auth, url, reason: None, data }
    }

    /// The same about something that failed.
    #[must_use]
    pub fn failed(mut self, reason: impl Into<String>) -> Self {
        self.event.push_str(" failed");
        self.reason = Some(reason.into());
        self
    }

    /// The entry in the form of §2.18, for the system log.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut entry = json!({ "event": self.event, "user": self.user, "auth": self.auth, "url": self.url });
        if let Some(reason) = &self.reason {
            entry["reason"] = reason.as_str().into();
        }
        entry["data"] = self.data.clone();
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_named_and_explained() {
        let entry =
            Entry::done(1, Event::AddClient, "an", "ApiKey", "/clients", json!({"clientIdentifier": "VN:GOV:G01"}));
        let failed = entry.failed("taken").to_json();
        assert_eq!(failed["event"], "Add client failed");
        assert_eq!(failed["reason"], "taken");
        assert_eq!(failed["data"]["clientIdentifier"], "VN:GOV:G01");
    }
}
