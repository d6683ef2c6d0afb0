//! Grant and revoke rights on a service, many at once (exchange-protocol §2.14).

use std::collections::HashSet;

use ::store::Tx;
use directory::ClientId;
use serde_json::json;

use super::permit::{ManageRights, Permit};
use super::{ActError, Admin, services};
use crate::model::access::Subject;
use crate::monitor::audit::Event;
use crate::store::{group, right, service};

/// The most rights one act may change.
pub const MAX_CHANGES: usize = 1000;

/// A subject and the endpoint it gets or loses a right on; without an endpoint the right is on the whole service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightChange {
    /// Who.
    pub subject: Subject,
    /// Row number of the endpoint; the base endpoint when absent.
    pub endpoint: Option<i64>,
}

/// Grants rights; returns how many were not held before.
///
/// # Errors
/// When there is no such service, endpoint or local group, or too many changes are asked for. Then none is made.
pub async fn grant(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    provider: ClientId,
    code: String,
    changes: Vec<RightChange>,
) -> Result<usize, ActError> {
    let data = describe(&provider, &code, &changes);
    admin
        .perform(permit, Event::AddAccessRights, data, move |tx, change| {
            let changes = resolve(tx, &provider, &code, &changes)?;
            check_local_groups(tx, &provider, &changes)?;
            let mut granted = 0;
            for (endpoint, subject) in &changes {
                granted += usize::from(right::insert(tx, *endpoint, subject, change.now)?);
            }
            Ok(granted)
        })
        .await
}

/// Revokes rights; returns how many were held before.
///
/// # Errors
/// When there is no such service or endpoint, or too many changes are asked for. Then none is made.
pub async fn revoke(
    admin: &Admin,
    permit: &Permit<ManageRights>,
    provider: ClientId,
    code: String,
    changes: Vec<RightChange>,
) -> Result<usize, ActError> {
    let data = describe(&provider, &code, &changes);
    admin
        .perform(permit, Event::RemoveAccessRights, data, move |tx, _| {
            let mut revoked = 0;
            for (endpoint, subject) in resolve(tx, &provider, &code, &changes)? {
                revoked += usize::from(right::delete(tx, endpoint, &subject)?);
            }
            Ok(revoked)
        })
        .await
}

fn describe(provider: &ClientId, code: &str, changes: &[RightChange]) -> serde_json::Value {
    // Beyond the bound the act fails: the entry need not carry what was asked for in full.
    let subjects: Vec<_> = changes
        .iter()
        .take(MAX_CHANGES)
        .map(|change| json!({ "subjectId": change.subject.key(), "endpoint": change.endpoint }))
        .collect();
    json!({ "clientIdentifier": provider.colon(), "serviceCode": code, "subjects": subjects })
}

/// The changes with the row number of each endpoint, all of which belong to the service.
fn resolve(
    tx: &mut Tx<'_>,
    provider: &ClientId,
    code: &str,
    changes: &[RightChange],
) -> Result<Vec<(i64, Subject)>, ActError> {
    if changes.len() > MAX_CHANGES {
        return Err(ActError::invalid("/rights", format!("more than {MAX_CHANGES} changes at once")));
    }
    let row = services::find(tx, provider, code)?;
    // The base endpoint is stored with the service, before any other.
    let known: Vec<i64> = service::endpoints(tx, row.id)?.into_iter().map(|endpoint| endpoint.id).collect();
    let base = *known.first().ok_or(ActError::NotFound("endpoint"))?;
    let known: HashSet<i64> = known.into_iter().collect();
    changes
        .iter()
        .map(|change| {
            let endpoint = change.endpoint.unwrap_or(base);
            if known.contains(&endpoint) {
                Ok((endpoint, change.subject.clone()))
            } else {
                Err(ActError::NotFound("endpoint"))
            }
        })
        .collect()
}

fn check_local_groups(tx: &mut Tx<'_>, provider: &ClientId, changes: &[(i64, Subject)]) -> Result<(), ActError> {
    let codes: HashSet<&str> = changes
        .iter()
        .filter_map(|(_, subject)| if let Subject::LocalGroup(code) = subject { Some(&**code) } else { None })
        .collect();
    for code in codes {
        group::find(tx, provider, code)?.ok_or(ActError::NotFound("local group"))?;
    }
    Ok(())
}
