//! The responder's side: reading a request and signing an answer.

use der::asn1::{ContextSpecific, OctetString};
use der::{Decode, Encode, TagMode, TagNumber};
use jiff::Timestamp;
use x509_ocsp::{
    CertStatus, OcspGeneralizedTime, OcspRequest, ResponderId, ResponseData, RevokedInfo, SingleResponse, Version,
};

use super::{CertificateId, OcspError, OcspStatus};
use crate::Certificate;
use crate::asn1;
use crate::cert::sign_der;
use crate::key::{KeyError, SigningKey};

/// What to say about one certificate.
#[derive(Clone, Debug)]
pub struct StatusEntry {
    /// The certificate, as the request named it.
    pub id: CertificateId,
    /// Its status.
    pub status: OcspStatus,
    /// Time at which the status is known to be correct.
    pub this_update: Timestamp,
    /// When newer information will be there.
    pub next_update: Option<Timestamp>,
}

/// Reads a request: the certificates asked about. A nonce is ignored: answers are signed once and served to many (RFC 5019).
///
/// # Errors
/// [`OcspError::Malformed`], also for a request about no or more than 16 certificates.
pub fn parse_request(der: &[u8]) -> Result<Vec<CertificateId>, OcspError> {
    let request = OcspRequest::from_der(der).map_err(|_| OcspError::Malformed)?;
    let list = request.tbs_request.request_list;
    if list.is_empty() || list.len() > 16 {
        return Err(OcspError::Malformed);
    }
    Ok(list.into_iter().map(|entry| CertificateId(entry.req_cert)).collect())
}

/// Signs an answer about `entries` (DER), enclosing the responder's certificate.
///
/// # Errors
/// [`OcspError::Key`] if signing fails; [`OcspError::Malformed`] if a time cannot be written.
pub fn respond(
    entries: &[StatusEntry],
    responder: &Certificate,
    key: &dyn SigningKey,
    produced_at: Timestamp,
) -> Result<Vec<u8>, OcspError> {
    let key_hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, responder.public_key_bits());
    let malformed = |_| OcspError::Malformed;
    let data = ResponseData {
        version: Version::V1,
        responder_id: ResponderId::ByKey(OctetString::new(key_hash.as_ref()).map_err(malformed)?),
        produced_at: time(produced_at)?,
        responses: entries.iter().map(single).collect::<Result<_, _>>()?,
        response_extensions: None,
    };
    let certificates = ContextSpecific {
        tag_number: TagNumber::N0,
        tag_mode: TagMode::Explicit,
        value: vec![responder.parsed().clone()],
    };
    let tail = certificates.to_der().map_err(malformed)?;
    let body = data.to_der().map_err(malformed)?;
    let basic = sign_der(&body, key, &tail)?;
    let envelope = x509_ocsp::OcspResponse {
        response_status: x509_ocsp::OcspResponseStatus::Successful,
        response_bytes: Some(x509_ocsp::ResponseBytes {
            response_type: const_oid::db::rfc6960::ID_PKIX_OCSP_BASIC,
            response: OctetString::new(basic).map_err(malformed)?,
        }),
    };
    envelope.to_der().map_err(malformed)
}

/// An unsigned answer that says why there is none (DER).
#[must_use]
pub fn unsuccessful(error: &OcspError) -> Vec<u8> {
    let envelope = match error {
        OcspError::Malformed => x509_ocsp::OcspResponse::malformed_request(),
        OcspError::Key(KeyError::Device(_)) => x509_ocsp::OcspResponse::try_later(),
        OcspError::OtherCertificate => x509_ocsp::OcspResponse::unauthorized(),
        _ => x509_ocsp::OcspResponse::internal_error(),
    };
    // Five constant bytes; the encoder has nothing to refuse.
    envelope.to_der().unwrap_or_default()
}

fn single(entry: &StatusEntry) -> Result<SingleResponse, OcspError> {
    Ok(SingleResponse {
        cert_id: entry.id.0.clone(),
        cert_status: match entry.status {
            OcspStatus::Good => CertStatus::good(),
            OcspStatus::Unknown => CertStatus::unknown(),
            OcspStatus::Revoked { at } => {
                CertStatus::revoked(RevokedInfo { revocation_time: time(at)?, revocation_reason: None })
            }
        },
        this_update: time(entry.this_update)?,
        next_update: entry.next_update.map(time).transpose()?,
        single_extensions: None,
    })
}

fn time(at: Timestamp) -> Result<OcspGeneralizedTime, OcspError> {
    asn1::generalized_time(at).map(OcspGeneralizedTime).map_err(|_| OcspError::Malformed)
}
