//! How publishing goes, and the audit journal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kit::{Page, PageRequest, Problem};

use super::extract::{Allowed, Asked, page_key};
use crate::acts::permit::{Audit, View};
use crate::acts::{ActError, Central};
use crate::conf::{PublishStatus, Publisher};
use crate::store::audit::{self, AuditEntry};

/// How publishing of the configuration goes.
#[utoipa::path(get, path = "/api/directory/v1/configuration/status", tag = "configuration",
    responses((status = 200, body = PublishStatus)))]
pub(super) async fn status(_: Allowed<View>, State(publisher): State<Arc<Publisher>>) -> Json<PublishStatus> {
    Json(PublishStatus::clone(&publisher.status()))
}

/// The audit journal, newest first.
#[utoipa::path(get, path = "/api/directory/v1/audit", tag = "configuration",
    params(("limit" = Option<u32>, Query), ("after" = Option<String>, Query)), responses((status = 200)))]
pub(super) async fn audit(
    _: Allowed<Audit>,
    State(central): State<Central>,
    Asked(page): Asked<PageRequest>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let (before, limit) = (page_key(page.after.as_deref(), i64::MAX)?, page.limit() + 1);
    let found = central.store.read(move |tx| audit::list(tx, Some(before), limit).map_err(ActError::from));
    Ok(Json(Page::from_overfetch(found.await?, &page, |row| row.id.to_string())))
}
