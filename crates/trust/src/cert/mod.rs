//! X.509 certificates: reading them once, walking a chain, asking for one and issuing one.

mod certificate;
mod chain;
mod extensions;
mod issue;
mod name;
mod raw;
mod request;

pub use certificate::{CertError, Certificate};
pub use chain::{ChainError, verify_chain};
pub use extensions::KeyUsage;
pub use issue::{CertificateTemplate, CertificateUsage, Issuer, issue, self_signed};
pub use name::DistinguishedName;
pub(crate) use raw::{SignedParts, sign_der};
pub use request::CertificateRequest;

/// A PEM block with `\n` line ends.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    // The encoder fails only on a label that is not PEM text, and ours are constants.
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap_or_default()
}

/// Big-endian bytes as a decimal number.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = (value % 10) as u8;
            carry = value / 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// Lower-case hexadecimal of a serial number, without leading zero bytes (one byte stays).
pub(crate) fn serial_hex(bytes: &[u8]) -> String {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    hex::encode(&bytes[start..])
}
