//! ASiC-E containers: one message with its signature, hash chain and time-stamp in a zip that anybody can keep and verify.
//!
//! [`Container`] is the content; [`Container::write`] makes the zip and [`Container::read`] opens one of unknown origin within
//! bounds. Whether the content proves anything is for [`crate::verify`] to say.
//!
//! Sources: exchange protocol §2.8; ETSI TS 102 918 v1.2.1.

mod manifest;
mod read;
mod write;

pub use manifest::{ManifestError, ManifestReference, manifest_references};
pub use read::{AsicError, ReadLimits};
pub use write::WriteError;

/// Media type of the container, the content of its `mimetype` entry.
pub const MEDIA_TYPE: &str = "application/vnd.etsi.asic-e+zip";

/// Names of the entries.
pub mod entry {
    /// Media type, stored first and uncompressed.
    pub const MIMETYPE: &str = "mimetype";
    /// SOAP envelope, or the REST header part despite its name.
    pub const MESSAGE: &str = "message.xml";
    /// Attachment N is this followed by N, from 1; the body of a REST message is attachment 1.
    pub const ATTACHMENT_PREFIX: &str = "attachment";
    /// The XAdES signature.
    pub const SIGNATURES: &str = "META-INF/signatures.xml";
    /// List of the content, in the form of Open Document.
    pub const MANIFEST: &str = "META-INF/manifest.xml";
    /// What a batch signature covers.
    pub const SIGNATURE_CHAIN_RESULT: &str = "sig-hashchainresult.xml";
    /// The way from this message to that.
    pub const SIGNATURE_CHAIN: &str = "sig-hashchain.xml";
    /// RFC 3161 token of a batch time-stamp.
    pub const TIME_STAMP: &str = "META-INF/timestamp.tst";
    /// Ties the token to what it covers.
    pub const ASIC_MANIFEST: &str = "META-INF/ASiCManifest.xml";
    /// What a batch time-stamp covers.
    pub const TIME_STAMP_CHAIN_RESULT: &str = "ts-hashchainresult.xml";
    /// The way from this signature to that.
    pub const TIME_STAMP_CHAIN: &str = "ts-hashchain.xml";
}

/// A hash chain with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// `…-hashchainresult.xml`.
    pub result: Vec<u8>,
    /// `…-hashchain.xml`.
    pub chain: Vec<u8>,
}

/// A batch time-stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTimeStamp {
    /// RFC 3161 token (DER) over the bytes of the chain's result.
    pub token: Vec<u8>,
    /// Leads from `META-INF/signatures.xml` to what is stamped.
    pub chain: Chain,
    /// `META-INF/ASiCManifest.xml`; `None` to have it made when writing, or when a container lacks it.
    pub manifest: Option<Vec<u8>>,
}

/// The content of a container. The media type and the list of contents are made when writing and checked when reading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// `message.xml`; `None` in evidence that keeps only digests.
    pub message: Option<Vec<u8>>,
    /// Attachments by number, ascending; numbers may be missing in evidence that keeps only digests.
    pub attachments: Vec<(u32, Vec<u8>)>,
    /// `META-INF/signatures.xml`.
    pub signatures: Vec<u8>,
    /// The chain under a batch signature.
    pub signature_chain: Option<Chain>,
    /// The batch time-stamp; a synchronous one is inside the signature.
    pub time_stamp: Option<BatchTimeStamp>,
    /// Names of entries that have no place in a container; never written, reported by the verifier.
    pub unknown: Vec<String>,
}

/// Reads arbitrary bytes as a container, for a fuzzer. Must never panic.
pub fn fuzz(data: &[u8]) {
    let limits = ReadLimits { total_bytes: 1 << 20, entries: 64 };
    if let Ok(container) = Container::read(data, limits)
        && let Some(manifest) = container.time_stamp.and_then(|stamp| stamp.manifest)
    {
        drop(manifest_references(&manifest));
    }
}
