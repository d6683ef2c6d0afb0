//! Importing tables of agencies, and what a code means on a day.

use std::collections::HashSet;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use store::{StoreError, Tx};

use super::permit::{Permit, Register};
use super::{ActError, Central};
use crate::model::agency::{Agency, EARLIEST, Resolution, pick, top_of_old};
use crate::model::agency_table::{RefusedRow, read};
use crate::store::agencies;

/// How many closings in a row are followed.
const MAX_HOPS: usize = 8;

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// Spans added or replaced.
    pub written: usize,
    /// Codes of the old form that are known already under their new code: their spans stay as they were.
    pub known: usize,
    /// Rows refused.
    pub refused: Vec<RefusedRow>,
}

impl Central {
    /// Imports a table of agencies in one of the two forms. Importing the same table again changes nothing.
    ///
    /// # Errors
    /// When the first line names no known form.
    pub async fn import_agencies(&self, permit: &Permit<Register>, text: String) -> Result<ImportReport, ActError> {
        let table = read(&text).map_err(|error| ActError::invalid("/", error))?;
        let data = json!({ "rows": table.agencies.len(), "refused": table.refused.len() });
        self.perform(permit, "Import agencies", data, move |scene| {
            let mut report = ImportReport { written: 0, known: 0, refused: table.refused.clone() };
            for agency in &table.agencies {
                if is_known_by_new_code(scene.tx, agency)? {
                    report.known += 1;
                } else {
                    agencies::put(scene.tx, agency)?;
                    report.written += 1;
                }
            }
            Ok(report)
        })
        .await
    }

    /// What a code, in force or of the old form, means on `day`. `None` when nobody ever had it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resolve_agency(&self, code: String, day: Date) -> Result<Option<Resolution>, ActError> {
        self.store.read(move |tx| resolve(tx, &code, day).map_err(ActError::from)).await
    }

    /// Agencies valid on `day` by words of the name (diacritics do not matter) or the beginning of the code, after the code `after`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn search_agencies(
        &self,
        text: String,
        day: Date,
        after: String,
        limit: u32,
    ) -> Result<Vec<Agency>, ActError> {
        self.store.read(move |tx| agencies::search(tx, &text, day, &after, limit).map_err(ActError::from)).await
    }
}

/// An old-form row tells nothing new about an agency that a full table described: its names are of 2016.
fn is_known_by_new_code(tx: &mut Tx<'_>, agency: &Agency) -> Result<bool, StoreError> {
    let from_old_form =
        agency.old_code.as_deref().is_some_and(|old| old == agency.code || top_of_old(old) == Some(&agency.code))
            && agency.valid_from == EARLIEST
            && agency.note.is_empty();
    Ok(from_old_form && agencies::spans(tx, &agency.code)?.iter().any(|span| span != agency))
}

fn resolve(tx: &mut Tx<'_>, code: &str, day: Date) -> Result<Option<Resolution>, StoreError> {
    let mut spans = agencies::spans(tx, code)?;
    if spans.is_empty()
        && let Some(top) = top_of_old(code)
    {
        spans = agencies::spans(tx, top)?;
    }
    let mut found = pick(&spans, day);
    if let Some(Resolution::Closed { agency, successors, .. }) = &mut found {
        let mut visited = HashSet::from([agency.code.clone()]);
        follow(tx, agency, day, &mut visited, successors)?;
    }
    Ok(found)
}

/// Collects who continues the work of a closed agency on `day`, through closings in between. A circle in the data ends the search.
fn follow(
    tx: &mut Tx<'_>,
    closed: &Agency,
    day: Date,
    visited: &mut HashSet<String>,
    found: &mut Vec<Agency>,
) -> Result<(), StoreError> {
    for code in &closed.successors {
        if visited.len() > MAX_HOPS || !visited.insert(code.clone()) {
            continue;
        }
        match pick(&agencies::spans(tx, code)?, day) {
            Some(Resolution::Active { agency }) => found.push(agency),
            Some(Resolution::Closed { agency, .. }) => follow(tx, &agency, day, visited, found)?,
            Some(Resolution::NotYet { .. }) | None => {}
        }
    }
    Ok(())
}
