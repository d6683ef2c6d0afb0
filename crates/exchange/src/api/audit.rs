//! The audit log.

use axum::Json;
use axum::extract::State;
use kit::{Page, PageRequest};

use super::Api;
use super::extract::{Asked, after_number};
use super::fault::Fault;
use super::view::{AuditView, Listing, listing};
use crate::acts::permit::{Permit, ReadAudit};
use crate::store::audit;

/// What administrators did and tried, newest first.
#[utoipa::path(get, path = "/api/exchange/v1/audit", tag = "audit",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Listing<AuditView>)))]
pub(super) async fn list(
    _: Permit<ReadAudit>,
    State(api): State<Api>,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Listing<AuditView>>, Fault> {
    let (before, limit) = (after_number(&page)?.unwrap_or(i64::MAX), page.limit() + 1);
    let rows = api.admin.store().read(move |tx| audit::list(tx, before, limit)).await?;
    Ok(listing(Page::from_overfetch(rows, &page, |row| row.id.to_string())))
}
