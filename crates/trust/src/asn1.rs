//! Small conversions between DER types and ours, shared by certificates, OCSP and time-stamps.

use std::time::Duration;

use der::DateTime;
use der::asn1::{GeneralizedTime, UtcTime};
use jiff::Timestamp;
use x509_cert::time::Time;

/// Whole seconds of a timestamp as a DER date (years 1970 to 9999); a fraction is dropped.
pub(crate) fn date_time(at: Timestamp) -> der::Result<DateTime> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| der::ErrorKind::DateTime)?;
    DateTime::from_unix_duration(Duration::from_secs(seconds))
}

/// A timestamp as GeneralizedTime.
pub(crate) fn generalized_time(at: Timestamp) -> der::Result<GeneralizedTime> {
    date_time(at).map(GeneralizedTime::from_date_time)
}

/// A timestamp as the `Time` of a certificate: UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5).
pub(crate) fn certificate_time(at: Timestamp) -> der::Result<Time> {
    let date = date_time(at)?;
    if date.year() <= UtcTime::MAX_YEAR {
        return UtcTime::from_date_time(date).map(Time::UtcTime);
    }
    Ok(Time::GeneralTime(GeneralizedTime::from_date_time(date)))
}

/// A DER date as a timestamp.
pub(crate) fn timestamp(date: DateTime) -> der::Result<Timestamp> {
    let seconds = i64::try_from(date.unix_duration().as_secs()).map_err(|_| der::ErrorKind::DateTime)?;
    Timestamp::from_second(seconds).map_err(|_| der::ErrorKind::DateTime.into())
}
