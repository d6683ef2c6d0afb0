//! Checking a time-stamp token: content, signed attributes, signature, and whether the authority is trusted.

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use der::asn1::{Int, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag};
use spki::AlgorithmIdentifierOwned;

use super::cms::{CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SignedData, SignerInfo};
use super::structures::{TstInfo, read_time};
use super::{Imprint, TimeStamp, TspError};
use crate::cert::{ChainError, verify_chain};
use crate::key::{DigestKind, SignatureAlgorithm};
use crate::{Certificate, KeyError};

/// `id-ct-TSTInfo`.
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Checks a stored token (DER `ContentInfo`) over `imprint`.
///
/// The signer must be one of `trusted`, or hold a time-stamping certificate that leads to one of them and was valid at the time of
/// the stamp.
///
/// # Errors
/// [`TspError`] with the reason.
pub fn verify_token(token: &[u8], imprint: &Imprint, trusted: &[Certificate]) -> Result<TimeStamp, TspError> {
    verify_with_nonce(token, imprint, trusted, None)
}

pub(super) fn verify_with_nonce(
    token: &[u8],
    imprint: &Imprint,
    trusted: &[Certificate],
    nonce: Option<&Int>,
) -> Result<TimeStamp, TspError> {
    let signed = SignedData::parse(token).map_err(|_| TspError::Malformed("token"))?;
    if signed.content_type != TST_INFO {
        return Err(TspError::Malformed("content is not a time-stamp"));
    }
    let info = TstInfo::from_der(signed.content).map_err(|_| TspError::Malformed("time-stamp"))?;
    if info.imprint.read().as_ref() != Some(imprint) {
        return Err(TspError::OtherData);
    }
    if nonce.is_some() && info.nonce.as_ref() != nonce {
        return Err(TspError::OtherRequest);
    }
    if info.extensions.iter().flatten().any(|extension| extension.critical) {
        return Err(TspError::Malformed("critical extension"));
    }
    let time = read_time(&info.time)?;
    let authority = find_authority(&signed, trusted, time)?;
    verify_signature(&signed, &authority)?;
    Ok(TimeStamp { token: token.to_vec(), time, serial: hex::encode(info.serial.as_bytes()), authority })
}

/// The signer's certificate, when it is trusted at `time`.
fn find_authority(
    signed: &SignedData<'_>,
    trusted: &[Certificate],
    time: jiff::Timestamp,
) -> Result<Certificate, TspError> {
    if let Some(known) = trusted.iter().find(|certificate| signed.signer.id.names(certificate)) {
        if !known.is_valid_at(time) {
            return Err(TspError::AuthorityNotValid);
        }
        return Ok(known.clone());
    }
    let enclosed = signed.certificates.iter().find(|certificate| signed.signer.id.names(certificate));
    let signer = enclosed.ok_or(TspError::UnknownAuthority)?;
    if !signer.has_extended_usage(ID_KP_TIME_STAMPING) {
        return Err(TspError::UnknownAuthority);
    }
    match verify_chain(signer, &signed.certificates, trusted, time) {
        Ok(_) => Ok(signer.clone()),
        Err(ChainError::Expired { .. } | ChainError::NotYetValid { .. }) => Err(TspError::AuthorityNotValid),
        Err(_) => Err(TspError::UnknownAuthority),
    }
}

fn verify_signature(signed: &SignedData<'_>, authority: &Certificate) -> Result<(), TspError> {
    let signer = &signed.signer;
    let digest = DigestKind::from_oid(signer.digest.oid).ok_or(TspError::Malformed("digest algorithm"))?;

    let content_type = signer.attribute(CONTENT_TYPE).and_then(|der| ObjectIdentifier::from_der(der).ok());
    if content_type != Some(TST_INFO) {
        return Err(TspError::Malformed("content type attribute"));
    }
    let stated = signer.attribute(MESSAGE_DIGEST).and_then(|der| OctetStringRef::from_der(der).ok());
    let stated = stated.ok_or(TspError::Malformed("message digest attribute"))?;
    if stated.as_bytes() != digest.digest(signed.content).as_ref() {
        return Err(TspError::BadSignature);
    }
    if !names_certificate(signer, authority) {
        return Err(TspError::UnknownAuthority);
    }
    let algorithm = SignatureAlgorithm::from_cms(&signer.algorithm, digest).map_err(TspError::Key)?;
    authority.verify(algorithm, &signer.signed_attributes, signer.signature).map_err(|error| match error {
        KeyError::BadSignature => TspError::BadSignature,
        other => TspError::Key(other),
    })
}

/// RFC 3161 §2.4.2 and RFC 5816: the certificate is under the signature, so that another one for the same key cannot be put in its
/// place. At least one of the two attributes must be there, and each that is there must be right.
fn names_certificate(signer: &SignerInfo<'_>, authority: &Certificate) -> bool {
    let old = signer.attribute(SIGNING_CERTIFICATE);
    let new = signer.attribute(SIGNING_CERTIFICATE_V2);
    let old_right = old.is_none_or(|der| {
        first_certificate_id(der)
            .and_then(|id| certificate_hash(id, false))
            .is_some_and(|(_, hash)| hash == authority.sha1())
    });
    let new_right = new.is_none_or(|der| {
        first_certificate_id(der)
            .and_then(|id| certificate_hash(id, true))
            .is_some_and(|(algorithm, hash)| digest::digest(algorithm, authority.der()).as_ref() == hash)
    });
    (old.is_some() || new.is_some()) && old_right && new_right
}

/// `SigningCertificate(V2) ::= SEQUENCE { certs SEQUENCE OF ESSCertID, … }`: the first id, with its header.
fn first_certificate_id(der: &[u8]) -> Option<&[u8]> {
    let mut outer = content(der)?;
    let list = outer.tlv_bytes().ok()?;
    content(list)?.tlv_bytes().ok()
}

/// `ESSCertID ::= SEQUENCE { hash, … }`; version 2 may name the algorithm first, SHA-256 being understood.
fn certificate_hash(id: &[u8], version_2: bool) -> Option<(&'static digest::Algorithm, &[u8])> {
    let mut fields = content(id)?;
    let mut algorithm = if version_2 { &digest::SHA256 } else { &digest::SHA1_FOR_LEGACY_USE_ONLY };
    let mut field = fields.tlv_bytes().ok()?;
    if version_2 && field.first() == Some(&0x30) {
        let stated = AlgorithmIdentifierOwned::from_der(field).ok()?;
        algorithm = DigestKind::from_oid(stated.oid)?.algorithm();
        field = fields.tlv_bytes().ok()?;
    }
    Some((algorithm, OctetStringRef::from_der(field).ok()?.as_bytes()))
}

/// The inside of a SEQUENCE.
fn content(der: &[u8]) -> Option<SliceReader<'_>> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = der::Header::decode(&mut reader).ok()?;
    header.tag.assert_eq(Tag::Sequence).ok()?;
    SliceReader::new(reader.read_slice(header.length).ok()?).ok()
}
