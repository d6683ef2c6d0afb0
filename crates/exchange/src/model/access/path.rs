//! The path an access decision is made on: percent-decoded once, without empty and `.` segments.
//!
//! The gateway passes the path to the service *raw* (§2.1.1), so a decision is only safe when every reasonable server reads the raw
//! path as we do. Where servers differ, the path is refused, or matched so that a right must hold under both readings:
//!
//! * a `..` segment, however written (`%2e`, `\..\`, `..;x`, doubly encoded), is refused, not resolved: resolving would authorise one
//!   path and deliver another, and could climb out of the service's base address;
//! * an encoded slash `%2F` is a separator to some servers and a plain character to others: only `**` accepts it, neither `*` nor a
//!   written `/` does;
//! * a `.` segment written encoded is refused, for it counts as a segment only to a server that does not decode;
//! * a backslash, raw or encoded, separates too: `*` does not cross it, `\\` in a pattern names it;
//! * an escape that decodes to another escape of a separator, dot or percent sign is refused, for a server that decodes twice;
//! * control characters, broken escapes and bytes that are not UTF-8 are refused.

use std::borrow::Cow;

/// Stands for `%2F` in the canonical form: a byte that never occurs in UTF-8, so that no written pattern can name it.
pub const ENCODED_SLASH: u8 = 0xFF;

/// Why no decision can be made on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It holds a `..` segment in some spelling, or an encoded `.` segment.
    #[error("the path contains a parent segment")]
    Traversal,
    /// A percent escape is broken or the bytes do not spell UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
    /// An escape hides another escape.
    #[error("the path is percent-encoded twice")]
    DoubleEncoding,
    /// It holds a control character.
    #[error("the path contains a control character")]
    Control,
}

/// Whether one reader or another takes this byte of a canonical path for a separator.
#[must_use]
pub fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\' | ENCODED_SLASH)
}

/// The canonical form of a raw path; a query, if there is one, is cut off. The empty path is `/`.
///
/// # Errors
/// When two servers could read the path differently, see the module text.
pub fn canonical(raw: &str) -> Result<Cow<'_, [u8]>, PathFault> {
    let raw = raw.split_once('?').map_or(raw, |(path, _)| path).as_bytes();
    if is_plain(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    let decoded = decode(raw)?;
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(PathFault::Control);
    }
    if hides_escape(&decoded) {
        return Err(PathFault::DoubleEncoding);
    }
    if decoded.split(|byte| is_separator(*byte)).any(is_parent) {
        return Err(PathFault::Traversal);
    }
    if hides_dot_segment(raw, &decoded) {
        return Err(PathFault::Traversal);
    }
    Ok(Cow::Owned(without_empty_segments(&decoded)))
}

/// Whether a `.` segment is written encoded: a server that decodes drops it, one that does not counts one segment more.
fn hides_dot_segment(raw: &[u8], decoded: &[u8]) -> bool {
    // Decoding neither makes nor removes a plain slash, so the segments of both correspond.
    let plain = |byte: &u8| *byte == b'/';
    raw.split(plain).zip(decoded.split(plain)).any(|(raw, decoded)| decoded == b"." && raw != decoded)
}

/// Whether the path already is canonical: the usual case, answered without copying.
fn is_plain(raw: &[u8]) -> bool {
    let usual = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\' | b'#');
    raw.first() == Some(&b'/') && raw.iter().all(usual) && !raw.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

fn decode(raw: &[u8]) -> Result<Vec<u8>, PathFault> {
    let mut out = Vec::with_capacity(raw.len() + 1);
    let mut check = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        let (value, marked, next) = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                let value = hex_pair(*high, *low).ok_or(PathFault::Encoding)?;
                (value, if value == b'/' { ENCODED_SLASH } else { value }, after)
            }
            // A fragment never travels; a server that sees one may cut the path there.
            (b'%' | b'#', _) => return Err(PathFault::Encoding),
            (byte, after) => (*byte, *byte, after),
        };
        check.push(value);
        out.push(marked);
        rest = next;
    }
    std::str::from_utf8(&check).map(|_| out).map_err(|_| PathFault::Encoding)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// Whether a second decoding would change what the path means. `%25` is included: it may hide a third level.
