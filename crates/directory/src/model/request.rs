//! Management requests: what gateways and operators ask of the registry, and the life of such a request (§2.13).

use serde::{Deserialize, Serialize};

use super::cert::CertDer;
use super::id::{ClientId, ServerId};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestBody {
    /// Register an authentication certificate; makes the gateway known when it is new.
    AuthCertRegistration {
        /// The gateway.
        server: ServerId,
        /// Address others reach it at.
        address: Option<String>,
        /// The certificate.
        auth_cert: CertDer,
    },
    /// Remove an authentication certificate.
    AuthCertDeletion {
        /// The gateway.
        server: ServerId,
        /// The certificate.
        auth_cert: CertDer,
    },
    /// Register a client at a gateway; makes the subsystem known when it is new.
    ClientRegistration {
        /// The gateway.
        server: ServerId,
        /// The subsystem, or a member (before it takes over a gateway).
        client: ClientId,
        /// Name of the subsystem.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subsystem_name: Option<String>,
    },
    /// Remove a client from a gateway.
    ClientDeletion {
        /// The gateway.
        server: ServerId,
        /// The client.
        client: ClientId,
    },
    /// Take a client out of service for a while.
    ClientDisable {
        /// The gateway.
        server: ServerId,
        /// The client.
        client: ClientId,
    },
    /// Put a client back into service.
    ClientEnable {
        /// The gateway.
        server: ServerId,
        /// The client.
        client: ClientId,
    },
    /// Change the name of a subsystem.
    ClientRename {
        /// The gateway.
        server: ServerId,
        /// The subsystem.
        client: ClientId,
        /// Its new name.
        subsystem_name: String,
    },
    /// Change the address of a gateway.
    AddressChange {
        /// The gateway.
        server: ServerId,
        /// Its new address.
        address: String,
    },
    /// Give a gateway to another member, which is registered there as a client already.
    OwnerChange {
        /// The gateway.
        server: ServerId,
        /// The new owner.
        client: ClientId,
    },
    /// Begin maintenance.
    MaintenanceOn {
        /// The gateway.
        server: ServerId,
        /// What callers are told; may be empty.
        #[serde(default)]
        message: String,
    },
    /// End maintenance.
    MaintenanceOff {
        /// The gateway.
        server: ServerId,
    },
}

/// Who brought the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A gateway, with signatures.
    Gateway,
    /// An operator of the central.
    Center,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a decision.
    Submitted,
    /// Carried out.
    Approved,
    /// Refused by an operator.
    Declined,
    /// Taken back by who asked.
    Revoked,
}

/// A move that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is already {}", .0.as_str())]
pub struct AlreadyDecided(pub Status);

impl Status {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Submitted, Self::Approved, Self::Declined, Self::Revoked];

    /// The word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
        }
    }

    /// From the word in tables.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Approval.
    ///
    /// # Errors
    /// When it was decided before.
    pub fn approve(self) -> Result<Self, AlreadyDecided> {
        self.decide(Self::Approved)
    }

    /// Refusal.
    ///
    /// # Errors
    /// When it was decided before.
    pub fn decline(self) -> Result<Self, AlreadyDecided> {
        self.decide(Self::Declined)
    }

    /// Withdrawal.
    ///
    /// # Errors
    /// When it was decided before.
    pub fn revoke(self) -> Result<Self, AlreadyDecided> {
        self.decide(Self::Revoked)
    }

    fn decide(self, to: Self) -> Result<Self, AlreadyDecided> {
        if self == Self::Submitted { Ok(to) } else { Err(AlreadyDecided(self)) }
    }
}

impl Origin {
    /// The word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Center => "center",
        }
    }
}

impl RequestBody {
    /// The gateway it is about.
    #[must_use]
    pub fn server(&self) -> &ServerId {
        match self {
            Self::AuthCertRegistration { server, .. }
            | Self::AuthCertDeletion { server, .. }
            | Self::ClientRegistration { server, .. }
            | Self::ClientDeletion { server, .. }
            | Self::ClientDisable { server, .. }
            | Self::ClientEnable { server, .. }
            | Self::ClientRename { server, .. }
            | Self::AddressChange { server, .. }
            | Self::OwnerChange { server, .. }
            | Self::MaintenanceOn { server, .. }
            | Self::MaintenanceOff { server } => server,
        }
    }

