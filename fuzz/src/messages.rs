//! Entry points that read what information systems and other gateways send.

use directory::{ClientId, ServerId, ServiceId};
use exchange::model::access::glob::Glob;
use exchange::model::access::{Endpoint, path};
use exchange::model::rest::{Headers, Target};
use exchange::model::{header_part as part, openapi as description};
use exchange::wire::fault as faults;
use exchange::wire::multipart::{Event, MultipartError, Parser, boundary};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Identifiers in paths, headers and texts: what is read, written and read again is the same.
pub fn identifiers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = ClientId::from_encoded(text) {
        assert_eq!(ClientId::from_encoded(&id.encoded()), Ok(id));
    }
    if let Ok(id) = ServiceId::from_encoded(text) {
        assert_eq!(ServiceId::from_encoded(&id.encoded()), Ok(id));
    }
    if let Ok(id) = ServerId::from_encoded(text) {
        assert_eq!(ServerId::from_encoded(&id.encoded()), Ok(id));
    }
    if let Ok(id) = ClientId::from_colon(text) {
        assert_eq!(ClientId::from_colon(&id.colon()), Ok(id));
    }
    if let Ok(id) = ServerId::from_colon(text) {
        assert_eq!(ServerId::from_colon(&id.colon()), Ok(id));
    }
}

/// A REST request: the first line is the path with its query, the others are headers.
pub fn rest_request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(first) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let (raw, query) = first.split_once('?').map_or((first, None), |(raw, query)| (raw, Some(query)));
    if let Ok(target) = Target::parse(raw, query) {
        let sent = target.service_path("/base");
        assert!(sent.starts_with("/base"), "{sent:?} leaves the base address");
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    drop(Headers::parse(&headers));
}

/// The header part: what our own writer makes of a part that was read is read again and written the same.
pub fn header_part(data: &[u8]) {
    if let Ok(read) = part::parse_request(data) {
        assert!(!part::is_response(data));
        let once = part::write_request(read.method, read.target, &read.headers, &[]);
        match part::parse_request(&once) {
            Ok(again) => assert_eq!(part::write_request(again.method, again.target, &again.headers, &[]), once),
            Err(error) => assert!(once.len() > part::MAX_HEADER_PART, "written, then refused: {error}"),
        }
    }
    if let Ok(read) = part::parse_response(data) {
        let once = part::write_response(read.status.as_u16(), read.reason, &read.headers, &[]);
        match part::parse_response(&once) {
            Ok(again) => {
                assert_eq!(part::write_response(again.status.as_u16(), again.reason, &again.headers, &[]), once);
            }
            Err(error) => assert!(once.len() > part::MAX_HEADER_PART, "written, then refused: {error}"),
        }
    }
}

/// Multipart framing: the first byte says how the rest is cut into chunks, which must make no difference.
pub fn multipart(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(body) {
        drop(boundary(text));
    }
    let whole = read_multipart(std::iter::once(body));
    let mut random = u64::from(*cut) + 1;
    let mut rest = body;
    let chunks = std::iter::from_fn(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = usize::try_from(random >> 60).unwrap_or(0).min(rest.len());
        let (chunk, after) = rest.split_at(length);
        let ended = rest.is_empty();
        rest = after;
        (!ended).then_some(chunk)
    });
    let chunked = read_multipart(chunks);
    // How far a part without an end was read before an error depends on the chunks; whole parts and the outcome must not.
    assert_eq!(whole, chunked);
}

/// The parts that were read to their end, and how the reading ended.
type Parts = (Vec<(String, Vec<u8>)>, Result<(), MultipartError>);

fn read_multipart<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Parts {
    let mut parser = Parser::new("b");
    let mut parts = Vec::new();
    let mut current = None;
    for chunk in chunks {
        parser.push(chunk);
        loop {
            match parser.next_event() {
                Err(error) => return (parts, Err(error)),
                Ok(None) => break,
                Ok(Some(Event::Part(kind))) => current = Some((kind, Vec::new())),
                Ok(Some(Event::Data(bytes))) => {
                    if let Some((_, data)) = &mut current {
                        data.extend_from_slice(&bytes);
                    }
                }
                Ok(Some(Event::EndPart)) => parts.extend(current.take()),
                Ok(Some(Event::End)) => {}
            }
        }
    }
    let end = parser.finish();
    (parts, end)
}

/// Faults of other gateways: what is understood can be passed on and says the same.
pub fn fault(data: &[u8]) {
    let Some(read) = faults::read(data) else { return };
    let written = faults::write(&read);
    // A carriage return written as a character reference becomes a line feed when it is written plainly.
    if written.len() <= faults::MAX_FAULT && !written.contains('\r') {
        assert_eq!(faults::read(written.as_bytes()), Some(read));
    }
}

/// Access paths and patterns: the first line is the pattern, the second the path.
pub fn access_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, raw) = text.split_once('\n').unwrap_or(("/**", text));
    let canonical = path::canonical(raw);
    if let Ok(canonical) = &canonical {
        let mut segments = canonical.split(|byte| path::is_separator(*byte));
        assert!(!segments.any(|segment| segment == b".."), "a parent segment was let through");
    }
    let (Ok(glob), Ok(canonical)) = (Glob::compile(pattern), canonical) else { return };
    let expected = matches_slowly(pattern.as_bytes(), &canonical);
    assert_eq!(glob.matches(&canonical), expected, "{pattern:?} against {canonical:?}");
    if let Ok(endpoint) = Endpoint::new(1, "*", pattern, false) {
        assert_eq!(endpoint.covers("GET", &canonical), expected);
    }
}

/// The meaning of a pattern as a table: `row[i]` says whether the pattern so far accepts the first `i` bytes of the path.
fn matches_slowly(pattern: &[u8], text: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|length| length == 0).collect();
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        let mut next = vec![false; row.len()];
        match (*first, after.first()) {
            (b'*', Some(b'*')) => {
                let mut reached = false;
                for (at, slot) in next.iter_mut().enumerate() {
                    reached |= row[at];
                    *slot = reached;
                }
                rest = &after[1..];
            }
            (b'*', _) => {
                let mut reached = false;
                for at in 0..next.len() {
                    reached = row[at] || (reached && at > 0 && !path::is_separator(text[at - 1]));
                    next[at] = reached;
                }
                rest = after;
            }
            (first, second) => {
                let escaped = if first == b'\\' { second.filter(|byte| b"*\\".contains(byte)) } else { None };
                let wanted = *escaped.unwrap_or(&first);
                for at in 1..next.len() {
                    next[at] = row[at - 1] && text[at - 1] == wanted;
                }
                rest = if escaped.is_some() { &after[1..] } else { after };
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

/// Descriptions of services that an operator hands in.
pub fn openapi(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        drop(description::parse(text));
    }
}
