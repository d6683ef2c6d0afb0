//! Who may do what in the administration (exchange-protocol §2.19): roles, duties and the permits that acts ask for.
//!
//! A [`Permit`] is made by [`Actor::permit`] alone and carries its duty in its type, so that an act with the wrong permit, or with none,
//! does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use crate::conf::client::UnknownWord;

/// A role of an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Keys, certificates and the audit log.
    SecurityOfficer,
    /// Clients and their registration.
    RegistrationOfficer,
    /// Services, rights, groups and connections.
    ServiceAdministrator,
    /// The installation and its API keys.
    SystemAdministrator,
    /// Sees the configuration, changes nothing.
    Observer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::SecurityOfficer,
        Self::RegistrationOfficer,
        Self::ServiceAdministrator,
        Self::SystemAdministrator,
        Self::Observer,
    ];

    /// The name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecurityOfficer => "security_officer",
            Self::RegistrationOfficer => "registration_officer",
            Self::ServiceAdministrator => "service_administrator",
            Self::SystemAdministrator => "system_administrator",
            Self::Observer => "observer",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownWord {
            word: word.to_owned(),
            known: "security_officer, registration_officer, service_administrator, system_administrator, observer",
        })
    }
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Whether `role` is among them.
    #[must_use]
    pub fn holds(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.holds(*role))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | (1 << role as u8)))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            f.write_str(role.as_str())?;
        }
        Ok(())
    }
}

/// A kind of work in the administration and the roles that include it.
pub trait Duty: Send + Sync + 'static {
    /// The roles that include it; one suffices.
    const ROLES: &'static [Role];
}

/// Declares duties with the roles that include them.
macro_rules! duties {
    ($($(#[doc = $doc:literal])* $name:ident: $($role:ident)|+;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Duty for $name {
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )*};
}

duties! {
    /// Look at clients, services, rights and groups.
    ReadConfiguration: SecurityOfficer | RegistrationOfficer | ServiceAdministrator | SystemAdministrator | Observer;
    /// Add, register, disable, unregister and delete clients.
    ManageClients: RegistrationOfficer;
    /// Add, edit, enable, disable and delete services and endpoints.
    ManageServices: ServiceAdministrator;
    /// Grant and revoke rights, keep local groups.
    ManageRights: ServiceAdministrator;
    /// Say how information systems connect and which certificates they show.
    ManageConnections: ServiceAdministrator | SecurityOfficer;
    /// Create and revoke API keys.
    ManageApiKeys: SystemAdministrator;
    /// Read the audit log.
    ReadAudit: SecurityOfficer | SystemAdministrator;
}

/// Who acts, and how we know.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Name in the audit log.
    pub user: String,
    /// How the actor was recognised: `ApiKey` or `Console`.
    pub auth: &'static str,
    /// Address of the call; empty on the console.
    pub url: String,
    roles: Roles,
}

/// The actor lacks every role that includes the duty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("needs one of the roles: {}", needed.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "))]
pub struct Forbidden {
    /// The roles that would do.
    pub needed: &'static [Role],
}

impl Actor {
    /// The holder of an API key; made by the authentication of the API.
    pub(crate) fn api_key(user: String, roles: Roles, url: String) -> Self {
        Self { user, auth: "ApiKey", url, roles }
    }

    /// Whoever runs a command on the gateway's own machine, with access to its database and keys anyway: all roles.
    /// Never for a request that came over the network.
    #[must_use]
    pub fn console(user: &str) -> Self {
        Self { user: user.to_owned(), auth: "Console", url: String::new(), roles: Role::ALL.into_iter().collect() }
    }

    /// The gateway itself; holds no role, so it gets no permit.
    pub(crate) fn system() -> Self {
        Self { user: "system".to_owned(), auth: "System", url: String::new(), roles: Roles::default() }
    }

    /// The permit for a duty.
    ///
    /// # Errors
    /// When none of the actor's roles includes it.
    pub fn permit<D: Duty>(&self) -> Result<Permit<D>, Forbidden> {
        if D::ROLES.iter().any(|role| self.roles.holds(*role)) {
            Ok(Permit { actor: self.clone(), duty: PhantomData })
        } else {
            Err(Forbidden { needed: D::ROLES })
        }
    }
}

/// That an actor may perform a duty. Only [`Actor::permit`] makes one.
#[must_use = "a permit is the proof that an act asks for"]
#[derive(Debug)]
pub struct Permit<D: Duty> {
    actor: Actor,
    duty: PhantomData<fn() -> D>,
}

impl<D: Duty> Permit<D> {
    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(role: Role) -> Actor {
        Actor::api_key("thử".to_owned(), [role].into_iter().collect(), String::new())
    }

    #[test]
    fn a_role_opens_its_own_duties_only() {
        assert!(actor(Role::RegistrationOfficer).permit::<ManageClients>().is_ok());
        assert!(actor(Role::ServiceAdministrator).permit::<ManageRights>().is_ok());
        let refused = actor(Role::ServiceAdministrator).permit::<ManageClients>().unwrap_err();
        assert_eq!(refused.to_string(), "needs one of the roles: registration_officer");
        assert!(actor(Role::SystemAdministrator).permit::<ManageRights>().is_err(), "no role stands above the others");
    }

    #[test]
    fn an_observer_reads_the_configuration_and_nothing_else() {
        let observer = actor(Role::Observer);
        assert!(observer.permit::<ReadConfiguration>().is_ok());
        assert!(observer.permit::<ManageClients>().is_err());
        assert!(observer.permit::<ManageServices>().is_err());
        assert!(observer.permit::<ManageRights>().is_err());
        assert!(observer.permit::<ManageConnections>().is_err());
        assert!(observer.permit::<ManageApiKeys>().is_err());
        assert!(observer.permit::<ReadAudit>().is_err());
    }

    #[test]
    fn roles_are_written_and_read() {
        let roles: Roles = [Role::Observer, Role::SecurityOfficer].into_iter().collect();
        assert_eq!(roles.to_string(), "security_officer observer");
        assert_eq!("observer".parse(), Ok(Role::Observer));
        assert!("root".parse::<Role>().is_err());
    }
}
