//! What of a message is kept under each body mode. Digests are always kept, so that the signature still proves what was exchanged.

use std::borrow::Cow;

use directory::ServiceId;

use super::codec::{Kept, KeptBody};
use super::record::{Body, MessageRecord};
use super::settings::BodyMode;

/// The header part as it will be kept, and whether it was reduced.
pub(super) fn header_part(record: &MessageRecord, mode: BodyMode) -> (Cow<'_, [u8]>, bool) {
    match mode {
        BodyMode::Full | BodyMode::Digest => (Cow::Borrowed(&record.header_part), false),
        BodyMode::Metadata => (Cow::Owned(metadata(&record.header_part, &record.service)), true),
    }
}

/// What of `record` is kept, given its `header_part` after [`header_part`].
pub(super) fn kept<'a>(
    record: &'a MessageRecord,
    (header_part, header_reduced): (&'a [u8], bool),
    mode: BodyMode,
    max_body: u64,
) -> Kept<'a> {
    let body = match &record.body {
        Body::None => KeptBody::None,
        Body::Inline { bytes, digest } if mode == BodyMode::Full && bytes.len() as u64 <= max_body => {
            KeptBody::Inline(bytes, digest)
        }
        Body::Inline { bytes, digest } => KeptBody::Digest(digest, bytes.len() as u64),
        Body::Digest { digest, length } => KeptBody::Digest(digest, *length),
    };
    Kept { header_part, header_reduced, body }
}

/// The metadata of a REST header part: verb, path up to the service code, and the `x-road-*` headers (§2.1.5). A SOAP envelope has no
/// part that is free of content, so nothing of it is kept; its identifiers are fields of the record.
fn metadata(header_part: &[u8], service: &ServiceId) -> Vec<u8> {
    let mut lines = header_part.split_inclusive(|byte| *byte == b'\n');
    let Some(first) = lines.next() else { return Vec::new() };
    if first.trim_ascii_start().starts_with(b"<") || header_part.starts_with("\u{feff}".as_bytes()) {
        return Vec::new();
    }
    let is_response = first.first().is_some_and(u8::is_ascii_digit);
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(first);
    match lines.next() {
        Some(reason) if is_response => out.extend_from_slice(reason),
        Some(_path) => out.extend_from_slice(format!("/r1/{}\r\n", service.encoded()).as_bytes()),
        None => {}
    }
    for line in lines.filter(|line| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"x-road-"))) {
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use directory::ClientId;

    use super::*;

    fn service() -> ServiceId {
        ServiceId::new(ClientId::subsystem("VN", "GOV", "G01", "dân cư"), "tracuu")
    }

    #[test]
    fn metadata_holds_no_path_below_the_service_and_no_other_header() {
        let request =
            b"POST\r\n/r1/VN/GOV/G01/d%C3%A2n%20c%C6%B0/tracuu/079085001234?ten=An\r\nX-Road-Client:VN/GOV/H53\r\n\
            Authorization:secret\r\nx-road-id:VN-1\r\n";
        let expected =
            b"POST\r\n/r1/VN/GOV/G01/d%C3%A2n%20c%C6%B0/tracuu\r\nX-Road-Client:VN/GOV/H53\r\nx-road-id:VN-1\r\n";
        assert_eq!(metadata(request, &service()).as_slice(), expected);
    }

    #[test]
    fn metadata_of_a_response_keeps_the_status() {
        let response = b"200\r\nOK\r\nContent-Type:application/json\r\nx-road-id:VN-1\r\n";
        assert_eq!(metadata(response, &service()).as_slice(), b"200\r\nOK\r\nx-road-id:VN-1\r\n");
    }

    #[test]
    fn nothing_of_a_soap_envelope_is_metadata() {
        assert!(metadata(b"<?xml version=\"1.0\"?>\n<Envelope>x-road-\n</Envelope>", &service()).is_empty());
        assert!(metadata(b"", &service()).is_empty());
    }
}
