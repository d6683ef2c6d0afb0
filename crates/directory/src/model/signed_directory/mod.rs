//! The signed directory: the short multipart text that names the files of a configuration, their digests and how long they count,
//! under one signature (§2.12). Header spelling, quotes and line ends are those that deployed clients search for byte by byte.

mod mime;
mod parse;
#[cfg(test)]
mod tests;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use trust::key::SignatureAlgorithm;

use super::cert::{CertDer, sha256, sha512};

pub use parse::parse;
pub use verify::{Expectation, Verified};

/// Content identifier of shared parameters.
pub const SHARED_PARAMETERS: &str = "SHARED-PARAMETERS";
/// Content identifier of private parameters.
pub const PRIVATE_PARAMETERS: &str = "PRIVATE-PARAMETERS";
/// A directory is a few kilobytes; nothing larger is looked at.
pub const MAX_DIRECTORY_BYTES: usize = 1 << 20;
/// The version of a directory that does not say one.
pub const VERSION_WHEN_ABSENT: u32 = 2;

const XMLENC_SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const XMLENC_SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

/// Digest algorithms that files and certificates are named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512; the one we write.
    Sha512,
}

impl HashAlgorithm {
    /// Identifier used in headers.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => XMLENC_SHA256,
            Self::Sha512 => XMLENC_SHA512,
        }
    }

    /// From the identifier used in headers.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|known| known.uri() == uri)
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha256(bytes).to_vec(),
            Self::Sha512 => sha512(bytes).to_vec(),
        }
    }
}

/// What a directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// When it ceases to count; whole seconds.
    pub expires_at: Timestamp,
    /// Version of the configuration.
    pub version: u32,
    /// The files.
    pub files: Vec<FileEntry>,
}

/// One file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is, e.g. [`SHARED_PARAMETERS`].
    pub content: String,
    /// Instance it belongs to.
    pub instance: String,
    /// Path on the server that gave the directory.
    pub location: String,
    /// Name it is stored under, for optional parts.
    pub file_name: Option<String>,
    /// Algorithm of `hash`.
    pub hash_algorithm: HashAlgorithm,
    /// Digest of the file.
    pub hash: Vec<u8>,
}

/// The signature of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySignature {
    /// How it was made.
    pub algorithm: SignatureAlgorithm,
    /// The signature; ECDSA as ASN.1 DER.
    pub value: Vec<u8>,
    /// Digest of the certificate that verifies it.
    pub cert_hash: Vec<u8>,
    /// Algorithm of `cert_hash`.
    pub cert_hash_algorithm: HashAlgorithm,
}

/// A directory as received: what it says and the bytes that were signed. Nothing in it counts before [`Signed::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The signed bytes, exactly as received.
    pub signed_bytes: &'a [u8],
    /// What they say.
    pub directory: Directory,
    /// The signature over them.
    pub signature: DirectorySignature,
}

