//! Agencies: import, search, and what a code means on a day.

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use kit::problem::{INVALID, NOT_FOUND};
use kit::{Page, PageRequest, Problem};
use serde::Deserialize;

use super::extract::{Allowed, Asked, At, Raw};
use crate::acts::Central;
use crate::acts::import_agencies::ImportReport;
use crate::acts::permit::{Register, View};
use crate::model::agency::{Agency, Resolution};

/// A day; today in Vietnam when absent.
#[derive(Debug, Deserialize)]
pub(super) struct OnDay {
    on: Option<Date>,
}

/// What to search for.
#[derive(Debug, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
    on: Option<Date>,
    limit: Option<u32>,
    after: Option<String>,
}

/// What a code, in force or of the old form, means on a day.
#[utoipa::path(get, path = "/api/directory/v1/agencies/{code}", tag = "agencies",
    params(("on" = Option<String>, Query)), responses((status = 200, body = Resolution), (status = 404)))]
pub(super) async fn resolve(
    _: Allowed<View>,
    State(central): State<Central>,
    At(code): At<String>,
    Asked(day): Asked<OnDay>,
) -> Result<Json<Resolution>, Problem> {
    let day = day.on.unwrap_or_else(|| kit::date::local_date(central.clock.now()));
    let found = central.resolve_agency(code.clone(), day).await?;
    found.map(Json).ok_or_else(|| Problem::new(NOT_FOUND).detail(format!("no agency ever had the code {code}")))
}

/// Agencies by words of the name or the beginning of the code.
#[utoipa::path(get, path = "/api/directory/v1/agencies", tag = "agencies",
    params(("q" = Option<String>, Query), ("on" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200)))]
pub(super) async fn search(
    _: Allowed<View>,
    State(central): State<Central>,
    Asked(search): Asked<Search>,
) -> Result<Json<Page<Agency>>, Problem> {
    let day = search.on.unwrap_or_else(|| kit::date::local_date(central.clock.now()));
    let page = PageRequest { limit: search.limit, after: search.after };
    let after = page.after.clone().unwrap_or_default();
    let found = central.search_agencies(search.q, day, after, page.limit() + 1).await?;
    Ok(Json(Page::from_overfetch(found, &page, |agency| agency.code.clone())))
}

/// Imports a table of agencies (tab-separated text).
#[utoipa::path(post, path = "/api/directory/v1/agencies/import", tag = "agencies",
    responses((status = 200, body = ImportReport), (status = 400)))]
pub(super) async fn import(
    Allowed(permit): Allowed<Register>,
    State(central): State<Central>,
    Raw(table): Raw,
) -> Result<Json<ImportReport>, Problem> {
    let text = String::from_utf8(table.to_vec()).map_err(|_| Problem::new(INVALID).detail("the table is not UTF-8"))?;
    Ok(Json(central.import_agencies(&permit, text).await?))
}
