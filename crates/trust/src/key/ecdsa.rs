//! ECDSA details the library leaves to us: digests longer than the curve, and the two encodings of a signature.

use aws_lc_rs::digest::{Digest, SHA256, SHA384};
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};

use super::{DigestKind, KeyError};

/// The curves of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// Bytes of one coordinate, and of the group order.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The digest of `message`, shaped as a value exactly as long as the group order.
    ///
    /// ECDSA signs the leftmost bits of the digest up to the length of the group order (FIPS 186-5 §6.4.1), read as an integer.
    /// So SHA-512 over P-256 *is* a signature over the first 32 bytes, and SHA-256 over P-384 is one over the digest with
    /// zeros in front. The library signs a given digest only under the digest name bound to the key; shaping the value here
    /// gives every combination at full speed with one parsed key.
    pub(super) fn digest(self, kind: DigestKind, message: &[u8]) -> Result<Digest, KeyError> {
        let full = kind.digest(message);
        let mut fitted = [0_u8; 48];
        let fitted = &mut fitted[..self.width()];
        let bytes = full.as_ref();
        if bytes.len() >= fitted.len() {
            fitted.copy_from_slice(&bytes[..fitted.len()]);
        } else {
            let start = fitted.len() - bytes.len();
            fitted[start..].copy_from_slice(bytes);
        }
        let named = match self {
            Self::P256 => &SHA256,
            Self::P384 => &SHA384,
        };
        Digest::import_less_safe(fitted, named).map_err(|_| KeyError::Refused)
    }
}

/// `ECDSA-Sig-Value` (RFC 3279 §2.2.3).
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// Turns a DER ECDSA signature into `r || s`, each padded to `width` bytes (32 for P-256, 48 for P-384), as XML-DSig and PKCS#11 write it.
///
/// # Errors
/// [`KeyError::BadSignature`] if the bytes are not a DER signature or a number is longer than `width`.
pub fn ecdsa_der_to_fixed(signature: &[u8], width: usize) -> Result<Vec<u8>, KeyError> {
    let value = EcdsaSigValue::from_der(signature).map_err(|_| KeyError::BadSignature)?;
    let mut fixed = Vec::with_capacity(2 * width);
    for number in [value.r.as_bytes(), value.s.as_bytes()] {
        let padding = width.checked_sub(number.len()).ok_or(KeyError::BadSignature)?;
        fixed.resize(fixed.len() + padding, 0);
        fixed.extend_from_slice(number);
    }
    Ok(fixed)
}

/// Turns `r || s` of equal widths into a DER ECDSA signature.
///
/// # Errors
/// [`KeyError::BadSignature`] if the length is odd or zero.
pub fn ecdsa_fixed_to_der(signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    if signature.is_empty() || !signature.len().is_multiple_of(2) {
        return Err(KeyError::BadSignature);
    }
    let (r, s) = signature.split_at(signature.len() / 2);
    let number = |bytes| UintRef::new(bytes).map_err(|_| KeyError::BadSignature);
    let value = EcdsaSigValue { r: number(r)?, s: number(s)? };
    value.to_der().map_err(|_| KeyError::BadSignature)
}
