//! What both readers of hash chains produce, so that one verification serves them.

use super::digest::DigestValue;
use crate::key::DigestKind;
use std::borrow::Cow;

/// Steps of one chain at most: a binary tree of 2^32 leaves needs 33.
pub(super) const MAX_STEPS: usize = 128;
/// Inputs of all steps together at most: bounds the attachments of one message.
pub(super) const MAX_INPUTS: usize = 20_000;

/// A hash chain result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChainResult<'a> {
    /// As written: chain document, `#`, id of the first step.
    pub uri: Cow<'a, str>,
    pub digest: DigestValue,
}

/// A hash chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain<'a> {
    pub steps: Vec<Step<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub id: Cow<'a, str>,
    pub inputs: Vec<StepInput<'a>>,
}

/// One ordered input of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StepInput<'a> {
    /// A digest given in place: the way past other messages of the batch.
    Hash(DigestValue),
    /// The digest of another step of this chain.
    Step { uri: Cow<'a, str>, algorithm: DigestKind },
    /// The digest of a part of the message; the chain may state it as well.
    Data { uri: Cow<'a, str>, algorithm: DigestKind, stated: Option<DigestValue> },
}
