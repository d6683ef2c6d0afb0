//! The REST header part: the text that is signed, logged and carried between gateways (exchange-protocol §2.1.5).
//!
//! ```text
//! request : VERB CRLF raw-path[?raw-query] CRLF (Name:Value CRLF)*
//! response: status CRLF reason CRLF (Name:Value CRLF)*
//! ```
//!
//! No HTTP version, no space after the colon, no blank line at the end. A first byte `1`–`9` means a response. Header values may hold
//! any byte HTTP allows, so the part is bytes, not text.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::headers;

/// The longest header part that is accepted, bytes.
pub const MAX_HEADER_PART: usize = 128 * 1024;
/// The most headers a header part may hold.
pub const MAX_HEADERS: usize = 256;

/// Why a received header part is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderPartError {
    /// Longer than [`MAX_HEADER_PART`] or more than [`MAX_HEADERS`] headers.
    #[error("the REST header part is too large")]
    TooLarge,
    /// A line does not end in CRLF or the first two lines are missing.
    #[error("the REST header part is not made of CRLF-terminated lines")]
    Lines,
    /// The first line is not what the direction needs.
    #[error("the first line of the REST header part is malformed")]
    FirstLine,
    /// A header line has no colon, or its name or value is not allowed in HTTP.
    #[error("header line {0} of the REST header part is malformed")]
    Header(usize),
}

/// A request header part, taken apart.
#[derive(Debug)]
pub struct RequestPart<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Raw path and query, as the caller sent it.
    pub target: &'a str,
    /// Headers in order.
    pub headers: HeaderMap,
}

/// A response header part, taken apart.
#[derive(Debug)]
pub struct ResponsePart<'a> {
    /// HTTP status.
    pub status: http::StatusCode,
    /// Reason phrase; may be empty.
    pub reason: &'a [u8],
    /// Headers in order.
    pub headers: HeaderMap,
}

/// Writes a request header part: `headers` filtered of what does not cross (§2.1.2), then the gateway's own.
#[must_use]
pub fn write_request(method: &str, target: &str, headers: &HeaderMap, own: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + headers.len() * 48 + target.len());
    push_line(&mut out, method.as_bytes());
    push_line(&mut out, target.as_bytes());
    push_headers(&mut out, headers, headers::crosses_in_request);
    push_own(&mut out, own);
    out
}

/// Writes a response header part: the service's headers filtered, then the gateway's own.
#[must_use]
pub fn write_response(status: u16, reason: &[u8], headers: &HeaderMap, own: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + headers.len() * 48);
    push_line(&mut out, status.to_string().as_bytes());
    push_line(&mut out, reason);
    push_headers(&mut out, headers, headers::crosses_in_response);
    push_own(&mut out, own);
    out
}

/// Whether the part is a response: its first byte is a digit from 1 to 9.
#[must_use]
pub fn is_response(part: &[u8]) -> bool {
    part.first().is_some_and(|byte| (b'1'..=b'9').contains(byte))
}

/// Takes a received request header part apart.
///
/// # Errors
/// When it is too large or not in the form above.
pub fn parse_request(part: &[u8]) -> Result<RequestPart<'_>, HeaderPartError> {
    let (first, second, rest) = split_first_lines(part)?;
    let method = std::str::from_utf8(first).map_err(|_| HeaderPartError::FirstLine)?;
    let target = std::str::from_utf8(second).map_err(|_| HeaderPartError::FirstLine)?;
    if is_response(part) || method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(HeaderPartError::FirstLine);
    }
    Ok(RequestPart { method, target, headers: parse_headers(rest)? })
}

/// Takes a received response header part apart.
///
/// # Errors
/// When it is too large or not in the form above.
pub fn parse_response(part: &[u8]) -> Result<ResponsePart<'_>, HeaderPartError> {
    let (first, reason, rest) = split_first_lines(part)?;
    let status = http::StatusCode::from_bytes(first).map_err(|_| HeaderPartError::FirstLine)?;
    // An interim status is no answer; passed on as one it would leave the caller waiting, or speaking another protocol.
    if status.is_informational() {
        return Err(HeaderPartError::FirstLine);
    }
    Ok(ResponsePart { status, reason, headers: parse_headers(rest)? })
}

/// SHA-512.
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(digest::digest(&digest::SHA512, bytes).as_ref());
    out
}

/// `X-Road-Request-Hash` from the digest of the header part and, when the message has a body, of the body.
#[must_use]
pub fn request_hash(header_digest: &[u8; 64], body_digest: Option<&[u8; 64]>) -> String {
    match body_digest {
        None => STANDARD.encode(header_digest),
        Some(body) => {
            let mut both = [0; 128];
            both[..64].copy_from_slice(header_digest);
            both[64..].copy_from_slice(body);
            STANDARD.encode(sha512(&both))
        }
    }
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.extend_from_slice(b"\r\n");
}

