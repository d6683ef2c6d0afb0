//! Reads the exact bytes that this module writes, without an XML parser.
//!
//! `None` means only "not in that layout": the general parser decides then. A document this reader accepts must read the
//! same in the general one, which the tests hold against each other.

use super::digest::{DigestValue, digest_uri};
use super::model::{Chain, ChainResult, MAX_INPUTS, MAX_STEPS, Step, StepInput};
use super::write::{CHAIN_HEAD, RESULT_HEAD, RESULT_METHOD, RESULT_TAIL, RESULT_VALUE};
use crate::key::DigestKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

const METHOD: DigestKind = DigestKind::Sha512;
/// Length of a SHA-512 digest in base64.
const DIGEST_TEXT: usize = 88;

/// Reads a hash chain result.
pub(super) fn result(xml: &[u8]) -> Option<ChainResult<'_>> {
    let mut cursor = Cursor { rest: xml };
    cursor.eat(RESULT_HEAD)?;
    let before_uri = cursor.rest;
    let file = cursor.name_until(b'#')?;
    cursor.eat(RESULT_METHOD)?;
    cursor.eat(digest_uri(METHOD))?;
    cursor.eat(RESULT_VALUE)?;
    let digest = cursor.digest()?;
    cursor.eat(RESULT_TAIL)?;
    cursor.end()?;
    let uri = std::str::from_utf8(before_uri.get(..file.len() + "#STEP0".len())?).ok()?;
    Some(ChainResult { uri: Cow::Borrowed(uri), digest })
}

/// Reads a hash chain.
pub(super) fn chain(xml: &[u8]) -> Option<Chain<'_>> {
    let mut cursor = Cursor { rest: xml };
    cursor.eat(CHAIN_HEAD)?;
    cursor.eat(digest_uri(METHOD))?;
    cursor.eat("\"/>")?;
    let mut steps = Vec::with_capacity(8);
    let mut total = 0;
    while cursor.eat("<HashStep id=\"").is_some() {
        let id = cursor.name_until(b'"')?;
        cursor.eat("\">")?;
        let mut inputs = Vec::with_capacity(2);
        while cursor.eat("</HashStep>").is_none() {
            inputs.push(input(&mut cursor)?);
            total += 1;
            if total > MAX_INPUTS {
                return None;
            }
        }
        steps.push(Step { id: Cow::Borrowed(id), inputs });
        if steps.len() > MAX_STEPS {
            return None;
        }
    }
    cursor.eat("</HashChain>")?;
    cursor.end()?;
    Some(Chain { steps })
}

fn input<'a>(cursor: &mut Cursor<'a>) -> Option<StepInput<'a>> {
    if cursor.eat("<HashValue><ds:DigestValue>").is_some() {
        let digest = cursor.digest()?;
        cursor.eat("</ds:DigestValue></HashValue>")?;
        return Some(StepInput::Hash(digest));
    }
    if cursor.eat("<StepRef URI=\"#").is_some() {
        let uri = cursor.name_until(b'"')?;
        cursor.eat("\"/>")?;
        return Some(StepInput::Step { uri: Cow::Owned(format!("#{uri}")), algorithm: METHOD });
    }
    cursor.eat("<DataRef URI=\"")?;
    let uri = cursor.name_until(b'"')?;
    cursor.eat("\"><ds:DigestValue>")?;
    let digest = cursor.digest()?;
    cursor.eat("</ds:DigestValue></DataRef>")?;
    Some(StepInput::Data { uri: Cow::Borrowed(uri), algorithm: METHOD, stated: Some(digest) })
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, literal: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// A non-empty run of characters that XML leaves alone, up to `end`, which is not consumed.
    fn name_until(&mut self, end: u8) -> Option<&'a str> {
        let length = self.rest.iter().position(|&byte| byte == end)?;
        let (name, rest) = self.rest.split_at_checked(length)?;
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
        if name.is_empty() || !name.iter().all(is_plain) {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(name).ok()
    }

    fn digest(&mut self) -> Option<DigestValue> {
        let (text, rest) = self.rest.split_at_checked(DIGEST_TEXT)?;
        // The decoder wants room for whole groups of three bytes; the 64 digest bytes end in the last of 22 groups.
        let mut bytes = [0; 66];
        let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
        self.rest = rest;
        DigestValue::new(METHOD, bytes.get(..length)?)
    }

    fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}
