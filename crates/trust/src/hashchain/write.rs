//! Writes hash chains, straight to text: this runs for every batch of messages.

use super::digest::{StepEncoder, digest_uri, sha512};
use super::merkle::{Merkle, step_digest};
use super::{ATTACHMENT_URI_PREFIX, ChainFile, Digest, MESSAGE_URI, SIGNATURES_URI};
use crate::key::DigestKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// Digests of the parts of one message.
#[derive(Debug, Clone, Copy)]
pub struct MessageParts<'a> {
    /// Of the SOAP envelope or REST header part, `/message.xml`.
    pub message: Digest,
    /// Of `/attachment1`, `/attachment2`, … in order.
    pub attachments: &'a [Digest],
}

/// What a batch signature covers.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `sig-hashchainresult.xml`, the same for every message of the batch: the document to sign.
    pub result_xml: String,
    /// SHA-512 of `result_xml`, the digest the signature refers to.
    pub result_digest: Digest,
    /// `sig-hashchain.xml` of each message, in the order given.
    pub chains: Vec<String>,
}

/// Combines `messages` into one hash chain result and a hash chain for each; `None` when there is no message.
///
/// Each message gets a step of its own even when it has a single part. Otherwise two bodiless messages side by side in the
/// tree would have the digest of one message with an attachment, and whoever holds both could present one as the body of the
/// other under a genuine signature.
pub fn build_batch(messages: &[MessageParts<'_>]) -> Option<Batch> {
    let mut encoder = StepEncoder::new();
    let mut parts = Vec::new();
    let leaves = messages
        .iter()
        .map(|message| {
            parts.clear();
            parts.push(message.message);
            parts.extend_from_slice(message.attachments);
            step_digest(&parts, &mut encoder)
        })
        .collect();
    let tree = Merkle::new(leaves)?;
    let result_xml = result_document(ChainFile::Signature, tree.root());
    let chains = messages.iter().enumerate().map(|(at, message)| message_chain(&tree, at, *message)).collect();
    Some(Batch { result_digest: sha512(result_xml.as_bytes()), result_xml, chains })
}

/// One time-stamp over many signatures: leaf *i* is SHA-512 of the *i*-th `META-INF/signatures.xml`.
///
/// Only the leaf digests need to be kept to write any chain again later; building the tree over 10 000 leaves takes
/// 9 999 short digests.
pub struct TimestampTree {
    tree: Merkle,
}

impl TimestampTree {
    /// Builds the tree; `None` without leaves.
    pub fn new(signature_digests: Vec<Digest>) -> Option<Self> {
        // A result must point at a step, so a lone leaf is wrapped into one.
        let leaves = match signature_digests.as_slice() {
            [alone] => vec![step_digest(&[*alone], &mut StepEncoder::new())],
            _ => signature_digests,
        };
        Merkle::new(leaves).map(|tree| Self { tree })
    }

    /// `ts-hashchainresult.xml`: the bytes that the time-stamp covers.
    pub fn result_xml(&self) -> String {
        result_document(ChainFile::Timestamp, self.tree.root())
    }

    /// `ts-hashchain.xml` of the leaf `index`, whose digest is `signature_digest`; `None` beyond the last leaf.
    pub fn chain_xml(&self, index: usize, signature_digest: &Digest) -> Option<String> {
        if index >= self.tree.len() {
            return None;
        }
        let mut chain = ChainWriter::new(&self.tree, index, 1);
        chain.leaf_step(|out| data_ref(out, SIGNATURES_URI, signature_digest));
        Some(chain.finish())
    }

    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Never true: a tree without leaves cannot be built.
    pub fn is_empty(&self) -> bool {
        self.tree.len() == 0
    }
}

fn message_chain(tree: &Merkle, index: usize, message: MessageParts<'_>) -> String {
    let mut chain = ChainWriter::new(tree, index, 1 + message.attachments.len());
    chain.own_step(|out| {
        data_ref(out, MESSAGE_URI, &message.message);
        let mut uri = String::with_capacity(16);
        for (attachment, number) in message.attachments.iter().zip(1_usize..) {
            uri.clear();
            uri.push_str(ATTACHMENT_URI_PREFIX);
            // Writing to a String cannot fail.
            write!(uri, "{number}").ok();
            data_ref(out, &uri, attachment);
        }
    });
    chain.finish()
}

/// Writes the steps of one path; what hangs at the end differs between messages and signatures.
struct ChainWriter<'t> {
    tree: &'t Merkle,
    index: usize,
    out: String,
}

