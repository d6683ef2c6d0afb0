//! Signature algorithms and their names in XML signatures (RFC 9231) and in X.509 (RFC 4055, RFC 5758).

use std::fmt;

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::asn1::{Any, Null};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierOwned;

use super::KeyError;

/// A message digest used inside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestKind {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl DigestKind {
    /// The digest of `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> digest::Digest {
        digest::digest(self.algorithm(), message)
    }

    /// The object identifier of the digest.
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => rfc5912::ID_SHA_256,
            Self::Sha384 => rfc5912::ID_SHA_384,
            Self::Sha512 => rfc5912::ID_SHA_512,
        }
    }

    /// The digest named by an object identifier, or `None` for one we do not accept in signatures (SHA-1 among them).
    #[must_use]
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|kind| kind.oid() == oid)
    }

    /// Length of the digest in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Never true: a digest has bytes. Present because `len` is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        false
    }

    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(crate) fn identifier(self) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned { oid: self.oid(), parameters: Some(Any::from(Null)) }
    }
}

/// A signature algorithm: padding or curve family, and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512: the usual message signature of the exchange.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256, 32-byte salt.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, MGF1-SHA-384, 48-byte salt.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, MGF1-SHA-512, 64-byte salt.
    RsaPssSha512,
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
    /// ECDSA with SHA-512: the message signature of EC keys, P-256 included.
    EcdsaSha512,
}

use SignatureAlgorithm as Sig;

