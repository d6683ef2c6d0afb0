//! The only door through which XML from outside becomes a tree: bounded in size, nodes and depth, and without a document type.

use roxmltree::{Document, Node, ParsingOptions};

/// Upper bounds of a document accepted by [`parse_secure_with`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Length of the text, in bytes.
    pub bytes: usize,
    /// Number of nodes (elements, texts, comments, processing instructions).
    pub nodes: u32,
    /// Nesting of elements; the document element has depth 1.
    pub depth: usize,
}

impl Default for Limits {
    /// Roomy for signatures and hash chains: 4 MiB, 200 000 nodes, 128 levels.
    fn default() -> Self {
        Self { bytes: 4 << 20, nodes: 200_000, depth: 128 }
    }
}

/// Why a document was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Longer than [`Limits::bytes`].
    #[error("XML of {found} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes received.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Nested deeper than [`Limits::depth`].
    #[error("XML is nested deeper than {limit} elements")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// The bytes are not UTF-8, the only encoding of the exchange.
    #[error("XML is not UTF-8 text")]
    NotUtf8,
    /// A document type definition is present; it could redefine what was signed.
    #[error("XML has a document type definition, which is refused")]
    DocumentType,
    /// Not well formed, or more than [`Limits::nodes`].
    #[error("XML is not well formed: {0}")]
    Malformed(roxmltree::Error),
    /// A prefix is bound to the empty namespace name, which Namespaces in XML 1.0 forbids.
    #[error("XML undeclares a namespace prefix")]
    UndeclaredPrefix,
}

/// Parses with the default [`Limits`].
///
/// # Errors
/// See [`ParseError`].
pub fn parse_secure(xml: &[u8]) -> Result<Document<'_>, ParseError> {
    parse_secure_with(xml, Limits::default())
}

/// Parses within `limits`. A byte order mark is tolerated.
///
/// # Errors
/// See [`ParseError`].
pub fn parse_secure_with(xml: &[u8], limits: Limits) -> Result<Document<'_>, ParseError> {
    if xml.len() > limits.bytes {
        return Err(ParseError::TooLarge { found: xml.len(), limit: limits.bytes });
    }
    let text = std::str::from_utf8(xml).map_err(|_| ParseError::NotUtf8)?;
    // An empty document type passes the parser, and a document type has no honest use here.
    if contains_doctype(xml) {
        return Err(ParseError::DocumentType);
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: limits.nodes, entity_resolver: None };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => ParseError::DocumentType,
        other => ParseError::Malformed(other),
    })?;
    check_shape(document.root_element(), limits.depth)?;
    Ok(document)
}

/// A document type can stand only before the document element, so the scan stops at the first start tag.
fn contains_doctype(xml: &[u8]) -> bool {
    let mut rest = xml;
    while let Some(at) = rest.iter().position(|&byte| byte == b'<') {
        let tag = rest.get(at..).unwrap_or_default();
        let end: &[u8] = match tag.get(1) {
            Some(b'?') => b"?>",
            Some(b'!') if tag.starts_with(b"<!--") => b"-->",
            Some(b'!') => return true,
            _ => return false,
        };
        match tag.windows(end.len()).position(|window| window == end) {
            Some(close) => rest = tag.get(close + end.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    false
}

/// Walks without recursion, so that a hostile nesting cannot exhaust the stack before it is refused.
fn check_shape(root: Node<'_, '_>, limit: usize) -> Result<(), ParseError> {
    let mut node = root;
    let mut depth = 1_usize;
    loop {
        if node.is_element() {
            if depth > limit {
                return Err(ParseError::TooDeep { limit });
            }
            if node.namespaces().any(|namespace| namespace.name().is_some() && namespace.uri().is_empty()) {
                return Err(ParseError::UndeclaredPrefix);
            }
        }
        if let Some(child) = node.first_child() {
            node = child;
            depth += 1;
            continue;
        }
        loop {
            if node == root {
                return Ok(());
            }
            if let Some(sibling) = node.next_sibling() {
                node = sibling;
                break;
            }
            match node.parent() {
                Some(parent) => node = parent,
                None => return Ok(()),
            }
            depth -= 1;
        }
    }
}
