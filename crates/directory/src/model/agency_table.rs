//! Reads tables of agencies in the two forms that go around: the full one (code, old code, name, level, parent, status, successor,
//! certainty, note) and the old one (old code, name). Every row is taken or refused with a reason; none disappears.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;

use super::agency::{Agency, EARLIEST, is_code, is_old_code, old_level, old_parent, top_of_old};
use super::fold::fold;

const FULL_HEADER: &str = "code\told_code_2016\tname_vi\tlevel\tparent\tstatus\tmerged_into\tcertainty\tnote";
const OLD_HEADER: &str = "code_old_form\tname_vi";

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AgencyTable {
    /// Rows taken; an agency that was renamed gives one span for each name.
    pub agencies: Vec<Agency>,
    /// Rows refused.
    pub refused: Vec<RefusedRow>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RefusedRow {
    /// Line in the file, from 1.
    pub line: usize,
    /// The code it has.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// The first line names none of the two forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the first line must be the column names of an agency table, not {0:?}")]
pub struct UnknownForm(pub String);

/// Reads a table; its first line decides the form.
///
/// # Errors
/// [`UnknownForm`].
pub fn read(text: &str) -> Result<AgencyTable, UnknownForm> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let header = lines.next().unwrap_or_default().trim_end();
    let parse: fn(&[&str]) -> Result<Vec<Agency>, String> = match header {
        FULL_HEADER => full_row,
        OLD_HEADER => old_row,
        other => return Err(UnknownForm(other.chars().take(120).collect())),
    };
    let mut table = AgencyTable::default();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let code = fields.first().copied().unwrap_or_default().to_owned();
        let mut refuse = |reason: String| {
            table.refused.push(RefusedRow { line: index + 2, code: code.clone(), reason });
        };
        match parse(&fields) {
            Err(reason) => refuse(reason),
            Ok(spans) => {
                let names: String = spans.iter().map(|span| fold(&span.name)).collect();
                match seen.insert(code.clone(), names.clone()) {
                    None => table.agencies.extend(spans),
                    // The same line twice says nothing new; two names for one code is a contradiction.
                    Some(known) if known == names => {}
                    Some(known) => {
                        seen.insert(code.clone(), known);
                        refuse("the code occurs twice with different names".to_owned());
                    }
                }
            }
        }
    }
    Ok(table)
}

fn full_row(fields: &[&str]) -> Result<Vec<Agency>, String> {
    let [code, old_code, name, level, parent, status, merged_into, certainty, note] = fields else {
        return Err(format!("expected 9 fields, found {}", fields.len()));
    };
    if *status == "group" {
        return Err("a letter alone names a group, not an agency".to_owned());
    }
    if *status == "example" {
        return Err("an example of the form, not an agency".to_owned());
    }
    if !is_code(code) {
        return Err("not a code of the form in force".to_owned());
    }
    if !old_code.is_empty() && !is_old_code(old_code) {
        return Err(format!("{old_code} is not a code of the old form"));
    }
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    let level: u8 = level.parse().map_err(|_| format!("level {level:?} is not a number"))?;
    let (valid_to, doubt) = closing(status)?;
    let notes: Vec<&str> = [*note, doubt, certainty].into_iter().filter(|text| !text.is_empty()).collect();
    let agency = Agency {
        code: (*code).to_owned(),
        old_code: Some((*old_code).to_owned()).filter(|text| !text.is_empty()),
        name: String::new(),
        level,
        parent: Some((*parent).to_owned()).filter(|text| !text.is_empty()),
        valid_from: EARLIEST,
        valid_to,
        successors: split_codes(merged_into)?,
        note: notes.join("; "),
    };
    Ok(spans(&agency, name))
}

fn old_row(fields: &[&str]) -> Result<Vec<Agency>, String> {
    let [old_code, name] = fields else {
        return Err(format!("expected 2 fields, found {}", fields.len()));
    };
    if !is_old_code(old_code) {
        return Err("not a code of the old form".to_owned());
    }
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    let parent = old_parent(old_code).map(|above| top_of_old(&above).map(str::to_owned).unwrap_or(above));
    Ok(vec![Agency {
        code: top_of_old(old_code).unwrap_or(old_code).to_owned(),
        old_code: Some((*old_code).to_owned()),
        name: (*name).to_owned(),
        level: old_level(old_code),
        parent,
        valid_from: EARLIEST,
        valid_to: None,
        successors: Vec::new(),
        note: String::new(),
    }])
}

