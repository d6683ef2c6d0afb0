//! The little of MIME the signed directory needs: cutting a body at its boundary lines and reading headers, without copying.

use super::DirectoryError;

/// More parts than any directory has.
const MAX_PARTS: usize = 64;

/// Headers and body of one part.
pub(super) struct Part<'a> {
    headers: Vec<(&'a str, &'a str)>,
    pub(super) body: &'a [u8],
}

impl<'a> Part<'a> {
    /// Splits at the first empty line; a part without one is all headers.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, DirectoryError> {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            let line = std::str::from_utf8(line).map_err(|_| DirectoryError::Malformed("a header is not UTF-8"))?;
            let (name, value) = line.split_once(':').ok_or(DirectoryError::Malformed("a header line has no colon"))?;
            if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(DirectoryError::Malformed("a header occurs twice"));
            }
            headers.push((name, value.trim()));
        }
        Ok(Self { headers, body: rest })
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    pub(super) fn header(&self, name: &'static str) -> Result<&'a str, DirectoryError> {
        self.optional(name).ok_or(DirectoryError::MissingHeader(name))
    }
}

/// The boundary of a `multipart/*` media type.
pub(super) fn boundary_of(content_type: &str) -> Result<&str, DirectoryError> {
    let refused = || header_fault("Content-Type", content_type);
    if !content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/")) {
        return Err(refused());
    }
    parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()).ok_or_else(refused)
}

/// A parameter of a header value, without its quotes (double, single or none).
pub(super) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|piece| {
        let (key, value) = piece.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| unquote(value.trim()))
    })
}

fn unquote(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

/// A fault of a header; a long value is cut.
pub(super) fn header_fault(name: &'static str, value: &str) -> DirectoryError {
    DirectoryError::Header { name, value: value.chars().take(120).collect() }
}

/// Parts between boundary lines. The line break before a boundary belongs to the boundary (RFC 2046 §5.1.1).
pub(super) fn split_parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, DirectoryError> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let (line, after) = split_line(rest);
        let next = body.len() - after.len();
        match boundary_line(line, delimiter.as_bytes()) {
            None if open.is_none() && !line.is_empty() => {
                return Err(DirectoryError::Malformed("text before the first boundary"));
            }
            None => {}
            Some(last) => {
                if let Some(start) = open {
                    parts.push(without_line_break(body.get(start..at.max(start)).unwrap_or_default()));
                }
                if last {
                    return close(parts, after);
                }
                open = Some(next);
            }
        }
        if parts.len() > MAX_PARTS {
            return Err(DirectoryError::Malformed("too many parts"));
        }
        at = next;
    }
    Err(DirectoryError::Malformed("the closing boundary is missing"))
}

fn close<'a>(parts: Vec<&'a [u8]>, after: &[u8]) -> Result<Vec<&'a [u8]>, DirectoryError> {
    if after.iter().all(u8::is_ascii_whitespace) {
        Ok(parts)
    } else {
        Err(DirectoryError::Malformed("text after the closing boundary"))
    }
}

/// Whether a line is a boundary: `Some(true)` for the closing one.
fn boundary_line(line: &[u8], delimiter: &[u8]) -> Option<bool> {
    let tail = line.strip_prefix(delimiter)?;
    let (last, tail) = tail.strip_prefix(b"--").map_or((false, tail), |tail| (true, tail));
    tail.iter().all(|byte| matches!(byte, b' ' | b'\t')).then_some(last)
}

/// The first line without its end, and what follows it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        None => (bytes, &[]),
        Some(end) => {
            let (line, rest) = bytes.split_at(end);
            (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default())
        }
    }
}

fn without_line_break(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes)
}
