//! Where private keys live: an encrypted file, or a PKCS#11 device. Both look the same through [`Token`].

mod pin;
pub mod pkcs11;
mod sealed;
mod software;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use pin::{Pin, PinFault};
pub use software::SoftwareToken;

use crate::Certificate;
use crate::key::{KeyError, KeyKind, SigningKey};

/// What a key is used for in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPurpose {
    /// TLS authentication of the gateway.
    Auth,
    /// Signing messages of a member.
    Sign,
}

impl KeyPurpose {
    /// Stable name: `auth` or `sign`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Sign => "sign",
        }
    }
}

/// The identifier of a key within its token: lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// An identifier as shown or stored before.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn generate() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be known of a key without using it.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Its identifier within the token.
    pub id: KeyId,
    /// The name a person gave it.
    pub label: String,
    /// What kind of key.
    pub kind: KeyKind,
    /// What for; unknown for keys that others put on a device.
    pub purpose: Option<KeyPurpose>,
    /// The public half (DER `SubjectPublicKeyInfo`).
    pub public_key_der: Vec<u8>,
    /// Certificates for this key; during a renewal there are several.
    pub certificates: Vec<Certificate>,
}

/// A place that holds private keys, unlocked. Operations may wait for a disk or a device: call them off the async threads.
pub trait Token: Send + Sync + fmt::Debug {
    /// The name of the token.
    fn label(&self) -> &str;

    /// All keys.
    ///
    /// # Errors
    /// [`TokenError::Device`].
    fn keys(&self) -> Result<Vec<KeyInfo>, TokenError>;

    /// A key ready to sign. Obtain it once and keep it: signing through it is the fast path.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] or [`TokenError::Device`].
    fn signing_key(&self, id: &KeyId) -> Result<Arc<dyn SigningKey>, TokenError>;

    /// Makes a new key inside the token.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Key`] or [`TokenError::Device`].
    fn generate(&self, label: &str, kind: KeyKind, purpose: KeyPurpose) -> Result<KeyInfo, TokenError>;

    /// Stores a certificate beside its key; storing it again changes nothing.
    ///
    /// # Errors
    /// [`TokenError::OtherKey`] if the certificate is for another key, [`TokenError::UnknownKey`], or as [`Token::generate`].
    fn add_certificate(&self, id: &KeyId, certificate: &Certificate) -> Result<(), TokenError>;

    /// Removes a certificate, named by the SHA-256 of its DER; removing what is not there changes nothing.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`], or as [`Token::generate`].
    fn remove_certificate(&self, id: &KeyId, sha256: &[u8; 32]) -> Result<(), TokenError>;

    /// Deletes a key with its certificates. Handles given out before stop working at the latest when dropped.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`], or as [`Token::generate`].
    fn delete(&self, id: &KeyId) -> Result<(), TokenError>;

    /// Changes the PIN.
    ///
    /// # Errors
    /// [`TokenError::WrongPin`], [`TokenError::WeakPin`], or as [`Token::generate`].
    fn change_pin(&self, old: &Pin, new: &Pin) -> Result<(), TokenError>;
}

/// Why a token could not do it. Carries no secret.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The PIN does not open the token (or, for a file, the file was tampered with: the two cannot be told apart).
    #[error("the PIN does not open this token")]
    WrongPin,
    /// The device has locked itself after too many wrong PINs.
    #[error("the token is locked after too many wrong PINs")]
    PinLocked,
    /// The new PIN is too easy to guess.
    #[error("the PIN is not acceptable: {0}")]
    WeakPin(#[from] PinFault),
    /// There is a token in this place already.
    #[error("there is a token in this place already")]
    Exists,
    /// There is no token in this place, or no device with this name.
    #[error("there is no such token")]
    NotFound,
    /// The file is not a token of a format we know.
    #[error("the token file is damaged or of an unknown format")]
    Damaged,
    /// The token holds no key with this identifier.
    #[error("the token holds no such key")]
    UnknownKey,
    /// The certificate is for another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// The disk failed.
    #[error("the token file failed: {0}")]
    Io(#[from] std::io::Error),
    /// A key is malformed or could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The device failed.
    #[error("the key device failed: {0}")]
    Device(String),
}
