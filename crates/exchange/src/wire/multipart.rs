//! An incremental multipart parser: bytes go in as they arrive, parts come out, and nothing is held that is not needed.
//!
//! It accepts exactly the form gateways write (RFC 2046 without preamble): `--b CRLF headers CRLF CRLF data CRLF --b … --b--`.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

/// Longest header block of one part, bytes.
const MAX_PART_HEADERS: usize = 8 * 1024;
/// Longest boundary of RFC 2046.
const MAX_BOUNDARY: usize = 70;

/// Why a multipart body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The content type names no usable boundary.
    #[error("the content type has no valid multipart boundary")]
    Boundary,
    /// The body does not start with the boundary, or a boundary line is broken.
    #[error("a boundary line of the multipart body is malformed")]
    Delimiter,
    /// A part's header block is too long or not text.
    #[error("the headers of a part are malformed or longer than {MAX_PART_HEADERS} bytes")]
    PartHeaders,
    /// The body ended before its closing boundary.
    #[error("the multipart body ends before its closing boundary")]
    Truncated,
    /// There are bytes after the closing boundary.
    #[error("there is data after the closing boundary")]
    Trailing,
}

/// What the parser found next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A part begins; its content type in lower case, without parameters.
    Part(String),
    /// Bytes of the current part.
    Data(Bytes),
    /// The current part is complete.
    EndPart,
    /// The closing boundary was read.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    AfterDelimiter,
    Headers,
    Data,
    PartDone,
    Done,
}

/// The parser. Feed it with [`Parser::push`], drain it with [`Parser::next_event`].
#[derive(Debug)]
pub struct Parser {
    finder: memmem::Finder<'static>,
    delimiter_length: usize,
    buffer: BytesMut,
    state: State,
}

/// The boundary named in a `Content-Type` of `multipart/*`.
///
/// # Errors
/// When it is not multipart or names no valid boundary.
pub fn boundary(content_type: &str) -> Result<&str, MultipartError> {
    let (media, parameters) = content_type.split_once(';').ok_or(MultipartError::Boundary)?;
    if !media.trim().get(..10).is_some_and(|m| m.eq_ignore_ascii_case("multipart/")) {
        return Err(MultipartError::Boundary);
    }
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim().trim_matches('"');
            let valid = (1..=MAX_BOUNDARY).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
            return if valid { Ok(value) } else { Err(MultipartError::Boundary) };
        }
    }
    Err(MultipartError::Boundary)
}

impl Parser {
    /// A parser for this boundary.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}");
        // The very first boundary has no line before it: pretend there was one.
        Self {
            delimiter_length: delimiter.len(),
            finder: memmem::Finder::new(delimiter.as_bytes()).into_owned(),
            buffer: BytesMut::from(&b"\r\n"[..]),
            state: State::Start,
        }
    }

    /// Adds bytes as they arrived.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next event, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the body breaks the form; the parser must then be dropped.
    pub fn next_event(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            match self.state {
                State::Start => {
                    if self.buffer.len() < self.delimiter_length {
                        return Ok(None);
                    }
                    if !self.buffer.starts_with(self.finder.needle()) {
                        return Err(MultipartError::Delimiter);
                    }
                    self.buffer.advance(self.delimiter_length);
                    self.state = State::AfterDelimiter;
                }
                State::AfterDelimiter => match self.buffer.get(..2) {
                    None => return Ok(None),
                    Some(b"\r\n") => {
                        self.buffer.advance(2);
                        self.state = State::Headers;
                    }
                    Some(b"--") => {
                        self.buffer.advance(2);
                        self.state = State::Done;
                        return Ok(Some(Event::End));
                    }
                    Some(_) => return Err(MultipartError::Delimiter),
                },
                State::Headers => return self.part_headers(),
                State::Data => return Ok(self.data()),
                State::PartDone => {
                    self.buffer.advance(self.delimiter_length);
                    self.state = State::AfterDelimiter;
                    return Ok(Some(Event::EndPart));
                }
                State::Done => return if self.only_line_end_left() { Ok(None) } else { Err(MultipartError::Trailing) },
            }
        }
    }

    /// Call when the bytes have ended: the closing boundary must have been read.
    ///
    /// # Errors
    /// When the body is cut short.
    pub fn finish(&self) -> Result<(), MultipartError> {
        if self.state == State::Done { Ok(()) } else { Err(MultipartError::Truncated) }
    }

    fn only_line_end_left(&self) -> bool {
        b"\r\n".starts_with(&self.buffer)
    }

    fn part_headers(&mut self) -> Result<Option<Event>, MultipartError> {
        // A part without any header has its empty line at once.
        let (end, skip) = if self.buffer.starts_with(b"\r\n") {
            (0, 2)
        } else {
            match memmem::find(&self.buffer, b"\r\n\r\n") {
                Some(at) if at <= MAX_PART_HEADERS => (at, 4),
                None if self.buffer.len() <= MAX_PART_HEADERS => return Ok(None),
                _ => return Err(MultipartError::PartHeaders),
            }
        };
        let block = self.buffer.split_to(end);
        self.buffer.advance(skip);
        self.state = State::Data;
        let block = std::str::from_utf8(&block).map_err(|_| MultipartError::PartHeaders)?;
        Ok(Some(Event::Part(content_type_of(block)?)))
    }

    fn data(&mut self) -> Option<Event> {
        if let Some(at) = self.finder.find(&self.buffer) {
            self.state = State::PartDone;
            return Some(Event::Data(self.buffer.split_to(at).freeze()));
        }
        // Everything that cannot be the beginning of a delimiter may go out.
        let keep = self.delimiter_length - 1;
        if self.buffer.len() > keep {
            let ready = self.buffer.len() - keep;
            return Some(Event::Data(self.buffer.split_to(ready).freeze()));
        }
        None
    }
}

