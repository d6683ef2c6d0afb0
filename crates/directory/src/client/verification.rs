//! The small package by which anybody can verify a stored message later: which instance, and the shared parameters of each instance.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use jiff::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::disk::INSTANCE_FILE;
use crate::model::global_conf::{BuildError, GlobalConf, InstanceParts};
use crate::model::shared_params;
use crate::model::xml::XmlError;

/// The most bytes one entry may unpack to.
const MAX_ENTRY: u64 = 512 << 20;
/// The most instances in one package.
const MAX_INSTANCES: usize = 64;
const SHARED: &str = "shared-params.xml";

/// Why a package cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum VerificationConfError {
    /// The archive or a file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The archive is damaged.
    #[error("the archive is damaged: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// A file is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// An entry unpacks to more than is reasonable.
    #[error("{0} is too large")]
    TooLarge(String),
    /// Shared parameters cannot be read.
    #[error("{instance}: {reason}")]
    Content {
        /// Of which instance.
        instance: String,
        /// Why.
        reason: XmlError,
    },
    /// They do not fit together.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Packs `instance-identifier` and `<INSTANCE>/shared-params.xml` of each instance, the own one first.
///
/// # Errors
/// When the archive cannot be written.
pub fn write_verification_conf(own: &str, shared: &[(&str, &[u8])]) -> Result<Vec<u8>, VerificationConfError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(INSTANCE_FILE, SimpleFileOptions::default())?;
    archive.write_all(own.as_bytes())?;
    for (instance, bytes) in shared {
        archive.start_file(format!("{instance}/{SHARED}"), SimpleFileOptions::default())?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Loads a package: a zip file, or the folder it was unpacked to. It never expires: it tells what counted when a message was made, and
/// the time-stamp of the message tells when that was.
///
/// # Errors
/// When a part is missing or cannot be read.
pub fn load_verification_conf(path: &Path) -> Result<GlobalConf, VerificationConfError> {
    let (own, mut shared) = if path.is_dir() { from_folder(path)? } else { from_zip(&std::fs::read(path)?)? };
    shared.sort_by_key(|(instance, _)| *instance != own);
    if shared.first().is_none_or(|(instance, _)| *instance != own) {
        return Err(VerificationConfError::Missing(format!("{own}/{SHARED}")));
    }
    let mut parts = Vec::with_capacity(shared.len());
    for (instance, bytes) in shared {
        let shared = shared_params::read(&bytes)
            .map_err(|reason| VerificationConfError::Content { instance: instance.clone(), reason })?;
        parts.push(InstanceParts { shared, private: None, expires_at: Timestamp::MAX });
    }
    Ok(GlobalConf::build(parts)?)
}

type Unpacked = (String, Vec<(String, Vec<u8>)>);

fn from_zip(bytes: &[u8]) -> Result<Unpacked, VerificationConfError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    let mut own = None;
    let mut shared = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        // Some packers put everything into one more folder.
        let name = entry.name()?.trim_start_matches("verificationconf/").to_owned();
        if name == INSTANCE_FILE {
            own = Some(String::from_utf8_lossy(&unpack(&mut entry, &name)?).trim().to_owned());
        } else if let Some(instance) = name.strip_suffix(SHARED).and_then(|rest| rest.strip_suffix('/'))
            && shared.len() < MAX_INSTANCES
        {
            shared.push((instance.to_owned(), unpack(&mut entry, &name)?));
        }
    }
    Ok((own.ok_or_else(|| VerificationConfError::Missing(INSTANCE_FILE.to_owned()))?, shared))
}

fn unpack(entry: &mut impl Read, name: &str) -> Result<Vec<u8>, VerificationConfError> {
    let mut bytes = Vec::new();
    let read = entry.take(MAX_ENTRY + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_ENTRY { Err(VerificationConfError::TooLarge(name.to_owned())) } else { Ok(bytes) }
}

fn from_folder(path: &Path) -> Result<Unpacked, VerificationConfError> {
    let own = std::fs::read_to_string(path.join(INSTANCE_FILE))
        .map_err(|_| VerificationConfError::Missing(INSTANCE_FILE.to_owned()))?;
    let mut shared = Vec::new();
    for entry in std::fs::read_dir(path)?.take(MAX_INSTANCES) {
        let folder = entry?.path();
        let file = folder.join(SHARED);
        if file.is_file() {
            let instance = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            shared.push((instance, std::fs::read(&file)?));
        }
    }
    Ok((own.trim().to_owned(), shared))
}
