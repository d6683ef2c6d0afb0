//! A certificate as the configuration carries it: DER bytes with their digests. What the bytes say is the business of `trust`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA224, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// DER bytes of a certificate. Cheap to clone; compared byte for byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CertDer(Arc<[u8]>);

impl CertDer {
    /// Keeps these bytes; they are not parsed here.
    #[must_use]
    pub fn new(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// The bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the bytes: how shared parameters name an authentication certificate.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    /// SHA-256 of the bytes in lower-case hexadecimal: how tables and journals name a certificate.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256())
    }

    /// SHA-512 of the bytes: how a signed directory names its verification certificate.
    #[must_use]
    pub fn sha512(&self) -> [u8; 64] {
        sha512(&self.0)
    }

    /// Standard base64 without line breaks, as XML carries it.
    #[must_use]
    pub fn base64(&self) -> String {
        BASE64.encode(&self.0)
    }
}

/// JSON carries a certificate as base64.
impl Serialize for CertDer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base64())
    }
}

impl<'de> Deserialize<'de> for CertDer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(|der| Self::new(&der)).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for CertDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertDer(sha256 {})", hex::encode(self.sha256()))
    }
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(digest(&SHA256, bytes).as_ref())
}

/// SHA-512.
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    fixed(digest(&SHA512, bytes).as_ref())
}

/// SHA-224: the fingerprint an administrator compares when importing an anchor.
#[must_use]
pub fn sha224(bytes: &[u8]) -> [u8; 28] {
    fixed(digest(&SHA224, bytes).as_ref())
}

/// The digest algorithms above give exactly `N` bytes, so nothing is cut and nothing is padded.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
