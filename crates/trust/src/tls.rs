//! Lending a key of any token to rustls, so that the TLS key of a gateway may live in a file or in a device.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey as TlsSigningKey};
use rustls::{SignatureAlgorithm as TlsAlgorithm, SignatureScheme};

use crate::Certificate;
use crate::key::{KeyError, KeyKind, SignatureAlgorithm, SigningKey};

/// A certificate chain (leaf first) with its key, for either side of a TLS connection. With a device key each full handshake
/// waits for the device.
///
/// # Errors
/// [`KeyError::Malformed`] if the chain is empty or its leaf is for another key.
pub fn certified_key(chain: &[Certificate], key: Arc<dyn SigningKey>) -> Result<Arc<CertifiedKey>, KeyError> {
    let leaf = chain.first().ok_or(KeyError::Malformed("empty certificate chain"))?;
    if leaf.public_key_der() != key.public_key_der() {
        return Err(KeyError::Malformed("the certificate is for another key"));
    }
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    Ok(Arc::new(CertifiedKey::new(chain, Arc::new(TlsKey(key)))))
}

struct TlsKey(Arc<dyn SigningKey>);

/// The schemes of each kind of key, best first: TLS 1.3 allows only those with PSS or matching curve, TLS 1.2 the others too.
fn schemes(kind: KeyKind) -> &'static [(SignatureScheme, SignatureAlgorithm)] {
    match kind {
        KeyKind::EcP256 => &[(SignatureScheme::ECDSA_NISTP256_SHA256, SignatureAlgorithm::EcdsaSha256)],
        KeyKind::EcP384 => &[(SignatureScheme::ECDSA_NISTP384_SHA384, SignatureAlgorithm::EcdsaSha384)],
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => &[
            (SignatureScheme::RSA_PSS_SHA256, SignatureAlgorithm::RsaPssSha256),
            (SignatureScheme::RSA_PSS_SHA384, SignatureAlgorithm::RsaPssSha384),
            (SignatureScheme::RSA_PSS_SHA512, SignatureAlgorithm::RsaPssSha512),
            (SignatureScheme::RSA_PKCS1_SHA256, SignatureAlgorithm::RsaPkcs1Sha256),
            (SignatureScheme::RSA_PKCS1_SHA384, SignatureAlgorithm::RsaPkcs1Sha384),
            (SignatureScheme::RSA_PKCS1_SHA512, SignatureAlgorithm::RsaPkcs1Sha512),
        ],
    }
}

impl TlsSigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let (scheme, algorithm) = schemes(self.0.kind()).iter().find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(TlsSigner { key: self.0.clone(), scheme: *scheme, algorithm: *algorithm }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.0.public_key_der()))
    }

    fn algorithm(&self) -> TlsAlgorithm {
        if self.0.kind().is_ec() { TlsAlgorithm::ECDSA } else { TlsAlgorithm::RSA }
    }
}

impl fmt::Debug for TlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsKey").field(&self.0.kind()).finish()
    }
}

struct TlsSigner {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    algorithm: SignatureAlgorithm,
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.key.sign(self.algorithm, message).map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for TlsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSigner").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
