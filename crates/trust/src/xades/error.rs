//! Why a signature or its signer is not accepted, with the codes of the protocol.

use crate::cert::ChainError;
use crate::key::KeyError;
use crate::ocsp::OcspError;

/// Why a signature is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature of the profile; also every attempt to move, double or hide its parts.
    #[error("malformed signature: {0}")]
    Malformed(String),
    /// A reference is unknown, unwanted or transformed, or the signed properties are not those that were signed.
    #[error("invalid reference in signature: {0}")]
    Reference(String),
    /// The certificate in the key information is not the one that was signed as the signer's.
    #[error("the signing certificate is not the one named in the signed properties")]
    OtherCertificate,
    /// The certificate may not sign messages.
    #[error("the certificate is not for signing (no non-repudiation usage)")]
    Usage,
    /// The signature value does not verify.
    #[error("invalid signature value: {0}")]
    Value(KeyError),
    /// The signer is not trusted, or was not at that time.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl SignatureError {
    /// The error code of the exchange protocol (§2.1.4) in its documented spelling.
    pub fn protocol_code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MalformedSignature",
            Self::Reference(_) => "InvalidReference",
            Self::OtherCertificate | Self::Usage => "IncorrectCertificate",
            Self::Value(_) => "InvalidSignatureValue",
            Self::Signer(error) => error.protocol_code(),
        }
    }
}

/// Why a certificate is not accepted as a signer at a given time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// No path to an approved authority.
    #[error("signer is not trusted: {0}")]
    Path(ChainError),
    /// An approved authority itself tried to sign a message.
    #[error("an authority cannot sign messages")]
    IsAuthority,
    /// The signature carries no OCSP response.
    #[error("the signature has no OCSP response for its signer")]
    NoOcsp,
    /// No OCSP response in the signature proves that the certificate was good.
    #[error("certificate status: {0}")]
    Ocsp(OcspError),
}

impl SignerError {
    /// The error code of the exchange protocol (§2.1.4) in its documented spelling.
    pub fn protocol_code(&self) -> &'static str {
        match self {
            Self::Path(ChainError::UnknownIssuer { .. }) => "CannotCreateCertPath",
            Self::Path(_) | Self::IsAuthority => "InvalidCertPath",
            Self::NoOcsp => "IncorrectValidationInfo",
            Self::Ocsp(OcspError::Revoked | OcspError::Unknown) => "CertValidation",
            Self::Ocsp(_) => "IncorrectValidationInfo",
        }
    }
}
