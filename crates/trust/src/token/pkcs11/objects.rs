//! Objects on the device: key pairs and certificates, tied together by `CKA_ID`.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use cryptoki::context::Function;
use cryptoki::error::{Error, Result, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState};
use der::asn1::{Any, BitStringRef, Null, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfo};

use crate::Certificate;
use crate::key::{KeyKind, PublicKey};
use crate::token::{KeyId, KeyInfo, KeyPurpose};

/// Without a login the device hides private objects instead of refusing, so whoever relies on seeing them all asks first.
fn require_login(session: &Session) -> Result<()> {
    match session.get_session_info()?.session_state() {
        SessionState::RwUser | SessionState::RoUser => Ok(()),
        _ => Err(Error::Pkcs11(RvError::UserNotLoggedIn, Function::GetSessionInfo)),
    }
}

/// All key pairs whose public half is there and of a kind we know, with their certificates.
pub(super) fn list(session: &Session) -> Result<Vec<KeyInfo>> {
    require_login(session)?;
    let mut keys = Vec::new();
    for handle in session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)])? {
        let attributes = session.get_attributes(handle, &[AttributeType::Id, AttributeType::Label])?;
        let Some(id) = attributes.iter().find_map(id_of) else { continue };
        let Some((kind, public_key_der)) = public_part(session, &id)? else { continue };
        let label = attributes.iter().find_map(label_of).unwrap_or_default();
        let (purpose, label) = split_label(&label);
        let certificates = certificates(session, &id)?.into_iter().map(|(_, certificate)| certificate).collect();
        keys.push(KeyInfo { id: KeyId::new(&hex::encode(&id)), label, kind, purpose, public_key_der, certificates });
    }
    Ok(keys)
}

fn split_label(label: &str) -> (Option<KeyPurpose>, String) {
    for purpose in [KeyPurpose::Auth, KeyPurpose::Sign] {
        let rest = label.strip_prefix(purpose.as_str()).and_then(|rest| rest.strip_prefix('/'));
        if let Some(rest) = rest {
            return (Some(purpose), rest.to_owned());
        }
    }
    (None, label.to_owned())
}

/// The kind and `SubjectPublicKeyInfo` of the public key with this id; `None` if there is none or we do not know its kind.
pub(super) fn public_part(session: &Session, id: &[u8]) -> Result<Option<(KeyKind, Vec<u8>)>> {
    let wanted = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id.to_vec())];
    let Some(handle) = session.find_objects(&wanted)?.into_iter().next() else { return Ok(None) };
    let kind = session.get_attributes(handle, &[AttributeType::KeyType])?;
    let spki = match kind.first() {
        Some(Attribute::KeyType(KeyType::RSA)) => {
            let parts = session.get_attributes(handle, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
            rsa_spki(&parts)
        }
        Some(Attribute::KeyType(KeyType::EC)) => {
            let parts = session.get_attributes(handle, &[AttributeType::EcParams, AttributeType::EcPoint])?;
            ec_spki(&parts)
        }
        _ => None,
    };
    let known = spki.and_then(|spki| {
        let kind = PublicKey::from_spki_der(&spki).ok()?.kind()?;
        Some((kind, spki))
    });
    Ok(known)
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn rsa_spki(parts: &[Attribute]) -> Option<Vec<u8>> {
    let modulus = parts.iter().find_map(|part| match part {
        Attribute::Modulus(bytes) => Some(bytes),
        _ => None,
    })?;
    let exponent = parts.iter().find_map(|part| match part {
        Attribute::PublicExponent(bytes) => Some(bytes),
        _ => None,
    })?;
    let key = RsaPublicKey { modulus: UintRef::new(modulus).ok()?, exponent: UintRef::new(exponent).ok()? };
    spki(rfc5912::RSA_ENCRYPTION, Any::from(Null), &key.to_der().ok()?)
}

fn ec_spki(parts: &[Attribute]) -> Option<Vec<u8>> {
    let curve = parts.iter().find_map(|part| match part {
        Attribute::EcParams(bytes) => Any::from_der(bytes).ok(),
        _ => None,
    })?;
    let point = parts.iter().find_map(|part| match part {
        Attribute::EcPoint(bytes) => Some(bytes.as_slice()),
        _ => None,
    })?;
    // The standard wraps the point in an OCTET STRING; some devices forget to.
    let point = OctetStringRef::from_der(point).map_or(point, |octets| octets.as_bytes());
    spki(rfc5912::ID_EC_PUBLIC_KEY, curve, point)
}

fn spki(oid: ObjectIdentifier, parameters: Any, key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierOwned { oid, parameters: Some(parameters) };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitStringRef::from_bytes(key).ok()? }.to_der().ok()
}

