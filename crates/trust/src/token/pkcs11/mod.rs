//! A token on a PKCS#11 device (HSM, smart card, SoftHSM). The private keys never leave it.
//!
//! A key pair and its certificates share one `CKA_ID`. PKCS#11 has no place for the purpose of a key, so it stands before the
//! label: `auth/…` or `sign/…`.

mod key;
mod objects;
mod session;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{KeyId, KeyInfo, KeyPurpose, Pin, Token, TokenError};
use crate::Certificate;
use crate::key::{KeyKind, SigningKey};
use key::DeviceKey;
use session::SessionPool;

/// Which slot of the module holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotSelector {
    /// The token with this label.
    Label(String),
    /// The token with this serial number.
    Serial(String),
    /// The slot with this number.
    Slot(u64),
}

/// Where the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkcs11Config {
    /// The module: a shared library such as `/usr/lib/softhsm/libsofthsm2.so`.
    pub module: PathBuf,
    /// Which of its slots.
    pub slot: SlotSelector,
}

/// A device, logged in. A lost session (device reset, login lost) is opened and logged in again once per call.
pub struct Pkcs11Token {
    label: String,
    pool: Arc<SessionPool>,
}

impl Pkcs11Token {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// [`TokenError::NotFound`], [`TokenError::WrongPin`], [`TokenError::PinLocked`] or [`TokenError::Device`].
    pub fn open(config: &Pkcs11Config, pin: &Pin) -> Result<Self, TokenError> {
        let (label, pool) = SessionPool::open(config, pin)?;
        Ok(Self { label, pool: Arc::new(pool) })
    }
}

impl Token for Pkcs11Token {
    fn label(&self) -> &str {
        &self.label
    }

    fn keys(&self) -> Result<Vec<KeyInfo>, TokenError> {
        self.pool.run(objects::list)
    }

    fn signing_key(&self, id: &KeyId) -> Result<Arc<dyn SigningKey>, TokenError> {
        let device_id = device_id(id)?;
        let info = self.pool.run(|session| objects::public_part(session, &device_id))?;
        let (kind, spki) = info.ok_or(TokenError::UnknownKey)?;
        Ok(Arc::new(DeviceKey::new(self.pool.clone(), device_id, kind, spki)))
    }

    fn generate(&self, label: &str, kind: KeyKind, purpose: KeyPurpose) -> Result<KeyInfo, TokenError> {
        let id = KeyId::generate();
        let device_id = device_id(&id)?;
        let device_label = format!("{}/{label}", purpose.as_str());
        let made = self.pool.run(|session| {
            objects::generate(session, &device_id, &device_label, kind)?;
            objects::public_part(session, &device_id)
        })?;
        let (kind, public_key_der) = made.ok_or_else(|| TokenError::Device("the new key cannot be read".to_owned()))?;
        Ok(KeyInfo {
            id,
            label: label.to_owned(),
            kind,
            purpose: Some(purpose),
            public_key_der,
            certificates: Vec::new(),
        })
    }

    fn add_certificate(&self, id: &KeyId, certificate: &Certificate) -> Result<(), TokenError> {
        let device_id = device_id(id)?;
        let (_, spki) =
            self.pool.run(|session| objects::public_part(session, &device_id))?.ok_or(TokenError::UnknownKey)?;
        if certificate.public_key_der() != spki {
            return Err(TokenError::OtherKey);
        }
        self.pool.run(|session| objects::store_certificate(session, &device_id, certificate))
    }

    fn remove_certificate(&self, id: &KeyId, sha256: &[u8; 32]) -> Result<(), TokenError> {
        let device_id = device_id(id)?;
        self.pool.run(|session| objects::remove_certificate(session, &device_id, sha256))
    }

    fn delete(&self, id: &KeyId) -> Result<(), TokenError> {
        let device_id = device_id(id)?;
        if self.pool.run(|session| objects::delete(session, &device_id))? == 0 {
            return Err(TokenError::UnknownKey);
        }
        Ok(())
    }

    fn change_pin(&self, old: &Pin, new: &Pin) -> Result<(), TokenError> {
        new.check_policy()?;
        self.pool.change_pin(old, new)
    }
}

/// The `CKA_ID` bytes of an identifier.
fn device_id(id: &KeyId) -> Result<Vec<u8>, TokenError> {
    hex::decode(id.as_str()).map_err(|_| TokenError::UnknownKey)
}

impl fmt::Debug for Pkcs11Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Token").field("label", &self.label).finish_non_exhaustive()
    }
}
