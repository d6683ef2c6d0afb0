//! Names of containers and archive files (§2.3, §2.10).

use std::fmt::Write as _;

use directory::ClientId;
use jiff::Timestamp;

use super::link;
use super::record::Direction;
use super::settings::ArchiveGrouping;
use crate::model::header_part::sha512;

/// Longest escaped message id in a file name, bytes: leaves room for the rest under the 255 bytes of common file systems.
const MAX_ESCAPED_ID: usize = 226;
/// Longest group part of an archive name, bytes.
const MAX_SERIES: usize = 200;
/// Lower-case alphabet of RFC 4648 base32.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `{escaped id}-{request|response}-{record}.asice`
pub(super) fn container(message_id: &str, direction: Direction, seq: i64) -> String {
    let half = half(direction);
    format!("{}-{half}-{}.asice", escape(message_id), base32(seq.unsigned_abs()))
}

/// `request` or `response`.
pub(super) fn half(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

/// A message id as part of a file name: percent-escapes for all but unreserved characters, cut at whole escapes.
pub(super) fn escape(message_id: &str) -> String {
    let mut out = String::new();
    for byte in message_id.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if out.len() + if plain { 1 } else { 3 } > MAX_ESCAPED_ID {
            break;
        }
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

/// Base 32, most significant digit first, without leading zeros.
fn base32(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(13);
    loop {
        digits.push(char::from(BASE32[(number % 32) as usize]));
        number /= 32;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// The series of archive files that messages of `party` go to.
pub(super) fn series(grouping: ArchiveGrouping, party: &ClientId) -> String {
    let parts: Vec<&str> = match grouping {
        ArchiveGrouping::None => return String::new(),
        ArchiveGrouping::Member => party.parts().take(3).collect(),
        ArchiveGrouping::Subsystem => party.parts().collect(),
    };
    let exact = parts.join("_");
    let safe: String =
        exact.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '_' }).collect();
    let ambiguous = safe != exact || safe.len() > MAX_SERIES || parts.iter().any(|part| part.contains('_'));
    if !ambiguous {
        return safe;
    }
    // Two parties must never share a series because their names look alike in a file name.
    let digest = hex::encode(sha512(parts.join("\u{0}").as_bytes()));
    let mark = digest.get(..12).unwrap_or_default();
    format!("{}.{mark}", safe.get(..MAX_SERIES - 13).unwrap_or(&safe))
}

/// `mlog[-series]-X-Y-Z.zip`: times of the first and last message (UTC, to the second) and the beginning of the last link.
pub(super) fn archive(series: &str, first_at: i64, last_at: i64, last_digest: &str) -> String {
    let group = if series.is_empty() { String::new() } else { format!("-{series}") };
    format!("mlog{group}-{}-{}-{}.zip", second(first_at), second(last_at), link::name_part(last_digest))
}

/// The series in the name of an archive file; `None` when it is not the name of one.
pub(super) fn series_of(file: &str) -> Option<&str> {
    let stem = file.strip_prefix("mlog-")?.strip_suffix(".zip")?;
    let mut words = stem.rsplitn(4, '-');
    let (digest, last, first) = (words.next()?, words.next()?, words.next()?);
    let digits = |word: &str| word.len() == 14 && word.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && digits(first) && digits(last)).then(|| words.next().unwrap_or_default())
}

fn second(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn containers_are_named_by_message_half_and_record() {
        assert_eq!(container("VN-1/ă", Direction::Response, 33), "VN-1%2F%C4%83-response-bb.asice");
        assert_eq!(base32(0), "a");
        assert_eq!(escape(&"ă".repeat(200)).len(), 225, "75 whole escapes");
    }

    #[test]
    fn archives_are_named_by_series_times_and_link() {
        let digest = "0123456789abcdef".repeat(8);
        let name = archive("", 0, 86_399_000_000, &digest);
        assert_eq!(name, "mlog-19700101000000-19700101235959-0123456789abcdef.zip");
        assert_eq!(series_of(&name), Some(""));
        let name = archive("VN_GOV_G-01", 0, 1, &digest);
        assert_eq!(series_of(&name), Some("VN_GOV_G-01"));
        assert_eq!(series_of("mlog-x.zip"), None);
        assert_eq!(series_of(LOOKS_LIKE_ONE), None);
    }

    const LOOKS_LIKE_ONE: &str = "mlog-19700101000000-1970010100000é-0123456789abcdef.zip";

    #[test]
    fn parties_that_look_alike_have_series_of_their_own() {
        let one = series(ArchiveGrouping::Subsystem, &ClientId::subsystem("VN", "GOV", "A/B", "x"));
        let two = series(ArchiveGrouping::Subsystem, &ClientId::subsystem("VN", "GOV", "A_B", "x"));
        let three = series(ArchiveGrouping::Subsystem, &ClientId::subsystem("VN", "GOV", "A", "B_x"));
        assert!(one != two && two != three && one != three);
        let plain = ClientId::subsystem("VN", "GOV", "G01", "dancu");
        assert_eq!(series(ArchiveGrouping::Subsystem, &plain), "VN_GOV_G01_dancu");
        assert_eq!(series(ArchiveGrouping::Member, &plain), "VN_GOV_G01");
        assert_eq!(series(ArchiveGrouping::None, &plain), "");
    }

    proptest! {
        #[test]
        fn names_fit_file_systems_and_hold_no_path(id in "\\PC{0,400}", seq: i64) {
            let name = container(&id, Direction::Request, seq);
            prop_assert!(name.len() <= 255 && !name.contains(['/', '\\', '\0']));
        }
    }
}
