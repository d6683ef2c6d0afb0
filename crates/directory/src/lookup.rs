//! Looking agencies up. Not an act: the codes of state agencies are published by decision, whoever addresses a document may read them.

use std::collections::HashSet;

use jiff::civil::Date;
use store::{StoreError, Tx};

use crate::acts::{ActError, Central};
use crate::model::agency::{Agency, Resolution, pick, top_of_old};
use crate::store::agencies;

/// How many closings in a row are followed.
const MAX_HOPS: usize = 8;

impl Central {
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
