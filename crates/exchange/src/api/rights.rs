//! Rights, from both ends: who may call a service, what a subject holds, and what a caller may call in the end.

use axum::Json;
use axum::extract::State;
use directory::ClientId;
use http::StatusCode;
use kit::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::extract::{Asked, Body, PathParts, after_number, malformed};
use super::fault::Fault;
use super::view::{EndpointView, HeldView, HolderView, Listing, listing};
use crate::acts::ActError;
use crate::acts::permit::{ManageRights, Permit, ReadConfiguration};
use crate::acts::rights::{self, RightChange};
use crate::model::access::Subject;
use crate::store::right::HolderRow;
use crate::store::{right, service};

fn subject(field: &str, text: &str) -> Result<Subject, Fault> {
    text.parse().map_err(|error: crate::model::access::SubjectError| malformed(field, error))
}

/// Who holds rights on a service, by endpoint and subject.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/services/{code}/rights", tag = "rights",
    params(("client" = String, Path), ("code" = String, Path), ("limit" = Option<u32>, Query),
        ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<HolderView>), (status = 404)))]
pub(super) async fn on_service(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<HolderView>>, Fault> {
    let (id, code, limit) = (path.client("client")?, path.text("code")?, page.limit() + 1);
    let (endpoint, holder) = page.after.as_deref().and_then(|after| after.split_once('~')).unwrap_or(("0", ""));
    let endpoint: i64 = endpoint.parse().map_err(|_| malformed("after", "not the `next` of a page"))?;
    let holder = holder.to_owned();
    let found = api
        .admin
        .store()
        .read(move |tx| match service::find(tx, &id, &code)? {
            Some(row) => right::on_service(tx, row.id, (endpoint, &holder), limit).map(Some),
            None => Ok::<_, ::store::StoreError>(None),
        })
        .await?;
    let rows = found.ok_or(ActError::NotFound("service"))?;
    let key = |row: &HolderRow| format!("{}~{}", row.endpoint, row.subject.key());
    Ok(listing(Page::from_overfetch(rows, &page, key)))
}

/// Which rights to list.
#[derive(Deserialize)]
pub(super) struct OfSubject {
    subject: String,
    provider: Option<ClientId>,
    limit: Option<u32>,
    after: Option<String>,
}

/// What a subject itself holds rights on, at one provider or at all of this gateway.
#[utoipa::path(get, path = "/api/exchange/v1/rights", tag = "rights",
    params(("subject" = String, Query), ("provider" = Option<String>, Query), ("limit" = Option<u32>, Query),
        ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<HeldView>)))]
pub(super) async fn of_subject(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    Asked(query): Asked<OfSubject>,
) -> Result<Json<Listing<HeldView>>, Fault> {
    let holder = subject("subject", &query.subject)?;
    let page = PageRequest { limit: query.limit, after: query.after };
    let (after, limit, provider) = (after_number(&page)?.unwrap_or(0), page.limit() + 1, query.provider);
    let rows =
        api.admin.store().read(move |tx| right::of_subject(tx, &holder, provider.as_ref(), after, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.endpoint.to_string())))
}

/// A service that a caller may call, and where.
#[derive(Serialize, ToSchema)]
pub(super) struct CallableView {
    /// Provider of the service.
    provider: String,
    /// Service code.
    code: String,
    /// The endpoints the caller holds a right on, itself or through a group.
    endpoints: Vec<EndpointView>,
}

/// Everything a caller may call at this gateway, through its own rights and those of its groups, as the data path decides it now.
#[utoipa::path(get, path = "/api/exchange/v1/callers/{client}/endpoints", tag = "rights",
    params(("client" = String, Path)), responses((status = 200, body = Vec<CallableView>)))]
pub(super) async fn callable(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Json<Vec<CallableView>>, Fault> {
    let caller = path.client("client")?;
    let conf = api.admin.conf().current();
    let mut providers: Vec<_> = conf.clients().map(|client| &client.id).collect();
    providers.sort();
    let mut callable = Vec::new();
    for service in providers.into_iter().flat_map(|provider| conf.services_of(provider)) {
        let allowed = service.rights.allowed(&caller, &*api.groups);
        if !allowed.is_empty() {
            let endpoints = allowed.iter().map(|endpoint| EndpointView::from(&**endpoint)).collect();
            callable.push(CallableView {
                provider: service.id.provider.colon(),
                code: service.id.code.to_string(),
                endpoints,
            });
        }
    }
    Ok(Json(callable))
}

/// A right to grant or revoke.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RightView {
    /// `client:…`, `local-group:…` or `global-group:…`.
    subject: String,
    /// Number of the endpoint; the whole service when absent.
    endpoint: Option<i64>,
}

/// Rights to change at once, all grants or all revocations.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RightChanges {
    /// What to do.
    action: RightAction,
    /// The rights, at most 1,000.
    rights: Vec<RightView>,
}

/// What to do with rights.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RightAction {
    /// Grant them.
    Grant,
    /// Revoke them.
    Revoke,
}

/// How many rights were changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    /// Those that were not as wanted before.
    changed: usize,
}

/// Grants or revokes many rights on a service: all of them or none.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/services/{code}/rights", tag = "rights",
    params(("client" = String, Path), ("code" = String, Path)), request_body = RightChanges,
    responses((status = 200, body = Changed), (status = 400), (status = 404)))]
pub(super) async fn change(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
    Body(request): Body<RightChanges>,
) -> Result<Json<Changed>, Fault> {
    let (id, code) = (path.client("client")?, path.text("code")?);
    let wanted =
        |right: &RightView| Ok(RightChange { subject: subject("/rights", &right.subject)?, endpoint: right.endpoint });
    let changes = request.rights.iter().map(wanted).collect::<Result<Vec<_>, Fault>>()?;
    let changed = match request.action {
        RightAction::Grant => rights::grant(&api.admin, &permit, id, code, changes).await?,
        RightAction::Revoke => rights::revoke(&api.admin, &permit, id, code, changes).await?,
    };
    Ok(Json(Changed { changed }))
}

fn one(path: &PathParts) -> Result<(ClientId, String, Vec<RightChange>), Fault> {
    let right = RightChange { subject: path.subject("subject")?, endpoint: Some(path.number("endpoint")?) };
    Ok((path.client("client")?, path.text("code")?, vec![right]))
}

/// Grants one right. Granting it again changes nothing.
#[utoipa::path(put, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}/rights/{subject}",
    tag = "rights",
    params(("client" = String, Path), ("code" = String, Path), ("endpoint" = i64, Path), ("subject" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn grant(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    let (id, code, changes) = one(&path)?;
    rights::grant(&api.admin, &permit, id, code, changes).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes one right. Revoking it again changes nothing.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/services/{code}/endpoints/{endpoint}/rights/{subject}",
    tag = "rights",
    params(("client" = String, Path), ("code" = String, Path), ("endpoint" = i64, Path), ("subject" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn revoke(
    permit: Permit<ManageRights>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    let (id, code, changes) = one(&path)?;
    rights::revoke(&api.admin, &permit, id, code, changes).await?;
    Ok(StatusCode::NO_CONTENT)
}