/// The private key with this id; a missing one is told as an invalid handle, which it would be for anybody who still used it.
pub(super) fn private_key(session: &Session, id: &[u8]) -> Result<ObjectHandle> {
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(id.to_vec()), Attribute::Token(true)];
    let found = session.find_objects(&wanted)?.into_iter().next();
    found.ok_or(Error::Pkcs11(RvError::KeyHandleInvalid, Function::FindObjects))
}

/// Makes a key pair that stays on the device and cannot be read from it.
pub(super) fn generate(session: &Session, id: &[u8], label: &str, kind: KeyKind) -> Result<()> {
    let common = |private: bool| {
        vec![
            Attribute::Token(true),
            Attribute::Private(private),
            Attribute::Id(id.to_vec()),
            Attribute::Label(label.as_bytes().to_vec()),
        ]
    };
    let mut public = common(false);
    public.push(Attribute::Verify(true));
    let mut private = common(true);
    private.extend([Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Sign(true)]);
    let mechanism = match kind {
        KeyKind::EcP256 | KeyKind::EcP384 => {
            let curve = if kind == KeyKind::EcP256 { rfc5912::SECP_256_R_1 } else { rfc5912::SECP_384_R_1 };
            public.push(Attribute::EcParams(curve.to_der().map_err(|_| Error::InvalidValue)?));
            Mechanism::EccKeyPairGen
        }
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
            let bits = kind.rsa_bits().and_then(|bits| u64::try_from(bits).ok()).ok_or(Error::InvalidValue)?;
            public.push(Attribute::ModulusBits(bits.into()));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
    };
    session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(())
}

/// The certificates with this id; objects that do not parse are passed over.
fn certificates(session: &Session, id: &[u8]) -> Result<Vec<(ObjectHandle, Certificate)>> {
    let wanted = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::Id(id.to_vec())];
    let mut list = Vec::new();
    for handle in session.find_objects(&wanted)? {
        for attribute in session.get_attributes(handle, &[AttributeType::Value])? {
            if let Attribute::Value(der) = attribute {
                list.extend(Certificate::from_der(&der).map(|certificate| (handle, certificate)));
            }
        }
    }
    Ok(list)
}

pub(super) fn store_certificate(session: &Session, id: &[u8], certificate: &Certificate) -> Result<()> {
    if certificates(session, id)?.iter().any(|(_, stored)| stored == certificate) {
        return Ok(());
    }
    let serial = certificate.parsed().tbs_certificate.serial_number.to_der().map_err(|_| Error::InvalidValue)?;
    session.create_object(&[
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(id.to_vec()),
        Attribute::Label(hex::encode(&certificate.sha256()[..8]).into_bytes()),
        Attribute::Subject(certificate.subject_der().to_vec()),
        Attribute::Issuer(certificate.issuer_der().to_vec()),
        Attribute::SerialNumber(serial),
        Attribute::Value(certificate.der().to_vec()),
    ])?;
    Ok(())
}

pub(super) fn remove_certificate(session: &Session, id: &[u8], sha256: &[u8; 32]) -> Result<()> {
    for (handle, certificate) in certificates(session, id)? {
        if certificate.sha256() == sha256 {
            session.destroy_object(handle)?;
        }
    }
    Ok(())
}

/// Destroys everything with this id; returns how many objects that was.
pub(super) fn delete(session: &Session, id: &[u8]) -> Result<usize> {
    require_login(session)?;
    let objects = session.find_objects(&[Attribute::Id(id.to_vec()), Attribute::Token(true)])?;
    for handle in &objects {
        session.destroy_object(*handle)?;
    }
    Ok(objects.len())
}

fn id_of(attribute: &Attribute) -> Option<Vec<u8>> {
    match attribute {
        Attribute::Id(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    }
}

fn label_of(attribute: &Attribute) -> Option<String> {
    match attribute {
        Attribute::Label(label) => Some(String::from_utf8_lossy(label).into_owned()),
        _ => None,
    }
}
