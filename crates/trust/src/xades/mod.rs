//! XAdES signatures of the exchange: writing one per batch, and judging those of others.
//!
//! [`SignatureBuilder`] keeps everything that changes rarely (certificates, OCSP response) as ready text, so that a signature
//! costs two short digests and one private-key operation. [`ParsedSignature`] reads a signature with every guard against
//! moved or doubled elements and holds what must be checked; [`verify_signature`] does all the checks, and [`Verifier`]
//! remembers their outcome because the same signature arrives with every message of a batch. Only
//! [`VerifiedSignature::covers_message`] is left to do for each message.
//!
//! Sources: exchange protocol §2.5 and §2.7; XML-Signature (RFC 3275); ETSI TS 101 903 v1.3.2.

mod builder;
mod covers;
mod dom;
mod error;
mod likeness;
mod memory;
mod parse;
mod trust_source;
mod verifier;

pub use builder::{BuildError, SignatureBuilder, Signed, SignedObject, add_time_stamp};
pub use covers::{ChainDocuments, CoverError, Covers};
pub use error::{SignatureError, SignerError};
pub use parse::ParsedSignature;
pub use trust_source::{ApprovedAuthority, SignerEvidence, TrustSource, judge_signer};
pub use verifier::{VerifiedSignature, Verifier, verify_signature};

/// Namespace of the root element of `META-INF/signatures.xml`.
pub const ASIC_NAMESPACE: &str = "http://uri.etsi.org/02918/v1.2.1#";
/// Namespace of XML signatures.
pub const DS_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of XAdES properties.
pub const XADES_NAMESPACE: &str = "http://uri.etsi.org/01903/v1.3.2#";
/// `Type` of the reference to the signed properties.
pub const SIGNED_PROPERTIES_TYPE: &str = "http://uri.etsi.org/01903#SignedProperties";

/// Reads arbitrary bytes as a signature, for a fuzzer. Must never panic.
pub fn fuzz(data: &[u8]) {
    if let Ok(signature) = ParsedSignature::parse(data) {
        drop(signature.check_value());
        drop(signature.check_usage());
    }
}