/// `RSASSA-PSS-params` (RFC 4055 §3.1). The defaults mean SHA-1, which we refuse, so the fields are simply optional here.
#[derive(Clone, Debug, Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask_generation: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_length: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
    ];

    /// The `SignatureMethod/@Algorithm` of XML-DSig.
    #[must_use]
    pub const fn xml_uri(self) -> &'static str {
        match self {
            Self::RsaPkcs1Sha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaPkcs1Sha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaPkcs1Sha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPssSha256 => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPssSha384 => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPssSha512 => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::EcdsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
        }
    }

    /// The algorithm named by an XML-DSig URI.
    ///
    /// # Errors
    /// [`KeyError::UnknownKind`] for any other URI, the SHA-1 ones included.
    pub fn from_xml_uri(uri: &str) -> Result<Self, KeyError> {
        Self::ALL.into_iter().find(|algorithm| algorithm.xml_uri() == uri).ok_or(KeyError::UnknownKind)
    }

    /// The digest that the algorithm signs.
    #[must_use]
    pub const fn digest_kind(self) -> DigestKind {
        match self {
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 | Self::EcdsaSha256 => DigestKind::Sha256,
            Self::RsaPkcs1Sha384 | Self::RsaPssSha384 | Self::EcdsaSha384 => DigestKind::Sha384,
            Self::RsaPkcs1Sha512 | Self::RsaPssSha512 | Self::EcdsaSha512 => DigestKind::Sha512,
        }
    }

    /// Whether the algorithm is for elliptic-curve keys.
    #[must_use]
    pub const fn is_ecdsa(self) -> bool {
        matches!(self, Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512)
    }

    /// The X.509 `AlgorithmIdentifier`.
    pub(crate) fn identifier(self) -> der::Result<AlgorithmIdentifierOwned> {
        let (oid, parameters) = match self {
            Self::RsaPkcs1Sha256 => (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, Some(Any::from(Null))),
            Self::RsaPkcs1Sha384 => (rfc5912::SHA_384_WITH_RSA_ENCRYPTION, Some(Any::from(Null))),
            Self::RsaPkcs1Sha512 => (rfc5912::SHA_512_WITH_RSA_ENCRYPTION, Some(Any::from(Null))),
            Self::EcdsaSha256 => (rfc5912::ECDSA_WITH_SHA_256, None),
            Self::EcdsaSha384 => (rfc5912::ECDSA_WITH_SHA_384, None),
            Self::EcdsaSha512 => (rfc5912::ECDSA_WITH_SHA_512, None),
            Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512 => {
                (rfc5912::ID_RSASSA_PSS, Some(self.pss_parameters()?))
            }
        };
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }

    fn pss_parameters(self) -> der::Result<Any> {
        let hash = self.digest_kind().identifier();
        let parameters = PssParameters {
            mask_generation: Some(AlgorithmIdentifierOwned {
                oid: rfc5912::ID_MGF_1,
                parameters: Some(Any::encode_from(&hash)?),
            }),
            salt_length: u16::try_from(self.digest_kind().len()).ok(),
            hash: Some(hash),
            trailer: None,
        };
        Any::encode_from(&parameters)
    }

    /// The algorithm of an X.509 signature.
    pub(crate) fn from_identifier(identifier: &AlgorithmIdentifierOwned) -> Result<Self, KeyError> {
        match identifier.oid {
            rfc5912::SHA_256_WITH_RSA_ENCRYPTION => Ok(Sig::RsaPkcs1Sha256),
            rfc5912::SHA_384_WITH_RSA_ENCRYPTION => Ok(Sig::RsaPkcs1Sha384),
            rfc5912::SHA_512_WITH_RSA_ENCRYPTION => Ok(Sig::RsaPkcs1Sha512),
            rfc5912::ECDSA_WITH_SHA_256 => Ok(Sig::EcdsaSha256),
            rfc5912::ECDSA_WITH_SHA_384 => Ok(Sig::EcdsaSha384),
            rfc5912::ECDSA_WITH_SHA_512 => Ok(Sig::EcdsaSha512),
            rfc5912::ID_RSASSA_PSS => Self::from_pss(identifier).ok_or(KeyError::UnknownKind),
            _ => Err(KeyError::UnknownKind),
        }
    }

    /// CMS may name the key type (`rsaEncryption`, `id-ecPublicKey`) and leave the digest to a field of its own (RFC 3370 §3.2).
    pub(crate) fn from_cms(identifier: &AlgorithmIdentifierOwned, digest: DigestKind) -> Result<Self, KeyError> {
        match (identifier.oid, digest) {
            (rfc5912::RSA_ENCRYPTION, DigestKind::Sha256) => Ok(Sig::RsaPkcs1Sha256),
            (rfc5912::RSA_ENCRYPTION, DigestKind::Sha384) => Ok(Sig::RsaPkcs1Sha384),
            (rfc5912::RSA_ENCRYPTION, DigestKind::Sha512) => Ok(Sig::RsaPkcs1Sha512),
            (rfc5912::ID_EC_PUBLIC_KEY, DigestKind::Sha256) => Ok(Sig::EcdsaSha256),
            (rfc5912::ID_EC_PUBLIC_KEY, DigestKind::Sha384) => Ok(Sig::EcdsaSha384),
            (rfc5912::ID_EC_PUBLIC_KEY, DigestKind::Sha512) => Ok(Sig::EcdsaSha512),
            _ => Self::from_identifier(identifier),
        }
    }

    /// Accepts only the PSS parameters we also make: one digest for message and mask, salt as long as the digest.
    fn from_pss(identifier: &AlgorithmIdentifierOwned) -> Option<Self> {
        let parameters: PssParameters = identifier.parameters.as_ref()?.decode_as().ok()?;
        let hash = parameters.hash?;
        let digest = DigestKind::from_oid(hash.oid)?;
        let mask = parameters.mask_generation?;
        let mask_hash = AlgorithmIdentifierOwned::from_der(&mask.parameters?.to_der().ok()?).ok()?;
        let same_hash = mask.oid == rfc5912::ID_MGF_1 && mask_hash.oid == hash.oid;
        let salt_fits = parameters.salt_length.map(usize::from) == Some(digest.len());
        let trailer_fits = parameters.trailer.unwrap_or(1) == 1;
        (same_hash && salt_fits && trailer_fits).then_some(match digest {
            DigestKind::Sha256 => Sig::RsaPssSha256,
            DigestKind::Sha384 => Sig::RsaPssSha384,
            DigestKind::Sha512 => Sig::RsaPssSha512,
        })
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaPkcs1Sha256 => "SHA256withRSA",
            Self::RsaPkcs1Sha384 => "SHA384withRSA",
            Self::RsaPkcs1Sha512 => "SHA512withRSA",
            Self::RsaPssSha256 => "SHA256withRSAandMGF1",
            Self::RsaPssSha384 => "SHA384withRSAandMGF1",
            Self::RsaPssSha512 => "SHA512withRSAandMGF1",
            Self::EcdsaSha256 => "SHA256withECDSA",
            Self::EcdsaSha384 => "SHA384withECDSA",
            Self::EcdsaSha512 => "SHA512withECDSA",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::from_xml_uri(algorithm.xml_uri()), Ok(algorithm));
            let identifier = algorithm.identifier().unwrap();
            let bytes = identifier.to_der().unwrap();
            let again = AlgorithmIdentifierOwned::from_der(&bytes).unwrap();
            assert_eq!(SignatureAlgorithm::from_identifier(&again), Ok(algorithm));
        }
    }

    #[test]
    fn sha1_signatures_are_refused() {
        assert!(SignatureAlgorithm::from_xml_uri("http://www.w3.org/2000/09/xmldsig#rsa-sha1").is_err());
        let sha1 = AlgorithmIdentifierOwned { oid: rfc5912::SHA_1_WITH_RSA_ENCRYPTION, parameters: None };
        assert!(SignatureAlgorithm::from_identifier(&sha1).is_err());
        // PSS with absent parameters means SHA-1 (RFC 4055 §3.1).
        let pss = AlgorithmIdentifierOwned { oid: rfc5912::ID_RSASSA_PSS, parameters: None };
        assert!(SignatureAlgorithm::from_identifier(&pss).is_err());
    }
}
