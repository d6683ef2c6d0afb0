//! The authority's side: reading a request and making the stamp.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::CmsVersion;
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef, Int, OctetString, OctetStringRef, SetOfVec};
use der::{Decode, Encode, Sequence, Tag};
use jiff::Timestamp;
use x509_cert::attr::{Attribute, Attributes};

use super::TspError;
use super::cms::{CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_CERTIFICATE_V2};
use super::structures::{Accuracy, ContentInfo, StatusInfo, TimeStampReq, TimeStampResp, TstInfo};
use super::token::TST_INFO;
use crate::Certificate;
use crate::asn1;
use crate::key::{DigestKind, KeyError, SigningKey};

/// Who makes stamps.
#[derive(Clone, Copy, Debug)]
pub struct StampIssuer<'a> {
    /// The authority's time-stamping certificate.
    pub certificate: &'a Certificate,
    /// Its key.
    pub key: &'a dyn SigningKey,
    /// The policy named in every stamp.
    pub policy: ObjectIdentifier,
}

/// `SigningCertificateV2` with one `ESSCertIDv2` whose hash is SHA-256, the default, hence not named (RFC 5035 §3).
#[derive(Sequence)]
struct SigningCertificateV2 {
    certificates: Vec<EssCertIdV2>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    hash: OctetString,
}

/// Answers a request (DER) with a stamp of the time `now` and the serial number `serial` (big-endian, positive), or with a
/// rejection when the request is not acceptable.
///
/// # Errors
/// [`TspError::Key`] if signing fails.
pub fn respond(request: &[u8], issuer: &StampIssuer<'_>, serial: &[u8], now: Timestamp) -> Result<Vec<u8>, TspError> {
    let Ok(request) = TimeStampReq::from_der(request) else { return rejection(2) };
    if request.imprint.read().is_none() {
        return rejection(0);
    }
    if request.policy.is_some_and(|policy| policy != issuer.policy) {
        return rejection(15);
    }
    if request.extensions.is_some() {
        return rejection(16);
    }
    let token = stamp(&request, issuer, serial, now)?;
    let content = AnyRef::from_der(&token).map_err(|_| TspError::Malformed("token"))?;
    let response = TimeStampResp {
        status: StatusInfo { status: 0, text: None, failure: None },
        token: Some(ContentInfo { content_type: SIGNED_DATA, content }),
    };
    response.to_der().map_err(|_| TspError::Malformed("answer"))
}

/// A refusal with one bit of `PKIFailureInfo` set (RFC 3161 §2.4.2).
fn rejection(failure_bit: u8) -> Result<Vec<u8>, TspError> {
    let mut bits = vec![0_u8; usize::from(failure_bit / 8) + 1];
    if let Some(last) = bits.last_mut() {
        *last = 0x80 >> (failure_bit % 8);
    }
    let unused = 7 - failure_bit % 8;
    let failure = der::asn1::BitString::new(unused, bits).map_err(|_| TspError::Malformed("answer"))?;
    let status = StatusInfo { status: 2, text: None, failure: Some(failure) };
    TimeStampResp { status, token: None }.to_der().map_err(|_| TspError::Malformed("answer"))
}

/// The `SignedData` of a stamp (DER).
fn stamp(request: &TimeStampReq, issuer: &StampIssuer<'_>, serial: &[u8], now: Timestamp) -> Result<Vec<u8>, TspError> {
    let malformed = |_| TspError::Malformed("stamp");
    let time = asn1::generalized_time(now).map_err(malformed)?;
    let info = TstInfo {
        version: 1,
        policy: issuer.policy,
        imprint: request.imprint.clone(),
        serial: Int::new(serial).map_err(malformed)?,
        time: Any::encode_from(&time).map_err(malformed)?,
        accuracy: Some(Accuracy { seconds: Some(1), millis: None, micros: None }),
        ordering: false,
        nonce: request.nonce.clone(),
        authority: None,
        extensions: None,
    };
    let content = info.to_der().map_err(malformed)?;
    let (digest, attributes) = signed_attributes(&content, issuer).map_err(malformed)?;
    let signer = signer_info(digest, attributes, issuer)?;
    let certificates = request.certificate_wanted.then(|| {
        let choice = CertificateChoices::Certificate(issuer.certificate.parsed().clone());
        SetOfVec::try_from(vec![choice]).map(CertificateSet)
    });
    let content = OctetStringRef::new(&content).and_then(|octets| Any::encode_from(&octets)).map_err(malformed)?;
    let signed = SignedData {
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::try_from(vec![digest.identifier()]).map_err(malformed)?,
        encap_content_info: EncapsulatedContentInfo { econtent_type: TST_INFO, econtent: Some(content) },
        certificates: certificates.transpose().map_err(malformed)?,
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer]).map_err(malformed)?),
    };
    signed.to_der().map_err(malformed)
}

fn signed_attributes(content: &[u8], issuer: &StampIssuer<'_>) -> der::Result<(DigestKind, Attributes)> {
    let digest = issuer.key.kind().certificate_algorithm().digest_kind();
    let attribute =
        |oid, value: Any| -> der::Result<Attribute> { Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? }) };
    let hash = OctetString::new(issuer.certificate.sha256().as_slice())?;
    let signing_certificate = SigningCertificateV2 { certificates: vec![EssCertIdV2 { hash }] };
    let message_digest = Any::new(Tag::OctetString, digest.digest(content).as_ref())?;
    let attributes = SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&TST_INFO)?)?,
        attribute(MESSAGE_DIGEST, message_digest)?,
        attribute(SIGNING_CERTIFICATE_V2, Any::encode_from(&signing_certificate)?)?,
    ])?;
    Ok((digest, attributes))
}

fn signer_info(digest: DigestKind, attributes: Attributes, issuer: &StampIssuer<'_>) -> Result<SignerInfo, TspError> {
    let malformed = |_| TspError::Malformed("stamp");
    let algorithm = issuer.key.kind().certificate_algorithm();
    let signature = issuer.key.sign(algorithm, &attributes.to_der().map_err(malformed)?)?;
    let body = &issuer.certificate.parsed().tbs_certificate;
    Ok(SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: body.issuer.clone(),
            serial_number: body.serial_number.clone(),
        }),
        digest_alg: digest.identifier(),
        signed_attrs: Some(attributes),
        signature_algorithm: algorithm.identifier().map_err(malformed)?,
        signature: OctetString::new(signature).map_err(|_| KeyError::Refused)?,
        unsigned_attrs: None,
    })
}
