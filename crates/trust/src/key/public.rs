//! A public key, parsed once and ready to verify many signatures.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::{Decode, Reader, SliceReader};
use spki::SubjectPublicKeyInfoRef;

use super::ecdsa::Curve;
use super::{KeyError, KeyKind, SignatureAlgorithm};

/// A public key that verifies signatures. Parsing, and the per-key tables of the library, happen once.
pub struct PublicKey {
    spki: Vec<u8>,
    parsed: Parsed,
}

enum Parsed {
    Ec { curve: Curve, key: Box<ParsedPublicKey> },
    Rsa { bits: usize, keys: Box<[OnceLock<ParsedPublicKey>; 6]> },
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] unless it is P-256, P-384 or RSA of 2048 to 8192 bits.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| KeyError::Malformed("SubjectPublicKeyInfo"))?;
        let parsed = match info.algorithm.oid {
            rfc5912::ID_EC_PUBLIC_KEY => Self::parse_ec(&info, spki)?,
            rfc5912::RSA_ENCRYPTION => Self::parse_rsa(&info, spki)?,
            _ => return Err(KeyError::Malformed("neither an EC nor an RSA key")),
        };
        Ok(Self { spki: spki.to_vec(), parsed })
    }

    fn parse_ec(info: &SubjectPublicKeyInfoRef<'_>, spki: &[u8]) -> Result<Parsed, KeyError> {
        let named = info.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let (curve, algorithm) = match named {
            Some(rfc5912::SECP_256_R_1) => (Curve::P256, &signature::ECDSA_P256_SHA256_ASN1),
            Some(rfc5912::SECP_384_R_1) => (Curve::P384, &signature::ECDSA_P384_SHA384_ASN1),
            _ => return Err(KeyError::Malformed("the curve is neither P-256 nor P-384")),
        };
        let key = ParsedPublicKey::new(algorithm, spki).map_err(|_| KeyError::Malformed("not a point of the curve"))?;
        Ok(Parsed::Ec { curve, key: Box::new(key) })
    }

    fn parse_rsa(info: &SubjectPublicKeyInfoRef<'_>, spki: &[u8]) -> Result<Parsed, KeyError> {
        let bits = rsa_modulus_bits(info.subject_public_key.raw_bytes()).ok_or(KeyError::Malformed("RSA key"))?;
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::Malformed("RSA modulus is not 2048 to 8192 bits long"));
        }
        let first = ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA512, spki)
            .map_err(|_| KeyError::Malformed("RSA key"))?;
        let keys: Box<[OnceLock<ParsedPublicKey>; 6]> = Box::default();
        if let Some((slot, _)) = rsa_slot(SignatureAlgorithm::RsaPkcs1Sha512) {
            keys[slot].get_or_init(|| first);
        }
        Ok(Parsed::Rsa { bits, keys })
    }

    /// The kind of key, or `None` for an RSA length we verify but do not make (such as 2560 bits).
    #[must_use]
    pub fn kind(&self) -> Option<KeyKind> {
        match &self.parsed {
            Parsed::Ec { curve: Curve::P256, .. } => Some(KeyKind::EcP256),
            Parsed::Ec { curve: Curve::P384, .. } => Some(KeyKind::EcP384),
            Parsed::Rsa { bits, .. } => KeyKind::from_rsa_bits(*bits),
        }
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Checks that `signature` (raw RSA, or DER ECDSA) was made over `message`.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`], or [`KeyError::Unsupported`] when the algorithm is for another family of keys.
    pub fn verify(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match &self.parsed {
            Parsed::Ec { curve, key } if algorithm.is_ecdsa() => {
                let digest = curve.digest(algorithm.digest_kind(), message)?;
                key.verify_digest_sig(&digest, signature).map_err(|_| KeyError::BadSignature)
            }
            Parsed::Rsa { keys, .. } => {
                let (slot, parameters) = rsa_slot(algorithm).ok_or(KeyError::Unsupported { algorithm })?;
                let key = match keys[slot].get() {
                    Some(key) => key,
                    None => {
                        let key = ParsedPublicKey::new(parameters, &self.spki).map_err(|_| KeyError::Refused)?;
                        keys[slot].get_or_init(|| key)
                    }
                };
                key.verify_sig(message, signature).map_err(|_| KeyError::BadSignature)
            }
            Parsed::Ec { .. } => Err(KeyError::Unsupported { algorithm }),
        }
    }
}

/// The library binds a parsed RSA key to one padding and digest, so each algorithm has its own slot, filled on first use.
fn rsa_slot(algorithm: SignatureAlgorithm) -> Option<(usize, &'static RsaParameters)> {
    Some(match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => (0, &signature::RSA_PKCS1_2048_8192_SHA256),
        SignatureAlgorithm::RsaPkcs1Sha384 => (1, &signature::RSA_PKCS1_2048_8192_SHA384),
        SignatureAlgorithm::RsaPkcs1Sha512 => (2, &signature::RSA_PKCS1_2048_8192_SHA512),
        SignatureAlgorithm::RsaPssSha256 => (3, &signature::RSA_PSS_2048_8192_SHA256),
        SignatureAlgorithm::RsaPssSha384 => (4, &signature::RSA_PSS_2048_8192_SHA384),
        SignatureAlgorithm::RsaPssSha512 => (5, &signature::RSA_PSS_2048_8192_SHA512),
        SignatureAlgorithm::EcdsaSha256 | SignatureAlgorithm::EcdsaSha384 | SignatureAlgorithm::EcdsaSha512 => {
            return None;
        }
    })
}

/// Bits of the modulus in a DER `RSAPublicKey`.
fn rsa_modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader
        .sequence(|fields| {
            let modulus = der::asn1::UintRef::decode(fields)?;
            let _exponent = der::asn1::UintRef::decode(fields)?;
            Ok(modulus)
        })
        .ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first()?;
    Some(bytes.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kind", &self.kind()).finish_non_exhaustive()
    }
}
