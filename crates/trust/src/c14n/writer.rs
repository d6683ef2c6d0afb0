//! Serialises a subtree in canonical form. Iterative: the depth of a document never becomes depth of the call stack.

use super::namespaces::{Declaration, Scope};
use super::{Kind, Method};
use roxmltree::{Attribute, Node, NodeId, NodeType};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Writes `apex` and its descendants to `out`, leaving out the subtree `omit`.
pub(super) fn write<'a, 'd>(apex: Node<'a, 'd>, method: &Method, omit: Option<NodeId>, out: &mut Vec<u8>) {
    let mut writer = Writer { method, omit, out, scope: Scope::default(), declarations: Vec::new(), marks: Vec::new() };
    let mut node = apex;
    loop {
        let descend = writer.enter(node, node == apex);
        if let Some(child) = node.first_child().filter(|_| descend) {
            node = child;
            continue;
        }
        if descend {
            writer.leave(node);
        }
        loop {
            if node == apex {
                return;
            }
            if let Some(sibling) = node.next_sibling() {
                node = sibling;
                break;
            }
            let Some(parent) = node.parent() else { return };
            node = parent;
            writer.leave(node);
        }
    }
}

struct Writer<'a, 'o> {
    method: &'o Method,
    omit: Option<NodeId>,
    out: &'o mut Vec<u8>,
    scope: Scope<'a>,
    /// Scratch of one start tag, kept to reuse its memory.
    declarations: Vec<Declaration<'a>>,
    marks: Vec<usize>,
}

impl<'a> Writer<'a, '_> {
    /// Writes a leaf or a start tag. True when the children and then [`Writer::leave`] must follow.
    fn enter<'d>(&mut self, node: Node<'a, 'd>, is_apex: bool) -> bool {
        if self.omit == Some(node.id()) {
            return false;
        }
        match node.node_type() {
            NodeType::Root => return true,
            NodeType::Element => {
                self.start_tag(node, is_apex);
                return true;
            }
            NodeType::Text => escape_text(node.text().unwrap_or_default(), self.out),
            NodeType::Comment if self.method.comments => self.outside_lines(node, is_apex, |out, text| {
                out.extend_from_slice(b"<!--");
                normalise_line_ends(text, out);
                out.extend_from_slice(b"-->");
            }),
            NodeType::Comment => {}
            NodeType::PI => self.instruction(node, is_apex),
        }
        false
    }

    fn leave<'d>(&mut self, node: Node<'a, 'd>) {
        if !node.is_element() {
            return;
        }
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(qualified_name(node).as_bytes());
        self.out.push(b'>');
        if let Some(mark) = self.marks.pop() {
            self.scope.leave(mark);
        }
    }

    fn start_tag<'d>(&mut self, node: Node<'a, 'd>, is_apex: bool) {
        let name = qualified_name(node);
        let mut attributes: Vec<Attribute<'a, 'd>> = node.attributes().collect();
        if is_apex && self.method.kind == Kind::Inclusive {
            inherit_xml_attributes(node, &mut attributes);
        }
        attributes.sort_unstable_by(|left, right| {
            (left.namespace().unwrap_or_default(), left.name())
                .cmp(&(right.namespace().unwrap_or_default(), right.name()))
        });

        let mut used = Vec::new();
        if self.method.kind == Kind::Exclusive {
            used.push(prefix_of(name));
            used.extend(
                attributes.iter().filter(|a| a.namespace().is_some()).map(|a| prefix_of(attribute_name(node, a))),
            );
        }
        self.marks.push(self.scope.mark());
        self.scope.declare(node, self.method, &used, &mut self.declarations);

        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        for declaration in &self.declarations {
            self.out.extend_from_slice(if declaration.prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
            self.out.extend_from_slice(declaration.prefix.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape_attribute(declaration.uri, self.out);
            self.out.push(b'"');
        }
        for attribute in &attributes {
            self.out.push(b' ');
            self.out.extend_from_slice(attribute_name(node, attribute).as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape_attribute(attribute.value(), self.out);
            self.out.push(b'"');
        }
        self.out.push(b'>');
    }

    fn instruction<'d>(&mut self, node: Node<'a, 'd>, is_apex: bool) {
        let Some(instruction) = node.pi() else { return };
        self.outside_lines(node, is_apex, |out, _| {
            out.extend_from_slice(b"<?");
            out.extend_from_slice(instruction.target.as_bytes());
            if let Some(value) = instruction.value.filter(|value| !value.is_empty()) {
                out.push(b' ');
                normalise_line_ends(value, out);
            }
            out.extend_from_slice(b"?>");
        });
    }

    /// Comments and instructions beside the document element are separated from it by one line feed.
    fn outside_lines<'d>(&mut self, node: Node<'a, 'd>, is_apex: bool, write: impl FnOnce(&mut Vec<u8>, &str)) {
        let beside_document_element = !is_apex && node.parent().is_some_and(|parent| parent.is_root());
        let document_element = node.document().root_element();
        let before = beside_document_element && node.range().start < document_element.range().start;
        if beside_document_element && !before {
            self.out.push(b'\n');
        }
        write(self.out, node.text().unwrap_or_default());
        if before {
            self.out.push(b'\n');
        }
    }
}

/// Canonical XML 1.0 §2.4: the apex takes over the nearest `xml:*` attributes of the ancestors that are left out.
fn inherit_xml_attributes<'a, 'd>(apex: Node<'a, 'd>, attributes: &mut Vec<Attribute<'a, 'd>>) {
    for ancestor in apex.ancestors().skip(1) {
        for attribute in ancestor.attributes().filter(|attribute| attribute.namespace() == Some(XML_NAMESPACE)) {
            let is_overridden = attributes
                .iter()
                .any(|known| known.namespace() == Some(XML_NAMESPACE) && known.name() == attribute.name());
            if !is_overridden {
                attributes.push(attribute);
            }
        }
    }
}

/// The name as the source spells it, with prefix: the tree keeps only the expanded name.
fn qualified_name<'a>(element: Node<'a, '_>) -> &'a str {
    let source = element.document().input_text();
    let after_bracket = source.get(element.range().start + 1..).unwrap_or_default();
    let length = after_bracket.bytes().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>'));
    after_bracket.get(..length.unwrap_or(after_bracket.len())).unwrap_or_default()
}

fn attribute_name<'a>(owner: Node<'a, '_>, attribute: &Attribute<'a, '_>) -> &'a str {
    owner.document().input_text().get(attribute.range_qname()).unwrap_or_default()
}

fn prefix_of(qualified_name: &str) -> &str {
    qualified_name.split_once(':').map_or("", |(prefix, _)| prefix)
}

fn escape_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    });
}

fn escape_attribute(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'"' => Some(b"&quot;"),
        b'\t' => Some(b"&#x9;"),
        b'\n' => Some(b"&#xA;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    });
}

/// Copies runs of ordinary bytes at once; only the few special ones are replaced.
fn escape(text: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static [u8]>) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if let Some(escaped) = replacement(byte) {
            out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
            out.extend_from_slice(escaped);
            copied = at + 1;
        }
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
}

/// The parser hands comments and instructions over as they stand in the source: line ends still have to be normalised.
fn normalise_line_ends(text: &str, out: &mut Vec<u8>) {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' {
            if bytes.peek() == Some(&b'\n') {
                continue;
            }
            out.push(b'\n');
        } else {
            out.push(byte);
        }
    }
}
