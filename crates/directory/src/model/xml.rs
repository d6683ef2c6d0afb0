//! Reading and writing the plain XML of the configuration: a bounded pull reader that refuses document type definitions, and a
//! small writer. Prefixes are ignored on reading: the documents are signed as bytes, so their meaning needs no namespace.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// How deep elements may nest; the documents need eight.
const MAX_DEPTH: u32 = 32;
/// The longest text of one element, bytes: certificates are the longest we expect.
const MAX_TEXT: usize = 1 << 20;

/// Why a text is not the XML we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well-formed.
    #[error("not well-formed XML: {0}")]
    Syntax(String),
    /// A document type definition is present: entities are an attack, the documents need none.
    #[error("a document type definition is not allowed")]
    Dtd,
    /// An entity that is not one of the five predefined.
    #[error("unknown entity &{0};")]
    Entity(String),
    /// Elements nest too deep.
    #[error("elements nest deeper than {MAX_DEPTH}")]
    Depth,
    /// The text of an element is too long.
    #[error("the text of <{0}> is longer than {MAX_TEXT} bytes")]
    LongText(String),
    /// Not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The outermost element is another one.
    #[error("expected <{expected}>, found <{found}>")]
    Root {
        /// What was wanted.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// An element is missing.
    #[error("<{parent}> lacks <{child}>")]
    Missing {
        /// Where.
        parent: &'static str,
        /// What.
        child: &'static str,
    },
    /// A value cannot be read.
    #[error("<{element}> holds {value:?}: {reason}")]
    Value {
        /// Which element or attribute.
        element: &'static str,
        /// What it holds, shortened.
        value: String,
        /// Why it is refused.
        reason: &'static str,
    },
}

impl XmlError {
    /// A value that cannot be read; long values are cut.
    pub(crate) fn value(element: &'static str, value: &str, reason: &'static str) -> Self {
        Self::Value { element, value: value.chars().take(80).collect(), reason }
    }
}

impl From<quick_xml::Error> for XmlError {
    fn from(error: quick_xml::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// A pull reader: ask for the next child of the element you are in, then read its text, its children, or skip it.
pub(crate) struct Pull<'a> {
    reader: Reader<&'a [u8]>,
    depth: u32,
}

/// The start of an element.
pub(crate) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// Name without its prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// Value of an attribute by its name without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        for attribute in self.0.attributes() {
            let attribute = attribute.map_err(|error| XmlError::Syntax(error.to_string()))?;
            if attribute.key.local_name().into_inner() == name {
                return Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()));
            }
        }
        Ok(None)
    }
}

impl<'a> Pull<'a> {
    /// Opens a document whose outermost element is `root` and stands inside it.
    pub(crate) fn open(bytes: &'a [u8], root: &'static str) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        reader.config_mut().expand_empty_elements = true;
        let mut pull = Self { reader, depth: 0 };
        match pull.child()? {
            Some(tag) if tag.name() == root => Ok(pull),
            found => Err(XmlError::Root {
                expected: root,
                found: found.map_or_else(String::new, |tag| tag.name().to_owned()),
            }),
        }
    }

    /// The next child element of the current one; `None` when the current element ends. Text between children is passed over.
    pub(crate) fn child(&mut self) -> Result<Option<Tag<'a>>, XmlError> {
        loop {
            match self.reader.read_event()? {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(XmlError::Depth);
                    }
                    return Ok(Some(Tag(start)));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(None);
                }
                Event::DocType(_) => return Err(XmlError::Dtd),
                Event::Eof if self.depth == 0 => return Ok(None),
                Event::Eof => return Err(XmlError::Syntax("the document ends too early".to_owned())),
                _ => {}
            }
        }
    }

    /// Skips what is left of the current element.
    pub(crate) fn skip(&mut self) -> Result<(), XmlError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.child()?;
        }
        Ok(())
    }

    /// Text of the current element up to its end. Child elements are refused.
    pub(crate) fn text(&mut self, element: &'static str) -> Result<String, XmlError> {
        let mut out = String::new();
        loop {
            match self.reader.read_event()? {
                Event::Text(text) => out.push_str(&text.xml10_content()),
                Event::CData(text) => out.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                    Some(character) => out.push(character),
                    None => out.push_str(predefined(&reference.xml10_content())?),
                },
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(out);
                }
                Event::Start(_) => return Err(XmlError::value(element, &out, "holds elements, not text")),
                Event::DocType(_) => return Err(XmlError::Dtd),
                Event::Eof => return Err(XmlError::Syntax("the document ends too early".to_owned())),
                _ => {}
            }
            if out.len() > MAX_TEXT {
                return Err(XmlError::LongText(element.to_owned()));
            }
        }
    }

    /// After the outermost element nothing but comments may follow.
    pub(crate) fn finish(mut self) -> Result<(), XmlError> {
        loop {
            match self.reader.read_event()? {
                Event::Eof => return Ok(()),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Text(text) if text.xml10_content().trim().is_empty() => {}
                _ => return Err(XmlError::Syntax("something follows the outermost element".to_owned())),
            }
        }
    }
}

fn predefined(name: &str) -> Result<&'static str, XmlError> {
    quick_xml::escape::resolve_predefined_entity(name).ok_or_else(|| XmlError::Entity(name.to_owned()))
}

/// Writes indented XML. Characters that XML 1.0 cannot carry are left out: names with such characters are refused long before.
pub(crate) struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    /// Starts a document with the declaration.
    pub(crate) fn new() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n".to_owned(), depth: 0 }
    }

    /// Opens an element; `attributes` are pairs of name and value.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
    }

    /// Closes the element `name`.
    pub(crate) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.end(name);
    }

    /// An element with text.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.start(name, &[]);
        self.out.push('>');
        escape_into(&mut self.out, text);
        self.end(name);
    }

    /// An element with text, when there is one.
    pub(crate) fn leaf_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escape_into(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.out.push_str("    ");
        }
    }
}

fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A bare carriage return would be read back as a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{fffe}' | '\u{ffff}' => {}
            control if control < ' ' => {}
            other => out.push(other),
        }
    }
}
