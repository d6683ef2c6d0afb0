//! Agency identification codes: the grammar in force (QĐ 20/2020 Art. 4), the one before it (QCVN 102:2016), and what a code means on
//! a given day. Codes are closed, never reused silently: a document of 2019 still opens under the code it was written with.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The longest code in force, characters.
pub const MAX_CODE: usize = 35;
/// Stands for "since before anybody wrote it down".
pub const EARLIEST: Date = Date::constant(1, 1, 1);

/// Whether this is a code in force: a letter and two digits, then groups of digits and capitals after dots.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let mut groups = text.split('.');
    let top = groups.next().unwrap_or_default().as_bytes();
    text.len() <= MAX_CODE
        && matches!(top, [letter, tens, ones]
            if letter.is_ascii_uppercase() && tens.is_ascii_digit() && ones.is_ascii_digit())
        && groups.all(|group| !group.is_empty() && group.bytes().all(is_code_byte))
}

/// Whether this has the old form: lowest level first, `nnn.nn.nn.Xnn`.
#[must_use]
pub fn is_old_code(text: &str) -> bool {
    let groups: Vec<&[u8]> = text.split('.').map(str::as_bytes).collect();
    let [l4, l3, l2, l1] = groups.as_slice() else { return false };
    let all = |group: &[u8], length| group.len() == length && group.iter().all(|byte| is_code_byte(*byte));
    all(l4, 3)
        && all(l3, 2)
        && all(l2, 2)
        && (2..=4).contains(&l1.len())
        && l1.first().is_some_and(u8::is_ascii_uppercase)
        && l1.iter().all(|byte| is_code_byte(*byte))
}

fn is_code_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

/// The level-1 code an old code of level 1 stands for: `000.00.00.H26` is `H26`. Below level 1 the old form is not translated by rule.
#[must_use]
pub fn top_of_old(text: &str) -> Option<&str> {
    text.strip_prefix("000.00.00.").filter(|top| is_code(top))
}

/// Level of an old code: 1 for the agency itself, up to 4.
#[must_use]
pub fn old_level(text: &str) -> u8 {
    let groups: Vec<&str> = text.split('.').collect();
    let zero = |at: usize| groups.get(at).is_some_and(|group| group.bytes().all(|byte| byte == b'0'));
    if !zero(0) {
        4
    } else if !zero(1) {
        3
    } else if !zero(2) {
        2
    } else {
        1
    }
}

/// The old code of the unit above: its lowest group that is not zero becomes zero. `None` at level 1.
#[must_use]
pub fn old_parent(text: &str) -> Option<String> {
    let mut groups: Vec<String> = text.split('.').map(str::to_owned).collect();
    let position = groups.iter().take(3).position(|group| group.bytes().any(|byte| byte != b'0'))?;
    if let Some(group) = groups.get_mut(position) {
        *group = "0".repeat(group.len());
    }
    Some(groups.join("."))
}

/// One agency for one span of time, under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Agency {
    /// Code; of the old form when no new one is known.
    pub code: String,
    /// Code of the old form.
    pub old_code: Option<String>,
    /// Name in this span.
    pub name: String,
    /// Level, 1 for ministries and provinces.
    pub level: u8,
    /// Code of the agency above.
    pub parent: Option<String>,
    /// First day of the span; [`EARLIEST`] when unknown.
    #[schema(value_type = String)]
    pub valid_from: Date,
    /// First day after the span, if it has ended.
    #[schema(value_type = Option<String>)]
    pub valid_to: Option<Date>,
    /// Who continues its work.
    pub successors: Vec<String>,
    /// Remarks, doubts included.
    pub note: String,
}

impl Agency {
    /// Whether the span holds `day`.
    #[must_use]
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|end| day < end)
    }
}

