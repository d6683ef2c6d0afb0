//! A private key on the device, as a signing key.

use std::fmt;
use std::sync::Arc;

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use parking_lot::Mutex;

use super::objects;
use super::session::SessionPool;
use crate::key::{self, DigestKind, KeyError, KeyKind, SignatureAlgorithm, SigningKey};

/// A key of the device. The handle of the object is looked up once per login.
pub(super) struct DeviceKey {
    pool: Arc<SessionPool>,
    id: Vec<u8>,
    kind: KeyKind,
    spki: Vec<u8>,
    handle: Mutex<Option<(u64, ObjectHandle)>>,
}

impl DeviceKey {
    pub(super) fn new(pool: Arc<SessionPool>, id: Vec<u8>, kind: KeyKind, spki: Vec<u8>) -> Self {
        Self { pool, id, kind, spki, handle: Mutex::new(None) }
    }

    fn handle(&self, session: &Session) -> cryptoki::error::Result<ObjectHandle> {
        let generation = self.pool.generation();
        let known = *self.handle.lock();
        if let Some((_, handle)) = known.filter(|(at, _)| *at == generation) {
            return Ok(handle);
        }
        let handle = objects::private_key(session, &self.id)?;
        *self.handle.lock() = Some((generation, handle));
        Ok(handle)
    }

    fn sign_with(&self, mechanism: &Mechanism<'_>, data: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signed = self.pool.run_raw(|session| session.sign(mechanism, self.handle(session)?, data));
        signed.map_err(|error| KeyError::Device(error.to_string()))
    }
}

impl SigningKey for DeviceKey {
    fn kind(&self) -> KeyKind {
        self.kind
    }

    fn public_key_der(&self) -> &[u8] {
        &self.spki
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        if algorithm.is_ecdsa() != self.kind.is_ec() {
            return Err(KeyError::Unsupported { algorithm });
        }
        if let Some(mechanism) = rsa_mechanism(algorithm) {
            return self.sign_with(&mechanism, message);
        }
        // Devices differ in what they do with a digest longer than the curve, so it is fitted here.
        let digest = key::ecdsa_digest(self.kind, algorithm, message)?;
        let fixed = self.sign_with(&Mechanism::Ecdsa, digest.as_ref())?;
        key::ecdsa_fixed_to_der(&fixed)
    }
}

fn rsa_mechanism(algorithm: SignatureAlgorithm) -> Option<Mechanism<'static>> {
    let pss = |hash_alg, mgf, digest: DigestKind| PkcsPssParams { hash_alg, mgf, s_len: salt_length(digest) };
    Some(match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => Mechanism::Sha256RsaPkcs,
        SignatureAlgorithm::RsaPkcs1Sha384 => Mechanism::Sha384RsaPkcs,
        SignatureAlgorithm::RsaPkcs1Sha512 => Mechanism::Sha512RsaPkcs,
        SignatureAlgorithm::RsaPssSha256 => {
            Mechanism::Sha256RsaPkcsPss(pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, DigestKind::Sha256))
        }
        SignatureAlgorithm::RsaPssSha384 => {
            Mechanism::Sha384RsaPkcsPss(pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, DigestKind::Sha384))
        }
        SignatureAlgorithm::RsaPssSha512 => {
            Mechanism::Sha512RsaPkcsPss(pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, DigestKind::Sha512))
        }
        SignatureAlgorithm::EcdsaSha256 | SignatureAlgorithm::EcdsaSha384 | SignatureAlgorithm::EcdsaSha512 => {
            return None;
        }
    })
}

fn salt_length(digest: DigestKind) -> cryptoki::types::Ulong {
    match digest {
        DigestKind::Sha256 => 32.into(),
        DigestKind::Sha384 => 48.into(),
        DigestKind::Sha512 => 64.into(),
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}