fn content_type_of(block: &str) -> Result<String, MultipartError> {
    for line in block.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(MultipartError::PartHeaders)?;
        if name.trim().eq_ignore_ascii_case("content-type") {
            return Ok(value.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(boundary: &str, chunks: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, MultipartError> {
        let mut parser = Parser::new(boundary);
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(event) = parser.next_event()? {
                match event {
                    Event::Part(kind) => parts.push((kind, Vec::new())),
                    Event::Data(data) => parts.last_mut().unwrap().1.extend_from_slice(&data),
                    Event::EndPart | Event::End => {}
                }
            }
        }
        parser.finish()?;
        Ok(parts)
    }

    const BODY: &[u8] =
        b"--b\r\nContent-Type: Text/XML; charset=UTF-8\r\n\r\nfirst\r\n--b\r\n\r\n\r\n--almost\r\n-\r\n--b--\r\n";

    #[test]
    fn parts_come_out_whole_whatever_the_chunks() {
        let expected = vec![("text/xml".to_owned(), b"first".to_vec()), (String::new(), b"\r\n--almost\r\n-".to_vec())];
        assert_eq!(run("b", &[BODY]).unwrap(), expected);
        let bytes: Vec<&[u8]> = BODY.chunks(1).collect();
        assert_eq!(run("b", &bytes).unwrap(), expected);
    }

    #[test]
    fn truncated_trailing_and_foreign_bodies_are_refused() {
        assert_eq!(run("b", &[&BODY[..BODY.len() - 4]]), Err(MultipartError::Truncated));
        assert_eq!(run("b", &[BODY, b"more"]), Err(MultipartError::Trailing));
        assert_eq!(run("c", &[BODY]), Err(MultipartError::Delimiter));
        assert_eq!(run("b", &[b"--b\rx"]), Err(MultipartError::Delimiter));
        let long = format!("--b\r\nx: {}", "a".repeat(MAX_PART_HEADERS));
        assert_eq!(run("b", &[long.as_bytes()]), Err(MultipartError::PartHeaders));
    }

    #[test]
    fn the_boundary_is_read_from_the_content_type() {
        assert_eq!(boundary("multipart/mixed; charset=UTF-8; boundary=\"xtopAB\""), Ok("xtopAB"));
        assert_eq!(boundary("Multipart/Mixed;boundary=x"), Ok("x"));
        for bad in ["text/xml", "multipart/mixed", "multipart/mixed; boundary=", "text/x; boundary=a"] {
            assert_eq!(boundary(bad), Err(MultipartError::Boundary), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_data_survives_any_chunking(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..4),
            cut in 1usize..40,
        ) {
            let mut body = Vec::new();
            for part in &parts {
                prop_assume!(memmem::find(part, b"--zq").is_none());
                body.extend_from_slice(b"--zq\r\ncontent-type:x/y\r\n\r\n");
                body.extend_from_slice(part);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--zq--\r\n");
            let chunks: Vec<&[u8]> = body.chunks(cut).collect();
            let read = run("zq", &chunks).unwrap();
            let data: Vec<Vec<u8>> = read.into_iter().map(|(_, data)| data).collect();
            prop_assert_eq!(data, parts);
        }

        #[test]
        fn no_bytes_make_the_parser_panic_or_spin(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = run("b", &[b"--b\r\n", &bytes]);
        }
    }
}
