//! Agencies as stored: spans of time by code, found by code, old code or folded name.

use jiff::civil::Date;
use store::{Row, StoreError, Tx};

use crate::model::agency::Agency;
use crate::model::fold::fold;

/// Adds a span, or replaces the one that begins the same day under the same code.
///
/// # Errors
/// Those of the store.
pub fn put(tx: &mut Tx<'_>, agency: &Agency) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO directory_agency (code, old_code, name, folded, level, parent, valid_from, valid_to, successors, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (code, valid_from) DO UPDATE SET \
         old_code = excluded.old_code, name = excluded.name, folded = excluded.folded, level = excluded.level, \
         parent = excluded.parent, valid_to = excluded.valid_to, successors = excluded.successors, note = excluded.note",
        &[
            agency.code.as_str().into(),
            agency.old_code.as_deref().into(),
            agency.name.as_str().into(),
            fold(&agency.name).into(),
            agency.level.into(),
            agency.parent.as_deref().into(),
            agency.valid_from.to_string().into(),
            agency.valid_to.map(|day| day.to_string()).into(),
            agency.successors.join(",").into(),
            agency.note.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Every span under a code, in force or old.
///
/// # Errors
/// Those of the store.
pub fn spans(tx: &mut Tx<'_>, code: &str) -> Result<Vec<Agency>, StoreError> {
    tx.query("SELECT * FROM directory_agency WHERE code = $1 OR old_code = $1 ORDER BY valid_from", &[code.into()])?
        .iter()
        .map(from_row)
        .collect()
}

/// Agencies valid on `day` whose name holds every word, or whose code begins with the text; after a code, by code.
///
/// # Errors
/// Those of the store.
pub fn search(tx: &mut Tx<'_>, text: &str, day: Date, after: &str, limit: u32) -> Result<Vec<Agency>, StoreError> {
    let words: Vec<String> = fold(text).split(' ').map(|word| format!("%{}%", literal(word))).collect();
    // Beyond four words more of them only narrow what is already narrow.
    let word = |at: usize| words.get(at).map_or("%", String::as_str);
    let code = format!("{}%", literal(&text.trim().to_uppercase()));
    tx.query(
        "SELECT * FROM directory_agency WHERE code > $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) \
         AND (code LIKE $3 ESCAPE '!' OR (folded LIKE $4 ESCAPE '!' AND folded LIKE $5 ESCAPE '!' \
         AND folded LIKE $6 ESCAPE '!' AND folded LIKE $7 ESCAPE '!')) ORDER BY code LIMIT $8",
        &[
            after.into(),
            day.to_string().into(),
            code.into(),
            word(0).into(),
            word(1).into(),
            word(2).into(),
            word(3).into(),
            limit.into(),
        ],
    )?
    .iter()
    .map(from_row)
    .collect()
}

/// The text itself within a `LIKE` pattern.
fn literal(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

fn from_row(row: &Row) -> Result<Agency, StoreError> {
    let day = |text: String| text.parse::<Date>().map_err(|_| super::damaged("the date of an agency"));
    Ok(Agency {
        code: row.text("code")?,
        old_code: row.opt_text("old_code")?,
        name: row.text("name")?,
        level: row.get("level")?,
        parent: row.opt_text("parent")?,
        valid_from: day(row.text("valid_from")?)?,
        valid_to: row.opt_text("valid_to")?.map(day).transpose()?,
        successors: row.text("successors")?.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
        note: row.text("note")?,
    })
}