/// Why a directory is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// It is not the multipart text it should be.
    #[error("malformed directory: {0}")]
    Malformed(&'static str),
    /// It is larger than [`MAX_DIRECTORY_BYTES`].
    #[error("the directory is larger than {MAX_DIRECTORY_BYTES} bytes")]
    TooLarge,
    /// A header is missing.
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    /// A header cannot be read.
    #[error("header {name} holds {value:?}")]
    Header {
        /// Which.
        name: &'static str,
        /// What it holds, shortened.
        value: String,
    },
    /// A file is named twice.
    #[error("{content} of instance {instance} is named twice")]
    DuplicatePart {
        /// Which content.
        content: String,
        /// Of which instance.
        instance: String,
    },
    /// A location would lead out of the server's own tree.
    #[error("location {0:?} is not a plain absolute path")]
    Location(String),
    /// A digest or signature algorithm is not one we take.
    #[error("algorithm {0:?} is not supported")]
    Algorithm(String),
    /// No trusted certificate has the digest the signature names.
    #[error("the directory is not signed by a trusted certificate")]
    UnknownCertificate,
    /// The signature does not match the bytes.
    #[error("the signature of the directory does not verify")]
    Signature,
    /// It counts no more.
    #[error("the directory expired at {0}")]
    Expired(Timestamp),
    /// It is of another version than was asked for.
    #[error("expected version {expected}, found {found}")]
    Version {
        /// Asked for.
        expected: u32,
        /// Given.
        found: u32,
    },
    /// It speaks of another instance than the anchor.
    #[error("expected instance {expected:?}, found {found:?}")]
    Instance {
        /// Of the anchor.
        expected: String,
        /// In the directory.
        found: String,
    },
    /// It lacks the file every configuration has.
    #[error("the directory names no {0}")]
    MissingFile(&'static str),
    /// A file's digest is not the one the directory names.
    #[error("{content} does not have the digest the directory names")]
    FileHash {
        /// Which content.
        content: String,
    },
}

impl Directory {
    /// The bytes to be signed. The same directory always gives the same bytes, boundary included.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let boundary = self.boundary("inner");
        let mut out = format!(
            "--{boundary}\r\nExpire-date: {}\r\nVersion: {}\r\n\r\n",
            self.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            self.version
        );
        for file in &self.files {
            out.push_str(&format!("\r\n--{boundary}\r\n"));
            push_file(&mut out, file);
        }
        out.push_str(&format!("\r\n--{boundary}--\r\n"));
        out.into_bytes()
    }

    /// The whole text: `signed` is what [`Directory::signed_bytes`] gave and `signature` was made over.
    #[must_use]
    pub fn envelope(&self, signed: &[u8], signature: &DirectorySignature) -> Vec<u8> {
        let (outer, inner) = (self.boundary("outer"), self.boundary("inner"));
        let mut out = format!(
            "Content-Type: {}\r\n\r\n--{outer}\r\n\
             Content-Type: multipart/mixed; charset=UTF-8; boundary={inner}\r\n\r\n",
            self.content_type()
        )
        .into_bytes();
        out.extend_from_slice(signed);
        let tail = format!(
            "\r\n--{outer}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
             Signature-Algorithm-Id: {}\r\n\
             Verification-certificate-hash: {}; hash-algorithm-id=\"{}\"\r\n\r\n{}\r\n--{outer}--\r\n",
            signature.algorithm.xml_uri(),
            BASE64.encode(&signature.cert_hash),
            signature.cert_hash_algorithm.uri(),
            BASE64.encode(&signature.value),
        );
        out.extend_from_slice(tail.as_bytes());
        out
    }

    /// Media type of the whole text, with its boundary.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/related; charset=UTF-8; boundary={}", self.boundary("outer"))
    }

    /// The file of `content`, if the directory names one.
    #[must_use]
    pub fn file(&self, content: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.content == content)
    }

    /// A boundary is derived from what is named, so that equal directories are equal byte for byte. Base64 lines hold no `-`,
    /// header lines begin with a letter: no line of the text can be taken for a boundary.
    fn boundary(&self, part: &str) -> String {
        let mut seed = format!("{part}\n{}\n{}\n", self.version, self.expires_at.as_second()).into_bytes();
        for file in &self.files {
            seed.extend_from_slice(file.location.as_bytes());
            seed.extend_from_slice(&file.hash);
        }
        let digest = hex::encode(sha256(&seed));
        format!("xroad{}", digest.get(..24).unwrap_or(&digest))
    }
}

impl DirectorySignature {
    /// A signature that names its certificate by SHA-512.
    #[must_use]
    pub fn new(algorithm: SignatureAlgorithm, value: Vec<u8>, cert: &CertDer) -> Self {
        Self { algorithm, value, cert_hash: cert.sha512().to_vec(), cert_hash_algorithm: HashAlgorithm::Sha512 }
    }
}

fn push_file(out: &mut String, file: &FileEntry) {
    out.push_str("Content-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\n");
    out.push_str(&format!("Content-identifier: {}; instance='{}'\r\n", file.content, file.instance));
    out.push_str(&format!("Content-location: {}\r\n", file.location));
    if let Some(name) = &file.file_name {
        out.push_str(&format!("Content-file-name: {name}\r\n"));
    }
    out.push_str(&format!("Hash-algorithm-id: {}\r\n\r\n", file.hash_algorithm.uri()));
    out.push_str(&BASE64.encode(&file.hash));
}
