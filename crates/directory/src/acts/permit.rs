//! Who may do what. An act takes a [`Permit`] of its own kind, and only [`authorize`] makes one: an unchecked act does not compile.

use std::marker::PhantomData;

/// A role of an operator of the central.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Trust services, signing keys, trusted anchors.
    SecurityOfficer,
    /// Members, subsystems, gateways, groups, requests, agencies.
    RegistrationOfficer,
    /// The instance and its settings.
    SystemAdministrator,
    /// Looks, changes nothing.
    Observer,
}

/// Who is asking. Made by the authentication layer of the program and put into the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Name in the audit journal.
    pub name: String,
    /// What the principal is allowed.
    pub roles: Vec<Role>,
}

/// A kind of work that needs a role.
pub trait Operation {
    /// What it is called when it is denied.
    const NAME: &'static str;
    /// Any one of these roles suffices.
    const ROLES: &'static [Role];
}

macro_rules! operations {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal: $($role:ident),+;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Operation for $name {
            const NAME: &'static str = $text;
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )*};
}

operations! {
    /// Seeing what is registered.
    View = "view the registry": Observer, RegistrationOfficer, SecurityOfficer, SystemAdministrator;
    /// Members, subsystems, gateways, groups, requests.
    Register = "change the registry": RegistrationOfficer;
    /// Trust services, signing keys and anchors.
    ManageTrust = "change trust services and keys": SecurityOfficer;
    /// The instance and its settings.
    Administer = "change the settings": SystemAdministrator;
    /// Seeing the audit journal.
    Audit = "view the audit journal": SecurityOfficer, SystemAdministrator;
}

/// Proof that `actor` may do work of the kind `O`.
#[derive(Clone, Debug)]
pub struct Permit<O> {
    actor: String,
    operation: PhantomData<fn() -> O>,
}

/// The roles of the principal do not suffice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actor} may not {operation}")]
pub struct Denied {
    /// Who asked.
    pub actor: String,
    /// For what.
    pub operation: &'static str,
}

impl<O> Permit<O> {
    /// Name in the audit journal.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// For acts that answer for themselves: a gateway whose signatures were verified.
    pub(super) fn proven(actor: String) -> Self {
        Self { actor, operation: PhantomData }
    }
}

/// The only way to a permit for an operator.
///
/// # Errors
/// [`Denied`] when no role of the principal suffices.
pub fn authorize<O: Operation>(principal: &Principal) -> Result<Permit<O>, Denied> {
    if principal.roles.iter().any(|role| O::ROLES.contains(role)) {
        Ok(Permit::proven(principal.name.clone()))
    } else {
        Err(Denied { actor: principal.name.clone(), operation: O::NAME })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_opens_its_own_doors_only() {
        let with = |role| Principal { name: "lan".into(), roles: vec![role] };
        assert!(authorize::<View>(&with(Role::Observer)).is_ok());
        assert!(authorize::<Register>(&with(Role::Observer)).is_err());
        assert!(authorize::<Register>(&with(Role::RegistrationOfficer)).is_ok());
        assert!(authorize::<ManageTrust>(&with(Role::RegistrationOfficer)).is_err());
        assert!(authorize::<Administer>(&with(Role::SecurityOfficer)).is_err());
        let nobody = Principal { name: "x".into(), roles: Vec::new() };
        assert_eq!(authorize::<View>(&nobody).unwrap_err().to_string(), "x may not view the registry");
    }
}