fn hides_escape(decoded: &[u8]) -> bool {
    decoded.windows(3).any(|three| match three {
        [b'%', high, low] => {
            hex_pair(*high, *low).is_some_and(|value| value.is_ascii_control() || b"./\\%;".contains(&value))
        }
        _ => false,
    })
}

/// `..`, also with path parameters (`..;a=b`), which some application servers drop before resolving, or with trailing spaces.
fn is_parent(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    name.trim_ascii() == b".."
}

/// Drops empty segments and `.` segments, keeping a final `/`: `//a/./b//` becomes `/a/b/`.
fn without_empty_segments(decoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(decoded.len() + 1);
    let mut ends_open = true;
    for segment in decoded.split(|byte| *byte == b'/') {
        ends_open = segment.is_empty() || segment == b".";
        if !ends_open {
            out.push(b'/');
            out.extend_from_slice(segment);
        }
    }
    if ends_open {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(raw: &str) -> Result<String, PathFault> {
        canonical(raw).map(|path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn harmless_spellings_become_one_form() {
        for (raw, expected) in [
            ("", "/"),
            ("/", "/"),
            ("a", "/a"),
            ("/a/b", "/a/b"),
            ("/a//b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/.", "/a/"),
            ("/a/b/", "/a/b/"),
            ("/a%20b", "/a b"),
            ("/ng%C6%B0%E1%BB%9Di", "/người"),
            ("/a%2Eb", "/a.b"),
            ("/v1/...", "/v1/..."),
            ("/.well-known", "/.well-known"),
            ("/a;v=1", "/a;v=1"),
            ("/100%25", "/100%"),
            ("/a?x=../../b", "/a"),
        ] {
            assert_eq!(text(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn a_parent_segment_is_refused_however_it_is_spelt() {
        for raw in [
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "..",
            "../a",
            "/%2e%2e/a",
            "/%2E./a",
            "/.%2e/a",
            "/a/..%2fb",
            "/a%2f..%2fb",
            "/a/..%5cb",
            "/a\\..\\b",
            "/a%5C..%5Cb",
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a/..%3B/b",
            "/a/..%20/b",
            "//../a",
            "/a/.././b",
        ] {
            assert_eq!(text(raw), Err(PathFault::Traversal), "{raw}");
        }
    }

    #[test]
    fn an_encoded_dot_segment_is_refused() {
        for raw in ["/%2e", "/a/%2E/b", "/%2e/ ", "%2e/a"] {
            assert_eq!(text(raw), Err(PathFault::Traversal), "{raw}");
        }
    }

    #[test]
    fn doubly_encoded_forms_are_refused() {
        for raw in ["/%252e%252e/a", "/a/..%252fb", "/a%255cb", "/%25252e%25252e", "/%25%32%65/a", "/a%252500"] {
            assert!(text(raw).is_err(), "{raw}");
        }
        assert_eq!(text("/a%252e"), Err(PathFault::DoubleEncoding));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for raw in ["/%", "/%4", "/%zz", "/%FF", "/%C3", "/%C0%AF", "/a#b"] {
            assert_eq!(text(raw), Err(PathFault::Encoding), "{raw}");
        }
        for raw in ["/a%00", "/a%0d%0ab", "/a\u{7f}"] {
            assert_eq!(text(raw), Err(PathFault::Control), "{raw}");
        }
    }

    #[test]
    fn an_encoded_slash_is_neither_a_slash_nor_a_letter() {
        assert_eq!(&*canonical("/a%2Fb").unwrap(), [b'/', b'a', ENCODED_SLASH, b'b']);
        assert_eq!(&*canonical("/a%2fb").unwrap(), [b'/', b'a', ENCODED_SLASH, b'b']);
    }

    proptest! {
        #[test]
        fn no_accepted_path_holds_a_parent_segment(raw in "[/.%2eEfF5cC;a\\\\]{0,24}") {
            if let Ok(path) = canonical(&raw) {
                let mut seen = path.into_owned();
                // A server may decode as often as it likes.
                for _ in 0..4 {
                    for byte in &mut seen {
                        if is_separator(*byte) {
                            *byte = b'/';
                        }
                    }
                    prop_assert!(!seen.split(|b| *b == b'/').any(|s| s == b".."), "{raw}");
                    seen = percent_encoding::percent_decode(&seen).collect();
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(raw in "\\PC*") {
            let _ = canonical(&raw);
        }
    }
}
