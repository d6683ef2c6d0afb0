//! The token of a role: opened or made, and lent to the central as the vault of its signing keys.

use std::sync::Arc;

use anyhow::Context as _;
use directory::acts::KeyVault;
use trust::key::{KeyError, KeyKind, SigningKey};
use trust::token::pkcs11::{Pkcs11Config, Pkcs11Token, SlotSelector};
use trust::token::{KeyId, KeyPurpose, Pin, SoftwareToken, Token, TokenError};

use crate::config::Pkcs11;
use crate::home::Home;
use crate::out::trouble;

/// Opens the token of a role: the device when one is configured, else the encrypted file.
///
/// # Errors
/// When there is none or the PIN does not open it.
pub fn open(home: &Home, device: Option<&Pkcs11>, pin: &Pin) -> anyhow::Result<Arc<dyn Token>> {
    if let Some(device) = device {
        let config = Pkcs11Config { module: device.module.clone(), slot: SlotSelector::Label(device.token.clone()) };
        let name = &device.token;
        let opened = Pkcs11Token::open(&config, pin);
        let trouble = || trouble!("Không mở được thiết bị khóa {name}", "Cannot open the key device {name}");
        return Ok(Arc::new(opened.with_context(trouble)?));
    }
    let path = home.token();
    let name = path.display();
    let opened = SoftwareToken::open(&path, pin);
    Ok(Arc::new(opened.with_context(|| trouble!("Không mở được kho khóa {name}", "Cannot open the key store {name}"))?))
}

/// Opens the token, making an empty encrypted file when there is none.
///
/// # Errors
/// As [`open`], and when the file cannot be made.
pub fn open_or_create(home: &Home, device: Option<&Pkcs11>, pin: &Pin) -> anyhow::Result<Arc<dyn Token>> {
    let path = home.token();
    if device.is_none() && !path.exists() {
        let name = path.display();
        let made = SoftwareToken::create(&path, pin);
        made.with_context(|| trouble!("Không tạo được kho khóa {name}", "Cannot make the key store {name}"))?;
    }
    open(home, device, pin)
}

/// A token as the vault of configuration signing keys.
#[derive(Debug)]
pub struct Vault {
    /// Where the keys are.
    pub token: Arc<dyn Token>,
    /// What kind of key to make.
    pub kind: KeyKind,
}

impl KeyVault for Vault {
    fn generate(&self, label: &str) -> Result<(String, Arc<dyn SigningKey>), KeyError> {
        let info = self.token.generate(label, self.kind, KeyPurpose::Sign).map_err(device)?;
        let key = self.token.signing_key(&info.id).map_err(device)?;
        Ok((info.id.as_str().to_owned(), key))
    }

    fn find(&self, key_ref: &str) -> Option<Arc<dyn SigningKey>> {
        match self.token.signing_key(&KeyId::new(key_ref)) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::warn!(%error, "the token does not give the signing key");
                None
            }
        }
    }

    fn delete(&self, key_ref: &str) -> Result<(), KeyError> {
        self.token.delete(&KeyId::new(key_ref)).map_err(device)
    }
}

fn device(error: TokenError) -> KeyError {
    match error {
        TokenError::Key(error) => error,
        other => KeyError::Device(other.to_string()),
    }
}
