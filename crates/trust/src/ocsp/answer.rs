//! Judging an OCSP answer: is it about this certificate, signed by someone entitled to, and fresh.

use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use const_oid::db::rfc6960::{ID_PKIX_OCSP_BASIC, ID_PKIX_OCSP_NONCE};
use der::{Decode, Encode};
use jiff::Timestamp;
use x509_cert::ext::Extension;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponseStatus, ResponderId, SingleResponse};

use super::{CertificateId, OcspError, OcspQuery, OcspResponse, OcspStatus};
use crate::Certificate;
use crate::asn1;
use crate::cert::SignedParts;

/// More certificates than this in one answer are not honest.
const MAX_CERTIFICATES: usize = 8;

/// Judges an answer (DER) about `query.certificate` at the time `at`: who signed it, what about, how fresh. The status itself is
/// returned, not judged: see [`OcspResponse::require_good`].
///
/// # Errors
/// [`OcspError`] with the reason.
pub fn verify(der: &[u8], query: &OcspQuery<'_>, at: Timestamp) -> Result<OcspResponse, OcspError> {
    let basic_der = basic_response(der)?;
    let basic = BasicOcspResponse::from_der(&basic_der).map_err(|_| OcspError::Malformed)?;
    let data = &basic.tbs_response_data;
    let names_it =
        |entry: &&SingleResponse| CertificateId(entry.cert_id.clone()).names(query.certificate, query.issuer);
    let entry = data.responses.iter().find(names_it).ok_or(OcspError::OtherCertificate)?;
    refuse_critical(data.response_extensions.as_deref())?;
    refuse_critical(entry.single_extensions.as_deref())?;

    let time =
        |time: x509_ocsp::OcspGeneralizedTime| asn1::timestamp(time.0.to_date_time()).map_err(|_| OcspError::Malformed);
    let this_update = time(entry.this_update)?;
    let responder = signer(&basic_der, &basic, query, this_update)?;
    let answer = OcspResponse {
        der: der.to_vec(),
        status: match entry.cert_status {
            CertStatus::Good(_) => OcspStatus::Good,
            CertStatus::Revoked(revoked) => OcspStatus::Revoked { at: time(revoked.revocation_time)? },
            CertStatus::Unknown(_) => OcspStatus::Unknown,
        },
        produced_at: time(data.produced_at)?,
        this_update,
        next_update: entry.next_update.map(time).transpose()?,
        responder,
    };
    answer.is_fresh(&query.policy, at)?;
    Ok(answer)
}

/// Unwraps the outer envelope to the bytes of the `BasicOCSPResponse`.
fn basic_response(der: &[u8]) -> Result<Vec<u8>, OcspError> {
    let envelope = x509_ocsp::OcspResponse::from_der(der).map_err(|_| OcspError::Malformed)?;
    match envelope.response_status {
        OcspResponseStatus::Successful => {}
        OcspResponseStatus::MalformedRequest => return Err(OcspError::Refused("malformed request")),
        OcspResponseStatus::InternalError => return Err(OcspError::Refused("internal error")),
        OcspResponseStatus::TryLater => return Err(OcspError::Refused("try later")),
        OcspResponseStatus::SigRequired => return Err(OcspError::Refused("signature required")),
        OcspResponseStatus::Unauthorized => return Err(OcspError::Refused("unauthorized")),
    }
    let bytes = envelope.response_bytes.ok_or(OcspError::Malformed)?;
    if bytes.response_type != ID_PKIX_OCSP_BASIC {
        return Err(OcspError::Malformed);
    }
    Ok(bytes.response.into_bytes())
}

/// Finds who signed and whether they may: the issuer itself, a configured responder, or one the issuer certified for it.
fn signer(
    basic_der: &[u8],
    basic: &BasicOcspResponse,
    query: &OcspQuery<'_>,
    this_update: Timestamp,
) -> Result<Certificate, OcspError> {
    let enclosed = basic.certs.as_deref().unwrap_or_default();
    let enclosed = enclosed
        .iter()
        .take(MAX_CERTIFICATES)
        .filter_map(|certificate| certificate.to_der().ok().and_then(|der| Certificate::from_der(&der).ok()));
    let known = std::iter::once(query.issuer.clone()).chain(query.responders.iter().cloned());
    let candidates = known.chain(enclosed).filter(|it| is_named(&basic.tbs_response_data.responder_id, it));

    let parts = SignedParts::parse(basic_der).map_err(|_| OcspError::Malformed)?;
    let mut reason = OcspError::UnknownResponder;
    for candidate in candidates {
        let signed = candidate.public_key().is_ok_and(|key| parts.verify(key).is_ok());
        match (signed, is_authorised(&candidate, query, this_update)) {
            (true, true) => return Ok(candidate),
            (true, false) => return Err(OcspError::UnauthorisedResponder),
            (false, _) => reason = OcspError::BadSignature,
        }
    }
    Err(reason)
}

fn is_named(responder: &ResponderId, certificate: &Certificate) -> bool {
    match responder {
        ResponderId::ByName(name) => name.to_der().is_ok_and(|der| der == certificate.subject_der()),
        ResponderId::ByKey(hash) => {
            let own =
                aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.public_key_bits());
            hash.as_bytes() == own.as_ref()
        }
    }
}

/// RFC 6960 §4.2.2.2. A delegated certificate must come from the very key that issued the certificate in question. It must be valid
/// at `thisUpdate`, which the freshness rule ties to the time of verification; `producedAt` a thief of an old key could choose.
fn is_authorised(responder: &Certificate, query: &OcspQuery<'_>, this_update: Timestamp) -> bool {
    if responder == query.issuer || query.responders.contains(responder) {
        return true;
    }
    responder.has_extended_usage(ID_KP_OCSP_SIGNING)
        && responder.is_valid_at(this_update)
        && !responder.has_unknown_critical_extension()
        && responder.issued_by(query.issuer)
}

/// A nonce may be there (we never ask for one); any other critical extension changes the meaning of the answer.
fn refuse_critical(extensions: Option<&[Extension]>) -> Result<(), OcspError> {
    let unknown = |extension: &Extension| extension.critical && extension.extn_id != ID_PKIX_OCSP_NONCE;
    if extensions.unwrap_or_default().iter().any(unknown) {
        return Err(OcspError::UnknownCriticalExtension);
    }
    Ok(())
}