/// What a code means on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Resolution {
    /// An agency that works.
    Active {
        /// The agency as it is on that day.
        agency: Agency,
    },
    /// The code was closed before that day.
    Closed {
        /// The agency as it was last.
        agency: Agency,
        /// First day without it.
        #[schema(value_type = String)]
        since: Date,
        /// Who continues its work on that day, found through every closing in between.
        successors: Vec<Agency>,
    },
    /// The code was given later.
    NotYet {
        /// The agency as it is first.
        agency: Agency,
    },
}

/// Picks what a code means on `day` from all its spans. `None` when there is no span at all. Successors are left to the caller, who
/// can look them up.
#[must_use]
pub fn pick(spans: &[Agency], day: Date) -> Option<Resolution> {
    if let Some(agency) = spans.iter().find(|span| span.is_valid_on(day)) {
        return Some(Resolution::Active { agency: agency.clone() });
    }
    let before = spans.iter().filter(|span| span.valid_from <= day).max_by_key(|span| span.valid_from);
    if let Some(agency) = before {
        let since = agency.valid_to.unwrap_or(day);
        return Some(Resolution::Closed { agency: agency.clone(), since, successors: Vec::new() });
    }
    let first = spans.iter().min_by_key(|span| span.valid_from)?;
    Some(Resolution::NotYet { agency: first.clone() })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    /// QĐ 20/2020/QĐ-TTg Article 4: structure of the code.
    #[test]
    fn codes_in_force_follow_the_decision() {
        for code in ["H26", "G12.18", "H37.02.02", "H37.DN.001", "A01"] {
            assert!(is_code(code), "{code}");
        }
        let long = format!("H26{}", ".01".repeat(11));
        for code in ["", "h26", "H2", "H266", "26H", "H26.", "H26..01", "H26.a", "000.00.00.H26", "Hà1", &long] {
            assert!(!is_code(code), "{code}");
        }
    }

    #[test]
    fn old_codes_read_from_the_right() {
        assert!(is_old_code("000.00.00.H26") && is_old_code("001.00.20.JB2") && !is_old_code("01.02.G22"));
        assert!(!is_old_code("999.010.01.H22"));
        assert_eq!(top_of_old("000.00.00.H26"), Some("H26"));
        assert_eq!(top_of_old("000.00.01.H26"), None);
        assert_eq!((old_level("000.00.00.H26"), old_level("000.01.14.H53"), old_level("002.00.20.H13")), (1, 3, 4));
        assert_eq!(old_parent("000.01.14.H53").as_deref(), Some("000.00.14.H53"));
        assert_eq!(old_parent("000.00.14.H53").as_deref(), Some("000.00.00.H53"));
        assert_eq!(old_parent("000.00.00.H53"), None);
    }

    fn span(name: &str, from: Date, to: Option<Date>) -> Agency {
        Agency {
            code: "H22".into(),
            old_code: None,
            name: name.into(),
            level: 1,
            parent: None,
            valid_from: from,
            valid_to: to,
            successors: vec!["H60".into()],
            note: String::new(),
        }
    }

    #[test]
    fn the_day_decides_which_span_counts() {
        let (renamed, closed) = (date(2025, 3, 1), date(2025, 7, 1));
        let spans = [span("cũ", date(2020, 1, 1), Some(renamed)), span("mới", renamed, Some(closed))];
        let name = |day| match pick(&spans, day) {
            Some(Resolution::Active { agency }) => agency.name,
            other => format!("{other:?}"),
        };
        assert_eq!(name(date(2025, 2, 28)), "cũ");
        assert_eq!(name(renamed), "mới");
        assert!(matches!(pick(&spans, closed), Some(Resolution::Closed { since, .. }) if since == closed));
        assert!(matches!(pick(&spans, date(2019, 1, 1)), Some(Resolution::NotYet { .. })));
        assert_eq!(pick(&[], closed), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_grammar_panic(text in ".{0,40}") {
            let _ = (is_code(&text), is_old_code(&text), top_of_old(&text), old_level(&text), old_parent(&text));
        }
    }
}