impl<'t> ChainWriter<'t> {
    fn new(tree: &'t Merkle, index: usize, data_refs: usize) -> Self {
        let mut out = String::with_capacity(320 + 260 * 16 + 170 * data_refs);
        out.push_str(CHAIN_HEAD);
        out.push_str(digest_uri(DigestKind::Sha512));
        out.push_str("\"/>");
        Self { tree, index, out }
    }

    /// The leaf is a single part: it stands directly in the last step of the path (or alone in the only step).
    fn leaf_step(&mut self, leaf: impl Fn(&mut String)) {
        let path = self.tree.path(self.index);
        let last = path.len().saturating_sub(1);
        if path.is_empty() {
            self.step(0, &leaf);
        }
        for (depth, sibling) in path.iter().enumerate() {
            self.step(depth, |out| {
                if sibling.is_left {
                    hash_value(out, sibling.digest);
                }
                if depth == last {
                    leaf(out);
                } else {
                    step_ref(out, depth + 1);
                }
                if !sibling.is_left {
                    hash_value(out, sibling.digest);
                }
            });
        }
    }

    /// The leaf is a message: its parts form one more step below the path.
    fn own_step(&mut self, parts: impl Fn(&mut String)) {
        let depth = self.tree.path(self.index).len();
        if depth > 0 {
            self.leaf_step(|out| step_ref(out, depth));
        }
        self.step(depth, parts);
    }

    fn step(&mut self, number: usize, inputs: impl Fn(&mut String)) {
        write!(self.out, "<HashStep id=\"STEP{number}\">").ok();
        inputs(&mut self.out);
        self.out.push_str("</HashStep>");
    }

    fn finish(mut self) -> String {
        self.out.push_str("</HashChain>");
        self.out
    }
}

pub(super) const RESULT_HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<HashChainResult xmlns=\"http://cyber.ee/hashchain\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" URI=\""
);
pub(super) const RESULT_METHOD: &str = "#STEP0\"><ds:DigestMethod Algorithm=\"";
pub(super) const RESULT_VALUE: &str = "\"/><ds:DigestValue>";
pub(super) const RESULT_TAIL: &str = "</ds:DigestValue></HashChainResult>";
pub(super) const CHAIN_HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<HashChain xmlns=\"http://cyber.ee/hashchain\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
    "<DefaultDigestMethod Algorithm=\""
);

fn result_document(file: ChainFile, root: &Digest) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(RESULT_HEAD);
    out.push_str(file.uri());
    out.push_str(RESULT_METHOD);
    out.push_str(digest_uri(DigestKind::Sha512));
    out.push_str(RESULT_VALUE);
    STANDARD.encode_string(root, &mut out);
    out.push_str(RESULT_TAIL);
    out
}

fn hash_value(out: &mut String, digest: &Digest) {
    out.push_str("<HashValue><ds:DigestValue>");
    STANDARD.encode_string(digest, out);
    out.push_str("</ds:DigestValue></HashValue>");
}

fn step_ref(out: &mut String, number: usize) {
    write!(out, "<StepRef URI=\"#STEP{number}\"/>").ok();
}

fn data_ref(out: &mut String, uri: &str, digest: &Digest) {
    out.push_str("<DataRef URI=\"");
    out.push_str(uri);
    out.push_str("\"><ds:DigestValue>");
    STANDARD.encode_string(digest, out);
    out.push_str("</ds:DigestValue></DataRef>");
}
