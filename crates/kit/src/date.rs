//! Dates and times as people in Vietnam read them: dd/MM/yyyy and HH:mm, always UTC+7 (Vietnam keeps no summer time).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

/// Vietnam's offset from UTC, hours.
pub const VIETNAM_OFFSET_HOURS: i8 = 7;

/// The wall clock in Vietnam at this instant.
#[must_use]
pub fn local(at: Timestamp) -> DateTime {
    Offset::constant(VIETNAM_OFFSET_HOURS).to_datetime(at)
}

/// The calendar date in Vietnam at this instant.
#[must_use]
pub fn local_date(at: Timestamp) -> Date {
    local(at).date()
}

/// `23/11/2026`.
#[must_use]
pub fn show_date(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year())
}

/// `23/11/2026 14:44` in Vietnam's time.
#[must_use]
pub fn show_time(at: Timestamp) -> String {
    let local = local(at);
    format!("{} {:02}:{:02}", show_date(local.date()), local.hour(), local.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_evening_utc_is_already_tomorrow_in_vietnam() {
        let at: Timestamp = "2026-11-22T17:30:00Z".parse().unwrap();
        assert_eq!(show_time(at), "23/11/2026 00:30");
        assert_eq!(show_date(local_date(at)), "23/11/2026");
    }
}
