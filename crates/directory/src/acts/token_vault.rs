//! The keys of the configuration in a token of `trust`: a sealed file, or a PKCS#11 device.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use trust::key::{KeyError, KeyKind, SigningKey};
use trust::token::{KeyId, KeyPurpose, Token, TokenError};

use super::KeyVault;

/// A token as a [`KeyVault`].
#[derive(Debug)]
pub struct TokenVault {
    token: Arc<dyn Token>,
    kind: KeyKind,
    /// Keys ready to sign: looking one up in a device is slow.
    ready: Mutex<HashMap<String, Arc<dyn SigningKey>>>,
}

impl TokenVault {
    /// A vault over an unlocked token; new keys are of `kind`. Deployed peers verify RSA only: take an RSA kind where they take part.
    #[must_use]
    pub fn new(token: Arc<dyn Token>, kind: KeyKind) -> Self {
        Self { token, kind, ready: Mutex::default() }
    }
}

impl KeyVault for TokenVault {
    fn generate(&self, label: &str) -> Result<(String, Arc<dyn SigningKey>), KeyError> {
        let made = self.token.generate(label, self.kind, KeyPurpose::Sign).map_err(refused)?;
        let key = self.token.signing_key(&made.id).map_err(refused)?;
        Ok((made.id.as_str().to_owned(), key))
    }

    fn find(&self, key_ref: &str) -> Option<Arc<dyn SigningKey>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = ready.get(key_ref) {
            return Some(key.clone());
        }
        match self.token.signing_key(&KeyId::new(key_ref)) {
            Ok(key) => {
                ready.insert(key_ref.to_owned(), key.clone());
                Some(key)
            }
            Err(error) => {
                tracing::warn!(error.reason = %error, "a signing key of the configuration is not in the token");
                None
            }
        }
    }

    fn delete(&self, key_ref: &str) -> Result<(), KeyError> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(key_ref);
        self.token.delete(&KeyId::new(key_ref)).map_err(refused)
    }
}

fn refused(error: TokenError) -> KeyError {
    match error {
        TokenError::Key(error) => error,
        other => KeyError::Device(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use trust::token::{Pin, SoftwareToken};

    use super::*;

    #[test]
    fn a_key_is_found_again_until_it_is_deleted() {
        let folder = testkit::tempdir();
        let pin = Pin::new("Khoá-2026-cấu-hình".to_owned());
        let path = folder.path().join("token");
        let vault = TokenVault::new(Arc::new(SoftwareToken::create(&path, &pin).unwrap()), KeyKind::EcP256);
        let (key_ref, made) = vault.generate("internal").unwrap();
        let reopened = TokenVault::new(Arc::new(SoftwareToken::open(&path, &pin).unwrap()), KeyKind::EcP256);
        let found = reopened.find(&key_ref).unwrap();
        assert_eq!(found.public_key_der(), made.public_key_der());
        reopened.delete(&key_ref).unwrap();
        assert!(reopened.find(&key_ref).is_none());
    }
}
