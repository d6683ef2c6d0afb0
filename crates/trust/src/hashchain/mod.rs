//! Hash chains: one signature or time-stamp for many messages and attachments.
//!
//! The parts of a message are combined into one *step*; the messages of a batch then form a binary Merkle tree whose root is
//! written in the *hash chain result*, and that small document is what gets signed (or time-stamped). Each message carries
//! only its own path to the root, the *hash chain*, so it proves its place without showing the other messages.
//!
//! [`build_batch`] and [`TimestampTree`] write, [`verify()`] checks. Both sit on the path of every message, so nothing here
//! builds a tree of XML nodes unless a document is not in the layout this module writes.
//!
//! Source: exchange protocol §2.6 and §2.7; namespace `http://cyber.ee/hashchain`.

mod digest;
mod fast;
mod merkle;
mod model;
mod parse;
mod verify;
mod write;

pub use digest::{DigestValue, digest_from_uri, digest_uri};
pub use verify::{Input, InputData, Rules, VerifiedChain, data_uris, verify};
pub use write::{Batch, MessageParts, TimestampTree, build_batch};

/// A SHA-512 digest.
pub type Digest = [u8; 64];

/// Namespace of hash chain elements.
pub const NAMESPACE: &str = "http://cyber.ee/hashchain";
/// Reference URI of the message part (SOAP envelope, or the REST header part).
pub const MESSAGE_URI: &str = "/message.xml";
/// Reference URI of attachment N is this followed by N, from 1.
pub const ATTACHMENT_URI_PREFIX: &str = "/attachment";
/// Reference URI of the only leaf of a time-stamp chain.
pub const SIGNATURES_URI: &str = "/META-INF/signatures.xml";
/// Reference URI of the signed hash chain result.
pub const SIGNATURE_RESULT_URI: &str = "/sig-hashchainresult.xml";

/// Which chain a document is; the name of its file is part of what the result says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainFile {
    /// `sig-hashchain.xml`, under a signature.
    Signature,
    /// `ts-hashchain.xml`, under a time-stamp.
    Timestamp,
}

impl ChainFile {
    /// The reference URI of the chain document.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Signature => "/sig-hashchain.xml",
            Self::Timestamp => "/ts-hashchain.xml",
        }
    }
}

/// Why a hash chain proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashChainError {
    /// Not a hash chain: bad XML, an unknown element, a cycle, a repeated step, or over the limits.
    #[error("malformed hash chain: {0}")]
    Malformed(String),
    /// A digest algorithm that is not accepted.
    #[error("hash chain uses a digest algorithm that is not accepted: {0}")]
    Algorithm(String),
    /// The recomputed digest of the chain differs from the result.
    #[error("hash chain does not produce the digest in its result")]
    ResultMismatch,
    /// The chain states another digest for a part than the part has.
    #[error("hash chain states another digest for {0} than that part has")]
    InputMismatch(String),
    /// A reference leads to a step or a part that is not there.
    #[error("hash chain refers to {0}, which is missing")]
    UnresolvedReference(String),
    /// Parts were received that the chain does not cover.
    #[error("hash chain does not cover {}", .0.join(", "))]
    UnusedInputs(Vec<String>),
}

impl HashChainError {
    /// The error code of the exchange protocol (§2.1.4) in its documented spelling.
    pub fn protocol_code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Algorithm(_) => "MalformedHashChain",
            Self::ResultMismatch => "InvalidHashChain",
            Self::UnresolvedReference(_) | Self::InputMismatch(_) => "InvalidHashChainRef",
            Self::UnusedInputs(_) => "HashchainUnusedInputs",
        }
    }
}

/// Runs the readers over arbitrary bytes, for a fuzzer: `0xFF` parts the result from the chain. Must never panic.
pub fn fuzz(data: &[u8]) {
    let mut halves = data.splitn(2, |&byte| byte == 0xFF);
    let result = halves.next().unwrap_or_default();
    let chain = halves.next().unwrap_or_default();
    let inputs = [Input { uri: MESSAGE_URI, data: InputData::Absent }];
    for rules in [Rules::SIGNATURE, Rules { weaker_digests: true, ..Rules::TIMESTAMP }] {
        drop(verify(result, chain, &inputs, rules));
    }
}
