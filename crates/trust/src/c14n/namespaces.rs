//! Which namespace declarations a canonical start tag carries.

use super::{Kind, Method};
use roxmltree::Node;

/// The declarations written so far on the path from the apex to the current element.
///
/// `written` is a stack; an element remembers its length on entry and cuts back to it on exit.
#[derive(Default)]
pub(super) struct Scope<'a> {
    written: Vec<Declaration<'a>>,
}

/// One `xmlns` declaration; the empty prefix is the default namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Declaration<'a> {
    pub prefix: &'a str,
    pub uri: &'a str,
}

impl<'a> Scope<'a> {
    /// The mark to give back to [`Scope::leave`].
    pub fn mark(&self) -> usize {
        self.written.len()
    }

    /// Forgets what was declared since `mark`.
    pub fn leave(&mut self, mark: usize) {
        self.written.truncate(mark);
    }

    /// Declarations that the start tag of `element` must carry, sorted by prefix, and records them as written.
    ///
    /// `element_prefix` and `attribute_prefixes` are the prefixes visibly used; the inclusive method ignores them.
    pub fn declare<'d>(
        &mut self,
        element: Node<'a, 'd>,
        method: &Method,
        used: &[&'a str],
        out: &mut Vec<Declaration<'a>>,
    ) {
        out.clear();
        match method.kind {
            Kind::Inclusive => self.collect(element, |_| true, out),
            Kind::Exclusive => {
                let listed = |prefix: &str| method.inclusive_prefixes.iter().any(|listed| listed == prefix);
                self.collect(element, |prefix| used.contains(&prefix) || listed(prefix), out);
                // An unprefixed element outside any default namespace is not listed among those in scope.
                let in_no_namespace = used.contains(&"") && element.default_namespace().is_none_or(str::is_empty);
                let already = out.iter().any(|declaration| declaration.prefix.is_empty());
                if in_no_namespace && !already && !self.current("").is_empty() {
                    out.push(Declaration { prefix: "", uri: "" });
                }
            }
        }
        out.sort_unstable();
        self.written.extend_from_slice(out);
    }

    fn collect<'d>(&self, element: Node<'a, 'd>, wanted: impl Fn(&str) -> bool, out: &mut Vec<Declaration<'a>>) {
        for namespace in element.namespaces() {
            let prefix = namespace.name().unwrap_or_default();
            if prefix == "xml" || !wanted(prefix) {
                continue;
            }
            // Nothing written counts as the empty name, so a superfluous xmlns="" is never produced.
            if self.current(prefix) != namespace.uri() {
                out.push(Declaration { prefix, uri: namespace.uri() });
            }
        }
    }

    /// The namespace name a reader of the output would see for `prefix` here; empty when none.
    fn current(&self, prefix: &str) -> &'a str {
        self.written.iter().rev().find(|written| written.prefix == prefix).map_or("", |written| written.uri)
    }
}
