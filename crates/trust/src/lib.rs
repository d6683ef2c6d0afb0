//! Trust: keys, certificates and the evidence that a signature was good when it was made.
//!
//! [`key`] signs and verifies, [`cert`] reads and issues X.509, [`token`] keeps private keys at rest (an encrypted file or a
//! PKCS#11 device), [`ocsp`] and [`tsp`] obtain and check revocation answers and time-stamps, [`tls`] lends a token key to
//! rustls, and [`pki`] is a small complete authority for tests, the demo and closed networks.

pub mod asic;
mod asn1;
pub mod c14n;
pub mod cert;
mod fetch;
mod files;
pub mod hashchain;
pub mod key;
pub mod ocsp;
pub mod pki;
pub mod tls;
pub mod token;
pub mod tsp;
pub mod verify;
pub mod xades;

pub use cert::{Certificate, verify_chain};
pub use key::{KeyError, KeyKind, SignatureAlgorithm, SigningKey, SoftwareKey};
