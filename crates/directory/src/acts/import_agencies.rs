//! Importing tables of agencies.

use serde::Serialize;
use serde_json::json;
use store::{StoreError, Tx};

use super::permit::{Permit, Register};
use super::{ActError, Central};
use crate::model::agency::{Agency, EARLIEST, top_of_old};
use crate::model::agency_table::{RefusedRow, read};
use crate::store::agencies;

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
}

/// An old-form row tells nothing new about an agency that a full table described: its names are of 2016.
fn is_known_by_new_code(tx: &mut Tx<'_>, agency: &Agency) -> Result<bool, StoreError> {
    let from_old_form =
        agency.old_code.as_deref().is_some_and(|old| old == agency.code || top_of_old(old) == Some(&agency.code))
            && agency.valid_from == EARLIEST
            && agency.note.is_empty();
    Ok(from_old_form && agencies::spans(tx, &agency.code)?.iter().any(|span| span != agency))
}
