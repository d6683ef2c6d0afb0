//! A client of the gateway: its life cycle (exchange-protocol §2.13), how its information systems connect (§2.9).

use std::fmt;
use std::str::FromStr;

use directory::ClientId;

/// How the information systems of a client may reach the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionType {
    /// `NOSSL`: plain HTTP is allowed; HTTPS is accepted without looking at a certificate.
    Http,
    /// `SSLNOAUTH`: HTTPS is required, a client certificate is not.
    HttpsNoAuth,
    /// `SSLAUTH`: HTTPS is required and the client certificate must be one of those uploaded. The default.
    #[default]
    HttpsAuth,
}

impl ConnectionType {
    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "NOSSL",
            Self::HttpsNoAuth => "SSLNOAUTH",
            Self::HttpsAuth => "SSLAUTH",
        }
    }
}

/// A stored or sent word is none of those known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of {known}")]
pub struct UnknownWord {
    /// What was there.
    pub word: String,
    /// What could have been.
    pub known: &'static str,
}

impl FromStr for ConnectionType {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "NOSSL" => Ok(Self::Http),
            "SSLNOAUTH" => Ok(Self::HttpsNoAuth),
            "SSLAUTH" => Ok(Self::HttpsAuth),
            _ => Err(UnknownWord { word: word.to_owned(), known: "NOSSL, SSLNOAUTH, SSLAUTH" }),
        }
    }
}

/// Where a client stands between this gateway and the central authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientStatus {
    /// Known here only.
    Saved,
    /// The central authority was asked to register it.
    RegistrationInProgress,
    /// Registered: it may exchange messages.
    Registered,
    /// The central authority was asked to disable it for a while.
    DisablingInProgress,
    /// Registered, but out of use for a while.
    Disabled,
    /// The central authority was asked to take it into use again.
    EnablingInProgress,
    /// The central authority was asked to end the registration.
    DeletionInProgress,
    /// The central authority no longer knows it, though this gateway thought it did.
    GlobalError,
}

/// What can happen to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientMove {
    /// A registration request was accepted for decision.
    RequestRegistration,
    /// The request in progress was declined or withdrawn.
    RequestDeclined,
    /// The global configuration lists the client at this gateway.
    ConfirmedByGlobalConf,
    /// The global configuration stopped listing it.
    MissingFromGlobalConf,
    /// A request to disable it was sent.
    RequestDisabling,
    /// The central authority confirmed that it is disabled.
    ConfirmDisabled,
    /// A request to enable it was sent.
    RequestEnabling,
    /// A request to end the registration was sent.
    RequestDeletion,
}

/// The client cannot make this move from where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client that is {from} cannot {wanted:?}")]
pub struct RefusedMove {
    /// Where it stands.
    pub from: ClientStatus,
    /// What was wanted.
    pub wanted: ClientMove,
}

