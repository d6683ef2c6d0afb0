//! Small strict readers over the XML tree, shared by the signature parser.

use super::{DS_NAMESPACE, SignatureError, XADES_NAMESPACE};
use crate::hashchain::{DigestValue, digest_from_uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use std::collections::HashSet;

pub(super) fn malformed(reason: impl Into<String>) -> SignatureError {
    SignatureError::Malformed(reason.into())
}

/// Child elements in order; text beside them must be white space.
pub(super) fn elements<'a, 'd>(parent: Node<'a, 'd>) -> Result<Vec<Node<'a, 'd>>, SignatureError> {
    let mut found = Vec::new();
    for child in parent.children() {
        if child.is_element() {
            found.push(child);
        } else if child.is_text() && child.text().is_some_and(|text| !text.trim_ascii().is_empty()) {
            return Err(malformed(format!("text inside {}", parent.tag_name().name())));
        }
    }
    Ok(found)
}

pub(super) fn is_ds(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((DS_NAMESPACE, name))
}

pub(super) fn is_xades(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((XADES_NAMESPACE, name))
}

/// The only child with that XAdES name, if any.
pub(super) fn xades_child<'a, 'd>(parent: Node<'a, 'd>, name: &str) -> Result<Option<Node<'a, 'd>>, SignatureError> {
    let mut found = parent.children().filter(|child| is_xades(*child, name));
    let first = found.next();
    if found.next().is_some() {
        return Err(malformed(format!("more than one {name}")));
    }
    Ok(first)
}

/// Text content without white space, decoded from base64.
pub(super) fn base64_content(node: Node<'_, '_>) -> Result<Vec<u8>, SignatureError> {
    let name = node.tag_name().name();
    let mut text = Vec::with_capacity(node.range().len());
    for child in node.children() {
        if child.is_element() {
            return Err(malformed(format!("element inside {name}")));
        }
        if child.is_text() {
            text.extend(child.text().unwrap_or_default().bytes().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    STANDARD.decode(text).map_err(|_| malformed(format!("{name} is not base64")))
}

/// Reads consecutive `ds:DigestMethod` and `ds:DigestValue`, which must be all that `children` holds.
pub(super) fn digest_of(children: &[Node<'_, '_>]) -> Result<DigestValue, SignatureError> {
    let [method, value] = children else { return Err(malformed("a digest is incomplete")) };
    if !is_ds(*method, "DigestMethod") || !is_ds(*value, "DigestValue") || !elements(*method)?.is_empty() {
        return Err(malformed("a digest is incomplete"));
    }
    let uri = method.attribute("Algorithm").unwrap_or_default();
    let kind =
        digest_from_uri(uri).ok_or_else(|| malformed(format!("digest algorithm {} is not accepted", shorten(uri))))?;
    DigestValue::new(kind, &base64_content(*value)?).ok_or_else(|| malformed("a DigestValue has the wrong length"))
}

/// Refuses a document in which two elements share an identifier, whichever way it is spelt: a reference must have one meaning.
pub(super) fn reject_repeated_ids(root: Node<'_, '_>) -> Result<(), SignatureError> {
    let mut seen = HashSet::new();
    for attribute in root.descendants().flat_map(|node| node.attributes()) {
        let is_id = attribute.name().eq_ignore_ascii_case("id");
        if is_id && !seen.insert(attribute.value()) {
            return Err(malformed(format!("identifier {} is used twice", shorten(attribute.value()))));
        }
    }
    Ok(())
}

/// What an error message repeats of text from outside.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