fn push_headers(out: &mut Vec<u8>, headers: &HeaderMap, crosses: fn(&HeaderName) -> bool) {
    for (name, value) in headers {
        if crosses(name) {
            out.extend_from_slice(name.as_str().as_bytes());
            out.push(b':');
            push_line(out, value.as_bytes());
        }
    }
}

fn push_own(out: &mut Vec<u8>, own: &[(&str, &str)]) {
    for (name, value) in own {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        push_line(out, value.as_bytes());
    }
}

/// The first two lines and what follows them.
type FirstLines<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn split_first_lines(part: &[u8]) -> Result<FirstLines<'_>, HeaderPartError> {
    if part.len() > MAX_HEADER_PART {
        return Err(HeaderPartError::TooLarge);
    }
    let (first, rest) = split_line(part).ok_or(HeaderPartError::Lines)?;
    let (second, rest) = split_line(rest).ok_or(HeaderPartError::Lines)?;
    Ok((first, second, rest))
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'\r', bytes)?;
    let rest = bytes.get(at + 1..)?.strip_prefix(b"\n")?;
    bytes.get(..at).map(|line| (line, rest))
}

fn parse_headers(mut rest: &[u8]) -> Result<HeaderMap, HeaderPartError> {
    let mut headers = HeaderMap::with_capacity(16);
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        if number > MAX_HEADERS {
            return Err(HeaderPartError::TooLarge);
        }
        let (line, after) = split_line(rest).ok_or(HeaderPartError::Lines)?;
        rest = after;
        let malformed = HeaderPartError::Header(number);
        let colon = memchr::memchr(b':', line).ok_or(malformed)?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).map_err(|_| malformed)?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).map_err(|_| malformed)?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VECTOR: &str = "POST\r\n/r1/DEV/COM/1234/TestService/mock1/a%20b?x=1\r\nX-Road-Client:DEV/COM/4321/TestClient\r\n\
        Content-Type:application/json\r\nx-road-id:DEV-00000000-0000-4000-8000-000000000001\r\n\
        x-road-request-id:00000000-0000-4000-8000-000000000002\r\n";

    /// Source: exchange-protocol §2.1.5, the test vector recomputed there.
    #[test]
    fn the_request_hash_of_the_published_vector_is_reproduced() {
        let header = sha512(VECTOR.as_bytes());
        assert_eq!(
            request_hash(&header, None),
            "uu3HhpPb6Rf2AN0wRyFrB/g8oGvR15E/C/cek57VeHAg5B7oIvJo3rsbwrcQAq0GTOypsE0oXuU/1cNYQ4knAw=="
        );
        assert_eq!(
            request_hash(&header, Some(&sha512(b"{\"a\":1}"))),
            "acMwLDXfeK9S9rpIvz2xCTcZB4Esr9CuXimTW2wpXCrYtEWUZUXsRVo71Hr8IboLeYghrRoC7YHeQY0Txy33Fw=="
        );
    }

    #[test]
    fn a_written_request_reads_back_without_what_does_not_cross() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("host", "x"), ("te", "trailers"), ("x-road-request-id", "forged"), ("authorization", "b")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let part = write_request("GET", "/r1/a?b", &headers, &[("x-road-id", "7")]);
        assert_eq!(part, b"GET\r\n/r1/a?b\r\nauthorization:b\r\nx-road-id:7\r\n");
        let parsed = parse_request(&part).unwrap();
        assert_eq!((parsed.method, parsed.target, parsed.headers.len()), ("GET", "/r1/a?b", 2));
    }

    #[test]
    fn a_response_part_is_told_from_a_request_part() {
        let part = write_response(404, b"Not Found", &HeaderMap::new(), &[("x-road-id", "7")]);
        assert!(is_response(&part));
        assert_eq!(parse_request(&part).unwrap_err(), HeaderPartError::FirstLine);
        let parsed = parse_response(&part).unwrap();
        assert_eq!((parsed.status.as_u16(), parsed.reason), (404, &b"Not Found"[..]));
    }

    #[test]
    fn broken_parts_are_refused() {
        for (part, error) in [
            (&b"GET"[..], HeaderPartError::Lines),
            (b"GET\n/r1\n", HeaderPartError::Lines),
            (b"GET\r\n/r1\r\nno colon\r\n", HeaderPartError::Header(1)),
            (b"GET\r\n/r1\r\na b:c\r\n", HeaderPartError::Header(1)),
            (b"GET\r\n/r1\r\na:b", HeaderPartError::Lines),
            (b"\r\n/r1\r\n", HeaderPartError::FirstLine),
        ] {
            assert_eq!(parse_request(part).unwrap_err(), error, "{:?}", String::from_utf8_lossy(part));
        }
        assert_eq!(parse_request(&vec![b'a'; MAX_HEADER_PART + 1]).unwrap_err(), HeaderPartError::TooLarge);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_request(&bytes);
            let _ = parse_response(&bytes);
        }
    }
}
