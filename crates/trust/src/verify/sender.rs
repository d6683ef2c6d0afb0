//! Which member a message claims to come from: the signature must be that member's.

use crate::c14n::{Limits, parse_secure_with};
use roxmltree::{Document, Node};
use std::fmt;

/// Envelopes may carry their payload inline, so they are given more room than signatures.
const LIMITS: Limits = Limits { bytes: 64 << 20, nodes: 2_000_000, depth: 256 };

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const XROAD: &str = "http://x-road.eu/xsd/xroad.xsd";
const IDENTIFIERS: &str = "http://x-road.eu/xsd/identifiers";

/// A member of an instance, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Instance of the exchange.
    pub instance: String,
    /// Member class.
    pub class: String,
    /// Member code.
    pub code: String,
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.instance, self.class, self.code)
    }
}

/// Who a message says it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A request: the client's member.
    Client(Member),
    /// A response: the service's member.
    Service(Member),
    /// Neither can be read, as in a fault without headers.
    Unknown,
}

impl Sender {
    /// The member that must have signed.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Self::Client(member) | Self::Service(member) => Some(member),
            Self::Unknown => None,
        }
    }
}

/// Reads the sender from `message.xml`: a SOAP envelope or a REST header part.
pub fn sender_of(message: &[u8]) -> Sender {
    let is_xml = message.trim_ascii_start().first().is_none_or(|byte| *byte == b'<' || *byte == 0xEF);
    if is_xml {
        parse_secure_with(message, LIMITS).map_or(Sender::Unknown, |document| soap_sender(&document))
    } else {
        rest_sender(message)
    }
}

/// REST header part (§2.1.5): two lines, then `Name:Value` lines. A status in the first line makes it a response.
fn rest_sender(part: &[u8]) -> Sender {
    let Ok(text) = std::str::from_utf8(part) else { return Sender::Unknown };
    let is_response = part.first().is_some_and(|byte| (b'1'..=b'9').contains(byte));
    let wanted = if is_response { "x-road-service" } else { "x-road-client" };
    let headers = text.split("\r\n").skip(2).filter_map(|line| line.split_once(':'));
    // Of a repeated header the last one counts, as it did on the message path.
    let value = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).last().map(|(_, value)| value.trim());
    match value.and_then(member_of_path) {
        Some(member) if is_response => Sender::Service(member),
        Some(member) => Sender::Client(member),
        None => Sender::Unknown,
    }
}

/// The first three parts of an identifier, each percent-encoded by itself.
fn member_of_path(value: &str) -> Option<Member> {
    let mut parts = value.split('/').map(percent_decode);
    let (instance, class, code) = (parts.next()??, parts.next()??, parts.next()??);
    Some(Member { instance, class, code })
}

fn percent_decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| !decoded.is_empty())
}

/// SOAP headers (§2.2). A response carries the hash of its request.
fn soap_sender(document: &Document<'_>) -> Sender {
    let envelope = document.root_element();
    let header = envelope.children().find(|node| node.has_tag_name((ENVELOPE, "Header")));
    let Some(header) = header.filter(|_| envelope.has_tag_name((ENVELOPE, "Envelope"))) else { return Sender::Unknown };
    let child = |name: &str| header.children().find(|node| node.has_tag_name((XROAD, name)));
    let is_response = child("requestHash").is_some();
    let member = child(if is_response { "service" } else { "client" }).and_then(member_of_identifier);
    match member {
        Some(member) if is_response => Sender::Service(member),
        Some(member) => Sender::Client(member),
        None => Sender::Unknown,
    }
}

fn member_of_identifier(identifier: Node<'_, '_>) -> Option<Member> {
    let part = |name: &str| {
        let node = identifier.children().find(|node| node.has_tag_name((IDENTIFIERS, name)))?;
        node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Some(Member { instance: part("xRoadInstance")?, class: part("memberClass")?, code: part("memberCode")? })
}
