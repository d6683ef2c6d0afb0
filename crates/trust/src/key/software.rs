//! A private key held in memory, parsed once. Its memory is wiped by the cryptographic library when the key is dropped.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair};
use zeroize::Zeroizing;

use super::ecdsa::Curve;
use super::{KeyError, KeyKind, SignatureAlgorithm, SigningKey};

/// A private key in memory.
pub struct SoftwareKey {
    kind: KeyKind,
    spki: Vec<u8>,
    pair: Pair,
}

enum Pair {
    Ec(Curve, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl SoftwareKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library fails (no randomness).
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let size = match kind {
            KeyKind::EcP256 => return Self::generate_ec(Curve::P256),
            KeyKind::EcP384 => return Self::generate_ec(Curve::P384),
            KeyKind::Rsa2048 => KeySize::Rsa2048,
            KeyKind::Rsa3072 => KeySize::Rsa3072,
            KeyKind::Rsa4096 => KeySize::Rsa4096,
        };
        Self::from_rsa(RsaKeyPair::generate(size).map_err(|_| KeyError::Refused)?)
    }

    fn generate_ec(curve: Curve) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(ec_algorithm(curve)).map_err(|_| KeyError::Refused)?;
        Self::from_ec(curve, pair)
    }

    /// Reads an unencrypted PKCS#8 private key (DER).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] unless it is a P-256, P-384, or 2048-, 3072- or 4096-bit RSA key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        for curve in [Curve::P256, Curve::P384] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(ec_algorithm(curve), der) {
                return Self::from_ec(curve, pair);
            }
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed("PKCS#8 private key"))?;
        Self::from_rsa(pair)
    }

    /// Reads an unencrypted `PRIVATE KEY` PEM block.
    ///
    /// # Errors
    /// As [`SoftwareKey::from_pkcs8`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = der::pem::decode_vec(pem.trim().as_bytes()).map_err(|_| KeyError::Malformed("PEM"))?;
        let der = Zeroizing::new(der);
        if label != "PRIVATE KEY" {
            return Err(KeyError::Malformed("PEM block is not PRIVATE KEY"));
        }
        Self::from_pkcs8(&der)
    }

    /// The key as unencrypted PKCS#8 DER, wiped when dropped.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = match &self.pair {
            Pair::Ec(_, pair) => pair.to_pkcs8v1().map_err(|_| KeyError::Refused)?.as_ref().to_vec(),
            Pair::Rsa(pair) => pair.as_der().map_err(|_| KeyError::Refused)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(bytes))
    }

    fn from_ec(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let kind = match curve {
            Curve::P256 => KeyKind::EcP256,
            Curve::P384 => KeyKind::EcP384,
        };
        let spki = pair.public_key().as_der().map_err(|_| KeyError::Refused)?.as_ref().to_vec();
        Ok(Self { kind, spki, pair: Pair::Ec(curve, pair) })
    }

    fn from_rsa(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let kind = KeyKind::from_rsa_bits(pair.public_modulus_len() * 8)
            .ok_or(KeyError::Malformed("RSA modulus is not 2048, 3072 or 4096 bits long"))?;
        let spki = pair.public_key().as_der().map_err(|_| KeyError::Refused)?.as_ref().to_vec();
        Ok(Self { kind, spki, pair: Pair::Rsa(pair) })
    }
}

impl SigningKey for SoftwareKey {
    fn kind(&self) -> KeyKind {
        self.kind
    }

    fn public_key_der(&self) -> &[u8] {
        &self.spki
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Ec(curve, pair) if algorithm.is_ecdsa() => {
                let digest = curve.digest(algorithm.digest_kind(), message)?;
                let signature = pair.sign_digest(&digest).map_err(|_| KeyError::Refused)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let padding = rsa_padding(algorithm).ok_or(KeyError::Unsupported { algorithm })?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(|_| KeyError::Refused)?;
                Ok(signature)
            }
            Pair::Ec(..) => Err(KeyError::Unsupported { algorithm }),
        }
    }
}

fn ec_algorithm(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

fn rsa_padding(algorithm: SignatureAlgorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
        SignatureAlgorithm::RsaPkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
        SignatureAlgorithm::RsaPssSha256 => &signature::RSA_PSS_SHA256,
        SignatureAlgorithm::RsaPssSha384 => &signature::RSA_PSS_SHA384,
        SignatureAlgorithm::RsaPssSha512 => &signature::RSA_PSS_SHA512,
        SignatureAlgorithm::EcdsaSha256 | SignatureAlgorithm::EcdsaSha384 | SignatureAlgorithm::EcdsaSha512 => {
            return None;
        }
    })
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}