/// The first day without the agency, and a doubt to be noted. A doubtful closing refuses no document: the agency stays open.
fn closing(status: &str) -> Result<(Option<Date>, &'static str), String> {
    let refused = || format!("status {status:?} is not understood");
    match status {
        "active" => Ok((None, "")),
        "active?" => Ok((None, "perhaps closed")),
        "closed?" => Ok((None, "perhaps closed, date unknown")),
        _ => {
            let rest = status.strip_prefix("closed ").ok_or_else(refused)?;
            let when = rest.split_whitespace().next().unwrap_or_default();
            if let Ok(day) = when.parse::<Date>() {
                return Ok((Some(day), ""));
            }
            // Only the year is known: it is certainly closed when the year is over.
            let year: i16 = when.parse().map_err(|_| refused())?;
            Date::new(year + 1, 1, 1)
                .map(|day| (Some(day), "closed some day of the year before"))
                .map_err(|_| refused())
        }
    }
}

fn split_codes(text: &str) -> Result<Vec<String>, String> {
    let codes = text.split([',', ';', ' ']).filter(|code| !code.is_empty());
    codes
        .map(|code| if is_code(code) { Ok(code.to_owned()) } else { Err(format!("successor {code:?} is not a code")) })
        .collect()
}

/// A name like `Tổng cục Thuế (từ 3/2025: Cục Thuế)` gives a span for each of its names.
fn spans(agency: &Agency, name: &str) -> Vec<Agency> {
    let renamed = name.strip_suffix(')').and_then(|text| text.split_once(" (từ ")).and_then(|(before, change)| {
        let (when, after) = change.split_once(": ")?;
        Some((before, month_or_day(when)?, after))
    });
    match renamed {
        None => vec![Agency { name: name.to_owned(), ..agency.clone() }],
        Some((before, day, after)) => vec![
            Agency { name: before.to_owned(), valid_to: Some(day), successors: Vec::new(), ..agency.clone() },
            Agency { name: after.to_owned(), valid_from: day, ..agency.clone() },
        ],
    }
}

/// `3/2025` or `30/4/2026`.
fn month_or_day(text: &str) -> Option<Date> {
    let numbers: Vec<i16> = text.split('/').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let (day, month, year) = match numbers.as_slice() {
        [month, year] => (1, *month, *year),
        [day, month, year] => (*day, *month, *year),
        _ => return None,
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn full(rows: &str) -> AgencyTable {
        read(&format!("{FULL_HEADER}\n{rows}")).unwrap()
    }

    #[test]
    fn a_renamed_agency_gives_a_span_for_each_name() {
        let table = full("G12.18\t\tTổng cục Thuế (từ 3/2025: Cục Thuế)\t2\tG12\tactive?\t\tmedium\t");
        let [before, after] = table.agencies.as_slice() else { panic!("{table:?}") };
        assert_eq!((before.name.as_str(), before.valid_to), ("Tổng cục Thuế", Some(date(2025, 3, 1))));
        assert_eq!((after.name.as_str(), after.valid_from, after.valid_to), ("Cục Thuế", date(2025, 3, 1), None));
        assert_eq!(after.note, "perhaps closed; medium");
    }

    #[test]
    fn closing_dates_are_read_as_far_as_they_are_known() {
        assert_eq!(closing("closed 2025-04-14 (body ended 2025-03-01)").unwrap().0, Some(date(2025, 4, 14)));
        assert_eq!(closing("closed 2025").unwrap().0, Some(date(2026, 1, 1)));
        assert_eq!(closing("closed?").unwrap().0, None);
        assert!(closing("merged").is_err());
    }

    #[test]
    fn refused_rows_say_line_and_reason() {
        let table = full(
            "A\t\tKhối Đảng\t0\t\tgroup\t\t\t\nh01\t\tx\t1\t\tactive\t\t\t\nH01\t\ta\t1\t\tactive\t\t\t\nH01\t\tb\t1\t\tactive\t\t\t\nH02",
        );
        let reasons: Vec<(usize, &str)> = table.refused.iter().map(|row| (row.line, row.reason.as_str())).collect();
        assert_eq!(
            reasons,
            vec![
                (2, "a letter alone names a group, not an agency"),
                (3, "not a code of the form in force"),
                (5, "the code occurs twice with different names"),
                (6, "expected 9 fields, found 1"),
            ]
        );
        assert_eq!(table.agencies.len(), 1);
        assert!(read("a\tb\n").is_err());
    }

    #[test]
    fn the_old_form_keeps_old_codes_below_level_1() {
        let table =
            read(&format!("{OLD_HEADER}\n000.00.00.G01\tBộ Công an\n000.01.14.H53\tPhòng\n01.02.G22\tx\n")).unwrap();
        assert_eq!((table.agencies[0].code.as_str(), table.agencies[0].level), ("G01", 1));
        assert_eq!(table.agencies[1].code, "000.01.14.H53");
        assert_eq!(table.agencies[1].parent.as_deref(), Some("000.00.14.H53"));
        assert_eq!(table.refused.len(), 1);
    }

    proptest! {
        #[test]
        fn no_table_makes_the_reader_panic(rows in "[A-Z0-9.\t\n( từ:/)closed?-]{0,200}") {
            let table = full(&rows);
            let lines = rows.lines().filter(|line| !line.trim().is_empty()).count();
            prop_assert!(table.refused.len() <= lines);
        }
    }
}
