//! The sealed file of a software token: argon2id makes a key of the PIN, AES-256-GCM seals the content under it.
//!
//! The header (format, parameters, salt) is authenticated with the content, so that weakening the parameters in the file is
//! noticed like any other change.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Pin, TokenError};
use crate::key::KeyError;

/// How the key is made of the PIN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: u32,
    /// Memory in KiB.
    memory: u32,
    iterations: u32,
    /// Base64.
    salt: String,
}

/// Memory for new files, in KiB: 64 MiB, the second choice of RFC 9106 §4.
const MEMORY: u32 = 64 * 1024;
const ITERATIONS: u32 = 3;

/// Bounds for files from elsewhere, so that opening one cannot exhaust the machine: 1 GiB, 16 rounds.
const MAX_MEMORY: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 16;

#[derive(Serialize, Deserialize)]
struct SealedFile {
    #[serde(flatten)]
    header: Header,
    /// Base64.
    nonce: String,
    /// Base64, with the tag at the end.
    content: String,
}

/// A key made of a PIN, with the header that tells how. Wiped when dropped.
pub(super) struct SealingKey {
    header: Header,
    key: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    /// A key for a new file or a new PIN, with a fresh salt.
    pub(super) fn new(pin: &Pin) -> Result<Self, TokenError> {
        let mut salt = [0_u8; 16];
        OsRng.try_fill_bytes(&mut salt).map_err(|_| KeyError::Refused)?;
        let header = Header { format: 1, memory: MEMORY, iterations: ITERATIONS, salt: STANDARD.encode(salt) };
        Self::derive(header, pin)
    }

    fn derive(header: Header, pin: &Pin) -> Result<Self, TokenError> {
        if header.format != 1 || header.memory > MAX_MEMORY || header.iterations > MAX_ITERATIONS {
            return Err(TokenError::Damaged);
        }
        let salt = STANDARD.decode(&header.salt).map_err(|_| TokenError::Damaged)?;
        let params = Params::new(header.memory, header.iterations, 1, Some(32)).map_err(|_| TokenError::Damaged)?;
        let mut key = Zeroizing::new([0_u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(pin.reveal().as_bytes(), &salt, key.as_mut())
            .map_err(|_| TokenError::Damaged)?;
        Ok(Self { header, key })
    }

    /// Whether `pin` makes this key.
    pub(super) fn is_made_of(&self, pin: &Pin) -> Result<bool, TokenError> {
        let other = Self::derive(self.header.clone(), pin)?;
        Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&*self.key, &*other.key).is_ok())
    }

    /// The bytes of a file that holds `content`, which is wiped.
    pub(super) fn seal(&self, mut content: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, TokenError> {
        let aad = Aad::from(self.associated_data()?);
        // Encrypted in place and with room for the tag, so that no copy of the plain text stays behind.
        content.reserve_exact(AES_256_GCM.tag_len());
        let nonce = self.cipher()?.seal_in_place_append_tag(aad, &mut *content).map_err(|_| KeyError::Refused)?;
        let file = SealedFile {
            header: self.header.clone(),
            nonce: STANDARD.encode(nonce.as_ref()),
            content: STANDARD.encode(&*content),
        };
        serde_json::to_vec_pretty(&file).map_err(|_| TokenError::Damaged)
    }

    /// Opens a file with the PIN.
    pub(super) fn open(file: &[u8], pin: &Pin) -> Result<(Self, Zeroizing<Vec<u8>>), TokenError> {
        let file: SealedFile = serde_json::from_slice(file).map_err(|_| TokenError::Damaged)?;
        let key = Self::derive(file.header.clone(), pin)?;
        let content = key.unseal(&file)?;
        Ok((key, content))
    }

    /// Opens a file with a key made before; [`TokenError::WrongPin`] if the PIN was changed meanwhile.
    pub(super) fn reopen(&self, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let file: SealedFile = serde_json::from_slice(file).map_err(|_| TokenError::Damaged)?;
        if file.header != self.header {
            return Err(TokenError::WrongPin);
        }
        self.unseal(&file)
    }

    fn unseal(&self, file: &SealedFile) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let nonce = STANDARD.decode(&file.nonce).map_err(|_| TokenError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| TokenError::Damaged)?;
        let mut content = Zeroizing::new(STANDARD.decode(&file.content).map_err(|_| TokenError::Damaged)?);
        let aad = Aad::from(self.associated_data()?);
        let plain = self.cipher()?.open_in_place(nonce, aad, &mut content).map_err(|_| TokenError::WrongPin)?.len();
        content[plain..].zeroize();
        content.truncate(plain);
        Ok(content)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, TokenError> {
        Ok(RandomizedNonceKey::new(&AES_256_GCM, &*self.key).map_err(|_| KeyError::Refused)?)
    }

    fn associated_data(&self) -> Result<Vec<u8>, TokenError> {
        serde_json::to_vec(&self.header).map_err(|_| TokenError::Damaged)
    }
}
