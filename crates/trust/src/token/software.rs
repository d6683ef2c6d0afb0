//! The software token: keys and certificates in one encrypted file, replaced as a whole at every change.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed::SealingKey;
use super::{KeyId, KeyInfo, KeyPurpose, Pin, Token, TokenError};
use crate::key::{KeyKind, SigningKey, SoftwareKey};
use crate::{Certificate, files};

/// A token in a file, opened with its PIN. Keys are parsed once, when it is opened.
///
/// Several processes may open one file: each change is made on the newest content under a lock. A process that only reads sees the
/// changes of others after [`SoftwareToken::reload`].
pub struct SoftwareToken {
    path: PathBuf,
    label: String,
    state: Mutex<State>,
}

struct State {
    sealing: SealingKey,
    keys: Vec<Stored>,
}

/// A key as it is held in memory.
#[derive(Clone)]
struct Stored {
    id: KeyId,
    label: String,
    purpose: KeyPurpose,
    key: Arc<SoftwareKey>,
    certificates: Vec<Certificate>,
}

/// The content of the file before sealing. Texts are borrowed when reading, so that the only copy is wiped with its buffer.
#[derive(Serialize, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    keys: Vec<ContentKey<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ContentKey<'a> {
    id: KeyId,
    label: String,
    purpose: KeyPurpose,
    /// Base64 of PKCS#8.
    private: &'a str,
    /// Base64 of DER.
    certificates: Vec<String>,
}

impl SoftwareToken {
    /// Makes an empty token in a new file; its name is the name of the file without extension.
    ///
    /// # Errors
    /// [`TokenError::WeakPin`], [`TokenError::Exists`] or [`TokenError::Io`].
    pub fn create(path: &Path, pin: &Pin) -> Result<Self, TokenError> {
        pin.check_policy()?;
        let _lock = lock(path)?;
        if path.exists() {
            return Err(TokenError::Exists);
        }
        let sealing = SealingKey::new(pin)?;
        files::replace(path, &sealing.seal(encode(&[])?)?)?;
        Ok(Self::assemble(path, sealing, Vec::new()))
    }

    /// Opens a token.
    ///
    /// # Errors
    /// [`TokenError::NotFound`], [`TokenError::WrongPin`], [`TokenError::Damaged`] or [`TokenError::Io`].
    pub fn open(path: &Path, pin: &Pin) -> Result<Self, TokenError> {
        let (sealing, content) = SealingKey::open(&read(path)?, pin)?;
        let keys = decode(&content)?;
        Ok(Self::assemble(path, sealing, keys))
    }

    fn assemble(path: &Path, sealing: SealingKey, keys: Vec<Stored>) -> Self {
        let label = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { path: path.to_owned(), label, state: Mutex::new(State { sealing, keys }) }
    }

    /// Reads the file again, for changes made by another process.
    ///
    /// # Errors
    /// [`TokenError::WrongPin`] if the PIN was changed meanwhile, otherwise as [`SoftwareToken::open`].
    pub fn reload(&self) -> Result<(), TokenError> {
        let mut state = self.state.lock();
        let content = state.sealing.reopen(&read(&self.path)?)?;
        state.keys = decode(&content)?;
        Ok(())
    }

    /// Takes in a key made elsewhere (a migration).
    ///
    /// # Errors
    /// As [`Token::generate`].
    pub fn import(&self, label: &str, key: SoftwareKey, purpose: KeyPurpose) -> Result<KeyInfo, TokenError> {
        let id = KeyId::generate();
        let stored = Stored { id, label: label.to_owned(), purpose, key: Arc::new(key), certificates: Vec::new() };
        let info = stored.info();
        self.change(|keys| {
            keys.push(stored);
            Ok(())
        })?;
        Ok(info)
    }

    /// Changes the newest content of the file; memory follows only when the disk has it.
    fn change(&self, act: impl FnOnce(&mut Vec<Stored>) -> Result<(), TokenError>) -> Result<(), TokenError> {
        let mut state = self.state.lock();
        let _lock = lock(&self.path)?;
        let content = state.sealing.reopen(&read(&self.path)?)?;
        let mut keys = decode(&content)?;
        act(&mut keys)?;
        files::replace(&self.path, &state.sealing.seal(encode(&keys)?)?)?;
        state.keys = keys;
        Ok(())
    }
}

impl Token for SoftwareToken {
    fn label(&self) -> &str {
        &self.label
    }

    fn keys(&self) -> Result<Vec<KeyInfo>, TokenError> {
        Ok(self.state.lock().keys.iter().map(Stored::info).collect())
    }

    fn signing_key(&self, id: &KeyId) -> Result<Arc<dyn SigningKey>, TokenError> {
        let state = self.state.lock();
        let stored = state.keys.iter().find(|stored| stored.id == *id).ok_or(TokenError::UnknownKey)?;
        Ok(stored.key.clone())
    }