    /// The client it is about, if any.
    #[must_use]
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::ClientRegistration { client, .. }
            | Self::ClientDeletion { client, .. }
            | Self::ClientDisable { client, .. }
            | Self::ClientEnable { client, .. }
            | Self::ClientRename { client, .. }
            | Self::OwnerChange { client, .. } => Some(client),
            _ => None,
        }
    }

    /// The word of its kind, as in JSON and tables.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AuthCertRegistration { .. } => "auth_cert_registration",
            Self::AuthCertDeletion { .. } => "auth_cert_deletion",
            Self::ClientRegistration { .. } => "client_registration",
            Self::ClientDeletion { .. } => "client_deletion",
            Self::ClientDisable { .. } => "client_disable",
            Self::ClientEnable { .. } => "client_enable",
            Self::ClientRename { .. } => "client_rename",
            Self::AddressChange { .. } => "address_change",
            Self::OwnerChange { .. } => "owner_change",
            Self::MaintenanceOn { .. } => "maintenance_on",
            Self::MaintenanceOff { .. } => "maintenance_off",
        }
    }

    /// What two requests of one kind must share to be about the same thing.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AuthCertRegistration { auth_cert, .. } | Self::AuthCertDeletion { auth_cert, .. } => {
                auth_cert.sha256_hex()
            }
            Self::OwnerChange { server, .. } => server.colon(),
            other => match other.client() {
                Some(client) => format!("{}|{}", other.server().colon(), client.colon()),
                None => other.server().colon(),
            },
        }
    }

    /// The kind of pending request that this one takes back.
    #[must_use]
    pub fn revokes(&self) -> Option<&'static str> {
        match self {
            Self::AuthCertDeletion { .. } => Some("auth_cert_registration"),
            Self::ClientDeletion { .. } => Some("client_registration"),
            _ => None,
        }
    }

    /// Whether an operator decides (unless the instance approves such requests by itself). The others only narrow what the asker
    /// has, or describe it.
    #[must_use]
    pub fn needs_decision(&self) -> bool {
        matches!(self, Self::AuthCertRegistration { .. } | Self::ClientRegistration { .. } | Self::OwnerChange { .. })
    }

    /// The members whose signature counts for this request: any one of them.
    #[must_use]
    pub fn signers(&self) -> Vec<ClientId> {
        let owner = self.server().owner.clone();
        match self {
            Self::ClientRegistration { client, .. }
            | Self::ClientRename { client, .. }
            | Self::ClientEnable { client, .. }
            | Self::OwnerChange { client, .. } => vec![client.owner()],
            Self::ClientDeletion { client, .. } | Self::ClientDisable { client, .. } => vec![owner, client.owner()],
            _ => vec![owner],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(client: &str) -> RequestBody {
        RequestBody::ClientRegistration {
            server: ServerId::new(ClientId::member("VN", "GOV", "G01"), "gw1"),
            client: client.parse().unwrap(),
            subsystem_name: None,
        }
    }

    #[test]
    fn a_request_is_decided_once() {
        for decided in [Status::Approved, Status::Declined, Status::Revoked] {
            assert_eq!(decided.approve(), Err(AlreadyDecided(decided)));
            assert_eq!(decided.decline(), Err(AlreadyDecided(decided)));
            assert_eq!(decided.revoke(), Err(AlreadyDecided(decided)));
            assert_eq!(Status::from_word(decided.as_str()), Some(decided));
        }
        assert_eq!(Status::Submitted.approve(), Ok(Status::Approved));
    }

    #[test]
    fn a_client_registration_is_signed_by_the_client_not_by_the_gateway_owner() {
        assert_eq!(registration("VN:GOV:H26:mot-cua").signers(), vec![ClientId::member("VN", "GOV", "H26")]);
    }

    #[test]
    fn the_deletion_of_a_client_takes_back_its_registration() {
        let client: ClientId = "VN:GOV:H26:mot-cua".parse().unwrap();
        let asked = registration("VN:GOV:H26:mot-cua");
        let deletion = RequestBody::ClientDeletion { server: asked.server().clone(), client };
        assert_eq!(deletion.revokes(), Some(asked.kind()));
        assert_eq!(deletion.subject(), asked.subject());
        assert_ne!(registration("VN:GOV:H26:khac").subject(), asked.subject());
    }

    #[test]
    fn the_json_form_names_kind_and_identifiers() {
        let json = serde_json::to_value(registration("VN:GOV:H26:mot-cua")).unwrap();
        assert_eq!(json["kind"], "client_registration");
        assert_eq!(json["server"], "VN:GOV:G01:gw1");
        assert_eq!(json["kind"], registration("VN:GOV:H26:mot-cua").kind());
        assert_eq!(serde_json::from_value::<RequestBody>(json).unwrap(), registration("VN:GOV:H26:mot-cua"));
    }
}
