//! What a key is, which signatures it can make, and the one trait through which everything signs.
//!
//! A signature is the raw integer for RSA and an ASN.1 DER `ECDSA-Sig-Value` for ECDSA. XML signatures need the fixed-width
//! `r || s` form instead: [`ecdsa_der_to_fixed`] and [`ecdsa_fixed_to_der`] translate.

mod algorithm;
mod ecdsa;
mod public;
mod software;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use algorithm::{DigestKind, SignatureAlgorithm};
pub use ecdsa::{ecdsa_der_to_fixed, ecdsa_fixed_to_der};
pub use public::PublicKey;
pub use software::SoftwareKey;

/// The kinds of key the exchange accepts (checklist 46).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// NIST P-256 (secp256r1).
    EcP256,
    /// NIST P-384 (secp384r1).
    EcP384,
    /// RSA, 2048-bit modulus.
    Rsa2048,
    /// RSA, 3072-bit modulus.
    Rsa3072,
    /// RSA, 4096-bit modulus.
    Rsa4096,
}

impl KeyKind {
    /// Every kind, weakest and fastest first within its family.
    pub const ALL: [Self; 5] = [Self::EcP256, Self::EcP384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// Whether this is an elliptic-curve key.
    #[must_use]
    pub const fn is_ec(self) -> bool {
        matches!(self, Self::EcP256 | Self::EcP384)
    }

    /// The algorithm for certificates, certificate requests, OCSP answers and time-stamps: the digest whose strength fits the key.
    #[must_use]
    pub const fn certificate_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcP384 => SignatureAlgorithm::EcdsaSha384,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaPkcs1Sha256,
        }
    }

    /// The algorithm for message signatures: SHA-512 with every kind of key (exchange protocol §2.5).
    #[must_use]
    pub const fn message_algorithm(self) -> SignatureAlgorithm {
        if self.is_ec() { SignatureAlgorithm::EcdsaSha512 } else { SignatureAlgorithm::RsaPkcs1Sha512 }
    }

    /// Stable name used in configuration, on the command line and in stored records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcP256 => "ec-p256",
            Self::EcP384 => "ec-p384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        }
    }

    /// Modulus length in bits of an RSA kind.
    #[must_use]
    pub const fn rsa_bits(self) -> Option<usize> {
        match self {
            Self::Rsa2048 => Some(2048),
            Self::Rsa3072 => Some(3072),
            Self::Rsa4096 => Some(4096),
            Self::EcP256 | Self::EcP384 => None,
        }
    }

    pub(crate) const fn from_rsa_bits(bits: usize) -> Option<Self> {
        match bits {
            2048 => Some(Self::Rsa2048),
            3072 => Some(Self::Rsa3072),
            4096 => Some(Self::Rsa4096),
            _ => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyKind {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(KeyError::UnknownKind)
    }
}

/// The digest of `message` for an ECDSA signature, fitted to the curve of `kind`.
pub(crate) fn ecdsa_digest(
    kind: KeyKind,
    algorithm: SignatureAlgorithm,
    message: &[u8],
) -> Result<aws_lc_rs::digest::Digest, KeyError> {
    let curve = match kind {
        KeyKind::EcP256 => ecdsa::Curve::P256,
        KeyKind::EcP384 => ecdsa::Curve::P384,
        _ => return Err(KeyError::Unsupported { algorithm }),
    };
    curve.digest(algorithm.digest_kind(), message)
}

/// A private key that can sign: held in memory, or an object of a PKCS#11 device. Safe to share between threads.
pub trait SigningKey: Send + Sync + fmt::Debug {
    /// What kind of key this is.
    fn kind(&self) -> KeyKind;

    /// The public half as a DER `SubjectPublicKeyInfo`.
    fn public_key_der(&self) -> &[u8];

    /// Signs `message` (hashing it first). RSA: the raw signature; ECDSA: ASN.1 DER.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] if the algorithm does not fit the key; [`KeyError::Device`] if a device refused.
    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

impl<K: SigningKey + ?Sized> SigningKey for Arc<K> {
    fn kind(&self) -> KeyKind {
        (**self).kind()
    }

    fn public_key_der(&self) -> &[u8] {
        (**self).public_key_der()
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        (**self).sign(algorithm, message)
    }
}

/// Why a key could not be read or used. Never carries key material.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The name of a key kind or the URI of an algorithm is not one we know.
    #[error("unknown key kind or signature algorithm")]
    UnknownKind,
    /// The bytes are not a key of a kind we accept.
    #[error("not a supported key: {0}")]
    Malformed(&'static str),
    /// The algorithm cannot be used with this kind of key.
    #[error("{algorithm} does not fit this key")]
    Unsupported {
        /// The algorithm that was asked for.
        algorithm: SignatureAlgorithm,
    },
    /// The signature is not one made by this key over this message.
    #[error("the signature does not verify")]
    BadSignature,
    /// Key generation or signing failed inside the cryptographic library.
    #[error("the cryptographic library refused the operation")]
    Refused,
    /// A key device could not do it (session lost, PIN locked, object gone …).
    #[error("the key device failed: {0}")]
    Device(String),
}