    fn generate(&self, label: &str, kind: KeyKind, purpose: KeyPurpose) -> Result<KeyInfo, TokenError> {
        self.import(label, SoftwareKey::generate(kind)?, purpose)
    }

    fn add_certificate(&self, id: &KeyId, certificate: &Certificate) -> Result<(), TokenError> {
        self.change(|keys| {
            let stored = find(keys, id)?;
            if certificate.public_key_der() != stored.key.public_key_der() {
                return Err(TokenError::OtherKey);
            }
            if !stored.certificates.contains(certificate) {
                stored.certificates.push(certificate.clone());
            }
            Ok(())
        })
    }

    fn remove_certificate(&self, id: &KeyId, sha256: &[u8; 32]) -> Result<(), TokenError> {
        self.change(|keys| {
            find(keys, id)?.certificates.retain(|certificate| certificate.sha256() != sha256);
            Ok(())
        })
    }

    fn delete(&self, id: &KeyId) -> Result<(), TokenError> {
        self.change(|keys| {
            find(keys, id)?;
            keys.retain(|stored| stored.id != *id);
            Ok(())
        })
    }

    fn change_pin(&self, old: &Pin, new: &Pin) -> Result<(), TokenError> {
        new.check_policy()?;
        let mut state = self.state.lock();
        let _lock = lock(&self.path)?;
        if !state.sealing.is_made_of(old)? {
            return Err(TokenError::WrongPin);
        }
        let content = state.sealing.reopen(&read(&self.path)?)?;
        let keys = decode(&content)?;
        let sealing = SealingKey::new(new)?;
        files::replace(&self.path, &sealing.seal(content)?)?;
        *state = State { sealing, keys };
        Ok(())
    }
}

impl Stored {
    fn info(&self) -> KeyInfo {
        KeyInfo {
            id: self.id.clone(),
            label: self.label.clone(),
            kind: self.key.kind(),
            purpose: Some(self.purpose),
            public_key_der: self.key.public_key_der().to_vec(),
            certificates: self.certificates.clone(),
        }
    }
}

fn find<'a>(keys: &'a mut [Stored], id: &KeyId) -> Result<&'a mut Stored, TokenError> {
    keys.iter_mut().find(|stored| stored.id == *id).ok_or(TokenError::UnknownKey)
}

fn read(path: &Path) -> Result<Vec<u8>, TokenError> {
    std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => TokenError::NotFound,
        _ => TokenError::Io(error),
    })
}

/// Holds other processes off while the file is changed. The lock lies beside the file, because the file itself is replaced.
fn lock(path: &Path) -> Result<File, TokenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(name)?;
    file.lock()?;
    Ok(file)
}

fn encode(keys: &[Stored]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    let mut privates = Vec::with_capacity(keys.len());
    for stored in keys {
        privates.push(Zeroizing::new(STANDARD.encode(&*stored.key.to_pkcs8()?)));
    }
    let list = keys.iter().zip(&privates).map(|(stored, private)| ContentKey {
        id: stored.id.clone(),
        label: stored.label.clone(),
        purpose: stored.purpose,
        private: private.as_str(),
        certificates: stored.certificates.iter().map(|certificate| STANDARD.encode(certificate.der())).collect(),
    });
    let content = Content { keys: list.collect() };
    // Written twice: first only counted, so that the buffer never grows and leaves copies of keys behind.
    let mut size = Count(0);
    serde_json::to_writer(&mut size, &content).map_err(|_| TokenError::Damaged)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.0 + 16));
    serde_json::to_writer(&mut *bytes, &content).map_err(|_| TokenError::Damaged)?;
    Ok(bytes)
}

/// A writer that only counts.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn decode(content: &[u8]) -> Result<Vec<Stored>, TokenError> {
    let content: Content<'_> = serde_json::from_slice(content).map_err(|_| TokenError::Damaged)?;
    let damaged = |_| TokenError::Damaged;
    content
        .keys
        .into_iter()
        .map(|key| {
            let private = Zeroizing::new(STANDARD.decode(key.private).map_err(|_| TokenError::Damaged)?);
            let certificates = key.certificates.iter().map(|text| {
                let der = STANDARD.decode(text).map_err(|_| TokenError::Damaged)?;
                Certificate::from_der(&der).map_err(damaged)
            });
            Ok(Stored {
                certificates: certificates.collect::<Result<_, _>>()?,
                key: Arc::new(SoftwareKey::from_pkcs8(&private)?),
                id: key.id,
                label: key.label,
                purpose: key.purpose,
            })
        })
        .collect()
}

impl fmt::Debug for SoftwareToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareToken").field("label", &self.label).finish_non_exhaustive()
    }
}
