//! The token of a role: opened or made, and lent to the central as the vault of its signing keys.

use std::sync::Arc;

use anyhow::Context as _;
use directory::{KeyVault, TokenVault};
use trust::key::{KeyError, KeyKind, SigningKey};
use trust::token::pkcs11::{Pkcs11Config, Pkcs11Token, SlotSelector};
use trust::token::{Pin, SoftwareToken, Token};

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

/// The signing keys of a central in its encrypted file. A key made by another process (a command) is found too.
#[derive(Debug)]
pub struct Vault {
    token: Arc<SoftwareToken>,
    keys: TokenVault,
}

impl Vault {
    /// Opens the keys of a central, making an empty file when there is none and `create` says so.
    ///
    /// # Errors
    /// When there is none, it cannot be made, or the PIN does not open it.
    pub fn open(home: &Home, pin: &Pin, kind: KeyKind, create: bool) -> anyhow::Result<Self> {
        let path = home.token();
        let name = path.display();
        let opened =
            if create && !path.exists() { SoftwareToken::create(&path, pin) } else { SoftwareToken::open(&path, pin) };
        let opened =
            opened.with_context(|| trouble!("Không mở được kho khóa {name}", "Cannot open the key store {name}"))?;
        let token = Arc::new(opened);
        Ok(Self { keys: TokenVault::new(token.clone(), kind), token })
    }
}

impl KeyVault for Vault {
    fn generate(&self, label: &str) -> Result<(String, Arc<dyn SigningKey>), KeyError> {
        self.keys.generate(label)
    }

    fn find(&self, key_ref: &str) -> Option<Arc<dyn SigningKey>> {
        let known = self.token.keys().is_ok_and(|keys| keys.iter().any(|key| key.id.as_str() == key_ref));
        if !known && let Err(error) = self.token.reload() {
            tracing::warn!(%error, "the key store cannot be read again");
        }
        self.keys.find(key_ref)
    }

    fn delete(&self, key_ref: &str) -> Result<(), KeyError> {
        self.keys.delete(key_ref)
    }
}
