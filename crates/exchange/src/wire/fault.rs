//! Faults between gateways: a SOAP 1.1 fault, whatever protocol the message itself speaks (exchange-protocol §2.2, §2.4).

use crate::model::error::{Fault, escape};

/// Longest fault that is read, bytes.
pub const MAX_FAULT: usize = 64 * 1024;
/// SOAP 1.1 envelope namespace.
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The fault as XML, in the spelling clients in the field search for (§2.11).
#[must_use]
pub fn write(fault: &Fault) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"{SOAP}\"><SOAP-ENV:Body>\
         <SOAP-ENV:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring><faultactor></faultactor>\
         <detail><faultDetail xmlns=\"\">{}</faultDetail></detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
        escape(&fault.kind),
        escape(&fault.message),
        escape(&fault.detail)
    )
}

/// Reads a fault another gateway sent. `None` when the bytes are not one.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Fault> {
    if bytes.len() > MAX_FAULT {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    // The parser's default refuses document type declarations, and with them every entity trick.
    let document = roxmltree::Document::parse(text.trim_start_matches('\u{FEFF}')).ok()?;
    let fault = document.descendants().find(|node| node.has_tag_name((SOAP, "Fault")))?;
    let child = |name: &str| {
        fault
            .descendants()
            .find(|node| node.tag_name().name() == name)
            .and_then(|node| node.text())
            .unwrap_or("")
            .trim()
    };
    let kind = child("faultcode");
    if kind.is_empty() {
        return None;
    }
    Some(Fault {
        kind: kind.to_owned(),
        message: child("faultstring").to_owned(),
        detail: child("faultDetail").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_written_fault_reads_back_whatever_it_says() {
        let fault = Fault {
            kind: "Server.ServerProxy.AccessDenied".into(),
            message: "Request is not allowed: SERVICE:VN/GOV/G01/d/<s>&".into(),
            detail: "5f04b985-66f7-42ec-9578-154b6ca5309b".into(),
        };
        assert_eq!(read(write(&fault).as_bytes()), Some(fault));
    }

    #[test]
    fn what_is_not_a_fault_is_not_taken_for_one() {
        assert_eq!(read(b"<a/>"), None);
        assert_eq!(read(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), None);
        assert_eq!(read(&[0xff; 10]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
