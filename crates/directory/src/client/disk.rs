//! The copy of the configuration on disk: `<folder>/<INSTANCE>/shared-params.xml` with `.metadata` beside it, and
//! `<folder>/instance-identifier`. Each file is replaced by renaming, so that a crash leaves the old or the new one, never a half.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::global_conf::InstanceParts;
use crate::model::private_params;
use crate::model::shared_params;
use crate::model::signed_directory::{HashAlgorithm, PRIVATE_PARAMETERS, SHARED_PARAMETERS};
use crate::model::xml::XmlError;

/// Name of the file that says which instance is the own one.
pub const INSTANCE_FILE: &str = "instance-identifier";

/// Why the copy cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The metadata is not what was written.
    #[error("{0} is not readable as metadata")]
    Metadata(PathBuf),
    /// The bytes are not those the metadata describes: a crash between two files, or tampering.
    #[error("{0} does not match its metadata")]
    Mismatch(PathBuf),
    /// The content cannot be read.
    #[error("{path}: {source}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: XmlError,
    },
    /// An instance identifier that cannot be the name of a folder.
    #[error("instance identifier {0:?} cannot be the name of a folder")]
    Name(String),
}

/// What stands in a `.metadata` file. The last three are ours: other programs ignore them, and need not write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Content identifier.
    pub content_identifier: String,
    /// Instance.
    pub instance_identifier: String,
    /// When the file ceases to count.
    pub expiration_date: Timestamp,
    /// Version of the configuration.
    #[serde(deserialize_with = "number_or_text")]
    pub configuration_version: u32,
    /// Digest as in the signed directory, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Algorithm of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm_id: Option<String>,
    /// Where it was downloaded from: tells older generations from newer ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_location: Option<String>,
}

/// Some writers give the version as text.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// One file of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// What is said of it.
    pub metadata: Metadata,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The copy of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInstance {
    /// Shared parameters.
    pub shared: StoredFile,
    /// Private parameters; only of the own instance.
    pub private: Option<StoredFile>,
}

impl StoredInstance {
    /// Reads the content.
    ///
    /// # Errors
    /// When a file cannot be read as what it should be.
    pub fn parts(&self) -> Result<InstanceParts, XmlError> {
        let private = self.private.as_ref().map(|file| private_params::read(&file.bytes)).transpose()?;
        Ok(InstanceParts { shared: shared_params::read(&self.shared.bytes)?, private, expires_at: self.expires_at() })
    }

    /// When the copy ceases to count: with the first of its files.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let shared = self.shared.metadata.expiration_date;
        self.private.as_ref().map_or(shared, |file| shared.min(file.metadata.expiration_date))
    }
}

/// The folder of the copy.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A folder, made when it is needed.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The copy of an instance; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or a file is not the one its metadata describes.
    pub fn load(&self, instance: &str) -> Result<Option<StoredInstance>, DiskError> {
        let folder = self.instance_folder(instance)?;
        let Some(shared) = load_file(&folder, SHARED_PARAMETERS)? else { return Ok(None) };
        Ok(Some(StoredInstance { shared, private: load_file(&folder, PRIVATE_PARAMETERS)? }))
    }

    /// Replaces the copy of an instance. `content` says whether more than the metadata changed since it was last saved: most rounds
    /// only bring a later expiry.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn save(&self, instance: &str, stored: &StoredInstance, content: bool) -> Result<(), DiskError> {
        let folder = self.instance_folder(instance)?;
        std::fs::create_dir_all(&folder).map_err(|source| DiskError::Io { path: folder.clone(), source })?;
        for file in std::iter::once(&stored.shared).chain(&stored.private) {
            let name = file_name(&file.metadata.content_identifier);
            if content {
                replace(&folder.join(name), &file.bytes)?;
            }
            let metadata = serde_json::to_vec(&file.metadata).unwrap_or_default();
            replace(&folder.join(format!("{name}.metadata")), &metadata)?;
        }
        Ok(())
    }

    /// Says which instance is the own one.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn save_own_instance(&self, instance: &str) -> Result<(), DiskError> {
        std::fs::create_dir_all(&self.0).map_err(|source| DiskError::Io { path: self.0.clone(), source })?;
        replace(&self.0.join(INSTANCE_FILE), instance.as_bytes())
    }

    /// The identifier becomes the name of a folder: nothing that leads elsewhere.
    fn instance_folder(&self, instance: &str) -> Result<PathBuf, DiskError> {
        let safe = !instance.is_empty()
            && !instance.starts_with('.')
            && instance.len() <= 200
            && !instance.chars().any(|c| c.is_control() || "/\\:".contains(c));
        if safe { Ok(self.0.join(instance)) } else { Err(DiskError::Name(instance.to_owned())) }
    }
}

/// Local name of a content. It never comes from the network.
fn file_name(content: &str) -> &'static str {
    if content == PRIVATE_PARAMETERS { "private-params.xml" } else { "shared-params.xml" }
}

fn load_file(folder: &Path, content: &str) -> Result<Option<StoredFile>, DiskError> {
    let path = folder.join(file_name(content));
    let metadata_path = folder.join(format!("{}.metadata", file_name(content)));
    let (Some(bytes), Some(metadata)) = (read(&path)?, read(&metadata_path)?) else { return Ok(None) };
    let metadata: Metadata =
        serde_json::from_slice(&metadata).map_err(|_| DiskError::Metadata(metadata_path.clone()))?;
    if let (Some(hash), Some(uri)) = (&metadata.hash, &metadata.hash_algorithm_id) {
        let algorithm = HashAlgorithm::from_uri(uri).ok_or(DiskError::Metadata(metadata_path))?;
        if BASE64.encode(algorithm.digest(&bytes)) != *hash {
            return Err(DiskError::Mismatch(path));
        }
    }
    Ok(Some(StoredFile { metadata, bytes: bytes.into() }))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DiskError::Io { path: path.to_owned(), source }),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let failed = |source| DiskError::Io { path: path.to_owned(), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = std::fs::File::create(&beside).map_err(failed)?;
    io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
