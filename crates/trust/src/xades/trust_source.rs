//! On whose word a signer is accepted: approved authorities, their OCSP answers, and the rules of the global configuration.

use super::SignerError;
use crate::cert::{Certificate, ChainError, verify_chain};
use crate::ocsp::{self, OcspError, OcspPolicy, OcspQuery, OcspResponse};
use jiff::Timestamp;

/// One approved certification service of a global configuration.
#[derive(Debug, Clone)]
pub struct ApprovedAuthority {
    /// Name under which it is approved.
    pub name: String,
    /// The top certificate.
    pub anchor: Certificate,
    /// Authorities below it.
    pub intermediates: Vec<Certificate>,
    /// OCSP responders named by the configuration, trusted for this authority by themselves.
    pub ocsp_responders: Vec<Certificate>,
}

/// What a verifier trusts. Implemented by the global configuration and by test nations.
pub trait TrustSource: Send + Sync {
    /// Services approved to certify signers (those approved for authentication only are left out).
    fn authorities(&self) -> &[ApprovedAuthority];

    /// How old an OCSP answer may be.
    fn ocsp_policy(&self) -> OcspPolicy;

    /// Certificates of approved time-stamping authorities.
    fn time_stamp_authorities(&self) -> &[Certificate];

    /// Changes whenever any answer above changes, so that remembered verdicts are dropped.
    fn generation(&self) -> u64;
}

/// Why a signer is believed.
#[derive(Debug, Clone)]
pub struct SignerEvidence {
    /// Name of the approved authority.
    pub authority: String,
    /// From the signer's certificate to the anchor.
    pub path: Vec<Certificate>,
    /// The answer that says the certificate was good.
    pub ocsp: OcspResponse,
}

impl SignerEvidence {
    /// Whether the evidence, once accepted, still holds at another time: validity of the path and freshness of the answer.
    ///
    /// # Errors
    /// The reason why not.
    pub fn holds_at(&self, policy: &OcspPolicy, at: Timestamp) -> Result<(), SignerError> {
        for certificate in &self.path {
            let subject = || certificate.subject().to_owned();
            if at < certificate.not_before() {
                return Err(SignerError::Path(ChainError::NotYetValid { subject: subject() }));
            }
            if at > certificate.not_after() {
                return Err(SignerError::Path(ChainError::Expired { subject: subject() }));
            }
        }
        self.ocsp.is_fresh(policy, at).map_err(SignerError::Ocsp)
    }
}

/// Finds the approved authority behind `certificate` and an answer among `ocsp_responses` (DER) that it was good at `at`.
///
/// `enclosed` are certificates that came with the signature; they may bridge to an approved anchor but are not trusted.
///
/// # Errors
/// [`SignerError`] with the most telling reason.
pub fn judge_signer(
    certificate: &Certificate,
    enclosed: &[Certificate],
    ocsp_responses: &[Vec<u8>],
    trust: &dyn TrustSource,
    at: Timestamp,
) -> Result<SignerEvidence, SignerError> {
    let mut reason = ChainError::UnknownIssuer { subject: certificate.subject().to_owned() };
    for authority in trust.authorities() {
        let anchor = std::slice::from_ref(&authority.anchor);
        let intermediates: Vec<Certificate> = authority.intermediates.iter().chain(enclosed).cloned().collect();
        match verify_chain(certificate, &intermediates, anchor, at) {
            Ok(path) => {
                let ocsp = judge_status(&path, authority, ocsp_responses, trust.ocsp_policy(), at)?;
                return Ok(SignerEvidence { authority: authority.name.clone(), path, ocsp });
            }
            Err(ChainError::UnknownIssuer { .. }) => {}
            Err(error) => reason = error,
        }
    }
    Err(SignerError::Path(reason))
}

fn judge_status(
    path: &[Certificate],
    authority: &ApprovedAuthority,
    ocsp_responses: &[Vec<u8>],
    policy: OcspPolicy,
    at: Timestamp,
) -> Result<OcspResponse, SignerError> {
    let [certificate, issuer, ..] = path else { return Err(SignerError::IsAuthority) };
    let query = OcspQuery { certificate, issuer, responders: &authority.ocsp_responders, policy };
    let mut reason = SignerError::NoOcsp;
    for response in ocsp_responses {
        match ocsp::verify(response, &query, at).and_then(|answer| answer.require_good().map(|()| answer)) {
            Ok(answer) => return Ok(answer),
            // A signature may enclose answers about several certificates; those about others say nothing here.
            Err(OcspError::OtherCertificate) => {}
            Err(error) => reason = SignerError::Ocsp(error),
        }
    }
    Err(reason)
}