impl ClientStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Saved,
        Self::RegistrationInProgress,
        Self::Registered,
        Self::DisablingInProgress,
        Self::Disabled,
        Self::EnablingInProgress,
        Self::DeletionInProgress,
        Self::GlobalError,
    ];

    /// The status after `wanted`.
    ///
    /// # Errors
    /// When the life cycle has no such move from here.
    pub fn after(self, wanted: ClientMove) -> Result<Self, RefusedMove> {
        use ClientMove as M;
        match (self, wanted) {
            (Self::Saved | Self::GlobalError, M::RequestRegistration) => Ok(Self::RegistrationInProgress),
            (Self::RegistrationInProgress, M::RequestDeclined) => Ok(Self::Saved),
            (
                Self::Saved
                | Self::RegistrationInProgress
                | Self::Registered
                | Self::Disabled
                | Self::EnablingInProgress
                | Self::GlobalError,
                M::ConfirmedByGlobalConf,
            )
            | (Self::DisablingInProgress, M::RequestDeclined) => Ok(Self::Registered),
            (Self::Registered, M::MissingFromGlobalConf) => Ok(Self::GlobalError),
            (Self::Registered, M::RequestDisabling) => Ok(Self::DisablingInProgress),
            (Self::DisablingInProgress | Self::Registered, M::ConfirmDisabled)
            | (Self::EnablingInProgress, M::RequestDeclined) => Ok(Self::Disabled),
            (Self::Disabled, M::RequestEnabling) => Ok(Self::EnablingInProgress),
            (
                Self::RegistrationInProgress
                | Self::Registered
                | Self::DisablingInProgress
                | Self::Disabled
                | Self::EnablingInProgress
                | Self::GlobalError,
                M::RequestDeletion,
            ) => Ok(Self::DeletionInProgress),
            (from, wanted) => Err(RefusedMove { from, wanted }),
        }
    }

    /// Whether messages from and to it are carried. Until the central authority has confirmed that it is disabled or gone, it is
    /// still registered to everybody else.
    #[must_use]
    pub fn may_exchange(self) -> bool {
        matches!(self, Self::Registered | Self::DisablingInProgress)
    }

    /// Whether it can be deleted here: the central authority must not know it any more.
    #[must_use]
    pub fn may_be_deleted(self) -> bool {
        matches!(self, Self::Saved | Self::DeletionInProgress | Self::GlobalError)
    }

    /// The name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::RegistrationInProgress => "registration_in_progress",
            Self::Registered => "registered",
            Self::DisablingInProgress => "disabling_in_progress",
            Self::Disabled => "disabled",
            Self::EnablingInProgress => "enabling_in_progress",
            Self::DeletionInProgress => "deletion_in_progress",
            Self::GlobalError => "global_error",
        }
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientStatus {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownWord { word: word.to_owned(), known: "the states of a client" })
    }
}

/// A client as the data path sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// A subsystem, or the owner of the gateway.
    pub id: ClientId,
    /// Where it stands.
    pub status: ClientStatus,
    /// How its information systems connect.
    pub connection_type: ConnectionType,
    /// SHA-256 of the DER of each certificate its information systems may show; equal bytes have equal digests (§2.9).
    pub certificate_hashes: Vec<[u8; 32]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_life_of_a_client() {
        let mut status = ClientStatus::Saved;
        for (wanted, expected) in [
            (ClientMove::RequestRegistration, ClientStatus::RegistrationInProgress),
            (ClientMove::ConfirmedByGlobalConf, ClientStatus::Registered),
            (ClientMove::RequestDisabling, ClientStatus::DisablingInProgress),
            (ClientMove::ConfirmDisabled, ClientStatus::Disabled),
            (ClientMove::RequestEnabling, ClientStatus::EnablingInProgress),
            (ClientMove::ConfirmedByGlobalConf, ClientStatus::Registered),
            (ClientMove::MissingFromGlobalConf, ClientStatus::GlobalError),
            (ClientMove::RequestDeletion, ClientStatus::DeletionInProgress),
        ] {
            status = status.after(wanted).unwrap();
            assert_eq!(status, expected);
        }
        assert!(status.may_be_deleted());
    }

    #[test]
    fn impossible_moves_are_refused() {
        for (from, wanted) in [
            (ClientStatus::Saved, ClientMove::RequestDisabling),
            (ClientStatus::Saved, ClientMove::RequestDeletion),
            (ClientStatus::Registered, ClientMove::RequestRegistration),
            (ClientStatus::DeletionInProgress, ClientMove::RequestEnabling),
            (ClientStatus::DeletionInProgress, ClientMove::ConfirmedByGlobalConf),
            (ClientStatus::Disabled, ClientMove::MissingFromGlobalConf),
            (ClientStatus::DisablingInProgress, ClientMove::ConfirmedByGlobalConf),
        ] {
            assert_eq!(from.after(wanted), Err(RefusedMove { from, wanted }));
        }
    }

    #[test]
    fn only_a_registered_client_exchanges_messages() {
        let exchanging: Vec<_> = ClientStatus::ALL.into_iter().filter(|status| status.may_exchange()).collect();
        assert_eq!(exchanging, [ClientStatus::Registered, ClientStatus::DisablingInProgress]);
        assert!(exchanging.iter().all(|status| !status.may_be_deleted()));
    }

    #[test]
    fn names_are_read_back() {
        for status in ClientStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for kind in [ConnectionType::Http, ConnectionType::HttpsNoAuth, ConnectionType::HttpsAuth] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("ssl".parse::<ConnectionType>().is_err());
    }
}
