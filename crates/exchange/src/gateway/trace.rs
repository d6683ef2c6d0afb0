//! W3C trace context across the gateways: the caller's is carried as it is, and one is begun when the caller sent none.

use http::HeaderMap;

use crate::model::headers;

/// A new `traceparent` when the caller sent none that is well-formed; `None` when the caller's own is carried.
#[must_use]
pub fn begin(caller: &HeaderMap) -> Option<String> {
    let sent = caller.get(headers::TRACEPARENT).and_then(|value| value.to_str().ok());
    if sent.is_some_and(is_well_formed) {
        return None;
    }
    let trace = kit::id::random().simple().to_string();
    let span = kit::id::random().simple().to_string();
    Some(format!("00-{trace}-{}-01", span.get(..16).unwrap_or_default()))
}

/// The trace id of a request, for the log.
#[must_use]
pub fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get_all(headers::TRACEPARENT).iter().filter_map(|value| value.to_str().ok());
    sent.rev().find(|text| is_well_formed(text)).and_then(|text| text.get(3..35))
}

/// `version-traceid-parentid-flags`, lower-case hexadecimal, ids not all zero.
fn is_well_formed(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut is_hex = |length: usize, zero_allowed: bool| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                && (zero_allowed || part.bytes().any(|b| b != b'0'))
        })
    };
    is_hex(2, true) && is_hex(32, false) && is_hex(16, false) && is_hex(2, true)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(value: &'static str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(headers::TRACEPARENT, HeaderValue::from_static(value));
        map
    }

    #[test]
    fn a_callers_trace_is_kept_and_a_missing_or_broken_one_is_begun() {
        let sent = with("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(begin(&sent), None);
        assert_eq!(trace_id(&sent), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for broken in
            [HeaderMap::new(), with("00-0-0-0"), with("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
        {
            let begun = begin(&broken).unwrap();
            assert!(is_well_formed(&begun), "{begun}");
        }
    }
}
