//! What operators do to a central, a test authority and a gateway, as functions: the commands and the demo call the same ones.
//!
//! Everything goes through the front doors of the domains (their acts with permits, their HTTP), never to tables.

pub mod central;
pub mod central_view;
pub mod enrol;
pub mod gateway;
pub mod keys;
pub mod link;
pub mod services;

use exchange::acts::permit::{Actor, Duty, Permit};

/// Name of the local operator in audit journals.
pub const OPERATOR: &str = "console";

/// The permit of whoever runs a command on the gateway's own machine.
///
/// # Errors
/// Never for the console, which holds every role.
pub fn gateway_permit<D: Duty>() -> anyhow::Result<Permit<D>> {
    Ok(Actor::console(OPERATOR).permit()?)
}

/// The permit of whoever runs a command on the central's own machine.
///
/// # Errors
/// Never for the console, which holds every role.
pub fn central_permit<O: directory::acts::permit::Operation>() -> anyhow::Result<directory::acts::permit::Permit<O>> {
    use directory::acts::permit::{Principal, Role, authorize};
    let roles = vec![Role::SecurityOfficer, Role::RegistrationOfficer, Role::SystemAdministrator, Role::Observer];
    Ok(authorize(&Principal { name: OPERATOR.to_owned(), roles })?)
}
