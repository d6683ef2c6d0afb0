//! The outer shape that certificates, certificate requests and OCSP answers share: signed bytes, algorithm, signature.
//!
//! The signed bytes are taken as they stand in the input. Decoding and encoding again could change them and break a good
//! signature, or repair a bad one.

use der::asn1::BitStringRef;
use der::{Decode, Encode, Reader, SliceReader};
use spki::AlgorithmIdentifierOwned;

use crate::key::{KeyError, PublicKey, SignatureAlgorithm, SigningKey};

/// A view of `SEQUENCE { signed, AlgorithmIdentifier, BIT STRING, … }`.
pub(crate) struct SignedParts<'a> {
    /// The bytes under the signature, header included.
    pub(crate) signed: &'a [u8],
    /// The algorithm named beside the signature.
    pub(crate) algorithm: AlgorithmIdentifierOwned,
    /// The signature itself.
    pub(crate) signature: &'a [u8],
}

impl<'a> SignedParts<'a> {
    /// Splits `der`; what may follow the signature inside the sequence is left alone.
    pub(crate) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let header = der::Header::decode(&mut reader)?;
        header.tag.assert_eq(der::Tag::Sequence)?;
        let signed = reader.tlv_bytes()?;
        let algorithm = AlgorithmIdentifierOwned::decode(&mut reader)?;
        let signature = BitStringRef::decode(&mut reader)?;
        let signature = signature.as_bytes().ok_or(der::Tag::BitString.value_error())?;
        Ok(Self { signed, algorithm, signature })
    }

    /// Checks the signature with `key`.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<(), KeyError> {
        let algorithm = SignatureAlgorithm::from_identifier(&self.algorithm)?;
        key.verify(algorithm, self.signed, self.signature)
    }
}

/// Signs `body` (already DER) and wraps it as `SEQUENCE { body, algorithm, signature, tail }`; `tail` is DER or empty.
pub(crate) fn sign_der(body: &[u8], key: &dyn SigningKey, tail: &[u8]) -> Result<Vec<u8>, KeyError> {
    let algorithm = key.kind().certificate_algorithm();
    let signature = key.sign(algorithm, body)?;
    let malformed = |_| KeyError::Malformed("encoding");
    let identifier = algorithm.identifier().and_then(|identifier| identifier.to_der()).map_err(malformed)?;
    let signature = BitStringRef::from_bytes(&signature).and_then(|bits| bits.to_der()).map_err(malformed)?;
    let content = [body, &identifier, &signature, tail].concat();
    der::asn1::AnyRef::new(der::Tag::Sequence, &content).and_then(|any| any.to_der()).map_err(malformed)
}
