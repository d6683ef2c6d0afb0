//! Canonical XML 1.0 (inclusive) and Exclusive Canonicalization 1.0 of a subtree, and the guarded parser that feeds them.
//!
//! Signatures are computed over the canonical form, so two writers that spell the same document differently still agree.
//! Only the node sets that signatures of the exchange need are supported: a whole document or one subtree, with an
//! optional subtree left out (the enveloped signature). General XPath node sets are deliberately absent.
//!
//! Sources: <https://www.w3.org/TR/2001/REC-xml-c14n-20010315>, <https://www.w3.org/TR/xml-exc-c14n/>.

mod namespaces;
mod parse;
mod writer;

pub use parse::{Limits, ParseError, parse_secure, parse_secure_with};

use roxmltree::{Node, NodeId};

/// Canonical XML 1.0 without comments.
pub const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// Canonical XML 1.0 with comments.
pub const C14N_WITH_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
/// Exclusive Canonicalization 1.0 without comments; also the namespace of `InclusiveNamespaces`.
pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Exclusive Canonicalization 1.0 with comments.
pub const EXC_C14N_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

/// Which of the two recommendations decides the namespace declarations of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every namespace in scope is declared; `xml:*` attributes of left-out ancestors are inherited.
    Inclusive,
    /// Only visibly used namespaces are declared; nothing is inherited.
    Exclusive,
}

/// A canonicalization method with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// The recommendation followed.
    pub kind: Kind,
    /// Whether comments are kept.
    pub comments: bool,
    /// Exclusive only: prefixes handled as the inclusive method would (`InclusiveNamespaces/@PrefixList`);
    /// the empty string stands for the default namespace (`#default`).
    pub inclusive_prefixes: Vec<String>,
}

impl Method {
    /// Canonical XML 1.0 without comments: the method of every signature this product writes.
    pub const INCLUSIVE: Self = Self { kind: Kind::Inclusive, comments: false, inclusive_prefixes: Vec::new() };
    /// Exclusive Canonicalization 1.0 without comments and without a prefix list.
    pub const EXCLUSIVE: Self = Self { kind: Kind::Exclusive, comments: false, inclusive_prefixes: Vec::new() };

    /// Reads an `Algorithm` attribute; `None` for anything that is not one of the four methods of this module.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (kind, comments) = match uri {
            C14N => (Kind::Inclusive, false),
            C14N_WITH_COMMENTS => (Kind::Inclusive, true),
            EXC_C14N => (Kind::Exclusive, false),
            EXC_C14N_WITH_COMMENTS => (Kind::Exclusive, true),
            _ => return None,
        };
        Some(Self { kind, comments, inclusive_prefixes: Vec::new() })
    }

    /// Reads a `ds:CanonicalizationMethod` or `ds:Transform` element, with its `InclusiveNamespaces` child if it has one.
    ///
    /// `None` when the algorithm is unknown or the element holds anything else than that child.
    pub fn from_element(element: Node<'_, '_>) -> Option<Self> {
        let mut method = Self::from_uri(element.attribute("Algorithm")?)?;
        for child in element.children().filter(Node::is_element) {
            let is_prefix_list = child.has_tag_name((EXC_C14N, "InclusiveNamespaces"));
            if !is_prefix_list || method.kind != Kind::Exclusive || !method.inclusive_prefixes.is_empty() {
                return None;
            }
            let list = child.attribute("PrefixList").unwrap_or_default();
            method.inclusive_prefixes = list
                .split_ascii_whitespace()
                .map(|prefix| if prefix == "#default" { String::new() } else { prefix.to_owned() })
                .collect();
        }
        Some(method)
    }

    /// The `Algorithm` attribute value of this method.
    pub fn uri(&self) -> &'static str {
        match (self.kind, self.comments) {
            (Kind::Inclusive, false) => C14N,
            (Kind::Inclusive, true) => C14N_WITH_COMMENTS,
            (Kind::Exclusive, false) => EXC_C14N,
            (Kind::Exclusive, true) => EXC_C14N_WITH_COMMENTS,
        }
    }
}

/// Canonical bytes of `node` and everything below it, except the subtree `omit`.
///
/// `node` is the document root, or an element. Its document must come from [`parse_secure`]: prefixes are read back from
/// the source text, which is exact only when no entity of a document type definition was expanded.
pub fn canonicalize(node: Node<'_, '_>, method: &Method, omit: Option<NodeId>) -> Vec<u8> {
    let mut out = Vec::with_capacity(node.range().len() + 256);
    writer::write(node, method, omit, &mut out);
    out
}

/// Parses and canonicalizes arbitrary bytes with every method, for a fuzzer. Must never panic.
pub fn fuzz(data: &[u8]) {
    let Ok(document) = parse_secure(data) else { return };
    for uri in [C14N, C14N_WITH_COMMENTS, EXC_C14N, EXC_C14N_WITH_COMMENTS] {
        if let Some(method) = Method::from_uri(uri) {
            drop(canonicalize(document.root(), &method, None));
        }
    }
}
