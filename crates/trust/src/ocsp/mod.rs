//! Online certificate status (RFC 6960): asking, judging the answer, and answering.
//!
//! An answer is worth something only for one certificate, one issuer and one time: [`verify`] takes all three. A verified
//! [`OcspResponse`] may be cached and asked again with [`OcspResponse::is_fresh`].

mod answer;
mod id;
mod respond;

use jiff::{SignedDuration, Timestamp};

pub use crate::fetch::{FetchError, FetchLimits};
pub use answer::verify;
pub use id::CertificateId;
pub use respond::{StatusEntry, parse_request, respond, unsuccessful};

use crate::Certificate;
use crate::key::KeyError;

/// What the responder says about the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked, or suspended.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
    /// The responder does not know the certificate.
    Unknown,
}

/// Rules for judging an answer; the values come from the global configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspPolicy {
    /// Oldest answer accepted, counted from `thisUpdate` (`ocspFreshnessSeconds`).
    pub freshness: SignedDuration,
    /// Whether an answer past its `nextUpdate` is refused although it is fresh.
    pub check_next_update: bool,
    /// How far the clocks of responder and reader may differ.
    pub clock_skew: SignedDuration,
}

impl Default for OcspPolicy {
    /// One hour, `nextUpdate` respected, one minute of skew.
    fn default() -> Self {
        Self {
            freshness: SignedDuration::from_secs(3600),
            check_next_update: true,
            clock_skew: SignedDuration::from_secs(60),
        }
    }
}

impl OcspPolicy {
    /// The default rules with another freshness, in seconds.
    #[must_use]
    pub fn with_freshness_seconds(seconds: i64) -> Self {
        Self { freshness: SignedDuration::from_secs(seconds), ..Self::default() }
    }
}

/// A verified answer about one certificate.
#[derive(Clone, Debug)]
pub struct OcspResponse {
    /// The answer as received (DER), to be passed on to peers and put into signatures.
    pub der: Vec<u8>,
    /// The status.
    pub status: OcspStatus,
    /// When the responder signed.
    pub produced_at: Timestamp,
    /// Time at which the status is known to be correct.
    pub this_update: Timestamp,
    /// When newer information will be there at the latest.
    pub next_update: Option<Timestamp>,
    /// Who signed the answer: the issuer, a certificate it delegated, or a configured responder.
    pub responder: Certificate,
}

impl OcspResponse {
    /// Whether the answer may be relied upon at `at`.
    ///
    /// # Errors
    /// [`OcspError::TooNew`] or [`OcspError::TooOld`].
    pub fn is_fresh(&self, policy: &OcspPolicy, at: Timestamp) -> Result<(), OcspError> {
        if self.this_update > at.saturating_add(policy.clock_skew).unwrap_or(at) {
            return Err(OcspError::TooNew);
        }
        let age = at.duration_since(self.this_update);
        let overdue = |next: Timestamp| at.duration_since(next) > policy.clock_skew;
        if age > policy.freshness || (policy.check_next_update && self.next_update.is_some_and(overdue)) {
            return Err(OcspError::TooOld);
        }
        Ok(())
    }

    /// The refusal that follows from the status, if any.
    ///
    /// # Errors
    /// [`OcspError::Revoked`] or [`OcspError::Unknown`].
    pub fn require_good(&self) -> Result<(), OcspError> {
        match self.status {
            OcspStatus::Good => Ok(()),
            OcspStatus::Revoked { .. } => Err(OcspError::Revoked),
            OcspStatus::Unknown => Err(OcspError::Unknown),
        }
    }
}

/// Why an answer could not be had or cannot be relied upon.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OcspError {
    /// The bytes are not an OCSP request or answer.
    #[error("malformed OCSP message")]
    Malformed,
    /// The responder refused to answer.
    #[error("the OCSP responder refused: {0}")]
    Refused(&'static str),
    /// The answer is about other certificates.
    #[error("the OCSP answer is not about this certificate")]
    OtherCertificate,
    /// No certificate fits the responder named in the answer.
    #[error("the signer of the OCSP answer is not known")]
    UnknownResponder,
    /// The signer may not answer for this issuer.
    #[error("the signer of the OCSP answer is not authorised by the issuer")]
    UnauthorisedResponder,
    /// The signature on the answer is wrong.
    #[error("the signature on the OCSP answer is wrong")]
    BadSignature,
    /// The answer has a critical extension we do not understand.
    #[error("the OCSP answer has a critical extension that is not supported")]
    UnknownCriticalExtension,
    /// The answer is from the future.
    #[error("the OCSP answer is newer than the time of verification")]
    TooNew,
    /// The answer is stale.
    #[error("the OCSP answer is too old")]
    TooOld,
    /// The certificate is revoked or suspended.
    #[error("the certificate is revoked or suspended")]
    Revoked,
    /// The responder does not know the certificate.
    #[error("the certificate is unknown to its authority")]
    Unknown,
    /// The answer could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The responder could not be reached.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// A request about one certificate (DER), without nonce so that responders may answer from their cache (RFC 5019).
///
/// # Errors
/// [`OcspError::Malformed`] if the serial number cannot be written.
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Result<Vec<u8>, OcspError> {
    CertificateId::of(certificate, issuer)?.to_request()
}

/// Asks the responder at `url` and judges the answer.
///
/// # Errors
/// [`OcspError::Fetch`] if there is no answer; otherwise as [`verify`]. A revoked or unknown status is not an error here.
pub async fn fetch(
    url: &str,
    query: &OcspQuery<'_>,
    at: Timestamp,
    limits: FetchLimits,
) -> Result<OcspResponse, OcspError> {
    let request = request(query.certificate, query.issuer)?;
    let answer = crate::fetch::post(url, "application/ocsp-request", request, limits).await?;
    verify(&answer, query, at)
}

/// About which certificate, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct OcspQuery<'a> {
    /// The certificate in question.
    pub certificate: &'a Certificate,
    /// The certificate of its issuer.
    pub issuer: &'a Certificate,
    /// Responders that the configuration trusts for this issuer by themselves.
    pub responders: &'a [Certificate],
    /// The rules.
    pub policy: OcspPolicy,
}
